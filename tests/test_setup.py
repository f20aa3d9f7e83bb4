"The set-up of the two commands, as far as it can be tried without installing PyTorch again."

import functools
import http.server
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from tools import setup_env

TOOL = Path(setup_env.__file__)


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("# pins\ntorch==9.1.0\ntorchvision==9.2.0\n")
    python = setup_env.python_of(tmp_path / ".venv")
    python.parent.mkdir(parents=True)
    python.write_text("")
    return tmp_path


def stamp(root, **stages):
    state = {"root": str(root), "python": [3, 11]}
    state.update({name: setup_env.fingerprint([3, 11], root) for name in stages})
    setup_env.write_state(root / ".venv", **state)


def test_a_stamp_counts_for_its_own_stage_and_files(checkout):
    venv = checkout / ".venv"
    assert not setup_env.ready("core", venv, checkout)
    stamp(checkout, core=True)
    assert setup_env.ready("core", venv, checkout) and not setup_env.ready("dev", venv, checkout)
    stamp(checkout, dev=True)  # dev holds all of core
    assert setup_env.ready("core", venv, checkout) and setup_env.ready("dev", venv, checkout)
    (checkout / "constraints.txt").write_text("torch==9.2.0\n")
    assert not setup_env.ready("core", venv, checkout)


def test_no_stamp_survives_a_missing_python_a_move_or_an_interruption(checkout, tmp_path_factory):
    stamp(checkout, dev=True)
    moved = tmp_path_factory.mktemp("elsewhere") / "book"
    checkout.rename(moved)
    assert not setup_env.ready("core", moved / ".venv", moved)
    stamp(moved, dev=True)
    assert setup_env.ready("core", moved / ".venv", moved)
    setup_env.write_state(moved / ".venv", root=str(moved), python=[3, 11], installing="dev")
    assert not setup_env.ready("core", moved / ".venv", moved)
    stamp(moved, dev=True)
    setup_env.python_of(moved / ".venv").unlink()
    assert not setup_env.ready("core", moved / ".venv", moved)


def test_mending_forgets_half_installed_packages(tmp_path):
    site = tmp_path / ("Lib/site-packages" if os.name == "nt" else "lib/python3.11/site-packages")
    for name, files in {
        "whole-1.dist-info": ("METADATA", "INSTALLER", "RECORD"),
        "half-1.dist-info": ("METADATA",),
        "~emoved-1.dist-info": ("METADATA", "INSTALLER", "RECORD"),
    }.items():
        (site / name).mkdir(parents=True)
        for file in files:
            (site / name / file).write_text("")
    setup_env.mend(tmp_path)
    assert [path.name for path in site.iterdir()] == ["whole-1.dist-info"]


def test_an_unsuitable_python_is_told_in_one_sentence():
    assert setup_env.find_python() == [sys.executable]
    assert setup_env.find_python("no-such-python", [[sys.executable]]) == [sys.executable]
    with pytest.raises(setup_env.SetupError, match=r"needs a 64-bit Python 3\.11, 3\.12 or 3\.13"):
        setup_env.find_python("no-such-python", [["no-such-python3.13"]])


