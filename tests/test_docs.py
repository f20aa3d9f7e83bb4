"The site's side of the book, as far as it goes without Quarto."

import json
import re

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_notebook
from tools import docs

KERNEL = {"name": "python3", "language": "python", "display_name": "python3"}


def test_nbdev_prepares_the_site_without_a_warning(copy_of_book):
    assert docs.prepare(copy_of_book) == ""
    for path in sorted((copy_of_book / "_proc").glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert re.search(r"(?m)^title:", "".join(cells[0]["source"])), f"{path.name} has no title"


def pages(contents):
    for item in contents:
        if isinstance(item, str):
            yield item
        else:
            yield from pages(item.get("contents", []))
            if "href" in item and not item["href"].startswith("http"):
                yield item["href"]


def test_the_sidebar_lists_every_chapter_once(root):
    site = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    listed = list(pages(site["website"]["sidebar"]["contents"]))
    assert sorted(listed) == sorted(path.name for path in (root / "nbs").glob("*.ipynb"))
    assert site["metadata-files"] == ["nbdev.yml"]
    assert site["project"]["render"] == ["*.ipynb"]


def test_that_test_sees_a_warning(copy_of_book):
    for path in (copy_of_book / "nbs").glob("*.ipynb"):
        path.unlink()
    export = "#| default_exp images", "#| export\ndef f():\n    'One.'\n    return 1"
    cells = [new_code_cell(text) for text in (*export, "import math\nx = math.pi")]
    notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(notebook, copy_of_book / "nbs" / "01_images.ipynb")
    assert "imports and other code" in docs.prepare(copy_of_book)
