"""Digits and capitals as pen tracks of two hundred writers: python data/make/strokes.py --out DIR

Each character is a few strokes through hand-placed points (SKELETONS, most in several forms). A
writer has forms, slant, width, roundness, tremor, sampling speed and pen of his own, and a way of
misplacing every point of every character; each time he writes, a little more goes astray. What he
leaves is a track, from which the picture is drawn: the pen's path, and nothing else.

A track is rows (dx, dy, lift): steps in units of the picture's height, x to the right and y down,
the first from the picture's centre, and lift = 1 at a stroke's last point, so that the next step is
made with the pen in the air. Rows after a track's length are zero. `draw(tracks, lengths, pen)`
makes the pictures, of any size.
"""

import argparse
import functools
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ganbook.datasets import _checksum as checksum
from ganbook.images import from_array, grid

STROKES_CLASSES = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
WRITERS = 200
LONGEST = 80  # rows of a track, at most

# Forms of each character; strokes parted by "/", points "x,y" in hundredths of the height, y down;
# curves pass smoothly through points, except where "!" makes a corner. The first form is commonest.
SKELETONS = {
    "0": (
        "32,1 12,16 4,50 12,86 30,99 48,86 56,50 48,14 32,1 22,5",
        "36,2 14,10 4,46 10,84 28,99 46,90 56,54 50,16 32,1",
        "32,1 12,16 4,50 12,86 30,99 48,86 56,50 48,14 32,1 / 56,6 6,96",
    ),
    "1": ("2,26 24,0! 24,100", "16,0 15,100", "2,22 24,0! 24,98 / 2,99 46,99"),
    "2": (
        "5,24 14,6 34,0 53,12 52,34 34,60 4,98! 62,98",
        "6,22 18,4 40,1 54,18 48,42 28,72 10,94 4,88 14,80 34,92 64,93",
        "4,20 20,2 44,4 54,24 40,52 2,97! 30,92 62,98",
    ),
    "3": (
        "6,14 22,1 44,4 52,20 42,38 22,46! 44,50 58,68 50,90 26,100 4,88",
        "6,2 54,2! 28,40! 48,46 60,66 50,90 26,100 4,88",
        "8,12 28,0 50,10 48,32 30,46 24,48 34,48 56,62 54,88 28,100 4,90",
    ),
    "4": (
        "18,2 6,60! 66,60 / 48,26 46,100",
        "46,100 48,0! 4,66! 68,66",
        "14,0 12,34 18,48 50,46 / 52,0 48,100",
        "44,0 4,64! 66,62 / 46,34 44,100",
    ),
    "5": (
        "14,4 10,44! 30,38 52,50 56,74 42,96 20,100 2,88 / 14,4 58,2",
        "58,2 16,4! 11,44! 30,38 52,50 56,74 42,96 20,100 2,88",
    ),
    "6": (
        "46,2 24,20 8,52 6,80 24,99 46,94 54,74 42,57 22,58 7,76",
        "36,0 16,30 6,64 12,92 32,100 50,86 48,64 28,56 10,68",
    ),
    "7": (
        "4,4 58,4! 40,44 24,100",
        "4,5 58,3! 40,46 26,100 / 14,52 54,50",
        "5,18 7,4! 60,4! 28,100",
    ),
    "8": (
        "50,14 30,0 10,12 14,34 36,50 54,72 46,95 24,100 6,84 14,62 38,44 50,26 48,10",
        "30,46 12,34 12,12 30,1 48,12 48,34 30,46 / 30,46 8,60 4,82 30,100 56,84 52,60 30,46",
        "32,48 12,34 14,10 34,0 50,14 44,36 20,54 4,78 20,99 44,96 54,76 40,56 22,42",
    ),
    "9": (
        "54,18 38,2 16,8 6,28 18,46 38,42 53,22! 52,60 46,100",
        "52,16 34,2 12,10 8,34 26,47 46,36 54,14 56,50 46,86 26,100 8,92",
        "50,10 28,0 8,16 12,42 34,46 52,26 52,8! 48,100",
    ),
    "A": (
        "38,0 4,100 / 38,0 72,100 / 15,64 62,64",
        "4,100 38,0! 72,100 / 16,62 60,62",
        "4,100 12,38 36,1 60,38 68,100 / 8,60 66,60",
    ),
    "B": (
        "8,0 8,100 / 6,2 38,4 52,22 40,42 10,48! 44,54 60,76 44,98 6,100",
        "8,100 8,2! 36,0 52,20 42,42 12,48! 46,54 60,76 44,98 6,98",
    ),
    "C": ("62,18 42,1 16,14 4,50 16,86 42,99 64,84", "56,8 30,2 8,28 6,66 24,96 62,92"),
    "D": (
        "8,0 8,100 / 4,2 40,6 66,34 64,70 38,96 2,100",
        "10,100 10,1! 42,6 68,38 62,76 34,98 4,99",
    ),
    "E": (
        "8,0 8,100 / 8,2 56,2 / 8,50 48,49 / 8,99 58,99",
        "58,2 8,2! 8,99! 60,99 / 8,50 50,48",
        "56,12 36,0 14,12 16,36 40,46! 12,56 6,82 28,100 60,88",
    ),
    "F": ("8,0 8,100 / 6,2 58,2 / 8,48 48,48", "60,2 8,3! 8,100 / 8,48 46,46"),
    "G": (
        "62,18 42,1 16,14 4,50 16,86 42,99 62,84 64,58! 38,58",
        "60,14 38,1 14,14 4,50 16,88 42,97 64,74 / 40,60 66,58! 66,104",
    ),
    "H": ("8,0 8,100 / 62,0 62,100 / 8,50 62,48", "10,0 6,100 / 64,0 60,100 / 2,54 70,46"),
    "I": ("30,2 30,98 / 8,2 52,2 / 8,99 52,99", "12,3 50,1 / 31,2 29,98 / 10,99 52,97"),
    "J": ("46,0 46,72 38,94 20,100 4,82", "48,2 48,74 36,97 16,98 4,80 / 20,2 76,2"),
    "K": ("8,0 8,100 / 58,2 10,54! 62,100", "8,0 8,100 / 60,0 9,58 / 24,46 62,100"),
    "L": ("8,0 8,98! 58,98", "10,0 6,90 14,99 60,95"),
    "M": (
        "6,100 10,0! 42,72! 74,0! 80,100",
        "8,0 8,100 / 8,2 42,64! 76,2! 76,100",
        "4,100 10,20 20,2 34,20 40,70! 48,20 62,2 74,24 78,100",
    ),
    "N": ("8,100 8,0! 62,100! 62,0", "8,0 8,100 / 8,2 62,98 / 62,0 62,100"),
    "O": ("44,1 16,12 3,48 16,88 44,99 72,88 84,50 72,12 44,1 32,4",),
    "P": (
        "8,0 8,100 / 4,4 38,1 58,20 48,46 8,54",
        "8,100 8,3! 38,0 58,20 46,48 10,54",
    ),
    "Q": (
        "42,1 16,12 3,48 16,88 42,99 68,88 80,50 68,12 42,1 / 48,70 80,106",
        "44,2 12,16 4,54 20,94 50,96 76,72 76,26 44,2 / 54,82 62,96 84,98",
    ),
    "R": (
        "8,0 8,100 / 4,4 36,0 54,20 44,44 10,52! 60,100",
        "8,100 8,3! 38,0 56,22 42,46 12,52! 34,64 62,100",
    ),
    "S": (
        "56,14 36,0 12,10 12,34 36,50 56,68 50,92 24,100 4,86",
        "58,8 30,1 8,20 24,42 50,58 54,86 28,100 2,94",
    ),
    "T": ("34,2 34,100 / 2,2 66,2", "2,4 68,1 / 36,3 33,100"),
    "U": ("6,0 6,66 18,94 36,100 54,94 66,66 66,0", "6,0 6,70 22,98 46,94 64,64 / 65,0 65,100"),
    "V": ("4,0 34,100! 64,0", "4,0 30,94 36,94 68,2"),
    "W": (
        "2,0 20,100! 42,30! 62,100! 84,0",
        "2,0 10,78 22,98 36,80 42,30 50,80 64,98 78,70 86,0",
    ),
    "X": ("4,0 62,100 / 60,0 4,100", "60,2 2,98 / 6,0 30,50 64,100"),
    "Y": (
        "4,0 34,48 / 64,0 34,48! 34,100",
        "4,0 34,52 / 66,0 18,100",
        "4,0 34,50! 66,0 / 34,50 32,100",
    ),
    "Z": ("6,2 60,2! 4,98! 64,98", "6,3 60,2! 4,98! 64,97 / 14,52 54,48"),
}


