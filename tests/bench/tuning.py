"""What each knob buys on digits at a fixed budget: python tests/bench/tuning.py

`create_gan`'s default recipe and changes to it, on 1,438 handwritten digits (scikit-learn, real,
8x8), a fixed number of core-seconds (CPU time of this process, one thread) a run, five seeds; the
Fréchet distance to 359 digits that nobody trained on, minus the floor. The result is
data/records/tuning.json; runs that are in it already are not played again, and each is written when
it is there. `--search` asks Optuna instead: sixteen trials over rate, loss, penalty, width and
augmentation, judged by half of the 359 digits; the best trial and the default are then trained with
three fresh seeds each and measured against the other half.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import filelock  # noqa: E402
import torch  # noqa: E402

from ganbook.api import Recipe, create_gan  # noqa: E402
from ganbook.datasets import load_set, split  # noqa: E402
from ganbook.features import extract  # noqa: E402
from ganbook.metrics import frechet_distance  # noqa: E402
from ganbook.tuning import final, gains, search  # noqa: E402
from ganbook.training import write_json  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.records import RECORDS, recorded, stamped  # noqa: E402

RECORD = RECORDS / "tuning.json"
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


def propose(trial):
    "A recipe to try."
    return dict(
        learning_rate=trial.suggest_float("learning_rate", 3e-4, 6e-3, log=True),
        game=trial.suggest_categorical("game", ["nonsaturating", "hinge", "relativistic"]),
        penalties=(("r1", trial.suggest_float("r1", 0.03, 3, log=True), 4),),
        width=trial.suggest_categorical("width", [16, 32, 48]),
        augment=trial.suggest_categorical("augment", ["none", "light", "diff"]),
    )


def course(setting, data, judge, seed, seconds=9, looks=3):
    "The distance now and then, for the pruner: steps are counted in looks."
    gan = create_gan(8, 1, recipe=Recipe(**setting), seed=seed, device="cpu")
    start, seen = time.process_time(), 0
    for _ in gan.records(data):
        if time.process_time() - start < (seen + 1) * seconds / looks:
            continue
        seen += 1
        fake, pause = gan.generate(len(data), seed=seed), time.process_time()
        yield seen, frechet_distance(extract(fake), extract(judge.images))
        start += time.process_time() - pause
        if seen == looks:
            return


def study(data, test, trials=16):
    "Search, then see whether what was found holds for seeds and pictures that did not choose it."
    judge, other = test.take(slice(0, None, 2)), test.take(slice(1, None, 2))
    with tempfile.TemporaryDirectory() as folder:
        found = search(course, propose, (data, judge), folder, trials)
        rows = [
            dict(
                number=t.number,
                state=t.state.name,
                knobs=t.params,
                distance=list(t.intermediate_values.values()),
            )
            for t in found.get_trials()
        ]
        number, chosen = found.best_trial.number, propose(found.best_trial)
    settings = {"base": {}, "best of the study": chosen}
    again = {
        name: [final(course(setting, data, other, seed)) for seed in (11, 12, 13)]
        for name, setting in settings.items()
    }
    return dict(trials=rows, best=number, again=again)


def kept():
    "What is recorded."
    return recorded(RECORD, **stamped("tuning", "scikit-learn"), seconds=SECONDS, runs=[])


def keep(**more):
    "Add to what is recorded by now, perhaps by another process, too."
    with filelock.FileLock(RECORD.with_name(".tuning.lock")):
        record = kept()
        record["runs"] += more.pop("runs", [])
        order = list(CHANGES)
        record["runs"].sort(key=lambda r: (r["seed"], order.index(r["name"])))
        write_json(RECORD, record | more)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--search", action="store_true", help="a study in place of the table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = split(load_set("digits"), 0.2, seed=0)
    if args.search:
        if "study" not in kept():
            keep(study=study(*data))
        told = kept()["study"]
        print({t["state"] for t in told["trials"]}, told["trials"][told["best"]], told["again"])
        return
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
