"""Numerals and words in five scripts, style in hand: python data/make/scripts.py --out DIR

make_numerals(seed, count) draws 0-9, make_words(seed, count) ten words, each in western, chinese,
arabic, devanagari and thai script, from committed masters (`scripts_<script>.png`: every symbol in
every face, ink or no ink, CELL pixels high) and what `scripts.json` says of the faces. A master is
turned into its signed distance field, so that a stroke gets thicker or thinner by moving one
threshold. make_pairs(seed, count, source, target) draws the same numeral twice, make_word_pairs
the same word, in the same slant, stroke weight, width and noise, with faces that are each other's
nearest in style.

The masters were drawn once from Debian 12's font packages, and only that needs the fonts:

    apt-get install fonts-noto-core fonts-noto-extra fonts-noto-cjk fonts-noto-cjk-extra \
        fonts-open-sans fonts-lato fonts-roboto-unhinted fonts-liberation fonts-dejavu-core \
        fonts-comic-neue fonts-cabin fonts-quicksand fonts-crosextra-caladea \
        fonts-ebgaramond fonts-inconsolata fonts-firacode fonts-sil-gentiumplus \
        fonts-lxgw-wenkai fonts-arphic-ukai fonts-arphic-uming fonts-arphic-gbsn00lp \
        fonts-arphic-gkai00mp fonts-wqy-microhei fonts-wqy-zenhei fonts-ipaexfont fonts-mplus \
        fonts-cns11643-kai fonts-cns11643-sung fonts-hosny-amiri fonts-hosny-thabit \
        fonts-sil-scheherazade fonts-sil-harmattan fonts-sil-lateef fonts-sil-alkalami \
        fonts-lohit-deva fonts-sil-annapurna fonts-samyak-deva fonts-nakula fonts-sahadeva \
        fonts-sarai fonts-deva-extra fonts-freefont-ttf fonts-thai-tlwg-ttf
    python data/make/scripts.py --masters

Contact sheets, seconds and checksums: python data/make/scripts.py --out DIR [--count N] [--seed S]
"""

import argparse
import functools
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from ganbook.datasets import _checksum as checksum
from ganbook.images import from_array, grid

SCRIPTS = ("western", "chinese", "arabic", "devanagari", "thai")
NUMERALS_CLASSES = tuple("0123456789")
WORDS_CLASSES = (
    "sun",
    "moon",
    "star",
    "rain",
    "water",
    "fire",
    "tree",
    "hand",
    "house",
    "heart",
)
CATEGORIES = ("sans", "serif", "mono", "hand")

NUMERALS = {
    "western": tuple("0123456789"),
    "chinese": tuple("零一二三四五六七八九"),
    "arabic": tuple("٠١٢٣٤٥٦٧٨٩"),
    "devanagari": tuple("०१२३४५६७८९"),
    "thai": tuple("๐๑๒๓๔๕๖๗๘๙"),
}
WORDS = {
    "western": WORDS_CLASSES,
    "chinese": tuple("日月星雨水火木手家心"),
    "arabic": ("شمس", "قمر", "نجم", "مطر", "ماء", "نار", "شجرة", "يد", "بيت", "قلب"),
    "devanagari": ("सूर्य", "चाँद", "तारा", "वर्षा", "पानी", "आग", "पेड़", "हाथ", "घर", "दिल"),
    "thai": ("ตะวัน", "จันทร์", "ดาว", "ฝน", "น้ำ", "ไฟ", "ต้นไม้", "มือ", "บ้าน", "ใจ"),
}
LANGUAGES = {
    "western": "en",
    "chinese": "zh-Hans",
    "arabic": "ar",
    "devanagari": "hi",
    "thai": "th",
}

# Families that no training picture shows; all weights of a family share its side of the split.
HELD_OUT = {
    "western": ("Lato", "Liberation Serif", "Comic Neue"),
    "chinese": ("M PLUS 1", "AR PL Sung", "LXGW WenKai"),
    "arabic": ("DejaVu Sans", "Noto Naskh Arabic", "Lateef"),
    "devanagari": ("Lohit Devanagari", "FreeSerif", "Annapurna SIL"),
    "thai": ("Loma", "Norasi", "Sawasdee"),
}

NO_SLANT = {"chinese": (1,), "arabic": (0,)}  # numerals that are a bar or a dot

