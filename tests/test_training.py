"""What stands around the game: averages, stops, checkpoints, the log, the run folder, the panel."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ganbook import training
from ganbook.games import GAN, Penalty, Record, hinge, nonsaturating, play, r1, seeded
from ganbook.networks import Discriminator, Generator, Normal
from ganbook.training import (
    Panel,
    Run,
    accelerated,
    averaged,
    averaging,
    checkpointed,
    checkpoints,
    draw_curves,
    fingerprint,
    interruptible,
    load_checkpoint,
    load_generator,
    logged,
    progress,
    read_log,
    refresh_norm,
    sampled,
    save_checkpoint,
    save_generator,
    smooth,
    until,
    write_json,
)

images = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def players(seed=0, width=2, spectral=False):
    with seeded(seed):
        G, D = Generator(8, 1, 4, width), Discriminator(8, 1, width, spectral=spectral)
    adam = lambda m: torch.optim.Adam(m.parameters(), 1e-3, (0.0, 0.99))
    game = hinge if spectral else nonsaturating
    gan = GAN(G, D, adam(G), adam(D), Normal(4), game, (Penalty(r1, 0.1, 2),), seed=seed)
    return gan, averaged(gan.G)


def feed(gan):
    "Batches addressed by the step."
    step = gan.step
    while True:
        yield (images[torch.arange(step * 8, step * 8 + 8) % 64],)
        step += 1


def run(gan, average, steps, folder=None, seconds=1e9):
    records = averaging(until(play(gan, feed(gan)), steps), gan, average)
    return (
        records if folder is None else checkpointed(records, gan, average, folder, seconds=seconds)
    )


def drain(records):
    return list(records)


def everything(gan, average):
    tensors = [t for m in (gan.G, gan.D, average) for t in m.state_dict().values()]
    for opt in (gan.opt_g, gan.opt_d):
        tensors += [t for s in opt.state_dict()["state"].values() for t in s.values()]
    return tensors


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(everything(*a), everything(*b), strict=True))


# averages


@pytest.mark.parametrize("n", [1, 2, 30])
def test_the_ramp_is_what_its_docstring_says(n):
    toy = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    values, mean = torch.randn(n, dtype=torch.float64).tolist(), averaged(toy)
    by_hand = None
    for k, v in enumerate(values):
        with torch.no_grad():
            toy.weight.fill_(v)
        mean.update_parameters(toy)
        decay = 1 - 1 / (1 + 0.1 * k)
        by_hand = v if by_hand is None else decay * by_hand + (1 - decay) * v
    closed = sum(v * math.comb(j + 9, 9) / math.comb(n + 9, 10) for j, v in enumerate(values))
    assert mean.module.weight.item() == pytest.approx(by_hand, abs=1e-12)
    assert mean.module.weight.item() == pytest.approx(closed, abs=1e-12)


def test_refreshing_touches_statistics_only():
    gan, _ = players()
    before = {n: p.clone() for n, p in gan.G.named_parameters()}
    refresh_norm(gan.G, [(torch.randn(16, 4),) for _ in range(3)])
    assert all(torch.equal(p, before[n]) for n, p in gan.G.named_parameters())
    assert not gan.G.training and gan.G.norm.num_batches_tracked == 3 and gan.G.norm.momentum == 0.1


# stopping


def test_until_stops_by_step_time_and_wish():
    gan, average = players()
    assert [r.step for r in run(gan, average, 3)] == [1, 2, 3]
    assert [r.step for r in until(play(gan, feed(gan)), minutes=0)] == [4]
    asked = threading.Event()
    asked.set()
    assert [r.step for r in until(play(gan, feed(gan)), asked=asked)] == [5]


def test_the_first_interrupt_asks_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_interruptible_does_nothing_in_a_thread():
    seen = []

    def work():
        with interruptible() as asked:
            seen.append(asked.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


# checkpoints


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("cut", [1, 5, 11])
def test_a_cut_run_equals_an_uncut_one(tmp_path, cut, spectral):
    uncut, left, again = (players(spectral=spectral) for _ in range(3))
    losses = [r.d_loss for r in run(*uncut, 12)]
    for record in run(*left, 12, tmp_path):
        if record.step == cut:
            break
    load_checkpoint(*again, tmp_path)
    assert same(left, again) and again[0].step == cut
    assert [r.d_loss for r in run(*again, 12, tmp_path)] == losses[cut:]
    assert same(uncut, again)


def test_two_are_kept_and_a_step_is_written_once(tmp_path, monkeypatch):
    written = []
    real = training.save_checkpoint
    monkeypatch.setattr(
        training, "save_checkpoint", lambda g, *a, **k: (written.append(g.step), real(g, *a, **k))
    )
    drain(run(*players(), 5, tmp_path, seconds=0))
    assert written == [1, 2, 3, 4, 5]
    assert [p.name for p in checkpoints(tmp_path)] == ["00000004", "00000005"]


@pytest.mark.parametrize("file", ["weights.safetensors", "state.pt"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "noise"])
def test_a_damaged_checkpoint_falls_back_and_is_written_anew(tmp_path, file, damage):
    drain(run(*players(), 5, tmp_path, seconds=0))
    target = tmp_path / "00000005" / file
    whole = target.read_bytes()
    if damage == "gone":
        target.unlink()
    else:
        target.write_bytes(dict(cut=whole[:200], empty=b"", noise=os.urandom(999))[damage])
    again = players()
    with pytest.warns(UserWarning, match="00000005 cannot be read"):
        load_checkpoint(*again, tmp_path)
    assert again[0].step == 4
    drain(run(*again, 5, tmp_path))
    fresh = players()
    load_checkpoint(*fresh, tmp_path)
    assert fresh[0].step == 5 and same(again, fresh)


def test_a_half_written_checkpoint_is_none(tmp_path):
    drain(run(*players(), 2, tmp_path))
    shutil.copytree(tmp_path / "00000002", tmp_path / ".partial-00000003-1")
    assert [p.name for p in checkpoints(tmp_path)] == ["00000002"]
    drain(run(*players(), 3, tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000002", "00000003"]


@pytest.mark.parametrize("fails", ["weights.safetensors", "state.pt"])
def test_a_full_disk_costs_nothing_that_was_there(tmp_path, monkeypatch, fails):
    one = players()
    drain(run(*one, 2, tmp_path))
    real = training._write

    def write(path, how):
        if path.name == fails:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        real(path, how)

    monkeypatch.setattr(training, "_write", write)
    with pytest.raises(OSError, match="No space left"):
        drain(run(*one, 4, tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["00000002"]
    load_checkpoint(*players(), tmp_path)


def test_refusals_change_nothing(tmp_path):
    drain(run(*players(), 2, tmp_path))
    for other, words in ((players(seed=1), "seed 0, not 1"), (players(width=3), "holds another G")):
        before = [t.clone() for t in everything(*other)]
        with pytest.raises(ValueError, match=words):
            load_checkpoint(*other, tmp_path)
        assert other[0].step == 0
        assert all(torch.equal(a, b) for a, b in zip(before, everything(*other), strict=True))
    with pytest.raises(ValueError, match="nothing to resume"):
        load_checkpoint(*players(), tmp_path / "nowhere")


def test_nothing_is_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "evil"),))

    drain(run(*players(), 1, tmp_path / "c"))
    torch.save({"opt_g": Evil(), "step": 1, "seed": 0}, tmp_path / "c" / "00000001" / "state.pt")
    with (
        pytest.warns(UserWarning, match="cannot be read"),
        pytest.raises(ValueError, match="nothing to resume"),
    ):
        load_checkpoint(*players(), tmp_path / "c")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("where", ["weight", "moment"])
def test_what_is_not_finite_is_not_saved(tmp_path, where):
    gan, average = players()
    drain(run(gan, average, 2, tmp_path))
    gan.step = 3
    if where == "weight":
        gan.D.head.weight.data[0, 0] = math.nan
    else:
        next(iter(gan.opt_d.state.values()))["exp_avg_sq"].fill_(math.inf)
    with pytest.raises(FloatingPointError, match="step 3"):
        save_checkpoint(gan, average, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["00000002"]


def test_a_nan_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    gan, average = players()
    drain(run(gan, average, 5, tmp_path))
    for group in gan.opt_d.param_groups:
        group["lr"] = math.inf
    with pytest.raises(FloatingPointError, match="step 6"):
        drain(run(gan, average, 9, tmp_path, seconds=0))
    assert [p.name for p in checkpoints(tmp_path)] == ["00000005"]


def test_json_is_all_or_nothing(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1]})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1]}
    assert len(list(tmp_path.iterdir())) == 1


# log, progress, curves, samples


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 400))
def test_the_log_goes_on_without_gap_or_double(tmp_path_factory, resumed, more, lost):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    record = lambda step: Record(step, 1.0, 1.0, 0.0, 0.0, 0.0)
    drain(logged(map(record, range(1, 61)), path))
    path.write_text(path.read_text()[: len(path.read_text()) - lost])
    kept = [r["step"] for r in read_log(path)]
    drain(logged(map(record, range(resumed + 1, resumed + more + 1)), path))
    played = [s for s in range(resumed + 1, resumed + more + 1) if s % 10 == 0]
    played = played or [resumed + more]  # too short for a tenth step: its last one stands for it
    assert [r["step"] for r in read_log(path)] == [s for s in kept if s <= resumed] + played


def test_only_the_first_process_logs(tmp_path):
    drain(logged((Record(s, 1, 1, 0, 0, 0) for s in range(20)), tmp_path / "x", main=False))
    assert not (tmp_path / "x").exists() and read_log(tmp_path / "x") == []


def test_progress_passes_everything_on_and_counts_from_the_resume(capsys):
    record = lambda step: Record(step, 1.0, 1.0, 0.0, 0.0, 0.0)
    for goal in (dict(steps=1003), dict(minutes=1), {}):
        assert drain(progress(iter(map(record, range(1001, 1004))), 32, **goal))[-1].step == 1003
        assert "step 1003" in capsys.readouterr().err or "steps" not in goal
    assert len(drain(progress(map(record, range(5)), 32, show=False))) == 5
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("n", [1, 7, 200])
def test_smoothing_is_a_mean_of_the_last_few(n):
    values = torch.randn(n).tolist()
    window = max(1, int(n * 0.05))
    slow = [sum(values[max(0, i + 1 - window) : i + 1]) / min(i + 1, window) for i in range(n)]
    assert smooth(values) == pytest.approx(slow)
    assert smooth([]) == []


def test_curves_are_drawn(tmp_path):
    log = [vars(Record(s, 1.0, 2.0, 0.0, 0.5, -0.5)) for s in range(5)]
    assert len(draw_curves(log, tmp_path / "c.png").axes) == 2
    assert (tmp_path / "c.png").read_bytes()[1:4] == b"PNG"


def test_samples_come_at_growing_distances(tmp_path, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(training.time, "monotonic", lambda: next(clock) / 2)
    record = lambda step: Record(step, 1.0, 1.0, 0.0, 0.0, 0.0)
    drain(sampled(map(record, range(1, 2000)), tmp_path / "s", lambda p: p.touch()))
    steps = [int(p.stem) for p in sorted((tmp_path / "s").iterdir())]
    gaps = [b - a for a, b in zip(steps, steps[1:], strict=False)]
    assert 10 < len(steps) < 40 and gaps[-1] > 5 * gaps[0]


# the generator alone


def test_a_generator_comes_back_with_what_builds_it(tmp_path):
    gan, _ = players()
    path = tmp_path / "generator.safetensors"
    save_generator(gan.G.eval(), path, {"size": [8, 8], "name": "ü"})
    about, weights = load_generator(path)
    assert about == {"size": [8, 8], "name": "ü"}
    assert all(torch.equal(weights[n], t) for n, t in gan.G.state_dict().items())
    for wrong in (b"", b"noise" * 99):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="no generator that ganbook wrote"):
            load_generator(path)
    with pytest.raises(ValueError, match="no generator"):
        load_generator(tmp_path / "nowhere")


# the run folder


def entered(*args, **kwargs):
    with Run(*args, **kwargs) as held:
        return held


def full(tmp_path):
    gan, average = players()
    with Run(tmp_path / "run") as held:
        held.describe({"seed": 0, "size": (8, 8)}, images)
        records = averaging(until(play(gan, feed(gan)), 20), gan, average)
        drain(held.watch(records, gan, average, lambda p: p.touch()))
        held.finish(average.module, {"step": 20}, lambda p: p.touch())
    return held


def test_a_run_leaves_what_the_contract_names(tmp_path):
    held = full(tmp_path)
    names = {p.name for p in held.folder.iterdir()}
    assert names - {".lock"} == {
        "config.json",
        "log.jsonl",
        "samples",
        "curves.png",
        "checkpoints",
        "generator.safetensors",
    }
    assert [r["step"] for r in read_log(held.log)] == [10, 20]
    assert [p.name for p in checkpoints(held.checkpoints)] == ["00000020"]


def test_a_run_is_resumed_with_the_same_or_refused(tmp_path):
    held = full(tmp_path)
    with pytest.raises(ValueError, match="holds a run already"):
        entered(held.folder)
    with Run(held.folder, resume=True) as again:
        again.describe({"seed": 0, "size": (8, 8)}, images)
        again.describe({"seed": 0, "size": (8, 8)})
        for config, data in (({"seed": 1}, None), ({"seed": 0}, images.flip(0))):
            with pytest.raises(ValueError, match="was trained with"):
                again.describe(config, data)
    assert not entered(held.folder, force=True).config.exists()
    assert not checkpoints(held.checkpoints)


def test_other_peoples_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    for kwargs in ({}, dict(force=True), dict(resume=True)):
        with pytest.raises(ValueError, match="holds other files"):
            entered(tmp_path, **kwargs)
        with pytest.raises(ValueError, match="is a file"):
            entered(tmp_path / "thesis.txt", **kwargs)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_killed_process_left_is_no_obstacle(tmp_path):
    (tmp_path / "run").mkdir()
    for name in (".lock", ".config.json.123", ".generator.safetensors.9"):
        (tmp_path / "run" / name).touch()
    with Run(tmp_path / "run") as held:
        assert [p.name for p in held.folder.iterdir()] == [".lock"]


def test_two_processes_cannot_hold_one_folder(tmp_path):
    code = (
        "import filelock, sys, time; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); time.sleep(60)"
    )
    (tmp_path / "run").mkdir()
    command = [sys.executable, "-c", code, str(tmp_path / "run" / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(ValueError, match="in use by another process"):
                entered(tmp_path / "run")
        finally:
            other.kill()
    entered(tmp_path / "run")  # the lock of a killed process is free


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(training.Path, "mkdir", refuse)
    with pytest.raises(OSError, match="cannot be written .Permission denied.: choose another"):
        entered(tmp_path / "new")


def test_a_fingerprint_sees_pixels_and_order():
    assert fingerprint(images) == fingerprint(images.clone()) and len(fingerprint(images)) == 16
    touched = images.clone()
    touched[3, 0, 4, 4] += 1e-6
    assert len({fingerprint(x) for x in (images, images.flip(0), touched)}) == 3
    assert fingerprint(images.to(memory_format=torch.channels_last)) == fingerprint(images)


# placing


def test_accelerate_on_one_cpu_changes_nothing():
    bare, placed = players(), players()
    placed = (accelerated(placed[0], "cpu", "fp32"), placed[1])
    for gan, _ in (bare, placed):
        drain(islice(play(gan, feed(gan)), 4))
    assert same(bare, placed)
    for kwargs in (dict(device="tpu"), dict(precision="fp8")):
        with pytest.raises(ValueError, match="want auto"):
            accelerated(players()[0], **kwargs)


# the panel


def wait(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited for nothing"
        time.sleep(0.01)


def test_the_panel_pauses_goes_on_and_stops_with_a_valid_checkpoint(tmp_path):
    gan, average = players()
    panel = Panel(run(gan, average, None, tmp_path), seconds=0.05).start()
    wait(lambda: gan.step > 3)
    panel.pause_button.value = True
    wait(lambda: panel.status.value.startswith("paused"))
    step = gan.step
    time.sleep(0.2)
    assert gan.step == step
    panel.pause(False)
    wait(lambda: gan.step > step)
    assert panel.pause_button.value is False
    panel.pause()
    panel.stop_button.click()  # stop ends a pause
    panel.join(30)
    assert panel.status.value.startswith("stopped")
    again = players()
    load_checkpoint(*again, tmp_path)
    assert same(again, (gan, average)) and again[0].step == gan.step
    assert bytes(panel.curves.value[1:4]) == b"PNG"


def test_the_panel_raises_what_went_wrong_and_keeps_the_game(tmp_path):
    gan, average = players()

    def draw():
        raise RuntimeError("no picture")

    panel = Panel(run(gan, average, None, tmp_path), draw).start()
    with pytest.raises(RuntimeError, match="no picture"):
        panel.join(30)
    assert panel.status.value == "error: no picture"
    assert [p.name for p in checkpoints(tmp_path)] == ["00000001"]


def test_the_panel_remembers_a_long_run_in_a_thousand_records():
    panel = Panel(iter(()))
    for step in range(1, 5001):
        panel.memory.add(Record(step, 1.0, 1.0, 0.0, 0.0, 0.0))
    steps = [r["step"] for r in panel.memory.records]
    assert len(steps) <= 1000 and steps[-1] > 4980
    assert len({b - a for a, b in zip(steps, steps[1:], strict=False)}) == 1
    assert Panel(iter(())).start().join(30).memory.records == []
