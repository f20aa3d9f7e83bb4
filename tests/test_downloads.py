"Downloads on bad lines, and the real loaders on tiny archives from a server in a thread."

import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ganbook import datasets
from ganbook.datasets import DOWNLOADS, DownloadError, download, load_data, load_set


class Site(http.server.BaseHTTPRequestHandler):
    "Serves `files`; each answer ends after `cut` bytes, if there is a cut left."

    files, cuts, asked, ranges = {}, [], [], True

    def do_GET(self):
        content = self.files.get(self.path)
        span = self.headers.get("Range")
        Site.asked.append((self.path, span))
        if content is None:
            self.send_error(404)
            return
        first = int(span[6:-1]) if span and Site.ranges else 0
        if first and first >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(content) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[first:][: Site.cuts.pop(0) if Site.cuts else None])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(Site, "files", {})
    monkeypatch.setattr(Site, "cuts", [])
    monkeypatch.setattr(Site, "asked", [])
    monkeypatch.setattr(Site, "ranges", True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Site.address = f"http://127.0.0.1:{server.server_port}"
    yield Site
    server.shutdown()
    server.server_close()
    thread.join()


def md5(content):
    return "md5:" + hashlib.md5(content).hexdigest()


BODY = np.random.default_rng(0).bytes(300_000)


def test_what_broke_off_goes_on(site, tmp_path):
    site.files["/a"] = BODY
    site.cuts[:] = [100_000, 70_000, 1]
    place = download([site.address + "/a"], tmp_path / "deep" / "a", md5(BODY))
    assert place.read_bytes() == BODY
    spans = [span for _, span in site.asked]
    assert spans == [None, "bytes=100000-", "bytes=170000-", "bytes=170001-"]
    assert {file.name for file in place.parent.iterdir()} <= {"a", "a.lock"}
    download([site.address + "/a"], place, md5(BODY))
    assert len(site.asked) == 4  # it is there and right


def test_a_part_left_by_an_earlier_process_is_used(site, tmp_path):
    site.files["/a"] = BODY
    (tmp_path / "a.part").write_bytes(BODY[:200_000])
    assert download([site.address + "/a"], tmp_path / "a", md5(BODY)).read_bytes() == BODY
    assert [span for _, span in site.asked] == ["bytes=200000-"]


@pytest.mark.parametrize("left", [b"x" * 1000, BODY + b"x", BODY])
def test_a_part_that_is_wrong_or_whole(site, tmp_path, left):
    site.files["/a"] = BODY
    (tmp_path / "a.part").write_bytes(left)
    assert download([site.address + "/a"], tmp_path / "a", md5(BODY)).read_bytes() == BODY


def test_a_server_that_cannot_resume_starts_afresh(site, tmp_path):
    site.files["/a"], site.ranges, site.cuts[:] = BODY, False, [100_000]
    assert download([site.address + "/a"], tmp_path / "a", md5(BODY)).read_bytes() == BODY
    assert [span for _, span in site.asked] == [None, "bytes=100000-"]


def test_a_line_that_always_breaks_keeps_what_came(site, tmp_path):
    site.files["/a"], site.cuts[:] = BODY, [100_000, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke off after 100000 of 300000 bytes"):
        download([site.address + "/a"], tmp_path / "a", md5(BODY), "mnist", "digits")
    assert (tmp_path / "a.part").stat().st_size == 100_000 and not (tmp_path / "a").exists()
    site.cuts.clear()
    assert download([site.address + "/a"], tmp_path / "a", md5(BODY)).read_bytes() == BODY


def test_a_wrong_checksum_is_not_kept(site, tmp_path):
    site.files["/a"] = BODY[:-1] + b"!"
    with pytest.raises(DownloadError, match="another checksum"):
        download([site.address + "/a"], tmp_path / "a", md5(BODY))
    assert not (tmp_path / "a").exists() and not (tmp_path / "a.part").exists()


def test_mirrors_and_missing_files(site, tmp_path):
    site.files["/b"] = BODY
    addresses = [site.address + "/a", site.address + "/b"]
    assert download(addresses, tmp_path / "b", md5(BODY)).read_bytes() == BODY
    with pytest.raises(DownloadError, match=r"HTTP 404 .* try again with a connection$"):
        download(addresses[:1], tmp_path / "a", md5(BODY))


def test_several_at_once_write_one_file(site, tmp_path):
    site.files["/a"] = BODY
    threads = [
        threading.Thread(target=download, args=([site.address + "/a"], tmp_path / "a", md5(BODY)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() == BODY and len(site.asked) == 1


@pytest.mark.parametrize("name", ["mnist", "cifar10", "omniglot", "facades", "medmnist-chest"])
def test_offline_one_sentence_names_what_serves(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path))

    def offline(*arguments, **more):
        raise datasets.urllib.error.URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setattr(datasets.urllib.request, "urlopen", offline)
    with pytest.raises(ValueError) as error:
        load_data(name)
    text = str(error.value)
    assert text.startswith(f"{name} could not be fetched from ")
    assert text.endswith(f'; offline, load_set("{DOWNLOADS[name].instead}") serves')
    assert "\n" not in text and "Name or service not known" in text


def test_what_serves_offline_is_a_set_of_the_book():
    assert {card.instead for card in DOWNLOADS.values()} <= set(datasets.SETS)


# -- the real loaders, on tiny archives -----------------------------------------------------------


@pytest.fixture
def here(site, tmp_path, monkeypatch):
    monkeypatch.setenv("GANBOOK_DATA", str(tmp_path / "cache"))
    return site


def idx(array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes())


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_mnist_through_torchvision(name, here, monkeypatch, capsys):
    from torchvision import datasets as vision

    kind = vision.MNIST if name == "mnist" else vision.FashionMNIST
    random = np.random.default_rng(0)
    images = {n: random.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (6, 4)}
    labels = {n: np.arange(n, dtype=np.uint8) for n in (6, 4)}
    contents = [idx(images[6]), idx(labels[6]), idx(images[4]), idx(labels[4])]
    names = [file for file, _ in kind.resources]
    resources = [(file, md5(content)[4:]) for file, content in zip(names, contents, strict=True)]
    here.files.update({f"/{f}": c for f, c in zip(names, contents, strict=True)})
    monkeypatch.setattr(kind, "resources", resources)
    monkeypatch.setattr(kind, "mirrors", [here.address + "/no/", here.address + "/"])
    here.cuts[:] = [20]
    data = load_set(name)
    assert data.shape == (10, 1, 28, 28) and data.name == name
    pixels = ((data.images[:, 0] + 1) * 127.5).round().byte().numpy()
    assert np.array_equal(pixels, np.concatenate([images[6], images[4]]))
    assert data.labels.tolist() == [*range(6), *range(4)] and len(data.classes) == 10
    assert data.facts["part"].tolist() == [0] * 6 + [1] * 4
    assert data.names["part"] == ("train", "test")
    few = load_set(name, size=14, count=3, seed=1)
    assert few.shape == (3, 1, 14, 14)
    asked = len(here.asked)
    assert torch.equal(load_set(name, size=14, count=3, seed=1).images, few.images)
    assert len(here.asked) == asked


def test_cifar10_through_torchvision(here, monkeypatch):
    from torchvision.datasets import CIFAR10

    random, packed, sums = np.random.default_rng(0), io.BytesIO(), {}
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    truth = []
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in [*names, "batches.meta"]:
            rows = random.integers(0, 256, (2, 3072), dtype=np.uint8)
            held = {"data": rows, "labels": [1, 2]}
            if name == "batches.meta":
                held = {"label_names": [f"kind {i}" for i in range(10)]}
            else:
                truth.append(rows)
            content = pickle.dumps(held)
            sums[name] = md5(content)[4:]
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    here.files["/cifar.tar.gz"] = packed.getvalue()
    monkeypatch.setattr(CIFAR10, "url", here.address + "/cifar.tar.gz")
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(packed.getvalue())[4:])
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [[names[5], sums[names[5]]]])
    meta = CIFAR10.meta | {"md5": sums["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    data = load_set("cifar10")
    assert data.shape == (12, 3, 32, 32) and data.classes[3] == "kind 3"
    pixels = ((data.images + 1) * 127.5).round().byte().flatten(1).numpy()
    assert np.array_equal(pixels, np.concatenate(truth))
    assert data.facts["part"].tolist() == [0] * 10 + [1] * 2


def picture(side, level, form="PNG", mode="L"):
    file = io.BytesIO()
    Image.new(mode, (side, side), level).save(file, form)
    return file.getvalue()


def test_omniglot_through_torchvision(here, monkeypatch):
    from torchvision.datasets import Omniglot

    sums = {}
    for part, alphabet in (("images_background", "Greek"), ("images_evaluation", "Elvish")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as held:
            for character in ("character01", "character02"):
                for drawer in (1, 2, 3):
                    name = f"{part}/{alphabet}/{character}/0001_{drawer:02d}.png"
                    held.writestr(name, picture(105, 255 * (drawer == 1), mode="1"))
        here.files[f"/{part}.zip"] = packed.getvalue()
        sums[part] = md5(packed.getvalue())[4:]
    monkeypatch.setattr(Omniglot, "zips_md5", sums)
    monkeypatch.setattr(Omniglot, "download_url_prefix", here.address)
    data = load_set("omniglot")
    assert data.shape == (12, 1, 32, 32)
    assert data.classes[0] == "Greek/character01" and len(data.classes) == 4
    assert len(data.groups.unique()) == 6 and data.names["groups"][1] == "Greek/02"
    assert data.names["alphabet"] == ("Greek", "Elvish")
    first = data.facts["alphabet"].new_tensor([-1, 1, 1] * 4)  # white paper becomes black
    assert torch.equal(data.images[:, 0, 5, 5].long(), first)
    assert load_set("omniglot", size=105, count=2).shape == (2, 1, 105, 105)


def test_facades_are_paired_by_number(here, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as held:
        for part, numbers in (("train", (10, 9, 1)), ("test", (1,))):
            for k in numbers:
                for side, level in (("A", 20 * k), ("B", 20 * k + 5)):
                    content = picture(256, (level, level, level), "JPEG", "RGB")
                    held.writestr(f"facades/{part}{side}/{k}_{side}.jpg", content)
    here.files["/f.zip"] = packed.getvalue()
    card = replace(DOWNLOADS["facades"], files=((md5(packed.getvalue()), here.address + "/f.zip"),))
    monkeypatch.setitem(DOWNLOADS, "facades", card)
    data = load_set("facades")
    assert data.shape == (4, 3, 64, 64) and data.facts["drawing"].shape == (4, 3, 64, 64)
    levels = ((data.images[:, 0, 9, 9] + 1) * 127.5).round()
    drawn = ((data.facts["drawing"][:, 0, 9, 9] + 1) * 127.5).round()
    assert levels.tolist() == [20, 180, 200, 20] and (drawn - levels).tolist() == [5] * 4
    assert data.facts["part"].tolist() == [0, 0, 0, 1]
    assert load_set("facades", size=256, count=1).facts["drawing"].shape == (1, 3, 256, 256)


@pytest.mark.parametrize("name", ["medmnist-blood", "medmnist-chest"])
def test_medmnist(name, here, monkeypatch):
    random, contents = np.random.default_rng(0), []
    one, colour = name == "medmnist-blood", DOWNLOADS[name].shape[0] == 3
    for size in (28, 64):
        arrays, file = {}, io.BytesIO()
        for part, n in (("train", 5), ("val", 2), ("test", 3)):
            shape = (n, size, size, 3) if colour else (n, size, size)
            arrays[f"{part}_images"] = random.integers(0, 256, shape, dtype=np.uint8)
            arrays[f"{part}_labels"] = random.integers(0, 2, (n, 1 if one else 14))
        np.savez(file, **arrays)
        contents.append(file.getvalue())
    here.files.update({f"/{i}.npz": content for i, content in enumerate(contents)})
    files = tuple((md5(c), f"{here.address}/{i}.npz") for i, c in enumerate(contents))
    monkeypatch.setitem(DOWNLOADS, name, replace(DOWNLOADS[name], files=files))
    data = load_set(name)
    assert data.shape == (10, 3 if colour else 1, 28, 28)
    assert data.facts["part"].tolist() == [0] * 5 + [1] * 2 + [2] * 3
    if one:
        assert data.classes == DOWNLOADS[name].classes and data.labels.max() <= 1
    else:
        assert data.labels is None and data.facts["findings"].shape == (10, 14)
        assert data.names["findings"] == DOWNLOADS[name].classes
    assert [path for path, _ in here.asked] == ["/0.npz"]
    assert load_set(name, size=64, count=2).shape[2:] == (64, 64)
    assert here.asked[-1][0] == "/1.npz"
