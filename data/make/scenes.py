"""Rooms, landscapes and buildings with label maps: python data/make/scenes.py --out DIR

Every picture is a function of (seed, its number): a scene is drawn by lot, then rays are cast into
it (rooms, buildings) or a height field is looked at (landscapes), three by three rays a pixel.
Nothing random depends on the size, so the same scene comes out at 64 and at 128 pixels.
"""

import argparse
import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ganbook.datasets import _checksum as checksum
from ganbook.images import from_array, grid

F32 = np.float32
Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]
SAMPLES = 3  # rays a pixel, in each direction

ROOMS_CLASSES = ("bedroom", "living room", "kitchen", "bathroom", "dining room")
ROOMS_MAP = (
    "wall",
    "floor",
    "ceiling",
    "window",
    "door",
    "bed",
    "seat",
    "table",
    "cabinet",
    "lamp",
    "rug",
    "picture",
    "bath",
)
ROOMS_LIGHT = ("sunny", "overcast", "evening", "night")
ROOMS_FLOOR = ("planks", "tiles", "chequers", "parquet", "carpet")
ROOMS_WALL = ("paint", "stripes", "pattern", "panelling", "bricks", "tiles")

# ---------------------------------------------------------------------------------------------
# Colours, noise, lines
# ---------------------------------------------------------------------------------------------


@cache
def linear(colour: str) -> Floats:
    "Light of a colour written as six hexadecimal digits."
    rgb = np.array([int(colour[k : k + 2], 16) for k in (0, 2, 4)], F32) / 255
    light = (rgb**2.2).astype(F32)
    light.flags.writeable = False
    return light


def pick(random: np.random.Generator, colours: str, spread: float = 0.06) -> Floats:
    "One of the colours, a little off."
    words = colours.split()
    light = linear(words[random.integers(len(words))])
    return (light * np.exp(random.normal(0, spread, 3) + random.normal(0, spread * 1.5))).astype(
        F32
    )


@cache
def _noise(kind: str) -> Floats:
    "A tile of 256 x 256 that repeats without seams: mean 0, deviation 1."
    random = np.random.default_rng([7, len(kind)])
    white = np.fft.fft2(random.normal(size=(256, 256)))
    k = np.fft.fftfreq(256, 1 / 256)
    radius = np.maximum(np.hypot(k[:, None], k[None]), 1)
    if kind == "cloud":
        gain = radius**-1.75 * (radius > 2)
    elif kind == "rough":
        gain = radius**-1.2 * (radius > 5)
    else:  # "grain"
        gain = radius**-0.4 * (radius > 24) * (radius < 110)
    tile = np.fft.ifft2(white * gain).real
    return ((tile - tile.mean()) / tile.std()).astype(F32)


