"""Digits, photos, glyphs and shapes: python data/make/basics.py --out DIR [--count N] [--seed S]

Two real sets (what scikit-learn and scikit-image bundle) and two made ones, as arrays. Of ganbook
it takes only the checksum; `ganbook.datasets.load_set` loads this file. Each `make_S(seed, count,
size)` is a function of its arguments alone; all sets have one size, changed by `ganbook.datasets`.
"""

import argparse
import time
from importlib import resources
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from ganbook.datasets import _checksum as checksum

# -- digits: handwriting of 13 people, 8 x 8, from scikit-learn -----------------------------------

DIGITS_CLASSES = tuple("0123456789")
DIGITS_WHITE = 16  # the greatest count of ink


def make_digits(seed: int, count: int = 1797, size: int = 8) -> dict[str, np.ndarray]:
    "The first digits of scikit-learn as they come, counts of ink from 0 to 16; no seed, no size."
    from sklearn.datasets import load_digits

    held = load_digits()
    pixels = held.images.astype(np.uint8)[..., None]
    return {"images": pixels[:count], "labels": held.target.astype(np.int64)[:count]}


# -- photos: patches of photographs that scikit-learn and scikit-image bundle ---------------------

PHOTOGRAPHS = {
    "china": ("sklearn.datasets.images", "china.jpg"),
    "flower": ("sklearn.datasets.images", "flower.jpg"),
    "astronaut": ("skimage.data", "astronaut.png"),
    "cat": ("skimage.data", "chelsea.png"),
    "coffee": ("skimage.data", "coffee.png"),
    "rocket": ("skimage.data", "rocket.jpg"),
    "galaxies": ("skimage.data", "hubble_deep_field.jpg"),
    "tissue": ("skimage.data", "ihc.png"),
    "retina": ("skimage.data", "retina.jpg"),
}
PHOTOS_GROUPS = tuple(PHOTOGRAPHS)
SIDES = (0.08, 0.12, 0.16, 0.24, 0.32)  # of a patch, as shares of the photograph's short side


def photograph(name: str) -> torch.Tensor:
    "One photograph, (1, 3, h, w) float32 from 0 to 255."
    package, file = PHOTOGRAPHS[name]
    with resources.files(package).joinpath(file).open("rb") as data, Image.open(data) as image:
        pixels = np.array(image.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()


def make_photos(seed: int, count: int = 4500, size: int = 32) -> dict[str, np.ndarray]:
    "Square patches at five scales, brought to size x size; the photographs take turns."
    chance = np.random.default_rng(seed).random((count, 3))  # row i is patch i's, whatever count
    groups = np.arange(count) % len(PHOTOGRAPHS)
    scales = (chance[:, 0] * len(SIDES)).astype(int)
    pixels = np.empty((count, size, size, 3), np.uint8)
    for group, name in enumerate(PHOTOGRAPHS):
        photo = photograph(name)
        height, width = photo.shape[2:]
        for scale, share in enumerate(SIDES):
            members = np.flatnonzero((groups == group) & (scales == scale))
            side = round(share * min(height, width))
            tops = (chance[members, 1] * (height - side + 1)).astype(int)
            lefts = (chance[members, 2] * (width - side + 1)).astype(int)
            cuts = [
                photo[..., t : t + side, k : k + side] for t, k in zip(tops, lefts, strict=True)
            ]
            if cuts:
                small = F.interpolate(
                    torch.cat(cuts), (size, size), mode="bilinear", antialias=True
                )
                small = small.round().clamp(0, 255).byte()
                pixels[members] = small.permute(0, 2, 3, 1).numpy()
    return {"images": pixels, "groups": groups.astype(np.int64)}


# -- glyphs: digits and letters from the fonts inside matplotlib ----------------------------------

GLYPHS_CLASSES = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
GLYPHS_GROUPS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    *("DejaVuSansMono-BoldOblique", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
    *("STIXGeneralBolIta", "cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"),
)


def masters() -> torch.Tensor:
    "Every character in every font at three weights, (21 * 36 * 3, 1, 128, 128) in [0, 1]."
    import matplotlib

    folder, pages = Path(matplotlib.get_data_path()) / "fonts" / "ttf", []
    for name in GLYPHS_GROUPS:
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), 92, 0, "", ImageFont.Layout.BASIC)
        for character in GLYPHS_CLASSES:
            for stroke in (0, 1, 3):
                page = Image.new("L", (128, 128), 0)
                draw = ImageDraw.Draw(page)
                draw.text((64, 64), character, 255, font, anchor="mm", stroke_width=stroke)
                pages.append(np.asarray(page))
    return torch.from_numpy(np.stack(pages)[:, None].astype(np.float32) / 255)


def make_glyphs(seed: int, count: int = 10800, size: int = 32) -> dict[str, np.ndarray]:
    "White characters on black: font, weight, slant, size, place, blur and noise vary."
    random, classes, fonts = np.random.default_rng(seed), len(GLYPHS_CLASSES), len(GLYPHS_GROUPS)
    n, drawn = count, masters()
    labels, faces = np.arange(n) % classes, random.permutation(n) % fonts
    which = torch.from_numpy((faces * classes + labels) * 3 + random.integers(0, 3, n))
    slant = random.normal(0, 0.12, n)
    wide, high = random.uniform(0.85, 1.25, n), random.uniform(0.85, 1.25, n)
    right, down = random.uniform(-0.12, 0.12, (2, n))
    matrix = np.stack([wide, slant, right, 0 * wide, high, down], 1).reshape(n, 2, 3)
    maps = torch.from_numpy(matrix.astype(np.float32))
    soft = torch.from_numpy(random.uniform(0, 0.8, (n, 1, 1, 1)).astype(np.float32))
    noise = random.uniform(0, 0.06, (n, 1, 1, 1)).astype(np.float32)
    pixels = np.empty((n, 32, 32), np.uint8)
    for part in torch.arange(n).split(900):
        places = F.affine_grid(maps[part], [len(part), 1, 64, 64], align_corners=False)
        ink = F.avg_pool2d(F.grid_sample(drawn[which[part]], places, align_corners=False), 2)
        ink = torch.lerp(ink, F.avg_pool2d(ink, 3, 1, 1), soft[part])
        grain = noise[part] * random.standard_normal(tuple(ink.shape), dtype=np.float32)
        pixels[part] = np.rint(255 * (ink.numpy() + grain).clip(0, 1))[:, 0]
    return {"images": pixels, "labels": labels.astype(np.int64), "groups": faces.astype(np.int64)}


