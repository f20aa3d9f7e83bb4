"Digits, photos, glyphs and shapes as their script makes them."

import numpy as np
import pytest

from ganbook import datasets


@pytest.fixture(scope="module")
def basics():
    return datasets._maker(datasets.SETS["shapes"])[0]


NAMES = ("digits", "photos", "glyphs", "shapes")


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_makes_the_same_bytes_again(basics, name):
    make = getattr(basics, f"make_{name}")
    first, again, other = make(3, 90), make(3, 90), make(4, 90)
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert np.array_equal(first["images"], other["images"]) == (name == "digits")
    assert first["images"].dtype == np.uint8 and len(first["images"]) == 90
    assert len({picture.tobytes() for picture in first["images"]}) == 90


AREAS = {
    "square": 1.6**2,
    "disc": np.pi * 0.9**2,
    "ring": np.pi * (0.95**2 - 0.55**2),
    "cross": 4 * 0.95 * 0.56 - 0.56**2,
    "triangle": 3 * 3**0.5 / 4,
    "star": 5 * 0.42 * np.sin(np.pi / 5),
}


@pytest.mark.parametrize("shape", AREAS)
def test_shapes_have_the_areas_of_geometry(basics, shape):
    line = np.linspace(-1.2, 1.2, 801)
    area = basics.inside(shape, line[None], line[:, None]).mean() * 2.4**2
    assert abs(area - AREAS[shape]) < 0.02 * AREAS[shape]
    assert shape in basics.SHAPES_CLASSES and len(AREAS) == len(basics.SHAPES_CLASSES)


def test_glyphs_are_balanced_white_on_black(basics):
    made = basics.make_glyphs(0, 1080)
    assert np.bincount(made["labels"]).tolist() == [30] * 36
    assert set(np.bincount(made["groups"])) <= {51, 52}
    assert (made["images"] == 0).mean() > 0.3 and made["images"].max() > 250


def test_photos_take_turns_at_every_size_and_do_not_depend_on_count(basics):
    many, few = basics.make_photos(1, 90), basics.make_photos(1, 27)
    assert np.array_equal(many["images"][:27], few["images"])
    assert np.bincount(many["groups"]).tolist() == [10] * 9
    large = basics.make_photos(1, 27, 64)["images"].astype(float)
    means = large.reshape(27, 32, 2, 32, 2, 3).mean((2, 4))
    assert abs(means - few["images"]).mean() < 4  # the same places, seen closer


@pytest.mark.parametrize("name", ("china", "retina"))
def test_photographs_are_found_without_a_download(basics, name):
    photo = basics.photograph(name)
    assert photo.shape[1] == 3 and min(photo.shape[2:]) > 400 and photo.max() <= 255
