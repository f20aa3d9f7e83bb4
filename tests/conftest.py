"""Every test: one torch thread, no window, no network that a test could come to rest on."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

os.environ.update(  # before torch is imported, so that it starts with one thread
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    MPLBACKEND="Agg",
    PYTHONUTF8="1",
    HF_HUB_OFFLINE="1",
    PYDEVD_DISABLE_FILE_VALIDATION="1",
)
sys.path.insert(0, str(ROOT / "tests"))  # so that a test can import tools.readme


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture
def copy_of_book(tmp_path):
    "What nbdev works on, where nothing that it writes matters."
    import shutil

    for name in ("settings.ini", "pyproject.toml", "_quarto.yml"):
        shutil.copy(ROOT / name, tmp_path)
    skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "nbdev.yml", ".last_checked")
    for name in ("nbs", "ganbook"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=skip)
    return tmp_path


def pytest_terminal_summary(terminalreporter, exitstatus):
    if os.environ.get("GANBOOK_NEXT") and exitstatus == 0:
        terminalreporter.write_line(
            "Next: `make lab` opens the book, `make quickstart` trains a GAN."
        )
