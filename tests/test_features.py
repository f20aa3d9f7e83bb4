"Features: what a reader would find dull, and what must hold all the same."

import hashlib
import json
import math
from pathlib import Path

import pytest
import torch

from ganbook import features
from ganbook.datasets import path
from ganbook.features import (
    ENCODERS,
    Encoder,
    atlas,
    colours,
    directions,
    edges,
    extract,
    histogram,
    hog,
    load_encoder,
    map2d,
    nearest,
    neighbour_page,
    prepare,
    train_classifier,
    train_encoder,
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


def test_the_shipped_encoders_say_who_they_are():
    for channels, name in ((1, "grey"), (3, "colour"), (4, "colour")):
        encoder = load_encoder(channels)
        assert encoder.name == name and encoder.fingerprint() in encoder.note
        assert f"the book's {name} encoder" in encoder.note
        assert encoder.fingerprint() == load_encoder(channels).fingerprint()
    assert load_encoder(1).fingerprint() != Encoder(1).fingerprint()


@pytest.mark.parametrize("channels, labels", [(1, True), (1, False), (3, True), (4, False)])
def test_an_encoder_of_ones_own_is_seeded_frozen_and_alone(channels, labels):
    x = pictures(80, channels, 20, 36)
    y = torch.arange(80) % 3 if labels else None
    before = torch.get_rng_state()
    first, again = (train_encoder(x, y, steps=3, seed=2) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert first.channels == (1 if channels == 1 else 3)
    assert first.name == "own" and "only with themselves" in first.note
    assert not any(p.requires_grad for p in first.parameters()) and not first.training
    found = extract(x, first)
    assert torch.allclose(found, extract(x, again), atol=1e-4)
    assert found.shape == (80, 64) and found.mean(0).abs().max() < 1e-2
    assert 0.5 < found.var(0).mean() < 2
    assert train_encoder(x, y, steps=3, seed=3).fingerprint() != first.fingerprint()


def test_an_encoder_of_ones_own_learns_its_labels():
    x, y = bars(300, 0)
    encoder = train_encoder(x, y, steps=60)
    assert train_classifier(x, y, 60, encoder=encoder).accuracy(*bars(100, 1)) > 0.9


def test_large_pictures_teach_a_grey_encoder_when_told_to():
    assert train_encoder(pictures(64, 3, 100, 130), steps=2, channels=1).channels == 1


def test_any_number_of_steps_can_be_trained():
    x, y = pictures(64), torch.arange(64) % 2
    for steps in range(1, 9):  # five once divided by zero
        train_classifier(x, y, steps=steps)
    with pytest.raises(ValueError, match="steps is 0 where 1 or more"):
        train_classifier(x, y, steps=0)


@pytest.mark.parametrize(
    "n, labels, reason",
    [
        (10, None, "too few"),
        (64, torch.ones(64), "two classes"),
        (64, torch.arange(63), "whole"),
        (64, -torch.ones(64), "whole"),
    ],
)
def test_what_cannot_teach_an_encoder_is_refused(n, labels, reason):
    with pytest.raises(ValueError, match=reason):
        train_encoder(pictures(n), labels, steps=1)


def test_colours_are_counted_together():
    x = pictures(4, 3)
    found = colours(x, 5)
    assert found.shape == (4, 125) and torch.allclose(found.sum(1), torch.ones(4))
    by_blue = found.view(4, 5, 5, 5)
    channels = histogram(x, 5).view(4, 3, 5)
    for channel, others in enumerate(((2, 3), (1, 3), (1, 2))):
        assert torch.allclose(by_blue.sum(others), channels[:, channel], atol=1e-6)
    assert colours(pictures(2, 1)).shape == (2, 64)


def test_a_quarter_turn_moves_the_directions_by_half_their_number():
    x = torch.randn(3, 1, 24, 24, generator=torch.Generator().manual_seed(0))
    votes = directions(x, 10).sum((2, 3))
    turned = directions(x.rot90(1, (2, 3)), 10).sum((2, 3))
    assert torch.allclose(votes.roll(5, 1), turned, rtol=1e-3, atol=1e-4)
    assert torch.equal(directions(torch.zeros(1, 1, 9, 9)), torch.zeros(1, 9, 9, 9))


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_a_map_keeps_two_heaps_apart_and_repeats(method):
    x = torch.randn(40, 64, generator=torch.Generator().manual_seed(0))
    x[20:] += 10
    places = map2d(x, seed=1, method=method)
    assert places.shape == (40, 2) and places.min() == 0 and places.max() == 1
    assert torch.equal(places, map2d(x, seed=1, method=method))
    inside = nearest(places, places, k=2)[1][:, 1]
    assert ((inside < 20) == (torch.arange(40) < 20)).all()


def test_a_map_of_equal_pictures_is_finite():
    assert map2d(torch.ones(9, 64), method="pca").isfinite().all()
    assert map2d(torch.ones(9, 64)).isfinite().all()


@pytest.mark.parametrize(
    "x, method", [(torch.zeros(4, 8), "tsne"), (torch.zeros(9, 8), "umap"), (torch.zeros(9), "pca")]
)
def test_what_cannot_be_mapped_is_refused(x, method):
    with pytest.raises(ValueError, match="give 'tsne' or 'pca'"):
        map2d(x, method=method)


@pytest.mark.parametrize("channels", [1, 3])
def test_pages_show_every_picture_they_are_given(channels):
    x = pictures(6, channels, 16, 24)
    page = neighbour_page(x[:2], x, *nearest(x[:2].flatten(1), x.flatten(1), k=3))
    assert len(page.axes) == 8 and page.axes[1].get_xlabel() == "0.00"
    sheet = atlas(x, torch.linspace(0, 1, 6)[:, None].repeat(1, 2), across=6).axes[0]
    shown = sheet.images[0].get_array()
    assert shown.shape[:2] == (6 * 16, 6 * 24)
    wanted = features.to_array(x[5:])[0]
    assert (shown[80:, 120:].reshape(wanted.shape) == wanted).all()


def test_opencv_agrees_with_the_directions_of_stripes():
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "HOGDescriptor"):  # version 5 moved it out of the main package
        pytest.skip("this OpenCV has no oriented gradients")
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    turns = torch.deg2rad(torch.arange(10.0, 180, 20)).view(9, 1, 1)
    stripes = torch.sin(0.6 * (x * turns.cos() + y * turns.sin()))
    opencv = cv2.HOGDescriptor((32, 32), (16, 16), (8, 8), (8, 8), 9)
    for k, wave in enumerate(stripes):
        theirs = opencv.compute(((wave + 1) * 127.5).byte().numpy())
        assert theirs.size == 324 and theirs.reshape(-1, 9).sum(0).argmax() == k
        assert hog(wave[None, None]).view(9, -1).sum(1).argmax() == k


def test_canny_draws_lines_only_where_our_slope_is_steep():
    cv2 = pytest.importorskip("cv2")
    from ganbook.datasets import load_set
    from ganbook.images import to_array

    images = load_set("glyphs", count=36).images
    slope = edges(images).norm(dim=1).numpy()[:, 1:-1, 1:-1] * 8 * 127.5  # as OpenCV counts
    lines = [cv2.Canny(x, 100, 200, L2gradient=True) for x in to_array(images)[..., 0]]
    for line, steep in zip(lines, slope, strict=True):
        assert line.any() and (steep[line[1:-1, 1:-1] > 0] > 99).all()


def test_the_record_is_of_the_encoders_that_ship():
    record = json.loads(path("records/encoder.json").read_text(encoding="utf-8"))
    for channels, name in ((1, "grey"), (3, "colour")):
        assert record[name]["fingerprint"] == load_encoder(channels).fingerprint()
        assert all(0.85 < row["right"] <= 1 for row in record[name]["named"].values())
