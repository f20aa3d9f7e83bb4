"""Read what ganbook.datasets downloads: MNIST, Fashion-MNIST, CIFAR-10, Omniglot, CMP, MedMNIST.

Each `read_S(folder, size, files, get)` gets its files by `get(addresses, place, checksum)`, which
goes on where a download broke off and checks it, then reads them, through torchvision's loaders
(which check again) where there are some, into arrays and the names of their values. It imports
nothing of ganbook; `files` is what the set's card says of its files, `size` the side of square
pictures that are kept larger than asked for.
"""

import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Read = tuple[Arrays, dict[str, tuple[str, ...]]]
Get = Callable[[Sequence[str], Path, str], Path]
Files = Sequence[Sequence[str]]


def joined(images: Sequence[Any], labels: Sequence[Any], classes: Sequence[str]) -> Read:
    "Training and test part, one after the other, with a fact that tells them apart."
    arrays = {
        "images": np.concatenate(images),
        "labels": np.concatenate([np.asarray(part) for part in labels]).astype(np.int64),
        "part": np.repeat([0, 1], [len(part) for part in images]).astype(np.int64),
    }
    return arrays, {"labels": tuple(classes), "part": ("train", "test")}


def numbered(names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    "Numbers for names, in the order in which they first appear, and the names."
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64), tuple(numbers)


def small(file: Any, size: int) -> NDArray[np.uint8]:
    "A square picture reduced to size x size by means: (size, size), or (size, size, 3)."
    from PIL import Image

    with Image.open(file) as image:
        plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
        return np.asarray(plain.resize((size, size), Image.Resampling.BOX))


def read_mnist(folder: Path, size: int, files: Files, get: Get, fashion: bool = False) -> Read:
    "MNIST, or Fashion-MNIST, which has the same files."
    from torchvision import datasets

    kind = datasets.FashionMNIST if fashion else datasets.MNIST
    for file, md5 in kind.resources:
        place = folder / kind.__name__ / "raw" / file
        get([mirror + file for mirror in kind.mirrors], place, f"md5:{md5}")
    parts = [kind(str(folder), train=train, download=True) for train in (True, False)]
    classes = [name.split(" - ")[0] for name in kind.classes]
    return joined([part.data.numpy() for part in parts], [part.targets for part in parts], classes)


def read_fashion_mnist(folder: Path, size: int, files: Files, get: Get) -> Read:
    "Fashion-MNIST."
    return read_mnist(folder, size, files, get, fashion=True)


def read_cifar10(folder: Path, size: int, files: Files, get: Get) -> Read:
    "CIFAR-10; its pickles are opened only after their checksum is right."
    from torchvision.datasets import CIFAR10

    get([CIFAR10.url], folder / CIFAR10.filename, f"md5:{CIFAR10.tgz_md5}")
    parts = [CIFAR10(str(folder), train=train, download=True) for train in (True, False)]
    return joined([x.data for x in parts], [x.targets for x in parts], parts[0].classes)


def read_omniglot(folder: Path, size: int, files: Files, get: Get) -> Read:
    "Omniglot; a file's place tells its alphabet and character, its name who drew it."
    from torchvision.datasets import Omniglot

    found: list[Path] = []
    for part, md5 in Omniglot.zips_md5.items():
        place = folder / Omniglot.folder / f"{part}.zip"
        get([f"{Omniglot.download_url_prefix}/{part}.zip"], place, f"md5:{md5}")
        unpacked = place.with_suffix("")
        if not unpacked.exists():  # torchvision does not unpack what it has not fetched itself
            with tempfile.TemporaryDirectory(dir=place.parent) as whole:
                zipfile.ZipFile(place).extractall(whole)
                Path(whole, part).rename(unpacked)
        Omniglot(str(folder), background=part == "images_background")  # checks what is there
        found += sorted(unpacked.glob("*/*/*.png"))
    alphabet, alphabets = numbered([file.parts[-3] for file in found])
    labels, classes = numbered(["/".join(file.parts[-3:-1]) for file in found])
    drawn, drawers = numbered([f"{file.parts[-3]}/{file.stem[-2:]}" for file in found])
    ink = np.stack([255 - small(file, size) for file in found])  # white on black, as elsewhere
    arrays = {"images": ink, "labels": labels, "groups": drawn, "alphabet": alphabet}
    return arrays, {"labels": classes, "groups": drawers, "alphabet": alphabets}


def read_facades(folder: Path, size: int, files: Files, get: Get) -> Read:
    "Photographs (A) and drawings of their parts (B), paired by number."
    checksum, *addresses = files[0]
    place = get(addresses, folder / "facades.zip", checksum)
    with zipfile.ZipFile(place) as held:
        names = [name for name in held.namelist() if name.endswith("_A.jpg")]
        names.sort(key=lambda name: ("test" in name, int(Path(name).stem[:-2])))
        pairs = [(name, name.replace("A/", "B/").replace("_A", "_B")) for name in names]
        photos, drawings = (
            np.stack([small(io.BytesIO(held.read(pair[side])), size) for pair in pairs])
            for side in (0, 1)
        )
    part = np.array(["test" in name for name in names], dtype=np.int64)
    arrays = {"images": photos, "drawing": drawings, "part": part}
    return arrays, {"part": ("train", "test")}


def read_medmnist(folder: Path, size: int, files: Files, get: Get) -> Read:
    "One .npz of arrays; several findings a picture (chest) are a fact, not a label."
    checksum, *addresses = files[0 if size == 28 else 1]
    place = get(addresses, folder / addresses[0].split("/")[-1], checksum)
    parts = ("train", "val", "test")
    with np.load(place, allow_pickle=False) as held:
        images = [held[f"{part}_images"] for part in parts]
        labels = np.concatenate([held[f"{part}_labels"] for part in parts]).astype(np.int64)
    arrays = {
        "images": np.concatenate(images),
        "part": np.repeat([0, 1, 2], [len(part) for part in images]).astype(np.int64),
    }
    if labels.shape[1] == 1:
        arrays["labels"] = labels[:, 0]
    else:
        arrays["findings"] = labels
    return arrays, {"part": parts}
