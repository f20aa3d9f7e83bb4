"Reading pictures: round trips are exact, and broken bytes give ImageError and nothing else."

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ganbook.images import (
    ImageError,
    from_array,
    grid,
    layout_of,
    read_array,
    read_image,
    resize,
    swap_channels,
    to_array,
    to_channels,
    write_image,
)

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def pixels(seed: int, n: int, height: int, width: int, channels: int, bits: int) -> np.ndarray:
    "Random pixels (n, h, w, c)."
    random = np.random.default_rng(seed)
    kind = np.uint8 if bits == 8 else np.uint16
    return random.integers(0, 2**bits, (n, height, width, channels)).astype(kind)


shapes = {
    "height": st.integers(1, 40),
    "width": st.integers(1, 40),
    "channels": st.sampled_from([1, 3, 4]),
    "bits": st.sampled_from([8, 16]),
    "seed": st.integers(0, 999),
}


@quick
@given(**shapes, suffix=st.sampled_from([".png", ".tif"]))
def test_files_come_back_bit_for_bit(tmp_path, seed, height, width, channels, bits, suffix):
    want = pixels(seed, 1, height, width, channels, bits)
    path = write_image(tmp_path / f"a b ü{suffix}", from_array(want, "NHWC"), bits)
    assert np.array_equal(to_array(read_image(path), bits), want[0])
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".part"] == []


@quick
@given(**shapes, layout=st.sampled_from(["NHWC", "NCHW"]))
def test_arrays_come_back_bit_for_bit(tmp_path, seed, height, width, channels, bits, layout):
    want = pixels(seed, 3, height, width, channels, bits)
    stored = want if layout == "NHWC" else want.transpose(0, 3, 1, 2)
    np.save(tmp_path / "a.npy", stored)
    got = read_array(tmp_path / "a.npy", layout=layout)
    assert got.dtype == torch.float32 and got.is_contiguous()
    assert np.array_equal(to_array(got, bits), want)
    try:
        found = layout_of(stored.shape)
    except ImageError:
        assert height in (1, 3, 4) or width in (1, 3, 4)
    else:
        assert found == layout


@quick
@given(data=st.binary(max_size=400), suffix=st.sampled_from([".png", ".jpg", ".gif", ".tif"]))
def test_random_bytes_are_refused_as_image_errors(tmp_path, data, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"x\."):
        read_image(path)


def encoded(form: str) -> bytes:
    "A small picture as the bytes of one format."
    held = io.BytesIO()
    image = Image.fromarray(pixels(0, 1, 24, 31, 3, 8)[0])
    if form == "DEEP":
        import cv2

        return cv2.imencode(".png", pixels(0, 1, 24, 31, 3, 16)[0])[1].tobytes()
    image.save(held, form)
    return held.getvalue()


FORMS = ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "DEEP"]


@settings(quick, max_examples=120)
@given(
    form=st.sampled_from(FORMS), cut=st.floats(0, 1), flips=st.lists(st.floats(0, 1), max_size=3)
)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_read_or_refused(tmp_path, form, cut, flips):
    "Whole where the damage is harmless, an ImageError where it is not, never anything else."
    data = bytearray(encoded(form))
    for place in flips:
        data[int(place * (len(data) - 1))] ^= 0x55
    path = tmp_path / "damaged.bin"
    path.write_bytes(data[: int(cut * len(data)) if not flips else len(data)])
    try:
        image = read_image(path)
    except ImageError as error:
        assert "damaged.bin" in str(error) and "\n" not in str(error)
    else:
        assert image.shape[0] in (1, 3, 4) and image.abs().max() <= 1


@settings(quick, max_examples=60)
@given(cut=st.floats(0, 1), flip=st.floats(0, 1), packed=st.booleans())
def test_damaged_arrays_are_read_or_refused(tmp_path, cut, flip, packed):
    held = io.BytesIO()
    (np.savez if packed else np.save)(held, pixels(1, 2, 9, 9, 3, 8))
    data = bytearray(held.getvalue())
    data[int(flip * (len(data) - 1))] ^= 0x21
    path = tmp_path / ("a.npz" if packed else "a.npy")
    path.write_bytes(data[: int(cut * len(data))])
    try:
        assert read_array(path).abs().max() <= 1
    except ImageError as error:
        assert "a.np" in str(error)


