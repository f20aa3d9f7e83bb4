"""Run chapters and store what they print and draw, each with a mark of the code that made it.

python tests/tools/outputs.py [NAME ...]     # run these chapters, or all of them
python tests/tools/outputs.py --check        # name chapters whose code changed since; exit 1 if any
"""

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path

NBS = Path(__file__).resolve().parents[2] / "nbs"
SKIPPED = ("#| slow", "#| gpu")  # as settings.ini's tst_flags


def code_cells(nb):
    return [cell for cell in nb["cells"] if cell["cell_type"] == "code"]


def mark(nb):
    "A short hash of all code: outputs belong to it."
    code = "\n\0".join("".join(cell["source"]) for cell in code_cells(nb))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def stale(folder=NBS):
    "{chapter: why} for stored outputs that other code made, that are missing, or are errors."
    found = {}
    for path in sorted(folder.glob("*.ipynb")):
        nb = json.loads(path.read_text(encoding="utf-8"))
        made_by = nb["metadata"].get("ganbook", {}).get("code")
        cells = code_cells(nb)
        if any(out["output_type"] == "error" for cell in cells for out in cell["outputs"]):
            found[path.stem] = "a stored output is an error"
        elif made_by is None and any(cell["source"] for cell in cells):
            found[path.stem] = "its outputs were never stored"
        elif made_by is not None and made_by != mark(nb):
            found[path.stem] = "its code changed after its outputs were stored"
    return found


def run(path):
    "Execute a chapter in place, in its folder; cells for a GPU or a long run keep what they have."
    import nbformat
    from nbclient import NotebookClient
    from nbdev.clean import nbdev_clean

    nb, start = nbformat.read(path, 4), time.time()
    kept = [c for c in code_cells(nb) if any(flag in c.source for flag in SKIPPED)]
    sources, outputs = [c.source for c in kept], [c.outputs for c in kept]
    for cell in code_cells(nb):
        cell.outputs, cell.execution_count = [], None
    for cell in kept:
        cell.source = ""
    client = NotebookClient(
        nb,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    for cell, source, output in zip(kept, sources, outputs, strict=True):
        cell.source, cell.outputs = source, output
    for key in ("widgets", "language_info"):
        nb.metadata.pop(key, None)
    nb.metadata["ganbook"] = {"code": mark(nb)}
    nb.metadata["kernelspec"] = {
        "display_name": "python3",
        "language": "python",
        "name": "python3",
    }
    nbformat.write(nb, path)
    nbdev_clean(fname=str(path))
    return time.time() - start


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="chapters, such as 05_games")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    os.chdir(NBS.parent)  # where nbdev looks for its settings
    if args.check:
        found = stale()
        for name, reason in found.items():
            print(f"{name}: {reason}; run: make outputs NB={name}")
        return int(bool(found))
    names = [Path(name).stem for name in args.names]
    paths = [NBS / f"{n}.ipynb" for n in names] if names else sorted(NBS.glob("*.ipynb"))
    missing = [path.stem for path in paths if not path.exists()]
    if missing:
        print(f"No such chapter: {', '.join(missing)}; {NBS} has the names.", file=sys.stderr)
        return 2
    total = 0.0
    for path in paths:
        print(f"{path.stem} ...", end=" ", flush=True)
        total += (seconds := run(path))
        print(f"{seconds:.1f} s, {path.stat().st_size / 1024:.0f} KB", flush=True)
    print(f"{len(paths)} chapters in {total:.0f} s. Look at the figures before you commit them.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
