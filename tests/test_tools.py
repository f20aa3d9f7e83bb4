"The makers' tools on a small book of their own."

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import outputs

KERNEL = {"name": "python3", "language": "python", "display_name": "python3"}


def test_outputs_are_stored_and_marked(copy_of_book, monkeypatch):
    "Except those of slow and GPU cells, which keep what a longer run stored."
    monkeypatch.chdir(copy_of_book)  # where nbdev finds its settings
    recorded = new_output("stream", text="recorded on a large machine\n")
    cells = [
        new_markdown_cell("# A chapter"),
        new_code_cell("import os\nprint(os.path.basename(os.getcwd()))"),
        new_code_cell("#| slow\nraise SystemExit", outputs=[recorded]),
    ]
    path = copy_of_book / "nbs" / "01_images.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    assert outputs.run(path) > 0
    nb = nbformat.read(path, 4)
    assert [cell.outputs[0].text for cell in nb.cells[1:]] == ["nbs\n", recorded.text]
    assert nb.metadata.ganbook.code == outputs.mark(nb)  # nbdev_clean, which ran after, kept it
    assert "01_images" not in outputs.stale(path.parent)
    assert nb.cells[2].source.startswith("#| slow")