@pytest.mark.parametrize("form", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_obeyed_once(tmp_path, form, orientation):
    note = Image.Exif()
    note[274] = orientation
    path = tmp_path / f"a.{form}"
    Image.fromarray(pixels(2, 1, 13, 9, 3, 8)[0]).save(path, exif=note)
    want = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    assert np.array_equal(to_array(read_image(path)), want)


def test_orientation_of_a_deep_png(tmp_path):
    data = encoded("DEEP")
    note = Image.Exif()
    note[274] = 6
    body = note.tobytes()[6:]
    chunk = b"eXIf" + body
    packed = struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "deep.png").write_bytes(data[:33] + packed + data[33:])
    want = np.rot90(pixels(0, 1, 24, 31, 3, 16)[0][..., ::-1], -1)
    assert np.array_equal(to_array(read_image(tmp_path / "deep.png"), 16), want)


def test_modes(tmp_path):
    colour = Image.fromarray(pixels(3, 1, 8, 8, 3, 8)[0])
    want = {"1": 1, "L": 1, "P": 3, "RGB": 3, "CMYK": 3, "LA": 4, "RGBA": 4}
    for mode, channels in want.items():
        path = tmp_path / f"{mode}.{'tif' if mode == 'CMYK' else 'png'}"
        colour.convert(mode).save(path)
        assert read_image(path).shape == (channels, 8, 8), mode
    colour.convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert read_image(tmp_path / "cmyk.jpg").shape == (3, 8, 8)
    clear = colour.convert("P")
    clear.save(tmp_path / "clear.gif", transparency=clear.getpixel((0, 0)))
    image = read_image(tmp_path / "clear.gif")
    assert image.shape == (4, 8, 8) and image[3, 0, 0] == -1
    assert read_image(tmp_path / "clear.gif", channels=3)[:, 0, 0].tolist() == [1, 1, 1]
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    first.save(tmp_path / "film.gif", save_all=True, append_images=[second])
    assert read_image(tmp_path / "film.gif")[:3, 0, 0].tolist() == [1, -1, -1]


@pytest.mark.parametrize("kind", ["<u2", ">u2"])
def test_deep_grey_in_both_byte_orders(tmp_path, kind):
    want = pixels(4, 1, 6, 7, 1, 16)[0, ..., 0]
    Image.frombytes("I;16" if kind == "<u2" else "I;16B", (7, 6), want.astype(kind).tobytes()).save(
        tmp_path / "a.tif"
    )
    assert np.array_equal(to_array(read_image(tmp_path / "a.tif"), 16)[..., 0], want)
    assert np.array_equal(to_array(from_array(want[None].astype(kind)), 16)[0, ..., 0], want)


def test_bombs_and_places_that_are_no_files(tmp_path):
    size = struct.pack(">II5B", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(bytes(99))))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(ImageError, match="header claims"):
        read_image(tmp_path / "bomb.png")
    for place in (tmp_path, tmp_path / "nothing.png"):
        with pytest.raises(ImageError, match="is not a file"):
            read_image(place)
        with pytest.raises(ImageError, match="is not a file"):
            read_array(place)


def test_scripts_are_not_started(tmp_path):
    "PostScript would make PIL start another program."
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(ImageError, match="its content is text"):
        read_image(tmp_path / "a.png")


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = write_image(tmp_path / "a.png", torch.zeros(1, 8, 8))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="where \\[-1, 1\\] is wanted"):
        write_image(path, torch.full((1, 8, 8), 2.0))
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@quick
@given(
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    channels=st.sampled_from([1, 3, 4]),
    new=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    fit=st.sampled_from(["crop", "pad", "stretch"]),
    seed=st.integers(0, 99),
)
def test_resize_keeps_range_and_gives_the_size_asked(height, width, channels, new, fit, seed):
    images = from_array(pixels(seed, 2, height, width, channels, 8), "NHWC")
    small = resize(images, new, fit)
    assert small.shape == (2, channels, *new) and small.abs().max() <= 1
    assert torch.equal(resize(images, (height, width), fit), images)


