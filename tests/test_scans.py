"Films, deep colour, DICOM and NIfTI: numbers as the reference readers give them, or one sentence."

import itertools
import os
import re
import resource
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from ganbook.images import (
    PICTURES,
    ImageError,
    is_picture,
    read,
    read_array,
    read_image,
    stored_range,
    to_array,
    windowed,
)

pydicom = pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")
pytestmark = pytest.mark.filterwarnings("ignore")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nibabel.testing import data_path
    from pydicom.data import get_testdata_files
    from pydicom.pixels import apply_modality_lut, apply_windowing, pixel_array

SCANS = sorted({file for file in get_testdata_files() if os.path.isfile(file)})
VOLUMES = sorted(str(file) for file in Path(data_path).rglob("*") if file.is_file())


def scan(name: str) -> str:
    "One of pydicom's files."
    return next(file for file in SCANS if os.path.basename(file) == name)


def noise(*shape: int, kind: str = "u2", seed: int = 0) -> np.ndarray:
    "Random numbers over the whole range of a type."
    ends = np.iinfo(kind)
    random = np.random.default_rng(seed)
    return random.integers(ends.min, ends.max, shape, kind, endpoint=True)


# every file that the reference readers carry


@pytest.mark.parametrize("window", [None, "all", (0, 100)])
@pytest.mark.parametrize("files", [SCANS, VOLUMES], ids=["pydicom", "nibabel"])
def test_every_bundled_file_is_read_or_refused_in_one_sentence(files, window):
    assert len(files) > 90
    good = 0
    for file in files:
        try:
            images = read(file, window=window)
        except ImageError as error:
            said = str(error)
            assert said.startswith(file) and "\n" not in said and "; " in said, said
            assert len(said) < len(file) + 420, said
        else:
            good += 1
            assert images.dtype == torch.float32 and images.dim() == 4
            assert images.shape[1] in (1, 3) and images.abs().max() <= 1
    assert good >= (75 if files is SCANS else 8)


def stored_pixels(file: str) -> tuple:
    "Data set and pixels (n, h, w) as pydicom reads them; None where there are none of one channel."
    try:
        data = pydicom.dcmread(file)
        pixels = pixel_array(data)
    except Exception:
        return None, None
    if data.SamplesPerPixel != 1 or data.PhotometricInterpretation == "PALETTE COLOR":
        return None, None
    return data, pixels.reshape(-1, data.Rows, data.Columns)


def undone(file: str | Path) -> np.ndarray:
    "What a file stores, from what `read` gives and `stored_range` tells: (n, c, h, w)."
    low, high = stored_range(file)
    return (low + (read(file, window="all").double() + 1) / 2 * (high - low)).round().numpy()


def test_all_stored_values_come_back_from_every_grey_scan(tmp_path):
    depths = set()
    for file in SCANS:
        data, pixels = stored_pixels(file)
        if data is None:
            continue
        assert np.array_equal(undone(file)[:, 0], pixels), file
        depths.add((data.BitsStored, data.PixelRepresentation, data.PhotometricInterpretation))
    assert {bits for bits, *_ in depths} >= {8, 12, 13, 16}
    assert stored_range(scan("J2K_pixelrep_mismatch.dcm")) == (-4096, 4095)
    twelve = noise(5, 6) % 4096
    path = made(
        tmp_path, twelve, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1"
    )
    assert stored_range(path) == (4095, 0) and np.array_equal(undone(path)[0, 0], twelve)


