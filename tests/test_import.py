"`import ganbook` is light, and its door opens late."

import subprocess
import sys

import pytest
from test_layers import ORDER

HEAVY = ("torchvision", "cv2", "matplotlib", "sklearn", "accelerate", "ipywidgets", "torchmetrics")
MAKERS = ("nbdev", "fastcore", "IPython")


def loaded(code, tmp_path):
    "Top-level modules that a fresh Python holds after this code, run far from the checkout."
    code += "\nimport sys\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
    )
    assert out.returncode == 0, out.stderr
    return set(out.stdout.split())


def test_the_package_alone_imports_next_to_nothing(tmp_path):
    assert not loaded("import ganbook; ganbook.__version__", tmp_path) & {
        *HEAVY,
        *MAKERS,
        "torch",
        "numpy",
    }


def test_no_module_imports_what_only_some_functions_need(root, tmp_path):
    modules = [name for name in ORDER if (root / "ganbook" / f"{name}.py").exists()]
    code = "\n".join(f"import ganbook.{name}" for name in modules)
    assert not loaded(code, tmp_path) & {*HEAVY, *MAKERS}


def test_the_door(tmp_path):
    code = "from ganbook import create_gan, load\nassert callable(create_gan) and callable(load)"
    assert not loaded(code, tmp_path) & {*HEAVY, *MAKERS}


def test_a_wrong_name_is_an_attribute_error():
    import ganbook

    with pytest.raises(AttributeError, match="no attribute 'create_gun'"):
        _ = ganbook.create_gun
    assert {"create_gan", "load", "__version__"} <= set(dir(ganbook))
