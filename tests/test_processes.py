"""Two processes play the same game as one, at the same global batch, within 1e-5."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ganbook.api import load

PROGRAM = Path(__file__).parent / "programs" / "processes.py"
pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="torchrun needs gloo over libuv there"
)


def play(world, out):
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nproc_per_node={world}",
        "--rdzv-backend=c10d",
        "--rdzv-endpoint=localhost:0",
        str(PROGRAM),
        str(out),
        str(world),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert all(out.with_name(f"{out.name}.refused{rank}").exists() for rank in range(world))
    return json.loads(out.read_text())


def test_two_processes_give_the_losses_of_one(tmp_path):
    one, two = (play(world, tmp_path / f"{world}.json") for world in (1, 2))
    assert len(one) == 2
    for game in one:
        for a, b in zip(one[game]["records"], two[game]["records"], strict=True):
            assert b == pytest.approx(a, abs=1e-5)
        assert two[game]["weights"] == pytest.approx(one[game]["weights"], abs=1e-5)
        assert one[game]["records"][0] != pytest.approx(one[game]["records"][-1], abs=1e-2), (
            "something was trained"
        )
    run = tmp_path / "2.json.run"  # the one-call object in two processes, one of which writes
    assert [json.loads(x)["step"] for x in (run / "log.jsonl").read_text().splitlines()] == [10, 20]
    assert load(run).gan.step == 20 and (run / "generator.safetensors").exists()
    saved = tmp_path / "2.json.saved"  # by the first process; the second left no file and no error
    assert load(saved).gan.step == 20
    assert not [p for p in saved.rglob(".*") if p.name != ".lock"]


def test_a_wrong_world_is_noticed(tmp_path):
    "What `accelerate launch --cpu --num_processes 2` does quietly (one process) fails here."
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path / "x"), "2"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode != 0 and "1 processes, not 2" in done.stderr