def test_all_stored_values_of_pictures_and_volumes_come_back(tmp_path):
    eight, ten = noise(4, 5, kind="u1"), noise(4, 5) % 1024
    Image.fromarray(eight).save(tmp_path / "a.png")
    (tmp_path / "b.pgm").write_bytes(b"P5 5 4 1023\n" + ten.astype(">u2").tobytes())
    np.save(tmp_path / "c.npy", noise(1, 4, 5))
    for name, want in (("a.png", eight), ("b.pgm", ten), ("c.npy", noise(4, 5))):
        assert np.array_equal(undone(tmp_path / name)[0, 0], want), name
    volume = noise(6, 5, 4, kind="i2")
    nibabel.Nifti1Image(volume, np.eye(4)).to_filename(tmp_path / "v.nii.gz")
    stored = volume[::-1, ::-1].transpose(2, 1, 0)
    assert np.array_equal(undone(tmp_path / "v.nii.gz")[:, 0], stored)
    with pytest.raises(ImageError, match="numbers of colours"):
        stored_range(scan("examples_palette.dcm"))


def test_own_windows_are_pydicoms():
    tried = 0
    for file in SCANS:
        data, pixels = stored_pixels(file)
        if data is None or "WindowWidth" not in data:
            continue
        bits, signed = data.BitsStored, data.PixelRepresentation == 1
        ends = (np.array([0, 2**bits - 1]) - 2 ** (bits - 1) * signed) * float(
            data.get("RescaleSlope", 1)
        ) + float(data.get("RescaleIntercept", 0))
        shown = apply_windowing(apply_modality_lut(pixels, data), data)
        want = (shown - ends[0]) / (ends[1] - ends[0]) * 2 - 1
        if data.PhotometricInterpretation == "MONOCHROME1":
            want = -want
        assert np.abs(read(file)[:, 0].numpy() - want).max() < 1e-6, file
        tried += 1
    assert tried > 30


def test_colour_scans_are_pydicoms():
    for name in ("examples_rgb_color.dcm", "examples_ybr_color.dcm", "examples_jpeg2k.dcm"):
        data = pydicom.dcmread(scan(name))
        want = pixel_array(data).reshape(-1, data.Rows, data.Columns, 3)
        assert np.array_equal(to_array(read(scan(name))), want)
    deep = scan("SC_rgb_rle_16bit_2frame.dcm")
    assert np.array_equal(to_array(read(deep), 16), pixel_array(pydicom.dcmread(deep)))
    assert read(scan("examples_palette.dcm")).shape == (1, 3, 350, 800)


def test_encodings_of_one_scan_agree():
    want = read(scan("MR_small.dcm"))
    for end in ("RLE", "bigendian", "expb", "implicit", "jp2klossless", "padded"):
        assert torch.equal(read(scan(f"MR_small_{end}.dcm")), want), end


def test_missing_decoders_are_named():
    for name in ("MR_small_jpeg_ls_lossless.dcm", "JPGExtended.dcm", "SC_rgb_jpeg_gdcm.dcm"):
        with pytest.raises(ImageError, match="compressed as .*pip install pylibjpeg"):
            read(scan(name))


def test_missing_libraries_are_named(monkeypatch):
    import importlib

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    for file in (scan("CT_small.dcm"), str(Path(data_path) / "anatomical.nii")):
        with pytest.raises(ImageError, match=r"ganbook\[medical\]"):
            read(file)


# made scans


def made(tmp_path: Path, pixels: np.ndarray, name: str = "made.dcm", **facts) -> Path:
    "A DICOM file of (n, h, w) or (h, w) pixels."
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = pydicom.Dataset()
    data.file_meta, data.SOPClassUID = meta, CTImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    bits = 8 * pixels.dtype.itemsize
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    for key, value in facts.items():
        setattr(data, key, value)
    data.PixelData = pixels.tobytes()
    data.save_as(tmp_path / name, enforce_file_format=True)
    return tmp_path / name


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_window_functions_are_the_standards(tmp_path, function, photometric):
    pixels = np.arange(-300, 300, dtype=np.int16).reshape(1, 20, 30)
    facts = {"RescaleSlope": 2, "RescaleIntercept": -10, "WindowCenter": 40, "WindowWidth": 400}
    path = made(
        tmp_path,
        pixels,
        VOILUTFunction=function,
        PhotometricInterpretation=photometric,
        **facts,
    )
    x, c, w = pixels * 2.0 - 10, 40, 400
    want = {
        "LINEAR": ((x - (c - 0.5)) / (w - 1) + 0.5).clip(0, 1),
        "LINEAR_EXACT": ((x - c) / w + 0.5).clip(0, 1),
        "SIGMOID": 1 / (1 + np.exp(-4 * (x - c) / w)),
    }[function] * 2 - 1
    got = read(path)[:, 0].numpy() * (-1 if photometric == "MONOCHROME1" else 1)
    assert np.abs(got - want).max() < 1e-6


