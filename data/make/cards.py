"""Record what the scripts make: python data/make/cards.py [--first] [SET ...]

After a change of a script: makes the sets anew (none named: all; some take a minute or two), and
writes into `data/cards.toml` the checksum and the mean of the first 20 pictures of seed 0, and the
checksum of the whole set, into `data/README.md` the latter. With --first only what takes seconds.
"""

import argparse
import os
import re
import tempfile
from pathlib import Path

import torch

from ganbook import datasets

DATA = Path(__file__).resolve().parents[1]


def put(text: str, name: str, line: str) -> str:
    "The cards with one line of one card replaced, or added."
    head = f'["{name}"]' if "-" in name else f"[{name}]"
    start = text.index(f"\n{head}\n") + 1
    end = text.find("\n\n", start)
    card = text[start : end if end > 0 else None].rstrip("\n")
    key = line.split(" = ")[0]
    rows = [row for row in card.split("\n") if not row.startswith(f"{key} = ")] + [line]
    return text.replace(card, "\n".join(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", help="none: all of them")
    parser.add_argument("--first", action="store_true", help="only the first 20 pictures")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cards, readme = DATA / "cards.toml", DATA / "README.md"
    for name in chosen.sets or datasets.SETS:
        card = datasets.SETS[name]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["GANBOOK_DATA"] = folder
            few = datasets._made(card, 0, 20, card.shape[1])
            whole = {} if chosen.first else datasets._made(card, 0, card.count, card.shape[1])
            del os.environ["GANBOOK_DATA"]
        first, mean = datasets._checksum(few)[:16], float(few["images"].mean())
        text = put(cards.read_text("utf-8"), name, f'first = ["{first}", {mean:.4f}]')
        if whole:
            assert len(whole["images"]) == card.count, len(whole["images"])
            total = datasets._checksum(whole)[:16]
            text = put(text, name, f'checksum = "{total}"')
            row = rf"(?m)^(\| `{name}` \|.*\| `)[0-9a-f?]+(` \| `make/.*)$"
            told = re.sub(row, rf"\g<1>{total}\g<2>", readme.read_text("utf-8"))
            readme.write_text(told, "utf-8")
        cards.write_text(text, "utf-8")
        print(f"{name}: first {first}, whole {total if whole else 'as before'}", flush=True)


if __name__ == "__main__":
    main()
