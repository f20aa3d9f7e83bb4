"""Thorax phantoms with known truth: python data/make/thorax.py --out DIR [--count N] [--seed S]

A patient is a volume described by formulas: body, fat, muscle, ribs, spine, sternum, shoulder
blades, collar bones, heart with its chambers, great vessels, windpipe, lungs with branching
vessels, diaphragm, liver, spleen, stomach, and up to three lesions in the lungs. All of it varies
from patient to patient and is known exactly. Two sets are measured on the same patients:

* make_thorax_ct: axial slices. The attenuation of the rasterised slice is projected along parallel
  rays, the photons that arrive are drawn from a Poisson distribution, and filtered back-projection
  reconstructs the picture, at several doses (DOSES).
* make_thorax_xray: radiographs, the line integrals of the volume from front to back and from side
  to side, with photon noise, displayed as a radiograph is.

x grows towards the patient's left (the right of the picture, as radiologists look at it), y
towards the back, z towards the head; millimetres.  Made, CC0: no patient is behind any picture.
"""

import argparse
import functools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

from ganbook.datasets import _checksum as checksum
from ganbook.images import from_array, grid

Array = NDArray[Any]

FIELD = 352.0  # mm, side of every picture
SLICES = 5  # axial slices of each patient
THICKNESS = 5.0  # mm, of a slice
HU_LOW, HU_HIGH = -1000.0, 600.0  # Hounsfield units that uint16 0 and 65535 stand for
INTEGRAL_HIGH = 8.0  # line integral (no unit) that uint16 65535 stands for; 0 stands for 0
MU_WATER = 0.0192  # per mm, at the effective energy of the CT, some 70 keV
MU_WATER_XRAY = 0.0205  # per mm, at the lower energy of the radiographs
BONE_XRAY = 1.6  # what lies above 100 HU weighs this much more at the lower energy
PHOTONS = 60_000  # that would reach each detector cell through air, at full dose
PHOTONS_XRAY = 40_000
ELECTRONIC = 3.0  # standard deviation of the detector's own noise, in photons
DOSES = {"images": 1.0, "reduced": 1 / 4, "low": 1 / 16, "lowest": 1 / 64}  # of PHOTONS

THORAX_CLASSES = ("no lesion", "lesion")
THORAX_MAP = (
    "air",
    "fat",
    "muscle",
    "lung",
    "heart",
    "vessel",
    "airway",
    "abdomen",
    "bone",
    "lesion",
)
THORAX_CT_CLASSES = THORAX_XRAY_CLASSES = THORAX_CLASSES
THORAX_CT_MAP = THORAX_MAP
AIR, FAT, MUSCLE, LUNG, HEART, VESSEL, AIRWAY, ABDOMEN, BONE, LESION = range(10)


# Units ---------------------------------------------------------------------------------------


def from_hounsfield(hu: Array) -> Array:
    "Hounsfield units as the uint16 that the pictures hold; what lies outside is clipped."
    level = (np.asarray(hu, np.float64) - HU_LOW) / (HU_HIGH - HU_LOW)
    return np.rint(np.clip(level, 0, 1) * 65535).astype(np.uint16)


def to_hounsfield(stored: Array) -> Array:
    "The inverse: float64 Hounsfield units; from_hounsfield gives the same uint16 back."
    return np.asarray(stored, np.float64) / 65535 * (HU_HIGH - HU_LOW) + HU_LOW


def attenuation(hu: Array, xray: bool = False) -> Array:
    "Linear attenuation per mm; air is 0, water MU_WATER (MU_WATER_XRAY for radiographs)."
    hu = np.maximum(hu, -1000)
    if not xray:
        return MU_WATER * (1 + hu / 1000)
    return MU_WATER_XRAY * (1 + (hu + (BONE_XRAY - 1) * np.maximum(hu - 100, 0)) / 1000)


# A patient -----------------------------------------------------------------------------------


@dataclass
class Lesion:
    "A nodule (diameter up to 30 mm) or mass: an uneven ellipsoid, with spicules or without."

    centre: Array  # (3,) mm
    radius: float  # mm, of the ball of the same volume, nearly
    axes: Array  # (3,) relative half axes
    hu: float
    waves: Array  # (m, 5): direction, phase, height of the bumps
    core: float  # HU of calcified or hollow core, nan for none
    spiculated: bool


@dataclass
class Patient:
    "Everything drawn for one patient; lengths in mm."

    p: dict[str, float]
    outline: Array  # (harmonics, 4): cosine, sine, tilt, phase
    waves: Array  # (m, 5): wave vector, phase, height of the tissue texture
    branches: Array  # (points, 4): x, y, z, volume in mm3 of the lung vessels
    spicules: Array  # (points, 4)
    lesions: list[Lesion]


def _smooth_min(a: Array, b: Array, k: float) -> Array:
    "Minimum whose crease is rounded over k mm."
    h = np.maximum(k - np.abs(a - b), 0)
    return np.minimum(a, b) - h * h / (4 * k)