def test_windows_of_your_own_are_in_the_files_units(tmp_path):
    pixels = np.array([[0, 1000, 1040, 1080, 4000]], np.uint16)
    path = made(tmp_path, pixels, RescaleSlope=1, RescaleIntercept=-1000, BitsStored=12, HighBit=11)
    assert read(path, window=(0, 80)).flatten().tolist() == [-1, -1, 0, 1, 1]
    assert read(path, window=[0, 80]).flatten().tolist() == [-1, -1, 0, 1, 1]
    assert torch.allclose(read(path).flatten(), torch.from_numpy(pixels[0] / 2000 - 1).float())
    whole = read(path, window="all").flatten()
    assert np.array_equal(((whole.double() + 1) / 2 * 4095).round(), pixels[0])


def test_windows_of_no_use_are_refused_unless_another_is_given(tmp_path):
    path = made(tmp_path, np.array([[0, 50, 100]], np.int16), WindowCenter=50, WindowWidth=0)
    with pytest.raises(ImageError, match='its window is of no use .*pass window="all"'):
        read(path)
    assert read(path, window=(0, 100)).flatten().tolist() == [-1, 0, 1]


def test_padding_is_left_out_of_the_extremes(tmp_path):
    pixels = np.array([[-2000, 0, 50, 100]], np.int16)
    path = made(tmp_path, pixels, PixelPaddingValue=-2000)
    assert read(path).flatten().tolist() == [-1, -1, 0, 1]


def test_tables_of_interest(tmp_path):
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [4, 10, 12], [0, 4095, 2048, 0]
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    path = made(tmp_path, np.array([[0, 10, 11, 13, 200]], np.uint8), VOILUTSequence=[table])
    got = read(path).flatten().tolist()
    assert got == [-1, -1, 1, -1, -1]


def test_enhanced_files_give_each_frame_its_own_slope_and_window(tmp_path):
    def group(slope: float, center: float) -> pydicom.Dataset:
        frame, change, window = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        change.RescaleSlope, change.RescaleIntercept, change.RescaleType = slope, 0, "HU"
        window.WindowCenter, window.WindowWidth = center, 100
        window.VOILUTFunction = "LINEAR_EXACT"
        frame.PixelValueTransformationSequence = [change]
        frame.FrameVOILUTSequence = [window]
        return frame

    pixels = np.array([[[0, 50, 100]], [[0, 50, 100]]], np.int16)
    path = made(tmp_path, pixels, PerFrameFunctionalGroupsSequence=[group(1, 50), group(2, 100)])
    assert read(path).flatten().tolist() == [-1, 0, 1, -1, 0, 1]
    assert read(path, window=(0, 200)).flatten().tolist() == [-1, -0.5, 0, -1, 0, 1]


def test_files_without_suffix_or_header(tmp_path):
    whole = Path(scan("CT_small.dcm")).read_bytes()
    (tmp_path / "IM0001").write_bytes(whole)
    assert torch.equal(read(tmp_path / "IM0001"), read(scan("CT_small.dcm")))
    assert torch.equal(read_image(tmp_path / "IM0001"), read(scan("CT_small.dcm"))[0])
    data = pydicom.dcmread(scan("MR_small_implicit.dcm"))
    data.preamble, data.file_meta = None, pydicom.dataset.FileMetaDataset()
    pydicom.dcmwrite(tmp_path / "bare.dcm", data, implicit_vr=True, little_endian=True)
    assert (tmp_path / "bare.dcm").read_bytes()[128:132] != b"DICM"
    assert torch.equal(read(tmp_path / "bare.dcm"), read(scan("MR_small.dcm")))


