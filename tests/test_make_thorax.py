"The thorax phantoms: physics against known values and scikit-image, truth against pictures."

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PLACE = Path(__file__).parents[1] / "data" / "make" / "thorax.py"
spec = importlib.util.spec_from_file_location("make_thorax_script", PLACE)
thorax = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = thorax  # dataclasses look their module up
spec.loader.exec_module(thorax)


def disc(radius, side=128, at=(0.0, 0.0)):
    "1 inside a disc (mm) on a raster of the scanner's field, edges averaged."
    fine = (np.arange(side * 4) - (side * 4 - 1) / 2) * thorax.FIELD / (side * 4)
    inside = np.hypot(fine - at[0], (fine - at[1])[:, None]) < radius
    return inside.reshape(side, 4, side, 4).mean((1, 3))


@pytest.fixture(scope="module")
def ct():
    return thorax.make_thorax_ct(0, 60)


@pytest.fixture(scope="module")
def xray():
    return thorax.make_thorax_xray(0, 4)


def test_units_convert_back_exactly():
    stored = np.arange(65536, dtype=np.uint16)
    assert (thorax.from_hounsfield(thorax.to_hounsfield(stored)) == stored).all()
    assert thorax.from_hounsfield(np.array([-2000.0, 5000.0])).tolist() == [0, 65535]
    assert thorax.attenuation(np.array([-1000.0, 0.0])).tolist() == [0, thorax.MU_WATER]
    assert thorax.attenuation(np.array([0.0]), xray=True)[0] == thorax.MU_WATER_XRAY


def test_line_integrals_of_a_disc():
    "Chords of a disc of water: 2 sqrt(r^2 - s^2), the same in every view; nothing is lost."
    radius = 80.0
    sinogram = thorax.project(disc(radius)[None] * thorax.MU_WATER)[0]
    cells = sinogram.shape[1]
    s = (np.arange(cells) - (cells - 1) / 2) * thorax.FIELD / cells
    chord = 2 * np.sqrt(np.maximum(radius**2 - s**2, 0)) * thorax.MU_WATER
    middle = np.abs(s) < 0.9 * radius
    assert np.abs(sinogram - chord)[:, middle].max() < 0.03 * chord.max()
    area = sinogram.sum(1) * thorax.FIELD / cells / thorax.MU_WATER
    np.testing.assert_allclose(area, np.pi * radius**2, rtol=2e-3)


@pytest.mark.parametrize("at", [(0.0, 0.0), (60.0, -40.0)])
def test_a_noiseless_disc_comes_back(at):
    mu = thorax.back_project(thorax.project(disc(70, at=at)[None] * thorax.MU_WATER))[0]
    inside = disc(55, 64, at) > 0.99
    outside = disc(85, 64, at) < 0.01
    round_ = disc(160, 64) > 0.99
    np.testing.assert_allclose(mu[inside].mean(), thorax.MU_WATER, rtol=0.01)
    assert np.abs(mu[inside] / thorax.MU_WATER - 1).max() < 0.03
    assert np.abs(mu[outside & round_] / thorax.MU_WATER).max() < 0.03


def test_agrees_with_scikit_image():
    from skimage.transform import iradon, radon

    hu, _, _ = thorax.paint_slices(thorax.draw_patient(0, 3), np.array([130.0]), 64)
    mu = thorax.attenuation(hu)
    fine = (np.arange(128) - 63.5) * thorax.FIELD / 128
    mu[:, np.hypot(fine, fine[:, None]) > thorax.FIELD / 2] = 0
    mine = thorax.project(mu)[0]
    views, width = len(mine), thorax.FIELD / 128
    degrees = 180 * (np.arange(views) + 0.5) / views
    theirs = radon(mu[0], -degrees, circle=True).T * width
    centred = [
        np.convolve(row, [0.5, 0.5], "same") for row in mine
    ]  # their axis lies half a cell on
    both = np.corrcoef(np.array(centred).ravel(), theirs.ravel())[0, 1]
    assert both > 0.997
    np.testing.assert_allclose(mine.sum(1), theirs.sum(1), rtol=0.02)
    back = thorax.back_project(mine[None])[0]
    other = iradon(theirs.T / width, -degrees, filter_name="hann", circle=True)
    other = other.reshape(64, 2, 64, 2).mean((1, 3))
    inside = disc(150, 64) > 0.99
    assert np.corrcoef(back[inside], other[inside])[0, 1] > 0.99
    assert abs(back[inside].mean() / other[inside].mean() - 1) < 0.02