def _ramp(t: Array, low: float, high: float) -> Array:
    "0 below low, 1 above high, smooth between."
    t = np.clip((t - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _body(s: Patient, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    "Distance from the axis, and radius of skin and of the muscles below the fat, along the ray."
    p, u = s.p, z / s.p["height"]
    radius = np.hypot(x, y) + 1e-3
    shoulders = 1 / (1 + np.exp((u - p["neck"]) / 0.03))
    a = p["width"] * (1 + 0.03 * _ramp(u, 0.6, 0.84) + 0.09 * _ramp(u, 0.84, 1))
    a = p["neck_width"] + (a - p["neck_width"]) * shoulders
    b = (
        60
        + (p["depth"] * (1 - 0.06 * _ramp(u, 0.5, 0.84) - 0.2 * _ramp(u, 0.8, 1.05)) - 60)
        * shoulders
    )
    n = p["squareness"]
    q = ((np.abs(x) ** n) * a**-n + (np.abs(y) ** n) * b**-n) ** (1 / n)
    skin = radius / (q + 1e-6)
    angle = np.arctan2(y, x)
    for k, (c, d, tilt, phase) in enumerate(s.outline, start=2):
        skin = skin + (c * np.cos(k * angle) + d * np.sin(k * angle)) * np.cos(tilt * u + phase)
    sine, cosine = y / radius, x / radius
    skin = skin - p["furrow"] * np.exp(-((cosine / 0.13) ** 2)) * (sine > 0)
    side, front = np.abs(cosine), np.maximum(-sine, 0)
    fat = p["fat"] * (0.75 + 0.5 * side + 0.25 * front * (1 - _ramp(u, 0.3, 0.7)))
    inner = skin - fat
    bump = np.exp(-(((side - 0.55) / 0.3) ** 2)) * (front > 0) * np.minimum(front * 2, 1)
    skin = skin + p["breast"] * bump * np.exp(-(((u - p["breast_level"]) / 0.17) ** 2))
    return radius, skin, inner


def _cavity(s: Patient, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    "Ray from the chest's axis: radius there, radius of the inner chest wall, cosine from the back."
    p, u = s.p, z / s.p["height"]
    taper = (1 - np.clip((u - 0.15) / 0.86, 0, 0.999) ** 3.2) ** 0.5
    a = p["chest_width"] * taper
    b = p["chest_depth"] * (0.1 + 0.9 * taper)
    dy = y - _axis(s, z)
    radius = np.hypot(x, dy) + 1e-3
    n = 2.3
    q = ((np.abs(x) ** n) * a**-n + (np.abs(dy) ** n) * b**-n) ** (1 / n)
    return radius, radius / (q + 1e-6), dy / radius


def _axis(s: Patient, z: Array) -> Array:
    "Where the middle of the chest lies from front to back."
    return s.p["chest_y"] + 16 * np.clip(z / s.p["height"], 0, 1.1) ** 2


def _dome(s: Patient, x: Array, y: Array) -> Array:
    "Height of the diaphragm."
    p = s.p
    right = p["dome_right"] - 62 * (
        ((x + 62) / p["dome_wide"]) ** 2 + ((y + 10 + 0.25 * (x + 62)) / p["dome_deep"]) ** 2
    )
    left = p["dome_left"] - 62 * (((x - 62) / 78) ** 2 + ((y + 8) / 82) ** 2)
    return np.maximum(np.maximum(right, left), -90)


def _heart(s: Patient, x: Array, y: Array, z: Array) -> Array:
    "Depth below the heart's surface, negative outside."
    p = s.p
    c, d = np.cos(p["heart_turn"]), np.sin(p["heart_turn"])
    dx, dy, dz = x - p["heart_x"], y - p["heart_y"], z - p["heart_z"]
    long, short = c * dx - d * dy, d * dx + c * dy
    up = dz + 0.35 * long
    size = p["heart_size"]
    e = np.sqrt((long / 66) ** 2 + (short / 46) ** 2 + (up / 56) ** 2) / size
    return (1 - e) * 50 * size


def _lungs(s: Patient, x: Array, y: Array, z: Array) -> Array:
    "Depth below the lungs' surface, negative outside."
    p, h = s.p, s.p["height"]
    radius, wall, _ = _cavity(s, x, y, z)
    depth = wall - radius
    u = z / h
    middle = np.exp(-(((y - 2) / (34 + 8 * (y > 2))) ** 2))
    half = 6 + p["mediastinum"] * (0.75 + 0.25 * np.cos(6 * (u - 0.55))) * middle
    half = half + 16 * _ramp(y, 25, 55)
    shift = p["shift"] * (1 - _ramp(u, 0.5, 0.9))
    depth = _smooth_min(depth, np.abs(x - shift) - half, 9)
    depth = _smooth_min(depth, (z - _dome(s, x, y)) * 0.75, 6)
    depth = _smooth_min(depth, -_heart(s, x, y, z) - p["heart_fat"], 8)
    spine = np.hypot(x / 1.15, y - p["spine_y"] - 4) - 25
    return _smooth_min(depth, spine, 8)


def _tree(random: np.random.Generator, root: Array, ends: Array, smallest: float) -> Array:
    "Vessels from a root to all ends: (segments, 7) start, end, radius; r^3 adds up (Murray)."
    order = np.argsort(np.linalg.norm(ends - root, axis=1))
    nodes = np.concatenate([root[None], ends[order]])
    away = np.linalg.norm(nodes - root, axis=1)
    n = len(nodes)
    parent, path = np.zeros(n, int), np.zeros(n)
    pull = random.uniform(0.25, 0.45)
    out = nodes - root
    apart = np.sqrt(((nodes[:, None] - nodes[None]) ** 2).sum(2))
    along = (out[:, None] * out[None]).sum(2) - away**2  # [i, j]: from j to i, times j's way out
    back = 60.0 * (along < 0.35 * apart * away)  # vessels do not turn back
    back[:, 0] = 0
    cost = apart + back
    for i in range(1, n):
        best = np.argmin(cost[i, :i] + pull * path[:i])
        parent[i], path[i] = best, path[best] + apart[i, best]
    flow = np.full(n, smallest**3)
    for i in range(n - 1, 0, -1):
        flow[parent[i]] += flow[i]
    radius = np.minimum(flow[1:] ** (1 / 3), 6.5)
    return np.concatenate([nodes[parent[1:]], nodes[1:], radius[:, None]], 1)


def _points(segments: Array, step: float = 1.5) -> Array:
    "Tubes as points with volume: (points, 4) x, y, z, mm3; evenly spread over the cross-section."
    start, end, radius = segments[:, :3], segments[:, 3:6], segments[:, 6]
    length = np.linalg.norm(end - start, axis=1)
    along = np.maximum(np.ceil(length / step).astype(int), 1)
    across = np.where(radius < 1, 1, np.ceil(3 * (radius / 1.4) ** 2)).astype(int)
    every = along * across
    which = np.repeat(np.arange(len(segments)), every)
    index = np.arange(len(which)) - np.repeat(np.cumsum(every) - every, every)
    i, j = index // across[which], index % across[which]
    t = (i + 0.5) / along[which]
    axis = (end - start) / np.maximum(length, 1e-6)[:, None]
    helper = np.where(np.abs(axis[:, 2:]) < 0.8, [[0.0, 0, 1]], [[1.0, 0, 0]])
    one = np.cross(axis, helper)
    one /= np.linalg.norm(one, axis=1)[:, None]
    two = np.cross(axis, one)
    out = radius[which] * np.sqrt((j + 0.5) / across[which]) * (across[which] > 1)
    turn = 2.399963 * j + 0.7 * i
    place = start[which] + t[:, None] * (end - start)[which]
    place = place + (out * np.cos(turn))[:, None] * one[which]
    place = place + (out * np.sin(turn))[:, None] * two[which]
    volume = (np.pi * radius**2 * length / every)[which]
    return np.concatenate([place, volume[:, None]], 1)


def _waves(random: np.random.Generator, count: int, low: float, high: float) -> Array:
    "Plane waves with wavelengths between low and high mm: wave vector, phase, height."
    direction = random.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    number = 2 * np.pi / np.exp(random.uniform(np.log(low), np.log(high), count))
    height = np.full(count, (2 / count) ** 0.5)
    return np.concatenate(
        [direction * number[:, None], random.uniform(0, 7, (count, 1)), height[:, None]], 1
    )


def draw_patient(seed: int, number: int) -> Patient:
    "Patient `number` of the population `seed`; the same for CT and radiographs."
    random = np.random.default_rng([seed, number, 1])

    def between(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    female = between(0, 1) < 0.5
    p: dict[str, float] = {"female": float(female)}
    p["width"] = between(134, 156) if female else between(144, 164)
    p["depth"] = p["width"] * between(0.64, 0.75)
    p["fat"] = between(5, 12) + (between(0, 9) if between(0, 1) < 0.5 else 0)
    p["squareness"] = between(2.1, 2.6)
    p["furrow"] = between(3, 8)
    p["breast"] = between(12, 32) if female else between(0, 5)
    p["breast_level"] = between(0.3, 0.42)
    p["height"] = between(232, 276) * (0.95 if female else 1.0)
    p["neck"], p["neck_width"] = between(1.05, 1.09), between(52, 62)
    p["chest_width"] = p["width"] - p["fat"] * 1.2 - between(15, 22)
    p["chest_depth"] = p["depth"] - p["fat"] - between(12, 17)
    p["chest_y"] = -between(4, 7)
    p["dome_right"] = p["height"] * between(0.19, 0.31)
    p["dome_left"] = p["dome_right"] - between(3, 22)
    p["dome_wide"], p["dome_deep"] = between(70, 84), between(80, 100)
    p["heart_turn"] = between(0.45, 0.85)
    p["heart_x"] = between(12, 24)
    p["heart_y"] = -p["chest_depth"] + between(52, 60)
    p["heart_size"] = between(0.78, 1.02)
    p["heart_z"] = p["dome_left"] + 34 * p["heart_size"] + between(-4, 6)
    p["heart_fat"] = between(2, 7)
    p["mediastinum"] = between(23, 31)
    p["shift"] = between(-4, 6)
    p["spine_y"] = p["depth"] - p["fat"] * 0.6 - between(49, 54)
    p["disc"], p["disc_phase"] = between(23, 27), between(0, 1)
    p["rib"], p["rib_phase"] = p["disc"] * between(0.98, 1.04), between(0, 1)
    p["rib_drop"] = between(70, 100)
    p["bone"] = between(0.75, 1.1)
    p["contrast"] = between(70, 240) if between(0, 1) < 0.7 else 0.0
    p["lung"] = between(-885, -820)
    p["vessel"] = between(0.62, 0.85)
    p["stomach"] = between(0, 1)
    p["aorta"] = between(12, 16.5)
    p["table"], p["up"] = between(4, 9), between(-9, 9)
    outline = np.stack(
        [
            random.normal(0, 2.5, 4),
            random.normal(0, 1.5, 4),
            random.normal(0, 2, 4),
            random.uniform(0, 7, 4),
        ],
        1,
    ) / np.array([[1], [1.5], [2], [2.5]]) ** np.array([[1, 1, 0, 0]])
    s = Patient(p, outline, _waves(random, 20, 9, 70), np.zeros((0, 4)), np.zeros((0, 4)), [])

    h, wide, deep = p["height"], p["chest_width"], p["chest_depth"]
    low, high = np.array([-wide, -deep - 12, -20.0]), np.array([wide, deep + 20, h])
    cloud = random.uniform(low, high, (2600, 3))
    inside = _lungs(s, *cloud.T)
    segments = []
    for side in (-1, 1):
        mine = cloud[(inside > 2.5) & (cloud[:, 0] * side > 0)]
        cut = int(len(mine) * 0.55)
        hilum = np.array([38.0 * side, 6.0, (0.56 if side < 0 else 0.59) * h])
        vein = np.array([34.0 * side, 10.0, 0.47 * h])
        segments.append(_tree(random, hilum, mine[:cut], p["vessel"]))
        segments.append(_tree(random, vein, mine[cut:], p["vessel"]))
    tubes = np.concatenate(segments)
    s.branches = _points(tubes)

    count = 0 if between(0, 1) < 0.4 else int(random.integers(1, 4))
    spicules = []
    candidates = random.uniform(low, high, (3000, 3))
    depth = _lungs(s, *candidates.T)
    for k in range(count):
        radius = between(14, 24)
        fits = depth > radius * 0.8
        for other in s.lesions:
            fits &= np.linalg.norm(candidates - other.centre, axis=1) > other.radius + radius + 12
        fits &= (candidates[:, 2] > 0.14 * h) & (candidates[:, 2] < 0.86 * h)
        # clear of spine, heart and diaphragm as seen from the front
        x, _, z = candidates.T
        fits &= (np.abs(x) > 40 + 0.5 * radius) & (_heart(s, x, p["heart_y"], z) < -0.4 * radius)
        fits &= z > np.where(x < 0, p["dome_right"], p["dome_left"]) + 0.2 * radius
        if not fits.any():
            continue
        centre = candidates[np.flatnonzero(fits)[0 if k == 0 else -1]]
        spiky = between(0, 1) < 0.5
        waves = _waves(random, 6, 1.6, 4.0)
        waves[:, 4] *= 0.09 if spiky else 0.035
        hu = between(15, 60) + 0.25 * p["contrast"]
        kind = between(0, 1)
        core = 420.0 if kind < 0.12 else (-700.0 if kind > 0.9 and radius > 13 else float("nan"))
        axes = random.uniform(0.85, 1.15, 3)
        s.lesions.append(Lesion(centre, radius, axes, hu, waves, core, spiky))
        if spiky:
            rays = random.normal(size=(int(random.integers(14, 26)), 3))
            rays /= np.linalg.norm(rays, axis=1)[:, None]
            reach = random.uniform(1.25, 1.75, (len(rays), 1)) * radius
            thin = random.uniform(0.8, 1.5, (len(rays), 1))
            start, end = centre + rays * radius * 0.8, centre + rays * reach
            half = (start + end) / 2
            spicules += [np.concatenate([start, half, thin * 1.5], 1)]
            spicules += [np.concatenate([half, end, thin], 1)]
    if spicules:
        s.spicules = _points(np.concatenate(spicules))
        s.spicules = s.spicules[_lungs(s, *s.spicules[:, :3].T) > 0]
    return s


# Painting ------------------------------------------------------------------------------------


class Canvas:
    "A block of voxels on a regular grid in x and y, at any heights, painted over and over."

    def __init__(self, x: Array, y: Array, z: Array, soft: float, thickness: float):
        self.x, self.y, self.z = (np.asarray(v, np.float32) for v in (x, y, z))
        self.soft, self.thickness = soft, thickness  # mm over which an edge blurs; slice thickness
        shape = (len(z), len(y), len(x))
        self.hu = np.full(shape, -1000, np.float32)
        self.label = np.zeros(shape, np.uint8)
        self.whole = (slice(None), slice(None), slice(None))

    def grid(self, box: tuple[slice, slice, slice]) -> tuple[Array, Array, Array]:
        "Coordinates of a box, ready to broadcast."
        return (
            self.x[box[2]][None, None],
            self.y[box[1]][None, :, None],
            self.z[box[0]][:, None, None],
        )

    def box(self, low: Any, high: Any) -> tuple[slice, slice, slice] | None:
        "Index of the voxels between two corners, soft edge included; None if there are none."
        cuts = []
        for values, a, b in zip((self.z, self.y, self.x), low[::-1], high[::-1], strict=True):
            inside = np.flatnonzero((values >= a - self.soft) & (values <= b + self.soft))
            if not len(inside):
                return None
            # z may come in any order: the slices between first and last are painted too
            cuts.append(slice(int(inside[0]), int(inside[-1]) + 1))
        return cuts[0], cuts[1], cuts[2]

    def cover(self, depth: Array) -> Array:
        "Share of a voxel that lies inside, from the depth below the surface."
        return np.clip(depth / self.soft + 0.5, 0, 1)

    def paint(self, box: Any, share: Array, hu: Array | float, label: int) -> None:
        "Mix a tissue in; it owns a voxel that it fills by more than half."
        part = self.hu[box]
        part += share * (hu - part)
        self.label[box][share > 0.5] = label

    def ellipsoid(
        self, centre: Any, axes: Any, hu: Any, label: int, turn: float = 0, upright: bool = False
    ) -> None:
        "An ellipsoid turned about z, or (upright) an elliptic cylinder between centre z -+ axis."
        reach = max(axes[0], axes[1]) if turn else 0
        r = np.array([max(axes[0], reach), max(axes[1], reach), axes[2]])
        box = self.box(np.array(centre) - r, np.array(centre) + r)
        if box is None:
            return
        x, y, z = self.grid(box)
        c, d = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        dx, dy, dz = x - np.float32(centre[0]), y - np.float32(centre[1]), z - np.float32(centre[2])
        flat = ((c * dx - d * dy) / np.float32(axes[0])) ** 2
        flat = flat + ((d * dx + c * dy) / np.float32(axes[1])) ** 2
        if upright:
            depth = (1 - np.sqrt(flat)) * np.float32(min(axes[0], axes[1]))
            depth = np.minimum(depth, np.float32(axes[2]) - np.abs(dz))
        else:
            depth = (1 - np.sqrt(flat + (dz / np.float32(axes[2])) ** 2)) * np.float32(min(axes))
        self.paint(box, self.cover(depth), hu, label)

    def tube(self, points: Any, radii: Any, hu: Any, label: int) -> None:
        "A tube along a line of points, its radius changing linearly between them."
        points = np.asarray(points, np.float32)
        radii = np.broadcast_to(np.asarray(radii, np.float32), len(points))
        for a, b, r, q in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
            most = max(r, q)
            box = self.box(np.minimum(a, b) - most, np.maximum(a, b) + most)
            if box is None:
                continue
            x, y, z = self.grid(box)
            d = b - a
            t = ((x - a[0]) * d[0] + (y - a[1]) * d[1] + (z - a[2]) * d[2]) / (d @ d + 1e-6)
            t = np.clip(t, 0, 1)
            off = (x - a[0] - t * d[0]) ** 2 + (y - a[1] - t * d[1]) ** 2
            off = np.sqrt(off + (z - a[2] - t * d[2]) ** 2)
            self.paint(box, self.cover(r + t * (q - r) - off), hu, label)

    def splat(self, points: Array) -> Array:
        "Share of each voxel that the points' volumes fill."
        dx, dy = float(self.x[1] - self.x[0]), float(self.y[1] - self.y[0])
        nx, ny = len(self.x), len(self.y)
        total = np.zeros(self.hu.shape, np.float32)
        points = points[np.argsort(points[:, 2], kind="stable")]
        for i, z in enumerate(self.z):
            first, last = np.searchsorted(points[:, 2], [z - self.thickness, z + self.thickness])
            near = points[first:last]
            if not len(near):
                continue
            weight = near[:, 3] * (1 - np.abs(near[:, 2] - z) / self.thickness)
            weight = weight / (dx * dy * self.thickness)
            fx, fy = (near[:, 0] - self.x[0]) / dx, (near[:, 1] - self.y[0]) / dy
            ix, iy = np.floor(fx).astype(int), np.floor(fy).astype(int)
            fx, fy = fx - ix, fy - iy
            keep = (ix >= 0) & (iy >= 0) & (ix < nx - 1) & (iy < ny - 1)
            place, flat = (iy * nx + ix)[keep], np.zeros(nx * ny)
            for down, right, share in (
                (0, 0, (1 - fy) * (1 - fx)),
                (0, 1, (1 - fy) * fx),
                (1, 0, fy * (1 - fx)),
                (1, 1, fy * fx),
            ):
                flat += np.bincount(
                    place + down * nx + right, (weight * share)[keep], minlength=nx * ny
                )
            total[i] = flat.reshape(ny, nx)
        return np.minimum(total, 1)

    def texture(self, waves: Array) -> Array:
        "Sum of the waves at every voxel, mean 0 and standard deviation about 1."
        waves = waves.astype(np.float32)
        ax, ay = self.x[:, None] * waves[:, 0], self.y[:, None] * waves[:, 1]
        az = self.z[:, None] * waves[:, 2] + waves[:, 3]
        angle = az[:, None] + ay[None]  # z, y, wave
        across = np.concatenate([np.cos(ax), -np.sin(ax)], 1)  # x, 2 waves
        both = np.concatenate([np.cos(angle) * waves[:, 4], np.sin(angle) * waves[:, 4]], 2)
        return np.einsum("zyw,xw->zyx", both, across)  # no BLAS: the same for any thread count


def paint(s: Patient, canvas: Canvas, table: bool = False) -> Array:
    "Paint a patient, from the skin inwards; returns the share of lesion in each voxel."
    single = {name: np.float32(value) for name, value in s.p.items()}
    s = Patient(single, s.outline.astype(np.float32), s.waves, s.branches, s.spicules, s.lesions)
    x, y, z = canvas.grid(canvas.whole)
    if table:
        _table(s, canvas)
    empty = canvas.hu.copy()
    noise = canvas.texture(s.waves)
    far, wall, cosine = _cavity(s, x, y, z)
    outside = _wall(s, canvas, far, wall, cosine, noise)
    lung = _inside(s, canvas, far, wall, noise)
    _heart_and_vessels(s, canvas)
    _airways(s, canvas)
    _ribs(s, canvas, far, wall, cosine)
    _spine(s, canvas, single["bone"])
    _front_bones(s, canvas, single["bone"])
    canvas.hu[outside], canvas.label[outside] = empty[outside], AIR  # nothing sticks out
    return _lesions(s, canvas, lung)


def _table(s: Patient, canvas: Canvas) -> None:
    "The curved table on which a patient lies."
    x, y, _ = canvas.grid(canvas.whole)
    depth = 6 - np.abs(y - (s.p["depth"] + s.p["table"] + 3 - x * x / 700) - 6)
    edge = FIELD / 2 - 3 - np.hypot(x, y - s.p["up"])
    depth = np.minimum(np.minimum(depth, edge), 150 - np.abs(x))
    share = np.broadcast_to(canvas.cover(depth), canvas.hu.shape)
    canvas.paint(canvas.whole, share * 0.35, -150, AIR)


def _wall(
    s: Patient, canvas: Canvas, far: Array, wall: Array, cosine: Array, noise: Array
) -> Array:
    "Skin, fat, breasts, muscles; returns what lies outside the body."
    p, whole = s.p, canvas.whole
    x, y, z = canvas.grid(whole)
    radius, skin, inner = _body(s, x, y, z)
    inner = np.maximum(inner, np.minimum(skin - 4, wall * radius / far + 10))
    body = canvas.cover(skin - radius)
    canvas.paint(whole, body, -105 + 9 * noise, FAT)
    canvas.paint(whole, body * canvas.cover(radius - skin + 2.2) * 0.8, 20, FAT)
    if p["breast"] > 8:
        gland = canvas.cover(skin - 7 - radius) * canvas.cover(radius - inner - 3)
        canvas.paint(whole, gland * np.clip(0.5 + 0.7 * noise, 0, 1) * 0.7, 15, FAT)
    muscle = canvas.cover(inner - radius)
    canvas.paint(whole, muscle, 52 + 6 * noise, MUSCLE)
    layer = np.abs(far - wall - 13 - 4 * noise)  # a sheet of fat between the layers of muscle
    strip = muscle * np.clip(1.1 - layer / 2.6, 0, 1) * (cosine < 0.8)
    canvas.paint(whole, strip * 0.75, -95, FAT)
    high = np.clip((z / p["height"] - 0.55) * 4, 0, 1) * muscle
    high = high * np.clip((far - wall - 14) / 4, 0, 1)
    canvas.paint(whole, high * np.clip(1.3 * noise - 0.9, 0, 0.8), -90, FAT)  # armpits
    return radius > skin + canvas.soft


def _inside(s: Patient, canvas: Canvas, far: Array, wall: Array, noise: Array) -> Array:
    "Fat of the mediastinum, lungs with vessels, what lies below the diaphragm; the share of lung."
    p, h = s.p, s.p["height"]
    lungs = np.zeros(canvas.hu.shape, np.float32)
    wide, deep, back = p["chest_width"], p["chest_depth"], p["chest_y"]
    box = canvas.box((-wide, back - deep, -1e9), (wide, back + deep + 18, h + 6))
    if box is None:
        return lungs
    x, y, z = canvas.grid(box)
    noise = noise[box]
    inside = canvas.cover((wall - far)[box]) * canvas.cover(3 + h - z)
    canvas.paint(box, inside, -92 + 10 * noise, FAT)
    depth = _lungs(s, x, y, z)
    lungs[box] = canvas.cover(depth)
    density = p["lung"] + 28 * noise + 35 * _ramp(y, -60, 80)
    canvas.paint(box, lungs[box], density, LUNG)
    part = canvas.hu[box]
    part += canvas.splat(s.branches)[box] * canvas.cover(depth + 2) * (42 + p["contrast"] - part)

    under = (_dome(s, x, y) - z) * 0.75
    below = inside * canvas.cover(under)
    canvas.paint(box, below, -5 + 30 * noise, ABDOMEN)  # bowel and fat
    liver = below * canvas.cover(22 - 0.45 * y - x + 5 * noise)
    canvas.paint(box, liver, 62 + 0.28 * p["contrast"] + 5 * noise, ABDOMEN)
    canvas.paint(box, below * canvas.cover(3.5 - under), 50, ABDOMEN)  # the diaphragm itself
    top = p["dome_left"]
    spleen = (wide - 44, 34, top - 46)
    canvas.ellipsoid(spleen, (34, 48, 48), 52 + 0.4 * p["contrast"], ABDOMEN, turn=0.5)
    canvas.ellipsoid((50, -26, top - 42), (46, 34, 36), 32, ABDOMEN)  # stomach
    if p["stomach"] > 0.3:
        air = 12 + 14 * p["stomach"]
        canvas.ellipsoid((46, -34, top - 32), (air + 8, air, air * 0.75), -920, ABDOMEN)
    return lungs


def _heart_and_vessels(s: Patient, canvas: Canvas) -> None:
    "Heart with its chambers, aorta, veins and arteries of the lungs and of the head."
    p, h = s.p, s.p["height"]
    blood = 42 + p["contrast"]
    hx, hy, hz, size, turn = (p[f"heart_{k}"] for k in ("x", "y", "z", "size", "turn"))
    reach = 80 * size
    box = canvas.box((hx - reach, hy - reach, hz - reach), (hx + reach, hy + reach, hz + reach))
    if box is not None:
        bx, by, bz = canvas.grid(box)
        above = canvas.cover((bz - _dome(s, bx, by)) + 6)
        share = canvas.cover(_heart(s, bx, by, bz)) * above
        canvas.paint(box, share, 48 + 0.35 * p["contrast"], HEART)

    def at(along: float, across: float, up: float) -> tuple[float, float, float]:
        "A place in the heart: along its axis to the tip, across, up, in its own frame."
        c, d = np.cos(turn), np.sin(turn)
        dx, dy = c * along + d * across, -d * along + c * across
        return (hx + size * dx, hy + size * dy, hz + size * (up - 0.35 * along))

    def chamber(place: Any, axes: Any, hu: float) -> None:
        canvas.ellipsoid(at(*place), [size * r for r in axes], hu, HEART, turn)

    chamber((22, 14, 0), (30, 17, 24), blood)  # left ventricle
    chamber((14, -22, 2), (36, 14, 28), blood * 1.05)  # right ventricle
    chamber((-42, -12, 4), (18, 22, 26), blood * 1.08)  # right atrium
    chamber((-30, 26, 16), (22, 16, 20), blood)  # left atrium

    sy, r = p["spine_y"], p["aorta"]
    arch = 0.70 * h
    root = at(-10, 0, 30)
    front = min(hy + 6, -12)
    left = (26, sy - 20)
    canvas.tube([root, (-13, front, arch - 18), (-11, front + 3, arch - 4)], r * 1.1, blood, VESSEL)
    canvas.tube(
        [(-11, front + 3, arch - 4), (-1, front + 14, arch + 6), (12, front + 28, arch + 7)],
        [r * 1.1, r, r * 0.95],
        blood,
        VESSEL,
    )
    canvas.tube([(12, front + 28, arch + 7), (*left, arch - 8)], r * 0.95, blood, VESSEL)
    canvas.tube([(*left, arch - 8), (24, sy - 22, 0.3 * h)], r * 0.9, blood, VESSEL)
    canvas.tube([(24, sy - 22, 0.3 * h), (8, sy - 30, -90)], r * 0.85, blood, VESSEL)
    for start, end, thick in (
        ((-8, front + 6, arch + 8), (-24, front + 14, h + 30), 6.5),
        ((2, front + 16, arch + 10), (22, front + 20, h + 40), 5.0),
        ((12, front + 26, arch + 10), (34, front + 34, h + 10), 5.0),
        ((-31, front + 2, arch + 16), (-40, front + 8, h + 20), 8.0),
        ((-28, front, arch + 18), (38, front + 4, h * 0.93), 6.5),
    ):
        canvas.tube([start, end], thick, blood, VESSEL)
    canvas.tube([at(-42, -8, 26), (-31, front + 4, arch + 18)], [11, 9], blood * 1.15, VESSEL)
    trunk = (17, front + 10, 0.575 * h)
    canvas.tube([at(6, -16, 26), (18, front - 8, 0.52 * h), trunk], [13, 13, 12], blood, VESSEL)
    canvas.tube(
        [trunk, (-14, front + 18, 0.565 * h), (-44, 8, 0.555 * h)], [11, 10, 8], blood, VESSEL
    )
    canvas.tube([trunk, (34, 4, 0.60 * h), (48, 14, 0.585 * h)], [11, 10, 7.5], blood, VESSEL)
    for side in (-1, 1):
        canvas.tube([at(-30, 26, 16), (side * 44, 14, 0.465 * h)], [8, 6], blood, VESSEL)


def _airways(s: Patient, canvas: Canvas) -> None:
    "Gullet, windpipe, and the bronchi that it divides into, with their walls."
    h, sy = s.p["height"], s.p["spine_y"]
    gullet = [(7, sy - 25, h + 60), (7, sy - 26, 0.4 * h), (12, sy - 34, 0.05 * h)]
    canvas.tube(gullet, 7.5, 38, MUSCLE)
    fork = (1, 14, 0.635 * h)
    right = [fork, (-20, 15, 0.585 * h), (-40, 13, 0.545 * h)]
    left = [fork, (24, 17, 0.565 * h), (44, 16, 0.52 * h)]
    for wall, hu, label in ((2.2, 35, MUSCLE), (0, -985, AIRWAY)):
        canvas.tube([(0, 2, h + 70), fork], 9 + wall, hu, label)
        canvas.tube(right, [8 + wall, 7 + wall, 5 + wall], hu, label)
        canvas.tube(left, [7.5 + wall, 6.5 + wall, 5 + wall], hu, label)
        for side in (-1, 1):
            branch = [(side * 41, 14, 0.54 * h), (side * 58, 34, 0.42 * h)]
            canvas.tube(branch, [4.5 + wall, 2.5 + wall * 0.6], hu, label)


def _front_bones(s: Patient, canvas: Canvas, hard: float) -> None:
    "Sternum, collar bones, shoulder blades."
    p, h = s.p, s.p["height"]
    front = p["chest_y"] - p["chest_depth"]
    for low, high, wide, y in ((0.34, 0.74, 15, front - 5), (0.74, 0.93, 24, front + 3)):
        place, half = (0, y, (low + high) / 2 * h), (high - low) / 2 * h
        canvas.ellipsoid(place, (wide, 7, half), 420 * hard, BONE, upright=True)
        canvas.ellipsoid(place, (wide - 4, 3.5, half - 3), 130 * hard, BONE, upright=True)
    for side in (-1, 1):
        line = [(22, front + 4, 0.915 * h), (75, front + 16, 0.955 * h), (150, front + 64, h)]
        line = [(side * x, y, z) for x, y, z in line]
        canvas.tube(line, 6.5, 540 * hard, BONE)
        canvas.tube(line, 3.2, 260 * hard, BONE)
        _blade(canvas, side, p["width"] - 36, p["depth"], h, hard)


def _ribs(s: Patient, canvas: Canvas, far: Array, wall: Array, cosine: Array) -> None:
    "Ribs around the chest, falling towards the front, where they end in cartilage."
    p, h = s.p, s.p["height"]
    _, _, z = canvas.grid(canvas.whole)
    fall = p["rib_drop"] * ((1 - cosine) / 2) ** np.float32(0.85)
    turn = (z + fall) / p["rib"] + p["rib_phase"]
    height = (turn - np.rint(turn)) * p["rib"]
    out = far - wall - 5.5
    e = np.sqrt((out / 4.6) ** 2 + (height / 6.8) ** 2)
    level = z + fall
    there = (level < h * 1.02) & (level > -22) & (cosine > np.where(z > 0.3 * h, -0.93, -0.45))
    shell = canvas.cover((1 - e) * 5) * there
    front = _ramp(-cosine, 0.62, 0.72)
    canvas.paint(canvas.whole, shell, (1 - front) * 540 * p["bone"] + front * 110, BONE)
    marrow = canvas.cover((0.62 - e) * 5) * there * (1 - front)
    canvas.paint(canvas.whole, marrow, 230 * p["bone"], BONE)


def _spine(s: Patient, canvas: Canvas, hard: float) -> None:
    "Vertebrae with discs between them, canal, processes."
    p, sy = s.p, s.p["spine_y"]
    box = canvas.box((-62, sy - 30, -1e9), (62, sy + 62, 1e9))
    if box is None:
        return
    x, y, z = canvas.grid(box)
    turn = z / p["disc"] + p["disc_phase"]
    middle = np.abs(turn - np.rint(turn)) * p["disc"]  # 0 in the middle of a disc
    body = (1 - np.sqrt((x / 19) ** 2 + ((y - sy) / 15.5) ** 2)) * 15
    arch = (1 - np.sqrt((x / 17) ** 2 + ((y - sy - 22) / 13) ** 2)) * 13
    wings = np.minimum(6 - np.abs(y - sy - 22 - 0.25 * np.abs(x)), 40 - np.abs(x))
    wings = np.minimum(wings, middle - 4)
    spine = np.minimum(3.6 - np.abs(x), 13 - np.abs(y - sy - 42))
    spine = np.minimum(spine, (middle - 2) + 4)
    bone = np.maximum(np.maximum(arch, spine), wings)
    canvas.paint(box, canvas.cover(bone + 0 * z), 430 * hard, BONE)
    disc = canvas.cover(3.6 - middle)
    canvas.paint(box, canvas.cover(body + 0 * z), 440 * hard * (1 - disc) + 85 * disc, BONE)
    core = canvas.cover(np.minimum(body - 3.2, middle - 5))
    canvas.paint(box, core, 165 * hard, BONE)
    canal = (1 - np.sqrt((x / 9.5) ** 2 + ((y - sy - 22) / 8) ** 2)) * 8
    canvas.paint(box, canvas.cover(canal + 0 * z), 15, MUSCLE)
    cord = (1 - np.sqrt((x / 5) ** 2 + ((y - sy - 22) / 4) ** 2)) * 4
    canvas.paint(box, canvas.cover(cord + 0 * z), 40, MUSCLE)


def _blade(canvas: Canvas, side: int, wing: float, depth: float, h: float, hard: float) -> None:
    "A shoulder blade: a thin curved plate behind the ribs, thick at its outer edge."
    low, high = 0.48 * h, 1.02 * h
    x0, x1 = 62.0, wing + 6
    edges = sorted((side * x0, side * x1))
    box = canvas.box((edges[0] - 4, depth * 0.1, low), (edges[1] + 4, depth, high))
    if box is None:
        return
    x, y, z = canvas.grid(box)
    u = (z - low) / (high - low)  # 0 at the tip
    t = np.clip((np.abs(x) - x0) / (x1 - x0), -0.2, 1.2)
    plate = depth * (0.76 - 0.30 * np.maximum(t, 0) ** 1.5) - 4 - 8 * u
    off = np.abs(y - plate)
    thick = 2.4 + 3.6 * np.clip((t - 0.75) * 4, 0, 1)
    inner = 0.55 * (1 - u)  # the plate is a triangle, its tip low
    share = np.minimum(thick - off, (t - inner) * 60)
    share = np.minimum(share, (1.0 - t) * 60)
    share = np.minimum(share, (u * (1 - u)) * 200)
    canvas.paint(box, canvas.cover(share), 480 * hard, BONE)


def _lesions(s: Patient, canvas: Canvas, lung: Array) -> Array:
    "Paint the lesions; returns their share of each voxel."
    total = np.zeros(canvas.hu.shape, np.float32)
    if len(s.spicules):
        thin = canvas.splat(s.spicules) * lung
        canvas.hu += thin * (s.lesions[0].hu - canvas.hu)
    for lesion in s.lesions:
        reach = lesion.radius * 1.4
        box = canvas.box(lesion.centre - reach, lesion.centre + reach)
        if box is None:
            continue
        dx, dy, dz = (
            (v - np.float32(c)) / np.float32(lesion.radius)
            for v, c in zip(canvas.grid(box), lesion.centre, strict=True)
        )
        a = lesion.axes.astype(np.float32)
        e = np.sqrt((dx / a[0]) ** 2 + (dy / a[1]) ** 2 + (dz / a[2]) ** 2)
        for kx, ky, kz, phase, bump in lesion.waves.astype(np.float32):
            e = e + bump * np.cos(kx * dx + ky * dy + kz * dz + phase)
        share = canvas.cover((1 - e) * lesion.radius) * lung[box]
        canvas.paint(box, share, lesion.hu, LESION)
        if lesion.core == lesion.core:
            part = canvas.hu[box]
            part += canvas.cover((0.45 - e) * lesion.radius) * share * (lesion.core - part)
        total[box] = np.maximum(total[box], share)
    return total


# Computed tomography -------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def geometry(size: int) -> tuple[Any, Any, int, int]:
    """Sparse matrices of the scanner for pictures of this size, views and cells.

    The first takes rasters of (2 size)^2 pixels to sinograms, the second filtered sinograms to
    pictures of size^2.  A cell of the detector is half a pixel wide.
    """
    cells, views = 2 * size, int(1.75 * size)
    angles = np.pi * (np.arange(views) + 0.5) / views
    width = FIELD / cells

    def spread(side: int, weight: float) -> Any:
        middle = (np.arange(side) - (side - 1) / 2) * (FIELD / side)
        x, y = (v.ravel() for v in np.meshgrid(middle, middle))
        pixel = np.flatnonzero(np.hypot(x, y) <= FIELD / 2)
        x, y = x[pixel], y[pixel]
        blocks = []  # a view each: cells x pixels
        for angle in angles:
            place = (x * np.cos(angle) + y * np.sin(angle)) / width + (cells - 1) / 2
            left = np.floor(place).astype(np.int32)
            share = place - left
            cell = np.concatenate([left, left + 1])
            value = (np.concatenate([1 - share, share]) * weight).astype(np.float32)
            keep = (cell >= 0) & (cell < cells)
            entry = (value[keep], (cell[keep], np.tile(pixel, 2)[keep]))
            blocks.append(sparse.csr_matrix(entry, shape=(cells, side * side)))
        return sparse.vstack(blocks, format="csr")

    project = spread(2 * size, (FIELD / (2 * size)) ** 2 / width)
    back = spread(size, np.pi / views).T.tocsr()
    return project, back, views, cells


def project(mu: Array) -> Array:
    "Line integrals of rasters (n, 2 size, 2 size) of attenuation per mm: (n, views, cells)."
    matrix, _, views, cells = geometry(mu.shape[-1] // 2)
    flat = np.ascontiguousarray(mu.reshape(len(mu), -1).T.astype(np.float32))
    return np.ascontiguousarray((matrix @ flat).T).reshape(len(mu), views, cells)


def back_project(sinograms: Array, cut: float = 1.0) -> Array:
    "Filtered back-projection of (n, views, cells): attenuation per mm, (n, size, size)."
    n, views, cells = sinograms.shape
    _, back, _, _ = geometry(cells // 2)
    width = FIELD / cells
    t = fft.fftfreq(2 * cells, 1 / (2 * cells))
    with np.errstate(divide="ignore"):  # the ramp, band-limited in space (Kak and Slaney, 3.3)
        kernel = np.where(t % 2 == 1, -1 / (np.pi * t * width) ** 2, 0.0)
    kernel[0] = 1 / (4 * width**2)
    response = fft.rfft(kernel).real * width
    f = np.linspace(0, 1, len(response))
    response = response * np.where(f < cut, 0.5 + 0.5 * np.cos(np.pi * f / cut), 0)  # Hann
    spectrum = fft.rfft(sinograms.astype(np.float32), 2 * cells, axis=-1)
    filtered = fft.irfft(spectrum * response.astype(np.float32), 2 * cells, axis=-1)[..., :cells]
    flat = np.ascontiguousarray(filtered.reshape(n, -1).T.astype(np.float32))
    side = cells // 2
    return np.ascontiguousarray((back @ flat).T).reshape(n, side, side)


def measure(integrals: Array, photons: float, random: np.random.Generator) -> Array:
    "What a detector makes of line integrals: photons arrive by Poisson's law, plus its own noise."
    arrive = random.poisson(photons * np.exp(-integrals.astype(np.float64)))
    noise = random.standard_normal(arrive.shape, np.float32) * ELECTRONIC
    return np.log(photons / np.maximum(arrive + noise, 0.5)).astype(np.float32)


def _halve(a: Array) -> Array:
    "Mean over squares of 2 x 2."
    n, h, w = a.shape
    return a.reshape(n, h // 2, 2, w // 2, 2).mean((2, 4))


def _vote(label: Array) -> Array:
    "The most frequent of 2 x 2 labels; of equally frequent ones the higher."
    best, winner = np.zeros((len(label), *(v // 2 for v in label.shape[1:])), np.float32), 0
    winner = np.zeros(best.shape, np.uint8)
    for k in np.unique(label):
        share = _halve((label == k).astype(np.float32))
        winner = np.where((share >= best) & (share > 0), k, winner).astype(np.uint8)
        best = np.maximum(best, share)
    return winner


def _heights(s: Patient, random: np.random.Generator) -> Array:
    "SLICES heights: through lesions, or well clear of all of them; never grazing one."
    h = s.p["height"]
    heights: list[float] = []
    while len(heights) < SLICES:
        z = random.uniform(0.13, 0.84) * h
        if s.lesions and random.uniform() < 0.85:
            lesion = s.lesions[int(random.integers(len(s.lesions)))]
            z = lesion.centre[2] + random.uniform(-0.5, 0.5) * lesion.radius * lesion.axes[2]
        far = [abs(z - v.centre[2]) / (v.radius * v.axes[2]) for v in s.lesions]
        clear = all(v < 0.55 or v > 1.4 for v in far)
        # the tip of a dome of the diaphragm looks like a mass in one slice alone
        domes = any(-4 < s.p[dome] - z < 18 for dome in ("dome_right", "dome_left"))
        apart = min((abs(z - v) for v in heights), default=np.inf)
        room = apart > 1.6 * THICKNESS and not domes
        if clear and (room or (apart > 2 and random.uniform() < 0.02)):  # or room is scarce
            heights.append(z)
    return np.array(heights)


def paint_slices(s: Patient, heights: Array, size: int) -> tuple[Array, Array, Array]:
    "HU, label and share of lesion of slices, on rasters of (2 size)^2."
    side = 2 * size
    middle = (np.arange(side) - (side - 1) / 2) * (FIELD / side)
    canvas = Canvas(middle, middle + s.p["up"], heights, max(FIELD / side, 1.5), THICKNESS)
    share = paint(s, canvas, table=True)
    return canvas.hu, canvas.label, share


def make_thorax_ct(seed: int, count: int = 2000, size: int = 64) -> dict[str, Array]:
    "CT slices: images at full dose, labels, groups (patients), and everything that is known."
    kept: dict[str, list[Array]] = {}

    def keep(**arrays: Array) -> None:
        for name, array in arrays.items():
            kept.setdefault(name, []).append(array)

    patients = -(-count // SLICES)
    for first in range(0, patients, 32):
        numbers = range(first, min(first + 32, patients))
        rasters = []
        for number in numbers:
            s = draw_patient(seed, number)
            heights = _heights(s, np.random.default_rng([seed, number, 2]))
            hu, label, share = paint_slices(s, heights, size)
            rasters.append(hu)
            share = _halve(share)
            mask = share > 0.5
            biggest = np.zeros(SLICES, np.float32)
            for v in s.lesions:
                cut = np.abs(heights - v.centre[2]) < v.radius * v.axes[2]
                biggest = np.where(
                    cut & (mask.sum((1, 2)) > 0), np.maximum(biggest, 2 * v.radius), biggest
                )
            maps = _vote(label)
            maps = np.where(mask, LESION, np.where(maps == LESION, LUNG, maps)).astype(np.uint8)
            keep(
                truth=from_hounsfield(_halve(hu)),
                maps=maps,
                masks=mask.astype(np.uint8),
                labels=mask.any((1, 2)).astype(np.int64),
                groups=np.full(SLICES, number, np.int64),
                level=(heights / s.p["height"]).astype(np.float32),
                lesion=biggest.astype(np.float32),
            )
        sinograms = project(attenuation(np.concatenate(rasters)))
        for k, (name, dose) in enumerate(DOSES.items()):
            noisy = np.concatenate(
                [
                    measure(part, PHOTONS * dose, np.random.default_rng([seed, number, 3 + k]))
                    for number, part in zip(numbers, np.split(sinograms, len(numbers)), strict=True)
                ]
            )
            mu = back_project(noisy)
            keep(**{name: from_hounsfield((mu / MU_WATER - 1) * 1000)})
    return {name: np.concatenate(arrays)[:count] for name, arrays in kept.items()}


# Radiographs ---------------------------------------------------------------------------------


def paint_volume(s: Patient, size: int) -> tuple[Array, Array, Array]:
    "HU and share of lesion (z downwards, y, x) for radiographs, and the voxel's edges in mm."
    side = 3 * size // 2
    edge, deep = FIELD / side, FIELD / size
    x = (np.arange(side) - (side - 1) / 2) * edge
    top = s.p["height"] + 34
    z = top - (np.arange(side) + 0.5) * edge
    y = (np.arange(size) - (size - 1) / 2) * deep
    y = y[np.abs(y) < s.p["depth"] + 40]
    canvas = Canvas(x, y, z, max(edge, 1.5), edge)
    share = paint(s, canvas)
    return canvas.hu, share, np.array([edge, deep, edge])


def integrate(mu: Array, edges: Array, axis: int) -> Array:
    "Line integral of (z, y, x) along y (axis 1, frontal) or x (axis 2, lateral)."
    return mu.sum(axis, dtype=np.float64) * edges[axis]


def display(integrals: Array, middle: float = 2.05) -> Array:
    "Line integrals (n, h, w) as a radiograph is shown, uint16: bones white, details raised."
    from scipy.ndimage import gaussian_filter

    side = integrals.shape[-1]
    wide = gaussian_filter(integrals, (0, side / 9, side / 9), mode="nearest")
    fine = gaussian_filter(integrals, (0, side / 40, side / 40), mode="nearest")
    value = 0.62 * wide + 1.25 * (integrals - wide) + 0.8 * (integrals - fine)
    level = 1 / (1 + np.exp(-(value - middle) * 1.5))
    return np.rint(np.clip((level - 0.035) / 0.93, 0, 1) * 65535).astype(np.uint16)


def _fit(a: Array, size: int) -> Array:
    "Rows and columns of (h, w) averaged to size x size; columns that are fewer are padded with 0."
    for _ in range(2):
        if len(a) > size:
            whole = np.lcm(len(a), size)
            a = np.repeat(a, whole // len(a), axis=0).reshape(size, whole // size, -1).mean(1)
        missing = size - len(a)
        a = np.pad(a, ((missing // 2, missing - missing // 2), (0, 0))).T
    return a


def make_thorax_xray(seed: int, count: int = 500, size: int = 64) -> dict[str, Array]:
    "Radiographs: frontal as images, lateral as a fact; one patient each."
    kept: dict[str, list[Array]] = {}
    for number in range(count):
        s = draw_patient(seed, number)
        hu, share, edges = paint_volume(s, size)
        mu = attenuation(hu, xray=True)
        random = np.random.default_rng([seed, number, 9])
        views = (_fit(integrate(mu, edges, axis), size) for axis in (1, 2))
        front, side = (measure(view, PHOTONS_XRAY, random) for view in views)
        shadows = (_fit((share.max(axis) > 0.5).astype(float), size) for axis in (1, 2))
        mask, lateral = ((shadow > 0.5).astype(np.uint8) for shadow in shadows)
        rows = {
            "images": display(front[None])[0],
            "lateral": display(side[None], 3.0)[0],
            "integrals": np.rint(np.clip(front / INTEGRAL_HIGH, 0, 1) * 65535).astype(np.uint16),
            "masks": mask,
            "lateral_masks": lateral,
            "labels": np.int64(mask.any()),
            "groups": np.int64(number),
            "lesion": np.float32(max((2 * v.radius for v in s.lesions), default=0)),
            "nodules": np.int64(len(s.lesions)),
        }
        for name, row in rows.items():
            kept.setdefault(name, []).append(row)
    return {name: np.stack(arrays) for name, arrays in kept.items()}


# Contact sheets ------------------------------------------------------------------------------


COLOURS = np.array(
    [
        [0, 0, 0],
        [230, 200, 120],
        [190, 90, 80],
        [70, 110, 170],
        [220, 40, 60],
        [240, 110, 180],
        [90, 220, 230],
        [150, 100, 60],
        [245, 245, 235],
        [60, 240, 60],
    ],
    np.uint8,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the contact sheets")
    parser.add_argument("--count", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, make, count in (
        ("thorax-ct", make_thorax_ct, options.count or 2000),
        ("thorax-xray", make_thorax_xray, options.count or 500),
    ):
        begin = time.perf_counter()
        arrays = make(options.seed, count, options.size)
        seconds = time.perf_counter() - begin
        print(f"{name}: {count} pictures, {seconds:.1f} s, checksum {checksum(arrays)}")
        print({key: (str(v.dtype), v.shape) for key, v in arrays.items()})
        for key, array in arrays.items():
            if array.ndim != 3:
                continue
            shown = array[:48]
            if key == "maps":
                shown = COLOURS[shown]
            elif array.dtype == np.uint8:
                shown = shown * 255
            pages = grid(from_array(shown), 12, scale=2 if options.size <= 64 else 1)
            pages.save(options.out / f"{name}-{key}.png")


if __name__ == "__main__":
    main()