def noise(u: Floats, v: Floats, kind: str = "cloud") -> Floats:
    "Noise at coordinates of the tile, one unit a texel, repeated for ever."
    count, shape = u.size, u.shape
    columns = min(max(count, 1), 512)
    rows = -(-count // columns)
    maps = np.zeros((2, rows * columns), F32)
    maps[0, :count] = (u - np.floor(u * F32(1 / 256)) * F32(256)).ravel()
    maps[1, :count] = (v - np.floor(v * F32(1 / 256)) * F32(256)).ravel()
    x, y = maps.reshape(2, rows, columns)
    out = cv2.remap(_noise(kind), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return out.ravel()[:count].reshape(shape)


def cells(i: Floats, j: Floats, seed: int) -> Floats:
    "A number in [0, 1) for each pair of whole numbers, without pattern."
    h = i.astype(np.int64) * 73856093 ^ j.astype(np.int64) * 19349663 ^ (seed * 83492791)
    h = (h ^ (h >> 13)) & 0xFFFFFFFF
    h = (h * 0x2C1B3C6D) & 0xFFFFFFFF
    h = ((h ^ (h >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    h = h ^ (h >> 15)
    return ((h & 0xFFFFFF) / F32(0x1000000)).astype(F32)


def line(distance: Floats, width: float, pixel: Floats) -> Floats:
    "How much of a pixel a line covers, its middle at a distance: 0 to 1."
    return np.clip(0.5 + (width / 2 - distance) / pixel, 0, 1) * np.minimum(1, width / pixel)


def seam(u: Floats, period: float, width: float, pixel: Floats) -> Floats:
    "Lines at every multiple of the period."
    r = np.mod(u, period)
    return line(np.minimum(r, period - r), width, pixel)


def inside(u: Floats, low: float, high: float, soft: float | Floats) -> Floats:
    "1 between low and high, 0 outside, soft in between."
    return np.clip((u - low) / soft + 0.5, 0, 1) * np.clip((high - u) / soft + 0.5, 0, 1)


def smooth(x: Floats, low: float, high: float) -> Floats:
    "0 below low, 1 above high, a smooth step between."
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blend(a: Any, b: Any, share: Floats) -> Floats:
    "From colour a to colour b as share goes from 0 to 1; colour by colour, which is quicker."
    out = np.empty((*share.shape, 3), F32)
    for k in range(3):
        np.multiply(b[..., k] - a[..., k], share, out=out[..., k])
        out[..., k] += a[..., k]
    return out


def lit_by(colour: Floats, lights: list[tuple[Floats, Floats]]) -> Floats:
    "Colours of surfaces under lights, each an amount for every point and a colour."
    out = np.empty_like(colour)
    for k in range(3):
        total = lights[0][0] * lights[0][1][k]
        for amount, tint in lights[1:]:
            total += amount * tint[k]
        np.multiply(colour[..., k], total, out=out[..., k])
    return out


def tone(light: Floats, side: int) -> NDArray[np.uint8]:
    "Light (h, w, 3) at SAMPLES rays a pixel to a picture: film's curve, gamma, average."
    x = np.maximum(light, 0)
    x = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    x = np.clip(x, 0, 1) ** F32(1 / 2.2)
    x = x.reshape(side, SAMPLES, side, SAMPLES, 3).mean((1, 3), dtype=F32)
    return np.round(x * 255).astype(np.uint8)


def vote(labels: NDArray[Any], side: int, count: int) -> NDArray[np.uint8]:
    "The label that most of a pixel's rays met."
    parts = labels.reshape(side, SAMPLES, side, SAMPLES).transpose(0, 2, 1, 3)
    parts = parts.reshape(side * side, SAMPLES * SAMPLES).astype(np.int64)
    flat = np.arange(side * side)[:, None] * count + parts
    votes = np.bincount(flat.ravel(), minlength=side * side * count).reshape(-1, count)
    return votes.argmax(1).reshape(side, side).astype(np.uint8)


# ---------------------------------------------------------------------------------------------
# Solids and rays
# ---------------------------------------------------------------------------------------------


class Surface:
    "Where rays meet a solid; a material reads it, and may set glow, labels and bump."

    def __init__(self, solid: "Solid", x: Floats, y: Floats, z: Floats, pixel: Floats):
        self.solid, self.x, self.y, self.z, self.pixel = solid, x, y, z, pixel
        self.axis = np.zeros(len(x), np.int8)  # of the face: 0 left or right, 1 up or down, 2
        self.sign = np.ones(len(x), F32)
        self.u, self.v = x, y  # metres on the face
        self.normal = np.zeros((3, len(x)), F32)
        self.glow: Floats | None = None
        self.labels: NDArray[Any] | None = None
        self.gloss: Floats | None = None

    def flat(self, colour: Floats) -> Floats:
        return np.broadcast_to(colour, (len(self.x), 3)).astype(F32)


Material = Callable[[Surface], Floats]


class Solid:
    "Something that stops rays: a box, a ball, a cone or a convex body, turned about the vertical."

    def __init__(
        self,
        kind: str,
        centre: Any,
        half: Any,
        label: int,
        material: Material,
        turn: float = 0.0,
        shadow: bool = True,
        contact: float = 0.5,
        taper: float = 0.0,
        planes: Any = None,
        ragged: float = 0.0,
    ):
        self.kind, self.label, self.material = kind, label, material
        self.centre = [float(c) for c in centre]
        self.half = [max(float(h), 1e-3) for h in half]
        self.turn, self.shadow, self.contact, self.taper = turn, shadow, contact, taper
        self.planes, self.ragged = planes, ragged

    def moved(self, x: float, y: float, z: float, turn: float) -> "Solid":
        "The solid in a group that is turned and then shifted."
        cos, sin = math.cos(turn), math.sin(turn)
        a, b, c = self.centre
        self.centre = [x + a * cos + c * sin, y + b, z - a * sin + c * cos]
        self.turn += turn
        return self

    def local(self, x: Any, y: Any, z: Any, point: bool = True) -> tuple[Any, Any, Any]:
        "World to the solid's own axes."
        if point:
            x, y, z = x - F32(self.centre[0]), y - F32(self.centre[1]), z - F32(self.centre[2])
        if abs(self.turn) < 1e-9:
            return x, y, z
        cos, sin = F32(math.cos(self.turn)), F32(math.sin(self.turn))
        return x * cos - z * sin, y, x * sin + z * cos

    def hit(self, o: Any, d: Any) -> Floats:
        "Distance along rays (own axes) to the first meeting, infinity where they miss."
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.kind == "box":
                return self._box(o, d)
            if self.kind == "ball":
                return self._ball(o, d)
            if self.kind == "cone":
                return self._cone(o, d)
            return self._convex(o, d)

    def _box(self, o: Any, d: Any) -> Floats:
        near: Any = F32(1e-4)
        far: Any = F32(np.inf)
        for k in range(3):
            inverse = 1 / (d[k] + F32(1e-9))
            middle, reach = -o[k] * inverse, np.abs(F32(self.half[k]) * inverse)
            near, far = np.maximum(near, middle - reach), np.minimum(far, middle + reach)
        return np.where((near < far) & (near > 1e-3), near, F32(np.inf))

    def _ball(self, o: Any, d: Any) -> Floats:
        p = [o[k] / F32(self.half[k]) for k in range(3)]
        q = [d[k] / F32(self.half[k]) for k in range(3)]
        a = q[0] * q[0] + q[1] * q[1] + q[2] * q[2]
        b = p[0] * q[0] + p[1] * q[1] + p[2] * q[2]
        c = p[0] * p[0] + p[1] * p[1] + p[2] * p[2] - 1
        under = b * b - a * c
        if self.ragged and np.ndim(d[0]) == 2 and np.ndim(o[0]) == 0:
            scale = self.ragged
            u, v = d[0] / d[2] * scale, d[1] / d[2] * scale
            under = under - a * (0.16 + 0.16 * noise(u + 37 * self.centre[0], v, "rough"))
        t = (-b - np.sqrt(np.maximum(under, 0))) / a
        return np.where((under > 0) & (t > 1e-3), t, F32(np.inf))

    def _cone(self, o: Any, d: Any) -> Floats:
        # radius half[0] at the foot, half[0] * (1 - taper) at the top
        r, h = F32(self.half[0]), F32(self.half[1])
        slope = -F32(self.taper) * r / (2 * h)
        middle = r + slope * h
        w0, w1 = middle + slope * o[1], slope * d[1]
        a = d[0] * d[0] + d[2] * d[2] - w1 * w1
        b = o[0] * d[0] + o[2] * d[2] - w0 * w1
        c = o[0] * o[0] + o[2] * o[2] - w0 * w0
        under = b * b - a * c
        t = (-b - np.sqrt(np.maximum(under, 0))) / (a + F32(1e-9))
        y = o[1] + t * d[1]
        side = np.where((under > 0) & (t > 1e-3) & (np.abs(y) <= h), t, F32(np.inf))
        t = np.where(d[1] < 0, h - o[1], -h - o[1]) / (d[1] + F32(1e-9))
        x, z = o[0] + t * d[0], o[2] + t * d[2]
        radius = middle + slope * np.where(d[1] < 0, h, -h)
        cap = np.where((x * x + z * z < radius * radius) & (t > 1e-3), t, F32(np.inf))
        return np.minimum(side, cap)

    def _convex(self, o: Any, d: Any) -> Floats:
        near: Any = F32(1e-4)
        far: Any = F32(np.inf)
        for a, b, c, e in self.planes:  # a x + b y + c z <= e
            along = d[0] * F32(a) + d[1] * F32(b) + d[2] * F32(c)
            room = F32(e) - (o[0] * F32(a) + o[1] * F32(b) + o[2] * F32(c))
            t = room / (along + F32(1e-9))
            near = np.where(along < 0, np.maximum(near, t), near)
            far = np.where(along >= 0, np.minimum(far, t), far)
        return np.where((near < far) & (near > 1e-3), near, F32(np.inf))

    def surface(self, x: Floats, y: Floats, z: Floats, pixel: Floats) -> Surface:
        "Face, place on it and normal (in the world) at points in own axes."
        s = Surface(self, x, y, z, pixel)
        h = self.half
        if self.kind in ("box", "shell"):
            gap = np.stack([np.abs(x) / h[0] - 1, np.abs(y) / h[1] - 1, np.abs(z) / h[2] - 1])
            gap *= np.array(h, F32)[:, None]
            s.axis = gap.argmax(0).astype(np.int8)
            p = np.stack([x, y, z])
            s.sign = np.sign(np.take_along_axis(p, s.axis[None].astype(np.int64), 0)[0])
            s.u = np.where(s.axis == 0, z + F32(h[2]), x + F32(h[0]))
            s.v = np.where(s.axis == 1, z + F32(h[2]), y + F32(h[1]))
            normal = [np.where(s.axis == k, s.sign, F32(0)) for k in range(3)]
            if self.kind == "shell":
                normal = [-n for n in normal]
        elif self.kind == "ball":
            normal = [x / h[0] ** 2, y / h[1] ** 2, z / h[2] ** 2]
            s.u, s.v = np.arctan2(x, z) * F32(h[0]), y
        elif self.kind == "cone":
            cap = np.abs(y) > h[1] * 0.999
            normal = [np.where(cap, 0, x), np.where(cap, np.sign(y), 0), np.where(cap, 0, z)]
            s.axis = np.where(cap, 1, 0).astype(np.int8)
            s.u, s.v = np.arctan2(x, z) * F32(h[0]), y + F32(h[1])
        else:
            planes = np.array(self.planes, F32)
            gap = np.stack([a * x + b * y + c * z - e for a, b, c, e in planes])
            face = gap.argmax(0)
            s.axis = face.astype(np.int8)
            normal = list(planes[face, :3].T)
            steep = np.abs(normal[0]) > np.abs(normal[2])
            s.u = np.where(steep, z + F32(h[2]), x + F32(h[0]))
            s.v = (y + F32(h[1])) / np.maximum(np.sqrt(1 - normal[1] ** 2), 0.3)
        length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + F32(1e-9)
        a, b, c = (n / length for n in normal)
        cos, sin = F32(math.cos(self.turn)), F32(math.sin(self.turn))
        s.normal = np.stack([a * cos + c * sin, b, -a * sin + c * cos]).astype(F32)
        return s


class Camera(NamedTuple):
    "A pinhole that stays upright when pitch is 0: shift then looks up or down."

    place: tuple[float, float, float]
    yaw: float
    pitch: float
    tangent: float  # of half the field of view
    shift: float

    def rays(self, side: int) -> list[Floats]:
        "Directions (x, y, z), each (side, side), with depth 1."
        k = ((np.arange(side) + 0.5) / side * 2 - 1).astype(F32)
        sx = np.broadcast_to(k[None] * F32(self.tangent), (side, side))
        sy = np.broadcast_to(-k[:, None] * F32(self.tangent) + F32(self.shift), (side, side))
        cos, sin = F32(math.cos(self.pitch)), F32(math.sin(self.pitch))
        y, z = sy * cos - sin, cos + sy * sin
        cos, sin = F32(math.cos(self.yaw)), F32(math.sin(self.yaw))
        return [np.ascontiguousarray(a) for a in (sx * cos + z * sin, y, -sx * sin + z * cos)]

    def windows(
        self, solids: list[Solid], side: int, margin: float = 0.0
    ) -> list[tuple[slice, slice] | None]:
        "Rows and columns that hold each solid; None for what is out of sight."
        signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], F32)
        half = np.array([s.half for s in solids])[:, None] + margin
        turn = np.array([s.turn for s in solids])[:, None]
        p = signs * half
        cos, sin = np.cos(turn), np.sin(turn)
        x, y, z = p[..., 0] * cos + p[..., 2] * sin, p[..., 1], p[..., 2] * cos - p[..., 0] * sin
        shift = np.array([s.centre for s in solids]) - self.place
        x, y, z = x + shift[:, :1], y + shift[:, 1:2], z + shift[:, 2:]
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        x, z = x * c - z * s, x * s + z * c
        c, s = math.cos(self.pitch), math.sin(self.pitch)
        y, z = y * c + z * s, z * c - y * s
        near = np.maximum(z, 0.02)
        column = (x / near / self.tangent + 1) / 2 * side
        row = (1 - (y / near - self.shift) / self.tangent) / 2 * side
        whole = z.min(1) < 0.02
        found: list[tuple[slice, slice] | None] = []
        edges = (row.min(1) - 1, row.max(1) + 2, column.min(1) - 1, column.max(1) + 2)
        top, bottom, left, right = (np.clip(e, 0, side).astype(int).tolist() for e in edges)
        for k in range(len(solids)):
            if z[k].max() < 0.02:
                found.append(None)
            elif whole[k]:
                found.append((slice(0, side), slice(0, side)))
            elif top[k] >= bottom[k] or left[k] >= right[k]:
                found.append(None)
            else:
                found.append((slice(top[k], bottom[k]), slice(left[k], right[k])))
        return found


class View:
    "What the rays of a camera met: distance, solid, colour, light given off, normal, label."

    def __init__(self, solids: list[Solid], camera: Camera, side: int, glance: bool = False):
        self.solids, self.camera = solids, camera
        self.side = side if glance else side * SAMPLES
        self.pixel = 2 * camera.tangent / self.side
        self.rays = camera.rays(self.side)
        shape = (self.side, self.side)
        self.depth, self.which = np.full(shape, np.inf, F32), np.full(shape, -1, np.int16)
        parts = camera.windows(solids, self.side)
        for k, solid in enumerate(solids):
            self._meet(k, solid, parts[k])
        if not glance:
            self.shade()

    def _meet(self, k: int, solid: Solid, part: tuple[slice, slice] | None) -> None:
        o = solid.local(*(F32(c) for c in self.camera.place))
        if solid.kind == "shell":
            d = solid.local(*self.rays, point=False)
            far: Any = F32(np.inf)
            for i in range(3):
                inverse = 1 / (d[i] + F32(1e-9))
                far = np.minimum(far, -o[i] * inverse + np.abs(F32(solid.half[i]) * inverse))
            self.depth, self.which = far, np.full_like(self.which, k)
            return
        if part is None:
            return
        d = solid.local(*(r[part] for r in self.rays), point=False)
        t = solid.hit(o, d)
        closer = t < self.depth[part]
        np.copyto(self.depth[part], t, where=closer)
        np.copyto(self.which[part], np.int16(k), where=closer)

    def shade(self) -> None:
        "Colours, labels and normals, solid by solid."
        count = self.side**2
        which, depth = self.which.ravel(), self.depth.ravel()
        rays = [r.ravel() for r in self.rays]
        self.place = [
            F32(c) + r * np.where(which >= 0, depth, 0)
            for c, r in zip(self.camera.place, rays, strict=True)
        ]
        self.colour, self.glow = np.zeros((count, 3), F32), np.zeros((count, 3), F32)
        self.normal, self.label = np.zeros((3, count), F32), np.zeros(count, np.uint8)
        self.gloss = np.zeros(count, F32)
        order = np.argsort(which, kind="stable")
        start = np.searchsorted(which[order], np.arange(len(self.solids) + 1))
        for k, solid in enumerate(self.solids):
            at = order[start[k] : start[k + 1]]
            if not len(at):
                continue
            x, y, z = solid.local(*(p[at] for p in self.place))
            s = solid.surface(x, y, z, depth[at] * F32(self.pixel * SAMPLES))
            s.world = [p[at] for p in self.place]
            self.colour[at] = solid.material(s)
            self.normal[:, at] = s.normal
            self.label[at] = solid.label if s.labels is None else s.labels
            if s.glow is not None:
                self.glow[at] = s.glow
            if s.gloss is not None:
                self.gloss[at] = s.gloss

    def pattern(self) -> tuple[Floats, Floats]:
        "Which of the SAMPLES x SAMPLES points of a light each ray asks: two numbers in (-1, 1)."
        k = ((np.arange(self.side) % SAMPLES + 0.5) / SAMPLES * 2 - 1).astype(F32)
        a = np.broadcast_to(k[:, None], (self.side, self.side)).ravel()
        b = np.broadcast_to(k[None], (self.side, self.side)).ravel()
        return a, b

    def blocked(self, at: NDArray[Any], towards: list[Floats], reach: float) -> NDArray[np.bool_]:
        "Is something between these points and what lies towards, at most reach times as far?"
        start = [self.place[k][at] + self.normal[k][at] * F32(4e-3) for k in range(3)]
        dark = np.zeros(len(at), bool)
        for solid in self.solids:
            if not solid.shadow or solid.kind == "shell" or sorted(solid.half)[1] < 0.04:
                continue
            o, d = solid.local(*start), solid.local(*towards, point=False)
            dark |= solid.hit(o, d) < reach
        return dark

    def contact(self, radius: float) -> Floats:
        "How little of the ambient light the neighbours leave: 1 in the open."
        left = np.ones((self.side, self.side), F32)
        place = [p.reshape(self.side, self.side) for p in self.place]
        normal = self.normal.reshape(3, self.side, self.side)
        parts = self.camera.windows(self.solids, self.side, 2 * radius)
        for k, solid in enumerate(self.solids):
            if solid.kind == "shell" or solid.contact <= 0:
                continue
            part = parts[k]
            if part is None:
                continue
            x, y, z = solid.local(*(p[part] for p in place))
            q = [
                np.maximum(np.abs(c) - F32(h), 0)
                for c, h in zip((x, y, z), solid.half, strict=True)
            ]
            d = np.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2) + F32(1e-4)
            a, b, c = solid.local(*(n[part] for n in normal), point=False)
            ahead = (
                -(a * np.copysign(q[0], x) + b * np.copysign(q[1], y) + c * np.copysign(q[2], z))
                / d
            )
            dark = F32(solid.contact) * np.exp(d * F32(-1 / radius)) * (0.55 + 0.45 * ahead)
            left[part] *= np.where(self.which[part] == k, F32(1), 1 - dark)
        return left.ravel()


# ---------------------------------------------------------------------------------------------
# Materials
# ---------------------------------------------------------------------------------------------


def paint(colour: Floats, seed: int = 0, grain: float = 0.03) -> Material:
    "One colour, a little cloudy."

    def material(s: Surface) -> Floats:
        n = noise(s.u * 30 + seed % 251, s.v * 30 + seed % 83)
        return colour * (1 + F32(grain) * n)[:, None]

    return material


def wood(colour: Floats, seed: int = 0, upright: bool = False) -> Material:
    "Long grain along the face."

    def material(s: Surface) -> Floats:
        u, v = (s.v, s.u) if upright else (s.u, s.v)
        n = noise(u * 9 + seed % 239, v * 90 + seed % 71)
        return colour * np.exp(n * F32(0.16))[:, None]

    return material


def cloth(colour: Floats, second: Floats, kind: int, seed: int = 0) -> Material:
    "Plain, striped, checked or spotted, with soft folds."

    def material(s: Surface) -> Floats:
        out = s.flat(colour)
        fade = np.clip(1.5 - s.pixel / F32(0.09), 0.25, 1)
        if kind == 1:
            out = blend(out, second, seam(s.u, 0.22, 0.09, s.pixel) * fade)
        elif kind == 2:
            check = 0.5 * seam(s.u, 0.3, 0.15, s.pixel) + 0.5 * seam(s.v, 0.3, 0.15, s.pixel)
            out = blend(out, second, check * fade)
        elif kind == 3:
            r = np.hypot(np.mod(s.u, 0.3) - 0.15, np.mod(s.v, 0.3) - 0.15)
            out = blend(out, second, line(r, 0.15, s.pixel) * fade)
        folds = noise(s.u * 22 + seed % 199, s.v * 22 + seed % 101)
        fuzz = noise(s.u * 160 + seed % 59, s.v * 160, "grain")
        return out * np.exp(0.07 * folds + 0.03 * fuzz)[:, None]

    return material


def planks(colour: Floats, seed: int, width: float = 0.16, across: bool = False) -> Material:
    "Boards with staggered ends, each of its own tone."

    def material(s: Surface) -> Floats:
        u, v = (s.v, s.u) if across else (s.u, s.v)
        row = np.floor(u / width)
        v = v + 1.4 * cells(row, row, seed)
        board = np.floor(v / 1.4)
        own = cells(row, board, seed + 1) - 0.5
        n = noise(u * 110 + 31 * row, v * 8 + seed % 97)
        out = colour * np.exp(0.42 * own + 0.11 * n)[:, None]
        gap = np.maximum(seam(u, width, 0.011, s.pixel), seam(v, 1.4, 0.011, s.pixel))
        s.gloss = 0.25 + 0 * u
        return out * (1 - 0.62 * gap)[:, None]

    return material


def tiles(
    colour: Floats, second: Floats, grout: Floats, seed: int, width: float, height: float = 0.0
) -> Material:
    "Tiles of one colour or two in turn, with joints."
    height = height or width

    def material(s: Surface) -> Floats:
        i, j = np.floor(s.u / width), np.floor(s.v / height)
        out = blend(s.flat(colour), second, np.mod(i + j, 2))
        own = cells(i, j, seed) - 0.5
        n = noise(s.u * 40 + seed % 229, s.v * 40)
        out = out * np.exp(0.14 * own + 0.05 * n)[:, None]
        gap = np.maximum(seam(s.u, width, 0.014, s.pixel), seam(s.v, height, 0.014, s.pixel))
        s.gloss = 0.3 * (1 - gap)
        return blend(out, grout, gap)

    return material


def parquet(colour: Floats, seed: int) -> Material:
    "Squares of five blocks, turned in turn."

    def material(s: Surface) -> Floats:
        side = 0.5
        i, j = np.floor(s.u / side), np.floor(s.v / side)
        turned = np.mod(i + j, 2) > 0
        u, v = np.where(turned, s.v, s.u), np.where(turned, s.u, s.v)
        block = np.floor(np.mod(u, side) / 0.1)
        own = cells(i * 7 + block, j, seed) - 0.5
        n = noise(u * 100, v * 9 + seed % 113)
        out = colour * np.exp(0.35 * own + 0.1 * n + np.where(turned, 0.1, -0.1))[:, None]
        gap = np.maximum(seam(u, 0.1, 0.007, s.pixel), seam(v, side, 0.01, s.pixel))
        s.gloss = 0.22 + 0 * u
        return out * (1 - 0.55 * gap)[:, None]

    return material


def carpet(colour: Floats, seed: int) -> Material:
    "Pile: soft patches and fine fuzz."

    def material(s: Surface) -> Floats:
        n = noise(s.u * 14 + seed % 157, s.v * 14)
        fuzz = noise(s.u * 130, s.v * 130 + seed % 61, "grain")
        return colour * np.exp(0.08 * n + 0.09 * fuzz)[:, None]

    return material


def bricks(colour: Floats, mortar: Floats, seed: int, width: float = 0.24) -> Material:
    "Brickwork in running bond."

    def material(s: Surface) -> Floats:
        return brickwork(s, colour, mortar, seed, width)

    return material


def brickwork(
    s: Surface, colour: Floats, mortar: Floats, seed: int, width: float, height: float = 0.0
) -> Floats:
    "Bricks on a surface; far away their joints melt into the mean."
    height = height or width * 0.38
    row = np.floor(s.v / height)
    u = s.u + np.mod(row, 2) * (width / 2)
    own = cells(np.floor(u / width), row, seed) - 0.5
    fade = np.clip(1.6 - s.pixel / F32(height), 0.15, 1)
    n = noise(s.u * 18 + seed % 211, s.v * 18, "rough")
    out = colour * np.exp((0.55 * own + 0.03) * fade + 0.09 * n)[:, None]
    gap = np.maximum(
        seam(u, width, 0.12 * height, s.pixel), seam(s.v, height, 0.15 * height, s.pixel)
    )
    return blend(out, mortar, gap * 0.75)


def chrome(colour: Floats) -> Material:
    "Bright metal, or glazed ceramic: shading by where the face looks."

    def material(s: Surface) -> Floats:
        s.gloss = np.full(len(s.x), 0.5, F32)
        n = 0.92 + 0.12 * s.normal[1] + 0.05 * s.normal[0]
        return colour * n[:, None]

    return material


# ---------------------------------------------------------------------------------------------
# Rooms
# ---------------------------------------------------------------------------------------------

WALL, FLOOR, CEILING, WINDOW, DOOR, BED, SEAT, TABLE, CABINET, LAMP, RUG, PICTURE, BATH = range(13)

PAINTS = (
    "e8e1d3 d9cdb8 cfd8d3 b9c9c4 a9bccb c8b7a6 e3d3c6 d8b9a6 b7c2a4 93a58d e6dfe6 c9bccf "
    "8fa6b5 d6c48f e9e6e0 c77f62 6f8a8f 5d6f86 b5657a dba46d 7d9a78"
)
WOODS = "a9774a 8a5a34 c89b68 6b4226 d9b98a b58a5c 4e3524 9c6b43 c4a27a e0c9a0"
FABRICS = (
    "8c3b3b 3d5a80 5b7553 c9a24b 8a8f98 4a4e57 b86f52 6d597a d8cfc0 2f6f73 a44a5f 7a8450 "
    "c7b299 355070 e07a5f 44694f 9c6f9e c2553d 3b7ea1"
)
LINEN = "f1ece2 e6ebef efe3dc f4f1ea dfe6da e9dfec"
CARPETS = "a89c8a 8b8f95 b7a98f 7f6f63 9aa58f 8d7f8f 6f7f8d c2b8a8 9a6a5a"
TILES = "e4e0d8 cfd6d6 b8c4c4 d9cbb6 a9a39a 8f9aa0 c9b8a0 ece9e4"


# what is usual in each kind of room: floors and walls by their shares, colours by a list
FLOORS = (
    (0.12, 0.0, 0.0, 0.03, 0.85),
    (0.9, 0.0, 0.0, 0.06, 0.04),
    (0.04, 0.1, 0.86, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0, 0.0),
    (0.08, 0.0, 0.02, 0.9, 0.0),
)
WALLS = (
    (0.08, 0.4, 0.52, 0.0, 0.0, 0.0),
    (0.34, 0.03, 0.0, 0.03, 0.6, 0.0),
    (0.97, 0.0, 0.0, 0.0, 0.03, 0.0),
    (0.03, 0.0, 0.0, 0.0, 0.0, 0.97),
    (0.05, 0.05, 0.0, 0.9, 0.0, 0.0),
)
USUAL = (
    "c9bccf e3c9cf a9bccb b9c4dc d8c3dc e6cbd2 b9b4d4 c4cbe0",
    "d9cdb8 b9ae9c a89484 cdb794 9a9a93 b5b0a4 c2b49a 8f9a7a",
    "f4f1e6 f2efe6 f0ead2 efece2 f3eede eef0e6",
    "dfe9ec cfe0e2 e6ebe6 d6e4dc e3e6ee c9dce4",
    "6d3f45 3f5a52 5d6f86 7d9a78 8f5a4a 46566b a3704f 5b6b4a",
)


class Room:
    "A room being furnished: its size, what stands where, its light."

    def __init__(self, random: np.random.Generator, kind: int):
        self.random, self.kind = random, kind
        u = random.uniform
        low, high = ((3.1, 4.4), (3.6, 5.2), (3.0, 4.2), (2.4, 3.2), (3.5, 4.8))[kind]
        self.width, self.height = u(low, high), u(2.4, 3.1)
        self.depth = u(low * 0.9, high * 0.95)
        self.solids: list[Solid] = []
        self.taken: list[tuple[float, ...]] = []  # boxes: x, y, z from, x, y, z to
        self.windows: list[tuple[Any, ...]] = []
        self.lamps: list[tuple[float, float, float, float]] = []

    def number(self) -> int:
        return int(self.random.integers(1 << 20))

    def foot(self, wall: int, along: float) -> tuple[float, float, float]:
        "Place and turn of a point at the foot of a wall: 0 back, 1 left, 2 right."
        if wall == 0:
            return along, self.depth, math.pi
        if wall == 1:
            return -self.width / 2, along, math.pi / 2
        return self.width / 2, along, -math.pi / 2

    def put(
        self,
        parts: list[Solid],
        size: tuple[float, float, float],
        walls: str = "012",
        level: float = 0.0,
        tries: int = 14,
        middle: bool = False,
        keep: float = 0.0,
        margin: float = 0.04,
    ) -> tuple[float, float, float] | None:
        "Stand a group against a wall where it fits; its place and turn, None if nowhere."
        width, height, depth = size
        for _ in range(tries):
            wall = int(walls[self.random.integers(len(walls))])
            if wall == 0:
                half = self.width / 2 - width / 2 - 0.05
                along = self.random.uniform(-half, half) if half > 0 else None
            else:
                low, high = max(keep, 0.9) + width / 2, self.depth - width / 2 - 0.05
                along = self.random.uniform(low, high) if high > low else None
            if along is None:
                continue
            if middle and wall == 0:
                along *= 0.35
            x, z, turn = self.foot(wall, along)
            if self.free(x, z, turn, size, level, margin):
                self.add(parts, x, level, z, turn)
                return x, z, turn
        return None

    def box(
        self, x: float, z: float, turn: float, size: tuple[float, float, float], level: float
    ) -> tuple[float, ...]:
        width, height, depth = size
        cos, sin = math.cos(turn), math.sin(turn)
        xs = [x + a * cos + c * sin for a in (-width / 2, width / 2) for c in (0, depth)]
        zs = [z - a * sin + c * cos for a in (-width / 2, width / 2) for c in (0, depth)]
        return min(xs), level, min(zs), max(xs), level + height, max(zs)

    def free(
        self,
        x: float,
        z: float,
        turn: float,
        size: tuple[float, float, float],
        level: float,
        margin: float = 0.04,
    ) -> bool:
        "Reserve the space of a group, if nothing stands in it."
        new = self.box(x, z, turn, size, level)
        for old in self.taken:
            if all(new[k] < old[k + 3] + margin and old[k] < new[k + 3] + margin for k in range(3)):
                return False
        self.taken.append(new)
        return True

    def add(self, parts: list[Solid], x: float, y: float, z: float, turn: float) -> None:
        self.solids += [part.moved(x, y, z, turn) for part in parts]


def block(
    x: float,
    y: float,
    z: float,
    width: float,
    height: float,
    depth: float,
    label: int,
    material: Material,
    **more: Any,
) -> Solid:
    "A box by the middle of its foot (x, y, z) and its size."
    return Solid(
        "box", (x, y + height / 2, z), (width / 2, height / 2, depth / 2), label, material, **more
    )


def legs(
    width: float,
    depth: float,
    height: float,
    z: float,
    label: int,
    material: Material,
    thick: float = 0.05,
) -> list[Solid]:
    "Four of them."
    return [
        block(a, 0, z + b, thick, height, thick, label, material, contact=0.3)
        for a in (-width / 2 + thick, width / 2 - thick)
        for b in (-depth / 2 + thick, depth / 2 - thick)
    ]


def fronts(
    colour: Floats, columns: int, rows: int, knob: Floats, seed: int, grain: bool
) -> Material:
    "Doors and drawers with gaps and knobs on the face that looks into the room."

    def material(s: Surface) -> Floats:
        w, h = 2 * s.solid.half[0] / columns, 2 * s.solid.half[1] / rows
        n = noise(s.u * 80 + seed % 191, s.v * 8) if grain else noise(s.u * 20, s.v * 20)
        out = colour * np.exp(n * F32(0.13 if grain else 0.03))[:, None]
        face = (s.axis == 2).astype(F32)
        gap = np.maximum(seam(s.u, w, 0.02, s.pixel), seam(s.v, h, 0.02, s.pixel)) * face
        a, b = np.mod(s.u, w), np.mod(s.v, h)
        inner = seam(
            np.minimum(np.minimum(a, w - a), np.minimum(b, h - b)) - 0.07, 9, 0.014, s.pixel
        )
        out = out * (1 - 0.6 * gap - 0.16 * inner * face)[:, None]
        r = (
            np.hypot(a - w * 0.5, b - h * 0.72)
            if rows > 1
            else np.hypot(a - w * 0.84, b - h * 0.55)
        )
        return blend(out, knob, line(r, 0.06, s.pixel) * face)

    return material


def books(case: Floats, seed: int, shelves: int) -> Material:
    "Shelves of books in a case."
    spines = np.stack([linear(c) for c in FABRICS.split()])

    def material(s: Surface) -> Floats:
        h = 2 * s.solid.half[1] / shelves
        shelf = np.floor(s.v / h)
        b = np.mod(s.v, h) / h
        i = np.floor(s.u / 0.055)
        kind = cells(i, shelf, seed)
        tall = 0.55 + 0.3 * cells(i, shelf, seed + 1)
        group = cells(np.floor(s.u / 0.3), shelf, seed + 2)
        colour = spines[(kind * len(spines)).astype(int)] * (0.7 + 0.5 * group)[:, None]
        there = (b < tall) & (b > 0.08) & (group > 0.18)
        colour = np.where(there[:, None], colour, case * 0.22)
        board = np.maximum((b < 0.08) * 1.0, seam(s.u, 2 * s.solid.half[0], 0.08, s.pixel))
        colour = blend(colour, case, board)
        return np.where((s.axis == 2)[:, None], colour, case).astype(F32)

    return material


def canvas(random: np.random.Generator, frame: Floats) -> Material:
    "A painting: a landscape, stripes or shapes, in a frame with a mount."
    kind, seed = int(random.integers(4)), int(random.integers(1 << 20))
    a, b, c = (pick(random, FABRICS) for _ in range(3))
    mount = linear("ece7dc")
    wide = random.random() < 0.5

    def material(s: Surface) -> Floats:
        w, h = 2 * s.solid.half[0], 2 * s.solid.half[1]
        x, y = s.u / w, s.v / h
        n = noise(x * 40 + seed % 173, y * 40)
        if kind == 0:
            level = 0.45 + 0.1 * noise(x * 25 + seed % 91, 0 * y)
            out = blend(blend(linear("cfdde6"), linear("f2d9b0"), y), a, inside(y, -1, level, 0.05))
            out = blend(out, b, inside(y, -1, level * 0.6 + 0.04 * n, 0.05))
        elif kind == 1:
            out = blend(s.flat(a), b, np.clip(n * 1.5 + 0.5, 0, 1))
            out = blend(out, c, np.clip(noise(x * 30, y * 30 + seed % 67) * 2 - 0.8, 0, 1))
        elif kind == 2:
            r = np.hypot((x - 0.5) * w, (y - 0.5) * h) / min(w, h)
            out = blend(s.flat(mount * 0.9), a, np.clip((0.3 - r) * 30, 0, 1))
            out = blend(out, b, inside(y, 0.1, 0.38, 0.05))
        else:
            out = blend(
                blend(s.flat(a), b, np.clip((x - 0.36) * 40, 0, 1)),
                c,
                np.clip((x + y - 1.3) * 40, 0, 1),
            )
        edge = np.minimum(np.minimum(s.u, w - s.u), np.minimum(s.v, h - s.v))
        if wide:
            out = blend(mount, out, np.clip((edge - 0.12) / s.pixel + 0.5, 0, 1))
        out = blend(frame, out, np.clip((edge - 0.05) / s.pixel + 0.5, 0, 1))
        return np.where((s.axis == 2)[:, None], out, frame).astype(F32)

    return material


def mirror(frame: Floats, seed: int) -> Material:
    "Silvery, a vague reflection."

    def material(s: Surface) -> Floats:
        w, h = 2 * s.solid.half[0], 2 * s.solid.half[1]
        n = noise(s.u * 12 + seed % 127, s.v * 5)
        streak = np.clip(np.sin((s.u + 0.6 * s.v) * 5 + seed) * 1.5 - 0.6, 0, 1)
        out = linear("a7bcc4") * (0.75 + 0.35 * s.v / h + 0.08 * n + 0.5 * streak)[:, None]
        edge = np.minimum(np.minimum(s.u, w - s.u), np.minimum(s.v, h - s.v))
        return blend(frame, out, np.clip((edge - 0.04) / s.pixel + 0.5, 0, 1))

    return material


def outlook(
    random: np.random.Generator, light: int, frame: Floats, columns: int, rows: int, glow: float
) -> Material:
    "A window: what is outside seen through panes, with a frame."
    seed, town = int(random.integers(1 << 20)), random.random() < 0.35
    top, low = (
        (linear("6fa6dc"), linear("cfe3f2")),
        (linear("b6c0c9"), linear("dde2e6")),
        (linear("7d86b5"), linear("ffb978")),
        (linear("0b1230"), linear("1e2a52")),
    )[light]
    green = pick(random, "4f7a3a 6b8f4a 3f6a45 8a9a4f a8763a") * (1.0, 0.8, 0.6, 0.08)[light]
    far = blend(green[None], low, np.full(1, 0.55, F32))[0]
    level = random.uniform(0.25, 0.5)

    def material(s: Surface) -> Floats:
        w, h = 2 * s.solid.half[0], 2 * s.solid.half[1]
        x, y = s.u / h, s.v / h
        out = blend(s.flat(low), top, smooth(y, level, 1.1))
        if light != 3:
            cloud = smooth(noise(x * 30 + seed % 163, y * 55), 0.2, 1.6)
            out = blend(out, linear("ffffff") if light < 2 else linear("ffd9b0"), cloud * 0.7)
        if town:
            column = np.floor(x * 7)
            roof = level + 0.3 * cells(column, column, seed) - 0.05
            house = (y < roof).astype(F32)
            wall = far * (0.6 + 0.7 * cells(column, 0 * column, seed + 1))[:, None]
            lit = cells(np.floor(x * 42), np.floor(y * 34), seed) > (0.6 if light > 1 else 0.8)
            wall = blend(wall, linear("ffd27a") * (1.0 if light > 1 else 0.5), lit * 0.8)
            out = blend(out, wall, house)
        else:
            ridge = level + 0.07 * noise(x * 22 + seed % 137, 0 * y)
            out = blend(out, far, inside(y, -1, ridge, 0.03))
            tree = level - 0.08 + 0.1 * noise(x * 45 + seed % 53, 0 * y, "rough")
            leaf = green * np.exp(0.4 * noise(x * 60, y * 60 + seed % 41, "rough"))[:, None]
            out = blend(out, leaf, inside(y, -1, tree, 0.03))
        edge = np.minimum(np.minimum(s.u, w - s.u), np.minimum(s.v, h - s.v))
        bar = np.maximum(
            np.maximum(line(edge, 0.12, s.pixel), seam(s.u, w / columns, 0.05, s.pixel)),
            seam(s.v, h / rows, 0.05, s.pixel),
        )
        face = (s.axis == 2).astype(F32)
        bar = np.maximum(bar, 1 - face)
        s.glow = out * (glow * (1 - bar))[:, None]
        return blend(out * 0.0, frame, bar)

    return material


def lampshade(colour: Floats, strength: float) -> Material:
    "Glows when lit."

    def material(s: Surface) -> Floats:
        h = max(s.solid.half[1], 0.02)
        s.glow = colour * (strength * (1.0 - 0.25 * (s.y / h)))[:, None]
        return s.flat(colour)

    return material


def curtain(colour: Floats, second: Floats, kind: int, seed: int) -> Material:
    "Hanging folds."

    def material(s: Surface) -> Floats:
        out = s.flat(colour)
        if kind == 1:
            out = blend(out, second, seam(s.v, 0.35, 0.12, s.pixel))
        fold = np.sin(s.u * F32(38) + 0.6 * noise(s.u * 30, s.v * 6 + seed % 89))
        return out * (0.82 + 0.2 * fold)[:, None]

    return material


def _door(room: Room) -> None:
    random = room.random
    colour = pick(random, WOODS + " f0ece4 e6e2da 8fa3a6 6d7f73")
    w, h = random.uniform(0.8, 0.95), random.uniform(2.0, 2.12)
    panes = int(random.integers(1, 4))

    def material(s: Surface) -> Floats:
        a, b = np.mod(s.u, w / (1 + (panes > 1))), np.mod(s.v, h / panes)
        cw, ch = w / (1 + (panes > 1)), h / panes
        edge = np.minimum(np.minimum(a, cw - a), np.minimum(b, ch - b))
        out = colour * (1 - 0.35 * line(np.abs(edge - 0.11), 0.035, s.pixel))[:, None]
        out = out * np.exp(0.08 * noise(s.u * 80, s.v * 8))[:, None]
        knob = line(np.hypot(s.u - w * 0.9, s.v - 1.02), 0.09, s.pixel)
        return blend(out, linear("c9b37a"), knob)

    trim = paint(pick(random, "f0ece4 e6e2da d8cfc0") if random.random() < 0.7 else colour * 0.7)
    parts = [
        block(0, 0, 0.02, w + 0.18, h + 0.09, 0.04, DOOR, trim, contact=0.2),
        block(0, 0, 0.035, w, h, 0.05, DOOR, material, contact=0),
    ]
    room.put(parts, (w + 0.25, h, 0.7), "0121212", keep=0.6)


def _windows(room: Room, light: int) -> None:
    random = room.random
    frame = pick(random, "f2efe9 f2efe9 e4ddd0 8a5a34 5c6166 3c3f44")
    count = 1 if room.kind == 3 else int(random.integers(1, 3))
    glow = (1.9, 1.5, 1.15, 0.9)[light]
    cloths = random.random() < (0.92, 0.8, 0.0, 0.03, 0.7)[room.kind]
    colour, second = pick(random, FABRICS + " " + LINEN), pick(random, LINEN)
    weave = int(random.integers(2))
    for _ in range(count):
        w = random.uniform(0.6, 1.0) if room.kind == 3 else random.uniform(0.9, 2.0)
        sill = random.uniform(1.1, 1.35) if room.kind in (2, 3) else random.uniform(0.55, 1.0)
        h = min(random.uniform(0.9, 1.6), room.height - sill - 0.25)
        pane = outlook(
            random, light, frame, int(random.integers(1, 4)), int(random.integers(1, 3)), glow
        )
        parts = [
            block(0, 0, 0.01, w, h, 0.05, WINDOW, pane, contact=0, shadow=False),
            block(
                0,
                -0.06,
                0.06,
                w + 0.12,
                0.05,
                0.16,
                WINDOW,
                paint(frame),
                contact=0.35,
                shadow=False,
            ),
        ]
        if cloths:
            drop = h + 0.3 if random.random() < 0.5 else h + sill - 0.08
            fold = curtain(colour, second, weave, room.number())
            side = random.uniform(0.16, 0.3)
            top = h + 0.14
            for sign in (-1, 1):
                parts.append(
                    block(
                        sign * (w / 2 + side / 3),
                        top - drop,
                        0.12,
                        side,
                        drop,
                        0.07,
                        WINDOW,
                        fold,
                        contact=0.4,
                    )
                )
            parts.append(
                block(
                    0,
                    top,
                    0.13,
                    w + 2 * side,
                    0.04,
                    0.04,
                    WINDOW,
                    paint(linear("4a3b2c")),
                    contact=0,
                )
            )
        found = room.put(
            parts, (w + (0.7 if cloths else 0.2), h + 0.2, 0.2), "00112"[random.integers(2) :], sill
        )
        if found:
            x, z, turn = found
            room.windows.append((x, sill + h / 2, z, turn, w / 2, h / 2))


def _ceiling_lamp(room: Room, x: float, z: float, lit: bool, drop: float) -> None:
    random = room.random
    kind = int(random.integers(3))
    r = random.uniform(0.16, 0.3)
    glow = 2.6 if lit else 0.5
    y = room.height - drop
    shade = lampshade(pick(random, "fff0d8 ffe2b8 f6e9d0 e8c9a0"), glow)
    cord = block(x, y, z, 0.03, drop, 0.03, LAMP, paint(linear("33302c")), contact=0, shadow=False)
    if kind == 0:
        body = Solid(
            "cone", (x, y, z), (r, r * 0.55, r), LAMP, shade, shadow=False, contact=0, taper=0.55
        )
    elif kind == 1:
        body = Solid("ball", (x, y, z), (r * 0.8,) * 3, LAMP, shade, shadow=False, contact=0)
    else:
        body = Solid("cone", (x, y, z), (r, r * 0.4, r), LAMP, shade, shadow=False, contact=0)
    room.solids += [cord, body]
    if lit:
        room.lamps.append((x, y - 0.1, z, 1.0))


def _lamp(room: Room, lit: bool, tall: bool) -> list[Solid]:
    random = room.random
    foot = paint(pick(random, WOODS + " 33302c c9b37a 8a8f98"))
    shade = lampshade(pick(random, "fff0d8 ffe2b8 f3d2a6 f0c9b0 e8e0c8"), 2.4 if lit else 0.25)
    if tall:
        h, r = random.uniform(1.25, 1.6), random.uniform(0.2, 0.28)
        return [
            Solid("cone", (0, 0.02, 0.25), (0.16, 0.02, 0.16), LAMP, foot),
            block(0, 0, 0.25, 0.05, h, 0.05, LAMP, foot, shadow=False),
            Solid(
                "cone", (0, h, 0.25), (r, 0.17, r), LAMP, shade, shadow=False, contact=0, taper=0.35
            ),
        ]
    return [
        Solid("cone", (0, 0.12, 0), (0.07, 0.12, 0.07), LAMP, foot, taper=0.5),
        Solid(
            "cone",
            (0, 0.34, 0),
            (0.17, 0.12, 0.17),
            LAMP,
            shade,
            shadow=False,
            contact=0,
            taper=0.35,
        ),
    ]


def _rug(room: Room, x: float, z: float, turn: float = 0.0, size: float = 1.0) -> None:
    random = room.random
    a, b, c = (pick(random, FABRICS + " " + LINEN) for _ in range(3))
    w, d = size * random.uniform(1.3, 2.3), size * random.uniform(1.0, 1.6)
    kind, seed = int(random.integers(4)), room.number()

    def material(s: Surface) -> Floats:
        edge = np.minimum(np.minimum(s.u, w - s.u), np.minimum(s.v, d - s.v))
        out = s.flat(a)
        if kind == 1:
            out = blend(out, c, seam(s.u, 0.28, 0.12, s.pixel))
        elif kind == 2:
            diamond = np.abs(np.mod(s.u, 0.5) - 0.25) + np.abs(np.mod(s.v, 0.5) - 0.25)
            out = blend(out, c, line(diamond, 0.3, s.pixel))
        elif kind == 3:
            r = np.hypot(s.u - w / 2, s.v - d / 2)
            out = blend(out, c, seam(r, 0.3, 0.14, s.pixel))
        out = blend(b, out, np.clip((edge - 0.1) / s.pixel + 0.5, 0, 1))
        n = noise(s.u * 20 + seed % 53, s.v * 20)
        fuzz = noise(s.u * 130, s.v * 130, "grain")
        return out * np.exp(0.08 * n + 0.08 * fuzz)[:, None]

    if kind == 3 and random.random() < 0.6:
        r = min(w, d) * 0.6
        w = d = 2 * r
        room.solids.append(
            Solid(
                "cone",
                (x, 0.012, z),
                (r, 0.012, r),
                RUG,
                _round(material, r),
                shadow=False,
                contact=0.15,
            )
        )
        return
    room.solids.append(
        block(x, 0, z, w, 0.024, d, RUG, material, turn=turn, shadow=False, contact=0.15)
    )


def _round(material: Material, r: float) -> Material:
    "A material on the lid of a drum."

    def turned(s: Surface) -> Floats:
        s.u, s.v = s.x + F32(r), s.z + F32(r)
        return material(s)

    return turned


def _bed(room: Room, lit: bool) -> None:
    random = room.random
    double = random.random() < 0.75
    w, d = (
        (random.uniform(1.4, 1.85) if double else random.uniform(0.9, 1.1)),
        random.uniform(1.95, 2.15),
    )
    frame = pick(random, WOODS + " d8cfc0 8a8f98 5b7553 3d5a80")
    grain = wood(frame, room.number())
    linen = pick(random, LINEN)
    cover = cloth(
        pick(random, FABRICS + " " + LINEN),
        pick(random, FABRICS + " f1ece2"),
        int(random.integers(4)),
        room.number(),
    )
    head, fold = random.uniform(0.8, 1.25), random.uniform(0.5, 0.8)
    h = random.uniform(0.42, 0.55)
    low = block(0, 0.08, d / 2, w + 0.06, 0.24, d, BED, grain)
    parts = [
        low,
        block(0, 0, 0.05, w + 0.12, head, 0.1, BED, grain),
        block(0, 0.3, d / 2 + 0.04, w, h - 0.3, d - 0.1, BED, paint(linen)),
        block(0, 0.22, d / 2 + (1 - fold) * d / 2, w + 0.09, h - 0.17, d * fold, BED, cover),
        block(0, h - 0.02, d * (1 - fold) + 0.06, w + 0.06, 0.09, 0.26, BED, paint(linen * 0.97)),
    ]
    pillow = (
        paint(linen)
        if random.random() < 0.6
        else cloth(pick(random, FABRICS), linen, int(random.integers(4)))
    )
    for k in (-1, 1) if double else (0,):
        parts.append(
            Solid(
                "ball",
                (k * w * 0.25, h + 0.07, 0.33),
                (min(w * 0.23, 0.4), 0.12, 0.22),
                BED,
                pillow,
            )
        )
    if random.random() < 0.5:
        cushion = cloth(pick(random, FABRICS), linen, int(random.integers(4)))
        parts.append(Solid("ball", (0, h + 0.12, 0.5), (0.24, 0.18, 0.13), BED, cushion))
    found = room.put(parts, (w + 0.2, 1.0, d), "0001122", middle=True, tries=30, keep=0.5)
    if not found:
        return
    x, z, turn = found
    cos, sin = math.cos(turn), math.sin(turn)
    for sign in (-1, 1):
        a = sign * (w / 2 + 0.34)
        stand = [
            block(
                0,
                0.0,
                0.2,
                0.42,
                0.48,
                0.38,
                CABINET,
                fronts(frame, 1, 2, linear("d8c9a0"), 3, True),
            )
        ]
        if random.random() < 0.75:
            stand += [p.moved(0, 0.48, 0.2, 0) for p in _lamp(room, lit, False)]
            on = lit
        else:
            on = False
        px, pz = x + a * cos, z - a * sin
        inside_room = abs(px) < room.width / 2 - 0.22 and 0.3 < pz < room.depth + 0.01
        if inside_room and room.free(px, pz, turn, (0.44, 0.9, 0.4), 0):
            room.add(stand, px, 0, pz, turn)
            if on:
                room.lamps.append((px + 0.2 * sin, 0.95, pz + 0.2 * cos, 0.45))
    if random.random() < 0.6:
        side = random.choice([-1, 1])
        a, c = side * (w / 2 + 0.4), d * 0.6
        _rug(room, x + a * cos + c * sin, z - a * sin + c * cos, turn, 0.85)
    _picture(room, over=(x, z, turn, head + 0.2))


def _picture(
    room: Room, over: tuple[float, float, float, float] | None = None, walls: str = "012"
) -> None:
    random = room.random
    w, h = random.uniform(0.45, 1.1), random.uniform(0.4, 0.85)
    frame = pick(random, "2c2a28 c9b37a e8e2d6 6b4226 8a5a34")
    part = [
        block(0, 0, 0.02, w, h, 0.05, PICTURE, canvas(random, frame), contact=0.25, shadow=False)
    ]
    if over:
        x, z, turn, level = over
        level = min(max(level, 1.25), room.height - h - 0.15)
        if room.free(x, z, turn, (w, h, 0.1), level):
            room.add(part, x, level, z, turn)
        return
    room.put(
        part, (w, h, 0.1), walls, min(random.uniform(1.25, 1.6), room.height - h - 0.15), tries=8
    )


def _cabinet(room: Room, kind: str = "", walls: str = "012") -> None:
    random = room.random
    kind = kind or ("wardrobe", "dresser", "bookcase")[random.integers(3)]
    colour = pick(random, WOODS + " efe9dd d9d4c8 8fa3a6 6d7f73 b9a58f")
    knob = linear("d8c9a0")
    if kind == "wardrobe":
        w, h, d = random.uniform(0.9, 1.7), random.uniform(1.85, 2.2), 0.6
        body = fronts(colour, int(random.integers(2, 4)), 1, knob, room.number(), True)
    elif kind == "bookcase":
        w, h, d = random.uniform(0.7, 1.5), random.uniform(1.2, 2.15), 0.34
        body = books(colour, room.number(), max(2, round(h / 0.38)))
    else:
        w, h, d = random.uniform(0.9, 1.6), random.uniform(0.65, 0.95), 0.45
        body = fronts(
            colour,
            int(random.integers(1, 4)),
            int(random.integers(2, 4)),
            knob,
            room.number(),
            True,
        )
    parts = [block(0, 0, d / 2, w, h, d, CABINET, body)]
    if kind == "dresser":
        parts.append(
            block(0, h, d / 2, w + 0.05, 0.04, d + 0.04, CABINET, wood(colour * 0.85), contact=0)
        )
    room.put(parts, (w, h, d), walls, tries=12)


def _sofa(
    room: Room, width: float, colour: Floats, walls: str
) -> tuple[float, float, float] | None:
    random = room.random
    fabric = cloth(
        colour,
        pick(random, FABRICS),
        int(random.random() < 0.2) * int(random.integers(1, 4)),
        room.number(),
    )
    h, d, arm = random.uniform(0.38, 0.46), random.uniform(0.85, 1.0), random.uniform(0.14, 0.24)
    back, side = random.uniform(0.78, 0.95), random.uniform(0.55, 0.68)
    parts = [
        block(0, 0.08, d / 2, width, h - 0.16, d, SEAT, fabric),
        block(0, 0.1, 0.13, width, back - 0.1, 0.24, SEAT, fabric),
        block(-width / 2 + arm / 2, 0.08, d / 2, arm, side - 0.08, d, SEAT, fabric),
        block(width / 2 - arm / 2, 0.08, d / 2, arm, side - 0.08, d, SEAT, fabric),
    ]
    seats = max(1, round((width - 2 * arm) / 0.7))
    each = (width - 2 * arm) / seats
    for k in range(seats):
        a = -width / 2 + arm + each * (k + 0.5)
        parts.append(
            block(
                a, h - 0.09, d / 2 + 0.12, each - 0.025, 0.14, d - 0.24, SEAT, fabric, contact=0.3
            )
        )
        parts.append(
            Solid("ball", (a, h + 0.24, 0.3), (each * 0.5, 0.24, 0.14), SEAT, fabric, contact=0.35)
        )
    for _ in range(int(random.integers(0, 3))):
        cushion = cloth(
            pick(random, FABRICS + " " + LINEN), pick(random, LINEN), int(random.integers(4))
        )
        a = random.uniform(-1, 1) * max(width / 2 - arm - 0.2, 0)
        parts.append(Solid("ball", (a, h + 0.2, 0.46), (0.23, 0.19, 0.11), SEAT, cushion))
    return room.put(parts, (width, back, d), walls, middle=True, tries=24, keep=0.7)


def _table(
    width: float, depth: float, height: float, top: Floats, z: float, kind: int
) -> list[Solid]:
    grain = wood(top)
    if kind == 1:  # round, on a column
        return [
            Solid("cone", (0, height - 0.02, z), (width / 2, 0.025, width / 2), TABLE, grain),
            Solid("cone", (0, height / 2 - 0.02, z), (0.07, height / 2 - 0.02, 0.07), TABLE, grain),
            Solid(
                "cone", (0, 0.02, z), (width * 0.28, 0.02, width * 0.28), TABLE, grain, taper=0.3
            ),
        ]
    return [block(0, height - 0.05, z, width, 0.05, depth, TABLE, grain)] + legs(
        width, depth, height - 0.05, z, TABLE, grain, 0.07
    )


def _chair(colour: Floats, seat: Floats, kind: int, back: float) -> list[Solid]:
    grain, soft = wood(colour), cloth(seat, seat, 0)
    parts = legs(0.44, 0.42, 0.44, 0, SEAT, grain, 0.045)
    parts.append(block(0, 0.43, 0, 0.45, 0.06, 0.45, SEAT, soft))
    if kind == 0:
        parts.append(block(0, 0.45, -0.2, 0.44, back, 0.05, SEAT, soft))
    elif kind == 1:
        parts.append(block(0, 0.45 + back * 0.55, -0.2, 0.44, back * 0.45, 0.04, SEAT, grain))
        for a in (-0.19, 0.0, 0.19):
            parts.append(block(a, 0.45, -0.2, 0.05, back * 0.7, 0.04, SEAT, grain, contact=0.2))
    return parts


def _bedroom(room: Room, lit: bool) -> None:
    random = room.random
    _bed(room, lit)
    _cabinet(room, "wardrobe" if random.random() < 0.7 else "dresser")
    if random.random() < 0.5:
        _cabinet(room, "dresser")
    if random.random() < 0.4:
        _picture(room)


def _living(room: Room, lit: bool) -> None:
    random = room.random
    colour = pick(random, FABRICS + " d8cfc0 8a8f98 b8aea0")
    width = random.uniform(1.6, 2.4)
    found = _sofa(room, width, colour, "0012")
    if found:
        x, z, turn = found
        cos, sin = math.cos(turn), math.sin(turn)
        reach = random.uniform(1.35, 1.6)
        tx, tz = x + reach * sin, z + reach * cos
        if random.random() < 0.8:
            _rug(room, tx, tz, turn, 1.15)
        kind = int(random.random() < 0.35)
        w = random.uniform(0.7, 0.95) if kind else random.uniform(0.8, 1.2)
        table = _table(
            w,
            w if kind else random.uniform(0.5, 0.7),
            random.uniform(0.36, 0.46),
            pick(random, WOODS),
            0,
            kind,
        )
        if room.free(tx - 0.35 * sin, tz - 0.35 * cos, turn, (w, 0.5, 0.7), 0):
            room.add(table, tx, 0, tz, turn)
        _picture(room, over=(x, z, turn, 1.3))
    if random.random() < 0.7:
        _sofa(
            room,
            random.uniform(0.8, 0.95),
            colour if random.random() < 0.5 else pick(random, FABRICS),
            "1122",
        )
    if random.random() < 0.6:  # a screen on a low cabinet
        wide = random.uniform(1.1, 1.6)
        low = pick(random, WOODS + " efe9dd 4a4e57")
        screen = paint(linear("15181c"), grain=0.1)
        w = random.uniform(0.8, 1.1)
        parts = [
            block(0, 0, 0.2, wide, 0.45, 0.4, CABINET, fronts(low, 3, 1, low * 0.5, 5, True)),
            block(0, 0.5, 0.2, w, w * 0.57, 0.05, PICTURE, screen),
            block(0, 0.45, 0.2, 0.25, 0.05, 0.15, PICTURE, screen),
        ]
        room.put(parts, (wide, 1.15, 0.42), "012")
    for _ in range(1 + int(random.integers(2))):
        _cabinet(room, "bookcase")
    spot = room.put(tall := _lamp(room, lit, True), (0.5, 1.8, 0.5), "012", tries=10)
    if spot and lit:
        x, z, turn = spot
        room.lamps.append(
            (x + 0.25 * math.sin(turn), tall[-1].centre[1], z + 0.25 * math.cos(turn), 0.9)
        )
    _picture(room)


def _kitchen(room: Room, lit: bool) -> None:
    random = room.random
    colour = pick(
        random,
        "efe9dd e6e6e2 8fa3a6 6d7f73 b9c4c0 c9d0c0 4f6d6b 9fb8c4 7f97a8",
    )
    knob = linear("d8d4cc") if random.random() < 0.5 else linear("3a3836")
    top = pick(random, "3a3836 d8d4cc c9a878 8a8f92 efece6 6b4f3a")
    steel = chrome(linear("b9bec2"))
    wall = int(random.integers(3))
    length = room.width if wall == 0 else min(room.depth - 0.9, random.uniform(2.4, 3.4))
    x, z, turn = room.foot(wall, 0.0 if wall == 0 else room.depth - length / 2)
    units = max(3, round(length / 0.6))
    each = length / units
    grain = random.random() < 0.4
    front = fronts(colour, 1, 1 + int(random.integers(2)), knob, room.number(), grain)
    order = random.permutation(units)
    stove, sink, fridge = (int(k) for k in order[:3])
    if random.random() < 0.6:
        fridge = 0 if random.random() < 0.5 else units - 1
    tall = random.uniform(1.7, 2.0)
    fridge_colour = pick(random, "e9eaea c3c8cb 2f3337 b5473c 9fb8ad")
    splash = tiles(
        pick(random, TILES + " 9fb8ad c96f5a 7f9fb5"),
        pick(random, TILES),
        linear("efece6"),
        room.number(),
        0.15,
        0.15 if random.random() < 0.5 else 0.075,
    )
    parts: list[Solid] = []
    upper = random.uniform(0.55, 0.75)
    for k in range(units):
        a = -length / 2 + each * (k + 0.5)
        if k == fridge:
            parts.append(
                block(
                    a,
                    0,
                    0.32,
                    each - 0.02,
                    tall,
                    0.64,
                    CABINET,
                    fronts(fridge_colour, 1, 2, linear("9a9a9a"), 1, False),
                )
            )
            continue
        if k == stove:
            parts.append(block(a, 0, 0.3, each - 0.01, 0.88, 0.6, CABINET, _oven(linear("c9cccf"))))
            parts.append(
                block(
                    a,
                    0.89,
                    0.3,
                    each - 0.06,
                    0.02,
                    0.5,
                    CABINET,
                    paint(linear("1d1f22")),
                    contact=0,
                )
            )
            if random.random() < 0.7:
                parts.append(
                    Solid(
                        "cone",
                        (a - 0.1, 0.99, 0.22),
                        (0.12, 0.08, 0.12),
                        CABINET,
                        paint(pick(random, FABRICS)),
                    )
                )
            if random.random() < 0.75:  # the hood
                parts.append(
                    Solid("cone", (a, 1.7, 0.25), (0.3, 0.12, 0.3), CABINET, steel, taper=0.6)
                )
                parts.append(block(a, 1.8, 0.2, 0.24, room.height - 1.8, 0.24, CABINET, steel))
            continue
        parts.append(block(a, 0.08, 0.29, each - 0.006, 0.78, 0.56, CABINET, front))
        px, pz = x + a * math.cos(turn), z - a * math.sin(turn)
        pane = any(math.hypot(px - v[0], pz - v[2]) < v[4] + 0.6 * each for v in room.windows)
        if k == sink:
            parts.append(block(a, 0.905, 0.32, each * 0.75, 0.015, 0.36, CABINET, steel, contact=0))
            parts.append(block(a, 0.9, 0.1, 0.035, 0.3, 0.035, CABINET, steel))
            parts.append(block(a, 1.19, 0.17, 0.035, 0.035, 0.2, CABINET, steel))
        if not pane and (random.random() < 0.62 and wall == 0 or random.random() < 0.4):
            parts.append(block(a, 1.45, 0.17, each - 0.006, upper, 0.34, CABINET, front))
    a0 = -length / 2 + each * (fridge + 1) if fridge == 0 else -length / 2
    a1 = length / 2 - each if fridge == units - 1 else length / 2
    parts.append(
        block(
            (a0 + a1) / 2,
            0.86,
            0.3,
            a1 - a0,
            0.045,
            0.62,
            CABINET,
            paint(top, grain=0.08),
            contact=0.3,
        )
    )
    parts.append(block(0, 0.9, 0.006, length, 0.5, 0.012, WALL, splash, contact=0, shadow=False))
    room.free(x, z, turn, (length, 1.0, 0.65), 0)
    room.add(parts, x, 0, z, turn)
    # an island or a small table with stools
    cx, cz = random.uniform(-0.5, 0.5), room.depth * random.uniform(0.45, 0.6)
    if random.random() < 0.3:
        w, d = random.uniform(0.8, 1.3), random.uniform(0.5, 0.7)
        yaw = random.choice([0.0, math.pi / 2]) + random.normal(0, 0.05)
        if random.random() < 0.85:
            island = [
                block(0, 0, 0, w, 0.86, d, CABINET, front),
                block(0, 0.86, 0, w + 0.12, 0.05, d + 0.12, TABLE, paint(top, grain=0.08)),
            ]
        else:
            island = _table(w, d, 0.76, pick(random, WOODS), 0, int(random.random() < 0.3))
        if room.free(cx, cz - 0.4, 0, (1.2, 1.0, 0.8), 0):
            room.add(island, cx, 0, cz, yaw)
            stool = pick(random, WOODS + " 33302c")
            for k in range(int(random.integers(1, 4))):
                a = (k - 1) * 0.55
                part = [
                    Solid("cone", (0, 0.62, 0), (0.17, 0.03, 0.17), SEAT, wood(stool)),
                    Solid(
                        "cone", (0, 0.3, 0), (0.14, 0.3, 0.14), SEAT, wood(stool * 0.8), taper=0.7
                    ),
                ]
                c = d / 2 + 0.3
                room.add(
                    part,
                    cx + a * math.cos(yaw) - c * math.sin(yaw),
                    0,
                    cz - a * math.sin(yaw) - c * math.cos(yaw),
                    0,
                )
            for a in (-0.3, 0.3) if random.random() < 0.5 else (0.0,):
                _ceiling_lamp(room, cx + a, cz, lit, random.uniform(0.7, 1.0))


def _oven(colour: Floats) -> Material:
    def material(s: Surface) -> Floats:
        w = 2 * s.solid.half[0]
        face = (s.axis == 2).astype(F32)
        glass = inside(s.u, 0.09, w - 0.09, s.pixel) * inside(s.v, 0.2, 0.58, s.pixel) * face
        handle = inside(s.u, 0.08, w - 0.08, s.pixel) * inside(s.v, 0.62, 0.655, s.pixel) * face
        knobs = seam(s.u + w / 8, w / 4, 0.06, s.pixel) * inside(s.v, 0.75, 0.81, s.pixel) * face
        out = blend(s.flat(colour), linear("1a1c20"), np.maximum(glass, knobs))
        return blend(out, linear("e6e8ea"), handle)

    return material


def _bathroom(room: Room, lit: bool) -> None:
    random = room.random
    white = chrome(pick(random, "f4f4f1 f1ece4 eef2f2 f4f4f1 e8dfd6", 0.02))
    water = paint(pick(random, "bfe0e4 d0e6e2"))
    d, w = random.uniform(0.7, 0.8), random.uniform(1.5, 1.75)
    side = chrome(pick(random, "f4f4f1 8fa3a6 6d7f73 c9b8a0")) if random.random() < 0.4 else white
    tub = [
        block(0, 0, d - 0.04, w, 0.56, 0.08, BATH, side),
        block(0, 0, 0.04, w, 0.56, 0.08, BATH, side),
        block(-w / 2 + 0.05, 0, d / 2, 0.1, 0.56, d, BATH, side),
        block(w / 2 - 0.05, 0, d / 2, 0.1, 0.56, d, BATH, side),
        block(0, 0, d / 2, w - 0.1, 0.3, d - 0.1, BATH, water if random.random() < 0.5 else white),
        block(w / 2 - 0.2, 0.56, 0.05, 0.05, 0.14, 0.05, BATH, chrome(linear("c3c8cb"))),
    ]
    room.put(tub, (w, 0.8, d), "0012", tries=30, keep=0.4)
    base = pick(random, WOODS + " e6e2da 8fa3a6 4a4e57")
    w = random.uniform(0.6, 1.1)
    basin = [
        block(
            0,
            0.2 if random.random() < 0.5 else 0,
            0.24,
            w,
            0.6,
            0.46,
            CABINET,
            fronts(base, 2, 1, linear("d8d4cc"), 2, True),
        ),
        block(0, 0.8, 0.24, w + 0.03, 0.06, 0.5, BATH, white),
        Solid("ball", (0, 0.88, 0.26), (0.24, 0.08, 0.18), BATH, white),
        block(0, 0.86, 0.07, 0.04, 0.2, 0.04, BATH, chrome(linear("b9bec2"))),
    ]
    wide, high = random.uniform(0.5, w), random.uniform(0.6, 0.9)
    frame = pick(random, "c3c8cb 2c2a28 c9b37a 8a5a34")
    basin.append(
        block(0, 1.18, 0.02, wide, high, 0.04, PICTURE, mirror(frame, room.number()), shadow=False)
    )
    if random.random() < 0.8:
        shade = lampshade(linear("fff0d8"), 2.6 if lit else 0.35)
        basin.append(
            block(0, 1.22 + high, 0.06, wide * 0.7, 0.09, 0.1, LAMP, shade, shadow=False, contact=0)
        )
    found = room.put(basin, (w + 0.1, 2.0, 0.52), "012", tries=24, keep=0.4)
    if found and lit:
        x, z, turn = found
        room.lamps.append((x + 0.15 * math.sin(turn), 2.0, z + 0.15 * math.cos(turn), 0.7))
    toilet = [
        block(0, 0.35, 0.1, 0.4, 0.5, 0.18, BATH, white),
        Solid("ball", (0, 0.36, 0.42), (0.21, 0.12, 0.27), BATH, white),
        Solid("cone", (0, 0.16, 0.38), (0.16, 0.18, 0.16), BATH, white, taper=-0.2),
        Solid("cone", (0, 0.44, 0.42), (0.2, 0.02, 0.2), BATH, white, contact=0.1),
    ]
    room.put(toilet, (0.5, 0.9, 0.7), "012", tries=20, keep=0.3)
    if random.random() < 0.7:
        towel = cloth(
            pick(random, FABRICS + " " + LINEN), pick(random, LINEN), int(random.integers(2))
        )
        h = random.uniform(0.5, 0.8)
        rail = [
            block(0, 0, 0.06, random.uniform(0.35, 0.5), h, 0.05, CABINET, towel),
            block(0, h, 0.05, 0.6, 0.03, 0.03, CABINET, chrome(linear("c3c8cb"))),
        ]
        room.put(rail, (0.6, h, 0.1), "012", 0.75, keep=0.3)
    if random.random() < 0.75:
        _rug(
            room,
            random.uniform(-0.4, 0.4),
            room.depth * random.uniform(0.4, 0.6),
            random.normal(0, 0.2),
            0.5,
        )


def _dining(room: Room, lit: bool) -> None:
    random = room.random
    kind = int(random.random() < 0.35)
    w = random.uniform(1.1, 1.4) if kind else random.uniform(1.3, 2.1)
    d = w if kind else random.uniform(0.8, 1.0)
    x, z = random.uniform(-0.4, 0.4), room.depth * random.uniform(0.5, 0.62)
    yaw = (math.pi / 2 if random.random() < 0.35 and not kind else 0.0) + random.normal(0, 0.08)
    if random.random() < 0.6:
        _rug(room, x, z, yaw, 1.5)
    room.free(x, z - 1.1, 0, (2.2, 1.2, 2.2), 0)
    top = pick(random, WOODS)
    table = _table(w, d, random.uniform(0.72, 0.78), top, 0, kind)
    if random.random() < 0.7:
        table.append(
            Solid(
                "ball",
                (random.uniform(-0.2, 0.2), 0.83, 0),
                (0.14, 0.07, 0.14),
                TABLE,
                paint(pick(random, FABRICS + " efece6")),
            )
        )
    room.add(table, x, 0, z, yaw)
    colour, seat = (
        (top if random.random() < 0.6 else pick(random, WOODS + " 2c2a28 e6e2da")),
        pick(random, FABRICS + " " + WOODS),
    )
    style, back = int(random.integers(2)), random.uniform(0.4, 0.58)
    spots: list[tuple[float, float, float]] = []
    if kind:
        n = int(random.integers(3, 6))
        first = random.uniform(0, 6.28)
        spots = [
            ((w / 2 + 0.18) * math.sin(t), (w / 2 + 0.18) * math.cos(t), t + math.pi)
            for t in (first + 2 * math.pi * k / n for k in range(n))
        ]
    else:
        n = 2 if w < 1.6 else 3
        for k in range(n):
            a = (k - (n - 1) / 2) * w / n
            spots += [(a, d / 2 + 0.2, math.pi), (a, -d / 2 - 0.2, 0.0)]
        if random.random() < 0.5:
            spots += [(w / 2 + 0.25, 0, -math.pi / 2), (-w / 2 - 0.25, 0, math.pi / 2)]
    cos, sin = math.cos(yaw), math.sin(yaw)
    for a, c, t in spots:
        if random.random() < 0.06:
            continue
        pull = 1 + 0.12 * random.random()
        chair = _chair(colour, seat, style, back)
        a, c = a * pull, c * pull
        room.add(
            chair, x + a * cos + c * sin, 0, z - a * sin + c * cos, t + yaw + random.normal(0, 0.08)
        )
    _ceiling_lamp(room, x, z, lit, random.uniform(0.7, 1.05))
    _cabinet(room, "dresser", "012")
    if random.random() < 0.5:
        _cabinet(room, "dresser")
    for _ in range(int(random.integers(1, 3))):
        _picture(room)


def _shell(room: Room, wall: int, floor: int) -> Solid:
    "Walls, floor and ceiling with their coverings."
    random, n = room.random, room.number()
    walls = pick(random, PAINTS if random.random() < 0.03 else USUAL[room.kind])
    second = walls * F32(random.choice([0.72, 1.18]))
    accent = pick(random, USUAL[room.kind]) if random.random() < 0.35 else walls
    white = pick(random, "f3f1ec f3f1ec efe9df e9e9e6", 0.02)
    period, dado = random.uniform(0.18, 0.4), random.uniform(0.8, 1.1)
    half = (room.width / 2, room.height / 2, (room.depth + 2.5) / 2)
    if wall == 5:
        size = float(random.choice([0.15, 0.2, 0.3]))
        cover = tiles(
            pick(random, "9fc0c4 a7c4b0 7f9fb5 8fb8b5 b4cdd6 c3d8d0 93b3c9"),
            pick(random, "ece9e4 e4e8e8 cfd6d6 dfe9ec"),
            linear("f0efec"),
            n,
            size,
            size * float(random.choice([0.5, 1.0])),
        )
        reach = float(random.choice([room.height, dado + 0.3, 2.0]))
    elif wall == 4:
        cover = bricks(
            pick(random, "a5573f 8f4a38 b8775c d8cfc4 9a6a55 b5ada2"), linear("c9bfae"), n
        )
    colour = pick(random, WOODS)
    if floor == 0:
        ground = planks(colour, n, random.uniform(0.12, 0.22), random.random() < 0.4)
    elif floor in (1, 2):
        a = pick(random, TILES)
        b = pick(random, "2f3337 6b4226 7f9fb5 8f9aa0 c77f62 5b7553") if floor == 2 else a
        ground = tiles(
            a,
            b,
            linear("8d8880") if floor == 1 else linear("c9c4ba"),
            n,
            random.uniform(0.28, 0.55),
        )
    elif floor == 3:
        ground = parquet(colour, n)
    else:
        ground = carpet(pick(random, CARPETS), n)
    skirt = white * 0.95 if random.random() < 0.7 else colour * 0.8

    def material(s: Surface) -> Floats:
        s.v = np.where(s.axis == 1, s.v, s.y + F32(half[1]))
        out = np.empty((len(s.x), 3), F32)
        s.labels = np.full(len(s.x), WALL, np.uint8)
        gloss = np.zeros(len(s.x), F32)
        base = (s.axis == 1) & (s.sign < 0)
        sky = (s.axis == 1) & (s.sign > 0)
        rest = ~base & ~sky
        s.labels[base], s.labels[sky] = FLOOR, CEILING
        out[sky] = white
        for mask, part in ((base, ground), (rest, None)):
            at = np.flatnonzero(mask)
            if not len(at):
                continue
            t = Surface(s.solid, s.x[at], s.y[at], s.z[at], s.pixel[at])
            t.u, t.v, t.axis = s.u[at], s.v[at], s.axis[at]
            if part is not None:
                out[at] = part(t)
                if t.gloss is not None:
                    gloss[at] = t.gloss
                continue
            main = np.where((t.axis == 2)[:, None], accent, walls).astype(F32)
            soft = 1 + 0.02 * noise(t.u * 20 + n % 97, t.v * 20)
            main = main * soft[:, None]
            fade = np.clip(1.5 - t.pixel / F32(0.08), 0.2, 1)
            if wall == 1:
                main = main * (1 - 0.22 * fade * seam(t.u, period, period / 2, t.pixel))[:, None]
            elif wall == 2:
                i = np.floor(t.v / period)
                u = t.u + np.mod(i, 2) * F32(period / 2)
                r = np.hypot(np.mod(u, period) - period / 2, np.mod(t.v, period) - period / 2)
                main = main * (1 - 0.3 * fade * line(r, period * 0.45, t.pixel))[:, None]
            elif wall == 3:
                groove = seam(t.u, 0.14, 0.015, t.pixel)
                low = inside(t.v, -1, dado, t.pixel)
                main = blend(main, second * (1 - 0.35 * groove)[:, None], low)
                main = blend(main, white, line(np.abs(t.v - dado), 0.06, t.pixel))
            elif wall == 4:
                main = np.where((t.axis == 2)[:, None] | (n % 2 == 0), cover(t), main)
            elif wall == 5:
                main = np.where((t.v < reach)[:, None], cover(t), main)
            if wall != 5:
                main = blend(main, skirt, inside(t.v, -1, 0.1, t.pixel))
            out[at] = main
        s.gloss = gloss
        return out

    return Solid("shell", (0, half[1], half[2] - 2.5), half, WALL, material)


def _furnish(random: np.random.Generator, kind: int, light: int) -> tuple[Room, int, int, bool]:
    "A room with its furniture, coverings and lamps."
    room = Room(random, kind)
    floor, wall = int(random.choice(5, p=FLOORS[kind])), int(random.choice(6, p=WALLS[kind]))
    room.solids.append(_shell(room, wall, floor))
    lit = light == 3 or (light == 2 and random.random() < 0.5)
    _windows(room, light)
    (_bedroom, _living, _kitchen, _bathroom, _dining)[kind](room, lit)
    if random.random() < 0.75:
        _door(room)
    if random.random() < 0.5 and kind in (0, 1, 3):
        x, z = random.uniform(-0.4, 0.4), room.depth * random.uniform(0.45, 0.65)
        _ceiling_lamp(room, x, z, lit, random.uniform(0.25, 0.6))
    if lit and not room.lamps:
        room.lamps.append((0.0, room.height - 0.3, room.depth * 0.5, 1.0))
    return room, floor, wall, lit


def _room(seed: int, number: int, size: int) -> dict[str, Any]:
    "One room."
    random = np.random.default_rng([seed, 11, number])
    kind, light = int(random.integers(5)), int(random.choice(4, p=[0.36, 0.24, 0.18, 0.22]))
    found = None
    for _ in range(6):  # until what makes the room fits in and is seen
        room, floor, wall, lit = _furnish(random, kind, light)
        aimed = _aim(room)
        if aimed and (found is None or aimed[1] > found[1]):
            found = (*aimed, room, floor, wall, lit)
        if found and found[1] > 0.7:
            break
    assert found is not None
    camera, _, room, floor, wall, lit = found
    view = View(room.solids, camera, size)
    image = _light_room(room, view, light, lit, random)
    side = view.side
    return {
        "images": tone(image.reshape(side, side, 3), size),
        "maps": vote(view.label, size, len(ROOMS_MAP)),
        "labels": kind,
        "light": light,
        "floor": floor,
        "wall": wall,
        "camera": (
            camera.place[1],
            camera.yaw,
            camera.pitch,
            math.degrees(2 * math.atan(camera.tangent)),
        ),
    }


def _aim(room: Room) -> tuple[Camera, float] | None:
    "Look at what makes the room what it is: the best of a few tries, and how much shows."
    random, u = room.random, room.random.uniform
    wanted = ((BED,), (SEAT,), (CABINET, TABLE), (BATH,), (TABLE, SEAT))[room.kind]
    goal = (0.17, 0.15, 0.26, 0.13, 0.17)[room.kind]
    keys = [s for s in room.solids if s.label in wanted and s.kind != "shell"]
    if not keys:
        return None
    weights = np.array([s.half[0] * s.half[1] * s.half[2] for s in keys]) + 1e-4
    spots = np.array([s.centre for s in keys])
    middle = (spots * weights[:, None]).sum(0) / weights.sum()
    is_key = np.array([s.label in wanted for s in room.solids])
    found, most = None, -1.0
    for _ in range(5):
        height, fov = u(1.15, 1.95), u(56, 76)
        aside = u(-0.4, 0.4) * room.width
        if abs(middle[0]) > 0.8:  # rather from the other side
            aside = -math.copysign(abs(aside), middle[0])
        ahead = middle[2] - u(1.9, 3.1)
        ahead = min(max(ahead, -1.5), room.depth - 2.2)
        yaw = math.atan2(middle[0] - aside, middle[2] - ahead) * u(0.55, 0.95) + random.normal(
            0, 0.07
        )
        pitch = (height - 1.1) * 0.24 + random.normal(0.03, 0.04)
        tangent = math.tan(math.radians(fov / 2))
        camera = Camera(
            (aside, height, ahead), float(np.clip(yaw, -0.75, 0.75)), pitch, tangent, 0.0
        )
        view = View(room.solids, camera, 24, glance=True)
        share = float(is_key[view.which].mean())
        if view.depth.min() < 0.75:  # something stands before the lens
            share *= 0.3
        if share > most:
            found, most = camera, share
        if share > goal:
            break
    assert found is not None
    return found, most / goal


def _light_room(
    room: Room, view: View, light: int, lit: bool, random: np.random.Generator
) -> Floats:
    "Light given back by every point a ray met."
    place, normal = view.place, view.normal
    near = view.contact(0.28)
    shade = np.ones_like(near)
    gaps = (
        place[0] + F32(room.width / 2),
        F32(room.width / 2) - place[0],
        place[1],
        F32(room.height) - place[1],
        F32(room.depth) - place[2],
    )
    faces = (normal[0], -normal[0], normal[1], -normal[1], -normal[2])
    for gap, face in zip(gaps, faces, strict=True):
        shade *= 1 - 0.33 * np.exp(-np.maximum(gap, 0) / F32(0.3)) * np.clip(1 - face, 0, 1)
    day = (linear("eef3ff"), linear("e6ecf5"), linear("ffd2a0"), linear("3a4a80"))[light]
    warm = linear("ffdcb0")
    floor = view.colour[view.label == FLOOR]
    bounce = floor.mean(0) if len(floor) else np.full(3, 0.4, F32)
    bounce = bounce / (bounce.mean() + 1e-6)
    bounce = 0.75 + 0.25 * bounce
    level = (0.32, 0.36, 0.24, 0.05)[light] + (0.14 if lit else 0)
    tint = blend(day[None], warm, np.full(1, 0.75 if lit and light == 3 else 0.35 * lit, F32))[0]
    up = normal[1]
    closed = near * shade
    ambient = (0.85 + 0.25 * up) * closed * F32(level)
    below = up < -0.3  # sees the floor
    lights = [
        (np.where(below, F32(0), ambient), tint.astype(F32)),
        (np.where(below, ambient, F32(0)), (tint * bounce).astype(F32)),
    ]
    a, b = view.pattern()
    strength = (3.4, 3.0, 1.9, 0.12)[light]
    by_day, by_lamp = np.zeros_like(near), np.zeros_like(near)
    largest = max(room.windows, key=lambda w: w[4] * w[5])[:3] if room.windows else None
    first = True
    soft = 0.45 + 0.55 * closed
    for x, y, z, turn, w, h in room.windows:
        cos, sin = math.cos(turn), math.sin(turn)
        out = (sin, cos)  # of the window's normal, in x and z
        lx = F32(x + 0.08 * out[0]) + F32(cos * w) * a
        lz = F32(z + 0.08 * out[1]) - F32(sin * w) * a
        to = [lx - place[0], F32(y) + F32(h) * b - place[1], lz - place[2]]
        square = to[0] ** 2 + to[1] ** 2 + to[2] ** 2
        r = np.sqrt(square)
        faced = (normal[0] * to[0] + normal[1] * to[1] + normal[2] * to[2]) / r
        leaving = -(out[0] * to[0] + out[1] * to[2]) / r
        gain = (
            np.maximum(faced * 0.8 + 0.2, 0) * np.maximum(leaving, 0) / (square + 0.4) * (4 * w * h)
        )
        if light != 3 and (x, y, z) == largest:
            at = np.flatnonzero(gain > 0.015)
            gain[at[view.blocked(at, [c[at] for c in to], 1.0)]] *= 0.12
        by_day += gain * F32(strength * 0.55)
    for x, y, z, power in room.lamps[:2]:
        to = [
            F32(x) + F32(0.12) * a - place[0],
            F32(y) + F32(0.1) * a * b - place[1],
            F32(z) + F32(0.12) * b - place[2],
        ]
        square = to[0] ** 2 + to[1] ** 2 + to[2] ** 2
        faced = (normal[0] * to[0] + normal[1] * to[1] + normal[2] * to[2]) / np.sqrt(square)
        gain = np.maximum(faced * 0.8 + 0.2, 0) / (square + 0.35) * power
        if first:
            at = np.flatnonzero(gain > 0.02)
            gain[at[view.blocked(at, [c[at] for c in to], 0.97)]] *= 0.2
            first = False
        by_lamp += gain * F32(1.9 if light == 3 else 0.8)
    lights.append((by_day * soft, day))
    if lit:
        lights.append((by_lamp * soft, warm))
    if light in (0, 2) and room.windows:
        sun = linear("fff3dc") * 5.5 if light == 0 else linear("ffa95c") * 4.5
        x, y, z, turn, w, h = room.windows[0]
        swing = turn + math.pi + random.uniform(-0.7, 0.7)
        rise = random.uniform(0.35, 0.9) if light == 0 else random.uniform(0.12, 0.3)
        sway = [math.sin(swing), rise, math.cos(swing)]
        sun_at = [
            F32(sway[0]) + F32(0.02) * a,
            F32(sway[1]) + F32(0.02) * b,
            np.full_like(a, sway[2]),
        ]
        faced = normal[0] * sun_at[0] + normal[1] * sun_at[1] + normal[2] * sun_at[2]
        patch = np.zeros_like(faced)
        for x, y, z, turn, w, h in room.windows:
            cos, sin = math.cos(turn), math.sin(turn)
            gone = sun_at[0] * F32(sin) + sun_at[2] * F32(cos)
            t = ((F32(x) - place[0]) * F32(sin) + (F32(z) - place[2]) * F32(cos)) / np.where(
                np.abs(gone) < 1e-3, F32(1e-3), gone
            )
            px, py, pz = (place[k] + t * sun_at[k] for k in range(3))
            across = (px - F32(x)) * F32(cos) - (pz - F32(z)) * F32(sin)
            through = (
                (t > 0.02)
                & (gone < -0.05)
                & (np.abs(across) < w - 0.05)
                & (np.abs(py - F32(y)) < h - 0.05)
            )
            pane = np.minimum(np.abs(across), np.abs(np.abs(across) - w)) > 0.03
            patch = np.maximum(patch, (through & pane).astype(F32))
        at = np.flatnonzero((patch > 0) & (faced > 0))
        if len(at):
            clear = ~view.blocked(at, [s[at] for s in sun_at], np.inf)
            gain = np.zeros_like(faced)
            gain[at] = faced[at] * clear
            lights.append((gain + gain.mean() * F32(1.5) * closed, sun))
    image = lit_by(view.colour, lights)
    # a trace of the windows on what shines
    shine = view.gloss * np.clip(normal[1], 0, 1)
    total = sum(amount * tint.mean() for amount, tint in lights)
    image += view.glow + lit_by(np.ones_like(image), [(shine * total * F32(0.25), day)])
    grey = np.minimum(image, 1.5).mean(dtype=np.float64)
    goal = (0.30, 0.27, 0.23, 0.15)[light]
    gain = F32(np.clip((goal / grey) ** 0.75, 0.4, 2.5))
    return (image * gain).astype(F32)


def _collect(
    make: Callable[[int, int, int], dict[str, Any]], seed: int, count: int, size: int
) -> Arrays:
    "Pictures 0 to count - 1, key by key."
    kinds = {"images": np.uint8, "maps": np.uint8, "target": np.uint8, "labels": np.int64}
    rows = [make(seed, number, size) for number in range(count)]
    out: Arrays = {}
    for key in rows[0]:
        stack = np.stack([np.asarray(row[key]) for row in rows])
        whole = np.issubdtype(stack.dtype, np.integer)
        out[key] = stack.astype(kinds.get(key, np.int64 if whole else np.float32))
    return out


def _check(count: int, size: int) -> None:
    if count < 1:
        raise ValueError(f"count is {count}; give 1 or more pictures")
    if not 16 <= size <= 256:
        raise ValueError(f"size is {size}; give a side between 16 and 256 pixels")


def make_rooms(seed: int, count: int = 2000, size: int = 64) -> Arrays:
    """Rooms in colour with label maps.

    images uint8 (n, h, w, 3); labels: kind of room, ROOMS_CLASSES; maps uint8 (n, h, w), ROOMS_MAP;
    light, ROOMS_LIGHT; floor, ROOMS_FLOOR; wall, ROOMS_WALL; camera float32 (n, 4): height in
    metres, turn and tilt in radians, field of view in degrees.
    """
    _check(count, size)
    return _collect(_room, seed, count, size)


# ---------------------------------------------------------------------------------------------
# Landscapes
# ---------------------------------------------------------------------------------------------

LANDSCAPES_CLASSES = ("spring", "summer", "autumn", "winter")
LANDSCAPES_MAP = (
    "sky",
    "mountain",
    "meadow",
    "field",
    "tree",
    "water",
    "sand",
    "path",
    "rock",
    "house",
)
LANDSCAPES_LIGHT = ("day", "dusk", "night")
LANDSCAPES_KIND = ("lake", "hills", "coast", "river", "fields", "forest")

SKY, MOUNTAIN, MEADOW, FIELD, TREE, WATER, SAND, PATH, ROCK, HOUSE = range(10)

# by season: spring, summer, autumn, winter
GRASS = (
    "a8bd48 b3c95a 9cb640 adc355",
    "40703a 4b7b42 38673a 557f48",
    "a39149 94803f b09a55 8a7d45",
    "e4eaf2 dde5ef eaeef4 d9e2ee",
)
LEAVES = (
    "a3c252 b0ca60 e8b3c6 eecbd6 f0e4e6 e5a9c4",
    "3f6f2f 4a7d35 35632c 56843a 2f5a2e",
    "c9682a d98f2f b8472a e0b23f a3542c cf7f2c 8f6f35",
    "6f6259 7d7068 62574f 8a7f7a",
)
CONIFERS = (
    "4f8048 57894c 467a45",
    "284d32 2f5538 23452b",
    "33563a 3d5f3c 2d4d35",
    "5a7466 6d8578 4c665c",
)
CROPS = (
    "7fb04a 93ad45 e2d24a 6aa04a b3b85a",
    "d3bd5c 5f8a3a 4f7a3c 6d913f 568045",
    "8a6a48 a98a5a 7d6a3f 9a7f50 b59a5f",
    "dfe6ef d2dbe6 e6ebf2 c9cfd6",
)
STONES = ("8d8378 7f7a75 9a8a78 857d7d 6f6a68",) * 3 + ("8f9096 85868c 9a9aa0",)


class Land:
    "A landscape by lot: heights, water, woods, fields; nothing here depends on the light."

    def __init__(self, random: np.random.Generator, season: int):
        self.season = season
        self.kind = kind = int(random.integers(6))
        u = random.uniform
        self.offset = [random.uniform(0, 256, 2) for _ in range(8)]
        self.number = int(random.integers(1 << 20))
        self.hill = (u(8, 30), u(12, 45), u(6, 22), u(8, 26), u(5, 20), u(8, 35))[kind]
        self.mountains = (
            u(350, 1100) if random.random() < (0.85, 0.6, 0.45, 0.75, 0.45, 0.6)[kind] else 0.0
        )
        self.ridge = random.random() < 0.6
        self.start, self.rise = u(900, 1800), u(1200, 2400)
        self.grade = u(-0.015, 0.02)
        self.lake = (u(25, 70), u(160, 700)) if kind == 0 else None
        self.dip = self.hill * 1.2 + u(4, 12)
        self.side, self.shore, self.bay = int(random.choice([-1, 1])), u(-40, 6), u(10, 40)
        self.bend = (u(0.006, 0.02), u(0, 6.28), u(8, 40), u(-0.2, 0.2), u(-12, 12))
        if kind == 3:  # the camera stands on a bank
            a, b, c, d, _ = self.bend
            bank = self.side * u(11, 24)
            self.bend = (a, b, c, d, bank - c * math.sin(12 * a + b) - 12 * d)
        self.river = u(6, 14)
        self.water = {0: -self.dip * 0.55, 2: 0.0, 3: -2.5}.get(kind, -1e4)
        self.sandy = random.random() < (0.5, 0, 0.85, 0.3, 0, 0)[kind]
        self.beach = u(0.4, 1.1)
        self.woods = (u(0.0, 1.2), u(-0.2, 1.3), u(0.4, 1.8), u(0, 1.2), u(0.5, 1.6), u(-0.8, 0.2))[
            kind
        ]
        self.high = u(9, 17)
        self.conifer = float(np.clip(random.choice([u(0, 0.25), u(0.3, 0.7), u(0.75, 1)]), 0, 1))
        self.path = random.random() < (0.35, 0.5, 0.35, 0.25, 0.6, 0.55)[kind]
        self.track = (u(0.008, 0.03), u(0, 6.28), u(1.5, 9), u(-0.35, 0.35), u(-3, 3), u(0.8, 1.7))
        self.farmed = kind == 4 or (kind == 1 and random.random() < 0.4)
        self.plot = (
            u(40, 110),
            u(50, 130),
            u(-0.7, 0.7),
            u(0.2, 0.35) if kind == 1 else u(0.62, 0.95),
        )
        self.stony = u(0.0, 1.0)
        self.tangent = math.tan(math.radians(u(44, 70) / 2))
        self.horizon = u(0.3, 0.58)  # share of the picture above it
        # colours
        self.grass, self.second = pick(random, GRASS[season]), pick(random, GRASS[season])
        self.leaf = [pick(random, LEAVES[season], 0.05) for _ in range(4)]
        self.needle = [pick(random, CONIFERS[season], 0.05) for _ in range(2)]
        self.crops = np.stack([pick(random, CROPS[season]) for _ in range(4)])
        self.stone, self.far = (
            pick(random, STONES[season]),
            pick(random, "6f7488 7d7468 66707a 8a7a70"),
        )
        self.earth = pick(
            random, "b39a74 a58a66 c2ab86 9a8468" if season < 3 else "c4c4c4 b5b0aa d2d2d4"
        )
        self.beach_colour = pick(
            random, "e3cfa3 d9c08f cfbb98 e8dabb" if season < 3 else "dcd9d2 cfcac0"
        )
        self.deep = pick(random, "2f6f8f 2a5f7a 3f7f8a 35607f 2f7a8f")
        self.flowers = pick(random, "f2d94a f4f1ea e88fb0 b58fe0") if season == 0 else None
        self.snowline = (u(350, 650), u(650, 1300), u(450, 900), u(-200, 120))[season]
        near = np.linspace(3, 45, 24, dtype=F32)
        x = np.linspace(-0.5, 0.5, 9, dtype=F32)[:, None] * near * F32(self.tangent)
        ground = self.height(x, np.broadcast_to(near, x.shape))
        self.eye = (
            max(float(ground.max()), self.water) + u(2.2, 4.5) + float(random.choice([0, u(2, 14)]))
        )
        self.trees = self._plant(random)
        self.house = self._build(random)

    def centre(self, z: Floats) -> Floats:
        "Where the river runs."
        a, b, c, d, e = self.bend
        return F32(c) * np.sin(F32(a) * z + F32(b)) + F32(d) * z + F32(e)

    def way(self, z: Floats) -> Floats:
        "Where the path runs."
        a, b, c, d, e, _ = self.track
        return F32(c) * np.sin(F32(a) * z + F32(b)) + F32(d) * z + F32(e)

    def height(self, x: Floats, z: Floats) -> Floats:
        "Metres above zero of the bare ground."
        o = self.offset
        n = noise(x / 7 + F32(o[0][0]), z / 7 + F32(o[0][1]))
        swell = noise(x / 30 + F32(o[1][0]), z / 30 + F32(o[1][1]))
        ramp = np.clip(z / 160, 0.08, 1)
        h = F32(self.hill) * ramp * (0.45 * n + 0.55 * swell) + F32(self.grade) * z
        if self.kind == 0 and self.lake:
            near, far = self.lake
            bowl = smooth(z, near * 0.5, near * 1.4) * (1 - smooth(z, far, far * 1.7))
            h = h * (1 - 0.75 * bowl) - F32(self.dip) * bowl
        elif self.kind == 2:
            edge = (
                F32(self.side) * x
                + F32(self.bay) * noise(z / 9 + F32(o[2][0]), 0 * z)
                - F32(self.shore)
                + 0.12 * z
            )
            h = np.maximum(h, -1) * smooth(edge, -15, 60) + np.clip(edge * 0.06, -12, 2.2)
        elif self.kind == 3:
            gap = np.abs(x - self.centre(z)) / F32(self.river)
            h = h * smooth(gap, 0.8, 6) - 4.5 * (1 - smooth(gap, 0.7, 1.5)) + 0.2
            h = np.where(gap > 1.6, np.maximum(h, -2.2), h)
        if self.mountains:
            m = noise(x / 42 + F32(o[3][0]), z / 42 + F32(o[3][1]))
            m = 1.25 - 0.9 * np.abs(m) if self.ridge else 0.55 + 0.5 * m
            fine = noise(x / 11 + F32(o[4][0]), z / 11)
            m = np.maximum(m + 0.1 * fine, 0)
            far = smooth(z, self.start, self.start + self.rise)
            valley = 0.35 + 0.65 * smooth(np.abs(x / z - F32(0.1 * self.side)), 0.0, 0.45)
            h = h + F32(self.mountains) * far * m * valley
        return h

    def wooded(self, x: Floats, z: Floats) -> Floats:
        "Is there forest, from 0 to 1?"
        n = noise(x / 8 + F32(self.offset[5][0]), z / 8 + F32(self.offset[5][1]))
        return smooth(n, self.woods, self.woods + 0.18)

    def _plant(self, random: np.random.Generator) -> list[tuple[float, ...]]:
        "Single trees: x, z, height, conifer?, colour, number."
        dense = (
            random.choice([0.15, 0.5, 1.0], p=[0.3, 0.4, 0.3]) * (1, 1, 0.6, 1, 0.7, 1.8)[self.kind]
        )
        count = int(46 * dense)
        z = 17 * (260 / 17) ** random.uniform(0, 1, 48) ** 0.75
        x = random.uniform(-1.1, 1.1, 48) * z * self.tangent
        more = random.uniform(0, 1, (48, 4))
        z, x = z[:count].astype(F32), x[:count].astype(F32)
        h = self.height(x, z)
        clear = (h > self.water + 0.7) & (np.abs(x - self.way(z)) > 3.0 if self.path else True)
        clear &= (np.abs(x / z) > 0.2 * self.tangent) | (z > 45)
        if self.farmed:
            clear &= self.fields(x, z)[0] < 0
        if self.sandy:
            clear &= h > self.water + self.beach + 0.5
        out = []
        for k in np.flatnonzero(clear):
            conifer = more[k, 0] < self.conifer
            tall = (8 + 9 * more[k, 1]) if conifer else (5.5 + 7 * more[k, 1])
            tall = min(tall, z[k] * self.tangent * (0.75 + 0.5 * more[k, 3]))
            out.append((float(x[k]), float(z[k]), float(h[k]), tall, conifer, more[k, 2], k))
        for k in range(int(random.choice([0, 4, 12, 20]))):
            far, aside, *rest = random.uniform(0, 1, 5)
            zb = 8 * 9**far
            xb = (2 * aside - 1) * zb * self.tangent
            at = np.array([xb], F32), np.array([zb], F32)
            hb = float(self.height(*at)[0])
            lane = abs(xb - float(self.way(at[1])[0])) < 2.5 and self.path
            field = self.farmed and float(self.fields(*at)[0][0]) >= 0
            if lane or field or hb < self.water + (self.beach + 0.3 if self.sandy else 0.3):
                continue
            out.append((xb, zb, hb, 0.6 + 1.3 * rest[0], False, rest[1] * 0.7, 100 + k))
        return sorted(out, key=lambda tree: -tree[1])

    def _build(self, random: np.random.Generator) -> tuple[float, ...] | None:
        "A house: x, z, ground, width, height, turn, colours."
        wanted = random.random() < (0.3, 0.35, 0.25, 0.3, 0.5, 0.2)[self.kind]
        z = random.uniform(28, 95)
        x = random.uniform(-0.65, 0.65) * z * self.tangent
        rest = random.uniform(0, 1, 4)
        walls = "efe6d6 d9c9ad 8a5a34 b5473c e9e4da a97b58 7d8a93"
        wall = pick(random, walls if self.season < 3 else "8a5a34 b5473c a97b58 6f7d88 c9a46f")
        roof = (
            pick(random, "a3503a 8a4434 55504d 6f5a48 7a4a3a")
            if self.season < 3
            else linear("e2e8f0")
        )
        h = self.height(np.array([x], F32), np.array([z], F32))[0]
        row = self.horizon + (self.eye - float(h)) / z / (2 * self.tangent)
        level = self.height(x + np.linspace(-5, 5, 5, dtype=F32), np.full(5, z, F32))
        path = np.linspace(0.15, 0.9, 12, dtype=F32)
        over = self.eye + (float(h) + 0.5 - self.eye) * path - self.height(x * path, z * path)
        if over.min() < 0:  # behind a hill
            return None
        if not wanted or level.min() < self.water + 0.6 or row > 0.92:
            return None
        return x, z, float(h), 6 + 4 * rest[0], 3.2 + 1.2 * rest[1], rest[2], wall, roof

    def fields(self, x: Floats, z: Floats) -> tuple[Any, Any]:
        "Number of the field (-1: none) and a place across its furrows."
        a, b, turn, share = self.plot
        cos, sin = F32(math.cos(turn)), F32(math.sin(turn))
        wave = 9 * noise(x / 12 + F32(self.offset[6][0]), z / 12)
        u, v = (x * cos - z * sin + wave) / F32(a), (x * sin + z * cos + wave) / F32(b)
        i, j = np.floor(u), np.floor(v)
        there = (cells(i, j, self.number) < share) & (z < 1500)
        hedge = np.minimum(np.abs(u - np.round(u)) * a, np.abs(v - np.round(v)) * b) > 1.6
        return np.where(there & hedge, np.floor(cells(i, j, self.number + 1) * 4), -1), u * a


class Weather:
    "Sun or moon, sky and mist."

    def __init__(
        self,
        random: np.random.Generator,
        light: int,
        season: int,
        behind: bool = False,  # the sun shines from behind the camera
        grey: bool = False,  # overcast
    ):
        u = random.uniform
        self.light, self.season = light, season
        self.angle = u(-2.4, 2.4)  # of the sun, 0 ahead
        if behind:
            self.angle = random.choice([-1, 1]) * u(1.75, 2.9)
        self.rise = (u(0.45, 1.1), u(0.06, 0.16), u(0.2, 0.6))[light]
        self.cover = u(-0.6, 1.9) if light == 0 else u(-0.2, 1.8)
        if behind and light == 0:
            self.cover = u(-1.2, -0.5) if grey else u(0.3, 1.9)
        self.thick, self.drift = u(7, 15), random.uniform(0, 256, 2)
        self.stars = int(random.integers(1 << 20))
        self.mist = math.exp(u(math.log(2300), math.log(9000)))
        top, low, sun, fill = (
            (
                pick(random, "3f7fc4 4f8fd0 5b95c9 6f9fc4 3a74b8"),
                pick(random, "cfe3f0 dbe8ee d3e2ea"),
                linear("fff3dd") * 2.3,
                linear("a9c4e6") * 0.62,
            ),
            (
                pick(random, "4a5f9a 5a5f95 6f6fa0 3f5488"),
                pick(random, "ffb066 ff9a6b f7b98a ffc27a"),
                linear("ffd2ae") * 1.7,
                linear("a3a6be") * 0.65,
            ),
            (
                pick(random, "0a1230 0d1838 101a3a"),
                pick(random, "24365f 2a3a63 1f3058"),
                linear("bccbee") * 0.62,
                linear("566894") * 0.42,
            ),
        )[light]
        self.top, self.low, self.sun, self.fill = top, low, sun, fill
        grey = 0.5 * smooth(np.array([-self.cover]), -0.2, 0.6)[0] if light == 0 else 0.0
        self.top = self.top * (1 - grey) + linear("a9b4bf") * grey
        self.sun = self.sun * F32(1 - 0.8 * grey)
        self.fill = self.fill * F32(1 + 0.8 * grey)
        if light == 1 and not behind:
            self.angle = u(-0.7, 0.7) if random.random() < 0.6 else self.angle
        if light == 2 and not behind:
            self.angle = u(-0.6, 0.6) if random.random() < 0.7 else self.angle
        cos = math.cos(math.atan(self.rise))
        self.towards = (
            math.sin(self.angle) * cos,
            math.sin(math.atan(self.rise)),
            math.cos(self.angle) * cos,
        )

    def sky(self, a: Floats, e: Floats) -> Floats:
        "Light from the sky at tangents of azimuth and elevation."
        e = np.maximum(e, 0)
        out = blend(
            self.low[None, None], self.top, 1 - np.exp(-e * F32(3.0 if self.light != 1 else 2.3))
        )
        dx, dy = a - F32(math.tan(np.clip(self.angle, -1.2, 1.2))), e - F32(self.rise)
        ahead = abs(self.angle) < 1.2
        r = np.sqrt(dx * dx + dy * dy)
        if self.light == 2:
            i, j = np.floor(a * 105), np.floor(e * 105)
            there = cells(i, j, self.stars) > 0.975
            bright = cells(i, j, self.stars + 1)
            near = np.hypot(a * 105 - i - 0.5, e * 105 - j - 0.5) < 0.42
            out += ((there & near) * bright**2)[..., None] * linear("dfe8ff") * 0.9
            if ahead:
                disc = np.clip((0.055 - r) * 150, 0, 1)
                face = 0.85 + 0.12 * noise(a * 160, e * 160)
                out = blend(out, linear("f4f0dc") * 1.2, disc * np.clip(face, 0, 1))
                out += np.exp(-r * 7)[..., None] * linear("7f95d0") * 0.22
        elif ahead:
            glow = linear("fff0cf") if self.light == 0 else linear("ffc070")
            out += (np.exp(-r * 5) * (0.35 if self.light == 0 else 0.75))[..., None] * glow
            out += np.clip((0.045 - r) * 120, 0, 1)[..., None] * glow * 4
        if self.light == 1 and not ahead:
            out = blend(out, linear("d9a0b0"), np.exp(-e * 5) * 0.4)
        s = F32(self.thick)
        u, v = (
            a / (e + F32(0.16)) * s + F32(self.drift[0]),
            s * F32(1.6) / (e + F32(0.16)) + F32(self.drift[1]),
        )
        n = noise(u, v) + 0.25 * noise(u * 3, v * 3, "rough")
        lit = noise(u + F32(self.towards[0] * 4), v - 3.0)
        cloud = smooth(n, self.cover - 0.2, self.cover + 0.9) * smooth(e, 0.0, 0.12)
        light, dark = (
            (linear("ffffff") * 1.25, linear("a3b0c0")),
            (linear("ffc09a") * 1.1, linear("8a6f95")),
            (linear("5a6a95") * 0.8, linear("141c38")),
        )[self.light]
        tint = blend(
            dark[None, None],
            light,
            np.clip(0.62 + 0.5 * (lit - n) + 0.25 * (n - max(self.cover, 0.0)), 0, 1) * 1.0,
        )
        return blend(out, tint, np.clip(cloud * 0.94, 0, 1))


def _march(land: Land, side: int) -> dict[str, Any]:
    "What each ray meets: depth (0: sky), place, height, and the slope of the ground there."
    f = side / 2 / land.tangent
    row0 = land.horizon * side
    z = (2.2 * (9000 / 2.2) ** (np.arange(250) / 249)).astype(F32)[:, None]
    a = (((np.arange(side) + 0.5) / side * 2 - 1) * land.tangent).astype(F32)[None]
    x, z = a * z, np.broadcast_to(z, (250, side))
    bare = land.height(x, z)
    canopy = land.wooded(x, z) * smooth(z, 55, 95) * (1 - smooth(z, 1800, 2600))
    canopy *= (bare > land.water + 1.2).astype(F32)
    if land.path:
        canopy *= (np.abs(x - land.way(z)) > 3.5).astype(F32)
    if land.farmed:
        canopy *= (land.fields(x, z)[0] < 0).astype(F32)
    bump = noise(x / 2.2 + F32(land.offset[7][0]), z / 2.2, "rough")
    spike = 0.16 + 0.16 * land.conifer
    top = np.maximum(bare, F32(land.water)) + canopy * F32(land.high) * (0.8 + F32(spike) * bump)
    rows = F32(row0) - (top - F32(land.eye)) / z * F32(f)
    low = np.minimum.accumulate(rows, 0)
    first = np.clip(np.ceil(low - 0.5), 0, side).astype(np.int64)
    flat = first * side + np.arange(side)
    seen = np.bincount(flat.ravel(), minlength=(side + 1) * side).reshape(side + 1, side)
    step = 250 - np.cumsum(seen, 0)[:side]  # first step that covers each pixel
    sky = step >= 250
    k = np.clip(step, 1, 249)
    column = np.broadcast_to(np.arange(side), (side, side))
    before, after = rows[k - 1, column], rows[k, column]
    middle = (np.arange(side, dtype=F32) + F32(0.5))[:, None]
    share = np.clip((before - middle) / np.where(before == after, F32(1), before - after), 0, 1)
    share = np.where(step == 0, F32(0), share)

    def at(grid: Floats) -> Floats:
        return grid[k - 1, column] * (1 - share) + grid[k, column] * share

    zs = z[:, 0]
    east = np.gradient(top, axis=1) / ((a[0, 1] - a[0, 0]) * z)
    north = np.gradient(top, axis=0) / np.gradient(zs)[:, None]
    depth = at(z)
    return {
        "sky": sky,
        "depth": np.where(sky, F32(1e6), depth),
        "x": a * depth,
        "bare": at(bare),
        "top": at(top),
        "canopy": at(canopy),
        "east": at(east),
        "north": at(north),
        "f": f,
        "row0": row0,
        "a": np.broadcast_to(a, (side, side)),
        "e": (F32(row0) - np.broadcast_to(middle, (side, side))) / F32(f),
    }


def _cover(land: Land, m: dict[str, Any]) -> tuple[Floats, NDArray[np.uint8]]:
    "Colour and label of the ground that each ray meets."
    x, z, bare = m["x"], np.minimum(m["depth"], F32(9000)), m["bare"]
    pixel = z / F32(m["f"] / SAMPLES)  # metres a pixel of the picture covers
    side = x.shape[0]
    label = np.full((side, side), MEADOW, np.uint8)

    def grain(scale: float, kind: str, tall: float = 1.0) -> Floats:
        "Noise of so many metres a texel, gone where a pixel covers more."
        n = noise(x / F32(scale) + F32(land.number % 241), z / F32(scale * tall) + 17, kind)
        return n * np.clip(1.6 - pixel / F32(scale * (3 if kind != "grain" else 2)), 0, 1)

    patches = noise(x / 3 + F32(land.offset[6][1]), z / 3)
    colour = blend(land.grass[None, None], land.second, np.clip(0.5 + 0.45 * patches, 0, 1))
    winter = land.season == 3
    tuft = grain(0.045, "grain", 0.6) + grain(0.16, "grain", 0.7) + 0.9 * grain(0.6, "grain", 0.7)
    tuft = tuft + 0.6 * grain(0.3, "rough") + 0.5 * grain(2.2, "rough")
    colour = colour * np.exp(tuft * F32(0.09 if winter else 0.2))[..., None]
    if winter:  # blades through the snow
        bare_patch = smooth(patches + 0.5 * tuft, 1.3, 2.2) * np.clip(2 - z / 60, 0.15, 1)
        colour = blend(colour, linear("9a8f6f"), bare_patch * 0.6)
    if land.flowers is not None:
        drifts = smooth(noise(x / 1.9 + 50, z / 1.9), 0.1, 1.2) * np.clip(1 - z / 900, 0, 1)
        colour = blend(colour, land.flowers, 0.55 * drifts)  # too small to be told apart
        i, j = np.floor(x / 0.22), np.floor(z / 0.55)
        bloom = (cells(i, j, land.number) > 0.8) * smooth(noise(x / 1.3, z / 1.3), -0.4, 0.8)
        colour = blend(
            colour, land.flowers, np.clip(bloom * np.clip(1.8 - z / 40, 0.25, 1) * 0.9, 0, 1)
        )
    if land.farmed:
        field, across = land.fields(x, z)
        there = field >= 0
        crop = land.crops[np.maximum(field, 0).astype(int)]
        period = 1.3 + 0.5 * field
        furrow = np.sin(across * (6.283 / period)) * np.clip(1.4 - pixel / 0.7, 0, 1)
        crop = crop * np.exp(0.16 * furrow + 0.14 * tuft)[..., None]
        colour = np.where(there[..., None], crop, colour)
        label[there] = FIELD
    steep = np.hypot(m["east"], m["north"]) * (m["canopy"] < 0.05)
    rough = noise(x / 1.1 + 91, z / 1.1, "rough")
    rock = (smooth(steep + 0.12 * rough, 0.62 - 0.3 * land.stony, 0.8 - 0.3 * land.stony) > 0.5) & (
        z < 1400
    )
    stone = land.stone * np.exp(0.2 * rough + 0.2 * grain(0.3, "rough"))[..., None]
    colour = np.where(rock[..., None], stone, colour)
    label[rock] = ROCK
    if land.path:
        wide = land.track[5] * (1 + 0.12 * noise(z / 1.5, 0 * z))
        off = np.abs(x - land.way(z))
        lane = np.clip((wide - off) / np.maximum(pixel, 0.15) + 0.5, 0, 1) * (z < 900)
        earth = (
            land.earth * np.exp(0.14 * grain(0.25, "rough") + 0.1 * grain(1.0, "cloud"))[..., None]
        )
        strip = line(off, land.track[5] * 0.5, pixel + 0.05) * 0.5
        colour = blend(colour, blend(earth, colour, strip), lane)
        label[lane > 0.5] = PATH
    above = bare - F32(land.water)
    if land.sandy or land.kind in (0, 2, 3):
        reach = land.beach if land.sandy else 0.35
        wet = (above < reach + 0.25 * patches * land.sandy) & (z < 2500)
        sand = (land.beach_colour if land.sandy else land.earth * 0.8) * np.exp(
            0.08 * grain(0.2, "rough") + 0.07 * grain(1.5, "cloud")
        )[..., None]
        sand = sand * (0.62 + 0.38 * smooth(above, 0.0, 0.45))[..., None]
        colour = np.where(wet[..., None], sand, colour)
        label[wet] = SAND
    if land.mountains:
        lift = smooth(z, land.start + 0.1 * land.rise, land.start + 0.45 * land.rise)
        high = (lift > 0.5) & (m["canopy"] < 0.3)
        jag = noise(x / 16 + 7, z / 16 + m["top"] / 16, "rough")
        fold = noise(x / 5, z / 5 + m["top"] / 9, "rough")
        green = land.leaf[1] * (1 - land.conifer) + land.needle[0] * land.conifer
        if winter:
            green = land.needle[0] * 0.9
        slope = land.far * np.exp(0.22 * jag + 0.16 * fold)[..., None]
        level = m["top"] + 70 * jag + 40 * fold
        slope = blend(green * 0.75 * np.exp(0.18 * fold)[..., None], slope, smooth(level, 120, 420))
        snow = smooth(level - 60 * (steep - 0.8), land.snowline, land.snowline + 130)
        slope = blend(slope, linear("eef3fa"), snow * 0.96)
        colour = np.where(high[..., None], slope, colour)
        label[high] = MOUNTAIN
    forest = m["canopy"] > 0.3
    if forest.any():
        lump = noise(x / 1.6 + 3, z / 1.6 + m["top"] / 1.2, "rough")
        fine = noise(x / 0.6, m["top"] / 0.9 + z / 0.7, "rough")
        kind = (
            noise(x / 4 + F32(land.offset[7][1]), z / 4, "rough") * 0.7 + (land.conifer - 0.5) * 4
        )
        share = np.clip(0.5 + 0.5 * lump, 0, 0.999)
        broad = np.stack(land.leaf)[(share * 4).astype(int)]
        needle = np.stack(land.needle)[(share * 2).astype(int)]
        tree = np.where((kind > 0)[..., None], needle, broad)
        tree = tree * np.exp(0.3 * lump + 0.28 * fine - 0.12)[..., None]
        rising = (m["top"] - bare) / F32(land.high)
        tree = tree * np.clip(0.42 + 0.75 * rising, 0.35, 1.1)[..., None]
        if winter:
            tree = blend(tree, linear("e6ecf4"), smooth(lump + 0.6 * fine, 0.1, 1.5) * 0.75)
        colour = np.where(forest[..., None], tree, colour)
        label[forest] = TREE
    label[above < 0] = WATER
    label[m["sky"]] = SKY
    return colour.astype(F32), label


def _sprite(
    land: Land, tree: tuple[float, ...], m: dict[str, Any], side: int
) -> tuple[Any, ...] | None:
    "Rows and columns, coverage, colour before light, and a normal's two parts, of one tree."
    x, z, ground, tall, conifer, shade, number = tree
    scale, bush = m["f"] / z, number >= 100
    foot = m["row0"] - (ground - land.eye) * scale
    column = side / 2 + x * scale
    high = tall * scale
    wide = high * ((0.21 + 0.08 * shade) if conifer else (0.36 + 0.14 * shade))
    if bush:
        wide, foot = wide * 1.9, foot + 0.35 * high
    top, bottom = max(int(foot - high * 1.04), 0), min(int(foot + 0.02 * high) + 1, side)
    left, right = max(int(column - wide * 1.15), 0), min(int(column + wide * 1.15) + 2, side)
    if top >= bottom or left >= right or high < 2:
        return None
    part = slice(top, bottom), slice(left, right)
    v = ((foot - (np.arange(top, bottom, dtype=F32) + 0.5)) / high).astype(F32)[:, None]
    u = (((np.arange(left, right, dtype=F32) + 0.5) - column) / wide).astype(F32)[None]
    u, v = np.broadcast_arrays(u, v)
    own = F32(29 * number + land.number % 101)
    metres = tall * 1.0
    rough = noise(u * F32(wide / scale * 2.2) + own, v * F32(metres * 2.2) + own, "rough")
    fine = noise(u * F32(wide / scale * 5) + own, v * F32(metres * 5), "rough")
    winter = land.season == 3
    trunk = (
        (np.abs(u) < (0.07 if conifer else 0.075 - 0.03 * v))
        & (v < (0.16 if conifer else 0.55))
        & (v > -0.02)
    )
    bark = linear("5a4636") if shade < 0.8 else linear("b9b2a6")
    if conifer:
        sag = v + 0.09 * np.abs(u) + F32(0.012) * rough
        layer = np.mod(sag * F32(7 + 4 * shade) + 0.15 * u, 1)
        reach = np.clip(1.02 - v, 0, 1) ** F32(0.85 + 0.3 * shade) * smooth(v, 0.05, 0.13)
        ragged = (0.1 * rough + 0.08 * fine) * np.minimum(1, 2.5 * reach)
        crown = np.abs(u) + ragged < reach * (0.8 + 0.22 * (1 - layer))
        colour = (
            land.needle[number % 2]
            * np.exp(0.22 * rough + 0.2 * fine - 0.35 * layer - 0.15 + 0.3 * v)[..., None]
        )
        nx, ny = np.clip(u / (reach + 0.05), -1, 1) * 0.8, 0.35 + 0 * u
        if winter:
            colour = blend(
                colour, linear("e8eef6"), smooth(1 - layer + 0.3 * rough, 0.55, 1.0) * 0.8
            )
    else:
        random = np.random.default_rng([int(number), land.number])
        best = np.full(u.shape, -1, F32)
        nx, ny = np.zeros_like(best), np.zeros_like(best)
        for k in range(9):
            t, out = 2.4 * k + random.uniform(0, 1), math.sqrt((k + 0.3) / 9)
            bx, by = 0.62 * out * math.cos(t), 0.64 + 0.25 * out * math.sin(t)
            r = random.uniform(0.3, 0.44)
            dx, dy = (u - F32(bx)) / F32(r), (v - F32(by)) / F32(r * 0.5)
            inner = 1 - dx * dx - dy * dy
            closer = inner > best
            best = np.where(closer, inner, best)
            nx, ny = np.where(closer, dx, nx), np.where(closer, dy, ny)
        nx, ny = 0.45 * nx + 0.7 * u, 0.5 * ny + 1.4 * (v - F32(0.6))
        edge = best + 0.26 * rough + 0.24 * fine
        crown = edge > 0.12
        if winter:
            twig = np.abs(
                noise(u * F32(wide / scale * 3) + own, v * F32(metres * 1.6) + own, "rough")
            )
            crown = (edge > 0.12) & ((twig < 0.22) | (np.abs(fine) < 0.12))
        deep = 0.26 * rough + 0.3 * fine + 0.35 * np.clip(best, 0, 0.6) - 0.2
        leaf = land.grass * F32(0.62) if bush and not winter else land.leaf[number % 4]
        colour = leaf * np.exp(deep)[..., None]
        if winter:
            colour = blend(colour, linear("dfe6ef"), smooth(ny + 0.5 * rough, 0.3, 1.2) * 0.6)
    colour = np.where((trunk & ~crown)[..., None], bark, colour)
    cover = (crown | trunk) & (m["depth"][part] > z * 0.995 - 1)
    nx, ny = np.where(trunk & ~crown, u * 5, nx), np.where(trunk & ~crown, 0, ny)
    low = max((land.eye - ground) / z, 0.08)  # how flat the ground looks there
    return part, cover, colour, nx, ny, foot, column, wide, high, low, z


def _cabin(land: Land, m: dict[str, Any], side: int, dark: bool) -> tuple[Any, ...] | None:
    "Rows and columns, coverage, colour, light of its own and shading of the house."
    if land.house is None:
        return None
    x, z, ground, width, high, turn, wall, roof = land.house
    scale = m["f"] / z
    foot, column = m["row0"] - (ground - 0.3 - land.eye) * scale, side / 2 + x * scale
    top, bottom = max(int(foot - high * 2.1 * scale), 0), min(int(foot) + 1, side)
    left, right = (
        max(int(column - width * 0.75 * scale), 0),
        min(int(column + width * 0.75 * scale) + 2, side),
    )
    if top >= bottom or left >= right:
        return None
    part = slice(top, bottom), slice(left, right)
    v = ((foot - (np.arange(top, bottom, dtype=F32) + 0.5)) / scale).astype(F32)[:, None]
    u = (((np.arange(left, right, dtype=F32) + 0.5) - column) / scale).astype(F32)[None]
    u, v = np.broadcast_arrays(u, v)
    u = u if turn < 0.5 else -u
    half, gable = width * 0.62, width * (0.28 + 0.15 * turn)  # the long side, the gable's width
    split = half - gable
    pixel = np.full_like(u, SAMPLES / scale)
    peak = high + gable * 0.55
    middle = split + gable / 2
    front = (np.abs(u - middle) < gable / 2) & (v < peak - np.abs(u - middle) * 1.1) & (v > 0)
    long = (u > -half) & (u <= split) & (v < high) & (v > 0)
    slant = split + gable / 2 * np.clip((v - high) / (peak - high), 0, 1)
    cap = (
        (v >= high - 0.25)
        & (v < peak + 0.1)
        & (u > -half - 0.3 + (v - high) * 0.15)
        & (u < slant + 0.15)
        & ~front
    )
    eave = (np.abs(v - peak + np.abs(u - middle) * 1.1) < 0.28) & (
        np.abs(u - middle) < gable / 2 + 0.3
    )
    chimney = (np.abs(u + half * 0.4) < 0.4) & (v > peak - 0.6) & (v < peak + 0.9)
    cover = front | long | cap | eave | chimney
    grain = np.exp(0.08 * noise(u * 8, v * 60, "rough"))[..., None]
    colour = wall * grain
    colour = np.where(front[..., None], colour * 1.08, colour)
    tiles_ = roof * (1 - 0.25 * seam(v, 0.4, 0.14, pixel))[..., None]
    colour = np.where((cap | eave)[..., None], tiles_, colour)
    colour = np.where(chimney[..., None], linear("8a5a4a"), colour)
    pane = (np.abs(np.mod(u + half, 2.1) - 1.05) < 0.42) & (np.abs(v - 1.75) < 0.55) & long
    pane |= (np.abs(u - middle) < 0.42) & (np.abs(v - high) < 0.5) & front
    door = (np.abs(u - middle) < 0.5) & (v < 2.0) & front
    colour = np.where(pane[..., None], linear("2c3a48"), colour)
    colour = np.where(door[..., None], linear("5a3a28"), colour)
    glow = np.where(pane[..., None], linear("ffc768") * (1.1 if dark else 0.0), F32(0))
    shade = np.where(front, F32(0.75), np.where(cap, F32(0.9), F32(1.0)))
    cover = cover & (m["depth"][part] > z - 4)
    return part, cover, colour, glow, shade, foot, column, half * scale


def _render(
    land: Land, weather: Weather, m: dict[str, Any], side: int
) -> tuple[Floats, NDArray[np.uint8]]:
    "Light and labels of a landscape under a weather."
    colour, label = _cover(land, m)
    lx, ly, lz = (F32(c) for c in weather.towards)
    land_at = ~m["sky"]
    z = np.where(land_at, m["depth"], F32(9000))
    flat = (m["bare"] < land.water) & land_at
    nx, nz = np.where(flat, 0, -m["east"]), np.where(flat, 0, -m["north"])
    bump = noise(m["x"] / 0.8, z / 1.6, "rough") * np.clip(1.5 - z / 120, 0, 1) * 0.12
    mountain = label == MOUNTAIN
    if mountain.any():
        craggy = noise(m["x"] / 20, z / 20 + m["top"] / 14, "rough")
        nx = nx + np.where(mountain, 0.35 * craggy, 0)
    forest = label == TREE
    steep = np.where(forest, F32(0.35), F32(1))
    nx, nz = nx * steep + bump, nz * steep
    length = np.sqrt(nx * nx + nz * nz + 1)
    faced = np.maximum((nx * lx + ly + nz * lz) / length, 0)
    shade = np.ones_like(faced)
    # shadows under single trees, and of clouds
    drift = noise(m["x"] / 6 + F32(weather.drift[1]), z / 9 + F32(weather.drift[0]))
    sunny = 1 - 0.55 * smooth(drift, 0.2, 0.9) * float(weather.light == 0 and weather.cover < 1.2)
    sprites = [s for s in (_sprite(land, t, m, side) for t in land.trees) if s]
    cabin = _cabin(land, m, side, weather.light > 0)
    rows = np.arange(side, dtype=F32)[:, None] + 0.5
    columns = np.arange(side, dtype=F32)[None] + 0.5
    slide = float(np.clip(-lx / max(ly, 0.25), -1.6, 1.6))
    spots = [s[5:10] for s in sprites]
    if cabin and land.house:
        low = max((land.eye - land.house[2]) / land.house[1], 0.08)
        spots.append((cabin[5], cabin[6], cabin[7] * 1.1, cabin[7] * 1.2, low))
    for foot, column, wide, high, flatten in spots:
        middle, reach = column + slide * high * 0.3, wide * (0.9 + abs(slide) * 0.6)
        top, bottom = (
            max(int(foot - reach * flatten * 2), 0),
            min(int(foot + reach * flatten * 2) + 2, side),
        )
        left, right = max(int(middle - 1.6 * reach), 0), min(int(middle + 1.6 * reach) + 1, side)
        if top < bottom and left < right:
            du = (columns[:, left:right] - F32(middle)) / F32(reach)
            dv = (rows[top:bottom] - F32(foot)) / F32(reach * flatten + 1)
            shade[top:bottom, left:right] *= 1 - 0.6 * np.exp(-(du * du + dv * dv) * 1.5)
    amount = shade * (0.72 + 0.28 / length)
    image = lit_by(colour, [(faced * shade * sunny, weather.sun), (amount, weather.fill)])
    haze = weather.low if weather.light != 1 else weather.low * 0.6 + weather.top * 0.5
    image = blend(image, haze, 1 - np.exp(-((z / F32(weather.mist)) ** F32(1.1))))
    sky = weather.sky(m["a"], m["e"])
    image = np.where(land_at[..., None], image, sky)
    if cabin:
        part, cover, paint_, glow, side_shade, *_ = cabin
        lit = (side_shade * max(float(0.25 + 0.5 * ly), 0.3))[
            ..., None
        ] * weather.sun + weather.fill * 0.85
        image[part] = np.where(cover[..., None], paint_ * lit + glow, image[part])
        label[part] = np.where(cover, HOUSE, label[part])
    for part, cover, leaf, nx, ny, *rest in sprites:
        zt = rest[-1]
        faced = np.maximum(0.32 + 0.5 * (nx * lx + ny * max(float(ly), 0.35)) - 0.22 * lz, 0.05)
        lit = (
            faced[..., None] * weather.sun + (0.62 + 0.3 * ny)[..., None].clip(0.25) * weather.fill
        )
        seen = leaf * lit
        seen = blend(seen, haze, np.full(cover.shape, 1 - math.exp(-zt / weather.mist), F32))
        if land.house is not None and zt > land.house[1] and cabin:
            cover = cover & (label[part] != HOUSE)
        image[part] = np.where(cover[..., None], seen, image[part])
        label[part] = np.where(cover, TREE, label[part])
    wet = label == WATER
    if wet.any():
        image = _water(land, weather, m, image, wet, side)
    return image.astype(F32), label


def _water(
    land: Land,
    weather: Weather,
    m: dict[str, Any],
    image: Floats,
    wet: NDArray[np.bool_],
    side: int,
) -> Floats:
    "Reflections, ripples, the colour of the deep, glitter."
    r = np.arange(side)[:, None]
    pool = (m["bare"] < land.water) & ~m["sky"]  # also where trees stand before it
    shore = np.maximum.accumulate(np.where(pool, -1, r), 0)
    z = m["depth"]
    foot = z * z / F32(max(land.eye - land.water, 1.0) * m["f"] / SAMPLES)  # metres a pixel, ahead
    wave = noise(m["x"] / 0.9, z / 0.3, "grain") * np.clip(1.5 - foot / 1.2, 0, 1)
    wave += noise(m["x"] / 4 + 40, z / 1.4, "grain") * np.clip(1.5 - foot / 5, 0, 1)
    wave += 0.5 * noise(m["x"] / 15, z / 6 + 9, "grain")
    calm = 0.008 if land.kind == 0 else 0.016
    sway = wave * F32(calm * side)
    row, column = np.nonzero(wet)
    edge = shore[row, column]
    up = 2 * edge - row + 1 - np.abs(sway[row, column]) * 2
    out_of_sight = up < 0
    up = np.clip(np.round(up), 0, side - 1).astype(int)
    over = np.clip(np.round(column + sway[row, column] * 0.7), 0, side - 1).astype(int)
    mirrored = image[up, over]
    still = wet[up, over]
    mirrored = np.where(still[:, None], weather.low * 0.8, mirrored)
    if out_of_sight.any():  # the sky above the picture
        at = np.flatnonzero(out_of_sight)
        a = m["a"][row[at], column[at]] + sway[row[at], column[at]] / F32(m["f"])
        e = (row[at] - m["row0"]).astype(F32) / F32(m["f"])
        mirrored[at] = weather.sky(a[:, None], e[:, None])[:, 0]
    down = (land.eye - land.water) / z[row, column]
    fresnel = np.clip(0.16 + 0.72 * np.exp(-down * 4.5), 0, 0.9)
    bright = (weather.fill + weather.sun * max(weather.towards[1], 0.15) * 0.6).astype(F32)
    deep = land.deep * bright * 0.6
    shallow = smooth(m["bare"][row, column] - F32(land.water), -1.6, 0.0) * (
        0.5 if land.sandy else 0.25
    )
    deep = blend(deep, land.beach_colour * land.deep * 1.6 * bright, shallow)
    glint = np.exp(-np.abs(m["a"][row, column] - math.tan(np.clip(weather.angle, -1.2, 1.2))) * 7)
    glint = glint * smooth(wave[row, column], 0.9, 2.2) * float(abs(weather.angle) < 1.2)
    out = blend(deep, mirrored, fresnel.astype(F32)) * np.exp(0.07 * wave[row, column])[:, None]
    out = out + (glint * 0.9)[:, None] * weather.sun * 0.6
    if land.season == 3 and land.kind == 0 and land.number % 3:
        crust = smooth(noise(m["x"] / 3, z / 3)[row, column] + 0.6, -0.2, 0.3) * 0.75
        out = blend(out, linear("dbe6f0") * (bright * 0.75), crust)
    if land.kind == 2:
        surf = m["bare"][row, column] - F32(land.water) + 0.06 * wave[row, column]
        foam = inside(surf, -0.16, -0.03, 0.06)
        out = blend(out, linear("f2f6f7") * (bright * 0.9), foam * 0.75)
    image[row, column] = blend(
        out, weather.low, 1 - np.exp(-(z[row, column] / F32(weather.mist * 1.4)))
    )
    return image


def _expose(image: Floats, light: int) -> Floats:
    "A picture as bright as its hour."
    grey = float(np.minimum(image, 1.5).mean(dtype=np.float64))
    goal = (0.26, 0.19, 0.085)[light]
    return (image * F32(np.clip((goal / grey) ** 0.7, 0.5, 2.0))).astype(F32)


def _landscape(seed: int, number: int, size: int, lights: tuple[int | None, ...]) -> dict[str, Any]:
    "One landscape, under one light or more."
    random = np.random.default_rng([seed, 22, number])
    season, some = int(random.integers(4)), int(random.choice(3, p=[0.55, 0.2, 0.25]))
    land = Land(random, season)
    side = size * SAMPLES
    m = _march(land, side)
    out: dict[str, Any] = {}
    for key, light in zip(("images", "target"), lights, strict=False):
        light = some if light is None else light
        weather = Weather(np.random.default_rng([seed, 23, number, light]), light, season)
        image, label = _render(land, weather, m, side)
        out[key] = tone(_expose(image, light), size)
        if key == "images":
            out["maps"] = vote(label, size, len(LANDSCAPES_MAP))
            out |= {"labels": season, "light": light, "kind": land.kind}
            out["camera"] = (land.eye, land.horizon, math.degrees(2 * math.atan(land.tangent)))
            out["sun"] = weather.towards
    return out


def make_landscapes(
    seed: int, count: int = 2000, size: int = 64, light: str | None = None
) -> Arrays:
    """Landscapes in colour with label maps; light None draws day, dusk or night by lot.

    images uint8 (n, h, w, 3); labels: season, LANDSCAPES_CLASSES; maps uint8 (n, h, w),
    LANDSCAPES_MAP; light, LANDSCAPES_LIGHT; kind, LANDSCAPES_KIND; camera float32 (n, 3): eye in
    metres, share of the picture above the horizon, field of view in degrees; sun float32 (n, 3):
    direction to sun or moon (right, up, ahead). The light changes neither maps nor labels.
    """
    _check(count, size)
    if light is not None and light not in LANDSCAPES_LIGHT:
        raise ValueError(f"light is {light!r}; give one of {', '.join(LANDSCAPES_LIGHT)}, or None")
    index = None if light is None else LANDSCAPES_LIGHT.index(light)
    return _collect(lambda s, i, n: _landscape(s, i, n, (index,)), seed, count, size)


def make_day_night(seed: int, count: int = 2000, size: int = 64) -> Arrays:
    "The same landscapes by day (images) and by night (target); else as make_landscapes."
    _check(count, size)
    return _collect(lambda s, i, n: _landscape(s, i, n, (0, 2)), seed, count, size)


# ---------------------------------------------------------------------------------------------
# Buildings
# ---------------------------------------------------------------------------------------------

BUILDINGS_CLASSES = ("house", "apartments", "tower", "classical", "townhouse", "villa")
BUILDINGS_MAP = (
    "sky",
    "lawn",
    "street",
    "pavement",
    "wall",
    "window",
    "door",
    "roof",
    "balcony",
    "column",
    "tree",
)
BUILDINGS_LIGHT = ("sunny", "overcast", "dusk", "night")
BUILDINGS_WALL = ("plaster", "bricks", "stone", "boards", "concrete", "glass")

(_, LAWN, STREET, PAVEMENT, B_WALL, B_WINDOW, B_DOOR, ROOF, BALCONY, COLUMN, B_TREE) = range(11)

PLASTERS = (
    "efe6d3 e8d9b5 e9c9a0 d9a98a f2efe8 d8dcd6 b9c9c4 e3b9a6 c9d3dc f0d98f c98f6f a9b8a0 "
    "dfc4c9 9fb3c4"
)
BRICKS = "a5573f 8f4a38 b8684a 9a5a48 b5805f 7d4438 c08a66 c9b08f"
STONE = "d9cfb8 cfc6b4 c4bba8 e0d8c8 b8b0a2 d3c4a4"
BOARDS = "efece4 9fb3b8 c9b38a 7d3f33 6f8a7a d9c9a0 5f7485 e3d9c0 b5564a 86907f"
ROOFS = "a3503a 8a4434 55504d 6f5a48 b0664a 474c52 7a4a3a 63706f 8f5a40"
CONCRETE = "b9b6af a8a6a2 c9c5bc 9aa0a3 d3cfc6 bfb3a3"


class Front(NamedTuple):
    "What a wall looks like: texture, storeys, windows."

    kind: int  # BUILDINGS_WALL
    colour: Floats
    second: Floats  # base course, bands
    frame: Floats
    glass: Floats
    number: int
    base: float  # height of the ground floor
    storey: float
    storeys: int  # above the ground floor
    bay: float
    width: float  # of a window
    height: float
    sill: float
    arch: bool = False
    shutters: Any = None
    bars: int = 1  # panes across
    door: Any = None  # (place along the front, width, height, colour)
    shop: Any = None  # colour of the frames
    lit: float = 0.0
    bands: bool = False
    strip: bool = False  # windows run into ribbons
    start: float = 0.0  # where the ground floor begins


def front(f: Front) -> Material:
    "Walls with windows and doors."

    def material(s: Surface) -> Floats:
        wide = np.where(s.axis == 0, 2 * s.solid.half[2], 2 * s.solid.half[0]).astype(F32)
        n = noise(s.u * 12 + f.number % 223, s.v * 12, "rough")
        stain = noise(s.u * 3 + f.number % 119, s.v * 2)
        fade = np.clip(1.6 - s.pixel / F32(0.3), 0.12, 1)
        if f.kind == 1:
            out = brickwork(s, f.colour, linear("cbbfae"), f.number, 0.5)
        elif f.kind == 2:
            row = np.floor(s.v / 0.55)
            u = s.u + np.mod(row, 2) * 0.5
            own = cells(np.floor(u / 1.0), row, f.number) - 0.5
            gap = np.maximum(seam(u, 1.0, 0.05, s.pixel), seam(s.v, 0.55, 0.05, s.pixel))
            out = (
                f.colour * np.exp(0.22 * own * fade + 0.06 * n)[:, None] * (1 - 0.35 * gap)[:, None]
            )
        elif f.kind == 3:
            gap = seam(s.v, 0.26, 0.05, s.pixel)
            own = cells(np.floor(s.v / 0.26), 0 * s.v, f.number) - 0.5
            out = f.colour * ((1 - 0.4 * gap) * np.exp(0.1 * own + 0.03 * n))[:, None]
        elif f.kind == 4:
            gap = np.maximum(seam(s.u, f.bay, 0.06, s.pixel), seam(s.v, f.storey, 0.07, s.pixel))
            out = f.colour * ((1 - 0.3 * gap) * np.exp(0.05 * n))[:, None]
        else:
            out = f.colour * np.exp(0.03 * n)[:, None]
        out = out * np.exp(0.05 * stain - 0.10 * np.exp(-s.v / 0.6))[:, None]
        s.labels = np.full(len(s.x), B_WALL, np.uint8)
        s.glow = np.zeros((len(s.x), 3), F32)
        s.gloss = np.zeros(len(s.x), F32)
        level = s.v - F32(f.start)
        count = np.maximum(np.round(wide / f.bay), 1)
        cell = wide / count
        i = np.floor(s.u / cell)
        a = s.u - (i + 0.5) * cell
        j = np.floor((level - f.base) / f.storey)
        b = level - f.base - j * f.storey - f.sill
        ground = level < f.base
        j = np.where(ground, -1, j)
        b = np.where(ground, level - f.sill - (0.15 if f.base > f.storey else 0), b)
        ww, wh = (cell if f.strip else np.minimum(f.width, cell * 0.86)), f.height
        upright = s.axis != 1
        there = upright & (j < f.storeys) & (j >= -1) & (level > 0)
        if f.bands:
            band = (
                upright
                & (np.abs(level - f.base - np.round((level - f.base) / f.storey) * f.storey) < 0.14)
                & (level > 1)
            )
            out = np.where(band[:, None], f.second, out)
        if f.second is not f.colour:
            out = np.where((upright & (s.v < 0.5))[:, None], f.second * 0.8, out)
        if f.shop is not None:
            there &= ~(ground & (s.axis == 2))
        hole = there & (np.abs(a) < ww / 2) & (b > 0) & (b < wh)
        around = there & (np.abs(a) < ww / 2 + 0.16) & (b > -0.16) & (b < wh + 0.2)
        if f.arch:
            top = b - (wh - ww / 2)
            hole &= (top < 0) | (np.hypot(a, top) < ww / 2)
        if f.door is not None:
            place, dw, dh, leaf = f.door
            face = (s.axis == 2) & (s.sign < 0)
            off = s.u - F32(place)
            near = face & (np.abs(off) < dw / 2 + 0.6) & ground
            hole, around = hole & ~near, around & ~near
        if not f.strip and f.kind != 5:
            sill = around & (b < 0)
            out = np.where((around & ~sill)[:, None], out * 0.6 + f.frame * 0.4, out)
            out = np.where(sill[:, None], f.frame * 0.9, out)
            under = there & (np.abs(a) < ww / 2 + 0.1) & (b < -0.16) & (b > -0.34)
            out = np.where(under[:, None], out * 0.7, out)
        if f.shutters is not None:
            board = there & (np.abs(a) > ww / 2) & (np.abs(a) < ww / 2 + 0.42) & (b > 0) & (b < wh)
            if f.door is not None:
                board &= ~near
            slats = f.shutters * (1 - 0.35 * seam(b, 0.12, 0.05, s.pixel))[:, None]
            out = np.where(board[:, None], slats, out)
        at = np.flatnonzero(hole)
        if len(at):
            out[at] = _pane(f, s, at, a[at], b[at], ww[at], wh, i[at], j[at])
        if f.shop is not None:
            out = _shop(f, s, out, level, wide)
        if f.door is not None:
            at = np.flatnonzero(
                face & (np.abs(off) < dw / 2 + 0.14) & (level < dh + 0.14) & (level > 0)
            )
            if len(at):
                x, y = off[at], level[at]
                panel = np.minimum(
                    np.abs(np.abs(x) - dw * 0.25), np.abs(np.mod(y, 1.0) - 0.5) * 0.6
                )
                colour = leaf * (1 - 0.3 * (panel > 0.16) + 0 * x)[:, None]
                light = (y > dh * 0.78) & (np.abs(x) < dw / 2)
                colour = np.where(light[:, None], f.glass * 0.6, colour)
                rim = (np.abs(x) > dw / 2) | (y > dh)
                out[at] = np.where(rim[:, None], f.frame, colour)
                s.labels[at] = B_DOOR
                s.glow[at] = np.where(
                    light[:, None], linear("ffc977") * (0.8 * (f.lit > 0)), F32(0)
                )
        lid = s.axis == 1
        out = np.where(lid[:, None], linear("8a8783") * (1 + 0.08 * n)[:, None], out)
        s.labels[lid] = ROOF
        return out.astype(F32)

    return material


def _pane(
    f: Front,
    s: Surface,
    at: NDArray[Any],
    a: Floats,
    b: Floats,
    ww: Floats,
    wh: float,
    i: Floats,
    j: Floats,
) -> Floats:
    "Glass: reflection, curtains, light inside, bars."
    side = s.axis[at].astype(F32) * 13
    own, more = cells(i + side, j, f.number), cells(i + side, j, f.number + 9)
    high = b / wh
    n = noise(s.u[at] * 6 + f.number % 71, s.v[at] * 6)
    sky = 0.35 + 0.5 * high + 0.25 * (own - 0.5) + 0.1 * n
    if f.kind == 5:
        cloud = noise(s.u[at] * 1.7 + f.number % 37, s.v[at] * 1.7)
        sky = 0.35 + 0.3 * cloud + 0.25 * (own - 0.5) + 0.012 * s.v[at]
    colour = f.glass * np.clip(sky, 0.08, 1.3)[:, None]
    s.gloss[at] = 1.0
    drawn = (more > 0.45) & (f.kind != 5)
    cloth_ = drawn & (np.abs(a) > ww * (0.1 + 0.3 * own)) | (more > 0.9) & (high > 0.45)
    tint = blend(linear("e9e2d4")[None], linear("c9b79a"), own)
    colour = np.where(cloth_[:, None], tint * (0.75 + 0.2 * np.sin(a * 30))[:, None], colour)
    lit = own < f.lit
    warm = (
        blend(linear("ffb95a")[None], linear("ffe3b0"), more)
        * (0.55 + 0.6 * cells(i, j, f.number + 3))[:, None]
    )
    glow = np.where(
        lit[:, None],
        warm * (0.8 + 0.35 * (1 - high))[:, None] * np.where(cloth_, 0.75, 1.0)[:, None],
        F32(0),
    )
    thick = 0.05 if f.kind == 5 else 0.075
    edge = np.minimum(ww / 2 - np.abs(a), np.minimum(b, wh - b))
    pitch = ww / f.bars
    bar = (
        np.minimum(
            edge,
            np.abs(a - np.round(a / pitch + (f.bars % 2) * 0.5) * pitch + (f.bars % 2) * pitch / 2),
        )
        < thick
    )
    if f.bars > 1:
        bar |= np.abs(b - wh * 0.62) < thick * 0.7
    reveal = (wh - b < 0.18) | (a < -ww / 2 + 0.12)
    colour = np.where(reveal[:, None] & (f.kind != 5), colour * 0.45, colour)
    s.labels[at] = B_WINDOW
    s.glow[at] = np.where(bar[:, None], glow * 0.25, glow)
    return np.where(bar[:, None], f.frame, colour)


def _shop(f: Front, s: Surface, out: Floats, level: Floats, wide: Floats) -> Floats:
    "A ground floor of shop windows under a fascia."
    face = (s.axis == 2) & (level < f.base) & (level > 0)
    at = np.flatnonzero(face)
    if not len(at):
        return out
    u, v = s.u[at], level[at]
    glass = (v > 0.5) & (v < f.base - 0.75) & (np.abs(np.mod(u, 2.4) - 1.2) < 1.05)
    n = noise(u * 25 + f.number % 31, v * 25)
    inside_ = f.glass * (0.4 + 0.25 * v / f.base)[:, None]
    goods = (v < 1.5) & (n > 0.1)
    inside_ = np.where(goods[:, None], linear("b98a5f") * (1 + 0.5 * n)[:, None], inside_)
    sign = (
        (np.abs(v - f.base + 0.38) < 0.16)
        & (np.abs(np.mod(u, 2.9) - 1.45) < 0.8)
        & (np.mod(u, 0.3) > 0.08)
    )
    colour = np.where(sign[:, None], linear("f2ead8"), f.shop)
    s.labels[at] = np.where(glass, B_WINDOW, B_WALL)
    s.glow[at] = np.where(
        glass[:, None], linear("ffd596") * (0.85 * (f.lit > 0)) * (1 + 0.2 * n)[:, None], F32(0)
    )
    out[at] = np.where(glass[:, None], inside_, colour)
    return out


def tiling(colour: Floats, number: int, wall: Floats | None = None, snow: bool = False) -> Material:
    "Roof tiles in courses; the ends of a gable are wall."

    def material(s: Surface) -> Floats:
        row = np.floor(s.v / 0.34)
        own = cells(np.floor(s.u / 0.3 + 0.5 * np.mod(row, 2)), row, number) - 0.5
        n = noise(s.u * 7 + number % 91, s.v * 7, "rough")
        fade = np.clip(1.7 - s.pixel / F32(0.25), 0.12, 1)
        out = colour * np.exp(0.3 * own * fade + 0.08 * n)[:, None]
        out = out * (1 - 0.4 * seam(s.v, 0.34, 0.09, s.pixel))[:, None]
        s.labels = np.full(len(s.x), ROOF, np.uint8)
        if wall is not None:
            end = np.abs(s.normal[1]) < 0.05
            out = np.where(end[:, None], wall * (1 + 0.03 * n)[:, None], out)
            s.labels[end] = B_WALL
        return out.astype(F32)

    return material


def roof(
    kind: str,
    x: float,
    y: float,
    z: float,
    width: float,
    height: float,
    depth: float,
    material: Material,
    **more: Any,
) -> Solid:
    "A roof by the middle of its foot: gable (ridge along x), front (ridge along z), hip, mansard."
    h, w, d = height / 2, width / 2, depth / 2

    def slope(a: float, c: float, run: float, half: float) -> tuple[float, ...]:
        "A plane through the eave at half, that has risen by the height after the run."
        length = math.hypot(run, height)
        ny, nh = run / length, height / length
        return a * nh, ny, c * nh, nh * half - ny * h

    top = (0.0, 1.0, 0.0, h)
    ends = [(1.0, 0.0, 0.0, w), (-1.0, 0.0, 0.0, w)]
    sides = [(0.0, 0.0, 1.0, d), (0.0, 0.0, -1.0, d)]
    if kind == "gable":
        planes = [slope(0, 1, d, d), slope(0, -1, d, d), *ends]
    elif kind == "front":
        planes = [slope(1, 0, w, w), slope(-1, 0, w, w), *sides]
    else:
        run = min(w, d) if kind == "hip" else min(w, d) * 0.3
        planes = [
            slope(0, 1, run, d),
            slope(0, -1, run, d),
            slope(1, 0, run, w),
            slope(-1, 0, run, w),
            top,
        ]
    planes.append((0.0, -1.0, 0.0, h))
    return Solid("convex", (x, y + h, z), (w, h, d), ROOF, material, planes=planes, **more)


def foliage(colour: Floats, number: int) -> Material:
    "Leaves: clumps that catch the light."

    def material(s: Surface) -> Floats:
        n = noise(s.u * 9 + number % 197, s.v * 9, "rough")
        fine = noise(s.u * 30 + number % 67, s.v * 30, "rough")
        low = np.clip(s.y / F32(s.solid.half[1]), -1, 1)
        return colour * np.exp(0.28 * n + 0.25 * fine + 0.25 * low)[:, None]

    return material


def railing(colour: Floats, kind: int) -> Material:
    "Bars, a solid parapet or glass."

    def material(s: Surface) -> Floats:
        if kind == 0:
            bars = np.maximum(
                seam(s.u, 0.22, 0.07, s.pixel), line(np.abs(s.v - 1.0), 0.14, s.pixel)
            )
            return blend(colour * 0.35, colour, np.clip(bars, 0, 1))
        if kind == 1:
            s.gloss = np.full(len(s.x), 0.6, F32)
            return linear("a9c4cc") * (0.6 + 0.3 * s.v)[:, None]
        return s.flat(colour)

    return material


class Site:
    "A plot of ground with a building, its neighbours, trees."

    def __init__(self, random: np.random.Generator, style: int, light: int):
        self.random, self.style, self.light = random, style, light
        self.parts: list[Solid] = []  # of the building, in its own axes
        self.around: list[Solid] = []
        self.season = int(random.integers(3))
        self.width = self.depth = self.high = 10.0
        self.path: float | None = None
        self.wall = 0
        self.dark = light >= 2

    def number(self) -> int:
        return int(self.random.integers(1 << 20))

    def part(self, *args: Any, **more: Any) -> None:
        self.parts.append(block(*args, **more))

    def skin(self, kind: int) -> Floats:
        self.wall = kind
        return pick(self.random, (PLASTERS, BRICKS, STONE, BOARDS, CONCRETE, CONCRETE)[kind])

    def glass(self) -> Floats:
        return (
            pick(self.random, "5f7f99 4f6f80 6f8fa0 56707a 7a94a3")
            * (0.9, 0.95, 0.8, 0.12)[self.light]
        )

    def lit(self, share: float) -> float:
        return share * (0, 0, self.random.uniform(0.5, 1.0), 1.0)[self.light]


def _house(site: Site) -> None:
    random, u = site.random, site.random.uniform
    w, d, storeys = u(7.5, 11.5), u(6.5, 9), int(random.integers(0, 2))
    base, storey = u(2.9, 3.2), u(2.6, 2.9)
    h = base + storeys * storey + 0.1
    colour = site.skin(int(random.choice([0, 1, 2, 3], p=[0.25, 0.35, 0.1, 0.3])))
    if site.wall in (0, 3):  # rarely white
        colour = pick(
            random, "e8d0a0 e3b98a d9a98a f0d98f c98f6f dfb4a0 7d3f33 5f7485 b5564a c9b38a"
        )
    bay = w / int(random.integers(3, 5))
    frame = pick(random, "f4f1ea f4f1ea e3dccd 4a3b2c 3f5a4a")
    slots = round(w / bay)
    spot = (int(random.integers(slots)) + 0.5) * w / slots
    door = (
        spot,
        u(1.0, 1.2),
        u(2.05, 2.25),
        pick(random, "7d3f33 3f5a4a 3d5a80 8a5a34 5a4636 c9a24b 2f3337"),
    )
    f = Front(
        site.wall,
        colour,
        colour * F32(0.8),
        frame,
        site.glass(),
        site.number(),
        base,
        storey,
        storeys,
        bay,
        u(1.0, 1.5),
        u(1.15, 1.45),
        u(0.85, 1.0),
        bars=int(random.integers(1, 3)),
        door=door,
        lit=site.lit(0.65),
        shutters=pick(random, "3f5a4a 3d5a80 7d3f33 5a4636 8fa3a6")
        if random.random() < 0.4
        else None,
    )
    site.part(0, 0, 0, w, h, d, B_WALL, front(f))
    tile = pick(random, "a3503a 8a4434 b0664a 8f5a40 7a4a3a 6f5a48 55504d")
    kind = str(random.choice(["gable", "front", "hip"], p=[0.55, 0.15, 0.3]))
    rise = u(0.36, 0.56) * (w if kind == "front" else d)
    out = u(0.35, 0.7)
    site.parts.append(
        roof(
            kind,
            0,
            h - 0.05,
            0,
            w + (out if kind != "gable" else 0.5),
            rise,
            d + (out if kind != "front" else 0.6) + 0.3,
            tiling(tile, site.number(), colour),
            contact=0.3,
        )
    )
    if kind == "gable" and random.random() < 0.5:  # dormers
        for x in [0.0] if random.random() < 0.4 else [-w * 0.25, w * 0.25]:
            tiny = f._replace(
                base=2.0,
                storeys=0,
                bay=1.5,
                width=0.9,
                height=0.9,
                sill=0.5,
                door=None,
                shutters=None,
                number=site.number(),
            )
            site.part(x, h + rise * 0.12, -d * 0.28, 1.6, 1.5, 1.8, B_WALL, front(tiny))
            site.parts.append(
                roof(
                    "front",
                    x,
                    h + rise * 0.12 + 1.5,
                    -d * 0.28,
                    1.9,
                    0.7,
                    2.2,
                    tiling(tile, 5, colour),
                )
            )
    if random.random() < 0.75:
        site.part(
            u(-0.35, 0.35) * w,
            h + rise * 0.35,
            u(-0.15, 0.2) * d,
            0.7,
            rise * 0.65 + 0.9,
            0.7,
            ROOF,
            bricks(pick(random, BRICKS), linear("b9aea0"), 3, 0.4),
        )
    x = spot - w / 2
    if random.random() < 0.55:  # a porch
        site.parts.append(
            roof(
                "front" if random.random() < 0.5 else "hip",
                x,
                2.5,
                -d / 2 - 0.7,
                2.4,
                0.8,
                1.7,
                tiling(tile, 9, colour),
            )
        )
        for a in (-0.95, 0.95):
            site.part(x + a, 0, -d / 2 - 1.35, 0.16, 2.5, 0.16, COLUMN, paint(frame))
    site.part(x, 0, -d / 2 - 0.5, 1.9, 0.16, 1.1, PAVEMENT, paint(linear("b5aea2")))
    if random.random() < 0.4:  # a lower wing
        side, ww = random.choice([-1, 1]), u(3.2, 4.5)
        wing = f._replace(
            storeys=0,
            door=(ww / 2, 2.5, 2.2, pick(random, "e3dccd 8a5a34 6f7f8d"))
            if random.random() < 0.6
            else None,
            number=site.number(),
            shutters=None,
        )
        site.part(side * (w / 2 + ww / 2), 0, 0.4, ww, 2.75, d * 0.75, B_WALL, front(wing))
        site.parts.append(
            roof(
                "gable",
                side * (w / 2 + ww / 2),
                2.7,
                0.4,
                ww + 0.3,
                1.6,
                d * 0.75 + 0.5,
                tiling(tile, 4, colour),
            )
        )
        w += ww * 0.8
    site.width, site.depth, site.high, site.path = w, d, h + rise, x


def _apartments(site: Site) -> None:
    random, u = site.random, site.random.uniform
    storeys, bay = int(random.integers(3, 8)), u(2.7, 3.6)
    n = int(random.integers(4, 8))
    w, d = n * bay, u(10, 13)
    base, storey = u(3.0, 3.6), u(2.8, 3.1)
    h = base + storeys * storey + 0.7
    colour = site.skin(int(random.choice([0, 1, 4], p=[0.4, 0.15, 0.45])))
    frame = pick(random, "f4f1ea e9e6e0 4a4e52 6b5646")
    place = (int(random.integers(n)) + 0.5) * bay
    second = pick(random, PLASTERS + " " + CONCRETE)
    width = u(1.3, bay * 0.72)
    f = Front(
        site.wall,
        colour,
        second,
        frame,
        site.glass(),
        site.number(),
        base,
        storey,
        storeys,
        bay,
        width,
        u(1.3, 1.75),
        u(0.6, 0.85),
        bars=2,
        door=(place, 1.7, 2.3, pick(random, "4a4e52 7d3f33 3d5a80 5a4636 3f5a4a")),
        lit=site.lit(0.55),
        bands=random.random() < 0.4,
    )
    site.part(0, 0, 0, w, h, d, B_WALL, front(f))
    site.part(
        0,
        h,
        0,
        w + 0.35,
        0.25,
        d + 0.35,
        ROOF,
        paint(pick(random, "6f6a66 8f8a84 55504d d3cfc6")),
        contact=0.3,
    )
    rail, kind = pick(random, "e9e6e0 4a4e52 c9c5bc a3503a 8fa3a6 d9b08a"), int(random.integers(3))
    columns = [k for k in range(n) if random.random() < 0.65] or [1]
    if random.random() < 0.25:
        columns = list(range(n))
    deep = u(0.9, 1.4)
    across = bay * u(0.8, 0.98)
    for k in columns:
        x = -w / 2 + (k + 0.5) * bay
        if abs(k + 0.5 - place / bay) < 0.4 and random.random() < 0.3:
            continue
        for j in range(storeys):
            y = base + j * storey
            site.part(
                x,
                y - 0.12,
                -d / 2 - deep / 2,
                across,
                0.16,
                deep,
                BALCONY,
                paint(linear("c9c5bc")),
                contact=0.25,
            )
            site.part(
                x,
                y + 0.04,
                -d / 2 - deep + 0.04,
                across,
                0.95,
                0.08,
                BALCONY,
                railing(rail, kind),
                contact=0,
            )
    site.part(place - w / 2, 2.55, -d / 2 - 0.7, 2.8, 0.16, 1.5, BALCONY, paint(linear("8a8783")))
    for _ in range(int(random.integers(0, 3))):
        site.part(
            u(-0.35, 0.35) * w,
            h + 0.25,
            u(-0.2, 0.2) * d,
            u(1.5, 3),
            u(1, 2.2),
            2.5,
            ROOF,
            paint(linear("9a9690")),
        )
    site.width, site.depth, site.high, site.path = w, d, h, place - w / 2


def _tower(site: Site) -> None:
    random, u = site.random, site.random.uniform
    storeys, storey = int(random.integers(11, 24)), u(3.3, 3.9)
    w, d = u(20, 32), u(18, 28)
    base = u(4.5, 6.5)
    glassy = random.random() < 0.6
    colour = pick(random, CONCRETE + " 5f6f7a 8a9aa3 3f4a52 b9a58f")
    tint = (
        pick(random, "6f9fc0 5f8fa8 7fb0b8 4f7f9f 8fb5c9 6f98a0 a9a090 5f7f8a 9fb8c0 b59a7a 7a8f70")
        * (1.15, 1.1, 0.85, 0.12)[site.light]
    )
    strip = random.random() < 0.45
    bay = u(1.5, 2.4) if glassy else u(2.2, 3.4)
    high = storey * (u(0.82, 0.95) if glassy else u(0.5, 0.68))
    f = Front(
        5 if glassy else 4,
        colour,
        colour,
        colour * F32(u(0.5, 1.3)) if glassy else pick(random, "4a4e52 e3dfd6 8a8783"),
        tint,
        site.number(),
        base,
        storey,
        storeys,
        bay,
        bay * 0.9 if glassy else bay * u(0.5, 0.75),
        high,
        (storey - high) / 2,
        lit=site.lit(0.45),
        strip=strip and not glassy,
        door=(w / 2, 4.0, 3.2, linear("3a4248")),
    )
    site.wall = f.kind
    h = base + storeys * storey
    crown = random.random()
    if crown < 0.4:  # a narrower upper part
        low = int(storeys * u(0.5, 0.8))
        lower = f._replace(storeys=low)
        hl = base + low * storey
        site.part(0, 0, 0, w, hl + 0.8, d, B_WALL, front(lower))
        upper = f._replace(storeys=storeys - low - 1, start=0.0, base=storey, door=None)
        shrink = u(0.6, 0.82)
        site.part(
            u(-0.08, 0.08) * w,
            hl + 0.8,
            0.05 * d,
            w * shrink,
            h - hl,
            d * shrink,
            B_WALL,
            front(upper),
        )
        h += 0.8
    else:
        site.part(0, 0, 0, w, h + 1.0, d, B_WALL, front(f))
        h += 1.0
    if crown > 0.75:
        site.parts.append(
            roof(
                "hip",
                0,
                h,
                0,
                w * 0.9,
                u(4, 10),
                d * 0.9,
                tiling(pick(random, "55606a 4f7f6f 8a8f94"), 3),
            )
        )
        h += 5
    else:
        site.part(
            u(-0.1, 0.1) * w, h, 0, w * u(0.3, 0.6), u(2.5, 5), d * 0.5, ROOF, paint(colour * 0.8)
        )
    if random.random() < 0.5:
        site.part(u(-0.15, 0.15) * w, h, 0, 0.5, u(6, 13), 0.5, ROOF, paint(linear("8a8f94")))
    if random.random() < 0.6:  # a podium
        side = random.choice([-1, 1])
        hall = f._replace(
            storeys=1,
            base=5.0,
            storey=4.5,
            kind=4,
            height=2.8,
            sill=0.7,
            number=site.number(),
            strip=False,
            door=None,
            bay=2.8,
            width=2.3,
        )
        site.part(side * w * 0.75, 0, -0.5, w * 0.7, 9.5, d * 0.9, B_WALL, front(hall))
    site.width, site.depth, site.high = w * 1.05, d, h * u(0.72, 0.98)


def _classical(site: Site) -> None:
    random, u = site.random, site.random.uniform
    n = int(random.integers(2, 4))
    bay = u(3.2, 4.2)
    middle = int(random.integers(3, 6)) * bay * 0.78
    w, d = middle + 2 * n * bay, u(11, 14)
    base, storey, storeys = u(4.3, 5.2), u(3.8, 4.6), int(random.integers(0, 2))
    foot = u(0.6, 1.4)
    h = foot + base + storeys * storey + 1.0
    colour = site.skin(int(random.choice([2, 0], p=[0.85, 0.15])))
    light = pick(random, "efe9dc e6dfd0 f4f1ea d9cfb8")
    wings = Front(
        site.wall,
        colour,
        light,
        light,
        site.glass(),
        site.number(),
        base,
        storey,
        storeys,
        bay,
        u(1.3, 1.7),
        u(2.1, 2.6),
        0.9,
        arch=random.random() < 0.45,
        bars=2,
        lit=site.lit(0.6),
        bands=random.random() < 0.6,
        start=foot,
    )
    site.part(0, 0, 0, w, h, d, B_WALL, front(wings))
    site.part(0, h - 0.1, 0, w + 0.9, 0.5, d + 0.9, B_WALL, paint(light), contact=0.35)
    tall = h - foot - 0.2
    out = u(2.0, 3.2)
    hall = wings._replace(
        door=(middle / 2, u(1.6, 2.2), u(2.9, 3.5), pick(random, "5a4636 3f5a4a 6b4226 2f3337")),
        bay=middle / int(random.integers(3, 5)),
        number=site.number(),
    )
    site.part(0, 0, -0.4, middle, h, d, B_WALL, front(hall))
    columns = int(random.choice([4, 6, 6, 8])) if middle > 9 else 4
    r = u(0.34, 0.5)
    z = -d / 2 - out
    for k in range(columns):
        x = (k / (columns - 1) - 0.5) * (middle - 0.8)
        site.parts.append(
            Solid(
                "cone",
                (x, foot + tall / 2, z),
                (r, tall / 2, r),
                COLUMN,
                paint(light),
                taper=0.16,
                contact=0.3,
            )
        )
        site.part(x, foot, z, 2.5 * r, 0.3, 2.5 * r, COLUMN, paint(light))
        site.part(x, foot + tall - 0.35, z, 2.6 * r, 0.4, 2.6 * r, COLUMN, paint(light))
    site.part(
        0,
        foot + tall,
        z / 2 - d / 4,
        middle + 0.7,
        1.0,
        out + 1.6,
        B_WALL,
        paint(light),
        contact=0.3,
    )
    crown = random.random()
    top = foot + tall + 1.0
    if crown < 0.75:
        site.parts.append(
            roof(
                "front",
                0,
                top,
                z / 2 - d / 4,
                middle + 1.2,
                (middle + 1) * u(0.16, 0.24),
                out + 2.4,
                tiling(pick(random, ROOFS), 2, light * 0.9),
            )
        )
    if crown > 0.6:  # a dome
        r = min(middle, d) * u(0.26, 0.36)
        site.parts.append(Solid("cone", (0, h + 1.2, 0), (r, 1.4, r), B_WALL, paint(light)))
        site.parts.append(
            Solid(
                "ball",
                (0, h + 2.4, 0),
                (r, r * u(0.8, 1.1), r),
                ROOF,
                paint(pick(random, "5f8a7a 6f8f88 55606a b0664a"), grain=0.08),
            )
        )
        site.part(0, h + 2.4 + r * 0.8, 0, r * 0.3, r * 0.6, r * 0.3, ROOF, paint(light))
    else:
        site.parts.append(
            roof(
                "hip",
                0,
                h + 0.4,
                0,
                w,
                u(1.5, 3),
                d,
                tiling(pick(random, "6f6a66 55606a 8a4434 63706f"), 7),
            )
        )
    steps = int(random.integers(3, 6))
    for k in range(steps):
        site.part(
            0,
            0,
            z - 0.5 - 0.35 * (steps - k) / 2,
            middle + 0.4 + 0.3 * (steps - k),
            foot * (k + 1) / steps,
            1.2 + 0.7 * (steps - k),
            PAVEMENT,
            paint(light * F32(0.8 + 0.05 * k)),
            contact=0.3,
        )
    site.part(0, 0, -d / 2 - out / 2, middle + 0.3, foot, out, PAVEMENT, paint(light * 0.8))
    site.width, site.depth, site.high, site.path = w, d + out, h + 2.5, 0.0


def _townhouse(site: Site) -> None:
    random, u = site.random, site.random.uniform
    count = int(random.integers(2, 5))
    widths = [u(5.0, 7.2) for _ in range(count)]
    total, x = sum(widths), -sum(widths) / 2
    storeys, base, storey = int(random.integers(2, 4)), u(3.6, 4.1), u(3.0, 3.4)
    d = u(10, 12)
    shops = random.random() < 0.6
    same = random.random() < 0.35
    top = 0.0
    colour = site.skin(int(random.choice([1, 0, 2], p=[0.55, 0.35, 0.1])))
    kind = site.wall
    for k, w in enumerate(widths):
        if k and not same:
            kind = int(random.choice([1, 0, 0]))
            colour = pick(random, BRICKS if kind == 1 else PLASTERS)
        own = storeys + (0 if same else int(random.integers(-1, 2)) * int(random.random() < 0.5))
        h = base + own * storey + 0.6
        n = int(random.integers(2, 4))
        frame = pick(random, "f4f1ea efe6d6 e3dccd 4a3b2c")
        leaf = pick(random, "7d3f33 3f5a4a 3d5a80 2f3337 8a5a34 c9a24b 6d597a")
        place = w * random.choice([0.18, 0.82])
        shop = (
            pick(random, "3f5a4a 7d3f33 2f4858 4a3b2c 8c3b3b c9a24b 2f3337 355070")
            if shops and random.random() < 0.85
            else None
        )
        f = Front(
            kind,
            colour,
            frame * F32(0.95),
            frame,
            site.glass(),
            site.number(),
            base,
            storey,
            own,
            w / n,
            u(1.0, 1.35),
            u(1.7, 2.1),
            u(0.6, 0.85),
            arch=random.random() < 0.2,
            bars=2,
            door=(place, 1.1, 2.5, leaf),
            shop=shop,
            lit=site.lit(0.6),
            bands=random.random() < 0.5,
        )
        mid = x + w / 2
        site.part(mid, 0, 0, w, h, d, B_WALL, front(f))
        site.part(mid, h - 0.35, -0.15, w, 0.4, d + 0.3, B_WALL, paint(frame), contact=0.3)
        tile = pick(random, ROOFS)
        crown = random.random()
        if crown < 0.45:
            site.parts.append(
                roof("mansard", mid, h, 0, w, u(2.2, 3.0), d, tiling(tile, site.number()))
            )
            for a in (-0.22, 0.22) if w > 5.5 else (0.0,):
                tiny = f._replace(
                    start=0.0,
                    base=2.2,
                    storeys=0,
                    bay=1.6,
                    width=0.8,
                    height=1.1,
                    sill=0.35,
                    door=None,
                    shop=None,
                    bands=False,
                )
                site.part(mid + a * w, h + 0.1, -d / 2 + 0.75, 1.3, 1.9, 1.2, B_WALL, front(tiny))
            rise = 2.6
        elif crown < 0.75:
            rise = u(2.2, 3.4)
            site.parts.append(
                roof("gable", mid, h, 0, w, rise, d + 0.3, tiling(tile, site.number(), colour))
            )
        elif crown < 0.9:
            rise = u(0.4, 0.6) * w
            site.parts.append(
                roof("front", mid, h, 0, w, rise, d + 0.1, tiling(tile, site.number(), colour))
            )
        else:
            rise = 0.8
            site.part(mid, h, -d / 2 + 0.3, w * 0.6, 0.9, 0.4, B_WALL, paint(frame))
        for a in (-0.42, 0.42):
            if random.random() < 0.5:
                site.part(
                    mid + a * w,
                    h,
                    0.5,
                    0.7,
                    rise + 0.9,
                    1.0,
                    ROOF,
                    bricks(pick(random, BRICKS), linear("b9aea0"), 3, 0.4),
                )
        if shop is not None and random.random() < 0.65:
            cloth_ = cloth(pick(random, FABRICS), linear("f2ead8"), 1, 3)
            planes = [
                (0.0, 0.8, -0.6, 0.36),
                (0.0, -1.0, 0.0, 0.45),
                (0.0, 0.0, 1.0, 0.6),
                (0.0, 0.0, -1.0, 0.6),
                (1.0, 0.0, 0.0, w * 0.44),
                (-1.0, 0.0, 0.0, w * 0.44),
            ]
            site.parts.append(
                Solid(
                    "convex",
                    (mid, base - 0.95, -d / 2 - 0.6),
                    (w * 0.44, 0.45, 0.6),
                    BALCONY,
                    cloth_,
                    planes=planes,
                    contact=0.2,
                )
            )
        elif random.random() < 0.5:
            site.part(
                mid,
                base + storey - 0.1,
                -d / 2 - 0.4,
                w * 0.6,
                0.14,
                0.8,
                BALCONY,
                paint(frame),
                contact=0.3,
            )
            site.part(
                mid,
                base + storey,
                -d / 2 - 0.78,
                w * 0.6,
                0.9,
                0.06,
                BALCONY,
                railing(linear("33363a"), 0),
                contact=0,
            )
        top, x = max(top, h + rise), x + w
    site.width, site.depth, site.high = total, d, top


def _villa(site: Site) -> None:
    random, u = site.random, site.random.uniform
    white = pick(random, "f4f3ef ece9e2 e3e3e0 f4f3ef d9d3c8", 0.03)
    accent = pick(random, "a9774a 8a5a34 6f6a66 4a4e52 b5aea2 c08a66")
    site.wall = 0
    glass = site.glass()
    dark = linear("2f3337")
    w, d = u(10, 15), u(8, 10)
    low, high = u(3.0, 3.4), u(2.9, 3.3)
    bay = u(2.4, 3.6)
    f = Front(
        0,
        white,
        white,
        dark,
        glass,
        site.number(),
        low,
        high,
        0,
        bay,
        bay * 0.88,
        u(2.2, 2.5),
        0.25,
        bars=1,
        lit=site.lit(0.75),
        door=(u(0.15, 0.85) * w, 1.2, 2.4, accent * 0.8),
    )
    site.part(0, 0, 0, w, low, d, B_WALL, front(f))
    out = u(0.3, 1.1)
    site.part(0, low, -0.2, w + out, 0.35, d + out, ROOF, paint(white * 0.97), contact=0.4)
    ww, side = w * u(0.42, 0.72), random.choice([-1, 1])
    shift = side * (w - ww) / 2 + side * u(0, 1.6)
    over = u(-0.4, 2.0)
    wood_ = random.random() < 0.5
    upper = f._replace(
        kind=3 if wood_ else 0,
        colour=accent if wood_ else white,
        second=accent if wood_ else white,
        base=high,
        number=site.number(),
        door=None,
        bay=u(2.2, ww * 0.6),
        sill=u(0.3, 0.9),
        height=u(1.4, 2.1),
    )
    upper = upper._replace(width=upper.bay * u(0.6, 0.9))
    site.part(shift, low + 0.35, -over, ww, high, d * 0.85, B_WALL, front(upper))
    site.part(
        shift,
        low + 0.35 + high,
        -over,
        ww + u(0.2, 1.4),
        0.3,
        d * 0.85 + u(0.2, 1.4),
        ROOF,
        paint(pick(random, "f4f3ef 4a4e52 ece9e2")),
        contact=0.4,
    )
    if random.random() < 0.75:  # a terrace above the ground floor
        x, across = -side * ww / 2 + (shift - side * (w - ww) / 2) / 2, w - ww
        site.part(
            x,
            low + 0.35,
            -d / 2 - out / 2,
            across,
            0.95,
            0.07,
            BALCONY,
            railing(dark, int(random.integers(2))),
            contact=0,
        )
    block_ = u(0.6, 1.6)
    if random.random() < 0.6:
        site.part(
            -side * w * u(0.1, 0.45),
            0,
            -d / 2 - 0.1,
            block_,
            low + high * u(0.4, 1.3),
            1.4,
            B_WALL,
            bricks(accent, accent * 0.7, 3, 0.9),
            contact=0.4,
        )
    if over > 0.9:
        for a in (-0.42, 0.42):
            site.part(
                shift + a * ww, 0, -over - d * 0.4, 0.18, low + 0.35, 0.18, COLUMN, paint(dark)
            )
    if random.random() < 0.4:
        carport = side * (w / 2 + 2.2)
        site.part(-carport, 2.6, 0, 4.6, 0.25, d * 0.7, ROOF, paint(white))
        for a in (-1.9, 1.9):
            site.part(-carport + a, 0, -d * 0.32, 0.16, 2.6, 0.16, COLUMN, paint(dark))
        w += 3
    site.width, site.depth, site.high, site.path = (
        w + 1,
        d + over,
        low + high + 1.0,
        f.door[0] - w / 2,
    )


def _surroundings(site: Site, turn: float, reach: float, far: float) -> None:
    "Ground, street, neighbours, trees and bushes."
    random, u = site.random, site.random.uniform
    n, style = site.number(), site.style
    town = style in (2, 4) or (style in (1, 3) and random.random() < 0.5)
    grass = pick(
        random,
        ("7f9f4a 8aa655 73984a", "5f7f3a 6b8440 567838", "8f8a48 7f8445 9c8c4e")[site.season],
    )
    asphalt, slab = (
        pick(random, "5a5b5e 66666a 4f5256 77736e"),
        pick(random, "b5aea2 a8a49c c4bcae 9a9690"),
    )
    cos, sin = math.cos(turn), math.sin(turn)
    z0 = -site.depth / 2
    kerb = z0 - (u(2.5, 4.5) if town else u(6, 9))
    street = kerb - u(1.5, 2.8)
    path, wide = site.path, u(0.6, 1.1)
    cobbles = random.random() < 0.3

    def material(s: Surface) -> Floats:
        x = s.x * F32(cos) - s.z * F32(sin)
        z = s.x * F32(sin) + s.z * F32(cos)
        rough = noise(x * 8, z * 8 + n % 99, "rough")
        broad = noise(x * 0.8 + n % 201, z * 0.8)
        out = grass * np.exp(0.16 * rough + 0.12 * broad)[:, None]
        s.labels = np.full(len(s.x), LAWN, np.uint8)
        joint = np.maximum(seam(x, 0.9, 0.06, s.pixel), seam(z, 0.9, 0.06, s.pixel))
        paved = slab * ((1 - 0.25 * joint) * np.exp(0.05 * rough + 0.04 * broad))[:, None]
        on = (z < kerb) if not town else (z < z0 + 60)
        if path is not None and not town:
            on = on | ((np.abs(x - path) < wide) & (z < z0 + 0.5))
        out, s.labels = np.where(on[:, None], paved, out), np.where(on, PAVEMENT, s.labels)
        road = z < street
        tar = asphalt * np.exp(0.07 * rough + 0.05 * broad)[:, None]
        if cobbles:
            own = cells(np.floor(x / 0.4), np.floor(z / 0.4), n) - 0.5
            tar = tar * np.exp(0.5 * own * np.clip(1.5 - s.pixel / 0.4, 0.1, 1))[:, None]
        else:
            dash = (np.abs(z - street + 3.4) < 0.1) & (np.mod(x + n % 7, 4.0) < 2.2)
            tar = np.where(dash[:, None], linear("d9d6cc"), tar)
        out, s.labels = np.where(road[:, None], tar, out), np.where(road, STREET, s.labels)
        edge = line(np.abs(z - street), 0.24, s.pixel)
        s.labels = s.labels.astype(np.uint8)
        return blend(out, linear("c9c5bc"), edge).astype(F32)

    site.around.append(
        Solid("box", (0, -1, 0), (400, 1, 400), LAWN, material, shadow=False, contact=0)
    )
    if town:  # neighbours to the left and to the right
        for side in (-1, 1):
            if random.random() < (0.95 if style == 4 else 0.75):
                w, h = u(8, 16), site.high * u(0.55, 1.05) * (0.5 if style == 2 else 1)
                kind = int(random.choice([0, 1, 4]))
                colour = pick(random, (PLASTERS, BRICKS, CONCRETE)[min(kind, 2)])
                storey = u(3.0, 3.5)
                f = Front(
                    kind,
                    colour,
                    colour,
                    pick(random, "f4f1ea e3dccd 6f6a66"),
                    site.glass(),
                    site.number(),
                    3.8,
                    storey,
                    max(int((h - 4.6) / storey), 0),
                    u(2.5, 3.4),
                    u(1.1, 1.5),
                    1.7,
                    0.8,
                    lit=site.lit(0.5),
                    bars=2,
                )
                gap = 0.0 if style == 4 else u(0, 4)
                x = side * (site.width / 2 + w / 2 + gap)
                site.parts.append(block(x, 0, u(0, 1.0), w, h, site.depth, B_WALL, front(f)))
                site.parts.append(
                    block(x, h, 0.3, w + 0.2, 0.4, site.depth, ROOF, paint(pick(random, ROOFS)))
                )
    tint = LEAVES[(0, 1, 2)[site.season]]
    leaves = [pick(random, tint, 0.05) for _ in range(3)]
    stem = paint(linear("5a4636"))
    dense = (1.0, 0.7, 0.4, 0.6, 0.3, 0.9)[style]
    for _ in range(int(random.poisson(3.2 * dense))):
        behind = random.random() < 0.45 and not town
        x = u(-0.9, 0.9) * reach
        if behind:
            z = site.depth / 2 + u(3, 12)
        else:
            z = z0 - u(0.8, float(np.clip(z0 - street - 0.3, 1.0, 0.35 * (far + z0))))
            if abs(x) < site.width * 0.36 and random.random() < 0.85:
                x = math.copysign(site.width * u(0.38, 0.7), x)
        _tree(site, x, z, u(4.0, 9.0) * (1.25 if behind else 0.85), leaves, stem)
    for _ in range(int(random.poisson(2.6 * dense))):
        x = u(-0.55, 0.55) * site.width
        if path is not None and abs(x - path) < 1.6:
            continue
        r = u(0.45, 0.95)
        site.parts.append(
            Solid(
                "ball",
                (x, r * 0.55, z0 - u(0.8, 1.4)),
                (r, r * 0.75, r * 0.8),
                B_TREE,
                foliage(leaves[random.integers(3)] * 0.85, site.number()),
                ragged=160.0,
            )
        )
    if style in (0, 5) and random.random() < 0.4:  # a hedge or a fence
        y, low = u(0.6, 1.0), random.random() < 0.5
        stuff = (
            foliage(leaves[0] * 0.8, n) if low else railing(pick(random, "f4f1ea 8a5a34 4a3b2c"), 0)
        )
        for side in (-1, 1):
            gap = path or 0.0
            x0, x1 = (gap - 1.3, -reach) if side < 0 else (gap + 1.3, reach)
            site.parts.append(
                block(
                    (x0 + x1) / 2,
                    0,
                    kerb + 0.4,
                    abs(x1 - x0),
                    y,
                    0.7 if low else 0.1,
                    B_TREE if low else BALCONY,
                    stuff,
                    contact=0.3,
                )
            )


def _tree(
    site: Site, x: float, z: float, high: float, leaves: list[Floats], stem: Material
) -> None:
    "One tree: a stem, a few ragged balls, or cones."
    random, u = site.random, site.random.uniform
    colour = leaves[random.integers(len(leaves))]
    if random.random() < 0.25:
        dark = foliage(pick(random, CONIFERS[0]), site.number())
        site.parts.append(Solid("cone", (x, high * 0.1, z), (0.18, high * 0.1, 0.18), B_TREE, stem))
        for k in range(3):
            r, y = high * (0.24 - 0.055 * k), high * (0.16 + 0.25 * k)
            site.parts.append(
                Solid(
                    "cone",
                    (x, y + high * 0.19, z),
                    (r, high * 0.19, r),
                    B_TREE,
                    dark,
                    taper=0.97,
                    contact=0.3,
                )
            )
        return
    site.parts.append(
        Solid(
            "cone",
            (x, high * 0.25, z),
            (high * 0.028 + 0.06, high * 0.25, high * 0.028 + 0.06),
            B_TREE,
            stem,
            taper=0.3,
        )
    )
    for _ in range(3):
        r = high * u(0.17, 0.25)
        a, b, c = u(-0.14, 0.14) * high, high * u(0.55, 0.78), u(-0.1, 0.1) * high
        site.parts.append(
            Solid(
                "ball",
                (x + a, b, z + c),
                (r, r * u(0.8, 1.0), r),
                B_TREE,
                foliage(colour, site.number()),
                ragged=60.0,
                contact=0.35,
            )
        )


def _building(seed: int, number: int, size: int) -> dict[str, Any]:
    "One building."
    random = np.random.default_rng([seed, 33, number])
    style, light = int(random.integers(6)), int(random.choice(4, p=[0.5, 0.18, 0.14, 0.18]))
    site = Site(random, style, light)
    (_house, _apartments, _tower, _classical, _townhouse, _villa)[style](site)
    frontal = random.random() < 0.3
    turn = random.normal(0, 0.03) if frontal else random.choice([-1, 1]) * random.uniform(0.2, 0.72)
    fov = random.uniform(42, 64)
    tangent = math.tan(math.radians(fov / 2))
    across = site.width * math.cos(turn) + site.depth * abs(math.sin(turn))
    eye = random.uniform(1.5, 2.4) if random.random() < 0.7 else random.uniform(3, 7)
    fill = random.uniform(0.92, 1.25) if style in (0, 5) else random.uniform(0.84, 1.12)
    shift = random.uniform(0.3, 0.6) * tangent + (0, 0.08, 0.12, 0.1, 0.04, 0)[style] * tangent
    if site.high < 11:
        eye = min(eye, 1.5 + 0.12 * site.high)
    far = max(
        across / (2 * tangent * fill),
        (site.high - eye) / ((tangent + shift) * random.uniform(0.8, 0.98)),
        eye / (tangent - shift) * 1.15,
    )
    far += site.depth / 2 * math.cos(turn)
    _surroundings(site, turn, across * 0.8, far)
    solids = site.around + [p.moved(0, 0, 0, -turn) for p in site.parts]
    camera = Camera((random.normal(0, 0.05) * across, eye, -far), 0.0, 0.0, tangent, shift)
    view = View(solids, camera, size)
    weather = Weather(
        np.random.default_rng([seed, 34, number]),
        (0, 0, 1, 2)[light],
        site.season,
        behind=True,
        grey=light == 1,
    )
    image = _light_building(site, view, weather, random)
    side = view.side
    label = np.where(view.which.ravel() < 0, view.behind, view.label)
    return {
        "images": tone(image.reshape(side, side, 3), size),
        "maps": vote(label, size, len(BUILDINGS_MAP)),
        "labels": style,
        "light": light,
        "wall": site.wall,
        "season": site.season,
        "camera": (turn, eye, fov, far),
        "sun": weather.towards,
    }


def _horizon(site: Site, a: Floats, e: Floats) -> tuple[Floats, NDArray[Any], Floats]:
    "What stands far behind: colour, label (0 where there is sky) and light of its own."
    random = site.random
    number, town = site.number(), site.style in (2, 4) or random.random() < 0.3
    high = random.uniform(0.03, 0.09)
    glow = np.zeros((*a.shape, 3), F32)
    if town:
        column = np.floor(a / 0.075 + number % 13)
        top = high * (0.5 + 1.3 * cells(column, 0 * column, number))
        there = e < top
        own = cells(column, 0 * column, number + 1)
        window = (np.mod(a, 0.0125) > 0.005) & (np.mod(e, 0.0125) > 0.006)
        lit = window & (cells(np.floor(a / 0.0125), np.floor(e / 0.0125), number) < 0.35)
        colour = blend(linear("b5a898"), linear("8f8f98"), own)
        colour = colour * np.where(window, F32(0.6), F32(1))[..., None]
        if site.dark:
            glow = lit[..., None] * linear("ffc977") * 0.35
        return colour, np.where(there, B_WALL, 0).astype(np.uint8), glow * there[..., None]
    n = noise(a * 70 + number % 241, 0 * a, "rough") + 1.3 * noise(a * 30 + number % 113, 0 * a)
    there = e < high * (0.75 + 0.2 * n) * 0.8
    leaf = noise(a * 260, e * 260 + number % 53, "rough")
    season = LEAVES[site.season].split()
    colour = linear(season[number % 3]) * 0.7 + linear("3f5a35") * 0.3
    colour = colour * np.exp(0.22 * leaf)[..., None]
    return colour, np.where(there, B_TREE, 0).astype(np.uint8), glow


def _light_building(
    site: Site, view: View, weather: Weather, random: np.random.Generator
) -> Floats:
    "Sky and lit surfaces."
    light = site.light
    there = view.which.ravel() >= 0
    near = view.contact(1.1)
    a, b = view.pattern()
    normal = view.normal
    up = normal[1]
    sun = [
        F32(weather.towards[0]) + F32(0.015) * a,
        F32(weather.towards[1]) + F32(0.015) * b,
        np.full_like(a, weather.towards[2]),
    ]
    faced = normal[0] * sun[0] + normal[1] * sun[1] + normal[2] * sun[2]
    leafy = view.label == B_TREE
    faced = np.where(leafy, faced * 0.7 + 0.3, faced)
    at = np.flatnonzero((faced > 0.01) & there)
    clear = np.zeros_like(faced)
    strong = light in (0, 2)
    clear[at] = ~view.blocked(at, [s[at] for s in sun], np.inf) if strong else F32(1)
    if not strong:
        faced = faced * 0.35 + 0.2
    lit = np.maximum(faced, 0) * clear
    low = F32(0.18 * max(weather.towards[1], 0.1))
    lights = [
        (lit + low * (0.5 - 0.5 * up) * near, weather.sun),
        ((0.72 + 0.4 * up) * near, weather.fill),
    ]
    if site.dark:  # street lamps
        height = np.maximum(view.place[1], 0)
        spill = np.exp(-height / 4.5) * (
            0.55 + 0.45 * np.cos(view.place[0] * F32(0.7) + F32(random.uniform(0, 6)))
        )
        power = 0.5 if light == 3 else 0.18
        lights.append((spill * near * F32(power), linear("ffc98a")))
    image = lit_by(view.colour, lights)
    # glass gives back the sky
    gloss = view.gloss * (0.5 + 0.5 * np.clip(-normal[2], 0, 1)) * (view.glow[:, 0] <= 0)
    above = (weather.low * 0.8 + weather.top * 0.4).astype(F32)
    image += lit_by(np.ones_like(image), [(gloss * F32(0.16), above)])
    image += view.glow * (1.0 if light == 3 else 0.85)
    depth = view.depth.ravel()
    haze = 1 - np.exp(-np.where(there, np.maximum(depth - 40, 0), 0) / F32(900))
    image = blend(image, weather.low, haze)
    x, y, z = view.rays
    a, e = x / z, y / z
    sky = weather.sky(a, e)
    behind = _horizon(site, a, e)  # trees or roofs far away
    tint, view.behind = behind[0], behind[1].ravel()
    lit = weather.fill * 0.6 + weather.sun * 0.16
    far = blend(tint * lit, weather.low, np.full(a.shape, 0.42, F32)) + behind[2]
    sky = np.where((behind[1] > 0)[..., None], far, sky).reshape(-1, 3)
    image = np.where(there[:, None], image, sky)
    grey = float(np.minimum(image[there], 1.5).mean(dtype=np.float64))
    goal = (0.33, 0.3, 0.24, 0.1)[light]
    return (image * F32(np.clip((goal / grey) ** 0.6, 0.6, 1.8))).astype(F32)


def make_buildings(seed: int, count: int = 2000, size: int = 64) -> Arrays:
    """Buildings in colour with label maps.

    images uint8 (n, h, w, 3); labels: style, BUILDINGS_CLASSES; maps uint8 (n, h, w),
    BUILDINGS_MAP; light, BUILDINGS_LIGHT; wall, BUILDINGS_WALL; season, LANDSCAPES_CLASSES; camera
    float32 (n, 4): turn of the building in radians, eye in metres, field of view in degrees,
    distance in metres; sun float32 (n, 3): direction to it (right, up, ahead).
    """
    _check(count, size)
    return _collect(_building, seed, count, size)


# ---------------------------------------------------------------------------------------------
# Looking at them
# ---------------------------------------------------------------------------------------------


def nearest(images: NDArray[np.uint8], side: int = 16) -> tuple[NDArray[Any], NDArray[Any]]:
    "For each picture the most similar other one, and the root mean square difference (0 to 255)."
    n, h, w, c = images.shape
    x = images.reshape(n, side, h // side, side, w // side, c).mean((2, 4)).reshape(n, -1)
    square = (x**2).sum(1)
    index, distance = np.empty(n, np.int64), np.empty(n)
    for start in range(0, n, 256):
        part = slice(start, min(start + 256, n))
        d = square[part, None] + square[None] - 2 * x[part] @ x.T
        d[np.arange(len(d)), np.arange(part.start, part.stop)] = np.inf
        index[part] = d.argmin(1)
        distance[part] = np.sqrt(np.maximum(d.min(1), 0) / x.shape[1])
    return index, distance


def distinct(maps: NDArray[np.uint8], side: int = 16) -> int:
    "Number of different layouts, label maps being compared at side x side."
    step = maps.shape[1] // side
    small = maps[:, step // 2 :: step, step // 2 :: step]
    return len({m.tobytes() for m in small})


def main() -> None:
    "Contact sheets, seconds, layouts, checksums."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument(
        "--sets", nargs="*", default=["rooms", "landscapes", "buildings", "day_night"]
    )
    parser.add_argument(
        "--nearest", action="store_true", help="a page of pictures beside the most similar ones"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    makers = {
        "rooms": make_rooms,
        "landscapes": make_landscapes,
        "buildings": make_buildings,
        "day_night": make_day_night,
    }
    cv2.setNumThreads(1)
    for name in args.sets:
        start = time.process_time()
        arrays = makers[name](args.seed, args.count, args.size)
        seconds = time.process_time() - start
        images = arrays["images"][:60]
        if "target" in arrays:
            images = np.concatenate([images[:30, None], arrays["target"][:30, None]], 1)
            images = images.reshape(-1, *images.shape[2:])
        grid(from_array(images), 10, scale=2).save(args.out / f"{name}.png")
        layouts = distinct(arrays["maps"])
        print(f"{name}: {args.count} in {seconds:.1f} s, {layouts} layouts, {checksum(arrays)}")
        if args.nearest:
            index, distance = nearest(arrays["images"])
            order = np.argsort(distance)[:40]
            pairs = np.stack([arrays["images"][order], arrays["images"][index[order]]], 1)
            pairs = pairs.reshape(-1, *pairs.shape[2:])
            grid(from_array(pairs), 10, scale=2).save(args.out / f"{name}_nearest.png")
            print(f"  most similar: {distance.min():.1f} of 255, median {np.median(distance):.1f}")


if __name__ == "__main__":
    main()
