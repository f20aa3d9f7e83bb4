"""What translation reaches: python tests/bench/translation.py

Trains translators between scripts (numerals and words), from day to night, from low to full dose
and between label maps and landscapes, measures them on typefaces, landscapes and patients never
seen in training, and writes
data/records/translation.json and a sheet of pictures beside it. A run that is in the record already
is not played again. `--print` only prints what is there, `--only NAME` plays the jobs of one table.
"""

import argparse
import os
import statistics
import sys
import time
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402

from ganbook.datasets import Images, load_set, split  # noqa: E402
from ganbook.features import extract, train_classifier  # noqa: E402
from ganbook.images import grid  # noqa: E402
from ganbook.medical import lesion_changes, train_segmenter  # noqa: E402
from ganbook.metrics import frechet_distance  # noqa: E402
from ganbook.scenes import agreement, coloured, colours, read_layouts, train_reader
from ganbook.translation import (  # noqa: E402
    Task,
    Translation,
    judge_script,
    make_ruler,
    psnr,
)
from ganbook.training import write_json  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.records import RECORDS, commit, recorded, stamped  # noqa: E402

RECORD = RECORDS / "translation.json"
NONE = {"runs": [], "bounds": []}
COUNT = {"pairs": 20_000, "word-pairs": 6_000, "day-night": 2_000, "thorax-ct": 2_000}
COUNT["landscapes"] = 2_000
STEPS = {"regression": 2500, "paired": 2500, "consistent": 3500, "cycle": 1500, "contrastive": 800}
JOBS = [("pairs", way, 0) for way in ("regression", "paired", "consistent")]
JOBS += [("day-night", way, 0) for way in ("regression", "paired", "contrastive")]
JOBS += [("word-pairs", way, 0) for way in ("paired", "consistent")]
JOBS += [("thorax-ct", way, 0) for way in ("regression", "paired")]
JOBS += [(f"landscapes:{what}", "paired", 0) for what in ("scene", "map")]
JOBS += [("pairs", way, seed) for seed in (1, 2) for way in ("regression", "paired", "consistent")]
JOBS += [("word-pairs", "paired", seed) for seed in (1, 2)]
JOBS += [("day-night", way, s) for s in (1, 2) for way in ("regression", "paired", "contrastive")]
JOBS += [("pairs", "cycle", 0)]
JOBS += [(f"pairs:{a}:western", "paired", 0) for a in ("arabic", "devanagari", "thai", "chinese")]


def shared(names, known={}):  # noqa: B006
    "What several jobs on one set need, made once."
    if names not in known:
        base = names.split(":")[0]
        data = load_set(base if base == "landscapes" else names, count=COUNT[base])
        held = data.facts.get("held_out")
        if base == "thorax-ct":  # translate the lowest dose to the full one
            facts = {"target": data.images, "masks": data.facts["masks"]}
            data = replace(data, images=data.facts["lowest"], facts=facts, names={})
        if base == "landscapes":  # from label map to scene, or from scene to label map
            maps = data.facts["maps"].long()
            piles = [coloured(maps, len(data.names["maps"])), data.images]
            source, target = piles if names.endswith("scene") else piles[::-1]
            data = replace(data, images=source, facts={"target": target, "maps": maps}, names={})
        if held is None:
            known[names] = (*split(data, 0.2), None, None, None)
        else:
            train, test = data.take(~held), data.take(held)
            loose = load_set(names, count=COUNT[base], seed=1)  # other hands: no pairs
            loose = loose.take(~loose.facts["held_out"])
            answers = train.facts["target"]
            real = load_set(names, count=COUNT[base], seed=2)  # no translator sees these
            real = real.take(~real.facts["held_out"])
            reader = train_classifier(real.facts["target"], real.labels, steps=1000)
            ruler = make_ruler(answers, train.labels, train.facts["slant"])
            known[names] = train, test, loose, reader, ruler
    return known[names]


def lesions(train, test, known=[]):  # noqa: B006
    "Who counts lesions: kept, erased, invented among those of the test, in any pictures of it."
    if not known:
        masks = train.facts["masks"][:, None].float()
        known.append(train_segmenter(train.facts["target"], masks, steps=600))
    truth = test.facts["masks"][:, None]
    return lambda images: asdict(lesion_changes(truth, known[0](images)))


@cache
def map_reader():
    "A reader of layouts, taught by other landscapes, and how many labels it knows."
    part = load_set("landscapes", count=600, seed=1)
    return train_reader(part, steps=1000, width=8), len(part.names["maps"])


def layout(images, test, painted):
    "mIoU of pictures, or of painted maps, with the true layouts."
    reader, labels = map_reader()
    if painted:  # the label whose colour is nearest
        far = (images[:, None] - colours(labels)[None, :, :, None, None]).square().sum(2)
        read = far.argmin(1)
    else:
        read = read_layouts(reader, images)
    return dict(layout=agreement(test.facts["maps"], read, labels).mean)


