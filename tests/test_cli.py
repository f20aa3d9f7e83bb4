"The command line as a stranger meets it, with good folders and with bad ones."

import contextlib
import functools
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    "OMP_NUM_THREADS": "1",
    "PYTHONUTF8": "1",
}
STATED = {"GANBOOK_TRACEBACK": ""}


def command(*words):
    return [sys.executable, "-m", "ganbook.cli", *map(str, words)]


def ganbook(*words, folder=None, **environment):
    "(exit code, stdout, stderr) of a command in a process of its own."
    done = subprocess.run(
        command(*words),
        cwd=folder,
        env={**ENVIRONMENT, **STATED, **environment},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


def here(*words):
    "(exit code) of a command in this process: for what must not cost an import of torch each time."
    from ganbook.cli import app

    with pytest.raises(SystemExit) as end:
        app(list(map(str, words)))
    return end.value.code


def ran(*words):
    "(exit code, stdout, stderr) of a command in this process, for fixtures, which have no capsys."
    from typer.testing import CliRunner

    from ganbook.cli import app

    done = CliRunner().invoke(app, list(map(str, words)))
    return done.exit_code, done.stdout, done.stderr


def one_sentence(out, err):
    "Nothing on stdout; on stderr one line that begins with the program's name."
    said = [line for line in err.splitlines() if line.strip()]
    assert out == "" and len(said) == 1 and said[0].startswith("ganbook: "), out + err
    assert "Traceback" not in err
    return said[0]


def photograph(i, height=40, width=48, mode="RGB"):
    rng = np.random.default_rng(i)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height)).convert(mode)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    "A folder as folders are: formats, sizes, depths and channels mixed, some files broken."
    folder = tmp_path_factory.mktemp("an album")
    deep = folder / "Übung 1"
    deep.mkdir()
    for i in range(4):
        photograph(i).save(deep / f"p {i}.jpg")
        photograph(i, 90, 30).save(deep / f"q{i}.webp")
    photograph(5, mode="L").save(folder / "grey.png")
    photograph(6, mode="RGBA").save(folder / "alpha.png")
    photograph(7, mode="P").save(folder / "palette.gif")
    upright = Image.Exif()
    upright[274] = 6
    photograph(8).save(folder / "turned.jpg", exif=upright)
    Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40).save(
        folder / "16bit.png"
    )
    whole = io.BytesIO()
    photograph(9, 200, 200).save(whole, "JPEG")
    (folder / "half.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (folder / "text.jpg").write_text("I am no picture.\n")
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("not looked at\n")
    return folder


# -- good use -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    "A quickstart of three seconds, with what it said."
    folder = tmp_path_factory.mktemp("first")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as quick:
        from ganbook.features import train_classifier

        taught = functools.partial(train_classifier, steps=90)  # 400 would take most of the time
        quick.setattr("ganbook.features.train_classifier", taught)
        said = ran("quickstart", "--minutes", ".05", "--json")
    assert said[0] == 0, said
    return folder, said


def test_quickstart_leaves_a_whole_run(first):
    folder, (_, out, err) = first
    report, run = json.loads(out), folder / "runs" / "quickstart"
    kinds = ("config.json", "log.jsonl", "curves.png", "generator.safetensors", "report.json")
    assert all((run / name).stat().st_size for name in (*kinds, "samples.png"))
    assert list((run / "samples").glob("*.png")) and list((run / "checkpoints").iterdir())
    assert json.loads((run / "report.json").read_text(encoding="utf-8")) == report
    assert report["images"] + report["held_out"] == 1797 and report["against"] == "held-out"
    distance = report["distance"]
    assert 0 < distance["floor"] < distance["low"] < distance["value"] < distance["high"]
    assert report["classes"]["classifier_accuracy"] > 0.9
    assert "digits: 1797 pictures of 8x8, grey, 10 classes" in err
    assert "images/s" in err and "Traceback" not in err


def test_its_sheet_has_a_readable_row_for_each_class(first):
    with Image.open(first[0] / "runs" / "quickstart" / "samples.png") as sheet:
        assert min(sheet.size) >= 480 and sheet.size[0] == sheet.size[1]


def test_a_second_quickstart_leaves_the_first_alone(first, tmp_path):
    from ganbook.cli import free_run

    taken = first[0] / "runs" / "quickstart"
    before = (taken / "config.json").read_bytes()
    with free_run(taken) as second, free_run(taken) as third:  # two at once
        assert [r.folder.name for r in (second, third)] == ["quickstart-2", "quickstart-3"]
    assert (taken / "config.json").read_bytes() == before


def test_generate_writes_a_sheet_or_a_file_each(first, capsys):
    run = first[0] / "runs" / "quickstart"
    again = [first[0] / "a.png", first[0] / "b.png"]
    choice = ("--n", 3, "--label", 7, "--seed", 4)
    assert here("generate", run, *choice, "--out", again[0]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "3 new pictures" in out
    assert here("generate", run / "generator.safetensors", *choice, "--out", again[1]) == 0
    assert (
        again[0].read_bytes() == again[1].read_bytes()
    )  # the checkpoint and the generator alone say the same
    capsys.readouterr()
    assert here("generate", run, "--n", 12, "--out", first[0] / "each", "--json") == 0
    assert json.loads(capsys.readouterr().out)["n"] == 12
    files = sorted(
        p.relative_to(first[0] / "each").as_posix() for p in (first[0] / "each").rglob("*.png")
    )
    assert len(files) == 12 and files[0] == "0/00000.png"
    with Image.open(first[0] / "each" / files[0]) as picture:
        assert picture.size == (8, 8)


def test_force_replaces_the_pictures_that_generate_wrote_and_nothing_else(first, tmp_path, capsys):
    run, out = first[0] / "runs" / "quickstart", tmp_path / "new"
    words = ("generate", run, "--out", out, "--n")
    assert here(*words, 30) == 0
    (out / "mine.png").write_text("mine")
    (out / "0" / "99999.png").write_text("mine")
    assert here(*words, 10) == 2
    assert here(*words, 10, "--force", "--label", 11) == 2  # refused before anything is removed
    assert len(list(out.rglob("0*.png"))) == 30
    assert here(*words, 10, "--force") == 0
    assert len(list(out.rglob("0*.png"))) == 10
    assert all(p.read_text() == "mine" for p in (out / "mine.png", out / "0" / "99999.png"))
    (out / ".generated.json").write_text('["../kept/0.png", 3]')  # a list of somebody else's
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "0.png").write_text("mine")
    assert here(*words, 10, "--force") == 0 and (tmp_path / "kept" / "0.png").exists()
    capsys.readouterr()
    other = ("generate", run, "--out", tmp_path / "kept", "--force")
    assert here(*other) == 2
    assert "was not written by ganbook generate" in one_sentence(*capsys.readouterr())


def test_what_is_there_is_not_replaced(first, capsys):
    run, there = first[0] / "runs" / "quickstart", first[0] / "there.png"
    there.write_text("mine")
    for words in (
        ("generate", run, "--out", there),
        ("train", "digits", "--out", run, "--steps", 1),
        ("datasets", "digits", "--out", run),
    ):
        assert here(*words) == 2
        one_sentence(*capsys.readouterr())
    assert there.read_text() == "mine"


@pytest.fixture(scope="module")
def trained(album, tmp_path_factory):
    "Three steps on the album."
    folder = tmp_path_factory.mktemp("trained")
    said = ran("train", album, "--out", folder / "run", "--steps", 3, "--size", "16x24")
    return folder / "run", said


def test_a_dirty_folder_trains_and_the_broken_files_are_named(trained):
    run, (code, out, err) = trained
    assert code == 0 and "13 pictures of 16x24, colour" in err
    assert "skipped 3 files" in err and "Traceback" not in err
    assert all(name in err for name in ("half.jpg", "text.jpg", "empty.png"))
    assert "too few to measure with" in out
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert len(report["skipped"]) == 3 and report["measured"] is False and report["step"] == 3


def test_resume_goes_on_and_says_when_there_is_nothing_to_do(trained, album, capsys):
    run, _ = trained
    assert here("train", album, "--out", run, "--resume") == 2
    assert "has reached its goal at step 3" in capsys.readouterr().err
    assert here("train", album, "--out", run, "--resume", "--size", 32) == 2
    assert "was begun with size (16, 24)" in capsys.readouterr().err
    assert here("train", album, "--out", run, "--resume", "--steps", 5, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["step"] == 5 and "going on after step 3" in err


def test_evaluate_knows_what_was_trained_on(tmp_path, capsys):
    pictures = np.stack([np.asarray(photograph(i, 16, 16)) for i in range(140)])
    np.save(tmp_path / "a.npy", pictures[:70])
    np.savez(tmp_path / "b.npz", images=pictures[70:].transpose(0, 3, 1, 2))
    assert here("train", tmp_path / "a.npy", "--out", tmp_path / "run", "--steps", 2) == 0
    capsys.readouterr()
    for data, against in (("a.npy", "training"), ("b.npz", "given")):
        assert here("evaluate", tmp_path / "run", "--data", tmp_path / data, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["against"], found["n_real"], found["step"]) == (against, 70, 2)
        assert found["distance"]["value"] > 0
    words = ("evaluate", tmp_path / "run", "--data", tmp_path / "a.npy", "--n", 10, "--json")
    assert here(*words) == 2
    assert "10 pictures" in capsys.readouterr().err


def test_an_own_encoder_is_named_and_sees_only_what_was_trained_on(tmp_path, monkeypatch, capsys):
    from ganbook import features

    taught, real = [], features.train_encoder
    monkeypatch.setattr(
        features,
        "train_encoder",
        lambda images, labels, seed: taught.append(len(images)) or real(images, labels, 10, seed),
    )
    assert here("train", "digits", "--out", tmp_path / "run", "--steps", 1) == 0
    assert "the book's grey encoder" in capsys.readouterr().out
    words = ("evaluate", tmp_path / "run", "--data", "digits", "--n", 100, "--encoder", "own")
    assert here(*words) == 0
    assert "compare only with themselves" in capsys.readouterr().out
    assert taught == [1438]  # of 1797; the others are measured with


def test_too_few_unseen_pictures_to_split_are_still_unseen(first, tmp_path, capsys):
    from ganbook.datasets import load_set

    run, glyphs = first[0] / "runs" / "quickstart", load_set("glyphs", size=8).take(slice(0, 4000))
    few = glyphs.take((glyphs.labels < 10).nonzero().flatten()[:100])  # one more than 65, no 130
    assert few.classes[:10] == tuple("0123456789")
    grey = ((few.images[:, 0] + 1) * 127.5).round().byte().numpy()
    named = {"labels": few.labels.numpy()}
    np.savez(tmp_path / "few.npz", images=grey, **named)
    np.savez(tmp_path / "one.npz", images=grey, groups=0 * few.labels.numpy(), **named)
    for name in ("few.npz", "one.npz"):
        assert here("evaluate", run, "--data", tmp_path / name, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["against"], found["n_real"], "classes" in found) == ("given", 100, False)


def test_datasets(tmp_path, monkeypatch, capsys):
    from ganbook.datasets import load_set

    few = load_set("digits").take(slice(0, 40))
    monkeypatch.setattr("ganbook.datasets.load_set", lambda *name, **more: few)
    assert here("datasets", "--json") == 0
    names = [card["name"] for card in json.loads(capsys.readouterr().out)["sets"]]
    assert {"digits", "numerals", "rooms", "thorax-ct", "mnist"} <= set(names)
    assert here("datasets") == 0 and "Downloaded when asked for" in capsys.readouterr().out
    assert here("datasets", "digits") == 0 and "CC BY" in capsys.readouterr().out
    assert here("datasets", "digits", "--out", tmp_path / "d") == 0
    assert len(list((tmp_path / "d").glob("[0-9]/*.png"))) == 40
    assert here("datasets", "digits", "--out", tmp_path / "d.npz") == 0
    with np.load(tmp_path / "d.npz") as held:
        assert held["images"].shape == (40, 8, 8, 1)
        assert (held["labels"] == few.labels.numpy()).all()


def test_a_written_set_keeps_groups_depth_and_facts(tmp_path, capsys):
    from ganbook.datasets import load_data, load_set

    whole = load_set("thorax-ct", count=15)
    assert here("datasets", "thorax-ct", "--count", 15, "--out", tmp_path / "ct") == 0
    folder = load_data(tmp_path / "ct", 64, labels=True)
    assert folder.groups is not None and len(folder.groups.unique()) == 3  # patients
    order = [int(p.stem) for p in sorted((tmp_path / "ct").rglob("*.png"))]
    assert (folder.images - whole.images[order]).abs().max() < 1e-6  # 16 bits, not 8
    assert here("datasets", "thorax-ct", "--count", 15, "--out", tmp_path / "ct.npz") == 0
    held = load_data(tmp_path / "ct.npz")
    assert held.classes == whole.classes and set(held.facts) == set(whole.facts)
    assert (held.groups == whole.groups).all() and held.names == whole.names


def test_check_reports_and_changes_nothing(album, tmp_path, capsys):
    before = {p: p.stat().st_mtime_ns for p in album.rglob("*")}
    page = tmp_path / "report.html"
    assert here("check", album, "--size", 32, "--report", page, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {p: p.stat().st_mtime_ns for p in album.rglob("*")} == before
    assert {"half.jpg", "text.jpg", "empty.png"} <= set(found["dropped"])
    assert "a step with 32 pictures of 32x32 takes" in found["cost"]
    assert "half.jpg" in page.read_text(encoding="utf-8") and found["report"] == str(page)
    assert here("check", album, "--size", 32, "--report", page) == 0  # its own page is replaced
    assert "ganbook prepare" in capsys.readouterr().out


@pytest.mark.parametrize("window", ["1;2", "40,x", "7,7"])
def test_a_window_that_is_none_is_refused(album, window, capsys):
    assert here("check", album, "--window", window) == 2
    assert "window" in capsys.readouterr().err


def test_a_window_changes_what_is_written_of_a_scan(tmp_path):
    from pydicom import examples

    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.dcm").write_bytes(Path(examples.get_path("ct")).read_bytes())
    for name, window in (("wide", "-1000,3000"), ("soft", "-160,240")):
        assert (
            here("prepare", tmp_path / "scans", "--out", tmp_path / name, "--window", window) == 0
        )
    wide, soft = (np.asarray(Image.open(tmp_path / name / "a.png")) for name in ("wide", "soft"))
    assert soft.std() > 1.5 * wide.std()


def test_prepare_writes_what_train_reads_and_is_done_the_second_time(album, tmp_path, capsys):
    words = ("prepare", album, "--out", tmp_path / "clean", "--size", 16)
    assert here(*words, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    pictures = sorted((tmp_path / "clean").rglob("*.png"))
    assert len(pictures) == made["kept"] > 5 and made["written"] > 0
    assert {Image.open(p).size for p in pictures} == {(16, 16)}
    stamps = [p.stat().st_mtime_ns for p in pictures]
    assert here(*words) == 0 and "ganbook train" in capsys.readouterr().out
    assert [p.stat().st_mtime_ns for p in pictures] == stamps
    assert here(*words[:-1], 32) == 2 and "--redo" in one_sentence(*capsys.readouterr())
    assert here("train", tmp_path / "clean", "--out", tmp_path / "run", "--steps", 1) == 0


def test_a_folder_without_a_name_of_its_own(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "few.npy", np.zeros((4, 8, 8), np.uint8))
    words = ("quickstart", "--data", "../few.npy", "--minutes", ".001", "--out")
    tmp_path = tmp_path / "here"
    tmp_path.mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    for name in (".", ".."):
        assert here(*words, name) == 2
        assert f"--out {name} is not empty, or in use: name a new folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "mine.txt").unlink()
    assert here(*words, ".") == 0 and (tmp_path / "report.json").exists()


@pytest.mark.parametrize("given, threads", [(None, "1"), ("", "1"), (" ", "1"), ("3", "3")])
def test_an_empty_number_of_threads_is_none(given, threads, monkeypatch):
    from ganbook.cli import one_thread

    monkeypatch.delenv("OMP_NUM_THREADS")
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    one_thread()
    assert os.environ["OMP_NUM_THREADS"] == threads


def test_the_bar_counts_every_real_picture(monkeypatch):
    from ganbook import api

    seen = []
    monkeypatch.setattr(api, "progress", lambda records, *bar: seen.append(bar) or records)
    api.create_gan(8, recipe=api.PRESETS["wasserstein"]).fit("digits", steps=1)
    assert [bar[:4] for bar in seen] == [(5 * 32, 1, None, True)]


def test_a_loaded_run_knows_its_history(tmp_path):
    from ganbook.api import create_gan, load

    gan = create_gan(8).fit("digits", steps=25, run=tmp_path / "run", show=False)
    assert [record["step"] for record in gan.history] == [10, 20]
    assert load(tmp_path / "run").history == gan.history


# -- several processes --------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun needs gloo over libuv there")
def test_of_two_processes_the_first_speaks_and_writes(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    alone = ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "-m", "ganbook.cli"]
    np.save(tmp_path / "few.npy", np.zeros((64, 8, 8), np.uint8))
    words = ["train", "few.npy", "--out", "run", "--steps", "12", "--json"]
    done = subprocess.run(
        [*torchrun, *alone, *words],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["step"] == 12  # one document
    assert done.stderr.count("64 pictures of 8x8") == 1
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in log]
    assert steps == sorted(set(steps)) and steps[-1] == 10


def test_the_second_process_is_silent_and_locks_nothing(tmp_path, monkeypatch, capsys):
    from ganbook.cli import held, note, result
    from ganbook.training import Run

    monkeypatch.setenv("RANK", "1")
    note("hello")
    result({}, "hello", False)
    with held(Run(tmp_path / "run")):
        assert not (tmp_path / "run").exists()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    (tmp_path / "run").mkdir()
    assert here("generate", tmp_path / "run", "--out", tmp_path / "x.png") == 2
    assert "generate works in one process" in one_sentence(*capsys.readouterr())


# -- interruptions ------------------------------------------------------------------------------


def started(words, folder, until):
    "A process that has come as far as this in what it says."
    process = subprocess.Popen(
        command(*words), cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, encoding="utf-8"
    )
    seen = ""
    while until not in seen and process.poll() is None:
        seen += process.stderr.read(1)
    assert process.poll() is None, seen
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that means Ctrl-C")
def test_ctrl_c_keeps_all_and_says_how_to_go_on(album, tmp_path, monkeypatch, capsys):
    def impatient(records, *more):
        for record in records:
            if record.step == 2:
                signal.raise_signal(signal.SIGINT)
            yield record

    with monkeypatch.context() as pressed:
        pressed.setattr("ganbook.api.progress", impatient)
        assert here("train", album, "--out", tmp_path / "run", "--minutes", 5, "--size", 16) == 130
    said = capsys.readouterr().err
    assert "--resume" in said and "Traceback" not in said
    step = int(sorted((tmp_path / "run" / "checkpoints").iterdir())[-1].name)
    assert step >= 2 and not (tmp_path / "run" / "report.json").exists()
    words = ("train", album, "--out", tmp_path / "run", "--resume", "--steps", step + 1, "--json")
    assert here(*words) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["step"] == step + 1 and f"going on after step {step}" in err


def test_a_killed_run_frees_its_folder(album, tmp_path, capsys):
    words = ("train", album, "--out", tmp_path / "run", "--steps", 10**6, "--size", 16)
    process = started(words, tmp_path, "step 1")
    assert here(*words) == 2  # meanwhile: somebody else wants the folder
    assert "holds a run already" in one_sentence(*capsys.readouterr())
    process.kill()
    process.communicate(timeout=60)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["plan"]["steps"] == 10**6
    assert here("generate", tmp_path / "run", "--out", tmp_path / "x.png") == 2
    assert "no checkpoint yet" in one_sentence(*capsys.readouterr())
    words = ("train", album, "--out", tmp_path / "run", "--resume", "--steps", 2, "--json")
    assert here(*words) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 2


def test_a_loss_that_is_not_finite_names_the_checkpoint_where_there_is_one(
    tmp_path, monkeypatch, capsys
):
    def burst(gan, *more):
        raise FloatingPointError(f"step {gan.step + 1}: a loss is not finite")
        yield

    np.save(tmp_path / "a.npy", np.zeros((4, 8, 8), np.uint8))
    words = ("train", tmp_path / "a.npy", "--out", tmp_path / "run")
    with monkeypatch.context() as broken:
        broken.setattr("ganbook.api.play", burst)
        assert here(*words, "--steps", 5) == 1
        assert capsys.readouterr().err.rstrip().endswith("step 1: a loss is not finite")
    assert here(*words, "--steps", 2, "--force") == 0
    monkeypatch.setattr("ganbook.api.play", burst)
    assert here(*words, "--steps", 5, "--resume") == 1
    assert (
        "step 3: a loss is not finite; the checkpoint of step 2 is kept" in capsys.readouterr().err
    )


# -- translation --------------------------------------------------------------------------------


def drawn(seed, sides=(20, 16)):
    "A bright bar on black."
    picture, (y, x) = (
        np.zeros(sides, np.uint8),
        np.random.default_rng(seed).integers(2, 10, 2),
    )
    picture[y : y + 5, x : x + 4] = 220
    return picture


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    "Two folders of partners, one of them broken; two of strangers, with classes; odd files."
    folder = tmp_path_factory.mktemp("two sides")
    for i in range(6):
        name = f"sub a/{i}.png" if i % 2 else f"{i}.png"
        for side, picture in (("src", drawn(i)), ("dst", 255 - drawn(i))):
            (folder / side / "sub a").mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(folder / side / name)
        for side in ("left", "right"):
            (folder / side / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn(i)).save(folder / side / "ab"[i % 2] / f"{side} {i}.png")
    (folder / "src" / "broken.png").write_bytes(b"\x89PNG no")
    (folder / "dst" / "broken.png").write_bytes(b"")
    (folder / "empty").mkdir()
    mixed = folder / "mixed" / "Über x"
    mixed.mkdir(parents=True)
    deep = (np.arange(37 * 23, dtype=np.uint16) * 77).reshape(37, 23)
    for kind in ("deep.png", "deep.tif"):
        Image.fromarray(deep).save(mixed / kind)
    Image.fromarray(np.arange(13 * 50 * 4).astype(np.uint8).reshape(13, 50, 4)).save(
        mixed.parent / "odd.png"
    )
    photograph(1).save(mixed.parent / "odd.jpg")
    (mixed.parent / "text.jpg").write_text("I am no picture.\n")
    np.save(folder / "stack.npy", np.stack([drawn(i, (16, 12)) for i in range(3)]))
    np.savez(folder / "stack.npz", images=np.stack([drawn(i) for i in range(3)]).astype(float) / 97)
    return folder


LEARN = ("--size", 8, "--steps")


@pytest.fixture(scope="module")
def inverted(sides):
    "Two steps on the pairs, with what was said."
    with contextlib.chdir(sides):
        return ran("train", "src", "--to", "dst", "--out", "runs/inv", *LEARN, 2, "--json")


def test_partners_by_name_are_learned_from_as_pairs(sides, inverted):
    code, out, err = inverted
    report = json.loads(out)
    assert code == 0 and "way: paired" in err and "Traceback" not in err
    assert (report["way"], report["step"], report["sources"]) == ("paired", 2, 6)
    assert len(report["skipped"]) == 1 and "broken.png" in err
    assert report["psnr_untouched"] < report["psnr"] + 10 and report["against"] == "training"
    run = sides / "runs" / "inv"
    assert json.loads((run / "report.json").read_text(encoding="utf-8")) == report
    kinds = ("samples.png", "curves.png", "generator.safetensors", "log.jsonl", "config.json")
    assert all((run / name).stat().st_size for name in kinds)


def test_a_folder_is_translated_with_its_folders_names_sizes_and_depths(
    sides, inverted, monkeypatch, capsys
):
    monkeypatch.chdir(sides)
    before = {p: p.read_bytes() for p in Path("mixed").rglob("*.*")}
    assert here("translate", "runs/inv", "mixed", "--out", "out", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["written"] == 4 and [
        Path(s["path"]).name for s in json.loads(out)["skipped"]
    ] == ["text.jpg"]
    found = {p.relative_to("out").as_posix(): Image.open(p) for p in Path("out").rglob("[!.]*.*")}
    assert {k: (v.size, v.mode) for k, v in found.items()} == {
        "Über x/deep.png": ((23, 37), "I;16"),
        "Über x/deep.tif": ((23, 37), "I;16"),
        "odd.png": ((50, 13), "L"),
        "odd.jpg.png": ((48, 40), "L"),
    }
    assert {p: p.read_bytes() for p in Path("mixed").rglob("*.*")} == before
    assert here("translate", "runs/inv", "mixed", "--out", "out") == 2
    assert "out exists" in one_sentence(*capsys.readouterr())
    (sides / "out" / "mine.png").write_text("mine")
    words = ("translate", "runs/inv", "mixed/odd.jpg", "--out", "out", "--force", "--size", "16x24")
    assert here(*words) == 0
    left = {p.relative_to("out").as_posix() for p in Path("out").rglob("[!.]*.*")}
    assert left == {"odd.png", "mine.png"}
    with Image.open("out/odd.png") as picture:
        assert picture.size == (24, 16)


def test_an_array_stays_an_array(sides, inverted, monkeypatch, capsys):
    monkeypatch.chdir(sides)
    for name, kind in (("stack.npy", np.uint8), ("stack.npz", np.uint16)):
        generator = "runs/inv/generator.safetensors"
        assert here("translate", generator, name, "--out", f"a {name}") == 0
        held = np.load(Path(f"a {name}", name))
        made, given = (held["images"], (20, 16)) if name.endswith("z") else (held, (16, 12))
        assert made.dtype == kind and made.shape == (3, *given, 1)
    capsys.readouterr()


def test_strangers_are_learned_from_unpaired_and_classes_by_consistency(sides, monkeypatch, capsys):
    monkeypatch.chdir(sides)
    for words, way in ((("--steps", 1), "contrastive"), (("--steps", 1, "--labels"), "consistent")):
        words = ("train", "left", "--to", "right", "--out", f"runs/{way}", "--size", 8, *words)
        assert here(*words, "--json") == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["way"] == way and f"way: {way}" in err
        known = json.loads(Path("runs", way, "config.json").read_text(encoding="utf-8"))
        assert known["translation"]["classes"] == (2 if way == "consistent" else 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that means Ctrl-C")
def test_a_translation_that_was_cut_goes_on_to_the_same_bits(sides, monkeypatch, capsys):
    def impatient(records, *more):
        for record in records:
            if record.step == 2:
                signal.raise_signal(signal.SIGINT)
            yield record

    monkeypatch.chdir(sides)
    words = ("train", "src", "--to", "dst", "--out")
    with monkeypatch.context() as pressed:
        pressed.setattr("ganbook.training.progress", impatient)
        assert here(*words, "runs/cut", *LEARN, 4) == 130
    said = capsys.readouterr().err
    assert "ganbook train src --to dst --out runs/cut --resume" in said
    assert not Path("runs/cut/report.json").exists()
    assert here("train", "src", "--out", "runs/cut", "--resume") == 0  # the plan knows the rest
    assert "going on after step 2" in capsys.readouterr().err
    assert here(*words, "runs/whole", *LEARN, 4) == 0
    a, b = (Path("runs", run, "generator.safetensors").read_bytes() for run in ("cut", "whole"))
    assert a == b


def test_a_killed_translation_begins_again(sides, monkeypatch, capsys):
    monkeypatch.chdir(sides)
    words = ("train", "src", "--to", "dst", "--out", "runs/killed", "--size", 8)
    process = started((*words, "--steps", 10**6), sides, "step 1")
    process.kill()
    process.communicate(timeout=60)
    assert here("translate", "runs/killed", "mixed", "--out", "never") == 2
    assert "no checkpoint yet" in one_sentence(*capsys.readouterr())
    assert here(*words[:-2], "--resume", "--steps", 1, "--json") == 0
    assert json.loads(capsys.readouterr().out)["step"] == 1


TRANSLATIONS = {
    "generate runs/inv --out x.png": "ganbook translate",
    "evaluate runs/inv --data src": "report.json",
    "diagnose runs/inv": "samples.png",
    "train src --to dst --out runs/inv": "holds a run already",
    "train src --to dst --out runs/inv --resume --way cycle": "was begun with way paired",
    "train src --to src --out runs/x": "name two folders",
    "train src --to empty --out runs/x": "empty holds no pictures",
    "train src --to nowhere --out runs/x": "nowhere",
    "train src --to mixed --out runs/x --way paired": "--way contrastive",
    "train src --to dst --out runs/x --way magic": "--way magic: want one of",
    "train src --to dst --out runs/x --way paired --labels": "leave them out",
    "train left --to src --out runs/x --labels": "on one side only",
    "train src --to dst --out runs/x --preset hinge": "--preset",
    "train src --to dst --out runs/x --stop auto": "--stop auto",
    "train src --out runs/x --way cycle": "wants --to",
    "train src --to dst --out runs/x --resume": "holds no run",
    "translate runs/inv empty --out x": "empty holds no pictures",
    "translate runs/inv nowhere --out x": "nowhere does not exist",
    "translate runs/inv mixed/text.jpg --out x": "its content is text",
    "translate runs/inv mixed --out mixed/x": "lie in one another",
    "translate runs/inv mixed --out src": "was not written by ganbook translate",
    "translate runs/inv mixed --out x --back": "one direction only",
    "translate runs/inv mixed --out x --size 2": "--size 2",
    "translate nowhere mixed --out x": "nowhere does not exist",
    "translate src mixed --out x": "src does not translate",
}


@pytest.mark.parametrize("line", TRANSLATIONS)
def test_wrong_use_of_a_translation_gets_one_sentence_and_2(
    line, sides, inverted, monkeypatch, capfd
):
    monkeypatch.chdir(sides)
    before = sorted(sides.rglob("*"))
    force = ("--force",) if line.endswith("--out src") else ()
    assert here(*line.split(), *force) == 2
    out, err = capfd.readouterr()
    heard = [x for x in err.splitlines() if x.startswith("ganbook: ")]
    assert TRANSLATIONS[line] in one_sentence(out, "\n".join(heard)) and "Traceback" not in err
    assert sorted(sides.rglob("*")) == before


def test_a_large_picture_is_refused_before_memory_is_gone(sides, inverted, monkeypatch, capsys):
    monkeypatch.chdir(sides)
    monkeypatch.setattr("ganbook.cli.free_memory", lambda: 1e-5)
    assert here("translate", "runs/inv", "mixed", "--out", "never") == 2
    assert "take a smaller --size" in one_sentence(*capsys.readouterr())


def test_prepare_hands_on_what_belongs_together(tmp_path, capsys):
    from ganbook.datasets import load_folder, write_groups

    for i in range(4):
        (tmp_path / "one").mkdir(exist_ok=True)
        photograph(i).save(tmp_path / "one" / f"ü {i}.jpg")
    write_groups(tmp_path / "one", {f"ü {i}.jpg": "ab"[i % 2] for i in range(4)})
    assert here("prepare", tmp_path / "one", "--out", tmp_path / "clean", "--size", 16) == 0
    assert load_folder(tmp_path / "clean", 16).groups.tolist() == [0, 1, 0, 1]
    capsys.readouterr()


# -- wrong use ----------------------------------------------------------------------------------


WRONG = {
    "quickstart --minutes 0": "--minutes 0: want more than 0",
    "quickstart --minutes -3": "--minutes -3",
    "quickstart --minutes nan": "--minutes nan",
    "quickstart --data nowhere": "nowhere is no folder",
    "quickstart --seed -1": "--seed",
    "train": "data",
    "train one --out r": "1 picture",
    "train empty --out r": "holds no pictures",
    "train broken --out r": "none of the 2 pictures",
    "train one --out r --size 5000": "--size 5000: want 8 to 1024",
    "train one --out r --size 1e3": "--size 1e3",
    "train one --out r --channels 2": "--channels 2",
    "train one --out r --steps 0": "--steps 0",
    "train one --out r --steps 1 --minutes 1": "want one of them",
    "train one --out r --resume --force": "want one of them",
    "train one --out r --resume": "holds no run",
    "train one --out r --preset magic": "magic",
    "train one --out r --hold-out 1": "--hold-out 1",
    "train two --out one.npy --steps 1": "one.npy",
    "train two --out one.npy/x --steps 1": "one.npy",
    "train two --out r --device tpu": "tpu",
    "train one.npy --out r --steps 1": "one.npy",
    "train objects.npy --out r --steps 1": "never unpickled",
    "train notes.txt --out r --steps 1": "single file",
    "generate nowhere --out x.png": "nowhere does not exist",
    "generate two --out x.png": "no run folder",
    "generate two/0.png --out x.png": "no generator",
    "generate nowhere --out x.png --n 0": "--n 0: want at least 1",
    "generate nowhere --out x.png --n many": "--n",
    "evaluate nowhere": "--data",
    "evaluate nowhere --data digits --encoder mine": "--encoder mine",
    "evaluate nowhere --data digits --n 0": "--n 0: want at least 1",
    "datasets monet": "no set of the book",
    "datasets --out x": "name one",
    "check nowhere": "nowhere",
    "check empty": "empty",
    "check two --size 4": "--size 4",
    "check two --keep everything": "everything",
    "check two --report notes.txt": "no report of ganbook",
    "prepare two --out two": "two",
    "prepare two --out two/clean": "two",
    "prepare broken --out clean": "broken",
    "prepare two --out clean --channels 2": "--channels 2",
    "prepare two --out one --size 16": "one",
    "paint": "paint",
}


@pytest.fixture(scope="module")
def oddities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    for name in ("empty", "one", "two", "broken"):
        (folder / name).mkdir()
    photograph(0).save(folder / "one" / "0.png")
    for i in range(2):
        photograph(i).save(folder / "two" / f"{i}.png")
        (folder / "broken" / f"{i}.jpg").write_text("no picture\n")
    np.save(folder / "one.npy", np.zeros((16, 16), np.uint8))
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (folder / "notes.txt").write_text("hello\n")
    return folder


@pytest.mark.parametrize("line", WRONG)
def test_wrong_use_gets_one_sentence_and_2(line, oddities, monkeypatch, capfd):
    monkeypatch.chdir(oddities)
    before = sorted(oddities.rglob("*"))
    assert here(*line.split()) == 2
    out, err = capfd.readouterr()
    found = [x for x in err.splitlines() if not x.startswith(("one: ", "two: "))]
    assert WRONG[line] in one_sentence(out, "\n".join(found))
    assert sorted(oddities.rglob("*")) == before  # nothing was left behind


def test_a_label_that_does_not_exist(first, capsys):
    run = first[0] / "runs" / "quickstart"
    assert here("generate", run, "--label", 10, "--out", first[0] / "x.png") == 2
    assert "'10'" in one_sentence(*capsys.readouterr())


def test_in_a_process_it_is_the_same(oddities):
    code, out, err = ganbook("quickstart", "--minutes", -1, folder=oddities)
    assert code == 2 and "--minutes -1" in one_sentence(out, err)
    code, out, err = ganbook("quickstart", "--minutes", 0, GANBOOK_TRACEBACK="1")
    assert code == 1 and "Traceback" in err and "ValueError" in err


@pytest.mark.parametrize(
    "error, code",
    [
        (FloatingPointError("step 7: a loss is not finite"), 1),
        (MemoryError(), 1),
        (RuntimeError("odd"), 1),
        (ValueError("bad"), 2),
        (PermissionError(13, "Permission denied", "runs"), 2),
    ],
)
def test_errors_on_the_way(error, code, monkeypatch, capsys):
    def fail(*words, **more):
        raise error

    monkeypatch.setattr("ganbook.cli.goal", fail)
    assert here("quickstart") == code
    one_sentence(*capsys.readouterr())


# -- the environment ----------------------------------------------------------------------------


def test_doctor(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))
    monkeypatch.setattr("ganbook.cli.look_at_pair", lambda: "looked at in the next test")
    assert here("doctor", "--json") == 0
    out, err = capsys.readouterr()
    checks = {c["name"]: c for c in json.loads(out)["checks"]}
    assert err == "" and len(checks) == 8, out
    assert str(tmp_path) in checks["cache"]["found"]


def broken(folder, package, line):
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text(line + "\n")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}


def test_doctor_names_a_broken_pair_and_its_remedy(tmp_path, monkeypatch, capsys):
    line = "raise RuntimeError('operator torchvision::nms does not exist')"
    broken(tmp_path, "torch", "")  # which costs nothing to import
    monkeypatch.setenv("PYTHONPATH", broken(tmp_path, "torchvision", line)["PYTHONPATH"])
    assert here("doctor") == 1  # the pair is looked at in a process of its own
    out, err = capsys.readouterr()
    assert "BAD  pair" in out and "torchvision::nms" in out
    assert "remedy for pair: pip install --force-reinstall torch torchvision" in out
    assert "Traceback" not in out + err


def test_doctor_works_without_torch_and_the_others_say_so(tmp_path):
    without = broken(tmp_path, "torch", "raise ModuleNotFoundError(\"No module named 'torch'\")")
    code, out, err = ganbook("doctor", "--json", **without)
    assert code == 1 and "Traceback" not in err
    bad = {c["name"] for c in json.loads(out)["checks"] if not c["ok"]}
    assert bad == {"pair", "device", "encoders"}
    code, out, err = ganbook("quickstart", **without)
    assert code == 1 and "ganbook doctor" in one_sentence(out, err)


def test_help_is_quick_and_knows_every_command():
    began = time.monotonic()
    code, out, _ = ganbook("--help")
    took = time.monotonic() - began
    assert code == 0 and took < 20  # seconds; importing torch is what it must not do
    assert all(
        w in out
        for w in "quickstart check prepare train generate evaluate diagnose translate "
        "datasets doctor".split()
    )
    lines = "import sys, ganbook.cli; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", lines], env=ENVIRONMENT).returncode == 0
