"Audits and clean copies: broken, hostile, killed, repeated; and that nothing is said wrongly."

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser

import imagehash
import numpy as np
import psutil
import pytest
import skimage.data
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from tools import broken

from ganbook import cleaning
from ganbook.cleaning import KINDS, Rules, audit, browse, pictures, prepare
from ganbook.datasets import load_folder, load_set
from ganbook.images import read_image, to_array, write_image


def flags(report):
    "name -> kinds."
    found = {}
    for finding in report.findings:
        for name, _ in finding.examples:
            found.setdefault(name, []).append(finding.kind)
    return found


def fill(folder, count, size=40, seed=0):
    "Pictures that are all different."
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        random = np.random.default_rng([seed, i])
        coarse = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
        coarse.resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{i:04}.png")
    return folder


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def lines(out):
    rows = map(json.loads, (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["name"]: row for row in rows}


# -- broken -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ruins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ruins")
    made = broken.make(folder)
    fill(folder / "sound", 3)
    return folder, made, broken.strange(folder)


def test_two_hundred_of_twenty_kinds():
    assert len(broken.KINDS) >= 20 and len(broken.KINDS) * broken.EACH == 200


def test_every_broken_file_is_named_with_its_reason(ruins):
    folder, made, _ = ruins
    report = audit(folder)
    found = flags(report)
    reasons = {name: why for f in report.findings for name, why in f.examples}
    for name, (kind, fate) in made.items():
        kinds = set(found.get(name, []))
        if fate == "out":
            assert kinds & {"unreadable", "truncated"}, (kind, name, kinds)
            assert len(reasons[name]) > 8 and str(folder) not in reasons[name]
        if fate == "odd":
            assert kinds & {"damaged", "suffix"} and not kinds & {"unreadable", "truncated"}, name
    silent = {kind for kind, fate in made.values() if fate == "silent"}
    assert silent == {"scrambled-jpeg"}  # the one kind that no program can know to be broken


def test_what_is_no_file_is_named_too(ruins):
    folder, _, strange = ruins
    found = flags(audit(folder))
    assert all(set(found[name]) & {"unreadable", "stray"} for name in strange)


def test_the_rest_of_the_folder_is_prepared(ruins, tmp_path, capfd):
    folder, made, _ = ruins
    before = {path: path.lstat().st_mtime_ns for path in folder.iterdir()}
    manifest = prepare(folder, tmp_path / "out")
    told = lines(tmp_path / "out")
    assert {*made} | {f"sound/{i:04}.png" for i in range(3)} <= {*told}
    for name, (_, fate) in made.items():
        assert (told[name]["state"] == "dropped") >= (fate == "out"), name
        assert told[name]["reason"] or told[name]["state"] == "kept"
    assert all(told[f"sound/{i:04}.png"]["state"] == "kept" for i in range(3))
    assert before == {path: path.lstat().st_mtime_ns for path in folder.iterdir()}
    assert prepare(folder, tmp_path / "out").written == 0
    assert set(audit(tmp_path / "out").dropped.values()) == {"stray"}  # the manifest
    assert len(pictures(tmp_path / "out")) == manifest.kept
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore:.*EXIF")
def test_load_folder_survives_them_too(ruins):
    folder, made, _ = ruins
    skipped = {os.path.basename(path) for path, _ in load_folder(folder, 16).skipped}
    out = {name for name, (_, fate) in made.items() if fate == "out"}
    assert out <= skipped


def test_a_jpeg_closed_too_early_is_noticed(tmp_path):
    random = np.random.default_rng(0)
    whole = broken.encoded(broken.picture(random, 128), "JPEG", quality=95)
    for name, share in {"third": 0.35, "two-thirds": 0.7}.items():
        (tmp_path / f"{name}.jpg").write_bytes(whole[: int(len(whole) * share)] + b"\xff\xd9")
    (tmp_path / "whole.jpg").write_bytes(whole)
    found = flags(audit(tmp_path, rules=Rules(near=-1)))
    assert "damaged" in found["third.jpg"] and "damaged" in found["two-thirds.jpg"]
    assert "damaged" not in found.get("whole.jpg", [])


def test_kinds_of_jpeg_are_not_called_broken(tmp_path):
    random = np.random.default_rng(1)
    for i, more in enumerate(
        (
            {"progressive": True},
            {"optimize": True},
            {"quality": 100, "subsampling": 0},
            {"comment": b"\xff\xda"},
            {"restart_marker_blocks": 2},
            {"dpi": (72, 72), "icc_profile": None},
            {"quality": 5},
        )
    ):
        image = broken.picture(random, 64 + 7 * i)
        (tmp_path / f"{i}.jpg").write_bytes(broken.encoded(image, "JPEG", **more))
        (tmp_path / f"{i} and more.jpg").write_bytes(
            broken.encoded(broken.picture(random, 70), "JPEG", **more) + b"\xff\xda trailing"
        )
    found = audit(tmp_path, rules=Rules(near=-1)).findings
    assert {f.kind for f in found} <= {"small", "few"}, [str(f) for f in found]


# -- hostile ------------------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs), attrs


def test_hostile_names(tmp_path):
    folder = fill(tmp_path / "in", 2)
    data = (folder / "0000.png").read_bytes()
    names = [
        "<img src=x onerror=alert(1)>.png",
        '"><b>.png',
        "Füße und Grüße.png",
        "a\u202egnp.png",
    ]
    names += ["x" * 250 + ".png", "con.png", " .. .png", "a b.png", "日本.png"]
    if os.name == "posix":
        names += ["two\nlines.png", "bell\a.png", "back\\slash.png"]
    for name in names:
        (folder / name.replace("/", "")).write_bytes(data)
    if os.name == "posix":
        try:
            (folder / os.fsdecode(b"raw\xff.png")).write_bytes(data)
            names.append("raw\\udcff.png")
        except OSError:
            pass  # file systems that insist on Unicode
    report = audit(folder)
    assert {*flags(report)} >= {*names}
    tags = Tags()
    tags.feed(report.html(examples=99))
    assert tags.seen <= set(
        "html head meta title style body h1 h2 p section figure img figcaption li".split()
    )
    for text in (str(report), report.html()):
        assert "\a" not in text and "\u202e" not in text
    json.loads(json.dumps(report.to_dict(), allow_nan=False).encode())
    manifest = prepare(folder, tmp_path / "out", rules=Rules(keep=("duplicate",)))
    assert manifest.kept == len(names) + 2
    outputs = [name for row in lines(tmp_path / "out").values() for name, _ in row["outputs"]]
    assert len({name.casefold() for name in outputs}) == len(outputs) == manifest.kept
    assert all(
        len(name.encode()) < 140 and "\n" not in name and "\\" not in name for name in outputs
    )


def test_names_that_collide(tmp_path):
    folder = fill(tmp_path / "in" / "cls", 3)
    image = Image.open(folder / "0000.png")
    for i, name in enumerate(("a.png", "a.jpg", "a.webp", "A.PNG", "a~0000.png")):
        image.rotate(17 * (i + 1)).save(folder / name)
    manifest = prepare(tmp_path / "in", tmp_path / "out", rules=Rules(near=-1))
    outputs = [name for row in lines(tmp_path / "out").values() for name, _ in row["outputs"]]
    assert (
        len({name.casefold() for name in outputs})
        == manifest.kept
        == len(pictures(tmp_path / "out"))
    )
    assert "cls/a.png" in {*outputs} | {name.lower() for name in outputs}


@pytest.mark.skipif(os.name != "posix", reason="links are for the privileged there")
def test_loops_end(tmp_path):
    folder = fill(tmp_path / "in", 2)
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "self.png").symlink_to("self.png")
    report = audit(folder)
    assert report.kept == 2 and flags(report)["sub/up"] == ["stray"]


