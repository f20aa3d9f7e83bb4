"""Make README.md from nbs/index.ipynb: its text, its code with what that printed, its pictures.

python tests/tools/readme.py [--check]     # --check: exit 1 if README.md is not what would be made
"""

import base64
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(".github/readme")
NOTE = "<!-- Made from nbs/index.ipynb by `make export`: edit that. -->\n"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s]+)|(?<=src=\")(?!\w+:|#|/)([^\"\s]+)")


def directives(source):
    return dict(re.findall(r"(?m)^\s*#\|\s*([\w-]+):?[ \t]*(.*)$", source))


def from_top(match):
    "A link as seen from nbs/, seen from the top of the repository."
    link = match[0]
    return link[3:] if link.startswith("../") else f"nbs/{link}"


def markdown(source):
    "Markdown without Quarto's own marks: fenced divs, and front matter."
    source = re.sub(r"\A---\n.*?\n---\n", "", source, flags=re.S)
    lines = [line for line in source.splitlines() if not line.startswith(":::")]
    return LINK.sub(from_top, "\n".join(lines)).strip()


def fenced(text, language):
    return f"```{language}\n{text.rstrip()}\n```"


def text_of(data):
    return ANSI.sub("", "".join(data)).strip("\n")


def build(notebook):
    "(the text of README.md, {file name: bytes} of the pictures in it)"
    parts, pictures = [], {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        flags = directives(source)
        if {"hide", "default_exp"} & flags.keys() or flags.get("include") == "false":
            continue
        if cell["cell_type"] == "markdown":
            parts.append(markdown(source))
        if cell["cell_type"] != "code":
            continue
        code = re.sub(r"(?m)^\s*#\|.*\n?", "", source).strip()
        if code and flags.get("echo") != "false":
            parts.append(fenced(code, "python"))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            kind = next((k for k in ("image/png", "image/jpeg") if k in data), None)
            if kind:
                name = f"figure-{len(pictures) + 1}.{kind[6:].replace('jpeg', 'jpg')}"
                pictures[name] = base64.b64decode("".join(data[kind]))
                alt = flags.get("fig-alt", "").strip("\"'")
                parts.append(f"![{alt}]({PICTURES.as_posix()}/{name})")
            elif text := text_of(output.get("text") or data.get("text/plain") or ""):
                parts.append(fenced(text, "text"))
    return NOTE + "\n" + "\n\n".join(part for part in parts if part) + "\n", pictures


def differences(root=ROOT):
    "What in README.md and its pictures is not as nbs/index.ipynb has it."
    text, pictures = build(json.loads((root / "nbs/index.ipynb").read_text(encoding="utf-8")))
    readme = root / "README.md"
    files = {path.name: path.read_bytes() for path in (root / PICTURES).glob("figure-*")}
    same = readme.exists() and readme.read_text(encoding="utf-8") == text
    found = [] if same else ["README.md is not the text of nbs/index.ipynb"]
    return found + [
        f"{PICTURES.as_posix()}/{name} is not the picture of nbs/index.ipynb"
        for name in sorted(files.keys() | pictures.keys())
        if files.get(name) != pictures.get(name)
    ]


def main():
    if "--check" in sys.argv:
        found = differences()
        print("".join(f"{line}; run: make export\n" for line in found), end="")
        return int(bool(found))
    text, pictures = build(json.loads((ROOT / "nbs/index.ipynb").read_text(encoding="utf-8")))
    (ROOT / "README.md").write_text(text, encoding="utf-8", newline="\n")
    for path in (ROOT / PICTURES).glob("figure-*"):
        path.unlink()
    for name, content in pictures.items():
        (ROOT / PICTURES).mkdir(parents=True, exist_ok=True)
        (ROOT / PICTURES / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
