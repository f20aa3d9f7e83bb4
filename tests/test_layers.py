"A module of the book imports only modules of earlier chapters."

import ast
import json
import re

# The order of DESIGN.md's table: one notebook, one module.
ORDER = (
    "images cleaning datasets features games networks training metrics augment diagnosis tuning "
    "speed families conditional recurrent latents scaling medical translation scenes export api "
    "cli listing"
).split()


def imported(source):
    "The book's modules that this source imports, at its top or inside its functions."
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith("ganbook")):
            path = re.sub(r"^ganbook\.?", "", node.module or "")
            yield from [path] if path else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from [name[1] for name in names if name[0] == "ganbook" and len(name) > 1]


def forward(package):
    "(module, what it imports from its own or a later chapter) for every such import."
    modules = [path for path in package.glob("*.py") if not path.stem.startswith("_")]
    return [
        (path.stem, name)
        for path in modules
        for name in imported(path.read_text(encoding="utf-8"))
        if name not in ("__version__", *ORDER[: ORDER.index(path.stem)])
    ]


def test_no_module_imports_a_later_one(root):
    assert forward(root / "ganbook") == []


def test_that_test_sees_a_forward_import(tmp_path):
    (tmp_path / "images.py").write_text(
        "import torch\ndef f():\n    from ganbook.games import hinge\n"
    )
    (tmp_path / "games.py").write_text("from .images import show\nfrom . import api\n")
    (tmp_path / "training.py").write_text("import ganbook.metrics as m\nimport ganbook.games\n")
    found = sorted(forward(tmp_path))
    assert found == [("games", "api"), ("images", "games"), ("training", "metrics")]


def test_chapters_come_in_the_order_of_their_modules(root):
    exports = []
    for path in sorted((root / "nbs").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        source = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        exports += re.findall(r"(?m)^#\| *default_exp +(\w+)", source)
    assert exports == sorted(exports, key=ORDER.index) and exports
    assert {p.stem for p in (root / "ganbook").glob("[!_]*.py")} == set(exports)
