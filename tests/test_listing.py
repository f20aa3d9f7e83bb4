"The listing as a script: what it prints, writes and refuses, and that it stays short."

import ast
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from ganbook import listing
from ganbook.datasets import load_set
from ganbook.images import to_array


def script(*arguments, cwd):
    command = [sys.executable, "-m", "ganbook.listing", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    "Digits in blue ink, stored in BGR as OpenCV would, with their labels."
    folder, digits = tmp_path_factory.mktemp("arrays of digits"), load_set("digits")
    blank = np.zeros_like(to_array(digits.images))
    pixels = np.concatenate([to_array(digits.images), blank, blank], axis=-1)
    for name, part in (("train", slice(0, 200)), ("test", slice(200, 300))):
        np.save(folder / f"{name}_images.npy", pixels[part])
        np.save(folder / f"{name}_labels.npy", digits.labels[part].numpy())
    return folder


@pytest.fixture(scope="module")
def done(arrays):
    names = arrays / "train_images.npy", arrays / "test_images.npy"
    options = ("--out", "my run", "--max-iter", 30, "--epochs", 3, "--seed", 1)
    return script(*names, *options, cwd=arrays)


def test_it_prints_losses_a_line_an_epoch_and_the_parameters(done):
    assert done.returncode == 0, done.stderr
    *epochs, last = done.stdout.splitlines()
    number = r"\d+\.\d{3}"
    for i, line in enumerate(epochs, 1):
        assert re.fullmatch(f"epoch {i}: train loss {number}, test loss {number}", line)
    final = json.loads(last)
    assert len(epochs) == 3 and final["max_iter"] == 30
    assert set(final["accuracy"]) == {"discriminator", "GAN-test", "GAN-train"}
    assert all(0 <= value <= 1 for value in final["accuracy"].values())
    assert final["parameters"]["seed"] == 1 and final["parameters"]["channels"] == 3


def test_it_writes_a_run_folder_with_pictures_and_parameters(arrays, done):
    run = arrays / "my run"
    assert json.loads((run / "report.json").read_text()) == json.loads(done.stdout.splitlines()[-1])
    assert [p.name for p in sorted((run / "samples").iterdir())] == [
        f"{step:08d}.png" for step in (10, 20, 30)
    ]
    steps = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30]
    assert (run / "generator.safetensors").exists() and (run / "curves.png").exists()


def test_a_second_run_is_refused_and_the_first_one_kept(arrays, done):
    before = (arrays / "my run" / "report.json").read_bytes()
    names = arrays / "train_images.npy", arrays / "test_images.npy"
    again = script(*names, "--out", "my run", cwd=arrays)
    assert again.returncode == 2 and "holds a run already" in again.stderr
    assert again.stderr.count("\n") == 1
    assert (arrays / "my run" / "report.json").read_bytes() == before


def test_colours_come_in_order_and_labels_from_beside(arrays):
    data = listing.read(arrays / "test_images.npy")
    red, green, blue = data.images.unbind(1)
    assert blue.max() == 1 and red.max() == green.max() == -1
    assert data.classes == tuple("0123456789") and len(data.labels) == 100


def test_grey_pictures_without_labels(tmp_path, capsys):
    grey = to_array(load_set("digits").images[:80])[..., 0]
    for name, part in (("a", grey[:40]), ("b", grey[40:])):
        np.save(tmp_path / f"{name}.npy", part)
    listing.main(tmp_path / "a.npy", tmp_path / "b.npy", tmp_path / "run", max_iter=2, epochs=1)
    final = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(final["accuracy"]) == {"discriminator"}
    assert final["parameters"]["channels"] == 1 and final["parameters"]["classes"] == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("missing", "is not a file; check the path"),
        ("pickled", "never unpickled"),
        ("too many labels", r"labels have shape \(5,\) where \(4,\)"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(tmp_path, wrong, why):
    images = tmp_path / "train_images.npy"
    if wrong == "pickled":
        np.save(images, np.array([{"not": "pictures"}]), allow_pickle=True)
    if wrong == "too many labels":
        np.save(images, np.zeros((4, 8, 8), np.uint8))
        np.save(tmp_path / "train_labels.npy", np.zeros(5, np.int64))
    with pytest.raises(ValueError, match=why):
        listing.main(images, images, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_program_has_at_most_thirty_lines(root):
    text = (root / "ganbook" / "listing.py").read_text(encoding="utf-8")
    count = 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
            words = node.body[0].end_lineno - node.body[0].lineno + 1  # the docstring
            count += sum(bool(line.strip()) and line.strip()[0] != "#" for line in lines) - words
    assert 20 < count <= 30
