"""Exact resume: a run cut anywhere equals the uncut run bit for bit.

A kill in the middle of a checkpoint write is among the cuts.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "programs" / "resume.py"


def run(folder, *args, **kwargs):
    return subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        **kwargs,
    )


def state(result):
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    return state(run(tmp_path_factory.mktemp("uncut") / "run", 150))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_run_killed_in_the_middle_of_a_checkpoint_write_goes_on_exactly(tmp_path, uncut):
    folder = tmp_path / "run"
    killed = run(folder, 150, 2)
    assert killed.returncode == -signal.SIGKILL
    assert list((folder / "checkpoints").glob(".partial-*")), "the write was really cut"
    again = run(folder, 150)
    assert "starts at 0" not in again.stdout, "it went on from the first checkpoint"
    assert state(again) == uncut
    assert not list((folder / "checkpoints").glob(".partial-*")), (
        "what was half written is cleaned up"
    )


def test_a_run_cut_between_two_steps_goes_on_exactly(tmp_path, uncut):
    folder = tmp_path / "run"
    state(run(folder, 37))
    assert state(run(folder, 150)) == uncut
    steps = [line.split(",")[0] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert len(steps) == len(set(steps)) == 15
    assert state(run(folder, 150)) == uncut, "a finished run stays as it is"