@functools.cache
def forms(character: str) -> tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]:
    "Each form's strokes: points (k, 2) in heights, and which of them are corners (k,)."
    found = []
    for form in SKELETONS[character]:
        strokes = []
        for stroke in form.split("/"):
            parts = stroke.split()
            points = np.array([[float(v) for v in p.rstrip("!").split(",")] for p in parts]) / 100
            strokes.append((points, np.array([p.endswith("!") for p in parts])))
        found.append(tuple(strokes))
    return tuple(found)


def smooth(points: np.ndarray, steps: int = 12) -> np.ndarray:
    "A centripetal Catmull-Rom curve through points (k, 2), densely sampled."
    if len(points) == 2:
        t = np.linspace(0, 1, 2 * steps)[:, None]
        return points[0] * (1 - t) + points[1] * t
    ends = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    p = np.concatenate([ends[:1], points, ends[1:]])
    gap = np.sqrt(np.hypot(*np.diff(p, axis=0).T)) + 1e-9
    knot = np.concatenate([[0], np.cumsum(gap)])[:, None]
    pieces = []
    for i in range(1, len(p) - 2):
        t = np.linspace(knot[i, 0], knot[i + 1, 0], steps, endpoint=False)[:, None]
        k, q = knot[i - 1 : i + 3], p[i - 1 : i + 3]

        def mix(left: np.ndarray, right: np.ndarray, i: int, j: int, k=k, t=t) -> np.ndarray:
            return ((k[j] - t) * left + (t - k[i]) * right) / (k[j] - k[i])

        a = [mix(q[j], q[j + 1], j, j + 1) for j in range(3)]  # the pyramid of Barry and Goldman
        b = [mix(a[j], a[j + 1], j, j + 2) for j in range(2)]
        pieces.append(mix(b[0], b[1], 1, 2))
    return np.concatenate([*pieces, points[-1:]])


