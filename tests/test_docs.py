"The site's side of the book, as far as it goes without Quarto."

import json
import re

import yaml
from tools import docs


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