def test_designed_tissues_have_their_hounsfield_units(ct):
    truth, maps = thorax.to_hounsfield(ct["truth"]), ct["maps"]
    middle = {k: np.median(truth[maps == thorax.THORAX_MAP.index(k)]) for k in thorax.THORAX_MAP}
    assert middle["air"] == -1000 and -125 < middle["fat"] < -85
    assert 35 < middle["muscle"] < 65 and -900 < middle["lung"] < -780
    assert 30 < middle["heart"] < 320 and 150 < middle["bone"] < 600
    assert middle["airway"] < -700 and 0 < middle["abdomen"] < 150
    full = thorax.to_hounsfield(ct["images"])
    for tissue in ("muscle", "heart", "lung"):
        part = maps == thorax.THORAX_MAP.index(tissue)
        assert abs(np.median(full[part]) - np.median(truth[part])) < 25, tissue


def test_noise_falls_with_the_root_of_the_dose():
    integrals = thorax.project(disc(110)[None] * thorax.MU_WATER)
    inside, spread = disc(80, 64) > 0.99, []
    clean = thorax.back_project(integrals)[0]
    for dose in (1.0, 1 / 4, 1 / 16):
        random = np.random.default_rng(0)
        noisy = thorax.measure(np.repeat(integrals, 4, 0), thorax.PHOTONS * dose, random)
        error = (thorax.back_project(noisy) - clean)[:, inside]
        spread.append(error.std())
        assert abs(error.mean()) < 0.01 * thorax.MU_WATER  # more noise, the same mean
    ratio = np.array(spread[1:]) / spread[:-1]
    assert (np.abs(ratio - 2) < 0.3).all(), ratio
    assert 3 < 1000 * spread[0] / thorax.MU_WATER < 40  # HU at full dose


def test_doses_are_of_one_slice(ct):
    truth = thorax.to_hounsfield(ct["truth"])
    error = [np.abs(thorax.to_hounsfield(ct[name]) - truth).mean() for name in thorax.DOSES]
    assert error == sorted(error) and error[-1] > 2 * error[0]
    for name in thorax.DOSES:
        assert ct[name].dtype == np.uint16 and ct[name].shape == (60, 64, 64)


def test_lesions_lie_within_lungs_and_are_what_the_label_says(ct):
    masks, maps = ct["masks"] > 0, ct["maps"]
    assert (maps[masks] == thorax.LESION).all() and (maps[~masks] != thorax.LESION).all()
    assert (masks.any((1, 2)) == (ct["labels"] == 1)).all()
    assert ((ct["lesion"] > 0) == (ct["labels"] == 1)).all()
    assert 0.25 < ct["labels"].mean() < 0.75
    across = ct["lesion"][ct["labels"] == 1]
    assert across.min() > 20 and across.max() < 50
    truth = thorax.to_hounsfield(ct["truth"])
    assert np.median(truth[masks]) > -100  # solid
    for mask, label in zip(masks[ct["labels"] == 1], maps[ct["labels"] == 1], strict=True):
        rows, columns = np.nonzero(mask)
        rim = label[max(rows.min() - 2, 0) : rows.max() + 3, columns.min() - 2 : columns.max() + 3]
        assert (rim == thorax.LUNG).mean() > 0.1
    for number in range(12):
        s = thorax.draw_patient(0, number)
        for v in s.lesions:
            assert thorax._lungs(s, *v.centre) > 0.5 * v.radius


