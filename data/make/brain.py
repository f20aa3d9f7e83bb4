"""Slices of an average brain: python data/make/brain.py --out DIR [--count N] [--size S]

The T1-weighted template ICBM 152 (2009a, symmetric), the average of 152 young adults' brains
without skull, as the package nilearn carries it (nothing is downloaded), cut axially, coronally and
sagittally at every millimetre, with the probabilities of grey and white matter that belong to it.
It is one brain, and a smoothed one: slices for looking at and for T1 -> tissue, not for splits by
patient, nor for anything about differences between people. Neighbouring slices are near copies;
`groups` holds those of one slab of 10 mm together (slabs next to each other are still much alike).

Pictures are upright as radiologists see them: in axial and coronal slices the patient's left is on
the right; axial slices have the forehead at the top, sagittal ones the forehead on the left.

Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological
Institute, McGill University. LICENCE has the terms.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbook.datasets import _checksum as checksum
from ganbook.images import from_array, grid

Array = NDArray[Any]

BRAIN_CLASSES = ("axial", "coronal", "sagittal")
FIELD = 192.0  # mm, side of every picture
SLAB = 10.0  # mm, thickness of a group
LEAST = 0.115  # share of the picture that brain must fill
LICENCE = (
    "Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological "
    "Institute, McGill University. Permission to use, copy, modify, and distribute this software "
    "and its documentation for any purpose and without fee is hereby granted, provided that the "
    "above copyright notice appear in all copies. The authors and McGill University make no "
    "representations about the suitability of this software for any purpose. It is provided "
    '"as is" without express or implied warranty. The authors are not responsible for any data '
    "loss, equipment damage, property loss, or injury to subjects or patients resulting from the "
    "use or misuse of this software package."
)


def volumes() -> tuple[Array, Array, Array, Array]:
    "T1, grey and white matter in [0, 1] on one grid of 1 mm, axes right, front, up; their origin."
    try:
        from nilearn import datasets, image
    except ImportError as error:
        raise ImportError(
            "brain slices come with the package nilearn, which is not installed; "
            'get it with pip install "ganbook[medical]"',
            name="nilearn",
        ) from error
    whole = datasets.load_mni152_template(resolution=1)
    tissue = [datasets.load_mni152_gm_template(resolution=1)]
    tissue += [datasets.load_mni152_wm_template(resolution=1)]
    if not np.allclose(whole.affine[:3, :3], np.eye(3)):
        raise ValueError(
            f"nilearn's template has axes {whole.affine[:3, :3].tolist()}, wanted 1 mm to the "
            "right, front and up; install nilearn 0.11 or newer"
        )
    parts = [whole]
    for part in tissue:
        same = part.shape == whole.shape and np.allclose(part.affine, whole.affine)
        parts.append(part if same else image.resample_to_img(part, whole))
    t1, grey, white = (np.asarray(part.get_fdata(), np.float32) for part in parts)
    return t1, np.clip(grey, 0, 1), np.clip(white, 0, 1), np.asarray(whole.affine[:3, 3])


def _turn(volume: Array, axis: int) -> Array:
    "Slices along an axis, upright: (n, rows, columns)."
    x, y, z = 0, 1, 2  # right, front, up
    rows, columns = {0: (z, y), 1: (z, x), 2: (y, x)}[axis]
    # up and front grow upwards in the picture, left and back grow to the right
    return np.flip(volume.transpose(axis, rows, columns), (1, 2))


def _square(slices: Array, middle: tuple[float, float], size: int) -> Array:
    "Cut or pad to FIELD mm around a middle, and average down to size."
    import cv2

    side = int(FIELD)
    page = np.zeros((len(slices), side, side), np.float32)
    top, left = (int(round(m - side / 2)) for m in middle)
    h, w = slices.shape[1:]
    a, b = max(top, 0), min(top + side, h)
    c, d = max(left, 0), min(left + side, w)
    page[:, a - top : b - top, c - left : d - left] = slices[:, a:b, c:d]
    if size == side:
        return page
    return np.stack([cv2.resize(v, (size, size), interpolation=cv2.INTER_AREA) for v in page])


def make_brain(seed: int, count: int | None = None, size: int = 64) -> dict[str, Array]:
    "T1 slices (uint16) with grey and white matter (uint8), shuffled by seed; count None gives all."
    t1, grey, white, origin = volumes()
    t1 = t1 / np.quantile(t1[t1 > 0], 0.9995)
    brain = np.argwhere(t1 > 0.1)
    low, high = brain.min(0), brain.max(0) + 1
    kept: dict[str, list[Array]] = {}
    for label, axis in enumerate((2, 1, 0)):
        rows, columns = {0: (2, 1), 1: (2, 0), 2: (1, 0)}[axis]
        middle = tuple(t1.shape[k] - (low[k] + high[k]) / 2 for k in (rows, columns))
        pictures, *tissues = (_square(_turn(v, axis), middle, size) for v in (t1, grey, white))
        share = (_turn(t1, axis) > 0.1).sum((1, 2)) / FIELD**2  # the same slices at any size
        chosen = np.flatnonzero(share >= LEAST)
        position = origin[axis] + np.arange(len(pictures))
        slab = np.floor(position / SLAB).astype(np.int64)
        rows_ = {
            "images": np.rint(np.clip(pictures, 0, 1) * 65535).astype(np.uint16),
            "grey": np.rint(tissues[0] * 255).astype(np.uint8),
            "white": np.rint(tissues[1] * 255).astype(np.uint8),
            "position": position.astype(np.float32),
            "labels": np.full(len(pictures), label, np.int64),
            "groups": slab - slab.min() + 100 * label,
        }
        for name, array in rows_.items():
            kept.setdefault(name, []).append(array[chosen])
    arrays = {name: np.concatenate(parts) for name, parts in kept.items()}
    arrays["groups"] = np.unique(arrays["groups"], return_inverse=True)[1].astype(np.int64)
    total = len(arrays["labels"])
    if count is not None and count > total:
        raise ValueError(f"count is {count}, but the template gives {total} slices; ask for fewer")
    order = np.random.default_rng(seed).permutation(total)[:count]
    return {name: array[order] for name, array in arrays.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the contact sheets")
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    arrays = make_brain(options.seed, options.count, options.size)
    seconds = time.perf_counter() - begin
    n = len(arrays["labels"])
    print(f"brain: {n} pictures, {seconds:.1f} s, checksum {checksum(arrays)}")
    print({key: (str(v.dtype), v.shape) for key, v in arrays.items()})
    for key in ("images", "grey", "white"):
        page = grid(from_array(arrays[key][:60]), 12, scale=2)
        page.save(options.out / f"brain-{key}.png")


if __name__ == "__main__":
    main()
