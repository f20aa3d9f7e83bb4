#!/usr/bin/env python3
"""Make the environment .venv in this checkout, or find in a moment that it is ready.

    python3 tests/tools/setup_env.py core    # for `make quickstart`: the package itself
    python3 tests/tools/setup_env.py dev     # for `make test`: the package and the makers' tools

Needs only the standard library and any Python 3.6 or newer to start; the environment itself gets
Python 3.11-3.13. Linux, macOS and Windows. A second run compares one hash and ends. An interrupted
installation is mended by the next run.
GANBOOK_TORCH=pypi or cpu chooses the build of PyTorch for a new one.
"""

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUPPORTED = ((3, 11), (3, 12), (3, 13))
WINDOWS = os.name == "nt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
STAGES = {"core": ".", "dev": ".[dev]"}
PROBE = "import sys, {}; print(*sys.version_info[:2], sys.maxsize > 2**32)"
VERIFY = """
import torch, torchvision, ganbook
boxes = torch.tensor([[0., 0, 1, 1], [0, 0, 1, 1]])
assert len(torchvision.ops.nms(boxes, torch.tensor([.9, .8]), .5)) == 1
device = 'an NVIDIA GPU' if torch.cuda.is_available() else 'the CPU'
versions = f'PyTorch {torch.__version__} and torchvision {torchvision.__version__}'
print(versions, 'work together, on', device + '.')
"""


class SetupError(Exception):
    "What stops the set-up, in one sentence with its remedy."


def say(text):
    print(text, flush=True)


def python_of(venv):
    return venv / ("Scripts/python.exe" if WINDOWS else "bin/python")


def piped():
    "How programs are run here: what they say comes back, and nothing leads them out of .venv."
    lead_away = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV")
    inside = dict({k: v for k, v in os.environ.items() if k not in lead_away}, PIP_USER="0")
    return {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "universal_newlines": True,
        "errors": "replace",
        "env": inside,
    }


def sites(venv):
    return [*venv.glob("lib/python*/site-packages"), *venv.glob("Lib/site-packages")]


def version_of(command, needs="venv, ensurepip"):
    "(3, 12) of a 64-bit Python that has the modules needed, None of anything else."
    try:
        out = subprocess.run(
            command + ["-c", PROBE.format(needs)],
            timeout=60,
            **dict(piped(), stderr=subprocess.DEVNULL),
        )
        major, minor, wide = out.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return (int(major), int(minor)) if wide == "True" else None


def find_python(first=sys.executable, names=None):
    "The command of a suitable Python: the one that runs this, or another one on PATH."
    if names is None:
        names = [
            ["py", f"-{a}.{b}"] if WINDOWS else [f"python{a}.{b}"] for a, b in reversed(SUPPORTED)
        ]
    for command in [[first], *names]:
        if version_of(command) in SUPPORTED:
            return command
    here = ".".join(map(str, sys.version_info[:3]))
    raise SetupError(
        "ganbook needs a 64-bit Python 3.11, 3.12 or 3.13 with its venv module; this one is "
        f"{here} and none of them is on the path: install one (Debian and Ubuntu: apt install "
        "python3.12 python3.12-venv; macOS: brew install "
        "python@3.12; Windows: winget install Python.Python.3.12) and run the command again."
    )


def fingerprint(python, root=ROOT):
    "What an installation depends on; the folder counts, for an environment cannot be moved."
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((root / name).read_bytes().replace(b"\r\n", b"\n"))
    digest.update(f"{python} {root}".encode())
    return digest.hexdigest()[:16]


