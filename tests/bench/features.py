"""What the encoder tells apart: python tests/bench/features.py [accuracy ladder speed] [--sets ...]

`accuracy`: for every labelled set of the book, the share of held-out pictures (whole groups where a
set has groups: typefaces, writers, patients) that is named correctly by (a) a classifier trained on
that set alone within --seconds core-seconds, over several splits and seeds; (b) a linear layer on
the frozen encoder that ships, over several seeds but always on the split that the encoder was
trained by (seed 0), since it has met the held-out pictures of the others. Radiographs,
rooms and landscapes are made in larger numbers than their cards say (COUNT): from 500 and 2,000
their labels are not learned to 95 %; the split of the larger set holds out other groups than the
one the encoder was trained by.
`ladder`: the Fréchet distance, on the shipped encoder, of one random half of the held-out pictures
from the other half, spoiled by noise, blur and dropped classes in rising strength; every rung must
lie above the one below it, the first above the floor (clean against clean).
`speed`: core-seconds for 1,000 pictures and for 600 steps of training.
Core-seconds are CPU time of this process on one thread.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from ganbook.datasets import SETS, load_set, split
from ganbook.features import extract, load_encoder, train_classifier
from ganbook.metrics import frechet_distance

NOISE = (0.1, 0.2, 0.4, 0.8)  # standard deviation, pictures being in [-1, 1]
BLUR = (0.8, 1.2, 1.8, 2.7)  # standard deviation, in pixels of a picture 32 high
DROP = (0.25, 0.5, 0.75, 1.0)  # of the pictures of every second class, in a seeded order
COUNT = {
    "thorax-xray": 1500,
    "rooms": 4000,
    "landscapes": 4000,
}  # more than the card says: see accuracy
SKIPPED = ("pairs", "day-night")  # the same pictures as numerals and landscapes, in twos


def labelled(names):
    "The labelled sets that can be made here, one after another."
    for name in names or SETS:
        if name in SKIPPED and not names:
            continue
        try:
            data = load_set(name, count=COUNT.get(name))
        except ImportError as missing:
            print(f"{name}: left out, {missing}")
            continue
        if data.labels is not None:
            yield name, data


def enough(step_seconds, seconds):
    "Steps of 64 that fit into so many core-seconds, with a tenth to spare."
    return max(50, int(0.9 * seconds / step_seconds))


def spread(values):
    low, middle, high = (100 * f(values) for f in (min, statistics.median, max))
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def step_time(images, labels):
    "Core-seconds of a step of train_classifier, measured in a short training."
    train_classifier(images, labels, steps=10)
    start = time.process_time()
    train_classifier(images, labels, steps=20)
    return (time.process_time() - start) / 20


def accuracy(args):
    print(f"{'':12} {'own classifier %':>24} {'core s':>7} {'linear on shipped %':>24}")
    for name, data in labelled(args.sets):
        own, linear, spent = [], [], []
        for seed in range(args.seeds):
            train, test = split(data, 0.2, seed=seed)
            steps = enough(step_time(train.images, train.labels), args.seconds)
            start = time.process_time()
            reader = train_classifier(train.images, train.labels, steps, seed)
            spent.append(time.process_time() - start)
            own.append(reader.accuracy(test.images, test.labels))
            train, test = split(data, 0.2, seed=0)
            reader = train_classifier(
                train.images, train.labels, 1500, seed, load_encoder(data.shape[1])
            )
            linear.append(reader.accuracy(test.images, test.labels))
        print(f"{name:12} {spread(own):>24} {max(spent):7.0f} {spread(linear):>24}", flush=True)


def noisy(images, labels, strength, seed):
    generator = torch.Generator().manual_seed(seed)
    return (images + strength * torch.randn(images.shape, generator=generator)).clamp(-1, 1)


def soft(images, labels, strength, seed):
    sigma = strength * max(images.shape[2], 16) / 32  # below half a pixel nothing is blurred
    reach = max(1, round(3 * sigma))
    tap = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
    tap = (tap / tap.sum()).expand(images.shape[1], 1, 1, -1)
    channels = images.shape[1]
    h = F.pad(images, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(h, tap, groups=channels), tap.mT, groups=channels).clamp(-1, 1)


def dropped(images, labels, strength, seed):
    "Without a share of the pictures of half of the classes, the same classes on every rung."
    generator = torch.Generator().manual_seed(seed)
    classes = int(labels.max()) + 1
    fading = torch.randperm(classes, generator=generator)[: max(1, classes // 2)]
    member = torch.isin(labels, fading).nonzero().squeeze(1)
    keep = torch.ones(len(labels), dtype=torch.bool)
    keep[member[: round(strength * len(member))]] = False
    return images[keep]


LADDERS = {"noise": (noisy, NOISE), "blur": (soft, BLUR), "dropped": (dropped, DROP)}


def ladder(args):
    failed = 0
    for name, data in labelled(args.sets):
        test = split(data, 0.2, seed=0)[1]
        if len(test) < 1000:  # too few for two halves: the whole set then, seen in training or not
            test = data
        for kind, (spoil, strengths) in LADDERS.items():
            rungs = []
            for seed in range(args.seeds):
                order = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))
                half, other = test.take(order[::2][:1000]), test.take(order[1::2][:1000])
                real = extract(half.images)
                made = [other.images] + [
                    spoil(other.images, other.labels, s, seed) for s in strengths
                ]
                rungs.append([frechet_distance(real, extract(x)) for x in made])
            right = all(a < b for seen in rungs for a, b in zip(seen, seen[1:], strict=False))
            failed += not right
            middle = [statistics.median(column) for column in zip(*rungs, strict=True)]
            print(
                f"{name:12} {kind:8} {'rises' if right else 'FAILS'}  floor {middle[0]:.2f}, then "
                + ", ".join(f"{value:.2f}" for value in middle[1:])
                + f"  ({len(half)} against {len(other)}, {args.seeds} seeds)",
                flush=True,
            )
            if not right:
                print(" " * 13, [[round(value, 2) for value in seen] for seen in rungs])
    print(f"{failed} ladders of {args.seeds} seeds out of order")


def speed(args):
    for channels in (1, 3):
        images = torch.rand(1000, channels, 32, 32) * 2 - 1
        load_encoder(channels), extract(images[:256])
        start = time.process_time()
        extract(images)
        seconds = time.process_time() - start
        each = step_time(images, torch.arange(1000) % 10)
        print(
            f"{channels} channels: 1,000 pictures {seconds:.2f} core-seconds, "
            f"600 steps of training {600 * each:.0f}"
        )


BENCHES = {"speed": speed, "ladder": ladder, "accuracy": accuracy}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=[[], *BENCHES], default=list(BENCHES))
    parser.add_argument("--sets", nargs="+", help="default: every labelled set of the book")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60, help="core-seconds a classifier")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.what:
        BENCHES[name](args)


if __name__ == "__main__":
    main()
