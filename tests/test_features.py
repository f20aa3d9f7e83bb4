"Features: what a reader would find dull, and what must hold all the same."

import hashlib
import math
from pathlib import Path

import pytest
import torch

from ganbook import features
from ganbook.datasets import path
from ganbook.features import (
    ENCODERS,
    Encoder,
    edges,
    extract,
    histogram,
    hog,
    load_encoder,
    nearest,
    prepare,
    train_classifier,
)


def pictures(
    n: int = 6, channels: int = 1, height: int = 32, width: int = 32, seed: int = 0
) -> torch.Tensor:
    return (
        torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(seed)) * 2
        - 1
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_the_shipped_file_has_its_checksum_and_is_small(channels):
    name, wanted = ENCODERS[channels]
    content = Path(path(name)).read_bytes()
    assert hashlib.sha256(content).hexdigest() == wanted
    assert len(content) <= 1_000_000


def test_a_changed_file_is_refused(monkeypatch, tmp_path):
    content = bytearray(Path(path(ENCODERS[1][0])).read_bytes())
    content[-1] ^= 1
    (tmp_path / "changed.safetensors").write_bytes(content)
    monkeypatch.setattr(features, "path", lambda name: tmp_path / "changed.safetensors")
    with pytest.raises(ValueError, match="checksum"):
        load_encoder(1)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (28, 28), (64, 48), (7, 130)])
def test_any_size_and_number_of_channels(channels, size):
    found = extract(pictures(3, channels, *size))
    assert found.shape == (3, 64) and found.isfinite().all() and found.dtype == torch.float32


@pytest.mark.parametrize("channels", [1, 3])
def test_features_of_the_books_own_sets_lie_in_range(channels):
    from ganbook.datasets import load_set

    found = extract(load_set("glyphs" if channels == 1 else "shapes").images[::20])
    assert 0.2 < found.var(0).mean() < 5 and found.abs().max() < 50


def test_equal_pictures_give_equal_features_whatever_is_in_the_batch():
    x, encoder = pictures(9), load_encoder(1)
    whole = extract(x, encoder)
    assert torch.equal(whole, extract(x, load_encoder(1)))
    for size in (1, 2, 5):
        assert torch.allclose(whole, extract(x, encoder, batch_size=size), atol=1e-4)
    assert torch.allclose(extract(x.flip(0), encoder).flip(0), whole, atol=1e-4)


def test_alpha_is_laid_over_white():
    x = pictures(4, 4)
    x[:, 3] = -1
    white = extract(torch.ones(1, 3, 32, 32))
    assert torch.allclose(extract(x), white.expand(4, -1), atol=1e-4)
    x[:, 3] = 1
    assert torch.allclose(extract(x), extract(x[:, :3]), atol=1e-4)


def test_grey_encoder_reads_colour_when_told_to():
    grey = pictures(4)
    assert torch.allclose(
        extract(grey.repeat(1, 3, 1, 1), load_encoder(1)), extract(grey), atol=1e-3
    )


@pytest.mark.parametrize(
    "bad, reason",
    [
        (torch.zeros(3, 32, 32), "shape"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "from_array"),
        (torch.full((1, 1, 8, 8), 2.0), "reach 2"),
        (torch.full((1, 1, 8, 8), math.nan), "finite"),
        (torch.full((1, 1, 8, 8), math.inf), "finite"),
        (torch.zeros(1, 2, 8, 8), "channels"),
    ],
)
def test_bad_pictures_are_refused_with_a_reason(bad, reason):
    with pytest.raises(ValueError, match=reason):
        extract(bad)


def test_no_pictures_no_features():
    assert extract(torch.zeros(0, 1, 32, 32)).shape == (0, 64)


def test_gradients_reach_the_picture():
    x = pictures(2).requires_grad_()
    load_encoder(1)(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None and not p.requires_grad for p in load_encoder(1).parameters())


def test_prepare_averages_instead_of_sampling():
    board = ((torch.arange(128)[:, None] + torch.arange(128)) % 2 * 2.0 - 1)[None, None]
    assert prepare(board, 1)[..., 1:-1, 1:-1].abs().max() < 0.02


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_features_by_hand_have_their_shapes(channels):
    x = pictures(5, channels, 40, 24)
    assert edges(x).shape == (5, 2, 40, 24)
    assert histogram(x, 10).shape == (5, 10 * channels)
    assert torch.allclose(histogram(x, 10).sum(1), torch.full((5,), float(channels)))
    assert hog(x).shape == (5, 9 * 5 * 3) and hog(x).min() >= 0


def test_nearest_agrees_with_a_plain_search():
    q, r = torch.randn(301, 5, generator=torch.Generator().manual_seed(0)), torch.randn(40, 5)
    distances, indices = nearest(q, r, k=4)
    plain = (q[:, None] - r).norm(dim=2).topk(4, largest=False)
    assert torch.allclose(distances, plain.values, atol=1e-5) and torch.equal(
        indices, plain.indices
    )
    far = q + 1000
    assert torch.equal(nearest(far, far)[0], torch.zeros(301, 1))
    with pytest.raises(ValueError, match="k is 41"):
        nearest(q, r, k=41)


def bars(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    "Lying or standing bars at random places: easy, but not for a mean."
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (n,), generator=generator)
    images = -torch.ones(n, 1, 16, 16)
    for image, label, at in zip(
        images, labels, torch.randint(2, 13, (n,), generator=generator).tolist(), strict=True
    ):
        (image[0, at : at + 2] if label else image[0, :, at : at + 2]).fill_(1)
    return images, labels


@pytest.mark.parametrize("frozen", [False, True])
def test_a_classifier_learns_is_seeded_and_leaves_the_callers_randomness_alone(frozen):
    train, test = bars(200, 0), bars(100, 1)
    encoder = load_encoder(1) if frozen else None
    before = torch.get_rng_state()
    first = train_classifier(*train, steps=30, seed=3, encoder=encoder)
    assert torch.equal(before, torch.get_rng_state())
    assert first.accuracy(*test) > 0.95
    again = train_classifier(*train, steps=30, seed=3, encoder=encoder)
    assert torch.equal(first.logits(test[0]), again.logits(test[0]))
    assert not any(p.requires_grad for p in first.parameters()) and not first.training
    if frozen:
        assert all(
            torch.equal(a, b)
            for a, b in zip(first.encoder.parameters(), load_encoder(1).parameters(), strict=True)
        )


@pytest.mark.parametrize("labels", [torch.zeros(3), torch.zeros(4, 2), torch.tensor([0, 1, -1, 0])])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(ValueError, match="whole"):
        train_classifier(pictures(4), labels, steps=1)


def test_an_encoder_of_ones_own_needs_no_file():
    assert Encoder(3, dim=10, width=8)(pictures(2, 3)).shape == (2, 10)