CELL = 128  # height of a master; numerals are CELL wide, words 3 * CELL
INK = 108  # height that the tallest symbol of a face fills, if it is not too wide
STEPS = 8  # steps of the distance field for one pixel of the master
# script: family, category, package, licence, files, styles (in the file's name, if not said: =)
# fmt: off
FAMILIES = {
    "western": (
        ("Lato", "sans", "fonts-lato", "OFL-1.1",
         "truetype/lato/Lato-{}.ttf", "Light Medium Black"),
        ("Roboto", "sans", "fonts-roboto-unhinted", "Apache-2.0",
         "truetype/roboto/unhinted/RobotoTTF/Roboto-{}.ttf", "Light Medium Black"),
        ("Cabin", "sans", "fonts-cabin", "OFL-1.1",
         "opentype/cabin/Cabin-{}.otf", "Regular Bold"),
        ("Quicksand", "sans", "fonts-quicksand", "OFL-1.1",
         "truetype/quicksand/Quicksand-{}.ttf", "Regular Bold"),
        ("Open Sans", "sans", "fonts-open-sans", "Apache-2.0",
         "truetype/open-sans/OpenSans-{}.ttf", "Light Semibold ExtraBold"),
        ("Noto Serif", "serif", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoSerif-{}.ttf", "Regular Bold"),
        ("DejaVu Serif", "serif", "fonts-dejavu-core", "Bitstream-Vera",
         "truetype/dejavu/DejaVuSerif{}.ttf", "Book= Bold=-Bold"),
        ("EB Garamond", "serif", "fonts-ebgaramond", "OFL-1.1",
         "opentype/ebgaramond/EBGaramond{}-Regular.otf", "08 12"),
        ("Caladea", "serif", "fonts-crosextra-caladea", "OFL-1.1",
         "truetype/crosextra/Caladea-{}.ttf", "Regular Bold"),
        ("Liberation Serif", "serif", "fonts-liberation", "GPL-2 with font exception",
         "truetype/liberation/LiberationSerif-{}.ttf", "Regular Bold"),
        ("Inconsolata", "mono", "fonts-inconsolata", "OFL-1.1",
         "truetype/inconsolata/Inconsolata{}.otf", "Medium="),
        ("Fira Code", "mono", "fonts-firacode", "OFL-1.1",
         "truetype/firacode/FiraCode-{}.ttf", "Light Bold"),
        ("Gentium Plus", "hand", "fonts-sil-gentiumplus", "OFL-1.1",
         "truetype/gentiumplus/GentiumPlus-{}.ttf", "Regular Bold"),
        ("Comic Neue", "hand", "fonts-comic-neue", "OFL-1.1",
         "opentype/comic-neue/ComicNeue-{}.otf", "Regular Bold"),
    ),
    "chinese": (
        ("Noto Sans CJK SC", "sans", "fonts-noto-cjk-extra", "OFL-1.1",
         "opentype/noto/NotoSansCJK-{}.ttc#2", "Light Medium Black"),
        ("M PLUS 1", "sans", "fonts-mplus", "OFL-1.1",
         "opentype/mplus/Mplus1-{}.otf", "Light Regular SemiBold ExtraBold"),
        ("WenQuanYi Zen Hei", "sans", "fonts-wqy-zenhei", "GPL-2 with font exception",
         "truetype/wqy/wqy-zenhei{}.ttc", "Regular="),
        ("IPAexGothic", "sans", "fonts-ipaexfont-gothic", "IPA-1.0",
         "opentype/ipaexfont-gothic/ipaexg{}.ttf", "Regular="),
        ("WenQuanYi Micro Hei", "sans", "fonts-wqy-microhei", "Apache-2.0",
         "truetype/wqy/wqy-microhei{}.ttc", "Regular="),
        ("Noto Serif CJK SC", "serif", "fonts-noto-cjk-extra", "OFL-1.1",
         "opentype/noto/NotoSerifCJK-{}.ttc#2", "Light SemiBold Black"),
        ("AR PL Sung", "serif", "fonts-arphic-gbsn00lp", "Arphic-1999",
         "truetype/arphic-gbsn00lp/gbsn00lp{}.ttf", "SungtiL-GB="),
        ("TW-Sung", "serif", "fonts-cns11643-sung", "OGDL-TW-1.0",
         "truetype/cns11643/TW-Sung-98_1{}.ttf", "Regular="),
        ("IPAexMincho", "serif", "fonts-ipaexfont-mincho", "IPA-1.0",
         "opentype/ipaexfont-mincho/ipaexm{}.ttf", "Regular="),
        ("AR PL Sung", "serif", "fonts-arphic-uming", "Arphic-1999",
         "truetype/arphic/uming{}.ttc", "UMing="),
        ("AR PL Kai", "hand", "fonts-arphic-ukai", "Arphic-1999",
         "truetype/arphic/ukai{}.ttc", "UKai="),
        ("AR PL Kai", "hand", "fonts-arphic-gkai00mp", "Arphic-1999",
         "truetype/arphic-gkai00mp/gkai00mp{}.ttf", "KaitiM-GB="),
        ("TW-Kai", "hand", "fonts-cns11643-kai", "OGDL-TW-1.0",
         "truetype/cns11643/TW-Kai-98_1{}.ttf", "Regular="),
        ("LXGW WenKai", "hand", "fonts-lxgw-wenkai", "OFL-1.1",
         "truetype/lxgw-wenkai/LXGWWenKai-{}.ttf", "Light Regular Bold"),
    ),
    "arabic": (
        ("Noto Sans Arabic", "sans", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoSansArabic-{}.ttf", "Regular Bold"),
        ("Noto Kufi Arabic", "sans", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoKufiArabic-{}.ttf", "Regular Bold"),
        ("Harmattan", "sans", "fonts-sil-harmattan", "OFL-1.1",
         "truetype/harmattan/Harmattan-{}.ttf", "Regular Bold"),
        ("DejaVu Sans", "sans", "fonts-dejavu-core", "Bitstream-Vera",
         "truetype/dejavu/DejaVuSans{}.ttf", "Book= Bold=-Bold"),
        ("Amiri", "serif", "fonts-hosny-amiri", "OFL-1.1",
         "opentype/fonts-hosny-amiri/Amiri-{}.ttf", "Regular Bold"),
        ("Scheherazade", "serif", "fonts-sil-scheherazade", "OFL-1.1",
         "truetype/scheherazade/Scheherazade-{}.ttf", "Regular Bold"),
        ("FreeSerif", "serif", "fonts-freefont-ttf", "GPL-3+ with font exception",
         "truetype/freefont/FreeSerif{}.ttf", "Regular= Bold"),
        ("Noto Naskh Arabic", "serif", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoNaskhArabic-{}.ttf", "Regular Bold"),
        ("Thabit", "mono", "fonts-hosny-thabit", "OFL-1.1",
         "opentype/fonts-hosny-thabit/Thabit{}.ttf", "Regular= Bold=-Bold"),
        ("FreeMono", "mono", "fonts-freefont-ttf", "GPL-3+ with font exception",
         "truetype/freefont/FreeMono{}.ttf", "Regular="),
        ("Alkalami", "hand", "fonts-sil-alkalami", "OFL-1.1",
         "truetype/alkalami/Alkalami-{}.ttf", "Light Regular"),
        ("Lateef", "hand", "fonts-sil-lateef", "OFL-1.1",
         "opentype/lateef/Lateef-{}.ttf", "Light Medium ExtraBold"),
    ),
    "devanagari": (
        ("Noto Sans Devanagari", "sans", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoSansDevanagari-{}.ttf", "Regular Bold"),
        ("Noto Sans Devanagari", "sans", "fonts-noto-extra", "OFL-1.1",
         "truetype/noto/NotoSansDevanagari-{}.ttf",
         "CondensedLight CondensedSemiBold CondensedBlack"),
        ("FreeSans", "sans", "fonts-freefont-ttf", "GPL-3+ with font exception",
         "truetype/freefont/FreeSans{}.ttf", "Regular= Bold"),
        ("Samyak Devanagari", "serif", "fonts-samyak-deva", "GPL-3+ with font exception",
         "truetype/samyak/Samyak-Devanagari{}.ttf", "Regular="),
        ("Lohit Devanagari", "sans", "fonts-lohit-deva", "OFL-1.1",
         "truetype/lohit-devanagari/Lohit-Devanagari{}.ttf", "Regular="),
        ("Noto Serif Devanagari", "serif", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoSerifDevanagari-{}.ttf", "Regular Bold"),
        ("Noto Serif Devanagari", "serif", "fonts-noto-extra", "OFL-1.1",
         "truetype/noto/NotoSerifDevanagari-{}.ttf",
         "CondensedLight CondensedSemiBold CondensedBlack"),
        ("FreeSerif", "serif", "fonts-freefont-ttf", "GPL-3+ with font exception",
         "truetype/freefont/FreeSerif{}.ttf", "Regular= Bold"),
        ("Annapurna SIL", "hand", "fonts-sil-annapurna", "OFL-1.1",
         "truetype/annapurna/AnnapurnaSIL-{}.ttf", "Regular Bold"),
        ("Nakula", "sans", "fonts-nakula", "GPL-2+",
         "truetype/Nakula/nakula{}.ttf", "Regular="),
        ("Sahadeva", "serif", "fonts-sahadeva", "GPL-2+",
         "truetype/Sahadeva/sahadeva{}.ttf", "Regular="),
        ("Chandas", "hand", "fonts-deva-extra", "GPL-2+",
         "truetype/fonts-deva-extra/chandas1-2{}.ttf", "Regular="),
        ("Kalimati", "sans", "fonts-deva-extra", "GPL-2+",
         "truetype/fonts-deva-extra/kalimati{}.ttf", "Regular="),
        ("Sarai", "hand", "fonts-sarai", "GPL-2+",
         "truetype/Sarai/Sarai{}.ttf", "Regular="),
    ),
    "thai": (
        ("Noto Sans Thai", "sans", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoSansThai-{}.ttf", "Regular Bold"),
        ("Noto Looped Thai", "sans", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoLoopedThai-{}.ttf", "Regular Bold"),
        ("Garuda", "sans", "fonts-tlwg-garuda-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Garuda{}.ttf", "Regular= Bold=-Bold"),
        ("Umpush", "sans", "fonts-tlwg-umpush-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Umpush-{}.ttf", "Light Bold"),
        ("Waree", "sans", "fonts-tlwg-waree-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Waree{}.ttf", "Regular= Bold=-Bold"),
        ("Loma", "sans", "fonts-tlwg-loma-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Loma{}.ttf", "Regular= Bold=-Bold"),
        ("Noto Serif Thai", "serif", "fonts-noto-core", "OFL-1.1",
         "truetype/noto/NotoSerifThai-{}.ttf", "Regular Bold"),
        ("Kinnari", "serif", "fonts-tlwg-kinnari-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Kinnari{}.ttf", "Regular= Bold=-Bold"),
        ("Laksaman", "serif", "fonts-tlwg-laksaman-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Laksaman{}.ttf", "Regular= Bold=-Bold"),
        ("Norasi", "serif", "fonts-tlwg-norasi-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Norasi{}.ttf", "Regular= Bold=-Bold"),
        ("TlwgTypist", "mono", "fonts-tlwg-typist-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/TlwgTypist{}.ttf", "Regular= Bold=-Bold"),
        ("TlwgTypewriter", "mono", "fonts-tlwg-typewriter-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/TlwgTypewriter{}.ttf", "Regular="),
        ("Sawasdee", "hand", "fonts-tlwg-sawasdee-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Sawasdee{}.ttf", "Regular= Bold=-Bold"),
        ("Purisa", "hand", "fonts-tlwg-purisa-ttf", "GPL-2+ with font exception",
         "truetype/tlwg/Purisa{}.ttf", "Regular= Bold=-Bold"),
    ),
}
# fmt: on


def data_folder() -> Path:
    "Where masters lie: beside this script's folder, or where GANBOOK_DATA says."
    beside = Path(__file__).resolve().parent.parent
    if (beside / "scripts.json").is_file():
        return beside
    return Path(os.environ.get("GANBOOK_DATA", beside))


@functools.cache
def faces() -> tuple[dict, ...]:
    "What is known of every face, script after script; a face's number is its place here."
    listed = json.loads((data_folder() / "scripts.json").read_text(encoding="utf-8"))
    return tuple(listed["faces"])


def families() -> tuple[str, ...]:
    "Typeface families, script after script: the names of `groups`."
    return tuple(dict.fromkeys(f"{face['script']}: {face['family']}" for face in faces()))


def held_out_faces() -> dict[str, tuple[str, ...]]:
    "Names of the held-out faces of each script (families of HELD_OUT)."
    return {
        script: tuple(f["name"] for f in faces() if f["script"] == script and f["held_out"])
        for script in SCRIPTS
    }


def distances(ink: np.ndarray) -> np.ndarray:
    "Signed distance to the edge, int8 in 1/STEPS pixels, + inside; ink is bool (..., h, w)."
    found = np.empty(ink.shape, np.int8)
    for place in np.ndindex(ink.shape[:-2]):
        one = ink[place]
        inside = ndimage.distance_transform_edt(one) if one.any() else np.zeros(one.shape)
        outside = ndimage.distance_transform_edt(~one)
        signed = np.where(one, inside - 0.5, 0.5 - outside)
        found[place] = np.rint(np.clip(STEPS * signed, -127, 127))
    return found


@functools.cache
def sheet(script: str) -> np.ndarray:
    "The masters of a script: bool (faces, CELL, 40 * CELL), numerals first, then words."
    from PIL import Image

    with Image.open(data_folder() / f"scripts_{script}.png") as page:
        ink = np.asarray(page.convert("1"))
    return ink.reshape(-1, CELL, 40 * CELL)


def masters(script: str, words: bool = False) -> np.ndarray:
    "The ink of a script: bool (faces, 10, CELL, CELL), or (faces, 10, CELL, 3 * CELL) for words."
    ink = sheet(script)
    part = ink[:, :, 10 * CELL :] if words else ink[:, :, : 10 * CELL]
    return part.reshape(len(ink), CELL, 10, -1).transpose(0, 2, 1, 3)


@functools.cache
def fields(script: str, words: bool) -> tuple[np.ndarray, np.ndarray]:
    "Distance fields of a script and the half width and height of each symbol's ink."
    ink = masters(script, words)
    half = np.empty((*ink.shape[:2], 2))
    for place in np.ndindex(ink.shape[:2]):
        for axis in (0, 1):
            middle = (ink.shape[3 - axis] - 1) / 2
            half[place][axis] = abs(np.flatnonzero(ink[place].any(axis)) - middle).max() + 0.5
    return distances(ink), half


def shrink(
    half: np.ndarray, size: tuple[int, int], slant: float, width: float, scale: float
) -> float:
    "The scale, or as much less as keeps ink of these half extents (in master pixels) inside."
    need = np.array([width * half[0] + abs(slant) * half[1], half[1]])
    return float(min(scale, *((np.array(size[::-1]) / 2 - 0.75) * CELL / size[0] / need)))


def draw(
    field: np.ndarray,
    size: tuple[int, int],
    shift: float,
    slant: float,
    width: float,
    scale: float,
    move: np.ndarray,
) -> np.ndarray:
    """One symbol, float64 in [0, 1] of shape size, drawn at twice the size and averaged.

    shift thickens (+) or thins (-) the ink at each edge, in master pixels; slant is the tangent of
    the lean to the right; scale 1 fits the master's height to the picture's; move is (x, y) pixels.
    """
    fine = 2
    pitch = CELL / (scale * size[0] * fine)  # master pixels a fine pixel
    middle = (np.array(size) / 2 + move[::-1]) * fine - 0.5
    # from picture (row, column) to master (row, column): unshear, then unscale
    matrix = pitch * np.array([[1.0, 0.0], [slant / width, 1 / width]])
    centre = (np.array(field.shape) - 1) / 2
    signed = ndimage.affine_transform(
        field.astype(np.float32),
        matrix,
        centre - matrix @ middle,
        (fine * size[0], fine * size[1]),
        np.float32,
        order=1,
        mode="nearest",
    )
    ink = np.clip((signed / STEPS + shift) / pitch + 0.5, 0, 1)
    return ink.reshape(size[0], fine, size[1], fine).mean((1, 3), dtype=np.float64)


def style(random: np.random.Generator) -> dict[str, float]:
    "What varies from picture to picture, besides script, face and meaning."
    return dict(
        slant=float(np.clip(random.normal(0, 0.16), -0.36, 0.36)),
        weight=float(random.uniform()),  # 0 thinnest, 1 thickest that the face bears
        width=float(random.uniform(0.85, 1.15)),
        scale=float(random.uniform(0.82, 1.0)),
        noise=float(random.uniform(0, 0.05)),
        blur=float(random.uniform(0, 0.5)),
    )


def finish(ink: np.ndarray, look: dict[str, float], random: np.random.Generator) -> np.ndarray:
    "A little blur and grain; back as uint8."
    soft = ndimage.gaussian_filter(ink, look["blur"])
    grain = look["noise"] * random.standard_normal(ink.shape)
    return np.rint(255 * np.clip(soft + grain, 0, 1)).astype(np.uint8)


def choose(random: np.random.Generator, script: str, held: bool | None = None) -> int:
    "A face of a script: first a family, then one of its faces, so that no family dominates."
    known = [
        i
        for i, face in enumerate(faces())
        if face["script"] == script and held in (None, face["held_out"])
    ]
    names = list(dict.fromkeys(faces()[i]["family"] for i in known))
    family = names[random.integers(len(names))]
    mine = [i for i in known if faces()[i]["family"] == family]
    return mine[random.integers(len(mine))]


class Symbol:
    "A symbol in a face, about to be drawn: its scale is settled, its stroke weight is not."

    def __init__(self, face: int, label: int, words: bool, size: tuple[int, int], look: dict):
        known = faces()[face]
        kind = known["words" if words else "numerals"]
        field, half = fields(known["script"], words)
        self.field, self.size, self.look = field[known["index"], label], size, look
        self.own, self.half = kind["weight"], half[known["index"], label]
        self.half = self.half + (kind["most"] - self.own) * CELL / 2
        how = look["slant"], look["width"]
        self.scale = shrink(self.half, size, *how, look["scale"])
        self.least, self.most = kind["least"] * self.scale, kind["most"] * self.scale

    def draw(self, weight: float, place: np.ndarray) -> np.ndarray:
        "Ink with this stroke weight; place in [-1, 1] goes from edge to edge of the room left."
        slant, width = self.look["slant"], self.look["width"]
        need = np.array([width * self.half[0] + abs(slant) * self.half[1], self.half[1]])
        room = np.array(self.size[::-1]) / 2 - 0.75 - need * self.scale * self.size[0] / CELL
        move = place * np.clip(room, 0, 0.09 * self.size[0])
        shift = (weight / self.scale - self.own) * CELL / 2
        return draw(self.field, self.size, shift, slant, width, self.scale, move)


def make(
    seed: int, count: int, size: tuple[int, int], words: bool, scripts: tuple[str, ...] = SCRIPTS
) -> dict[str, np.ndarray]:
    "Pictures with labels and facts; picture i depends on seed, i and size, not on count."
    groups, images = list(families()), np.empty((count, *size), np.uint8)
    rows = []
    for i in range(count):
        random = np.random.default_rng([seed, int(words), i])
        label, script = i % 10, scripts[i // 10 % len(scripts)]
        face, look, place = choose(random, script), style(random), random.uniform(-1, 1, 2)
        symbol = Symbol(face, label, words, size, look)
        weight = symbol.least + look["weight"] * (symbol.most - symbol.least)
        images[i] = finish(symbol.draw(weight, place), look, random)
        group = groups.index(f"{script}: {faces()[face]['family']}")
        rows.append((label, group, SCRIPTS.index(script), face, faces()[face]["held_out"]))
        rows[-1] += (look["slant"], weight, look["width"], look["noise"])
    names = ("labels", "groups", "script", "face", "held_out", "slant", "weight", "width", "noise")
    return dict(images=images) | columns(rows, names, 4, 1)


def columns(rows: list[tuple], names: tuple[str, ...], whole: int, truth: int) -> dict:
    "Rows as named columns: first whole numbers, then truth values, then float32."
    kinds = [np.int64] * whole + [np.bool_] * truth + [np.float32] * (len(names) - whole - truth)
    parts = list(zip(*rows, strict=True)) or [()] * len(names)
    return {n: np.array(part, kind) for n, kind, part in zip(names, kinds, parts, strict=True)}


def make_numerals(
    seed: int = 0, count: int = 10000, size: tuple[int, int] = (32, 32)
) -> dict[str, np.ndarray]:
    "0-9 in five scripts; groups are typeface families, weight is stroke width / picture height."
    return make(seed, count, size, words=False)


def make_words(
    seed: int = 0, count: int = 5000, size: tuple[int, int] = (32, 96)
) -> dict[str, np.ndarray]:
    "Ten words in five scripts; groups are typeface families, weight is stroke width / height."
    return make(seed, count, size, words=True)


@functools.cache
def partner(face: int, script: str, words: bool = False) -> int:
    """The face of another script that is nearest in style to this one.

    Always on the same side of the hold-out split. Of the same category (sans, serif, mono, hand) if
    some such face's range of stroke weights meets this face's, else of any category; among those
    the one whose own stroke weight, over the picture's height, is nearest. In its own script a face
    is its own partner.
    """
    mine, kind = faces()[face], "words" if words else "numerals"
    if mine["script"] == script:
        return face
    known = [
        (i, other)
        for i, other in enumerate(faces())
        if other["script"] == script and other["held_out"] == mine["held_out"]
    ]
    near = [
        (i, other)
        for i, other in known
        if other["category"] == mine["category"]
        and other[kind]["least"] < mine[kind]["most"]
        and other[kind]["most"] > mine[kind]["least"]
    ]
    weight = mine[kind]["weight"]
    return min((abs(other[kind]["weight"] - weight), i) for i, other in near or known)[1]


def make_pairs(
    seed: int = 0,
    count: int = 4000,
    source: str = "western",
    target: str = "chinese",
    size: tuple[int, int] | None = None,
    words: bool = False,
) -> dict[str, np.ndarray]:
    """The same meaning in two scripts and one style: images (source) and target, uint8 (n, h, w).

    face is drawn as in make_numerals, target_face is `partner(face, target)`; slant, width, scale,
    place, blur and the strength of the noise are the same on both sides (the grain is not), and so
    is the stroke weight, drawn from what both faces bear; where they share no weight, each comes as
    near to the other as it can (weight and target_weight tell). held_out says which pairs show
    held-out faces (on both sides: partners never cross the split); groups are sets of families that
    partners tie together, so that a split by groups, too, keeps faces of a test part unseen in
    either script.
    """
    for script in (source, target):
        if script not in SCRIPTS:
            raise ValueError(f"no script {script!r}; choose one of {', '.join(SCRIPTS)}")
    size = size or ((32, 96) if words else (32, 32))
    images, targets = np.empty((2, count, *size), np.uint8)
    ties, rows = tied(source, target, words), []
    sides = SCRIPTS.index(source), SCRIPTS.index(target)
    for i in range(count):
        random = np.random.default_rng([seed, 2 + int(words), *sides, i])
        label, face, look = i % 10, choose(random, source), style(random)
        place, other = random.uniform(-1, 1, 2), partner(face, target, words)
        both = [Symbol(f, label, words, size, look) for f in (face, other)]
        least, most = max(b.least for b in both), min(b.most for b in both)
        wanted = least + look["weight"] * (most - least) if least < most else (least + most) / 2
        weights = [float(np.clip(wanted, b.least, b.most)) for b in both]
        for page, symbol, weight in zip((images, targets), both, weights, strict=True):
            page[i] = finish(symbol.draw(weight, place), look, random)
        held = faces()[face]["held_out"]
        rows.append((label, ties[face], face, other, held, look["slant"], *weights))
        rows[-1] += (look["width"], look["noise"])
    names = ("labels", "groups", "face", "target_face", "held_out")
    names += ("slant", "weight", "target_weight", "width", "noise")
    return dict(images=images, target=targets) | columns(rows, names, 4, 1)


def make_word_pairs(
    seed: int = 0,
    count: int = 2000,
    source: str = "western",
    target: str = "chinese",
    size: tuple[int, int] | None = None,
) -> dict[str, np.ndarray]:
    "The same word in two scripts and one style, as make_pairs has numerals; uint8 (n, 32, 96)."
    return make_pairs(seed, count, source, target, size, words=True)


@functools.cache
def tied(source: str, target: str, words: bool) -> dict[int, int]:
    "For each face of the source, the number of the set of families that partners tie it to."
    name = {i: f"{face['script']}: {face['family']}" for i, face in enumerate(faces())}
    first = {family: i for i, family in enumerate(families())}
    mine = [i for i, face in enumerate(faces()) if face["script"] == source]
    for _ in range(len(faces())):  # lower the numbers until they rest
        for i in mine:
            a, b = name[i], name[partner(i, target, words)]
            first[a] = first[b] = min(first[a], first[b])
    numbers = sorted({first[name[i]] for i in mine})
    return {i: numbers.index(first[name[i]]) for i in mine}


# Measuring style in pictures, real or generated


def stroke_weight(images: np.ndarray) -> np.ndarray:
    """Mean stroke width over picture height, from (n, h, w) in 0..255 or [0, 1]: twice area / edge.

    A stroke of width w and length l >> w has area w * l and an edge of length 2 * l.
    """
    ink = images / (255 if images.dtype == np.uint8 else 1)
    ink = ndimage.gaussian_filter(ink.astype(np.float64), (0, 0.5, 0.5))
    ink = np.clip((ink - 0.15) / 0.7, 0, 1)
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    right = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    edge = np.hypot(down, right).sum((1, 2)) / 2
    return 2 * ink.sum((1, 2)) / np.maximum(edge, 1e-9) / images.shape[1]


def lean(images: np.ndarray) -> np.ndarray:
    "How far ink moves right a unit up, by second moments, (n,): a shear by t adds exactly t."
    ink = images / (255 if images.dtype == np.uint8 else 1)
    ink = np.where(ink > 0.2, ink, 0).astype(np.float64)
    mass = np.maximum(ink.sum((1, 2)), 1e-9)
    x, y = np.arange(ink.shape[2]), -np.arange(ink.shape[1])[:, None]
    x = x - ((ink * x).sum((1, 2)) / mass)[:, None, None]
    y = y - ((ink * y).sum((1, 2)) / mass)[:, None, None]
    return (ink * x * y).sum((1, 2)) / np.maximum((ink * y * y).sum((1, 2)), 1e-9)


def stems(images: np.ndarray, reach: float = 0.3) -> np.ndarray:
    "The lean of what is nearly upright, (n,): edges' slopes averaged, far ones weighing less."
    ink = images / (255 if images.dtype == np.uint8 else 1)
    ink = ndimage.gaussian_filter(ink.astype(np.float64), (0, 0.7, 0.7))
    ink = np.pad(ink, ((0, 0), (1, 1), (1, 1)), mode="edge")
    right = ink[:, 1:-1, 2:] - ink[:, 1:-1, :-2]
    up = ink[:, :-2, 1:-1] - ink[:, 2:, 1:-1]
    slope = np.zeros(len(ink))
    for _ in range(6):  # an edge that leans to the right gets darker downwards on its right
        off = up + slope[:, None, None] * right
        weight = np.hypot(right, up) / (1 + (off / (reach * abs(right) + 1e-3)) ** 2) ** 2
        both, square = (weight * right * up).sum((1, 2)), (weight * right**2).sum((1, 2))
        slope = -both / np.maximum(square, 1e-9)
    return slope


@functools.cache
def upright(script: str, words: bool) -> np.ndarray:
    "The lean of each symbol when nothing slants it, (10,): the median over training faces."
    ink = masters(script, words)
    ink = ink.reshape(*ink.shape[:2], CELL // 4, 4, -1, 4).mean((3, 5))
    mine = [f["index"] for f in faces() if f["script"] == script and not f["held_out"]]
    measured = stems if words and script != "chinese" else lean
    return np.median([measured(ink[i]) for i in mine], 0)


def stroke_slant(
    images: np.ndarray, labels: np.ndarray, script: str, words: bool = False
) -> np.ndarray:
    """Slant of pictures (n, h, w) of symbols known by label: their lean less the upright symbol's.

    Words are judged by their stems, single characters by their second moments. Symbols of hardly
    any height (the numerals of NO_SLANT) show no slant: leave them out.
    """
    measured = stems if words and script != "chinese" else lean
    return measured(images) - upright(script, words)[labels]


# Drawing the masters: needs the fonts


def measure(ink: np.ndarray) -> dict[str, float]:
    "Stroke weight of a face's ten symbols, and how thin and thick pictures may make it, / CELL."
    from skimage.morphology import skeletonize

    thins, gaps = [], []
    for symbol in ink:
        width = 2 * ndimage.distance_transform_edt(symbol)[skeletonize(symbol)] - 1
        thins.append(np.percentile(width, 15))
        seen = np.logical_or.accumulate
        beside = seen(symbol, 1) & seen(symbol[:, ::-1], 1)[:, ::-1]
        between = seen(symbol, 0) & seen(symbol[::-1], 0)[::-1]
        gap = ~symbol & (beside | between)
        wide = 2 * ndimage.distance_transform_edt(~symbol)[skeletonize(gap) & gap]
        if len(wide):
            gaps.append(np.percentile(wide, 20))
    small = ink.reshape(10, CELL // 4, 4, -1, 4).mean((2, 4))
    weight = CELL * float(stroke_weight(small).mean())
    thin = min(0.4 * float(np.percentile(thins, 20)), 0.3 * weight)
    thick = float(np.clip(0.45 * np.percentile(gaps, 15), 1, 8))
    figures = dict(weight=weight, least=weight - thin, most=weight + thick)
    return {name: round(value / CELL, 5) for name, value in figures.items()}


def render(file: str, index: int, script: str, symbols: tuple[str, ...], wide: int) -> np.ndarray:
    "Ten symbols of a face as bool (10, CELL, wide): one scale and one base line for all."
    from PIL import Image, ImageDraw, ImageFont

    def paint(text: str, points: int) -> tuple[np.ndarray, int, int]:
        font = ImageFont.truetype(file, points, index=index, layout_engine=ImageFont.Layout.RAQM)
        page = Image.new("L", (points * 8, points * 4))
        direction = "rtl" if script == "arabic" else "ltr"
        language = LANGUAGES[script]
        pen, base = ImageDraw.Draw(page), (points * 2, points * 5 // 2)
        lining = ["lnum"] if script == "western" else None
        how = dict(direction=direction, language=language, features=lining)
        pen.text(base, text, 255, font, "ls", **how)
        left, top, right, bottom = page.getbbox()
        return np.asarray(page)[top:bottom, left:right], top - base[1], bottom - base[1]

    fine = 4
    first = [paint(text, 240) for text in symbols]
    top, bottom = min(t for _, t, _ in first), max(b for _, _, b in first)
    broad = max(ink.shape[1] for ink, _, _ in first)
    points = int(240 * fine * min(INK / (bottom - top), (wide - CELL + INK) / broad))
    drawn = [paint(text, points) for text in symbols]
    top, bottom = min(t for _, t, _ in drawn), max(b for _, _, b in drawn)
    cells = np.zeros((10, CELL * fine, wide * fine))
    for cell, (ink, above, _) in zip(cells, drawn, strict=True):
        y = (CELL * fine - (bottom - top)) // 2 + above - top
        x = (wide * fine - ink.shape[1]) // 2
        cell[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return cells.reshape(10, CELL, fine, wide, fine).mean((2, 4)) >= 127.5


def styles(script: str) -> Iterator[tuple[str, str, str, str, str, str, int]]:
    "Family, style, category, package, licence, font file and number in it, face by face."
    for family, category, package, licence, pattern, named in FAMILIES[script]:
        pattern, _, index = pattern.partition("#")
        for name in named.split():
            name, equals, part = name.partition("=")
            file = "/usr/share/fonts/" + pattern.format(part if equals else name)
            yield family, name, category, package, licence, file, int(index or 0)


def write_masters(folder: Path) -> None:
    "Draw every symbol in every face; write the sheets and what is known of the faces."
    import subprocess

    from PIL import Image, features

    if not features.check("raqm"):
        raise SystemExit("Pillow lacks raqm, without which Arabic letters do not join")
    listed, versions = [], {}
    for script in SCRIPTS:
        rows = []
        for family, name, category, package, licence, file, index in styles(script):
            if package not in versions:
                query = ["dpkg-query", "-W", "-f=${Version}", package]
                versions[package] = subprocess.run(
                    query, capture_output=True, text=True, check=True
                ).stdout
            numerals = render(file, index, script, NUMERALS[script], CELL)
            words = render(file, index, script, WORDS[script], 3 * CELL)
            rows.append(np.concatenate([*numerals, *words], 1))
            listed.append(
                dict(
                    script=script,
                    index=len(rows) - 1,
                    name=f"{family} {name}",
                    family=family,
                    style=name,
                    category=category,
                    held_out=family in HELD_OUT[script],
                    numerals=measure(numerals),
                    words=measure(words),
                    file=Path(file).name,
                    font=index,
                    package=package,
                    version=versions[package],
                    licence=licence,
                    sha256=hashlib.sha256(Path(file).read_bytes()).hexdigest(),
                )
            )
        page = Image.fromarray(np.concatenate(rows)).convert("1")
        page.save(folder / f"scripts_{script}.png", optimize=True)
        print(
            script, len(rows), "faces", (folder / f"scripts_{script}.png").stat().st_size, "bytes"
        )
    text = ",\n".join(json.dumps(face, ensure_ascii=False) for face in listed)
    text = f'{{"cell": {CELL}, "faces": [\n{text}\n]}}\n'
    (folder / "scripts.json").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masters", action="store_true", help="draw the masters from fonts")
    parser.add_argument("--out", type=Path, help="folder for contact sheets")
    parser.add_argument("--count", type=int, help="pictures (default: each set's own)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.masters:
        write_masters(Path(__file__).resolve().parent.parent)
    for maker in (make_numerals, make_words):
        start, count = (
            time.perf_counter(),
            {} if options.count is None else {"count": options.count},
        )
        made = maker(options.seed, **count)
        seconds = time.perf_counter() - start
        name = maker.__name__.removeprefix("make_")
        print(f"{name}: {len(made['images'])} in {seconds:.1f} s, {checksum(made)}")
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            grid(from_array(made["images"][:200]), 20, scale=2).save(options.out / f"{name}.png")
    if options.out:
        for target in SCRIPTS[1:]:
            both = make_pairs(options.seed, 100, "western", target)
            images = np.stack([both["images"], both["target"]], 1).reshape(-1, 32, 32)
            grid(from_array(images), 20, scale=2).save(options.out / f"pairs_{target}.png")


if __name__ == "__main__":
    main()
