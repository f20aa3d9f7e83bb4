"Records that benchmarks keep: what was measured, by which command, with which versions."

import copy
import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

RECORDS = Path(__file__).resolve().parents[2] / "data" / "records"


def recorded(path, **empty):
    "What was measured so far; `empty` where nothing was."
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else copy.deepcopy(empty)


def stamped(bench, *packages):
    "How and where a record comes about, as its fields."
    return dict(
        command=f"python tests/bench/{bench}.py",
        machine="one thread of a shared virtual CPU",
        versions={k: version(k) for k in ("torch", *packages, "numpy")},
    )


def commit():
    "The commit that is checked out, and whether something differs from it."
    asked = ["git", "-C", str(RECORDS.parent), "describe", "--always", "--dirty"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip()


def few(train, n, seed):
    "n of the training pictures; which ones depends on the seed."
    return train.take(torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:n])
