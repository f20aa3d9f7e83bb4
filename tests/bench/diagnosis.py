"""Failures caused, cured and named: python tests/bench/diagnosis.py gallery|validate|show

`gallery`: every failure of the chapter and its cure over five seeds, on digits of 8x8 pixels or,
where it takes colour, on patches of photographs at 16x16. The limits of the diagnosis were set on
these. `validate`: runs on other sets, with other seeds, other networks and other forms of each
failure, and healthy ones of many recipes, lengths and sets; nothing was set on them.
Every run is appended to data/records/diagnosis.json as soon as it is done, with all indicators and
what the diagnosis said; runs that are recorded already are skipped. `show` prints what is recorded.
Core-seconds are CPU time of this process on one thread.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import filelock
import torch

from ganbook.datasets import load_set
from ganbook.diagnosis import (
    GALLERY,
    Setup,
    distances,
    evidence,
    framed,
    indicators,
    judge,
    trained,
    turned,
    uneven,
)
from ganbook.games import (
    Penalty,
    hinge,
    least_squares,
    one_centred,
    r1,
    r2,
    relativistic,
    saturating,
    seeded,
    wasserstein,
)
from ganbook.images import swap_channels
from ganbook.networks import ConvUp

RECORDS = Path(__file__).parents[2] / "data" / "records"
SAVED = {}


def pictures(name, size, seed):
    "A healthy setup for a set: 1,200 pictures to train on at most, 300 others to compare with."
    if (name, size) not in SAVED:
        SAVED[name, size] = load_set(name, size=size, count=None if name == "digits" else 1500)
    images = SAVED[name, size].images
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    return Setup(images[order[300:1500]], images[order[:300]], seed=seed)


def gallery():
    "(key, disease that is there or healthy, setup) for every run of the gallery."
    for seed in range(5):
        for failure in GALLERY:
            base = pictures("photos", 16, seed) if failure.colour else pictures("digits", 8, seed)
            with seeded(seed):
                spoiled = failure.cause(base)
            yield f"{failure.name}/cause/{seed}", failure.name, spoiled
            yield f"{failure.name}/cure/{seed}", "healthy", failure.cure(base)


def some(fn, share):
    "Something done to a share of the pictures, as a loader that augments does."

    def chosen(x):
        lot = torch.rand(len(x)) < share
        return torch.where(lot[:, None, None, None], fn(x), x)

    return chosen


def bordered(x, value):
    "Two columns at either side filled with a value."
    x = x.clone()
    x[..., :2] = x[..., -2:] = value
    return x


def with_pictures(fn):
    "Change what is trained on and what it is compared with."
    return lambda s: replace(s, train=fn(s.train), test=fn(s.test))


def change(**fields):
    return lambda s: replace(s, **fields)


def seen_as(fn):
    "Change what is trained on, and not what it is compared with."
    return lambda s: replace(s, train=fn(s.train))


none = ()
NETS = (  # another network for each form of a failure
    dict(width=12, latent_dim=64),
    dict(up=ConvUp, width=10, latent_dim=16),
    dict(width=16, latent_dim=32, batch_size=16),
    dict(up=ConvUp, width=8, latent_dim=48, steps=300),
)
FORMS = {  # other forms of the failures than the gallery's: (set, change) with NETS in turn
    "blow-up": (
        ("glyphs", change(rates=(5.0, 5.0))),
        ("landscapes", change(rates=(1.0, 1.0), game=hinge)),
        ("numerals", change(rates=(2e-3, 10.0), game=least_squares)),
        ("glyphs", change(rates=(3.0, 3.0), game=relativistic)),
    ),
    "value range": (
        ("glyphs", seen_as(lambda x: (x + 1) * 127.5)),
        ("landscapes", seen_as(lambda x: (x + 1) / 2)),
        ("landscapes", seen_as(lambda x: (x - x.mean()) / x.std() * 1.2)),
        ("numerals", seen_as(lambda x: (x + 1) / 2)),
    ),
    "swapped channels": (
        ("landscapes", seen_as(swap_channels)),
        ("landscapes", seen_as(swap_channels)),
        ("landscapes", lambda s: replace(s, train=swap_channels(s.train), game=hinge)),
        ("photos", lambda s: replace(s, train=swap_channels(s.train), steps=300)),
    ),
    "training mode": (
        ("glyphs", change(evaluating=False)),
        ("landscapes", change(evaluating=False)),
        ("numerals", change(evaluating=False, game=relativistic)),
        ("glyphs", change(evaluating=False, game=hinge)),
    ),
    "stale average": (
        ("glyphs", change(decay=0.9999)),
        ("landscapes", change(decay=0.999)),
        ("numerals", change(decay=0.9995)),
        ("landscapes", change(decay=0.9999, game=hinge)),
    ),
    "give-away": (
        ("landscapes", with_pictures(lambda x: framed(x, 11))),
        ("numerals", with_pictures(lambda x: bordered(x, -2.0))),
        ("landscapes", with_pictures(lambda x: bordered(x, 1.5))),
        ("landscapes", with_pictures(lambda x: framed(x, 12))),
    ),
    "strong discriminator": (
        ("glyphs", change(game=saturating, penalties=none, rates=(1e-4, 8e-3))),
        ("landscapes", change(game=hinge, penalties=none, rates=(2e-5, 4e-3), n_critic=3)),
        ("numerals", change(game=least_squares, penalties=none, rates=(1e-5, 4e-3))),
        ("glyphs", change(game=saturating, penalties=none, rates=(2e-4, 2e-3), n_critic=5)),
    ),
    "mode collapse": (
        ("glyphs", change(penalties=none, rates=(2e-2, 2e-4))),
        ("landscapes", change(penalties=none, rates=(1e-2, 1e-4), game=hinge)),
        ("numerals", change(penalties=none, rates=(1e-2, 3e-4), betas=(0.5, 0.99))),
        ("glyphs", change(penalties=none, rates=(2e-2, 4e-4), game=least_squares)),
    ),
    "oscillation": (
        ("glyphs", change(game=wasserstein, penalties=none, betas=(0.9, 0.99))),
        ("landscapes", change(game=wasserstein, penalties=none, betas=(0.5, 0.99))),
        ("numerals", change(game=wasserstein, penalties=none, betas=(0.9, 0.999))),
        ("landscapes", change(game=wasserstein, penalties=none, betas=(0.9, 0.9))),
    ),
    "augmentation leak": (
        ("glyphs", seen_as(turned)),
        ("landscapes", seen_as(some(lambda x: x.flip(2), 0.5))),
        ("numerals", seen_as(some(lambda x: -x, 0.5))),
        ("landscapes", seen_as(turned)),
    ),
    "memorising": (
        ("glyphs", lambda s: replace(s, train=s.train[:12])),
        ("landscapes", lambda s: replace(s, train=s.train[:24])),
        ("numerals", lambda s: replace(s, train=s.train[:32], steps=300)),
        ("landscapes", lambda s: replace(s, train=s.train[:16], game=hinge)),
    ),
    "checkerboard": (
        ("landscapes", change(generator=uneven)),
        ("glyphs", change(generator=uneven)),
        ("numerals", change(generator=uneven, game=hinge)),
        ("landscapes", change(generator=uneven, game=relativistic)),
    ),
}
RECIPES = {  # that work: four sets each
    "as it is": {},
    "hinge": dict(game=hinge, penalties=none, spectral=True, rates=(1e-3, 1e-3)),
    "relativistic": dict(game=relativistic, penalties=(Penalty(r1, 0.1), Penalty(r2, 0.1))),
    "wasserstein": dict(
        game=wasserstein, penalties=(Penalty(one_centred, 10.0),), rates=(1e-3, 1e-3), n_critic=2
    ),
    "least squares": dict(game=least_squares, up=ConvUp),
    "longer": dict(steps=450, width=12),
    "shorter": dict(steps=120, up=ConvUp),
}
SETS = ("glyphs", "landscapes", "numerals", "shapes")


def validate():
    "(key, disease that is there or healthy, setup) of runs that nothing was set on; from 201 on."
    seed = 200
    for i, name in enumerate(SETS):
        for recipe, fields in RECIPES.items():
            seed += 1
            yield (
                f"healthy/{recipe}/{name}/{seed}",
                "healthy",
                replace(pictures(name, 16, seed), **fields),
            )
        for disease, forms in FORMS.items():
            seed += 1
            where, spoil = forms[i]
            base = replace(pictures(where, 16, seed), **{"steps": 220, **NETS[i]})
            with seeded(seed):
                spoiled = spoil(base)
            yield f"{disease}/{where}/{seed}", disease, spoiled


def load(what):
    path = RECORDS / f"diagnosis-{what}.json"
    return json.loads(path.read_text()) if path.exists() else {"runs": []}


def save(what, record):
    "A run a line, whole or not at all."
    RECORDS.mkdir(exist_ok=True)
    runs = ",\n".join(json.dumps(run) for run in record["runs"])
    about = json.dumps({k: v for k, v in record.items() if k != "runs"})
    part = RECORDS / f".diagnosis-{what}.{os.getpid()}"
    part.write_text(f'{about[:-1]}, "runs": [\n{runs}\n]}}\n')
    os.replace(part, RECORDS / f"diagnosis-{what}.json")


def add(what, run):
    "Add a run; another process may be adding its own."
    with filelock.FileLock(Path(tempfile.gettempdir()) / "ganbook-diagnosis.lock"):
        record = load(what)
        save(what, {**about(), "runs": [*record["runs"], run]})


def number(value):
    if math.isnan(value):
        return None
    return float(f"{value:.4g}") if math.isfinite(value) else 1e9


def played(key, truth, setup):
    "One run: train, diagnose, and write down what was seen."
    start = time.process_time()
    run = trained(setup, looks=5)
    middle = time.process_time()
    seen = evidence(run, 250)
    marks, course = indicators(seen), distances(seen)
    found = judge(marks, course)
    return {
        "key": key,
        "truth": truth,
        "named": found[0].name,
        "confidence": number(found[0].confidence),
        "others": [f.name for f in found[1:]],
        "indicators": {k: number(v) for k, v in marks.items()},
        "course": [number(x) for x in course],
        "seed": setup.seed,
        "steps": setup.steps,
        "seconds": [round(middle - start, 1), round(time.process_time() - middle, 1)],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["gallery", "validate", "show"])
    parser.add_argument("--only", default="", help="keys that contain this")
    parser.add_argument("--part", type=int, default=0, help="1 or 2: every second run of them")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "show":
        return show()
    same = {}  # a cure that is the healthy setup is played once a seed
    for i, (key, truth, setup) in enumerate(
        {"gallery": gallery, "validate": validate}[args.what]()
    ):
        done = {run["key"] for run in load(args.what)["runs"]}
        if args.only not in key or key in done or (args.part and i % 2 != args.part - 1):
            continue
        alike = (setup.seed, len(setup.train), setup.train.shape[2], setup.prepare)
        plain = key.split("/")[1] == "cure"
        run = {**same[alike], "key": key, "seconds": [0, 0]} if plain and alike in same else None
        run = run or played(key, truth, setup)
        if plain:
            same[alike] = run
        add(args.what, run)
        print(key, "->", run["named"], run["others"], run["seconds"], flush=True)


def about():
    commit = ["git", "rev-parse", "--short", "HEAD"]
    return {
        "machine": f"{platform.machine()}, one thread of two cores that others used as well",
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "commit": subprocess.run(
            commit, capture_output=True, text=True, check=False
        ).stdout.strip(),
        "command": "python tests/bench/diagnosis.py",
    }


def show():
    "What the diagnosis of today says about the indicators that are recorded."
    for what in ("gallery", "validate"):
        right, false, healthy = 0, 0, 0
        runs = load(what)["runs"]
        for run in runs:
            marks = {k: math.nan if v is None else v for k, v in run["indicators"].items()}
            found = judge(marks, run["course"])
            ill = not found[0].name.startswith("healthy")
            healthy += run["truth"] == "healthy"
            false += run["truth"] == "healthy" and ill
            right += found[0].name == run["truth"]
            if found[0].name.split(",")[0] != run["truth"]:
                print(run["key"], "->", [(f.name, round(f.confidence, 2)) for f in found], marks)
        seconds = sum(sum(run["seconds"]) for run in runs) / 60
        print(
            f"{what}: {right} of {len(runs) - healthy} named, {false} false alarms in {healthy}, "
        )
        print(f"  {seconds:.1f} core-minutes")


if __name__ == "__main__":
    main()
