"""Train the two encoders that ship with the book: python data/make/encoder.py [--measure]

One thread, seeded, some minutes each (it says how many). The work is that of
ganbook.features.train_encoder, done for many sets at once: all labelled sets of the book, line
drawings made here, and the photographs without labels. Of the book's sets only the training part
of datasets.split(data, .2, seed=0) is seen. Prints the checksums that nbs/04_features.ipynb records
in ENCODERS, and what a linear classifier on the frozen features names correctly in the held-out
parts; writes the latter to records/encoder.json. With --measure it only does that, for the encoders
that ship. Made again on the same machine, the convolutions come out bit for bit and the last layer
up to rounding (its eigenvalue routine rounds differently from run to run), so a new file may have
another checksum: the one that ships is the one recorded.
"""

import argparse
import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save
from torch import Tensor

from ganbook.datasets import Images, load_set, split
from ganbook.features import Encoder, _level, _teach, load_encoder, train_classifier
from ganbook.images import to_channels

SETS = {
    1: (
        "digits",
        "glyphs",
        "numerals",
        "words",
        "strokes",
        "thorax-ct",
        "thorax-xray",
        "brain",
        "drawings",
        "photos",
    ),
    3: ("shapes", "glyphs", "rooms", "landscapes", "buildings", "photos"),
}
WRITTEN = ("digits", "glyphs", "numerals", "words", "strokes", "drawings")

NAMES = {1: "grey", 3: "colour"}

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


def coloured(images: Tensor, seed: int) -> Tensor:
    "Grey pictures as ink of one random colour on paper of another, at least clearly apart."
    generator = torch.Generator().manual_seed(seed)
    ink = torch.rand(len(images), 3, 1, 1, generator=generator)
    paper = torch.rand(len(images), 3, 1, 1, generator=generator)
    close = (ink - paper).abs().amax(1, keepdim=True) < 0.4
    ink = torch.where(close, (paper + 0.5) % 1, ink)
    return (paper + (images + 1) / 2 * (ink - paper)) * 2 - 1


def parts(name: str, channels: int) -> tuple[Images, Images]:
    "The training part and the held-out part of one set, in the channels that the encoder sees."
    if name == "drawings":
        return Images(*drawings(4000, 1)), Images(*drawings(1000, 2))
    found = []
    for part, seed in zip(split(load_set(name), 0.2, seed=0), (1, 2), strict=True):
        write = channels == 3 and name in WRITTEN
        images = coloured(part.images, seed) if write else to_channels(part.images, channels)
        found.append(Images(images, part.labels))
    return found[0], found[1]


def turned_dark(name: str, data: Images) -> tuple[Tensor, Tensor | None]:
    "Every fourth picture of writing dark on light; labels as they are."
    images = data.images.clone()
    if name in WRITTEN:
        images[::4] *= -1
    return images, data.labels


def train(channels: int, steps: int, seed: int = 0, batch: int = 160) -> Encoder:
    "One encoder for all sets."
    known = {name: parts(name, channels)[0] for name in SETS[channels]}
    torch.manual_seed(seed)
    encoder = Encoder(channels, name=NAMES[channels])
    lessons = [turned_dark(name, data) for name, data in known.items()]
    _teach(encoder, lessons, steps, seed, each=batch // len(known) // 4 * 4)
    encoder.eval().requires_grad_(False)
    _level(encoder, [data.images[:1000] for data in known.values()])
    for p in encoder.parameters():
        p.copy_(p.half())
    return encoder


def named(encoder: Encoder, seed: int = 0) -> dict[str, dict[str, float]]:
    "Of each set with names: the share of held-out pictures that a linear layer names correctly."
    found = {}
    for name in SETS[encoder.channels]:
        known, held = parts(name, encoder.channels)
        if known.labels is None:
            continue
        reader = train_classifier(known.images, known.labels, 1500, seed, encoder)
        right = reader.accuracy(held.images, held.labels)
        found[name] = {"held_out": len(held), "classes": int(known.labels.max()) + 1}
        found[name]["right"] = round(right, 4)
        print(f"  {name:12} {100 * right:.1f} % of the held-out part named correctly", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument(
        "--measure", action="store_true", help="train nothing: measure the encoders that ship"
    )
    parser.add_argument("--channels", type=int, nargs="+", choices=(1, 3), default=(1, 3))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record = arguments.out / "records" / "encoder.json"
    held = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    for channels in arguments.channels:
        begun, name = time.process_time(), NAMES[channels]
        if arguments.measure:
            encoder = load_encoder(channels)
        else:
            encoder = train(channels, arguments.steps)
            content = save({k: v.half().contiguous() for k, v in encoder.state_dict().items()})
            file = arguments.out / f"encoder_{name}.safetensors"
            file.write_bytes(content)
            print(
                f"{file.name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"
            )
        held[name] = {"fingerprint": encoder.fingerprint(), "seed": 0, "named": named(encoder)}
        print(f"{name}: {time.process_time() - begun:.0f} s of one core", flush=True)
    held["command"] = "python data/make/encoder.py --measure"
    held["versions"] = {"torch": torch.__version__.split("+")[0], "numpy": np.__version__}
    record.parent.mkdir(exist_ok=True)
    record.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