def test_nothing_and_one(tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("no picture")
    for where in (tmp_path / "none", tmp_path / "nowhere", tmp_path / "none" / "notes.txt"):
        with pytest.raises(ValueError, match="no pictures|no folder|single file"):
            audit(where)
        with pytest.raises(ValueError, match="no pictures|no folder|single file"):
            prepare(where, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert audit(fill(tmp_path / "one", 1)).kept == 1
    assert prepare(tmp_path / "one", tmp_path / "out").kept == 1


def test_ten_thousand_tiny_ones(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    data = [np.random.default_rng(i).integers(0, 256, (8, 8), np.uint8) for i in range(50)]
    encoded = [broken.encoded(Image.fromarray(d), "PNG") for d in data]
    for i in range(10_000):
        (folder / f"{i}.png").write_bytes(encoded[i % 50])
    seen = []
    report = audit(folder, size=8, progress=lambda done, total: seen.append((done, total)))
    assert report.kept == 50 and len(report.dropped) == 9950
    assert seen[-1] == (10_000, 10_000) and seen == sorted(seen)
    assert len(report.html()) < 200_000 and len(str(report)) < 3000


# -- what is found ------------------------------------------------------------------------------


def test_hashes_are_those_of_the_library():
    random = np.random.default_rng(0)
    for i in range(200):
        small = Image.fromarray(random.integers(0, 256, (4 + i % 5,) * 2, np.uint8)).resize(
            (32, 32)
        )
        assert cleaning.perceptual_hash(np.asarray(small)) == str(imagehash.phash(small))
    big = broken.picture(random, 128).convert("L")
    reduced = Image.fromarray(cleaning._thirty_two(np.asarray(big)))
    assert str(imagehash.phash(reduced)) == cleaning.perceptual_hash(np.asarray(reduced))
    assert imagehash.phash(reduced) - imagehash.phash(big) <= 4


def test_bits_are_counted_alike_with_an_older_numpy(monkeypatch):
    words = np.random.default_rng(0).integers(0, 2**64, 99, np.uint64)
    new = cleaning._ones(words)
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert np.array_equal(new, cleaning._ones(words))
    assert list(new) == [int(word).bit_count() for word in words]


def test_splits_and_other_sets_leak(tmp_path):
    fill(tmp_path / "in" / "train" / "a", 3)
    fill(tmp_path / "in" / "test" / "a", 1)
    fill(tmp_path / "in" / "val" / "b", 1, seed=5)
    report = audit(tmp_path / "in")
    assert report.dropped == {"train/a/0000.png": "leak"} and report.worst == "error"
    against = audit(tmp_path / "in" / "train", against=tmp_path / "in" / "test")
    assert against.dropped == {"a/0000.png": "leak"}
    manifest = prepare(
        tmp_path / "in" / "train", tmp_path / "out", against=tmp_path / "in" / "test"
    )
    assert (manifest.kept, manifest.dropped) == (2, 1)


def test_modes_and_depths(tmp_path):
    fill(tmp_path / "in", 3, 64)
    random = np.random.default_rng(9)
    deep = random.integers(0, 65536, (64, 64)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "in" / "deep.png")
    broken.picture(random, 64).convert("L").save(tmp_path / "in" / "grey.png")
    broken.picture(random, 64).convert("RGBA").save(tmp_path / "in" / "alpha.png")
    found = {f.kind: dict(f.examples) for f in audit(tmp_path / "in").findings}
    assert found["depth"] == {"8": "5 pictures", "16": "1 pictures"}
    assert set(found["mixed"]) == {"colour", "grey", "alpha"}
    prepare(tmp_path / "in", tmp_path / "out", 64, 1, Rules(bits=16))
    kept = np.asarray(Image.open(tmp_path / "out" / "deep.png"))
    assert np.array_equal(kept, deep)
    prepare(tmp_path / "in", tmp_path / "rgba", 64, 4)
    assert read_image(tmp_path / "rgba" / "grey.png").shape == (4, 64, 64)


def test_channels_by_themselves(tmp_path):
    fill(tmp_path / "in", 2)
    assert prepare(tmp_path / "in", tmp_path / "a").audit.channels == 3
    for path in pictures(tmp_path / "in"):
        Image.open(path).convert("L").save(path)
    assert prepare(tmp_path / "in", tmp_path / "b").audit.channels == 1
    assert read_image(tmp_path / "b" / "0000.png").shape == (1, 64, 64)


def test_turned_pictures_are_written_upright(tmp_path):
    (tmp_path / "in").mkdir()
    image = broken.picture(np.random.default_rng(2), 64)
    for orientation in range(1, 9):
        note = Image.Exif()
        note[274] = orientation
        image.save(tmp_path / "in" / f"{orientation}.jpg", exif=note, quality=95)
    prepare(tmp_path / "in", tmp_path / "out", 64, rules=Rules(near=-1))
    for orientation in range(1, 9):
        ours = read_image(tmp_path / "out" / f"{orientation}.png")
        assert (ours - read_image(tmp_path / "in" / f"{orientation}.jpg")).abs().max() < 0.02


def test_films_become_several_pictures(tmp_path):
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(3)
    first, *rest = [broken.picture(random, 64) for _ in range(4)]
    first.save(tmp_path / "in" / "film.gif", save_all=True, append_images=rest)
    prepare(tmp_path / "in", tmp_path / "out", 32)
    assert len(pictures(tmp_path / "out")) == 4
    assert len(lines(tmp_path / "out")["film.gif"]["outputs"]) == 4
    assert prepare(tmp_path / "in", tmp_path / "out", 32).written == 0


def test_arrays(tmp_path):
    stack = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), np.uint8)
    stack[3] = stack[1]
    stack[4] = 77
    assert audit(stack, 12).dropped == {"[3]": "duplicate", "[4]": "blank"}
    np.savez(tmp_path / "a.npz", images=stack)
    manifest = prepare(tmp_path / "a.npz", tmp_path / "out", 12)
    assert manifest.kept == 3
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "0.png")), stack[0])
    assert prepare(tmp_path / "a.npz", tmp_path / "out", 12).written == 0
    assert audit(stack, 12).html().count("data:image") >= 2


