"""Rooms, landscapes and buildings: repeatable, varied, and true to their label maps."""

import importlib.util
import sys

import numpy as np
import pytest

COUNT = 48
SETS = ("rooms", "landscapes", "buildings")


@pytest.fixture(scope="module")
def scenes(root):
    spec = importlib.util.spec_from_file_location("scenes", root / "data/make/scenes.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["scenes"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(scenes):
    "COUNT pictures of each set."
    return {name: getattr(scenes, f"make_{name}")(0, COUNT, 64) for name in SETS}


def grey(images):
    return images.mean(-1)


def within(arrays, value, light=None):
    "Colour and row (0 top, 1 bottom) of the pixels under a label, mean over all pictures."
    keep = np.isin(arrays["light"], light) if light is not None else slice(None)
    there = arrays["maps"][keep] == value
    return arrays["images"][keep][there].mean(0), np.nonzero(there)[1].mean() / 63


@pytest.mark.parametrize("name", SETS)
def test_shapes_and_values(scenes, made, name):
    arrays, size = made[name], (COUNT, 64, 64)
    classes = getattr(scenes, f"{name.upper()}_CLASSES")
    values = getattr(scenes, f"{name.upper()}_MAP")
    assert arrays["images"].shape == (*size, 3) and arrays["images"].dtype == np.uint8
    assert arrays["maps"].shape == size and arrays["maps"].dtype == np.uint8
    assert arrays["labels"].dtype == np.int64
    assert set(arrays["labels"]) == set(range(len(classes)))
    assert set(np.unique(arrays["maps"])) == set(range(len(values))), "every kind of thing occurs"
    assert all(len(array) == COUNT for array in arrays.values())
    lights = getattr(scenes, f"{name.upper()}_LIGHT")
    assert set(arrays["light"]) == set(range(len(lights)))
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.parametrize("name", SETS)
def test_depends_on_seed_and_number_only(scenes, made, name):
    make = getattr(scenes, f"make_{name}")
    again = make(0, 3, 64)
    for key, array in again.items():
        assert np.array_equal(array, made[name][key][:3]), key
    assert not np.array_equal(make(1, 1, 64)["images"][0], again["images"][0])


@pytest.mark.parametrize("name", SETS)
def test_layouts_differ(scenes, made, name):
    "The set promises 1,000 in 2,000; in so few there should be no two alike."
    assert scenes.distinct(made[name]["maps"]) >= COUNT - 1
    _, distance = scenes.nearest(made[name]["images"])
    assert distance.min() > 4, "a near copy"


def test_nearest_finds_a_copy(scenes, made):
    images = made["rooms"]["images"][:8].copy()
    images[5] = np.clip(images[2].astype(int) + 3, 0, 255)
    index, distance = scenes.nearest(images)
    assert index[5] == 2 and index[2] == 5 and distance[5] <= 3


@pytest.mark.parametrize("name", SETS)
def test_larger_is_the_same_scene(scenes, made, name):
    large = getattr(scenes, f"make_{name}")(0, 2, 128)
    assert large["images"].shape == (2, 128, 128, 3)
    small = large["images"].reshape(2, 64, 2, 64, 2, 3).mean((2, 4))
    assert np.abs(small - made[name]["images"][:2]).mean() < 6
    agree = large["maps"][:, ::2, ::2] == made[name]["maps"][:2]
    assert agree.mean() > 0.9
    assert np.array_equal(large["labels"], made[name]["labels"][:2])


def test_rooms_agree_with_maps(scenes, made):
    arrays = made["rooms"]
    label = {name: k for k, name in enumerate(scenes.ROOMS_MAP)}
    rows = {name: within(arrays, k)[1] for name, k in label.items()}
    assert rows["ceiling"] < rows["picture"] < rows["seat"] < rows["floor"]
    day = [scenes.ROOMS_LIGHT.index("sunny"), scenes.ROOMS_LIGHT.index("overcast")]
    assert within(arrays, label["ceiling"], day)[0].mean() > 140
    night = [scenes.ROOMS_LIGHT.index("night")]
    window = label["window"]
    assert within(arrays, window, day)[0].mean() > within(arrays, window, night)[0].mean() + 40
    key = dict(zip(range(5), ("bed", "seat", "cabinet", "bath", "table"), strict=True))
    for kind, thing in key.items():
        share = (arrays["maps"] == label[thing]).mean((1, 2))
        own, other = share[arrays["labels"] == kind], share[arrays["labels"] != kind]
        assert own.mean() > 2 * other.mean(), thing


def test_landscapes_agree_with_maps(scenes, made):
    arrays = made["landscapes"]
    label = {name: k for k, name in enumerate(scenes.LANDSCAPES_MAP)}
    rows = {name: within(arrays, k)[1] for name, k in label.items()}
    assert rows["sky"] < rows["mountain"] < rows["tree"] < rows["meadow"]
    day = [scenes.LANDSCAPES_LIGHT.index("day")]
    sky, meadow = (within(arrays, label[name], day)[0] for name in ("sky", "meadow"))
    assert sky[2] > sky[0] and sky[2] > meadow[2] + 40
    water = within(arrays, label["water"], day)[0]
    assert water[2] > water[0]
    summer, winter = (
        {key: array[arrays["labels"] == k] for key, array in arrays.items()} for k in (1, 3)
    )
    green, white = (within(part, label["meadow"])[0] for part in (summer, winter))
    assert green[1] > green[2] + 15 and abs(white[1] - white[2]) < 25


def test_day_and_night_are_one_landscape(scenes, made):
    pairs = scenes.make_day_night(0, 6, 64)
    day, night = (scenes.make_landscapes(0, 6, 64, light=light) for light in ("day", "night"))
    assert np.array_equal(pairs["images"], day["images"])
    assert np.array_equal(pairs["target"], night["images"])
    for key in ("maps", "labels"):
        assert np.array_equal(day[key], night[key])
        assert np.array_equal(pairs[key], made["landscapes"][key][:6])
    assert (grey(pairs["images"]).mean((1, 2)) > grey(pairs["target"]).mean((1, 2)) + 25).all()


def test_buildings_agree_with_maps(scenes, made):
    arrays = made["buildings"]
    label = {name: k for k, name in enumerate(scenes.BUILDINGS_MAP)}
    rows = {name: within(arrays, k)[1] for name, k in label.items()}
    assert rows["sky"] < rows["roof"] < rows["wall"] < rows["pavement"] < rows["street"]
    assert rows["window"] < rows["door"]
    day = [scenes.BUILDINGS_LIGHT.index("sunny")]
    sky, wall, lawn, window = (
        within(arrays, label[name], day)[0] for name in ("sky", "wall", "lawn", "window")
    )
    assert sky[2] > sky[0] and wall[0] > wall[2]
    assert lawn[1] > lawn[2] + 30
    assert window[2] - window[0] > wall[2] - wall[0] + 10
    night = [scenes.BUILDINGS_LIGHT.index("night")]
    window, wall = (within(arrays, label[name], night)[0] for name in ("window", "wall"))
    assert window[0] > wall[0], "lit from inside"


def test_textures_are_not_flat(scenes, made):
    "Colour varies inside a label as well as between labels."
    for name, value in (("rooms", 1), ("landscapes", 2), ("buildings", 4)):
        spread = [
            grey(image)[there].std()
            for image, there in zip(made[name]["images"], made[name]["maps"] == value, strict=True)
            if there.sum() > 200
        ]
        assert np.median(spread) > 5, name


def test_checksum_is_that_of_datasets(scenes, made):
    from ganbook import datasets

    arrays = {key: array[:4] for key, array in made["rooms"].items()}
    assert scenes.checksum(arrays) == datasets._checksum(arrays)


def test_refusals(scenes):
    with pytest.raises(ValueError, match="light is 'noon'; give one of day, dusk, night, or None"):
        scenes.make_landscapes(0, 1, 64, light="noon")
    with pytest.raises(ValueError, match="count is 0"):
        scenes.make_rooms(0, 0)
    with pytest.raises(ValueError, match="size is 8"):
        scenes.make_buildings(0, 1, 8)