def bent(points: np.ndarray, corners: np.ndarray, bow: np.ndarray) -> np.ndarray:
    "The path of a stroke: smooth between its corners; straight pieces bow a little."
    cuts = [0, *(np.flatnonzero(corners[1:-1]) + 1), len(points) - 1]
    pieces = []
    for i, (start, end) in enumerate(zip(cuts[:-1], cuts[1:], strict=True)):
        piece = smooth(points[start : end + 1])
        if end == start + 1:
            along = points[end] - points[start]
            t = np.linspace(0, 1, len(piece))[:, None]
            piece = piece + bow[i % len(bow)] * 4 * t * (1 - t) * np.array([along[1], -along[0]])
        pieces.append(piece if not pieces else piece[1:])
    return np.concatenate(pieces)


def even(path: np.ndarray, gap: float) -> np.ndarray:
    "A path (m, 2) sampled anew at equal steps of arc length, about gap."
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, length[-1], max(2, round(length[-1] / gap) + 1))
    return np.stack([np.interp(at, length, path[:, i]) for i in (0, 1)], 1)


@functools.lru_cache(4096)
def writer(seed: int, number: int) -> dict[str, float]:
    "What is constant in a writer's hand; lengths in heights of a character."
    random = np.random.default_rng([seed, 1, number])
    hasty = random.uniform()  # 0 careful, 1 hasty: what goes together in a hand
    return dict(
        slant=float(random.normal(0.12, 0.19)),
        aspect=float(np.exp(random.normal(0, 0.17))),
        size=float(random.uniform(0.6, 0.74)),
        round=float(0.012 + 0.03 * hasty * random.uniform(0.4, 1)),
        bow=float(random.normal(0, 0.035)),
        astray=float(random.uniform(0.015, 0.042)),  # of points, the same each time
        sloppy=float(0.006 + 0.016 * hasty * random.uniform(0.5, 1)),  # of points, each time
        tremor=float(random.uniform(0.004, 0.009) * (1.3 - 0.6 * hasty)),
        drift=float(random.uniform(0.008, 0.02)),
        over=float(0.01 + 0.045 * hasty * random.uniform(0.3, 1)),
        hook=float(max(0, random.normal(-0.02, 0.045))),
        wobble=float(random.uniform(0.01, 0.035)),
        turn=float(random.uniform(0.015, 0.05)),
        gap=float(0.043 + 0.02 * hasty),
        slow=float(random.uniform(0.06, 0.16)),  # how much a curve slows the pen
        pen=float(random.uniform(0.055, 0.1)),
    )