def read_state(venv):
    try:
        return json.loads((venv / "ganbook-setup.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_state(venv, **state):
    "Whole or not at all."
    part = venv / f"ganbook-setup.{os.getpid()}.part"
    part.write_text(json.dumps(state), encoding="utf-8")
    os.replace(str(part), str(venv / "ganbook-setup.json"))


def ready(stage, venv, root=ROOT):
    "Has this stage been installed to its end, from the files as they are now?"
    state = read_state(venv)
    stamp = fingerprint(state.get("python"), root)
    return python_of(venv).exists() and (state.get(stage) == stamp or state.get("dev") == stamp)


@contextlib.contextmanager
def locked(path):
    """One set-up at a time. The lock is the system's, so it ends with the processes that hold it:
    this one and, should this one be killed, the pip that it started."""
    file = open(path, "a+")  # noqa: SIM115
    waiting = False
    while True:
        try:
            if WINDOWS:
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if not waiting:
                say("Another set-up is at work in this folder: waiting for it to end.")
            waiting = True
            time.sleep(0.5)
    try:
        yield file
    finally:
        file.close()


def has_nvidia_gpu():
    return bool(shutil.which("nvidia-smi")) or any(
        map(os.path.exists, ("/proc/driver/nvidia/version", "/dev/nvidia0"))
    )


def pinned(name, root=ROOT):
    found = re.search(
        rf"(?m)^{name}==(\S+)", (root / "constraints.txt").read_text(encoding="utf-8")
    )
    return found and found.group(1)


def cpu_pair(python, index, root=ROOT, timeout=4.0):
    """Requirements, and size in MB, of PyTorch's CPU build of the pinned pair; None unless its
    index answers within seconds and holds *both* wheels for this Python and processor."""
    import threading

    answer = []
    asking = threading.Thread(
        target=lambda: answer.append(ask_index(python, index, root, timeout)), daemon=True
    )
    asking.start()
    asking.join(2 * timeout)  # looking up a name may hang longer than a socket's time limit
    return answer[0] if answer else None


def ask_index(python, index, root, timeout):
    from urllib.parse import unquote, urljoin
    from urllib.request import Request, urlopen

    tag = "cp{}{}".format(*python)
    wants, size = [], 0
    try:
        for name in ("torch", "torchvision"):
            url = f"{index}/{name}/"
            page = urlopen(url, timeout=timeout).read().decode("utf-8", "replace")
            wheel = re.compile(
                re.escape(f"{name}-{pinned(name, root)}+cpu-{tag}-{tag}-")
                + rf"\w*linux\w*_{platform.machine()}\.whl$"
            )
            links = [
                link for link in re.findall(r'href="([^"#]+)', page) if wheel.search(unquote(link))
            ]
            if not links:
                return None
            head = urlopen(Request(urljoin(url, links[0]), method="HEAD"), timeout=timeout)
            size += int(head.headers.get("Content-Length") or 0)
            wants.append(f"{name}=={pinned(name, root)}+cpu")
    except (OSError, ValueError):
        return None
    return wants, size / 1e6


class Progress:
    "pip's many lines as one that moves: on a terminal redrawn, elsewhere a line now and then."

    def __init__(self, venv):
        self.start, self.drawn, self.text, self.venv = time.time(), 0.0, "starting", venv
        self.terminal = sys.stdout.isatty()
        self.width = shutil.get_terminal_size().columns - 1
        self.todo, self.before = 0, 0

    def installed(self):
        return sum(1 for site in sites(self.venv) for _ in site.glob("*.dist-info"))

    def line(self, line):
        download = re.match(
            r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?([^/\s]+)(?: (\([\d.]+ \w+\)))?",
            line,
        )
        if line.startswith("Requirement already satisfied:"):
            self.text = "checking what is here"
        elif line.startswith("Collecting "):
            self.text = "looking up " + re.split(r"[<>=!~ ]", line[11:])[0]
        elif download and download.group(1).endswith((".whl", ".gz")):
            self.text = "fetching {} {}".format(
                download.group(1).split("-")[0], download.group(2) or ""
            ).rstrip()
        elif line.startswith("Installing collected packages:"):
            self.todo, self.before = line.count(",") + 1, self.installed()
        self.draw()

    def draw(self):
        now = time.time()
        if now - self.drawn < (0.2 if self.terminal else 15):
            return
        self.drawn = now
        if self.todo:
            done = min(self.installed() - self.before, self.todo)
            self.text = f"installing {done} of {self.todo} packages"
        text = f"  {now - self.start:4.0f} s  {self.text}"
        if self.terminal:
            print("\r" + text[: self.width].ljust(self.width), end="", flush=True)
        else:
            say(text)

    def end(self):
        if self.terminal:
            print("\r" + " " * self.width + "\r", end="", flush=True)


def pip(venv, *arguments, lock=None):
    "pip install in the environment, with progress; everything it says goes to .venv/setup.log."
    import queue
    import threading

    command = [
        str(python_of(venv)),
        "-m",
        "pip",
        "install",
        "--progress-bar",
        "off",
        "--no-input",
        "--disable-pip-version-check",
        "-c",
        str(ROOT / "constraints.txt"),
        *arguments,
    ]
    keep = {} if WINDOWS or lock is None else {"pass_fds": (lock.fileno(),)}
    process = subprocess.Popen(
        command,
        cwd=str(ROOT),
        **dict(piped(), **keep),
    )
    lines, log, progress = queue.Queue(), [], Progress(venv)

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    with open(str(venv / "setup.log"), "a", encoding="utf-8") as file:
        while True:
            try:
                line = lines.get(timeout=0.5)
            except queue.Empty:
                progress.draw()
                continue
            if line is None:
                break
            log.append(line)
            file.write(line)
            file.flush()
            progress.line(line.rstrip())
    progress.end()
    if process.wait():
        raise SetupError(
            "pip could not install the packages (all it said: {}); its last words:\n  {}".format(
                venv / "setup.log", "  ".join(log[-12:])
            )
        )


def mend(venv):
    "After an interruption: forget packages that pip had begun to install or to remove."
    for site in sites(venv):
        for info in [*site.glob("*.dist-info"), *site.glob("~*")]:
            if info.name.startswith("~") or not all(
                (info / name).exists() for name in ("INSTALLER", "RECORD")
            ):
                shutil.rmtree(str(info), ignore_errors=True)


def make(venv, command, clear):
    if clear:
        old = venv.with_name(f"{venv.name}.old-{os.getpid()}")
        venv.rename(old)
        shutil.rmtree(str(old), ignore_errors=True)
    venv.mkdir(exist_ok=True)
    write_state(venv, installing="venv")
    out = subprocess.run(command + ["-m", "venv", str(venv)], **piped())
    if out.returncode:
        raise SetupError(
            f"{command[-1]} could not make the environment {venv}: {out.stdout.strip()[-500:]}"
        )


def install(stage, venv, python, lock, root=ROOT):
    "PyTorch first, in the build that fits this machine; then the package and what it needs."
    choice = os.environ.get("GANBOOK_TORCH", "")
    linux = sys.platform.startswith("linux")
    has_torch = any(
        any(site.glob(f"torch-{pinned('torch', root)}*.dist-info")) for site in sites(venv)
    )
    if not has_torch:
        pair = None
        if choice == "cpu" or linux and not choice and not has_nvidia_gpu():
            pair = cpu_pair(python, os.environ.get("GANBOOK_TORCH_INDEX", CPU_INDEX), root)
        room = shutil.disk_usage(str(root)).free / 1e9
        need = 3 if pair or not linux else 10
        if room < need:
            raise SetupError(
                f"The environment needs {need} GB of disk, and {room:.1f} GB are free at {root}: "
                "make room and run the command again."
            )
        if pair:
            say(
                f"PyTorch: its CPU build, {pair[1]:.0f} MB to fetch (no NVIDIA GPU was found here)."
            )
            try:
                pip(
                    venv,
                    "--extra-index-url",
                    os.environ.get("GANBOOK_TORCH_INDEX", CPU_INDEX),
                    *pair[0],
                    lock=lock,
                )
            except SetupError as problem:
                say(
                    f"That failed, so PyPI's build it is. ({str(problem).splitlines()[-1].strip()})"
                )
                pair = None
        if not pair:
            why = (
                "with the libraries for NVIDIA GPUs, about 6 GB on disk and some minutes to fetch"
                if linux
                else "for this system, well under 1 GB"
            )
            say(f"PyTorch: PyPI's build, {why}.")
    pip(venv, "-e", STAGES[stage], lock=lock)


def verify(venv):
    "None when PyTorch, torchvision and the package import together, else what went wrong."
    out = subprocess.run(
        [str(python_of(venv)), "-c", VERIFY],
        cwd=str(venv),
        **piped(),
    )
    lines = out.stdout.strip().splitlines() or ["no output"]
    if out.returncode:
        return lines[-1]
    say(lines[-1])
    return None


def set_up(stage, root=ROOT):
    venv = root / ".venv"
    if ready(stage, venv, root):
        return
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "PyTorch is no longer made for Macs with Intel processors: use Linux, Windows, a "
            "hosted notebook, or an Apple-silicon Mac with a Python that is native to it."
        )
    with locked(str(root / ".venv.lock")) as lock:
        if ready(stage, venv, root):
            return
        start, state = time.time(), read_state(venv)
        for old in root.glob(".venv.old-*"):
            shutil.rmtree(str(old), ignore_errors=True)
        python = version_of([str(python_of(venv))], "pip")
        fit = python in SUPPORTED and (not state or state.get("root") == str(root))
        if not fit:
            if venv.exists() and not state and any(venv.iterdir()):
                raise SetupError(
                    f"{venv} is not an environment that this set-up made, nor a working one with "
                    "Python 3.11-3.13: rename or remove it, and run the command again."
                )
            command = find_python()
            python = version_of(command)
            say(
                "{} the environment .venv with Python {}.{}{}.".format(
                    "Making anew" if venv.exists() else "Making",
                    *python,
                    "" if command == [sys.executable] else " (" + " ".join(command) + ")",
                )
            )
            make(venv, command, clear=venv.exists())
        elif state.get("installing"):
            say("The last set-up was interrupted: going on with it.")
            mend(venv)
        else:
            say("Bringing the environment .venv up to date.")
        begun = {"root": str(root), "python": list(python), "installing": stage}
        write_state(venv, **begun)
        install(stage, venv, python, lock, root)
        wrong = verify(venv)
        if wrong and state:
            say(f"The environment is broken ({wrong}): making it anew.")
            make(venv, find_python(), clear=True)
            python = version_of([str(python_of(venv))], "pip")
            write_state(venv, **dict(begun, python=list(python)))
            install(stage, venv, python, lock, root)
            wrong = verify(venv)
        if wrong:
            raise SetupError(
                f"PyTorch and torchvision do not work together here ({wrong}): remove {venv} and "
                "run the command again, with GANBOOK_TORCH=pypi to take PyPI's build."
            )
        done = {"root": str(root), "python": list(python), stage: fingerprint(list(python), root)}
        write_state(venv, **done)
        say(f"The environment is ready ({time.time() - start:.0f} s); the next run starts at once.")


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in STAGES:
        say(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        set_up(arguments[0])
    except SetupError as problem:
        print(f"set-up: {problem}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(
            f"set-up: the system refused a step ({error}); mend that and run the command again.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nset-up: interrupted; run the command again to go on.", file=sys.stderr, flush=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
