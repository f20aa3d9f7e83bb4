"Sets, folders, splits and batches: the properties that runs rely on."

import math
import os
import platform
import re
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganbook import datasets
from ganbook.datasets import (
    SETS,
    Card,
    Images,
    batches,
    folds,
    load_data,
    load_folder,
    load_set,
    path,
    split,
    write_groups,
)

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


def known(n, groups=True, labels=True):
    "Random pictures with everything known about them."
    random = np.random.default_rng(n)
    return Images(
        torch.arange(n).float().view(n, 1, 1, 1),
        torch.from_numpy(random.integers(0, 3, n)) if labels else None,
        ("a", "b", "c") if labels else (),
        torch.from_numpy(random.integers(0, 9, n)) if groups else None,
        facts={"number": torch.arange(n), "maps": torch.arange(n).view(n, 1, 1).expand(n, 4, 4)},
        names={"maps": tuple(map(str, range(n))), "groups": tuple("abcdefghi")},
    )


def test_facts_go_along():
    data = known(30)
    for part in (*split(data), *next(folds(data, 3)), data.take([7, 2]), data.take(slice(3, 5))):
        numbers = part.images.flatten().long()
        assert torch.equal(part.facts["number"], numbers) and part.names == data.names
        assert torch.equal(part.facts["maps"][:, 3, 3], numbers)
    smaller = load_data(replace(data, images=torch.zeros(30, 1, 4, 4)), size=2)
    assert smaller.facts["maps"].shape == (30, 2, 2)
    with pytest.raises(ValueError, match=r"number have shape \(30,\) where \(2,\), one row"):
        replace(data.take([0, 1]), facts=data.facts)
    with pytest.raises(ValueError, match="names of colour met, which is no fact"):
        replace(data, names={"colour": ("red",)})


@pytest.mark.parametrize("k", (2, 5))
def test_folds_are_those_of_scikit_learn(k):
    from sklearn import model_selection as ways

    data, order = known(90), {"shuffle": True, "random_state": 4}
    images, labels = np.zeros(90), data.labels.numpy()
    groups = datasets._renumbered(data.groups.numpy(), 4)
    cases = (
        (data, ways.StratifiedGroupKFold(k, **order), groups),
        (replace(data, labels=None), ways.GroupKFold(k), groups),
        (replace(data, groups=None, names={}), ways.StratifiedKFold(k, **order), None),
        (replace(data, labels=None, groups=None, names={}), ways.KFold(k, **order), None),
    )
    for record, way, units in cases:
        wanted = [test for _, test in way.split(images, labels, units)]
        given = [test.facts["number"].numpy() for _, test in folds(record, k, 4)]
        assert all(np.array_equal(a, b) for a, b in zip(given, wanted, strict=True))


@quick
@given(n=st.integers(12, 80), k=st.integers(2, 4), seed=st.integers(0, 50), grouped=st.booleans())
def test_every_picture_is_tested_once_and_no_group_is_cut(n, k, seed, grouped):
    data = known(n, groups=grouped, labels=False)
    data = data if grouped else replace(data, names={})
    if grouped and len(data.groups.unique()) < k:
        return
    numbers = []
    for train, test in folds(data, k, seed):
        both = torch.cat([train.facts["number"], test.facts["number"]])
        assert sorted(both.tolist()) == list(range(n)) and len(test)
        numbers += test.facts["number"].tolist()
        if grouped:
            assert not set(train.groups.tolist()) & set(test.groups.tolist())
    assert sorted(numbers) == list(range(n))


def test_folds_have_a_seed_and_limits():
    data = replace(known(60), labels=None)
    tests = {tuple(next(folds(data, 3, seed))[1].facts["number"].tolist()) for seed in range(5)}
    assert len(tests) > 1
    for k in (1, 10):
        with pytest.raises(ValueError, match=f"{k} folds of 9 groups asked for where 2 to 9"):
            folds(data, k)
    with pytest.raises(ValueError, match="where 2 to 60 are possible"):
        folds(replace(data, groups=None, names={}), 61)


