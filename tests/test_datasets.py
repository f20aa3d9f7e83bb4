"Sets, folders, splits and batches: the properties that runs rely on."

import math
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganbook import datasets
from ganbook.datasets import SETS, Images, batches, load_data, load_folder, load_set, path, split

quick = settings(max_examples=40, deadline=None)
sizes = {
    "n": st.integers(1, 40),
    "share": st.integers(1, 9),
    "world": st.integers(1, 4),
    "seed": st.integers(0, 99),
    "start": st.integers(0, 50),
}


def first(count, *arguments, **more):
    "The first batches, one tensor each."
    return [batch for (batch,) in islice(batches(*arguments, **more), count)]


@quick
@given(**sizes)
def test_ranks_side_by_side_are_the_whole_batch(n, share, world, seed, start):
    data, common = torch.arange(n), {"batch_size": share * world, "seed": seed, "start": start}
    ranks = [first(6, data, rank=rank, world=world, **common) for rank in range(world)]
    whole = first(6, data, **common)
    assert all(
        torch.equal(torch.cat(parts), batch) for *parts, batch in zip(*ranks, whole, strict=True)
    )


@quick
@given(**sizes)
def test_start_skips(n, share, world, seed, start):
    data = torch.arange(n)
    later = first(5, data, batch_size=share, seed=seed, start=start)
    whole = first(start + 5, data, batch_size=share, seed=seed)
    assert all(torch.equal(a, b) for a, b in zip(later, whole[start:], strict=True))


@quick
@given(**sizes)
def test_every_epoch_holds_every_picture_once(n, share, world, seed, start):
    count = math.ceil(3 * n / share)
    stream = torch.cat(first(count, torch.arange(n), batch_size=share, seed=seed))[: 3 * n]
    assert all(sorted(epoch.tolist()) == list(range(n)) for epoch in stream.split(n))


def test_batches_keep_tensors_together_and_seeds_apart():
    a, b = torch.arange(50), torch.arange(50) * 2
    assert all(torch.equal(2 * x, y) for x, y in islice(batches(a, b, batch_size=8), 20))
    epochs = [
        tuple(first(1, a, batch_size=50, seed=seed, start=epoch)[0].tolist())
        for seed in range(6)
        for epoch in range(6)
    ]
    assert len(set(epochs)) == 36


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"batch_size": 5, "world": 2},
        {"batch_size": 4, "rank": 2, "world": 2},
        {"batch_size": 4, "start": -1},
        {"batch_size": 4, "seed": -1},
    ],
)
def test_batches_refuse_at_the_call(wrong):
    with pytest.raises(ValueError, match="met where|make it a multiple"):
        batches(torch.arange(9), **wrong)
    with pytest.raises(ValueError, match="equal lengths"):
        batches(torch.arange(0), batch_size=4)


@quick
@given(
    n=st.integers(2, 60),
    classes=st.integers(1, 7),
    seed=st.integers(0, 99),
    fraction=st.floats(0.05, 0.95),
    grouped=st.booleans(),
)
def test_split_parts_are_whole_disjoint_and_fair(n, classes, seed, fraction, grouped):
    labels = torch.from_numpy(np.random.default_rng(seed).integers(0, classes, n))
    images = torch.arange(n).float().view(n, 1, 1, 1)
    several = len(labels.unique()) > 1
    data = Images(images, labels, groups=labels if grouped and several else None)
    train, test = split(data, fraction, seed)
    again = split(data, fraction, seed)[1]
    assert torch.equal(test.images, again.images) and len(train) and len(test)
    both = torch.cat([train.images, test.images]).flatten()
    assert sorted(both.tolist()) == list(range(n))
    if data.groups is not None:
        assert not set(train.groups.tolist()) & set(test.groups.tolist())
    elif len(test) > 1:
        share = test.labels.bincount(minlength=classes) - fraction * labels.bincount(
            minlength=classes
        )
        assert share.max() <= 1.001


def test_split_needs_two_groups():
    data = Images(torch.zeros(4, 1, 2, 2), groups=torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match="of one group"):
        split(data)


def picture(place, seed=0, mode="RGB", size=(40, 50)):
    "Write a random picture."
    place.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    image = Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    image.convert(mode).save(place)


def test_folder_of_everything(tmp_path):
    picture(tmp_path / "Grüne Äpfel" / "b.JPG")
    picture(tmp_path / "Grüne Äpfel" / "a.png", 1, "RGBA", (300, 20))
    picture(tmp_path / "birnen" / "tief" / "c.gif", 2, "P")
    picture(tmp_path / "birnen" / "d.webp", 3, "L")
    picture(tmp_path / "birnen" / "e.tif", 4, "CMYK", (1, 1))
    picture(tmp_path / ".versteckt" / "f.png")
    picture(tmp_path / "g.png", 5, "1")
    whole = (tmp_path / "Grüne Äpfel" / "b.JPG").read_bytes()
    (tmp_path / "birnen" / "halb.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "birnen" / "brief.jpg").write_text("Liebe Leserin,")
    (tmp_path / "birnen" / "leer.png").touch()
    (tmp_path / "birnen" / "kein.txt").write_text("x")
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "birnen" / "kreis").symlink_to(tmp_path)
    (tmp_path / "birnen" / "tot.png").symlink_to(tmp_path / "nirgends.png")
    data = load_folder(tmp_path, 16)
    assert data.shape == (6, 3, 16, 16) and data.labels is None and data.classes == ()
    assert [file.rsplit("/", 1)[-1] for file, _ in data.skipped] == [
        "brief.jpg",
        "halb.jpg",
        "leer.png",
        "tot.png",
    ]
    assert all(file in reason for file, reason in data.skipped)
    assert torch.equal(load_folder(tmp_path, 16).images, data.images)
    named = load_data(tmp_path, labels=True)
    assert named.classes == ("Grüne Äpfel", "birnen") and named.labels.tolist() == [0, 0, 1, 1, 1]
    assert named.shape == (5, 3, 32, 32)
    assert named.skipped[-1][1].endswith("g.png lies in no class's sub-folder; move it")
    for channels in (1, 3, 4):
        assert load_folder(tmp_path, (8, 12), channels).shape == (6, channels, 8, 12)