def test_every_kind_says_what_it_does_and_what_helps():
    for kind in KINDS.values():
        assert kind.severity in ("error", "warning", "note") and kind.effect and kind.remedy


# -- again and again ----------------------------------------------------------------------------


def test_a_second_run_does_nothing_and_says_so(tmp_path):
    folder = fill(tmp_path / "in" / "c", 20).parent
    assert prepare(folder, tmp_path / "out").written == 20
    before = tree(tmp_path / "out")
    manifest = prepare(folder, tmp_path / "out")
    assert manifest.written == 0 and "nothing to do" in str(manifest)
    assert tree(tmp_path / "out") == before


def test_what_changed_is_done_again(tmp_path):
    folder, out = fill(tmp_path / "in", 6), tmp_path / "out"
    prepare(folder, out)
    write_image(folder / "0001.png", read_image(folder / "0001.png").flip(1))
    (folder / "0002.png").unlink()
    (out / "0003.png").write_bytes(b"spoilt")
    (out / "0004.png").unlink()
    fill(folder, 8)  # two more; the same pixels again, at a later time, for all
    (folder / "0002.png").unlink()
    manifest = prepare(folder, out)
    assert (manifest.gone, manifest.kept) == (1, 7) and "1 removed" in str(manifest)
    assert not (out / "0002.png").exists() and len(pictures(out)) == 7
    assert lines(out)["0002.png"]["state"] == "gone"
    fill(folder, 3)
    assert prepare(folder, out).kept == 8 and (out / "0002.png").exists()