@pytest.mark.parametrize("cut", [0.02, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_rle_2frame.dcm", "JPEG2000.dcm"])
def test_cut_scans_are_read_or_refused(tmp_path, name, cut):
    data = Path(scan(name)).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(data[: int(cut * len(data))])
    with pytest.raises(ImageError, match="cut.dcm") as met:
        read(tmp_path / "cut.dcm")
    assert "\n" not in str(met.value)


def test_damaged_scans_and_volumes_never_crash(tmp_path):
    random = np.random.default_rng(0)
    for file in (scan("CT_small.dcm"), str(Path(data_path) / "anatomical.nii")):
        data = np.fromfile(file, np.uint8)
        path = tmp_path / os.path.basename(file)
        for _ in range(60):
            spoilt = data.copy()
            places = random.integers(0, min(len(data), 2000), 4)
            spoilt[places] = random.integers(0, 256, 4)
            path.write_bytes(spoilt.tobytes())
            try:
                assert read(path, max_pixels=10**6).abs().max() <= 1
            except ImageError as error:
                assert path.name in str(error) and "\n" not in str(error)


# volumes


@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("name", ["anatomical.nii", "functional.nii", "example4d.nii.gz"])
def test_volumes_are_nibabels(axis, name):
    path = str(Path(data_path) / name)
    volume = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata()
    volume = volume.reshape(*volume.shape[:3], -1)
    images = read(path, axis=axis, window=(volume.min(), volume.max()))[:, 0].numpy()
    number = {"axial": 2, "coronal": 1, "sagittal": 0}[axis]
    assert len(images) == volume.shape[number] * volume.shape[3]
    for t, k in itertools.product(range(volume.shape[3]), range(volume.shape[number])):
        picture = volume[..., t].take(k, number)  # (first, second) axis that is left
        want = picture[::-1, ::-1].T
        want = (want - volume.min()) / (volume.max() - volume.min()) * 2 - 1
        assert np.abs(images[t * volume.shape[number] + k] - want).max() < 1e-6


def test_all_48_orientations_are_one(tmp_path):
    volume = noise(3, 4, 5, kind="i2")
    seen = 0
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            turn = np.array([order, flips]).T
            image = nibabel.Nifti1Image(volume, np.diag([1, 2, 3, 1])).as_reoriented(turn)
            image.to_filename(tmp_path / "v.nii")
            for axis in ("axial", "coronal", "sagittal"):
                images = read(tmp_path / "v.nii", axis=axis, window="all")
                back = to_array(images, 16)[..., 0].astype(int) - 2**15
                number = {"axial": 2, "coronal": 1, "sagittal": 0}[axis]
                want = np.moveaxis(volume, number, 0)[:, ::-1, ::-1].transpose(0, 2, 1)
                assert np.array_equal(back, want)
            seen += 1
    assert seen == 48


@pytest.mark.parametrize("kind", ["u1", "i2", "u2"])
def test_stored_values_of_volumes_come_back(tmp_path, kind):
    volume = noise(6, 5, 4, kind=kind)
    image = nibabel.Nifti1Image(volume, np.eye(4))
    image.header.set_slope_inter(0.5, 3)
    image.to_filename(tmp_path / "v.nii.gz")
    bits = 8 * np.dtype(kind).itemsize
    whole = to_array(read(tmp_path / "v.nii.gz", window="all"), bits)[..., 0].astype(int)
    stored = np.asarray(nibabel.load(tmp_path / "v.nii.gz").dataobj.get_unscaled())
    want = stored[::-1, ::-1].transpose(2, 1, 0).astype(int) - np.iinfo(kind).min
    assert np.array_equal(whole, want)


def test_slopes_windows_and_holes_of_volumes(tmp_path):
    image = nibabel.Nifti1Image(np.array([[[0, 10, 20]]], np.int16), np.eye(4))
    image.header.set_slope_inter(2, 100)
    image.to_filename(tmp_path / "scaled.nii")
    values = nibabel.load(tmp_path / "scaled.nii").get_fdata().flatten()
    got = read(tmp_path / "scaled.nii", window=(values[0], values[2])).flatten()
    assert got.tolist() == [-1, 0, 1]
    image.header["cal_min"], image.header["cal_max"] = values[0], values[1]
    image.to_filename(tmp_path / "own.nii")
    assert read(tmp_path / "own.nii").flatten().tolist() == [-1, 1, 1]
    holes = np.array([[[np.nan, 1, 3]]], np.float32)
    nibabel.Nifti1Image(holes, np.eye(4)).to_filename(tmp_path / "holes.nii")
    assert read(tmp_path / "holes.nii").flatten().tolist() == [-1, -1, 1]


def test_volumes_that_do_not_tell_their_sides_are_read_with_a_warning(tmp_path):
    image = nibabel.Nifti1Image(noise(3, 4, 5, kind="u1"), np.eye(4))
    image.to_filename(tmp_path / "sides.nii")
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    image.to_filename(tmp_path / "none.nii")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path / "sides.nii")
    with pytest.warns(UserWarning, match="none.nii does not say which way its axes run"):
        read(tmp_path / "none.nii")


def test_volumes_in_colour_and_those_that_are_refused(tmp_path):
    colour = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colour["R"][1, 2, 3] = 255
    nibabel.Nifti1Image(colour, np.eye(4)).to_filename(tmp_path / "colour.nii")
    images = read(tmp_path / "colour.nii")
    assert images.shape == (4, 3, 3, 2) and images[-1, :, 0, 0].tolist() == [1, -1, -1]
    waves = np.zeros((2, 3, 4), np.complex64)
    nibabel.Nifti1Image(waves, np.eye(4)).to_filename(tmp_path / "waves.nii")
    with pytest.raises(ImageError, match="complex64"):
        read(tmp_path / "waves.nii")
    nibabel.Nifti1Image(np.zeros((2, 2, 2, 2, 3), np.uint8), np.eye(4)).to_filename(
        tmp_path / "five.nii"
    )
    with pytest.raises(ImageError, match="three or four axes"):
        read(tmp_path / "five.nii")


# bombs


def test_headers_that_claim_too_much_are_refused_unread(tmp_path):
    pixels = noise(2, 8, 8)
    path = made(tmp_path, pixels, Rows=65535, Columns=65535)
    with pytest.raises(ImageError, match="claims 2 x 65535 x 65535"):
        read(path)
    with pytest.raises(ImageError, match="less than expected"):
        read(path, max_pixels=10**11)
    header = nibabel.Nifti1Image(np.zeros((1, 1, 1), np.uint8), np.eye(4)).header
    header.set_data_shape((30000, 30000, 30000))
    (tmp_path / "huge.nii").write_bytes(header.binaryblock + bytes(4))
    with pytest.raises(ImageError, match="30000 x 30000 x 30000"):
        read(tmp_path / "huge.nii")
    with pytest.raises(ImageError, match="allowed; raise max_pixels"):
        read_array(claim(tmp_path / "huge.npy", (10**6, 10**6, 3000)))
    with pytest.raises(ImageError, match="bytes where 0 follow"):
        read_array(claim(tmp_path / "hollow.npy", (1000, 100, 100)))
    np.savez_compressed(tmp_path / "zeros.npz", np.zeros((50, 1000, 1000), np.uint8))
    assert (tmp_path / "zeros.npz").stat().st_size < 100_000
    with pytest.raises(ImageError, match="claims 50000000 pixels"):
        read(tmp_path / "zeros.npz", max_pixels=10**6)


def deflated(path: Path, pixels: int, preamble: bool = True) -> Path:
    "A deflated DICOM file that claims 8 x 8 bytes and holds so many."
    uid = pydicom.uid.DeflatedExplicitVRLittleEndian.encode()
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid
    facts = ((2, 1), (0x10, 8), (0x11, 8), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0))
    body = b"".join(struct.pack("<HH2sHH", 0x28, tag, b"US", 2, value) for tag, value in facts[:1])
    body += struct.pack("<HH2sH", 0x28, 4, b"CS", 12) + b"MONOCHROME2 "
    body += b"".join(struct.pack("<HH2sHH", 0x28, tag, b"US", 2, value) for tag, value in facts[1:])
    body += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, pixels)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    held = [squeeze.compress(body)]
    held += [squeeze.compress(bytes(min(10**6, pixels - i))) for i in range(0, pixels, 10**6)]
    start = bytes(128) + b"DICM" if preamble else b""
    path.write_bytes(start + meta + b"".join(held) + squeeze.flush())
    return path