def test_folder_of_grey_and_of_five(tmp_path):
    for i in range(5):
        picture(tmp_path / f"{i}.png", i, "L" if i else "1", (90, 70))
    assert load_data(tmp_path).shape == (5, 1, 64, 64)
    assert load_data(tmp_path, size=16, channels=3).shape == (5, 3, 16, 16)
    train, test = split(load_data(tmp_path))
    assert (len(train), len(test)) == (4, 1)


def test_folders_that_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no pictures; add some"):
        load_folder(tmp_path, 32)
    with pytest.raises(ValueError, match="is not a folder"):
        load_folder(tmp_path / "nirgends", 32)
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match="none of the 1 pictures .* is empty"):
        load_folder(tmp_path, 32)
    with pytest.raises(ValueError, match="no sub-folder with pictures"):
        load_folder(tmp_path, 32, labels=True)
    picture(tmp_path / "b.png")
    with pytest.raises(ValueError, match="single file"):
        load_data(tmp_path / "b.png")


def test_arrays_with_labels(tmp_path):
    pictures = np.zeros((4, 8, 8), np.uint8)
    np.savez(tmp_path / "a.npz", images=pictures, labels=[0, 1, 1, 0], groups=[5, 5, 6, 6])
    data = load_data(tmp_path / "a.npz", size=4, labels=True)
    assert data.shape == (4, 1, 4, 4) and data.groups.tolist() == [5, 5, 6, 6]
    np.savez(tmp_path / "b.npz", images=pictures, labels=[0, 1])
    with pytest.raises(ValueError, match="one number a picture"):
        load_data(tmp_path / "b.npz")
    for wrong in (np.array([{}] * 4), np.array(list("abcd")), np.array([0.5] * 4)):
        np.savez(tmp_path / "c.npz", images=pictures, labels=wrong)
        with pytest.raises(ValueError, match="not whole numbers from 0"):
            load_data(tmp_path / "c.npz")
    np.save(tmp_path / "d.npy", pictures)
    with pytest.raises(ValueError, match="carries no labels"):
        load_data(tmp_path / "d.npy", labels=True)


def test_names_of_sets_and_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(load_data("digits")) == 1797
    picture(tmp_path / "digits" / "a.png")
    with pytest.raises(ValueError, match=r"write \./digits"):
        load_data("digits")
    assert len(load_data("./digits")) == 1
    with pytest.raises(ValueError, match="the sets are digits"):
        load_data("nirgends")
    with pytest.raises(TypeError, match="int met"):
        load_data(3)


MEANS = {"digits": 4.884165, "photos": 100.931421, "glyphs": 29.565582, "shapes": 127.081687}


@pytest.mark.parametrize("name", MEANS)
def test_sets_are_what_their_cards_say(name, tmp_path, monkeypatch):
    "Byte for byte on the platform on which the cards were written, to 0.05 of a level elsewhere."
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    data = load_set(name)
    assert data.shape == (SETS[name].count, *SETS[name].shape)
    half = 8 if name == "digits" else 127.5
    level = float(data.images.double().add(1).mul(half).mean())
    assert abs(level - MEANS[name]) < 0.05
    (file,) = (tmp_path / "made").glob(f"{name}-*.npz")
    with np.load(file, allow_pickle=False) as held:
        arrays = {key: held[key] for key in held.files if key != "checksum"}
    module, _ = datasets._maker(SETS[name])
    monkeypatch.setattr(module, f"make_{name}", None)  # the second time it must not be made
    assert torch.equal(load_set(name).images, data.images)
    if datasets._checksum(arrays)[:16] != SETS[name].checksum:
        pytest.skip("made by another processor or other versions; the mean agrees")


def test_a_damaged_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return {"images": np.arange(500)}

    for damage in (
        lambda b: b,
        lambda b: b[:300],
        lambda b: b"",
        lambda b: b[:400] + b"x" + b[401:],
    ):
        datasets._cached("a.npz", make)
        file = tmp_path / "a.npz"
        file.write_bytes(damage(file.read_bytes()))
    assert datasets._cached("a.npz", make)["images"].tolist() == list(range(500))
    assert len(made) == 4 and len(list(tmp_path.iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path / "file" / "below"))
    made = datasets._cached("a.npz", lambda: {"images": np.arange(3)})
    assert made["images"].tolist() == [0, 1, 2]


def test_path(tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    assert path("a.npz") == tmp_path / "a.npz"
    for wrong in ("", "../a", "/a"):
        with pytest.raises(ValueError, match="no data file's name"):
            path(wrong)
