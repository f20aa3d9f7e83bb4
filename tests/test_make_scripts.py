"""Numerals and words in five scripts: masters, facts, pairs, and style that can be measured."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PLACE = Path(__file__).parents[1] / "data" / "make" / "scripts.py"


@pytest.fixture(scope="module")
def scripts():
    spec = importlib.util.spec_from_file_location("scripts", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def numerals(scripts):
    return scripts.make_numerals(0, 300)


@pytest.fixture(scope="module")
def chinese(scripts):
    return scripts.make_pairs(1, 200, "western", "chinese")


def test_faces(scripts):
    faces = scripts.faces()
    for script in scripts.SCRIPTS:
        mine = [face for face in faces if face["script"] == script]
        assert len(mine) >= 20 and len({face["family"] for face in mine}) >= 12
        assert [face["index"] for face in mine] == list(range(len(mine)))
        held = scripts.held_out_faces()[script]
        assert len(held) >= 3 and {f["family"] for f in mine if f["held_out"]} == set(
            scripts.HELD_OUT[script]
        )
        assert scripts.masters(script).shape == (len(mine), 10, 128, 128)
        assert scripts.masters(script, words=True).shape == (len(mine), 10, 128, 384)
    for face in faces:
        assert (
            face["licence"] and face["package"].startswith("fonts-") and len(face["sha256"]) == 64
        )
        for kind in ("numerals", "words"):
            assert 0.02 < face[kind]["least"] < face[kind]["weight"] < face[kind]["most"] < 0.25
    listed = {(s, *row[:6]) for s in scripts.SCRIPTS for row in scripts.styles(s)}
    assert len(listed) == len(faces)
    assert sum(file.stat().st_size for file in PLACE.parents[1].glob("scripts*")) < 3e6


def test_masters_differ_and_stay_inside(scripts):
    for script in scripts.SCRIPTS:
        ink = scripts.masters(script)
        assert not (ink[..., 0].any() or ink[..., -1].any())
        assert not (ink[..., 0, :].any() or ink[..., -1, :].any())
        for face in ink:
            assert len({symbol.tobytes() for symbol in face}) == 10
            assert face.any((1, 2)).all()


def test_distance(scripts):
    ink = np.zeros((1, 20, 30), bool)
    ink[0, :, 10:20] = True
    row = scripts.distances(ink)[0, 10] / scripts.STEPS
    assert row[10] == 0.5 and row[9] == -0.5 and row[14] == 4.5 and row[5] == -4.5


def test_numerals(scripts, numerals):
    n = 300
    assert numerals["images"].shape == (n, 32, 32) and numerals["images"].dtype == np.uint8
    for name in ("labels", "groups", "script", "face"):
        assert numerals[name].shape == (n,) and numerals[name].dtype == np.int64
    for name in ("slant", "weight", "width", "noise"):
        assert numerals[name].dtype == np.float32
    assert (np.bincount(numerals["labels"]) == 30).all()
    assert (np.bincount(numerals["script"]) == 60).all()
    faces, families = scripts.faces(), scripts.families()
    for face, script, group in zip(
        numerals["face"], numerals["script"], numerals["groups"], strict=True
    ):
        assert faces[face]["script"] == scripts.SCRIPTS[script]
        assert families[group] == f"{faces[face]['script']}: {faces[face]['family']}"
    assert (numerals["images"].max((1, 2)) > 150).all()
    assert len({image.tobytes() for image in numerals["images"]}) == n


def test_repeats_and_does_not_depend_on_count(scripts, numerals):
    again, few = scripts.make_numerals(0, 300), scripts.make_numerals(0, 20)
    for name, array in numerals.items():
        assert array.tobytes() == again[name].tobytes()
        assert array[:20].tobytes() == few[name].tobytes()
    other = scripts.make_numerals(1, 20)
    assert not np.array_equal(other["images"], few["images"])
    assert all(len(array) == 0 for array in scripts.make_numerals(0, 0).values())


def test_sizes(scripts):
    words = scripts.make_words(0, 20)
    assert words["images"].shape == (20, 32, 96)
    assert scripts.make_words(0, 3, (64, 192))["images"].shape == (3, 64, 192)
    large = scripts.make_numerals(0, 10, (64, 64))["images"]
    assert large.shape == (10, 64, 64)
    assert (large[:, 0].max() < 90) and (large[:, :, 0].max() < 90)  # nothing cut off


def test_weight_is_stroke_width(scripts):
    bar = np.zeros((3, 64, 64), np.uint8)
    for i, width in enumerate((4, 8, 12)):
        bar[i, 8:56, 20 : 20 + width] = 255
    found = scripts.stroke_weight(bar)
    assert (np.diff(found) > 0.04).all()
    assert np.allclose(found, np.array([4, 8, 12]) / 64, rtol=0.3)


def test_thicker_and_leaning(scripts):
    field, half = scripts.fields("western", False)
    how = dict(size=(64, 64), slant=0.0, width=1.0, scale=0.8, move=np.zeros(2))
    thin = scripts.draw(field[0, 4], shift=-1.0, **how)
    thick = scripts.draw(field[0, 4], shift=2.0, **how)
    assert thick.sum() > 1.3 * thin.sum() and (thick >= thin - 1e-6).all()
    how["slant"] = 0.25
    leaning = scripts.draw(field[0, 4], shift=-1.0, **how)
    added = scripts.lean(leaning[None]) - scripts.lean(thin[None])
    assert abs(added[0] - 0.25) < 0.02


def test_pairs(scripts, chinese):
    faces = scripts.faces()
    assert chinese["images"].shape == chinese["target"].shape == (200, 32, 32)
    for a, b, held in zip(
        chinese["face"], chinese["target_face"], chinese["held_out"], strict=True
    ):
        assert (faces[a]["script"], faces[b]["script"]) == ("western", "chinese")
        assert faces[a]["held_out"] == faces[b]["held_out"] == held
        assert scripts.partner(int(a), "chinese") == b
    assert 0.05 < chinese["held_out"].mean() < 0.4
    again = scripts.make_pairs(1, 20, "western", "chinese")
    assert again["target"].tobytes() == chinese["target"][:20].tobytes()
    with pytest.raises(ValueError, match="no script 'latin'"):
        scripts.make_pairs(0, 1, "latin", "chinese")


def test_word_pairs(scripts):
    words = scripts.make_word_pairs(1, 20, "thai", "arabic")
    again = scripts.make_pairs(1, 20, "thai", "arabic", words=True)
    assert words["images"].shape == words["target"].shape == (20, 32, 96)
    assert words["target"].tobytes() == again["target"].tobytes()


@pytest.mark.parametrize("words", [False, True])
def test_groups_keep_faces_apart(scripts, words):
    for target in scripts.SCRIPTS[1:]:
        ties = scripts.tied("western", target, words)
        owner, held = {}, {}
        for face, group in ties.items():
            for one in (face, scripts.partner(face, target, words)):
                known = scripts.faces()[one]
                family = known["script"], known["family"]
                assert owner.setdefault(family, group) == group
                assert held.setdefault(group, known["held_out"]) == known["held_out"]
        assert len(set(ties.values())) >= 2


def test_style_is_shared_and_measured(scripts, chinese):
    def together(a, b):
        return np.corrcoef(a, b)[0, 1]

    assert together(chinese["weight"], chinese["target_weight"]) > 0.95
    weights = scripts.stroke_weight(chinese["images"]), scripts.stroke_weight(chinese["target"])
    assert together(weights[0], chinese["weight"]) > 0.85
    assert together(*weights) > 0.7
    tall = chinese["labels"] != scripts.NO_SLANT["chinese"][0]
    labels, slant = chinese["labels"][tall], chinese["slant"][tall]
    for name, script in (("images", "western"), ("target", "chinese")):
        assert together(scripts.stroke_slant(chinese[name][tall], labels, script), slant) > 0.85