SCRIPT = """
import numpy as np
TINY_CLASSES = ("low", "high")
TINY_MAP = ("sky", "ground")
KINDS = ("plain", "fancy")
def homes(): return ("here", "there")
calls = []
def make_tiny(seed, count=10, size=(8, 16), way="left", end="top"):
    calls.append((seed, count, size, way, end))
    random = np.random.default_rng([seed, len(way)])
    h, w = size
    images = random.integers(0, 65536, (count, h, w), dtype=np.uint16)
    maps = np.zeros((count, h, w), np.uint8)
    maps[:, h // 2:] = 1
    labels = np.arange(count) % 2
    return dict(images=images, maps=maps, low=images // 2, labels=labels, groups=labels,
                kind=labels, angle=np.ones(count, np.float32), held_out=labels > 0)
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    "A set of our own: a script and a card."
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    own = datasets._shipped()
    monkeypatch.setattr(datasets, "_shipped", lambda: [tmp_path / "own", *own])
    script = tmp_path / "own" / "make" / "tiny.py"
    script.parent.mkdir(parents=True)
    script.write_text(SCRIPT)
    card = Card(
        *("tiny", "", "", 10, (1, 8, 16), "", "", ""),
        sizes=(8, 16),
        script="tiny",
        options=("way", "end"),
        names={"kind": "KINDS", "groups": "homes"},
    )
    monkeypatch.setitem(SETS, "tiny", card)
    return script


def calls():
    return datasets._maker(SETS["tiny"])[0].calls


def test_a_set_from_a_script(tiny):
    data = load_set("tiny")
    assert data.shape == (10, 1, 8, 16) and data.images.dtype == torch.float32
    raw = np.random.default_rng([0, 4]).integers(0, 65536, (10, 8, 16), dtype=np.uint16)
    back = ((data.images[:, 0].double() + 1) * 32767.5).round().numpy()
    assert np.array_equal(back, raw)  # 16 bits, whole
    assert data.classes == ("low", "high") and data.labels.tolist() == [0, 1] * 5
    assert data.names == {"maps": ("sky", "ground"), "kind": KINDS, "groups": ("here", "there")}
    assert data.facts["low"].shape == data.shape and data.facts["low"].max() <= 0
    assert data.facts["maps"].dtype == torch.uint8 and data.facts["maps"].shape == (10, 8, 16)
    assert data.facts["held_out"].dtype == torch.bool and data.facts["angle"].sum() == 10
    assert calls() == [(0, 10, (8, 16), "left", "top")]
    assert torch.equal(load_set("tiny").images, data.images) and len(calls()) == 1


KINDS = ("plain", "fancy")


@pytest.mark.parametrize(
    ("size", "drawn", "shape"),
    [
        ((8, 16), (8, 16), (8, 16)),
        ((16, 32), (16, 32), (16, 32)),
        ((12, 20), (16, 32), (12, 20)),
        ((4, 8), (8, 16), (4, 8)),
        (32, (16, 32), (32, 32)),
    ],
)
def test_a_set_is_drawn_at_the_next_larger_size(tiny, size, drawn, shape):
    data = load_set("tiny", size=size, seed=2, count=6)
    assert calls() == [(2, 6, drawn, "left", "top")]
    assert data.shape == (6, 1, *shape) and data.facts["maps"].shape == (6, *shape)
    assert data.facts["low"].shape == (6, 1, *shape)
    maps = data.facts["maps"].float().mean(2)[0]
    assert maps[0] == 0 and maps[-1] == 1 and abs(maps.mean() - 0.5) < 0.01


def test_options_seeds_and_counts_have_places_of_their_own(tiny, tmp_path):
    load_set("tiny:right", seed=1)
    assert load_data("tiny:right:down").name == "tiny:right:down"
    assert [call[3:] for call in calls()] == [("right", "top"), ("right", "down")]
    load_set("tiny", count=4)
    assert len(list((tmp_path / "made").iterdir())) == 3 == len(calls())
    with pytest.raises(ValueError, match="'tiny:a:b:c' is no set"):
        load_set("tiny:a:b:c")
    with pytest.raises(ValueError, match="count is 0"):
        load_set("tiny", count=0)


def test_another_script_makes_other_pictures(tiny):
    first = load_set("tiny")
    tiny.write_text(SCRIPT.replace("[seed, len(way)]", "[seed + 1, len(way)]"))
    assert not torch.equal(load_set("tiny").images, first.images)
    tiny.write_text(SCRIPT)
    before = len(calls())
    assert torch.equal(load_set("tiny").images, first.images) and len(calls()) == before


@pytest.mark.parametrize("late", (False, True))
def test_what_is_missing_is_named_with_its_remedy(tiny, monkeypatch, late):
    line = "    import nowhere_to_be_found" if late else "import nowhere_to_be_found"
    head = "def make_tiny(seed, count=10, size=(8, 16), way='left', end='top'):\n"
    tiny.write_text(SCRIPT.replace(head.replace("'", '"'), head + line + "\n") if late else line)
    monkeypatch.setitem(SETS, "tiny", replace(SETS["tiny"], extra="medical"))
    with pytest.raises(ImportError) as error:
        load_set("tiny")
    assert str(error.value) == (
        'tiny needs nowhere_to_be_found, which is not here: pip install "ganbook[medical]"'
    )


def test_what_takes_long_is_told_on_the_error_stream(capsys):
    with datasets._telling("making moons", after=0.05):
        time.sleep(0.2)
    with datasets._telling("making suns", after=5):
        pass
    out = capsys.readouterr()
    assert out.out == "" and out.err.startswith("making moons ... ") and "suns" not in out.err


def test_a_damaged_installation_imports_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "path", lambda name: tmp_path / name)
    assert datasets._cards(made=True) == {}
    monkeypatch.setattr(datasets, "SETS", {})
    with pytest.raises(ValueError, match="cards.toml is missing; install ganbook again"):
        load_set("digits")


FEW = {"digits": 100, "photos": 90, "glyphs": 180, "shapes": 120, "brain": 12}


@pytest.mark.parametrize("name", SETS)
def test_what_is_known_fits_the_pictures(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    if SETS[name].extra:
        pytest.importorskip("nilearn")
    n = FEW.get(name, 8)
    data, card = load_set(name, count=n), SETS[name]
    assert data.shape == (n, *card.shape) and data.images.isfinite().all()
    assert data.images.aminmax().min >= -1 and data.images.aminmax().max <= 1
    assert (data.groups is not None) == bool(card.groups)
    assert (data.labels is not None) == bool(data.classes)
    if data.labels is not None:
        assert data.labels.min() >= 0 and data.labels.max() < len(data.classes)
    for key, names in data.names.items():
        values = data.groups if key == "groups" else data.facts[key]
        assert values.min() >= 0 and values.max() < len(names) == len(set(names))
    for values in data.facts.values():
        assert len(values) == n
    assert data.facts.keys() >= ({"maps"} if "maps" in card.good_for else set())
    half = load_set(name, size=16, count=n)
    assert half.shape[2:] == (16, 16)
    for fact in half.facts.values():
        assert fact.shape[-2:] != card.shape[1:] or card.shape[1:] == (16, 16)


def test_cards_are_complete_and_told_in_the_readme(root):
    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    for card in (SETS | datasets.DOWNLOADS).values():
        assert all((card.origin, card.licence, card.count, card.good_for, card.not_for))
        assert f"`{card.name}`" in text, f"data/README.md does not tell of {card.name}"
        assert not card.script or re.fullmatch("[0-9a-f]{16}", card.checksum), card.name
    for file in (root / "data").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and file.name != "README.md":
            assert f"`{file.relative_to(root / 'data').as_posix()}`" in text, file


def test_films_scans_and_volumes_in_folders(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    frames = [Image.fromarray(np.full((9, 7), 40 * i, np.uint8)) for i in range(3)]
    frames[0].save(tmp_path / "b.tif", save_all=True, append_images=frames[1:])
    picture(tmp_path / "c.png", 3)
    volume = np.arange(5 * 6 * 4, dtype=np.int16).reshape(5, 6, 4)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "d.nii.gz")
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    data = load_folder(tmp_path, 8, 1)
    assert data.shape == (3 + 1 + 4, 1, 8, 8) and len(data.skipped) == 1
    assert [group.tolist() for group in data.groups.unique(return_counts=True)][1] == [3, 1, 4]
    levels = ((data.images[:3, 0, 4, 4] + 1) * 127.5).round().tolist()
    assert levels == [0, 40, 80]
    train, test = split(data)
    assert not set(train.groups.tolist()) & set(test.groups.tolist())
    film = load_data(tmp_path / "b.tif")
    assert film.shape == (3, 1, 9, 7) and film.groups.tolist() == [0, 0, 0]
    (tmp_path / "b.tif").rename(tmp_path / "aa.tif")
    for i in range(9):
        picture(tmp_path / "more" / f"{i}.png", i)
    named = load_folder(tmp_path / "more", 8)
    assert named.groups is None


# After a change of a script: python data/make/cards.py [--first] SET


def arrays_of(name, count):
    if SETS[name].extra:
        pytest.importorskip("nilearn")
    return datasets._made(SETS[name], 0, count, SETS[name].shape[1])


# Where the checksums of data/cards.toml were written; the versions are those of constraints.txt.
# NumPy picks its loops by what the processor has, and their last bits may differ.
MACHINE = ("linux", "x86_64", "X86_V4")
PACKAGES = "numpy scipy pillow torch scikit-image scikit-learn matplotlib opencv-python-headless"


def strange(root):
    "What differs here from where the checksums were written; none: they must be met."
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    wanted = dict(line.split("==") for line in text.splitlines() if "==" in line)
    here = (sys.platform, platform.machine(), *simd())
    found = [
        f"{name} {version(name)}" for name in PACKAGES.split() if version(name) != wanted[name]
    ]
    return [mark for mark in MACHINE if mark not in here] + found


def simd():
    "The sets of instructions that NumPy found, by its names."
    from numpy._core._multiarray_umath import __cpu_features__ as features

    return [name for name, there in features.items() if there]


def same(arrays, checksum, mean, root):
    "Byte for byte on the platform on which the cards were written, nearly elsewhere."
    level = arrays["images"].mean()
    white = 16 if arrays["images"].max() <= 16 else np.iinfo(arrays["images"].dtype).max
    found = datasets._checksum(arrays)[:16]
    assert abs(level - mean) < 0.002 * white, f"checksum {found}, mean {level:.4f}"
    other = strange(root)
    assert other or found == checksum, f"{found}: python data/make/cards.py records a change"


@pytest.mark.parametrize("name", SETS)
def test_the_first_pictures_are_those_that_were_recorded(name, root, tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    same(arrays_of(name, 20), *SETS[name].first, root)


def test_another_picture_fails_here(root):
    arrays = {"images": np.full((2, 4, 4), 100, np.uint8)}
    with pytest.raises(AssertionError, match="mean 100.0000"):
        same(arrays, "0" * 16, 150, root)
    if not strange(root):
        with pytest.raises(AssertionError, match="records a change"):
            same(arrays, "0" * 16, 100, root)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("GANBOOK_SLOW"), reason="minutes: set GANBOOK_SLOW=1")
def test_whole_sets_have_the_checksums_of_their_cards(tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    found = {name: datasets._checksum(arrays_of(name, SETS[name].count))[:16] for name in SETS}
    assert found == {name: card.checksum for name, card in SETS.items()}


MEANS = {"digits": 4.884165, "photos": 100.931421, "glyphs": 29.565582, "shapes": 127.081687}


@pytest.mark.parametrize("name", MEANS)
def test_sets_are_what_their_cards_say(name, root, tmp_path, monkeypatch):
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
    never = pytest.fail  # the second time it must not be made
    monkeypatch.setattr(module, f"make_{name}", lambda seed, count, size=32: never("made again"))
    assert torch.equal(load_set(name).images, data.images)
    assert strange(root) or datasets._checksum(arrays)[:16] == SETS[name].checksum


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


def test_what_is_run_comes_from_the_book_alone(tmp_path, monkeypatch):
    for name in ("make/basics.py", "make/new.py", "cards.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('run from a folder of data')")
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    assert (
        len(load_set("digits", count=3)) == 3 and datasets._cards(made=True).keys() == SETS.keys()
    )
    for name in ("make/basics.py", "make/new.py", "cards.toml", "./make/new.py"):
        assert tmp_path not in path(name).parents
    monkeypatch.setitem(SETS, "new", replace(SETS["digits"], name="new", script="new"))
    with pytest.raises(ValueError, match="new.py is missing; install ganbook again"):
        load_set("new")


def test_groups_are_written_down_and_read(tmp_path):
    for i in range(4):
        picture(tmp_path / "ä" / f"{i}.png", i)
    assert load_folder(tmp_path, 8).groups is None
    place = write_groups(tmp_path, {"ä/1.png": "Anna", "ä/3.png": "Anna", "ä/0.png": "ä/2.png"})
    data = load_folder(tmp_path, 8, labels=True)
    assert data.groups.tolist() == [0, 1, 2, 1]
    assert data.names["groups"] == ("ä/2.png", "Anna", "ä/2.png")
    assert load_data(tmp_path).groups.tolist() == [0, 1, 2, 1]
    held = place.read_text(encoding="utf-8")
    place.write_text(held.replace("ä", "a\u0308"), encoding="utf-8")  # as a Mac writes it
    assert load_folder(tmp_path, 8).groups.tolist() == [0, 1, 2, 1]
    for damaged in ("", "[1]", '{"ä/1.png": 3}', held[:20], "\x80"):
        place.write_text(damaged, encoding="latin-1")
        with pytest.warns(UserWarning, match="groups.json is damaged"):
            assert load_folder(tmp_path, 8).groups is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["groups.json", "ä"]


def test_what_prepare_made_of_one_file_is_one_group(tmp_path):
    from ganbook.cleaning import prepare

    noise = np.random.default_rng(9).integers(0, 256, (3, 40, 40), dtype=np.uint8)
    frames = [Image.fromarray(array) for array in noise]
    (tmp_path / "in").mkdir()
    frames[0].save(tmp_path / "in" / "b.tif", save_all=True, append_images=frames[1:])
    for i in range(3):
        picture(tmp_path / "in" / f"{i}.png", i, "L")
    prepare(tmp_path / "in", tmp_path / "out", size=16)
    data = load_folder(tmp_path / "out", 16)
    assert len(data) == 6
    assert sorted(data.groups.unique(return_counts=True)[1].tolist()) == [1, 1, 1, 3]
    log = tmp_path / "out" / "manifest.jsonl"
    log.write_text(log.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.warns(UserWarning, match="manifest.jsonl is damaged"):
        load_folder(tmp_path / "out", 16)


def dicom(place, level, patient, **more):
    "Write a scan of one grey, with a brighter corner."
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = pydicom.dataset.FileDataset(str(place), {}, file_meta=meta, preamble=b"\0" * 128)
    pixels = np.full((16, 16), 1064, "<u2")
    pixels[:4], pixels[-4:] = 0, level
    data.PatientID, data.Rows, data.Columns, data.SamplesPerPixel = patient, 16, 16, 1
    data.PhotometricInterpretation, data.BitsAllocated, data.BitsStored = "MONOCHROME2", 16, 12
    data.HighBit, data.PixelRepresentation, data.RescaleSlope = 11, 0, 1
    data.RescaleIntercept, data.PixelData = -1024, pixels.tobytes()
    for key, value in more.items():
        setattr(data, key, value)
    data.save_as(place, enforce_file_format=True)


def test_scans_share_a_window_and_patients_are_groups(tmp_path):
    for i, (level, patient) in enumerate([(1064, "A"), (4095, "B"), (2000, "A")]):
        dicom(tmp_path / f"{i}.dcm", level, patient)
    own = load_folder(tmp_path, 16)
    assert own.groups.tolist() == [0, 1, 0] and own.names["groups"] == ("A", "B")
    assert len(own.images[:, 0, 8, 8].unique()) == 3  # each file by its own extremes
    for data in (
        load_folder(tmp_path, 16, window=(-160, 240)),
        load_data(tmp_path, 16, window=(-160, 240)),
    ):
        assert torch.allclose(data.images[:, 0, 8, 8], torch.zeros(3))  # 40 HU is the middle
    (batch,) = next(datasets.stream(tmp_path, 16, 1, batch_size=3, window=(-160, 240)))
    assert torch.allclose(batch[:, 0, 8, 8], torch.zeros(3))
    depths = np.full((2, 8, 8), 300, np.uint16)
    assert load_data(depths, window=(200, 400)).images.abs().max() < 1e-6
    np.save(tmp_path / "a.npy", depths)
    assert load_data(tmp_path / "a.npy", window=(200, 400)).images.abs().max() < 1e-6


def test_a_share_is_met_as_nearly_as_groups_allow():
    def shares(*sizes):
        groups = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
        data = Images(torch.zeros(sum(sizes), 1, 1, 1), groups=groups)
        return {len(split(data, 0.2, seed)[1]) for seed in range(60)}

    assert shares(90, 10) == {10} and shares(60, 20, 20) == {20}
    assert shares(200, *[5] * 40) == {80} and shares(200, 150) == {150}


def test_official_parts_are_kept():
    part = torch.arange(40) % 3
    data = Images(
        torch.zeros(40, 1, 1, 1),
        torch.arange(40) % 2,
        ("a", "b"),
        facts={"part": part},
        names={"part": ("train", "val", "test")},
    )
    for seed in range(3):
        train, test = split(data, 0.5, seed)
        assert (test.facts["part"] == 2).all() and (train.facts["part"] < 2).all()
    train, val = split(train)
    assert (val.facts["part"] == 1).all() and (train.facts["part"] == 0).all()
    assert len(split(train)[1]) == round(0.2 * len(train))
    grouped = replace(data, groups=torch.arange(40) // 4)
    assert len(split(grouped)[1]) == 8  # groups say more than parts


def test_arrays_come_back_whole(tmp_path):
    data = load_set("thorax-ct", count=10)
    facts = {key: value.numpy() for key, value in data.facts.items()}
    pixels = ((data.images[:, 0].double() + 1) * 32767.5).round().numpy().astype(np.uint16)
    more = {"classes": np.array(data.classes), "maps_names": np.array(data.names["maps"])}
    known = {"labels": data.labels.numpy(), "groups": data.groups.numpy()}
    np.savez(tmp_path / "a.npz", images=pixels, **known, **facts, **more)
    back = load_data(tmp_path / "a.npz")
    assert torch.equal(back.labels, data.labels) and torch.equal(back.groups, data.groups)
    assert (back.images - data.images).abs().max() < 1e-6 and back.classes == data.classes
    assert back.facts.keys() == data.facts.keys() and back.names["maps"] == data.names["maps"]
    assert all(torch.equal(back.facts[key], data.facts[key]) for key in data.facts)


def test_arrays_are_refused_by_their_headers(tmp_path):
    pictures, place = np.zeros((3, 8, 8), np.uint8), tmp_path / "a.npz"

    def loads(**arrays):
        np.savez_compressed(place, images=pictures, **arrays)
        return load_data(place)

    for wrong, why in (
        (np.zeros(30_000_000, np.int64), "one number a picture"),
        (np.array([0, 1, 20_000_000]), "go up to 20000000 where at most 10000"),
        (np.zeros(3, complex), "not whole numbers from 0"),
        (np.array([-1, 0, 1]), "not whole numbers from 0"),
    ):
        with pytest.raises(ValueError, match=why):
            loads(labels=wrong)
    with pytest.raises(ValueError, match="groups in .* one number a picture"):
        loads(groups=np.zeros((3, 1), int))
    assert loads(groups=np.array([5, 5, 10**12])).groups[2] == 10**12
    assert loads(labels=np.array([0, 1, 1], ">i2")).labels.tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="2 classes have names"):
        loads(labels=np.array([0, 1, 2]), classes=np.array(["a", "b"]))
    assert loads(depth=np.array([1, 2, 3], ">f4")).facts["depth"].tolist() == [1, 2, 3]
    for other in (np.zeros(3, complex), np.zeros(2), np.array([{}] * 3), np.zeros((3, 9**7), bool)):
        with pytest.warns(UserWarning, match="other in .* is passed over"):
            assert not loads(other=other).facts


def test_folds_have_no_empty_part_and_rare_classes_a_sentence():
    for seed in range(30):
        groups = torch.from_numpy(np.random.default_rng(seed).integers(0, 4, 40))
        data = Images(torch.zeros(40, 1, 1, 1), groups % 2, ("a", "b"), groups)
        assert all(len(test) and len(train) for train, test in folds(data, 4, seed))
    rare = Images(torch.zeros(10, 1, 1, 1), torch.tensor([0] * 9 + [1]), ("a", "b"))
    with pytest.raises(ValueError, match="smallest class has 1 pictures, too few for 3 folds"):
        folds(rare, 3)
    assert len(list(folds(replace(rare, labels=None), 3))) == 3