@pytest.mark.parametrize("preamble", [True, False])
def test_deflated_scans_inflate_no_further_than_their_pictures_need(tmp_path, preamble):
    assert read(deflated(tmp_path / "small.dcm", 64, preamble)).shape == (1, 1, 8, 8)
    bomb = deflated(tmp_path / "bomb.dcm", 400_000_000, preamble)
    assert bomb.stat().st_size < 500_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match="inflates to more than the 16777280 bytes"):
        read(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


def claim(path: Path, shape: tuple) -> Path:
    "A .npy header without numbers."
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
    return path


def test_frames_count_as_pixels(tmp_path):
    frames = [Image.fromarray(noise(20, 20, 3, kind="u1", seed=i)) for i in range(10)]
    for name in ("film.webp", "film.tif", "film.png", "film.gif"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert len(read(path, max_pixels=4000)) == 10
        with pytest.raises(ImageError, match="claims 10 x 20 x 20"):
            read(path, max_pixels=3999)
        assert read_image(path, max_pixels=400).shape[1:] == (20, 20)


def test_the_limit_rises_above_pils_own(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "large.png"
    Image.fromarray(noise(30, 30, kind="u1")).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(path).shape == (1, 1, 30, 30)
    with pytest.raises(ImageError, match="claims 30 x 30 pixels where 899"):
        read(path, max_pixels=899)
    frames = [Image.fromarray(noise(30, 30, 3, kind="u1", seed=i)) for i in range(3)]
    for name in ("film.gif", "film.webp", "film.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], disposal=2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read(tmp_path / name).shape[2:] == (30, 30)
    assert Image.MAX_IMAGE_PIXELS == 100


# films and depth


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_pages_of_a_tiff_come_back_bit_for_bit(tmp_path, kind, channels):
    pages = noise(4, 9, 13, channels, kind=kind)
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    cv2.imwritemulti(str(tmp_path / "a.tif"), [np.ascontiguousarray(p[..., order]) for p in pages])
    images = read(tmp_path / "a.tif")
    assert np.array_equal(to_array(images, 8 * np.dtype(kind).itemsize), pages)
    assert torch.equal(read_image(tmp_path / "a.tif"), images[0])


def test_films_are_laid_over_one_another(tmp_path):
    "A frame that stores a change only is shown whole."
    base = Image.new("RGB", (16, 16), "red")
    second = base.copy()
    second.paste("blue", (4, 4, 8, 8))
    for name in ("a.gif", "a.webp", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        base.save(tmp_path / name, save_all=True, append_images=[second], **options)
        images = read(tmp_path / name)
        assert images.shape == (2, 3, 16, 16), name
        assert images[1, :, 0, 0].tolist() == [1, -1, -1]
        assert images[1, :, 5, 5].tolist() == [-1, -1, 1]
    grey = [Image.fromarray(noise(12, 10, kind="u1", seed=i)) for i in range(2)]
    grey[0].save(tmp_path / "g.gif", save_all=True, append_images=grey[1:])
    assert read(tmp_path / "g.gif").shape[2:] == (12, 10)


def test_thumbnails_are_no_pages_and_unlike_pages_are_refused(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    page, small = noise(20, 20, 3, kind="u1"), noise(5, 5, 3, kind="u1")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(page, photometric="rgb")
        file.write(small, photometric="rgb", subfiletype=1)
        file.write(page // 2, photometric="rgb")
    assert np.array_equal(to_array(read(tmp_path / "a.tif")), np.stack([page, page // 2]))
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        file.write(page, photometric="rgb")
        file.write(small, photometric="rgb")
    with pytest.raises(ImageError, match="differ in size"):
        read(tmp_path / "b.tif")
    assert np.array_equal(to_array(read_image(tmp_path / "b.tif")), page)


def test_depth_is_kept_or_refused(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    deep = noise(24, 31, 3)
    for name in ("a.png", "a.tif", "a.ppm", "a.jp2"):
        options = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if name == "a.jp2" else []
        big = np.tile(deep, (3, 3, 1)) if name == "a.jp2" else deep
        assert cv2.imwrite(str(tmp_path / name), big[..., ::-1], options)
        assert np.array_equal(to_array(read(tmp_path / name), 16)[0], big), name
    for name, header in (("b.ppm", b"P6\n# note\n31 24\n1023\n"), ("c.ppm", b"P3 31 24 1023\n")):
        ten = deep % 1024
        body = (
            ten.astype(">u2").tobytes()
            if header[1:2] == b"6"
            else re.sub(rb"[\[\],]", b" ", str(ten.ravel().tolist()).encode())
        )
        (tmp_path / name).write_bytes(header + body + b"\n")
        got = (read(tmp_path / name)[0].double() + 1) / 2 * 1023
        assert np.array_equal(got.round().permute(1, 2, 0), ten), name
    done, data = cv2.imencode(
        ".avif", deep[..., ::-1] >> 6, [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    )
    if done:
        (tmp_path / "a.avif").write_bytes(data.tobytes())
        got = (read(tmp_path / "a.avif")[0].double() + 1) / 2 * 1023
        assert np.abs(got.round().permute(1, 2, 0).numpy() - (deep >> 6)).max() <= 1
    planes = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "planes.tif", deep.transpose(2, 0, 1).copy(), **planes)
    ink = np.concatenate([deep, deep[..., :1]], -1)
    tifffile.imwrite(tmp_path / "ink.tif", ink, photometric="separated")
    for name in ("planes.tif", "ink.tif"):
        with pytest.raises(ImageError, match="would be cut to 8"):
            read(tmp_path / name)
    tifffile.imwrite(tmp_path / "white.tif", deep[..., 0], photometric="miniswhite")
    assert np.array_equal(
        65535 - to_array(read(tmp_path / "white.tif"), 16)[0, ..., 0], deep[..., 0]
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_pages_are_turned_once(tmp_path, orientation):
    tifffile = pytest.importorskip("tifffile")
    deep = noise(5, 7, 3)
    for name, pixels in (("deep.tif", deep), ("flat.tif", (deep >> 8).astype(np.uint8))):
        note = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(tmp_path / name, pixels, photometric="rgb", extratags=note)
    flat = to_array(read(tmp_path / "flat.tif"))
    assert np.array_equal(to_array(read(tmp_path / "deep.tif"), 16) >> 8, flat)


# the door itself


def test_names():
    assert all(is_picture(f"a b/ü{end.upper()}") for end in PICTURES)
    for name in ("a.npy", "a.npz", "a.txt", ".png", "png", "a.gz", "a.nii.bak"):
        assert not is_picture(name)


def test_windows_of_arrays_and_pictures(tmp_path):
    twelve = np.array([[[0, 4095], [2048, 1024]]], np.uint16)
    np.save(tmp_path / "a.npy", twelve)
    want = windowed(twelve, 0, 4095)[:, None]
    assert torch.equal(read(tmp_path / "a.npy", window=(0, 4095)), want)
    assert torch.equal(read(twelve, window=(0, 4095)), want)
    Image.fromarray(twelve[0]).save(tmp_path / "a.png")
    assert torch.equal(read(tmp_path / "a.png", window=(0, 4095)), want)
    assert np.array_equal(to_array(read(tmp_path / "a.png"), 16)[..., 0], twelve)


def test_numbers_of_deep_pictures_are_those_of_the_file(tmp_path):
    ten = noise(4, 5, 3) % 1024
    for letter, pixels in ((b"P6", ten), (b"P5", ten[..., 0])):
        path = tmp_path / "a.ppm"
        path.write_bytes(letter + b" 5 4 1023\n" + pixels.astype(">u2").tobytes())
        want = windowed(pixels.reshape(4, 5, -1), 0, 1023).permute(2, 0, 1)[None]
        assert torch.equal(read(path, window=(0, 1023)), want)
        assert torch.allclose(read(path), want, atol=1e-6)
        assert torch.equal(read_image(path), read(path)[0])
    four = (ten[..., 0] % 16).astype(np.uint8)
    (tmp_path / "b.pgm").write_bytes(b"P5 5 4 15\n" + four.tobytes())
    want = windowed(four, 0, 15)[None, None]
    assert torch.equal(read(tmp_path / "b.pgm", window=(0, 15)), want)
    assert torch.allclose(read(tmp_path / "b.pgm"), want, atol=1e-6)


def test_wide_integers_of_a_tiff_are_bytes_or_refused(tmp_path):
    levels = np.arange(256, dtype=np.int32).reshape(16, 16)
    Image.fromarray(levels).save(tmp_path / "a.tif")
    assert np.array_equal(to_array(read(tmp_path / "a.tif"))[0, ..., 0], levels)
    Image.fromarray(levels * 16).save(tmp_path / "b.tif")
    for door in (read, read_image):
        with pytest.raises(
            ImageError, match=r"int32 values run from 0 to 4080.*window=\(low, high"
        ):
            door(tmp_path / "b.tif")
    want = windowed(levels * 16, 0, 4095)[None, None]
    assert torch.equal(read(tmp_path / "b.tif", window=(0, 4095)), want)


def test_deep_grey_keeps_its_transparent_value(tmp_path):
    deep = noise(6, 7)
    done, data = cv2.imencode(".png", deep)
    clear = struct.pack(">I4sH", 2, b"tRNS", int(deep[2, 3]))
    clear += struct.pack(">I", zlib.crc32(clear[4:]))
    data = data.tobytes()
    (tmp_path / "a.png").write_bytes(data[:33] + clear + data[33:])
    got = to_array(read(tmp_path / "a.png"), 16)[0]
    assert all(np.array_equal(got[..., i], deep) for i in range(3))
    assert np.array_equal(got[..., 3], np.where(deep == deep[2, 3], 0, 65535))


def test_pictures_that_pil_has_opened(tmp_path):
    eight = Image.fromarray(noise(6, 7, 3, kind="u1"))
    assert np.array_equal(to_array(read(eight))[0], np.asarray(eight))
    Image.fromarray(noise(6, 7)).save(tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as image:
        assert np.array_equal(to_array(read(image), 16)[0, ..., 0], noise(6, 7))


@pytest.mark.parametrize("source", [torch.zeros(1, 1, 4, 4), [[1, 2]], 5, None])
def test_sources_of_no_use_are_refused(source):
    for door in (read, read_image, read_array, stored_range):
        with pytest.raises(ImageError, match="source is of type .* a path"):
            door(source)


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": 2},
        {"axis": "top"},
        {"window": "auto"},
        {"window": (3, 3)},
        {"window": 5},
        {"window": (1, 2, 3)},
        {"window": ("a", "b")},
        {"window": (0, float("nan"))},
    ],
)
def test_wrong_arguments_are_refused(tmp_path, wrong):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=next(iter(wrong))):
        read(tmp_path / "a.png", **wrong)
