"""Two hundred files that are no sound pictures: python tests/tools/broken.py FOLDER

Twenty-five kinds, eight of each, from a seed. Every kind says what an audit must make of it: "out"
(it cannot be used), "odd" (readable in spite of damage, or under a wrong name, and said to be), or
"silent" (a format without checksums: the scrambled pixels are pixels like any other).
"""

import io
import os
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

EACH = 8


def picture(random, size=48):
    "A smooth patch of colours with a disc: something that compresses like a photograph."
    y, x = np.mgrid[:size, :size] / size
    waves = [np.sin(6.3 * (x * a + y * b + c)) for a, b, c in random.random((3, 3)) * 3]
    disc = (x - random.random()) ** 2 + (y - random.random()) ** 2 < 0.04
    pixels = (
        np.stack(waves, 2) * 90 + 128 + disc[..., None] * 30 + random.normal(0, 3, (size, size, 3))
    )
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encoded(image, form, **more):
    held = io.BytesIO()
    image.save(held, form, **more)
    return held.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, colour=2, data=b"", more=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + pixels + chunk(b"IEND", b"")


FORMS = (
    ("JPEG", "jpg"),
    ("PNG", "png"),
    ("WEBP", "webp"),
    ("GIF", "gif"),
    ("BMP", "bmp"),
    ("TIFF", "tif"),
)


def cut(share):
    def make(random, i):
        form, suffix = FORMS[i % 6]
        data = encoded(picture(random), form)
        return data[: max(2, int(len(data) * share))], suffix

    return make


def scrambled(data, random, share=0.5, length=12):
    at = int(len(data) * share)
    return data[:at] + random.bytes(length) + data[at + length :]


def archive(random, i):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("picture.jpg", random.bytes(500))
    return held.getvalue(), "jpg"


def bad_profile(random, i):
    return encoded(picture(random).convert("CMYK"), "JPEG", icc_profile=random.bytes(300)), "jpg"


def bad_exif(random, i):
    return encoded(
        picture(random), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 4 + random.bytes(40)
    ), "jpg"


def beyond_palette(random, i):
    rows = b"".join(b"\0" + random.integers(0, 200, 48, np.uint8).tobytes() for _ in range(48))
    return png(48, 48, 8, 3, rows, chunk(b"PLTE", random.bytes(3 * 8))), "png"


def bad_sum(random, i):
    data = bytearray(encoded(picture(random), "PNG"))
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 + length] ^= 255
    return bytes(data), "png"


def tiff(entries, following=0):
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    return (
        head
        + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        + struct.pack("<I", following)
    )


def circle(random, i):
    "A TIFF whose list of pages never ends, and whose page has no pixels."
    return tiff([(256, 3, 1, 48), (257, 3, 1, 48), (258, 3, 1, 8), (273, 4, 1, 9999)], 8), "tif"


def bitmap(random, i):
    head = struct.pack("<IiiHHIIiiII", 40, -48, -48 - i, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 100, 0, 0, 54) + head + random.bytes(100), "bmp"


def dicom(random, i):
    "The header of a scan without the scan."
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", 20) + b"1.2.840.10008.1.2.1\0"
    group = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta
    patient = struct.pack("<HH2sH", 0x10, 0x10, b"PN", 6) + b"Nobody"
    return bytes(128) + b"DICM" + group + patient, "dcm"


def nifti(random, i):
    "A volume that claims to be far larger than its file."
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, 200, 200, 200, 1, 1, 1, 1)
    struct.pack_into("<hh", head, 70, 4, 16)
    struct.pack_into("<8f", head, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", head, 108, 352)
    head[344:348] = b"n+1\0"
    return bytes(head) + random.bytes(999), "nii"


def pickled(random, i):
    held = io.BytesIO()
    np.save(held, np.array([{"never": "unpickled"}], dtype=object), allow_pickle=True)
    return held.getvalue(), "png"


KINDS = {  # name: (what an audit must make of it, maker)
    "empty": ("out", lambda random, i: (b"", FORMS[i % 6][1])),
    "cut-10": ("out", cut(0.1)),
    "cut-50": ("out", cut(0.5)),
    "cut-90": ("out", cut(0.9)),
    "scrambled-png": (
        "out",
        lambda random, i: (scrambled(encoded(picture(random), "PNG"), random), "png"),
    ),
    "scrambled-jpeg": (
        "silent",
        lambda random, i: (scrambled(encoded(picture(random), "JPEG"), random, 0.8, 4), "jpg"),
    ),
    "no-end": ("out", lambda random, i: (encoded(picture(random), "JPEG")[:-2], "jpg")),
    "text": ("out", lambda random, i: (f"Grüße {i}, keine Bilder.\n".encode(), FORMS[i % 6][1])),
    "wrong-suffix": ("odd", lambda random, i: (encoded(picture(random), "PNG"), "jpg")),
    "zip": ("out", archive),
    "program": ("out", lambda random, i: (b"MZ\x90\0" + random.bytes(400), "jpg")),
    "page": ("out", lambda random, i: (b"<!doctype html><script>alert(1)</script>", "jpg")),
    "header-only": (
        "out",
        lambda random, i: (encoded(picture(random), FORMS[i % 6][0])[:24], FORMS[i % 6][1]),
    ),
    "bomb": ("out", lambda random, i: (png(60000 + i, 60000, data=bytes(100)), "png")),
    "zero-width": ("out", lambda random, i: (png(0, 48, data=bytes(48)), "png")),
    "bad-profile": ("odd", bad_profile),
    "bad-exif": ("odd", bad_exif),
    "beyond-palette": ("odd", beyond_palette),
    "bad-sum": ("odd", bad_sum),
    "tiff-circle": ("out", circle),
    "tiff-no-page": ("out", lambda random, i: (b"II*\0" + bytes(4) + random.bytes(8), "tif")),
    "negative-bmp": ("out", bitmap),
    "dicom-no-pixels": ("out", dicom),
    "nifti-lies": ("out", nifti),
    "pickled": ("out", pickled),
}


def make(folder, seed=0):
    "Write them; name -> (kind, what must become of it)."
    made = {}
    for number, (kind, (fate, maker)) in enumerate(KINDS.items()):
        for i in range(EACH):
            data, suffix = maker(np.random.default_rng([seed, number, i]), i)
            name = f"{kind}-{i}.{suffix}"
            Path(folder, name).write_bytes(data)
            made[name] = (kind, fate)
    return made


def strange(folder):
    "What is no file at all, where the system has such things; their names."
    folder = Path(folder)
    (folder / "folder.png").mkdir()
    made = ["folder.png"]
    if os.name == "posix":
        (folder / "dangling.png").symlink_to(folder / "nowhere.png")
        (folder / "itself.png").symlink_to(folder / "itself.png")
        (folder / "around").symlink_to(folder)
        os.mkfifo(folder / "pipe.png")
        made += ["dangling.png", "itself.png", "around", "pipe.png"]
    return made


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    print(f"{len(make(place))} files of {len(KINDS)} kinds in {place}")