def test_wrong_use_prints_the_manual():
    out = subprocess.run([sys.executable, str(TOOL), "both"], capture_output=True, text=True)
    assert out.returncode == 2 and "setup_env.py core" in out.stdout


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def index(tmp_path):
    "A package index on this machine; yields its folder and address."
    handler = functools.partial(Quiet, directory=str(tmp_path / "index"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path / "index", f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def put(folder, name, version, tag="cp311"):
    import platform

    (folder / name).mkdir(parents=True, exist_ok=True)
    wheel = f"{name}-{version}%2Bcpu-{tag}-{tag}-manylinux_2_28_{platform.machine()}.whl"
    (folder / wheel.replace("%2B", "+")).write_bytes(b"0" * 3_000_000)
    page = folder / name / "index.html"
    old = page.read_text() if page.exists() else ""
    page.write_text(old + f'<a href="/{wheel}#sha256=00">{wheel}</a><br>\n')


def test_the_cpu_index_counts_only_with_a_pair(checkout, index):
    folder, address = index
    folder.mkdir()
    ask = functools.partial(setup_env.cpu_pair, (3, 11), address, checkout)
    assert ask() is None  # answers, but has nothing
    put(folder, "torch", "9.1.0")
    assert ask() is None  # torch alone is the broken half of a pair
    put(folder, "torchvision", "9.1.0")
    assert ask() is None  # another version than the pinned one
    put(folder, "torchvision", "9.2.0", tag="cp312")
    assert ask() is None  # for another Python
    put(folder, "torchvision", "9.2.0")
    assert ask() == (["torch==9.1.0+cpu", "torchvision==9.2.0+cpu"], 6.0)


def test_an_index_that_hangs_is_left_alone(checkout):
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.monotonic()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert setup_env.cpu_pair((3, 11), address, checkout, timeout=0.3) is None
        assert time.monotonic() - start < 5


@pytest.fixture
def room(monkeypatch):
    disk = types.SimpleNamespace(free=1e12)
    monkeypatch.setattr(setup_env.shutil, "disk_usage", lambda path: disk)
    return disk


def test_too_little_disk_is_told_before_anything_is_fetched(checkout, monkeypatch, room):
    monkeypatch.setattr(setup_env, "pip", lambda *_, **__: pytest.fail("fetched"))
    monkeypatch.setattr(setup_env, "cpu_pair", lambda *_: None)
    room.free = 1.5e9
    with pytest.raises(setup_env.SetupError, match=r"1\.5 GB are free .* make room"):
        setup_env.install("core", checkout / ".venv", (3, 11), None, checkout)


@pytest.mark.parametrize("fails", [False, True])
def test_cpu_build_first_and_the_registry_where_that_fails(
    checkout, monkeypatch, room, capsys, fails
):
    calls = []

    def pip(venv, *arguments, lock):
        calls.append(arguments)
        if fails and "--extra-index-url" in arguments:
            raise setup_env.SetupError("no such luck")

    monkeypatch.setattr(setup_env, "pip", pip)
    monkeypatch.setattr(setup_env, "cpu_pair", lambda *_: (["torch==9.1.0+cpu"], 200.0))
    monkeypatch.setattr(setup_env, "has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("GANBOOK_TORCH", raising=False)
    setup_env.install("dev", checkout / ".venv", (3, 11), None, checkout)
    index = ("--extra-index-url", setup_env.CPU_INDEX)
    assert calls == [(*index, "torch==9.1.0+cpu"), ("-e", ".[dev]")]
    said = capsys.readouterr().out
    assert "CPU build, 200 MB to fetch" in said and ("PyPI's build" in said) == fails


@pytest.mark.parametrize("choice, gpu", [("pypi", False), ("", True)])
def test_the_cpu_index_is_not_asked_where_its_build_is_not_wanted(
    checkout, monkeypatch, room, choice, gpu
):
    calls = []
    monkeypatch.setattr(setup_env, "pip", lambda venv, *arguments, lock: calls.append(arguments))
    monkeypatch.setattr(setup_env, "cpu_pair", lambda *_: pytest.fail("asked"))
    monkeypatch.setattr(setup_env, "has_nvidia_gpu", lambda: gpu)
    monkeypatch.setenv("GANBOOK_TORCH", choice)
    setup_env.install("core", checkout / ".venv", (3, 11), None, checkout)
    assert calls == [("-e", ".")]


@pytest.fixture
def steps(tmp_path, monkeypatch):
    "set_up with its slow steps replaced: what it did, and what verify shall find wrong."
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("torch==9.1.0\n")
    done, wrong = [], []

    def make(venv, command, clear):
        done.append("make anew" if clear else "make")
        (venv / "lib").mkdir(parents=True, exist_ok=True)
        setup_env.python_of(venv).parent.mkdir(exist_ok=True)
        setup_env.python_of(venv).write_text("")

    monkeypatch.setattr(setup_env, "make", make)
    monkeypatch.setattr(setup_env, "install", lambda stage, *_: done.append(stage))
    monkeypatch.setattr(setup_env, "verify", lambda venv: wrong.pop() if wrong else None)
    monkeypatch.setattr(
        setup_env,
        "version_of",
        lambda command, needs="": (
            (3, 12) if "pip" not in needs or Path(*command).exists() else None
        ),
    )

    def run(stage):
        done.clear()
        setup_env.set_up(stage, tmp_path)
        return list(done)

    return types.SimpleNamespace(run=run, done=done, wrong=wrong, root=tmp_path)


def test_each_stage_is_installed_once(steps):
    assert steps.run("core") == ["make", "core"]
    assert steps.run("core") == []
    assert steps.run("dev") == ["dev"]
    assert steps.run("core") == steps.run("dev") == []


def test_an_interrupted_stage_is_gone_on_with(steps, monkeypatch, capsys):
    def killed(stage, *_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(setup_env, "install", killed)
        steps.run("dev")
    assert steps.run("dev") == ["dev"]
    assert "interrupted: going on" in capsys.readouterr().out
    assert steps.run("dev") == []


def test_a_broken_environment_of_ours_is_made_anew(steps):
    steps.run("core")
    steps.wrong.append("operator torchvision::nms does not exist")
    assert steps.run("dev") == ["dev", "make anew", "dev"]
    setup_env.python_of(steps.root / ".venv").unlink()  # the system's Python went away
    assert steps.run("dev") == ["make anew", "dev"]


def test_a_folder_that_is_not_ours_is_left_alone(steps):
    (steps.root / ".venv").mkdir()
    (steps.root / ".venv" / "precious").write_text("")
    with pytest.raises(setup_env.SetupError, match="rename or remove it"):
        steps.run("core")
    assert (steps.root / ".venv" / "precious").exists()


def hold(path, held, release):
    with setup_env.locked(path):
        held.set()
        release.wait(20)


def test_two_set_ups_take_turns(tmp_path, capsys):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    path = str(tmp_path / "lock")
    other = context.Process(target=hold, args=(path, held, release))
    other.start()
    assert held.wait(20)
    threading.Timer(0.3, release.set).start()
    with setup_env.locked(path):
        assert release.is_set()
    other.join(20)
    assert "waiting for it to end" in capsys.readouterr().out


def test_the_state_is_written_whole(tmp_path):
    setup_env.write_state(tmp_path, python=[3, 12])
    assert setup_env.read_state(tmp_path) == {"python": [3, 12]}
    assert [path.name for path in tmp_path.iterdir()] == ["ganbook-setup.json"]
    (tmp_path / "ganbook-setup.json").write_text(json.dumps({"python": 1})[:-3])
    assert setup_env.read_state(tmp_path) == {}
