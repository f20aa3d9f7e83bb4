"""Both networks over sizes, channels and blocks: shapes, range, gradients, scale, slopes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ganbook import networks
from ganbook.games import seeded
from ganbook.networks import (
    ConvDown,
    ConvUp,
    Discriminator,
    Generator,
    Normal,
    ResidualDown,
    ResidualUp,
    as_size,
    initialise,
    levels,
    normalise,
    widths,
)

side = st.integers(8, 72)
size = st.one_of(side, st.tuples(side, side))
some = settings(max_examples=30, deadline=None, derandomize=True)


def gradients(model):
    return [p.grad for p in model.parameters()]


@some
@given(size, st.sampled_from([1, 3, 4]), st.sampled_from([ConvUp, ResidualUp]), st.integers(0, 3))
def test_a_generator_makes_pictures_of_its_size_and_range(size, channels, block, classes):
    with seeded(0):
        G = Generator(size, channels, latent_dim=6, width=2, classes=classes, block=block)
        z, label = torch.randn(3, 6), torch.arange(3) % classes if classes else None
    x = G(z, label)
    assert x.shape == (3, channels, *as_size(size))
    assert x.abs().max() <= 1
    x.square().mean().backward()
    assert all(g is not None and g.isfinite().all() for g in gradients(G))


@some
@given(
    size,
    st.sampled_from([1, 3, 4]),
    st.sampled_from([ConvDown, ResidualDown]),
    st.booleans(),
    st.integers(0, 3),
)
def test_a_discriminator_looks_at_every_pixel(size, channels, block, spectral, classes):
    with seeded(0):
        D = Discriminator(size, channels, width=4, classes=classes, block=block, spectral=spectral)
        x = torch.randn(2, channels, *as_size(size), requires_grad=True)
    scores = D(x, torch.arange(2) % classes if classes else None)
    assert scores.shape == (2, 1)
    scores.sum().backward()
    assert (x.grad.abs().amax((0, 1)) > 0).all()
    assert all(g is not None and g.isfinite().all() for g in gradients(D))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [28, 256, (50, 37), (8, 1024)])
def test_the_sizes_that_people_use(size, channels):
    with seeded(0):
        G, D = Generator(size, channels, 4, width=2), Discriminator(size, channels, width=2)
    with torch.no_grad():
        x = G(torch.randn(2, 4))
        assert x.shape == (2, channels, *as_size(size)) and D(x).shape == (2, 1)


@given(st.integers(8, 1024), st.integers(8, 1024))
def test_the_first_grid_is_small_and_covers_the_picture(height, width):
    depth = levels((height, width))
    grid = [-(-s // 2**depth) for s in (height, width)]
    assert 2 <= min(grid) <= 8 and min(height, width) // 2**depth in range(2, 8)
    assert all(0 <= g * 2**depth - s < 2**depth for g, s in zip(grid, (height, width), strict=True))


@pytest.mark.parametrize(
    "wrong", [7, 1025, (32, 4), 32.5, "32", (32,), (8, 8, 8), None, (8.0, 8), [2000, 8]]
)
def test_a_size_that_is_none_is_refused_in_a_sentence(wrong):
    with pytest.raises(ValueError, match="want"):
        as_size(wrong)


def test_a_size_may_come_from_json_or_numpy():
    import numpy as np

    assert as_size([28, 40]) == (28, 40) and as_size(np.int64(32)) == (32, 32)


def test_widths_double_up_to_the_ceiling():
    assert widths(16, 3) == [16, 32, 64] and widths(4, 6, most=4) == [4, 8, 16, 16, 16, 16]


@pytest.mark.parametrize("block", [ConvUp, ResidualUp])
def test_blocks_double(block):
    assert block(3, 5)(torch.randn(2, 3, 4, 7)).shape == (2, 5, 8, 14)


@pytest.mark.parametrize("block", [ConvDown, ResidualDown])
def test_blocks_halve_and_judge_each_picture_alone(block):
    with seeded(0):
        down, x = block(3, 5), torch.randn(2, 3, 9, 6)
    assert down(x).shape == (2, 5, 4, 3)
    torch.testing.assert_close(down(x)[:1], down(x[:1]))


def test_no_transposed_convolution_paints_a_board():
    for m in Generator(64, block=ConvUp).modules():
        if isinstance(m, nn.ConvTranspose2d):
            assert all(k % s == 0 for k, s in zip(m.kernel_size, m.stride, strict=True))


@pytest.mark.parametrize(
    "layer, fan",
    [
        (nn.Conv2d(8, 4, 3), 72),
        (nn.Linear(50, 40), 50),
        (nn.ConvTranspose2d(16, 8, 4, 2, 1), 16 * 16 / 4),
        (nn.ConvTranspose2d(16, 8, 3), 16 * 9),
    ],
)
def test_weights_start_with_the_variance_that_the_docstring_says(layer, fan):
    for last, gain in ((None, 2), (layer, 1)):
        draws = []
        for s in range(20):
            with seeded(s):
                initialise(layer, last)
            draws.append(layer.weight.detach().flatten())
        assert torch.cat(draws).var().item() == pytest.approx(gain / fan, rel=0.08)
    assert (layer.bias == 0).all()


@pytest.mark.parametrize("size", [16, 64, 128])
@pytest.mark.parametrize("block", [ConvDown, ResidualDown])
def test_scores_start_neither_dead_nor_loud(size, block):
    for s in range(3):
        with seeded(s), torch.no_grad():
            D, smooth = Discriminator(size, 3, block=block), torch.randn(16, 3, 4, 4)
            x = nn.functional.interpolate(smooth, (size, size), mode="bilinear").tanh()
            assert 0.05 < D(x).std() < 5


def test_spectral_norm_is_one_by_another_method_and_bounds_the_slope():
    with seeded(0):
        D = Discriminator(32, 3, classes=4, spectral=True)
        x, label = torch.randn(16, 3, 32, 32), torch.arange(16) % 4
    with torch.no_grad():
        for p in D.parameters():
            p.mul_(30)
        for b in (D.head, D.blocks[0].conv):
            if b.bias is not None:
                b.bias.zero_()
        for _ in range(200):
            D(x, label)
    D.eval()
    layers = [m for m in D.modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.Embedding)]
    assert len(layers) == 5
    for m in layers:
        assert torch.linalg.svdvals(m.weight.detach().flatten(1))[0].item() == pytest.approx(
            1, abs=1e-2
        )
    x.requires_grad_(True)
    (slope,) = torch.autograd.grad(D(x, label).sum(), x)
    bound = 2 * 2 ** levels((32, 32))  # head and embedding add one each
    assert slope.flatten(1).norm(dim=1).max() <= bound


def test_spectral_state_is_saved():
    with seeded(0):
        D, x = normalise(nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 1))), torch.randn(4, 6)
        D(x)
        other = normalise(nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 1)))
    other.load_state_dict(D.state_dict())
    assert torch.equal(D(x), other(x)) and torch.equal(D(x), other(x))


def test_a_class_changes_the_picture_and_moves_the_score_by_an_inner_product():
    with seeded(0):
        G, D = Generator(16, classes=3).eval(), Discriminator(16, classes=3)
        z, x = torch.randn(6, 64), torch.randn(6, 1, 16, 16)
    a, b = torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([1, 2, 0, 2, 0, 1])
    assert ((G(z, a) - G(z, b)).abs().amax((1, 2, 3)) > 1e-3).all()
    moved = (D(x, b) - D(x, a))[:, 0]
    wanted = (D.blocks(x).flatten(1) * (D.embed.weight[b] - D.embed.weight[a])).sum(1)
    torch.testing.assert_close(moved, wanted, atol=1e-5, rtol=1e-4)
    assert (moved.abs() > 1e-4).all()


@pytest.mark.parametrize("make", [Generator, Discriminator])
def test_labels_are_neither_forgotten_nor_ignored(make):
    x = torch.randn(2, 64) if make is Generator else torch.randn(2, 1, 8, 8)
    with pytest.raises(ValueError, match="pass a label"):
        make(8, classes=2)(x)
    with pytest.raises(ValueError, match="leave the labels out"):
        make(8)(x, torch.tensor([0, 1]))


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match="29x28 met where 28x28 is wanted"):
        Discriminator(28)(torch.randn(1, 1, 29, 28))


def test_noise_is_standard_normal_and_addressed_by_the_seed():
    noise = Normal(7)
    with seeded(5):
        a = noise(4000)
    with seeded(5):
        b = noise(4000)
    assert torch.equal(a, b) and a.shape == (4000, 7)
    assert abs(a.mean()) < 0.02 and a.std().item() == pytest.approx(1, abs=0.02)


def test_everything_exported_is_documented():
    for name in networks.__all__:
        assert getattr(networks, name).__doc__, name