# -- shapes: six kinds on three kinds of ground ---------------------------------------------------

SHAPES_CLASSES = ("disc", "square", "triangle", "star", "ring", "cross")


def inside(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    "Where the points (x, y) lie inside a shape of radius 1."
    least, most = np.minimum(abs(x), abs(y)), np.maximum(abs(x), abs(y))
    if shape == "square":
        return most < 0.8
    if shape == "cross":
        return (least < 0.28) & (most < 0.95)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    if shape == "disc":
        return radius < 0.9
    if shape == "ring":
        return (radius < 0.95) & (radius > 0.55)
    # Triangle and star: fold the angle into one of the 2k equal wedges, and ask on which side of
    # a single straight edge, from the tip to the dent, the point lies.
    corners, inner = (3, 0.5) if shape == "triangle" else (5, 0.42)
    folded = np.pi / corners * (1 - abs((angle * corners / (2 * np.pi)) % 1 * 2 - 1))
    across, along = radius * np.sin(folded), radius * np.cos(folded)
    edge = inner * np.cos(np.pi / corners) - 1, inner * np.sin(np.pi / corners)
    return edge[0] * across - edge[1] * (along - 1) > 0


def grounds(random: np.random.Generator, n: int) -> np.ndarray:
    "Backgrounds (n, 64, 64, 3) in [0, 1]: plain, a gradient, or a soft texture."
    first, second = random.uniform(0, 1, (2, n, 1, 1, 3)).astype(np.float32)
    second = first + (second - first) * 0.7  # so that no ground outshines its shape
    line = np.linspace(-1, 1, 64, dtype=np.float32)
    turn = random.uniform(0, 2 * np.pi, (2, n, 1, 1)).astype(np.float32)
    slope = np.cos(turn[0]) * line[None, None, :] + np.sin(turn[0]) * line[None, :, None]
    slope = slope / 2 + 0.5
    coarse = torch.from_numpy(random.uniform(0, 1, (n, 1, 8, 8)).astype(np.float32))
    texture = F.interpolate(coarse, size=(64, 64), mode="bilinear")[:, 0].numpy()
    kind = random.integers(0, 3, (n, 1, 1))
    blend = np.where(kind == 0, np.float32(0), np.where(kind == 1, slope, texture))[..., None]
    return (first + (second - first) * blend).clip(0, 1)


def make_shapes(seed: int, count: int = 6000, size: int = 32) -> dict[str, np.ndarray]:
    "One shape a picture, turned, sized and placed at random, in a colour unlike its ground."
    random, n = np.random.default_rng(seed), count
    labels, pixels = np.arange(n) % len(SHAPES_CLASSES), np.empty((n, 32, 32, 3), np.uint8)
    line = np.linspace(-1, 1, 64, dtype=np.float32)
    for part in np.array_split(np.arange(n), max(1, n // 500)):
        ground, m = grounds(random, len(part)), len(part)
        mean, tries = ground.mean((1, 2)), random.uniform(0, 1, (8, m, 3)).astype(np.float32)
        colour = tries[np.linalg.norm(tries - mean, axis=2).argmax(0), np.arange(m)]
        extent, turn = random.uniform(0.4, 0.8, m), random.uniform(0, 2 * np.pi, m)
        room = (1 - extent) * 0.9
        for i, k in enumerate(labels[part]):
            right, down = random.uniform(-room[i], room[i], 2)
            wide, high = (  # the shape lies in this window
                slice(*np.searchsorted(line, (c - 1.2 * extent[i], c + 1.2 * extent[i])))
                for c in (right, down)
            )
            x, y = (line[None, wide] - right) / extent[i], (line[high, None] - down) / extent[i]
            cos, sin = np.cos(turn[i]), np.sin(turn[i])
            hit = inside(SHAPES_CLASSES[k], cos * x + sin * y, cos * y - sin * x)
            ground[i, high, wide][hit] = colour[i]
        pixels[part] = np.rint(255 * ground.reshape(m, 32, 2, 32, 2, 3).mean((2, 4)))
    return {"images": pixels, "labels": labels.astype(np.int64)}


# -- the command ----------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the contact sheets")
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, make in {k[5:]: v for k, v in globals().items() if k.startswith("make_")}.items():
        begun = time.perf_counter()
        arrays = make(chosen.seed, chosen.count) if chosen.count else make(chosen.seed)
        seconds = time.perf_counter() - begun
        pixels = arrays["images"][:96].squeeze()
        if name == "digits":
            pixels = pixels * 15
        rows = [np.concatenate(list(row), 1) for row in np.array_split(pixels, len(pixels) // 16)]
        Image.fromarray(np.concatenate(rows)).save(chosen.out / f"{name}.png")
        print(f"{name}: {len(arrays['images'])} in {seconds:.1f} s, {checksum(arrays)[:16]}")


if __name__ == "__main__":
    main()
