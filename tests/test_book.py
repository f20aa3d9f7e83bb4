"The book as files: in step with the package, the README and its own outputs; clean, sound, small."

import ast
import configparser
import json
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tools import readme

ROOT = Path(__file__).resolve().parents[1]
NBS = sorted((ROOT / "nbs").glob("*.ipynb"))
IMAGE_KINDS = {"image/png", "image/jpeg", "image/svg+xml"}
EXPORTS = {"export", "exports", "exporti"}

every_notebook = pytest.mark.parametrize("path", NBS, ids=lambda path: path.stem)


def run(command, folder):
    # the tools stand beside the Python that runs this, whether or not its folder is on PATH
    tool = shutil.which(command[0], path=str(Path(sys.executable).parent))
    out = subprocess.run(
        [tool, *command[1:]], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert out.returncode == 0 and not out.stderr, out.stdout + out.stderr


def cells(path, kind=None):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in found if kind in (None, cell["cell_type"])]


def source(cell):
    return "".join(cell["source"])


def contents(folder):
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}


# -- in step ------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="nbdev does not run on plain Windows")
def test_the_package_is_what_the_notebooks_export(copy_of_book):
    "Exported anew into an empty package: nothing differs, nothing is left over."
    for path in (copy_of_book / "ganbook").glob("*.py"):
        if path.name != "__init__.py":
            path.unlink()
    run(["nbdev_export"], copy_of_book)
    made, stored = contents(copy_of_book / "ganbook"), contents(ROOT / "ganbook")
    assert sorted(made) == sorted(stored)
    assert [name for name in made if made[name] != stored[name]] == [], "run: make export"


@pytest.mark.skipif(sys.platform == "win32", reason="nbdev does not run on plain Windows")
def test_the_notebooks_are_clean(copy_of_book):
    run(["nbdev_clean"], copy_of_book)
    dirty = [p.name for p in NBS if p.read_bytes() != (copy_of_book / "nbs" / p.name).read_bytes()]
    assert dirty == [], "run: make export"


def test_outputs_were_made_by_the_code_beside_them():
    from tools import outputs

    assert outputs.stale(ROOT / "nbs") == {}, "run: make outputs NB=..."


@every_notebook
def test_lines_of_code_fit_the_page(path):
    "A hundred characters; directives such as a figure's caption may be longer."
    lines = [line for cell in cells(path, "code") for line in source(cell).splitlines()]
    assert [line for line in lines if len(line) > 100 and not line.startswith("#|")] == []


def test_a_changed_cell_makes_outputs_stale(tmp_path):
    import nbformat
    from tools import outputs

    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    nbformat.write(nb, tmp_path / "a.ipynb")
    assert "never stored" in outputs.stale(tmp_path)["a"]
    nb.metadata["ganbook"] = {"code": outputs.mark(nb)}
    nbformat.write(nb, tmp_path / "a.ipynb")
    assert outputs.stale(tmp_path) == {}
    nb.cells.append(nbformat.v4.new_markdown_cell("Prose is free to change."))
    nbformat.write(nb, tmp_path / "a.ipynb")
    assert outputs.stale(tmp_path) == {}
    nb.cells[0].source = "1 + 2"
    nbformat.write(nb, tmp_path / "a.ipynb")
    assert "changed" in outputs.stale(tmp_path)["a"]


def test_the_readme_is_the_index():
    assert readme.differences() == [], "run: make export"


def test_the_readme_maker():
    picture = {
        "output_type": "display_data",
        "data": {"image/png": "cG5n\n", "text/plain": ["<F>"]},
    }
    printed = {"output_type": "stream", "name": "stdout", "text": ["\x1b[1m3\x1b[0m steps\n"]}
    notebook = {
        "cells": [
            {"cell_type": "code", "source": ["#| hide\n", "import os"], "outputs": []},
            {
                "cell_type": "markdown",
                "source": ["# T\n", "See [games](05_games.ipynb#x), [web](https://a.b),\n"],
            },
            {
                "cell_type": "markdown",
                "source": ["::: {.callout-note}\n", "[up](../LICENSE)\n", ":::"],
            },
            {
                "cell_type": "code",
                "source": ['#| fig-alt: "Dots"\n', "draw()"],
                "outputs": [printed, picture],
            },
        ]
    }
    text, pictures = readme.build(notebook)
    assert "import os" not in text and "fig-alt" not in text and ":::" not in text
    assert "[games](nbs/05_games.ipynb#x), [web](https://a.b)," in text and "[up](LICENSE)" in text
    assert (
        "```python\ndraw()\n```\n\n```text\n3 steps\n```\n\n![Dots](.github/readme/figure-1.png)\n"
        in text
    )
    assert pictures == {"figure-1.png": b"png"}