@functools.lru_cache(32768)
def habit(seed: int, number: int, label: int) -> tuple[int, tuple[np.ndarray, ...], float]:
    "The form of a character that a writer uses, where he misplaces its points, and its width."
    random = np.random.default_rng([seed, 2, number, label])
    known = forms(STROKES_CLASSES[label])
    share = 0.6 ** np.arange(len(known))
    form = int(random.choice(len(known), p=share / share.sum()))
    astray = writer(seed, number)["astray"]
    shifts = tuple(random.normal(0, astray, points.shape) for points, _ in known[form])
    return form, shifts, float(np.exp(random.normal(0, 0.06)))


def write(
    seed: int, number: int, label: int, random: np.random.Generator
) -> tuple[list[np.ndarray], float]:
    "One character as strokes of points (k, 2) in picture heights about the centre; and the pen."
    hand = writer(seed, number)
    form, shifts, wide = habit(seed, number, label)
    wide *= hand["aspect"] * np.exp(random.normal(0, 0.03))
    slant, turn = hand["slant"] + random.normal(0, 0.03), random.normal(0, hand["turn"])
    rotate = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shear = np.array([[wide, 0.0], [-slant, 1.0]])
    strokes = []
    for (points, corners), shift in zip(forms(STROKES_CLASSES[label])[form], shifts, strict=True):
        placed = points + shift + random.normal(0, hand["sloppy"], points.shape)
        path = bent(placed, corners, hand["bow"] + random.normal(0, 0.02, 4)) @ shear @ rotate
        path = even(path, 0.01)
        ahead, back = path[-1] - path[-min(8, len(path))], path[0] - path[min(7, len(path) - 1)]
        ahead, back = (v / max(np.hypot(*v), 1e-9) for v in (ahead, back))
        past = max(-0.01, random.normal(hand["over"], 0.015))
        tail = path[-1] + ahead * past * np.linspace(0, 1, 8)[1:, None]
        side = np.array([-back[1], back[0]]) * random.choice([-0.5, 0.7])
        grow = np.linspace(1, 0, 6)[:-1, None]
        head = path[0] + (back * 0.6 + side) * hand["hook"] * random.uniform(0.5, 1) * grow
        path = even(np.concatenate([head, path, tail]), 0.01)
        path = gaussian_filter1d(path, 100 * hand["round"], axis=0, mode="nearest")
        for reach, far in ((5, hand["tremor"]), (25, hand["drift"])):
            noise = gaussian_filter1d(random.normal(size=(len(path) + 8 * reach, 2)), reach, axis=0)
            path = path + far * np.sqrt(2 * reach * np.sqrt(np.pi)) * noise[4 * reach : -4 * reach]
        strokes.append(path)
    every = np.concatenate(strokes)
    low, high = every.min(0), every.max(0)
    size = hand["size"] * np.exp(random.normal(0, 0.03))
    room = 1 - hand["pen"] - 0.05
    size = min(size, *(room / (high - low)))
    middle = size * (high - low) / 2
    spare = np.maximum(room / 2 - middle, 0)
    place = np.clip(random.normal(0, [0.02, hand["wobble"]]), -spare, spare)
    return [size * (path - (low + high) / 2) + place for path in strokes], size


def sampled(path: np.ndarray, gap: float, slow: float) -> np.ndarray:
    "Points of a dense path as a pen leaves them at equal times: closer where it bends."
    if len(path) < 5:
        return path[[0, -1]]
    step = np.diff(path, axis=0)
    soft = gaussian_filter1d(np.unwrap(np.arctan2(step[:, 1], step[:, 0])), 3, mode="nearest")
    length = np.hypot(*step.T)
    curve = abs(np.gradient(soft)) / np.maximum(length, 1e-9)
    spent = np.concatenate([[0], np.cumsum(length * (1 + np.minimum(slow * curve, 1.5)))])
    at = np.linspace(0, spent[-1], max(2, round(spent[-1] / gap) + 1))
    return np.stack([np.interp(at, spent, path[:, i]) for i in (0, 1)], 1)


