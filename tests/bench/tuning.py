"""What each knob buys on digits at a fixed budget: python tests/bench/tuning.py

`create_gan`'s default recipe and changes to it, on 1,438 handwritten digits (scikit-learn, real,
8x8), a fixed number of core-seconds (CPU time of this process, one thread) a run, five seeds; the
Fréchet distance to 359 digits that nobody trained on, minus the floor. The result is
data/records/tuning.json; runs that are in it already are not played again, and each is written when
it is there.
"""

import argparse
import json
import os
import time
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import filelock  # noqa: E402
import torch  # noqa: E402

from ganbook.api import Recipe, create_gan  # noqa: E402
from ganbook.datasets import load_set, split  # noqa: E402
from ganbook.features import extract  # noqa: E402
from ganbook.metrics import frechet_distance  # noqa: E402
from ganbook.training import write_json  # noqa: E402
from ganbook.tuning import final, gains  # noqa: E402

RECORD = Path(__file__).resolve().parents[2] / "data" / "records" / "tuning.json"
SECONDS, SEEDS = 15, range(5)
CHANGES = {
    "base": {},
    "rate / 4": dict(learning_rate=5e-4),
    "hinge": dict(game="hinge"),
    "no penalty": dict(penalties=()),
    "half the width": dict(width=16),
    "light augmentation": dict(augment="light"),
}


def train(setting, data, test, seed):
    "Train for so many core-seconds, then measure once."
    gan = create_gan(8, 1, recipe=Recipe(**setting), seed=seed, device="cpu")
    start, step = time.process_time(), 0
    for record in gan.records(data):
        step = record.step
        if time.process_time() - start >= SECONDS:
            break
    fake = gan.generate(len(data), seed=seed)
    yield step, frechet_distance(extract(fake), extract(test.images))


def kept():
    "What is recorded."
    if RECORD.exists():
        return json.loads(RECORD.read_text(encoding="utf-8"))
    return {
        "command": "python tests/bench/tuning.py",
        "machine": "one thread of a shared virtual CPU",
        "versions": {k: version(k) for k in ("torch", "scikit-learn", "numpy")},
        "seconds": SECONDS,
        "runs": [],
    }


def keep(**more):
    "Add to what is recorded by now, perhaps by another process, too."
    RECORD.parent.mkdir(exist_ok=True)
    with filelock.FileLock(RECORD.with_name(".tuning.lock")):
        record = kept()
        record["runs"] += more.pop("runs", [])
        order = list(CHANGES)
        record["runs"].sort(key=lambda r: (r["seed"], order.index(r["name"])))
        write_json(RECORD, record | more)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = split(load_set("digits"), 0.2, seed=0)
    base = frechet_distance(*(extract(part.images) for part in data))
    keep(floor=round(base, 4))
    for seed in args.seeds:
        for name, setting in CHANGES.items():
            if any((r["name"], r["seed"]) == (name, seed) for r in kept()["runs"]):
                continue
            stream = list(train(setting, *data, seed))
            made = dict(name=name, seed=seed, distance=round(final(stream), 4), steps=stream[-1][0])
            keep(runs=[made])
            print(made, flush=True)
    value = {(r["name"], r["seed"]): r["distance"] - base for r in kept()["runs"]}
    whole = [s for s in SEEDS if all((name, s) in value for name in CHANGES)]
    if len(whole) > 1:
        for name, gain in gains({n: [value[n, s] for s in whole] for n in CHANGES}).items():
            print(f"{name:20} {gain}")


if __name__ == "__main__":
    main()
