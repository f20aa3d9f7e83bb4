"What `pip install .` brings, looked at in the wheel itself."

import os
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    out = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert out.returncode == 0, out.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_its_data_and_nothing_else(root, wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {f"ganbook/{path.name}" for path in (root / "ganbook").glob("*.py")}
    carried = [path for path in (root / "data").rglob("*") if path.is_file()]
    carried = [path for path in carried if "__pycache__" not in path.parts]
    data = {f"ganbook/{path.relative_to(root).as_posix()}" for path in carried}
    assert names == code | data | {"ganbook/py.typed"}
    assert {f"ganbook/data/{name}" for name in ("cards.toml", "make/basics.py")} < data
    assert any(name.endswith(".safetensors") for name in data)
    assert sum(path.stat().st_size for path in carried) < 10e6  # DESIGN.md: all of data/
    assert wheel.stat().st_size < 10e6


def test_the_wheel_works_alone(wheel, tmp_path):
    "From another folder, without the checkout: the package finds the data that it carries."
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import ganbook
from ganbook.datasets import path
assert ganbook.__file__.startswith(sys.argv[1]), ganbook.__file__
for name in ('encoder_grey.safetensors', 'encoder_colour.safetensors'):
    assert str(path(name)).startswith(sys.argv[1]) and path(name).exists(), path(name)
from ganbook.datasets import _maker, SETS, load_set
for card in SETS.values():
    assert _maker(card)[0].__file__.startswith(sys.argv[1]), card
assert load_set("shapes", count=12).shape == (12, 3, 32, 32)
"""
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")],
        cwd=tmp_path,
        env=os.environ | {"GANBOOK_DATA": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert out.returncode == 0, out.stderr


def test_every_core_dependency_is_pinned_and_within_its_bounds(root):
    from packaging.requirements import Requirement

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (root / "constraints.txt").read_text(encoding="utf-8")
    versions = dict(re.findall(r"(?m)^([\w.-]+)==(\S+)$", pins))
    extras = project["optional-dependencies"]
    needs = [Requirement(text) for text in project["dependencies"] + extras["dev"]]
    itself = [extra for need in needs if need.name == "ganbook" for extra in need.extras]
    needs = [need for need in needs if need.name != "ganbook"]
    for need in needs + [Requirement(text) for extra in itself for text in extras[extra]]:
        assert versions[need.name] in need.specifier, f"{need}: {versions[need.name]}"
    assert not re.search(r"(?m)^[^#\n]*(https?:|--|@)", pins), "names and versions only"