def compared(made, test):
    "Distance and PSNR against the right answers."
    answers = test.facts["target"]
    distance = frechet_distance(extract(answers), extract(made))
    return dict(distance=distance, psnr=psnr(made, answers).mean().item())


def run(names, way, seed):
    "One training: its numbers, and pictures where the seed is 0."
    train, test, loose, reader, ruler = shared(names)
    pairs = way in ("regression", "paired")
    steps, channels = STEPS[way], train.shape[1]
    if not names.startswith("pairs"):
        steps = min(steps, 1500)
    task = Task(way, (channels, channels), 0 if pairs or reader is None else 10, seed=seed)
    if train.shape[2] == 64:
        task = Task(way, (channels, channels), batch_size=16, seed=seed)
    if pairs:
        piles = Images(train.images), Images(train.facts["target"])
    elif loose is not None:
        target = Images(loose.facts["target"], loose.labels)
        piles = Images(train.images, train.labels), target
    else:  # landscapes: the night of one half, the day of the other
        half = len(train) // 2
        piles = Images(train.images[:half]), Images(train.facts["target"][half:])
    model, start = Translation(task, "cpu"), time.process_time()
    for record in model.records(*piles, steps=steps):
        if record.step % 250 == 0:
            spent = time.process_time() - start
            print(f"  {names} {way} {seed}: step {record.step}, {spent:.0f} s", flush=True)
    seconds = time.process_time() - start
    made, answers = model.translate(test.images), test.facts["target"]
    if seed == 0:
        rows = [test.images[:16], answers[:16], made[:16]]
        sheet = RECORD.parent / f"translation-{names.replace(':', '-')}-{way}.jpg"
        grid(torch.cat(rows), columns=16).convert("RGB").save(sheet, quality=90)
    numbers = asdict(judge_script(made, test, reader, ruler)) if reader else compared(made, test)
    if "masks" in test.facts:
        numbers |= lesions(train, test)(made)
    if names.startswith("landscapes"):
        numbers |= layout(made, test, names.endswith("map"))
    found = dict(set=names, way=way, seed=seed, steps=steps, seconds=round(seconds))
    return found | {k: round(v, 4) for k, v in numbers.items()}


def bounds(names):
    "What real answers reach, and the source as it is."
    train, test, _, reader, ruler = shared(names)
    answers, found = test.facts["target"], {"set": names, "n": len(test)}
    for what, images in (("real", answers), ("copied", test.images)):
        numbers = judge_script(images, test, reader, ruler) if reader else None
        numbers = asdict(numbers) if numbers else compared(images, test)
        if "masks" in test.facts:
            numbers |= lesions(train, test)(images)
        if names.startswith("landscapes") and what == "real":
            numbers |= layout(images, test, names.endswith("map"))
        found[what] = {k: round(v, 4) for k, v in numbers.items()}
    if reader:  # as many answers in the typefaces of the training: the best imitation there is
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
        known = extract(train.facts["target"][order[: len(test)]])
        found["known"] = {"distance": round(frechet_distance(extract(answers), known), 4)}
    return found


def key(r):
    return r["set"], r["way"], r["seed"]


def keep(**new):
    "Add to the record; another process may have written meanwhile."
    record = recorded(RECORD, **NONE)
    for table, row in new.items():
        record[table].append(row | {"commit": commit()})
    record["runs"].sort(key=key)
    write_json(RECORD, record | stamped("translation"))


def summary(record):
    "Each set and way: the median over the seeds, and the range."
    for table in record["bounds"]:
        for what in ("real", "copied"):
            print(f"{table['set']:24} {what:11} {table[what]}")
    for names, way in dict.fromkeys((r["set"], r["way"]) for r in record["runs"]):
        mine = [r for r in record["runs"] if (r["set"], r["way"]) == (names, way)]
        line = f"{names:24} {way:11} ({len(mine)} seeds, {mine[0]['steps']} steps, "
        line += f"{statistics.median(r['seconds'] for r in mine) / 60:.1f} core-minutes)"
        for name in ("read", "weight", "slant", "distance", "psnr", "erased", "invented", "layout"):
            values = [r[name] for r in mine if name in r]
            if values:
                line += f" {name} {statistics.median(values):.3f}"
                line += f" ({min(values):.3f} to {max(values):.3f})"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print what is recorded")
    parser.add_argument("--only", help="play the jobs of this set only")
    parser.add_argument("--ways", nargs="+", help="play these ways only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for names, way, seed in [] if args.print else JOBS:
        if args.only not in (None, names) or (args.ways and way not in args.ways):
            continue
        if (names, way, seed) in {key(r) for r in recorded(RECORD, **NONE)["runs"]}:
            continue
        if names not in {r["set"] for r in recorded(RECORD, **NONE)["bounds"]}:
            keep(bounds=bounds(names))
        keep(runs=run(names, way, seed))
    summary(recorded(RECORD, **NONE))


if __name__ == "__main__":
    main()
