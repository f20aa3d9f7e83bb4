"""What to expect from 20, 200 and 2,000 pictures: python tests/bench/yours.py

Patches of real photographs, 32x32 in colour (set "photos"): n of the 2,000 patches of four
photographs for training, 1,000 patches of two other photographs as the reference. Measured over the
steps: the Fréchet distance minus its floor to the two photographs never seen and to all patches of
the four, and the share of memorised pictures; for several n, with and without augmentation, for
three seeds. The result is data/records/yours.json, and yours.jpg with pictures of seed 0: a run
that is in it already is not played again. `--print` only prints what is there.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402

from ganbook.api import PRESETS, create_gan  # noqa: E402
from ganbook.datasets import load_set, split  # noqa: E402
from ganbook.features import extract  # noqa: E402
from ganbook.images import read_image, write_image  # noqa: E402
from ganbook.metrics import frechet, frechet_distance, memorised  # noqa: E402
from ganbook.training import write_json  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.records import RECORDS, commit, few, recorded, stamped  # noqa: E402

RECORD = RECORDS / "yours.json"
SHEET = RECORD.with_suffix(".jpg")
EVERYDAY = range(6)  # china, flower, astronaut, cat, coffee, rocket; not galaxies, tissue, retina
MARKS = (100, 200, 400)
SIZES = (20, 200, 2000)
RECIPES = ("quick", "few")  # as it comes, and with light augmentation
JOBS = [(n, seed, name) for name in RECIPES for seed in range(3) for n in SIZES]
ROWS = [(n, name) for n in SIZES for name in RECIPES]
COLUMNS = 12  # pictures a row of the sheet


def photographs():
    "(patches of four photographs, patches of two others): split by photograph."
    photos = load_set("photos")
    return split(photos.take(torch.isin(photos.groups, torch.tensor(EVERYDAY))), 1 / 3, seed=0)


def yardstick(train, test):
    "What real pictures get: the floors, and the four photographs against the two."
    seen, unseen = extract(train.images), extract(test.images)
    return dict(
        floor=round(frechet(unseen, unseen).floor, 3),
        floor_same=round(frechet(seen, seen).floor, 3),
        others=round(frechet_distance(unseen, seen), 3),
    )


def measured(gan, data, train, test, seed):
    "A thousand pictures against the photographs never seen, against those seen, and for copies."
    fake, seen = extract(gan.generate(len(test), seed=seed)), extract(data.images)
    unseen = extract(test.images)
    copies = memorised(seen, unseen, fake)
    return dict(
        distance=round(frechet_distance(unseen, fake), 3),
        same=round(frechet_distance(extract(train.images), fake), 3),
        memorised=round(copies.value, 4),
        alarms=round(copies.floor, 4),
    )


def run(train, test, n, seed, name):
    "One training."
    data, start, found = few(train, n, seed), time.process_time(), {}
    gan = create_gan(32, 3, seed=seed, recipe=PRESETS[name], device="cpu")
    for record in gan.records(data, steps=MARKS[-1]):
        if record.step in MARKS:
            found[record.step] = measured(gan, data, train, test, seed)
    if seed == 0:
        draw(ROWS.index((n, name)), gan.generate(COLUMNS, seed=1))
    return dict(
        n=n, seed=seed, recipe=name, at=found, seconds=round(time.process_time() - start, 1)
    )


def draw(row, images):
    "Put a row of pictures into the sheet."
    wide = torch.cat(list(images), 2)
    sheet = torch.ones(3, 32 * len(ROWS), wide.shape[2])
    if SHEET.exists():
        sheet = read_image(SHEET)
    sheet[:, 32 * row : 32 * row + 32] = wide
    write_image(SHEET, sheet)


def key(r):
    return r["n"], r["seed"], r["recipe"]


def summary(record):
    "Medians and ranges over the seeds, at the last mark."
    for n, name in ROWS:
        ends = [
            r["at"][str(MARKS[-1])] for r in record["runs"] if (r["n"], r["recipe"]) == (n, name)
        ]
        line = f"n = {n:4}, {name:5} ({len(ends)} seeds):"
        for what, floor in (("distance", "floor"), ("same", "floor_same"), ("memorised", None)):
            values = [e[what] - (record["real"][floor] if floor else 0) for e in ends]
            if values:
                line += f" {what} {statistics.median(values):.2f}"
                line += f" [{min(values):.2f}, {max(values):.2f}]"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print what is recorded")
    parser.add_argument("--jobs", type=int, default=len(JOBS), help="play the first so many only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    train, test = photographs()
    for n, seed, name in [] if args.print else JOBS[: args.jobs]:
        record = recorded(RECORD, runs=[])
        if (n, seed, name) in map(key, record["runs"]):
            continue
        record["runs"].append(run(train, test, n, seed, name))
        record |= stamped("yours", "scikit-image") | {"commit": commit()}
        record["photographs"] = {
            k: [x.names["groups"][g] for g in x.groups.unique().tolist()]
            for k, x in (("seen", train), ("unseen", test))
        }
        record["real"] = record.get("real") or yardstick(train, test)
        write_json(RECORD, record)
        print(n, seed, name, record["runs"][-1]["at"][MARKS[-1]], flush=True)
    summary(recorded(RECORD, runs=[]))


if __name__ == "__main__":
    main()
