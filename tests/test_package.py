"What `pip install .` brings, looked at in the wheel itself."

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
    carried = [*(root / "data").glob("*.safetensors"), *(root / "data").glob("README.md")]
    data = {f"ganbook/data/{path.name}" for path in carried}
    assert names == code | data | {"ganbook/py.typed"}
    assert any(name.endswith(".safetensors") for name in data)
    assert wheel.stat().st_size < 5e6


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
"""
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")],
        cwd=tmp_path,
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
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        need = Requirement(text)
        assert versions[need.name] in need.specifier, f"{need}: {versions[need.name]}"
    assert not re.search(r"(?m)^[^#\n]*(https?:|--|@)", pins), "names and versions only"