def test_patients_differ_and_slices_stay_theirs(ct):
    assert np.array_equal(ct["groups"], np.arange(60) // thorax.SLICES)
    flat = ct["truth"].reshape(60, -1) / 65535
    apart = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(2))
    other = ct["groups"][:, None] != ct["groups"][None]
    assert apart[other].min() > 0.01
    assert apart[~np.eye(60, dtype=bool)].min() > 0  # no slice twice
    ages = {tuple(thorax.draw_patient(0, k).p.values()) for k in range(5)}
    assert len(ages) == 5 and thorax.draw_patient(1, 0).p != thorax.draw_patient(0, 0).p


def test_deterministic_and_a_prefix_is_a_prefix(ct):
    again = thorax.make_thorax_ct(0, 7)
    assert set(again) == set(ct)
    for name, array in again.items():
        assert array.tobytes() == ct[name][:7].tobytes(), name
    assert thorax.checksum(again) == thorax.checksum(thorax.make_thorax_ct(0, 7))
    assert (thorax.make_thorax_ct(1, 2)["images"] != again["images"][:2]).any()


def test_radiographs_are_integrals_of_the_volume(xray):
    s = thorax.draw_patient(0, 0)
    hu, share, edges = thorax.paint_volume(s, 32)
    mu = thorax.attenuation(hu, xray=True)
    front, side = thorax.integrate(mu, edges, 1), thorax.integrate(mu, edges, 2)
    np.testing.assert_allclose(front, (mu * edges[1]).sum(1, dtype=float), rtol=1e-6)
    mass = front.sum(1) * edges[2], side.sum(1) * edges[1]  # both views see the same matter
    np.testing.assert_allclose(*mass, rtol=1e-5)
    water = np.zeros((1, 40, 1))  # a known path: 40 voxels of 5 mm of water
    through = thorax.integrate(thorax.attenuation(water, xray=True), np.array([1, 5.0, 1]), 1)
    np.testing.assert_allclose(through, 200 * thorax.MU_WATER_XRAY)
    stored = xray["integrals"][0] / 65535 * thorax.INTEGRAL_HIGH
    hu, _, edges = thorax.paint_volume(s, 64)
    clean = thorax.integrate(thorax.attenuation(hu, xray=True), edges, 1)
    clean = thorax._fit(clean, 64)
    noise = (stored - clean)[clean < 5]
    expected = np.sqrt(np.exp(clean) / thorax.PHOTONS_XRAY)[clean < 5]
    assert 0.8 < (noise / expected).std() < 1.3


def test_radiographs_look_right(xray):
    picture = xray["images"] / 65535
    assert picture.shape == xray["lateral"].shape == (4, 64, 64)
    spine, lung = picture[:, 30:40, 30:34].mean((1, 2)), picture[:, 20:32, 14:20].mean((1, 2))
    assert (spine > lung + 0.3).all()  # bone and heart white, lungs dark
    assert (picture[:, :2, :2] < 0.2).all()
    assert ((xray["masks"].any((1, 2))) == (xray["labels"] == 1)).all()
    assert (xray["masks"].any((1, 2)) == xray["lateral_masks"].any((1, 2))).all()
    again = thorax.make_thorax_xray(0, 2)
    for name, array in again.items():
        assert array.tobytes() == xray[name][:2].tobytes(), name


def test_other_sizes():
    half, small = thorax.make_thorax_ct(0, 1, 32), thorax.make_thorax_ct(0, 1, 64)
    assert half["images"].shape == (1, 32, 32) and half["level"] == small["level"]
    halved = thorax.to_hounsfield(small["truth"]).reshape(1, 32, 2, 32, 2).mean((2, 4))
    assert np.abs(halved - thorax.to_hounsfield(half["truth"])).mean() < 25
