"""What augmentation buys with few pictures: python tests/bench/augment.py

Handwritten digits (scikit-learn, real, 8x8), n of 1,438 for training, 359 never trained on as the
reference; Fréchet distance minus floor over the steps, for several n, seeds and augmentations. The
result is data/records/augment.json: a run that is in it already is not played again, and what was
measured is written after every run. `--print` only prints what is there.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402

from ganbook.api import Recipe, create_gan  # noqa: E402
from ganbook.augment import AUGMENTS  # noqa: E402
from ganbook.datasets import load_set, split  # noqa: E402
from ganbook.features import extract  # noqa: E402
from ganbook.metrics import frechet_distance  # noqa: E402
from ganbook.training import write_json  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.records import RECORDS, few, recorded, stamped  # noqa: E402

RECORD = RECORDS / "augment.json"
MARKS = (250, 500, 1000, 1500, 2000, 2500, 3000)
LONGER = (4500, 6000, 8000)  # for the tenth of the digits: is there an end to what it gains?
PAIR = ("none", "light")
JOBS = [(144, seed, name) for seed in range(5) for name in PAIR]
JOBS += [(n, seed, name) for seed in range(3) for n in (100, 1000) for name in PAIR]
JOBS += [(144, seed, "adaptive") for seed in range(3)]
JOBS += [(n, seed, name) for seed in (3, 4) for n in (100, 1000) for name in PAIR]
JOBS += [(144, seed, name) for seed in range(5) for name in ("adaptive", "diff")]


def marks_of(n):
    "The steps at which a run with n pictures is measured."
    return MARKS + LONGER if n == 144 else MARKS


def run(train, test, n, seed, name):
    "One training; its distances, and how D scores pictures that it saw and others."
    base = frechet_distance(extract(train.images), extract(test.images))
    data, start = few(train, n, seed), time.process_time()
    gan = create_gan(8, 1, seed=seed, recipe=Recipe(augment=name), device="cpu")
    found, strengths = {}, {}
    marks = marks_of(n)
    for record in gan.records(data, steps=marks[-1]):
        if record.step in marks:
            fake = gan.generate(len(train), seed=seed)
            found[record.step] = frechet_distance(extract(fake), extract(test.images)) - base
            strengths[record.step] = float(getattr(gan.gan.prepare, "p", 0))
    seen, unseen = (gan.scores(x.images).sign().mean().item() for x in (data, test))
    return dict(
        n=n,
        seed=seed,
        augment=name,
        distance={k: round(v, 3) for k, v in found.items()},
        p={k: round(v, 3) for k, v in strengths.items()},
        sign_seen=round(seen, 3),
        sign_unseen=round(unseen, 3),
        seconds=round(time.process_time() - start, 1),
    )


def key(r):
    return r["n"], r["seed"], r["augment"]


def done(record):
    "The runs that were played to their last mark."
    return {key(r) for r in record["runs"] if str(marks_of(r["n"])[-1]) in r["distance"]}


def summary(runs):
    "Median distances at the end and at the best step, and ratios paired by seed."
    for n in sorted({r["n"] for r in runs}):
        by = {
            name: {r["seed"]: r for r in runs if r["n"] == n and r["augment"] == name}
            for name in AUGMENTS
        }
        for name, found in by.items():
            if not found:
                continue
            last = [list(r["distance"].values())[-1] for r in found.values()]
            best = [min(r["distance"].values()) for r in found.values()]
            line = f"n = {n}, {name:8} ({len(last)} seeds): last {statistics.median(last):.2f}, "
            line += f"best {statistics.median(best):.2f}"
            both = sorted(set(found) & set(by["none"]))
            if name != "none" and both:
                ratios = [
                    list(by["none"][s]["distance"].values())[-1]
                    / list(found[s]["distance"].values())[-1]
                    for s in both
                ]
                fair = [
                    min(by["none"][s]["distance"].values()) / min(found[s]["distance"].values())
                    for s in both
                ]
                line += f"; ratio at the end {statistics.median(ratios):.2f} ({min(ratios):.2f} to "
                line += f"{max(ratios):.2f}), best against best {statistics.median(fair):.2f}"
            print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print what is recorded")
    parser.add_argument("--jobs", type=int, default=len(JOBS), help="play the first so many only")
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5), help="only these")
    args = parser.parse_args()
    torch.set_num_threads(1)
    train, test = split(load_set("digits"), 0.2, seed=0)
    for n, seed, name in [] if args.print else JOBS[: args.jobs]:
        if seed not in args.seeds or (n, seed, name) in done(recorded(RECORD, runs=[])):
            continue
        made = run(train, test, n, seed, name)
        record = recorded(RECORD, runs=[])  # another process may have written meanwhile
        record["runs"] = [r for r in record["runs"] if key(r) != (n, seed, name)]
        record |= stamped("augment", "scikit-learn")
        record["reference"] = "359 held-out digits; as many generated as there are others, 1438"
        record["runs"].append(made)
        record["runs"].sort(key=lambda r: (r["n"], r["augment"], r["seed"]))
        write_json(RECORD, record)
        print(n, seed, name, list(made["distance"].values()), flush=True)
    summary(recorded(RECORD, runs=[])["runs"])


if __name__ == "__main__":
    main()