@quick
@given(seed=st.integers(0, 99), start=st.sampled_from([1, 3, 4]), end=st.sampled_from([1, 3, 4]))
def test_channels(seed, start, end):
    images = from_array(pixels(seed, 2, 5, 6, start, 8), "NHWC")
    changed = to_channels(images, end)
    assert changed.shape == (2, end, 5, 6) and changed.abs().max() <= 1
    assert torch.allclose(to_channels(changed, end), changed)
    if start >= 3:
        assert torch.equal(swap_channels(swap_channels(images)), images)


@pytest.mark.parametrize(
    "array, words",
    [
        (np.zeros((4, 4)), "one picture"),
        (np.zeros((9, 9, 3)), "one picture"),
        (np.zeros((5, 3, 7, 4)), "two layouts"),
        (np.zeros((5, 2, 7, 8)), "no layout"),
        (np.zeros(3), "no stack"),
        (np.zeros((1, 2, 3, 4, 5)), "no stack"),
        (np.zeros((0, 8, 8)), "no pixels"),
        (np.full((1, 8, 8), np.inf), "NaN or infinite"),
        (np.full((1, 8, 8), -2.0), "float64 values"),
        (np.full((1, 8, 8), 300), "int64 values"),
        (np.zeros((1, 8, 8), complex), "no pixels"),
        (np.zeros((1, 8, 8), "U3"), "no pixels"),
        (np.zeros((1, 8, 8), object), "no pixels"),
    ],
)
def test_arrays_that_are_refused(array, words):
    with pytest.raises(ImageError, match=words) as met:
        from_array(array)
    assert "\n" not in str(met.value) and len(str(met.value)) < 260


def test_objects_are_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", images=np.array([Trap()], dtype=object))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(ImageError, match="never unpickled"):
            read_array(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_npz_names(tmp_path):
    np.savez(tmp_path / "one.npz", anything=np.zeros((2, 8, 8)))
    assert read_array(tmp_path / "one.npz").shape == (2, 1, 8, 8)
    np.savez(tmp_path / "two.npz", first=np.zeros(1), second=np.zeros(1))
    with pytest.raises(ImageError, match="first, second none is named images"):
        read_array(tmp_path / "two.npz")


@quick
@given(
    n=st.integers(1, 12),
    columns=st.one_of(st.none(), st.integers(1, 5)),
    padding=st.integers(0, 3),
    scale=st.integers(1, 3),
    channels=st.sampled_from([1, 3, 4]),
)
def test_grids_hold_every_picture(n, columns, padding, scale, channels):
    images = from_array(pixels(n, n, 5, 7, channels, 8), "NHWC")
    sheet = np.asarray(grid(images, columns, padding, scale))
    sheet = sheet[..., None] if sheet.ndim == 2 else sheet
    per_row = (sheet.shape[1] + padding) // (7 * scale + padding)
    for i, picture in enumerate(to_array(images)):
        top, left = i // per_row * (5 * scale + padding), i % per_row * (7 * scale + padding)
        part = sheet[top : top + 5 * scale : scale, left : left + 7 * scale : scale]
        assert np.array_equal(part, picture)


@pytest.mark.parametrize("size", [2.5, (4,), (4, 4, 4), (4, 0), "44", None, (2.0, 3)])
def test_sizes_of_no_use_are_refused(size):
    with pytest.raises(ValueError, match="one or two positive whole numbers"):
        resize(torch.zeros(1, 1, 8, 8), size)


def test_sizes_may_be_numpys():
    assert resize(torch.zeros(1, 1, 8, 8), np.int64(4)).shape == (1, 1, 4, 4)
    assert resize(torch.zeros(1, 1, 8, 8), tuple(np.array([4, 5]))).shape == (1, 1, 4, 5)