def test_a_copy_takes_over_when_the_first_goes(tmp_path):
    folder, out = fill(tmp_path / "in", 2), tmp_path / "out"
    (folder / "0000b.png").write_bytes((folder / "0000.png").read_bytes())
    assert prepare(folder, out).kept == 2 and not (out / "0000b.png").exists()
    (folder / "0000.png").unlink()
    assert prepare(folder, out).kept == 2 and (out / "0000b.png").exists()


def test_vetoes_need_no_new_start(tmp_path):
    folder, out = fill(tmp_path / "in", 3), tmp_path / "out"
    (folder / "copy.png").write_bytes((folder / "0000.png").read_bytes())
    prepare(folder, out)
    rules = Rules(keep=("copy.png",), drop=("0001.png",))
    assert prepare(folder, out, rules=rules).kept == 3
    assert (out / "copy.png").exists() and not (out / "0001.png").exists()
    with pytest.raises(ValueError, match="neither a kind"):
        prepare(folder, out, rules=Rules(keep=("nonsense",)))
    assert prepare(folder, out).kept == 3 and not (out / "copy.png").exists()


def test_other_settings_are_refused_or_made_anew(tmp_path):
    folder, out = fill(tmp_path / "in", 3), tmp_path / "out"
    prepare(folder, out, 32)
    for change in ({"size": 48}, {"rules": Rules(trim=True)}, {"channels": 1}):
        with pytest.raises(ValueError, match="redo=True"):
            prepare(folder, out, **({"size": 32} | change))
    with pytest.raises(ValueError, match="source"):
        prepare(fill(tmp_path / "other", 2), out, 32)
    assert prepare(folder, out, 48, redo=True).written == 3
    assert read_image(out / "0000.png").shape == (3, 48, 48)


def test_places_that_are_refused(tmp_path):
    folder = fill(tmp_path / "in" / "a", 2).parent
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "mine.txt").write_text("keep me")
    for out in (folder, folder / "out", tmp_path, foreign, foreign / "mine.txt"):
        with pytest.raises(ValueError, match="choose"):
            prepare(folder, out)
    assert tree(foreign).keys() - {".lock"} == {"mine.txt"} and not (folder / "out").exists()


def test_nothing_left_is_said(tmp_path):
    with pytest.raises(ValueError, match="none of the 2 files in .* can stay .2 too small.: keep"):
        prepare(fill(tmp_path / "in", 2, size=8), tmp_path / "out")


def test_two_at_once_are_refused(tmp_path):
    folder = fill(tmp_path / "in", 2)
    refused = []

    def second(done, total):
        try:
            prepare(folder, tmp_path / "out")
        except ValueError as error:
            refused.append(str(error))

    prepare(folder, tmp_path / "out", progress=second)
    assert refused and "another process" in refused[0]