def test_version_and_names_agree():
    import ganbook

    settings = configparser.ConfigParser()
    settings.read(ROOT / "settings.ini", encoding="utf-8")
    assert settings["DEFAULT"]["version"] == ganbook.__version__
    assert f"version: {ganbook.__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"[{ganbook.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="git makes a text file of the link there")
def test_one_site_file_read_in_two_places():
    link, real = ROOT / "nbs" / "_quarto.yml", ROOT / "_quarto.yml"
    assert link.is_symlink() and link.read_bytes() == real.read_bytes()


# -- each notebook ------------------------------------------------------------------------------


@every_notebook
def test_sources_are_lists_of_lines(path):
    "As Jupyter writes them: a change of one line is a change of one line."
    for cell in cells(path):
        assert isinstance(cell["source"], list)
        assert all(line.endswith("\n") and line.count("\n") == 1 for line in cell["source"][:-1])


@every_notebook
def test_no_stored_output_is_an_error_or_names_a_machine(path):
    for cell in cells(path, "code"):
        assert all(out["output_type"] != "error" for out in cell["outputs"]), source(cell)
        texts = [
            out.get("text", out.get("data", {}).get("text/plain", "")) for out in cell["outputs"]
        ]
        said = "".join("".join(text) for text in texts)
        assert not re.search(r"/(root|home|work|Users)/|site-packages|C:\\", said), said


def without_alt(cell):
    "What shows a picture here and does not say in words what is on it."
    text = source(cell)
    if cell["cell_type"] == "markdown":
        text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", text)
        tags = [
            tag for tag in re.findall(r"<img\b[^>]*>", text) if not re.search(r'alt="[^"]+"', tag)
        ]
        return tags + re.findall(r"!\[\s*\]\([^)]*\)", text)
    drawn = any(IMAGE_KINDS & out.get("data", {}).keys() for out in cell.get("outputs", []))
    return [text] if drawn and not re.search(r"(?m)^#\| *fig-alt: *\S", text) else []


def test_that_test_sees_a_bare_figure():
    drawn = [{"output_type": "display_data", "data": {"image/png": "..."}}]
    bare = {"cell_type": "code", "source": ["show(x)"], "outputs": drawn}
    told = {"cell_type": "code", "source": ['#| fig-alt: "Dots"\n', "show(x)"], "outputs": drawn}
    assert without_alt(bare) and not without_alt(told)
    for text, count in {
        "![](a.png)": 1,
        "![Dots](a.png)": 0,
        '<img src="a.png">': 1,
        '<img src="a.png" alt="Dots">': 0,
        "`![](a.png)` is Markdown": 0,
    }.items():
        assert len(without_alt({"cell_type": "markdown", "source": [text]})) == count


@every_notebook
def test_every_figure_has_words_for_who_cannot_see_it(path):
    assert [found for cell in cells(path) for found in without_alt(cell)] == []


@every_notebook
def test_import_cells_hold_imports_only(path):
    "nbdev runs every cell that holds an import when it prepares the site: it must cost nothing."
    for cell in cells(path, "code"):
        flags = set(re.findall(r"(?m)^#\| *(\w+)", source(cell)))
        try:
            tree = ast.parse(re.sub(r"(?m)^[%!].*$", "", source(cell)))
        except SyntaxError:  # a magic or a shell line: not for nbdev either
            continue
        where = tree.body if flags & EXPORTS else list(ast.walk(tree))
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in where):
            others = [
                node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)
            ]
            assert not others, f"imports and other code in one cell:\n{source(cell)}"


def slug(heading):
    "The anchor that Quarto gives a heading."
    heading = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"\s+", "-", re.sub(r"^[^a-z]+|[^\w\s.-]", "", heading))


def test_anchors_are_those_of_the_site():
    assert slug("It fails: the game's end") == "it-fails-the-games-end"
    assert slug("2. Two `steps` & a [loop](x)") == "two-steps-a-loop"


def anchors(path):
    text = "\n".join(re.sub(r"(?s)```.*?```", "", source(cell)) for cell in cells(path, "markdown"))
    explicit = re.findall(r"\{#([\w-]+)", text)
    return {
        slug(line) for line in re.findall(r"(?m)^#+ +(.+)$", re.sub(r" *\{#.*?\}", "", text))
    } | {*explicit}


@every_notebook
def test_links_lead_somewhere(path):
    text = "\n".join(source(cell) for cell in cells(path, "markdown"))
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", text)
    for link in re.findall(r"\]\(([^)\s]+)", text) + re.findall(r'(?:href|src)="([^"]+)"', text):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), f"{link} leads to nothing"
        if anchor and target.suffix == ".ipynb":
            assert anchor in anchors(target), (
                f"{link}: no such heading among {sorted(anchors(target))}"
            )


@every_notebook
def test_notebooks_stay_small(path):
    size = path.stat().st_size / 1024
    assert size <= 600, f"{path.name} has {size:.0f} KB; the ceiling is 600"
    if size > 300:
        warnings.warn(f"{path.name} has {size:.0f} KB; aim at 300", stacklevel=1)
