"""Prepare the site with nbdev, complain about every warning, and render it where Quarto is.

python tests/tools/docs.py [--check]     # --check: without Quarto, even where it is installed
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREPARE = """
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs
refresh_quarto_yml()
proc_nbs(n_workers=2, force=True)
"""


def prepare(root):
    "Write root/_proc, the notebooks as Quarto reads them; return all that nbdev had to say."
    command = [sys.executable, "-c", PREPARE]
    out = subprocess.run(
        command, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    said = (out.stdout + out.stderr).strip()
    if out.returncode and not said:
        said = f"nbdev ended with {out.returncode}"
    missing = [
        p.name for p in (root / "nbs").glob("*.ipynb") if not (root / "_proc" / p.name).exists()
    ]
    return said + "".join(f"\n{name} is missing from _proc" for name in missing)


def main():
    said = prepare(ROOT)
    if said:
        print(said)
        return 1
    pages = len(list((ROOT / "_proc").glob("*.ipynb")))
    print(f"The site's {pages} pages are prepared in _proc, without a warning.")
    if "--check" in sys.argv:
        return 0
    if not shutil.which("quarto"):
        print("Quarto is not installed, so nothing is rendered; quarto.org has it (1.7 or newer).")
        return 0
    (ROOT / "README.md").touch()  # nbdev would make another one from an index that looks newer
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(["nbdev_docs", "--n_workers", "2"], cwd=ROOT, env=environment).returncode
    if not done:
        print("The site is in _docs: open _docs/index.html.")
    return done


if __name__ == "__main__":
    sys.exit(main())