def track(strokes: list[np.ndarray], gap: float, slow: float) -> np.ndarray:
    "Strokes as rows (dx, dy, lift), at most LONGEST of them."
    while True:
        points = [sampled(path, gap, slow) for path in strokes]
        if sum(map(len, points)) <= LONGEST:
            break
        gap *= 1.08
    rows = np.zeros((sum(map(len, points)), 3), np.float32)
    rows[:, :2] = np.diff(np.concatenate([np.zeros((1, 2)), *points]), axis=0)
    rows[np.cumsum([len(p) for p in points]) - 1, 2] = 1
    return rows


def draw(tracks: np.ndarray, lengths: np.ndarray, pen: np.ndarray, size: int = 32) -> np.ndarray:
    """Pictures uint8 (n, size, size) of tracks (n, T, 3), drawn with a round pen.

    A pixel's ink is how deep its middle lies within half the pen's width (in picture heights) of
    the path, in pixels from 0 to 1 with 0.5 at the edge. Works for anybody's tracks.
    """
    images = np.zeros((len(tracks), size, size), np.uint8)
    middle = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5).astype(np.float32)
    for i, (rows, length) in enumerate(zip(tracks, lengths, strict=True)):
        rows = rows[:length].astype(np.float32)
        points = np.cumsum(rows[:, :2].astype(np.float64), 0).astype(np.float32)
        down = np.ones(length, bool)
        down[1:] = rows[:-1, 2] < 0.5  # drawn from the point before; alone, a point is a dot
        first = np.arange(length) - down
        first[:1] = 0
        a, step = points[first], points - points[first]
        square = np.maximum((step**2).sum(1), 1e-12)
        x, y = middle - a[:, :1], middle - a[:, 1:]  # (k, size) each
        along = (x * step[:, :1] / square[:, None])[:, None] + (y * step[:, 1:] / square[:, None])[
            :, :, None
        ]
        along = np.clip(along, 0, 1)
        far = (x[:, None] - along * step[:, :1, None]) ** 2
        far += (y[:, :, None] - along * step[:, 1:, None]) ** 2
        ink = (pen[i] / 2 - np.sqrt(far.min(0))) * size + 0.5
        images[i] = np.rint(255 * np.clip(ink, 0, 1))
    return images


def make_strokes(seed: int = 0, count: int = 7200, size: int = 32) -> dict[str, np.ndarray]:
    """Digits and capitals, one writer after another; groups are writers.

    Picture i shows character i % 36 by writer i // 36 % WRITERS and depends on seed and i only.
    """
    tracks = np.zeros((count, LONGEST, 3), np.float32)
    lengths, pens = np.zeros(count, np.int64), np.zeros(count, np.float32)
    number = np.arange(count, dtype=np.int64)
    labels = number % len(STROKES_CLASSES)
    groups = number // len(STROKES_CLASSES) % WRITERS
    for i in range(count):
        random = np.random.default_rng([seed, 3, i])
        hand = writer(seed, int(groups[i]))
        strokes, tall = write(seed, int(groups[i]), int(labels[i]), random)
        rows = track(strokes, hand["gap"] * tall, hand["slow"] * tall)
        tracks[i, : len(rows)], lengths[i] = rows, len(rows)
        pens[i] = hand["pen"] * np.exp(random.normal(0, 0.04))
    images = draw(tracks, lengths, pens, size)
    slants = [writer(seed, int(w))["slant"] for w in groups]
    return dict(
        images=images,
        labels=labels,
        groups=groups,
        tracks=tracks,
        lengths=lengths,
        pen=pens,
        slant=np.array(slants, np.float32),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder for contact sheets")
    parser.add_argument("--count", type=int, default=7200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    made = make_strokes(options.seed, options.count)
    print(f"strokes: {options.count} in {time.perf_counter() - start:.1f} s, {checksum(made)}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        grid(from_array(made["images"][:720]), 36).save(options.out / "strokes.png")
        few = {name: made[name][:180] for name in ("tracks", "lengths", "pen")}
        grid(from_array(draw(**few, size=64)), 18).save(options.out / "strokes_large.png")


if __name__ == "__main__":
    main()
