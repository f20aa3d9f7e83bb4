"""Train the two encoders that ship with the book: python data/make/encoder.py [--out DIR]

One thread, seeded; little more than a minute each. Prints held-out accuracy, task by task, and the
checksums that nbs/04_features.ipynb records in ENCODERS. Of the book's sets only the training part
of datasets.split(data, .2, seed=0) is seen. Made again on the same machine, the convolutions come
out bit for bit and the last layer within 1e-7 (its eigenvalue routine rounds differently from run
to run), so a new file has another checksum: the one that ships is the one recorded.
"""

import argparse
import hashlib
import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from safetensors.torch import save
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from ganbook.datasets import load_set, split
from ganbook.features import Encoder, extract, prepare

KINDS = (
    "ellipse",
    "triangle",
    "quadrangle",
    "star",
    "spiral",
    "wave",
    "cross",
    "one stroke",
    "two strokes",
    "three strokes",
)


class Task(NamedTuple):
    "Labelled pictures, a training part and a held-out one."

    name: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def curve(kind: int, random: np.random.Generator) -> list[np.ndarray]:
    "The strokes of one drawing, each (points, 2), about the unit circle."
    t = np.linspace(0, 1, 40)
    turn = random.uniform(0, 2 * math.pi)
    if kind == 0:
        a = 2 * math.pi * t
        strokes = [np.stack([np.cos(a), random.uniform(0.4, 1) * np.sin(a)], 1)]
    elif kind in (1, 2, 3):
        corners = (3, 4, 10)[kind - 1]
        a = 2 * math.pi * np.arange(corners + 1) / corners
        r = np.where(np.arange(corners + 1) % 2, 0.45, 1.0) if kind == 3 else 1.0
        points = np.stack([r * np.cos(a), r * np.sin(a)], 1)
        points[:-1] += random.normal(0, 0.06, points[:-1].shape)
        points[-1] = points[0]
        strokes = [points]
    elif kind == 4:
        a = 2 * math.pi * random.uniform(2, 3) * t
        strokes = [np.stack([t * np.cos(a), t * np.sin(a)], 1)]
    elif kind == 5:
        strokes = [np.stack([2 * t - 1, 0.5 * np.sin(2 * math.pi * random.uniform(1.5, 3) * t)], 1)]
    elif kind == 6:
        strokes = [
            np.array([[-1, 0], [1, random.normal(0, 0.2)]]),
            np.array([[0, -1], [random.normal(0, 0.2), 1]]),
        ]
    else:
        strokes = []
        for _ in range(kind - 6):
            p = random.uniform(-1, 1, (4, 2))
            b = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)
            strokes.append(b @ p)
        turn = 0.0
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    scale, shift = random.uniform(0.6, 0.95), random.uniform(-0.1, 0.1, 2)
    return [scale * s @ rotation.T + shift for s in strokes]


def drawings(count: int, seed: int) -> tuple[Tensor, Tensor]:
    "Line drawings of ten kinds, white on black, 32 x 32."
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(KINDS), count)
    pictures = []
    for kind in labels:
        sheet = Image.new("L", (96, 96))
        pen, width = ImageDraw.Draw(sheet), int(random.integers(4, 11))
        for stroke in curve(int(kind), random):
            pen.line([tuple(p) for p in 48 + 44 * stroke], fill=255, width=width, joint="curve")
        pictures.append(np.asarray(sheet.resize((32, 32), Image.Resampling.BOX)))
    images = torch.from_numpy(np.stack(pictures)).float()[:, None] / 127.5 - 1
    return images, torch.from_numpy(labels).long()


def patches(count: int, seed: int, columns: tuple[float, float]) -> tuple[Tensor, Tensor]:
    "Squares of the two sample photographs between two columns (shares of the width), to 32 x 32."
    random = np.random.default_rng(seed)
    photographs = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    pictures, which = [], random.integers(0, 2, count)
    for k in which:
        photograph, side = photographs[k], int(random.integers(40, 121))
        left, right = (int(c * photograph.width) for c in columns)
        x, y = (
            random.integers(left, right - side + 1),
            random.integers(0, photograph.height - side + 1),
        )
        pictures.append(
            np.asarray(
                photograph.resize((32, 32), Image.Resampling.LANCZOS, (x, y, x + side, y + side))
            )
        )
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return images, torch.from_numpy(which).long()


def turned(images: Tensor, photograph: Tensor) -> tuple[Tensor, Tensor]:
    "Patches turned by 0, 90, 180 or 270 degrees; the label is turn and photograph together."
    quarter = torch.arange(len(images)) % 4
    rotated = torch.stack(
        [torch.rot90(x, int(k), (1, 2)) for x, k in zip(images, quarter, strict=True)]
    )
    return rotated, 4 * photograph + quarter


def coloured(images: Tensor, seed: int) -> Tensor:
    "Grey pictures as ink of one random colour on paper of another, at least clearly apart."
    generator = torch.Generator().manual_seed(seed)
    ink = torch.rand(len(images), 3, 1, 1, generator=generator)
    paper = torch.rand(len(images), 3, 1, 1, generator=generator)
    close = (ink - paper).abs().amax(1, keepdim=True) < 0.4
    ink = torch.where(close, (paper + 0.5) % 1, ink)
    return (paper + (images + 1) / 2 * (ink - paper)) * 2 - 1


