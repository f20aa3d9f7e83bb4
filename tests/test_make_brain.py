"The brain slices: orientation, tissue that agrees with the picture, determinism; no network."

import importlib.util
import socket
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nilearn")
PLACE = Path(__file__).parents[1] / "data" / "make" / "brain.py"
spec = importlib.util.spec_from_file_location("make_brain_script", PLACE)
brain = importlib.util.module_from_spec(spec)
spec.loader.exec_module(brain)


@pytest.fixture(scope="module")
def slices():
    "All slices, with the network refused: the template must come from the package."
    patch = pytest.MonkeyPatch()

    def refuse(*_, **__):
        raise OSError("no network in this test")

    patch.setattr(socket.socket, "connect", refuse)
    patch.setattr(socket, "create_connection", refuse)
    held = brain.volumes()
    patch.setattr(brain, "volumes", lambda: held)  # reading them is what takes time
    yield brain.make_brain(0)
    patch.undo()


def test_shapes_and_kinds(slices):
    n = len(slices["labels"])
    assert n > 300 and slices["images"].shape == (n, 64, 64)
    assert slices["images"].dtype == np.uint16 and slices["grey"].dtype == np.uint8
    assert set(slices["labels"]) == {0, 1, 2}
    assert slices["images"].max() == 65535 and (slices["images"][:, 0] == 0).all()


def test_the_order_is_the_seeds_and_counts_are_prefixes(slices):
    again = brain.make_brain(0, 20)
    for name, array in again.items():
        assert (array == slices[name][:20]).all(), name
    other = brain.make_brain(1, 20)
    assert (other["position"] != again["position"]).any()
    small = brain.make_brain(0, size=32)
    assert (small["position"] == slices["position"]).all()
    with pytest.raises(ValueError, match="ask for fewer"):
        brain.make_brain(0, 10_000)


def test_white_matter_is_brighter_than_grey(slices):
    picture = slices["images"] / 65535
    white, grey = slices["white"] > 230, slices["grey"] > 230
    assert picture[white].mean() > picture[grey].mean() + 0.1 > 0.5
    both = slices["white"].astype(int) + slices["grey"]
    assert both.max() <= 260  # they are probabilities of exclusive things
    assert both[picture < 0.02].mean() < 5  # and there is nothing outside


def test_slabs_hold_neighbours_of_one_direction(slices):
    for group in np.unique(slices["groups"]):
        mine = slices["groups"] == group
        assert len(set(slices["labels"][mine])) == 1
        assert np.ptp(slices["position"][mine]) < brain.SLAB
    assert len(np.unique(slices["groups"])) > 30


def test_orientation(slices):
    "Known anatomy: the brain stem below, the cerebellum behind and below, the halves side by side."
    images, position = slices["images"].astype(float), slices["position"]

    def one(label, where):
        mine = np.flatnonzero(slices["labels"] == label)
        return images[mine[np.argmin(np.abs(position[mine] - where))]]

    for label in (0, 1):  # left and right alike, up and down not
        picture = one(label, 0 if label == 0 else -20)
        mirrored = np.abs(picture - picture[:, ::-1]).mean()
        assert mirrored < 0.35 * np.abs(picture - picture[::-1]).mean()
    middle = one(2, 2) > 10_000  # sagittal: the stem reaches lowest, behind the middle
    lowest = np.flatnonzero(middle[np.flatnonzero(middle.any(1))[-1]]).mean()
    assert 30 < lowest < 48 and not middle[48:, :24].any()  # nothing below the forehead (left)
    low = one(0, -30) > 10_000  # axial through the cerebellum: more of it behind (bottom)
    assert low[44:].sum() > low[:20].sum()