PROGRAM = """
import sys
import threading
from ganbook.cleaning import prepare
def tell(done, total): print(done, flush=True)
prepare(sys.argv[1], sys.argv[2], 256, progress=tell, workers=2)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_in_the_middle_it_goes_on(tmp_path):
    folder, out = fill(tmp_path / "in" / "a", 400, 200).parent, tmp_path / "out"
    for path in list((folder / "a").iterdir())[::2]:  # copies, which a worker writes in vain
        shutil.copy(path, path.with_name(f"{path.stem}-copy.png"))
    environment = {**os.environ, "PYTHONPATH": str(broken.Path(cleaning.__file__).parents[1])}
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(out)],
        stdout=subprocess.PIPE,
        env=environment,
    )
    while int(child.stdout.readline()) < 64:
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not json.loads((out / "manifest.json").read_text())["complete"]
    with open(out / "manifest.jsonl", "a") as log:
        log.write('{"name": "a/0199.png", "fac')  # half a line
    done = len((out / "manifest.jsonl").read_text().splitlines()) - 1
    manifest = prepare(folder, out, 256, workers=2)
    assert 64 <= done < 600 and manifest.written == 600 - done and manifest.kept == 400
    assert json.loads((out / "manifest.json").read_text())["complete"]
    assert prepare(folder, out, 256).written == 0
    prepare(folder, tmp_path / "fresh", 256)
    assert {n: d for n, (d, _) in tree(out).items() if n.endswith(".png")} == {
        n: d for n, (d, _) in tree(tmp_path / "fresh").items() if n.endswith(".png")
    }


FULL = """
import resource
import sys
from ganbook.cleaning import prepare
resource.setrlimit(resource.RLIMIT_FSIZE, (2**13, 2**13)) # as on a full disk: no longer file
try: prepare(sys.argv[1], sys.argv[2], 64, workers=int(sys.argv[3]))
except OSError as error: print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_cannot_be_written_stops_with_its_name(tmp_path, workers):
    folder, out = fill(tmp_path / "in", 200, 64), tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": str(broken.Path(cleaning.__file__).parents[1])}
    command = [sys.executable, "-c", FULL, str(folder), str(out), str(workers)]
    said = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert said.returncode == 0 and "File too large" in said.stdout and ".png" in said.stdout
    assert len(said.stdout.splitlines()) == 1 and not said.stderr
    assert prepare(folder, out).kept == 200  # once there is room