def tasks(channels: int) -> list[Task]:
    "The labelled sets of one encoder."
    found = []
    names = ("glyphs", "digits") if channels == 1 else ("shapes", "glyphs")
    for name in names:
        parts = []
        for part, seed in zip(split(load_set(name), 0.2, seed=0), (1, 2), strict=True):
            images = prepare(part.images, part.images.shape[1])
            if channels == 3 and images.shape[1] == 1:
                images = coloured(images, seed)
            parts.append((images, part.labels))
        found.append(Task(name, *parts))
    if channels == 1:
        found.append(Task("drawings", drawings(4000, 1), drawings(1000, 2)))
    parts = (patches(4000, 3, (0, 0.8)), patches(1000, 4, (0.8, 1)))
    found.append(Task("photos", *(turned(prepare(x, channels), which) for x, which in parts)))
    return found


def spoil(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    "Blur, break and add noise, each to a random quarter; also returns the strengths (n, 3)."
    n = len(images)
    strength = torch.rand(n, 3, generator=generator) * (
        torch.rand(n, 3, generator=generator) < 0.25
    )
    blur, breaks, noise = strength[:, :, None, None].unbind(1)
    tap = torch.arange(32.0)
    weights = torch.exp(-((tap[:, None] - tap) ** 2) / (2 * (0.05 + 1.95 * blur[:, None]) ** 2))
    weights = weights / weights.sum(3, keepdim=True)
    h = weights @ images @ weights.mT
    holes = torch.rand(n, 1, 11, 11, generator=generator) < 0.3 * breaks[:, None]
    left, top = torch.randint(0, 3, (2,), generator=generator).tolist()
    holes = (
        holes.repeat_interleave(3, 2)
        .repeat_interleave(3, 3)
        .roll((top, left), (2, 3))[:, :, :32, :32]
    )
    h = torch.where(holes, h.flatten(2).median(2).values[:, :, None, None], h)
    h = h + 0.6 * noise[:, None] * torch.randn(h.shape, generator=generator)
    return h.clamp(-1, 1), strength


def train(
    channels: int, steps: int = 2400, batch: int = 48, seed: int = 0
) -> tuple[Encoder, dict[str, float]]:
    "One encoder for all tasks: cross-entropy for each, mean squared error for the three strengths."
    sets = tasks(channels)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    encoder = Encoder(channels)
    heads = nn.ModuleList([nn.Linear(encoder.dim, int(t.train[1].max()) + 1) for t in sets])
    quality = nn.Linear(encoder.dim, 3)
    model = nn.ModuleList([encoder, heads, quality])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    each = batch // len(sets)
    for _ in range(steps):
        parts, labels = [], []
        for task in sets:
            index = torch.randint(len(task.train[0]), (each,), generator=generator)
            parts.append(task.train[0][index])
            labels.append(task.train[1][index])
        clean = torch.cat(parts)
        flip = torch.rand(len(clean), 1, 1, 1, generator=generator) < 0.25
        clean = torch.where(flip, -clean, clean)
        images, strength = spoil(clean, generator)
        features = encoder(images)
        loss = (quality(features) - strength).square().mean() * 10
        for part, label, head in zip(features.split(each), labels, heads, strict=True):
            loss = loss + F.cross_entropy(head(part), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cycle.step()
    encoder.eval().requires_grad_(False)
    report = {}
    for task, head in zip(sets, heads, strict=True):
        guess = head(extract(task.test[0], encoder)).argmax(1)
        report[task.name] = (guess == task.test[1]).float().mean().item()
    images, strength = spoil(torch.cat([t.test[0][:500] for t in sets]), generator)
    error = (quality(extract(images, encoder)) - strength).square().mean(0)
    for name, e, v in zip(("blur", "breaks", "noise"), error, strength.var(0), strict=True):
        report[f"{name}, variance explained"] = 1 - (e / v).item()
    even(encoder, [t.train[0][:1000] for t in sets])
    return encoder, report


def even(encoder: Encoder, sets: list[Tensor]) -> None:
    "Multiply the last layer by covariance^(-1/4) and centre it: half the way to white."
    features = [extract(images, encoder).double() for images in sets]
    covariance = torch.stack([x.T.cov() for x in features]).mean(0)
    values, vectors = torch.linalg.eigh(covariance)
    change = (vectors * (values + 1e-3) ** -0.25) @ vectors.T
    change = change / (change @ covariance @ change).diagonal().mean().sqrt()
    last = encoder.project
    last.bias.copy_(change @ (last.bias - torch.cat(features).mean(0)))
    last.weight.copy_(change @ last.weight.double())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--steps", type=int, default=2400)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, channels in (("grey", 1), ("colour", 3)):
        begun = time.process_time()
        encoder, report = train(channels, arguments.steps)
        content = save({k: v.contiguous() for k, v in encoder.state_dict().items()})
        file = arguments.out / f"encoder_{name}.safetensors"
        file.write_bytes(content)
        for task, value in report.items():
            print(f"  {task:28} {value:.3f} held out")
        print(
            f"{file.name}: {len(content)} bytes, {time.process_time() - begun:.0f} s of one core, "
            f"sha256 {hashlib.sha256(content).hexdigest()}",
            flush=True,
        )


if __name__ == "__main__":
    main()
