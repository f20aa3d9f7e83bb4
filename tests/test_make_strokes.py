"""The pen-track writer: tracks that a recurrent network can learn, and pictures made from them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PLACE = Path(__file__).parents[1] / "data" / "make" / "strokes.py"


@pytest.fixture(scope="module")
def strokes():
    spec = importlib.util.spec_from_file_location("strokes", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(strokes):
    return strokes.make_strokes(0, 144)


def test_shapes(strokes, made):
    n = 144
    assert made["images"].shape == (n, 32, 32) and made["images"].dtype == np.uint8
    assert made["tracks"].shape == (n, strokes.LONGEST, 3) and made["tracks"].dtype == np.float32
    for name in ("labels", "groups", "lengths"):
        assert made[name].shape == (n,) and made[name].dtype == np.int64
    assert (np.bincount(made["labels"]) == 4).all() and len(strokes.STROKES_CLASSES) == 36
    assert made["groups"].tolist() == [i // 36 for i in range(n)]
    assert len({image.tobytes() for image in made["images"]}) == n


def test_tracks(strokes, made):
    for rows, length in zip(made["tracks"], made["lengths"], strict=True):
        assert 8 <= length <= strokes.LONGEST
        assert set(np.unique(rows[:, 2])) <= {0, 1}
        assert rows[length - 1, 2] == 1 and not rows[length:].any()
        places = rows[:length, :2].cumsum(0)
        assert (abs(places) < 0.5).all()
        drawn = np.ones(length, bool)
        drawn[0], drawn[1:] = False, rows[: length - 1, 2] == 0
        assert np.hypot(*rows[:length][drawn, :2].T).max() < 0.12  # the pen does not leap


def test_pictures_are_drawn_from_tracks(strokes, made):
    again = strokes.draw(made["tracks"], made["lengths"], made["pen"])
    assert again.tobytes() == made["images"].tobytes()
    large = strokes.draw(made["tracks"][:36], made["lengths"][:36], made["pen"][:36], 64)
    small = large.reshape(36, 32, 2, 32, 2).mean((2, 4))
    assert abs(small - made["images"][:36]).mean() < 3
    edge = np.concatenate([large[:, 0], large[:, -1], large[:, :, 0], large[:, :, -1]])
    assert edge.max() == 0  # nothing cut off


def test_a_line_and_a_dot(strokes):
    rows = np.zeros((2, 4, 3), np.float32)
    rows[0, :2] = (-0.25, 0, 0), (0.5, 0, 1)
    rows[1, 0] = (0, 0, 1)
    pictures = strokes.draw(rows, np.array([2, 1]), np.array([4 / 32, 8 / 32], np.float32))
    line, dot = pictures / 255.0
    assert (line[14:18, 9:23] == 1).all() and line[:13].max() == 0 and line[19:].max() == 0
    assert abs(line.sum() - (16 * 4 + np.pi * 4)) < 2
    assert abs(dot.sum() - np.pi * 16) < 2


def test_pen_in_the_air_draws_nothing(strokes):
    rows = np.array([[[-0.3, -0.3, 0], [0.1, 0, 1], [0.4, 0.6, 0], [0.1, 0, 1]]], np.float32)
    picture = strokes.draw(rows, np.array([4]), np.array([0.08], np.float32))[0]
    assert picture[12:20].max() == 0 and picture[:9].max() == picture[23:].max() == 255


def test_repeats_and_does_not_depend_on_count(strokes, made):
    again, few = strokes.make_strokes(0, 144), strokes.make_strokes(0, 10)
    for name, array in made.items():
        assert array.tobytes() == again[name].tobytes()
        assert array[:10].tobytes() == few[name].tobytes()
    assert not np.array_equal(strokes.make_strokes(1, 10)["tracks"], few["tracks"])
    assert all(len(array) == 0 for array in strokes.make_strokes(0, 0).values())


def test_a_writer_is_like_himself(strokes, made):
    "The same writer's next A is nearer to his A than another's is, on average."
    per = len(strokes.STROKES_CLASSES)
    same, other = [], []
    for label in range(0, per, 3):
        drawn = []
        for writer in range(4):
            for turn in (0, 1):
                random = np.random.default_rng([7, label, writer, turn])
                rows = strokes.track(strokes.write(0, writer, label, random)[0], 0.04, 0.05)
                pen = np.array([0.08], np.float32)
                drawn.append(strokes.draw(rows[None], np.array([len(rows)]), pen)[0] / 255.0)
        for a in range(8):
            for b in range(a):
                far = abs(drawn[a] - drawn[b]).mean()
                (same if a // 2 == b // 2 else other).append(far)
    assert np.mean(same) < 0.8 * np.mean(other)


def test_skeletons(strokes):
    assert set(strokes.SKELETONS) == set(strokes.STROKES_CLASSES)
    several = sum(len(strokes.forms(character)) > 1 for character in strokes.STROKES_CLASSES)
    assert several >= 30
    for character in strokes.STROKES_CLASSES:
        for form in strokes.forms(character):
            for points, corners in form:
                assert points.shape == (len(corners), 2) and len(points) >= 2
                assert points.min() > -0.05 and points.max() < 1.1