def test_one_decode_a_file(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(0)
    for i in range(5):
        broken.picture(random, 64).save(tmp_path / "in" / f"{i}.jpg")
    opened, real = [], cleaning._fast
    monkeypatch.setattr(
        cleaning, "_fast", lambda path, *more: opened.append(path) or real(path, *more)
    )
    prepare(tmp_path / "in", tmp_path / "out")
    assert len(opened) == 5


# -- by hand ------------------------------------------------------------------------------------


def test_the_browser_without_a_browser(tmp_path):
    folder = fill(tmp_path / "in", 3)
    for i in range(10):
        (folder / f"copy {i}.png").write_bytes((folder / "0000.png").read_bytes())
    browser = browse(audit(folder), page=4)
    browser.kind.value = "duplicate"
    assert len(browser.boxes) == 4 and browser.number.max == 3
    browser.boxes["copy 1.png"].value = True
    browser.number.value = 3
    assert list(browser.boxes) == ["copy 8.png", "copy 9.png"]
    browser.number.value = 1
    assert browser.boxes["copy 1.png"].value and not browser.boxes["copy 2.png"].value
    assert prepare(folder, tmp_path / "out", rules=browser.rules()).kept == 4


def test_the_browser_of_a_clean_folder(tmp_path):
    assert browse(audit(fill(tmp_path / "in", 2, 64), rules=Rules(few=0))).boxes == {}


def test_time_is_not_lost_on_waiting():
    start = time.perf_counter()
    list(cleaning._in_order(lambda i: time.sleep(0.001), range(64), 8))
    assert time.perf_counter() - start < 60


def test_the_first_file_of_a_process_is_read_like_all_others(tmp_path):
    "PIL loads its formats late: not after the first pictures."
    (tmp_path / "in").mkdir()
    image = broken.picture(np.random.default_rng(0), 256)
    for name in ("a.jpg", "b.webp", "c.tif"):
        image.save(tmp_path / "in" / name)
    code = f"from ganbook.cleaning import audit; print(audit({str(tmp_path / 'in')!r}).to_dict())"
    environment = {**os.environ, "PYTHONPATH": str(broken.Path(cleaning.__file__).parents[1])}
    alone = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert alone.stdout.strip() == str(audit(tmp_path / "in").to_dict())


# -- near copies --------------------------------------------------------------------------------


def saved_at(quality):
    def save(image, path):
        image.save(path.with_suffix(".jpg"), quality=quality)

    return save


def changed(change):
    def save(image, path):
        change(image).save(path.with_suffix(".png"))

    return save


VERSIONS = {
    "quality 60": saved_at(60),
    "quality 75": saved_at(75),
    "quality 90": saved_at(90),
    "2 % cropped": changed(lambda i: i.crop((2, 2, i.width - 1, i.height - 1))),
    "shrunk to 3/5": changed(lambda i: i.resize((i.width * 3 // 5, i.height * 3 // 5))),
    "grown to 3/2": changed(lambda i: i.resize((i.width * 3 // 2, i.height * 3 // 2))),
    "brighter": changed(lambda i: i.point(lambda v: min(255, v + 25))),
    "darker": changed(lambda i: i.point(lambda v: max(0, v - 25))),
}


def tiles(side=144):
    "Pieces of photographs that do not overlap."
    photos = [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    photos += [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea")]
    for photo in photos:
        for top in range(0, photo.shape[0] - side + 1, side):
            for left in range(0, photo.shape[1] - side + 1, side):
                yield Image.fromarray(photo[top : top + side, left : left + side])


@pytest.mark.parametrize("name", VERSIONS)
def test_copies_of_photographs_are_found(name, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    for i, tile in enumerate(tiles()):
        tile.save(tmp_path / "a" / f"{i}.png")
        VERSIONS[name](tile, tmp_path / "b" / f"{i}")
    report = audit(tmp_path, rules=Rules(few=0))
    told = {path for path, kinds in flags(report).items() if {*kinds} & {"near", "alike"}}
    found = sum(path.startswith("b/") for path in told)
    print(f"{name}: {found} of {i + 1} found, {len(report.dropped)} dropped")
    assert found > 0.9 * (i + 1) and found == len(told)
    assert name == "2 % cropped" or len(report.dropped) > 0.85 * (i + 1)


@pytest.mark.parametrize("name, count", [("digits", 1797), ("glyphs", 3000), ("numerals", 3000)])
def test_what_is_merely_alike_stays(name, count):
    dropped = audit(to_array(load_set(name, count=count).images), 8).dropped
    print(f"{name}: {len(dropped)} of {count} dropped")
    assert len(dropped) < 0.005 * count


def test_rooms_stay():
    rooms = to_array(load_set("rooms", count=60).images)
    assert audit(rooms, 64).dropped == {}


# -- what is left behind ------------------------------------------------------------------------


def test_a_refusal_leaves_nothing_behind(tmp_path):
    folder, empty = fill(tmp_path / "in", 2, size=8), tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "mine.txt").write_text("keep me")
    before = sorted(tmp_path.rglob("*"))
    for out in (tmp_path / "new" / "deep" / "out", empty, tmp_path / "foreign", folder / "x"):
        with pytest.raises(ValueError):
            prepare(folder, out)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_breaks_later_loses_its_picture(tmp_path):
    folder, out = fill(tmp_path / "in", 3), tmp_path / "out"
    prepare(folder, out)
    (folder / "0001.png").write_bytes(b"no picture any more")
    assert prepare(folder, out).kept == 2 and not (out / "0001.png").exists()


def test_a_page_says_who_made_it(tmp_path):
    page = audit(fill(tmp_path / ("x" * 200), 2)).html()
    assert '<meta name="generator" content="ganbook">' in page[:300]


# -- what prepare must never do ------------------------------------------------------------------


def colours(path, seed=0, size=(80, 80)):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(values).resize(size).save(path)


def test_no_name_leads_out_of_the_new_folder(tmp_path):
    source, victim = tmp_path / "source", tmp_path / "victim" / "photo.png"
    for seed, name in enumerate(("[", "]", "[]", "plain")):
        colours(source / name / "photo.jpg", seed)
    colours(source.joinpath("[", *victim.with_suffix(".jpg").parts[1:]), 7)
    victim.parent.mkdir()
    victim.write_bytes(b"mine")
    made = prepare(source, tmp_path / "out", rules=Rules(near=-1))
    assert victim.read_bytes() == b"mine" and made.kept == 5
    assert len(list((tmp_path / "out").rglob("*.png"))) == 5


def test_a_manifest_that_leads_out_is_refused(tmp_path):
    colours(tmp_path / "source" / "a.png")
    prepare(tmp_path / "source", tmp_path / "out")
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"mine")
    log = tmp_path / "out" / "manifest.jsonl"
    log.write_text(log.read_text().replace('[["a.png"', '[["../victim.png"'))
    (tmp_path / "source" / "a.png").unlink()
    colours(tmp_path / "source" / "b.png", 1)
    with pytest.raises(ValueError, match="leads out of the folder"):
        prepare(tmp_path / "source", tmp_path / "out")
    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize("text", ['{"name": "my app"}', "[]", '{"settings": null}', "{"])
def test_a_manifest_of_somebody_else_is_left_alone(tmp_path, text):
    colours(tmp_path / "source" / "a.png")
    other = tmp_path / "app"
    other.mkdir()
    (other / "manifest.json").write_text(text)
    for redo in (False, True):
        with pytest.raises(ValueError, match="was not made by prepare"):
            prepare(tmp_path / "source", other, redo=redo)
    assert [p.name for p in other.iterdir()] == ["manifest.json"]
    assert (other / "manifest.json").read_text() == text


def test_a_folder_that_cannot_be_opened_is_not_taken_for_empty(tmp_path, monkeypatch):
    for seed in range(3):
        colours(tmp_path / "source" / "cats" / f"{seed}.png", seed)
    colours(tmp_path / "source" / "dog.png", 9)
    prepare(tmp_path / "source", tmp_path / "out", rules=Rules(near=-1))
    before = sorted((tmp_path / "out").rglob("*.png"))
    real = os.scandir

    def refused(place):
        if str(place).endswith("cats"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    with monkeypatch.context() as away:
        away.setattr(os, "scandir", refused)
        with pytest.raises(ValueError, match="cats cannot be opened, so nothing of it was removed"):
            prepare(tmp_path / "source", tmp_path / "out", rules=Rules(near=-1))
    assert sorted((tmp_path / "out").rglob("*.png")) == before and len(before) == 4


def test_a_folder_named_like_a_picture_beside_it(tmp_path):
    colours(tmp_path / "source" / "a.jpg", 1)
    colours(tmp_path / "source" / "a.png" / "x.jpg", 2)
    assert prepare(tmp_path / "source", tmp_path / "out", rules=Rules(near=-1)).kept == 2


def test_colours_of_one_brightness_are_not_blank(tmp_path):
    board = np.indices((80, 80)).sum(0)[..., None] // 8 % 2
    values = np.where(board, (255, 0, 0), (0, 130, 0)).astype(np.uint8)
    (tmp_path / "source").mkdir()
    Image.fromarray(values).save(tmp_path / "source" / "board.png")
    assert prepare(tmp_path / "source", tmp_path / "out").kept == 1


# -- workers ------------------------------------------------------------------------------------


def scrambled(count, seed=0, **save):
    "A photograph as a JPEG, and copies of it with a few bytes of its pixels changed."
    random, file = np.random.default_rng(seed), io.BytesIO()
    Image.fromarray(skimage.data.astronaut()[:256, :256]).save(file, "JPEG", quality=90, **save)
    for _ in range(count):
        data = bytearray(file.getvalue())
        for at in random.integers(len(data) // 2, len(data) - 4, 4):
            data[at] = random.integers(0xFE)
        yield bytes(data)


@pytest.mark.parametrize("turned", [1, 6])
def test_what_a_decoder_grumbles_becomes_a_finding_and_is_not_printed(tmp_path, capfd, turned):
    exif = Image.Exif()
    exif[274] = turned
    for i, data in enumerate(scrambled(20, exif=exif) if turned > 1 else scrambled(20)):
        (tmp_path / f"{i}.jpg").write_bytes(data)
    found = {f.kind: f.count for f in audit(tmp_path, rules=Rules(near=-1)).findings}
    assert found.get("damaged", 0) + found.get("unreadable", 0) >= 15
    assert capfd.readouterr().err == ""


def test_many_processes_say_what_one_says_and_draw_no_random_numbers(tmp_path):
    fill(tmp_path / "in", 200)
    (tmp_path / "in" / "0007.png").write_bytes(b"no picture")
    torch.manual_seed(5)
    many, one = (audit(tmp_path / "in", workers=workers) for workers in (3, 1))
    assert many.to_dict() == one.to_dict() and "0007.png" in many.dropped
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert drawn == torch.rand(1)


def test_a_worker_that_dies_is_said_in_one_sentence():
    def work(item):
        if item == 150 and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    parent = os.getpid()
    with pytest.raises(ValueError, match="a worker process failed .*fewer workers"):
        list(cleaning._in_order(work, range(300), 2))


@pytest.mark.parametrize("job", ["audit(here, ", "prepare(here, here + '-out', 256, "])
def test_a_killed_run_leaves_no_process_behind(tmp_path, job):
    fill(tmp_path / "in", 400, 96)
    code = (
        "import sys, time; from ganbook.cleaning import audit, prepare; import os\n"
        "def slow(done, total): print(os.getpid(), flush=True); time.sleep(.2)\n"
        f"here = {str(tmp_path / 'in')!r}\n"
        f"{job}workers=2, progress=slow)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    run.stdout.readline()
    children = psutil.Process(run.pid).children()
    run.kill()
    run.wait()
    assert len(children) == 2
    _, left = psutil.wait_procs(children, timeout=20)
    assert not left


def test_a_window_and_colour_of_scans(tmp_path):
    from pydicom import examples

    scan, colour = examples.get_path("ct"), examples.get_path("rgb_color")
    (tmp_path / "in").mkdir()
    shutil.copy(scan, tmp_path / "in" / "scan.dcm")
    grey = {}
    for name, window in (("wide", (-1000, 3000)), ("narrow", (0, 100))):
        prepare(tmp_path / "in", tmp_path / name, rules=Rules(window=window))
        grey[name] = read_image(tmp_path / name / "scan.png")
    assert grey["wide"].shape[0] == 1 and grey["narrow"].std() > 1.5 * grey["wide"].std()
    with pytest.raises(ValueError, match="window"):
        prepare(tmp_path / "in", tmp_path / "wide", rules=Rules(window=(0, 100)))
    shutil.copy(colour, tmp_path / "in" / "colour.dcm")
    prepare(tmp_path / "in", tmp_path / "both")
    assert read_image(tmp_path / "both" / "colour.png").shape[0] == 3


def test_audits_in_threads_leave_standard_error_as_it_was(tmp_path, capfd):
    for i, data in enumerate(scrambled(12)):
        (tmp_path / f"{i}.jpg").write_bytes(data)
    threads = [threading.Thread(target=audit, args=(tmp_path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"still here\n")
    assert "still here" in capfd.readouterr().err


def test_what_others_say_meanwhile_is_passed_on(capfd):
    with cleaning._overheard() as said:
        os.write(2, b"a bar, half way\nCorrupt JPEG data: bad Huffman code\n")
    assert said == ["Corrupt JPEG data: bad Huffman code\n"]
    assert capfd.readouterr().err == "a bar, half way\n"


def test_a_number_of_workers_that_is_none_is_refused(tmp_path):
    fill(tmp_path, 3)
    with pytest.raises(ValueError, match="workers is -1; 0 .* or more"):
        audit(tmp_path, workers=-1)
    assert audit(tmp_path, workers=0).kept == 3


def test_a_box_never_leaves_the_picture(tmp_path):
    (tmp_path / "in").mkdir()
    shapes = [(w, h) for w in range(60, 400, 17) for h in (61, 97, 200, 251)]
    for i, (w, h) in enumerate(shapes):  # a rounded box began a hair left of some of them
        picture = broken.picture(np.random.default_rng(i), 400).crop((0, 0, w, h))
        picture.save(tmp_path / "in" / f"{i:03}.png")
    for size in (200, (48, 80)):
        manifest = prepare(
            tmp_path / "in", tmp_path / f"{size}", size, rules=Rules(near=-1, tiny=0)
        )
        assert manifest.kept == len(shapes)


def test_a_picture_that_is_all_border_is_not_trimmed_away():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 90), np.uint8)
    for border in ((0.49, 0, 0.49, 0), (0, 0.5, 0, 0.5)):
        assert np.array_equal(
            cleaning._fitted(pixels, (40, 90), border, "stretch"),
            cleaning._fitted(pixels, (40, 90), (0, 0, 0, 0), "stretch"),
        )
    assert cleaning._inner(100, 100, (0.2, 0, 0.2, 0))[0] > 20


def test_threads_of_opencv_do_not_hold_the_workers(tmp_path):
    "A fork leaves threads behind; workers that looked for them waited for ever."
    program = """
import sys, cv2, numpy as np
from pathlib import Path
from ganbook.cleaning import audit
folder = Path(sys.argv[1])
for i in range(150):
    noise = np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / f"{i}.png"), noise)
cv2.setNumThreads(4)
big = np.random.default_rng(0).random((3000, 3000), dtype=np.float32)
for _ in range(3): cv2.GaussianBlur(cv2.resize(big, (2000, 2000)), (31, 31), 5)
found = audit(folder, workers=2)
print(cv2.getNumThreads())
"""
    (tmp_path / "pictures").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "pictures")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "4"  # and the caller's own setting is as it was
