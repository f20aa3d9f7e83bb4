"Sets larger than memory: the same batches from files, shards and records, and flat memory."

import io
import subprocess
import sys
import tarfile
import warnings
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from ganbook.datasets import batches, load_folder, stream

N = 60


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


PIXELS = np.random.default_rng(0).integers(0, 256, (N, 20, 20, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    "The same sixty pictures as a folder, as five shards, as a 🤗 data set, and as plain records."
    import datasets as hf

    root = tmp_path_factory.mktemp("many")
    files = root / "files"
    contents = [png(array) for array in PIXELS]
    for i, content in enumerate(contents):
        place = files / f"kind{i % 3}" / f"{i:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    shards = root / "shards"
    shards.mkdir()
    for s in range(5):
        with tarfile.open(shards / f"{s}.tar", "w") as tar:
            for i in range(12 * s, 12 * s + 12):
                for end, data in (("png", contents[i]), ("cls", str(i % 3).encode())):
                    info = tarfile.TarInfo(f"{i:03d}.{end}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
    held = hf.Dataset.from_dict(
        {
            "image": [{"bytes": c, "path": None} for c in contents],
            "label": [i % 3 for i in range(N)],
        }
    ).cast_column("image", hf.Image())
    records = [{"image": Image.fromarray(a), "label": i % 3} for i, a in enumerate(PIXELS)]
    return {
        "files": files,
        "shards": shards,
        "list of shards": sorted(shards.glob("*.tar")),
        "datasets": held.to_iterable_dataset(num_shards=3),
        "records": records,
    }


KINDS = ("files", "shards", "list of shards", "datasets", "records")
each = pytest.mark.parametrize("kind", KINDS)


def draw(source, count, **more):
    more = {"batch_size": 8, "seed": 3} | more
    return [images for images, *_ in islice(stream(source, 20, **more), count)]


@each
def test_start_skips_and_ranks_are_slices(kind, sources):
    source = sources[kind]
    whole = draw(source, 12)
    assert all(torch.equal(a, b) for a, b in zip(whole, draw(source, 12), strict=True))
    assert torch.equal(torch.stack(draw(source, 2, start=9)), torch.stack(whole[9:11]))
    ranks = [torch.stack(draw(source, 12, rank=r, world=4)) for r in range(4)]
    assert torch.equal(torch.cat(ranks, dim=1), torch.stack(whole))
    assert not torch.equal(draw(source, 1, seed=4)[0], whole[0])


@each
def test_every_epoch_holds_every_picture_once_with_its_label(kind, sources):
    truth = {PIXELS[i].tobytes(): i % 3 for i in range(N)}
    seen = []
    order = {"batch_size": 7, "labels": True, "buffer": 10}
    for images, labels in islice(stream(sources[kind], 20, **order), 18):
        pixels = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
        seen += [(p.tobytes(), int(k)) for p, k in zip(pixels, labels, strict=True)]
    for epoch in (seen[:N], seen[N : 2 * N]):
        assert {content for content, _ in epoch} == set(truth)
        assert all(truth[content] == label for content, label in epoch)
    assert seen[:N] != seen[N : 2 * N]


def test_files_come_in_the_order_of_batches(sources):
    data = load_folder(sources["files"], 20, labels=True)
    given = stream(sources["files"], 20, batch_size=8, seed=3, start=5, labels=True)
    wanted = batches(data.images, data.labels, batch_size=8, seed=3, start=5)
    for (x, k), (y, m) in zip(islice(given, 9), wanted, strict=False):
        assert torch.equal(x, y) and torch.equal(k, m)


def test_what_cannot_be_read_is_replaced_and_named(tmp_path):
    for i in range(12):
        content = png(PIXELS[i])
        (tmp_path / f"{i:02d}.png").write_bytes(content[:200] if i in (3, 4) else content)
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        (epoch,) = next(stream(tmp_path, 20, 3, batch_size=12))
    assert {str(w.message).split(" cannot")[0][-6:] for w in met} == {"03.png", "04.png"}
    held = {image.numpy().tobytes() for image in epoch}
    assert len(held) == 10  # 05 stands in for both
    for file in tmp_path.iterdir():
        file.write_bytes(b"")
    with (
        pytest.raises(ValueError, match="none of 12 pictures can be read; the last: .* is empty"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        next(stream(tmp_path, 20, 3, batch_size=4))


def test_grey_and_colour_are_found_out(tmp_path, sources):
    Image.fromarray(PIXELS[0, :, :, 0]).save(tmp_path / "a.png")
    assert next(stream(tmp_path, 16, batch_size=2))[0].shape == (2, 1, 16, 16)
    for kind in KINDS:
        assert next(stream(sources[kind], 16, batch_size=2))[0].shape == (2, 3, 16, 16)
        assert next(stream(sources[kind], 16, 1, batch_size=2))[0].shape == (2, 1, 16, 16)


def test_pictures_of_every_kind_in_records():
    grey = Image.fromarray(PIXELS[0, :, :, 0])
    kinds = (grey, grey.convert("P"), grey.convert("LA"), PIXELS[0, :, :, :1].repeat(3, 2))
    for image in kinds:
        (batch,) = next(stream([{"image": image}], 20, 1, batch_size=1))
        assert (batch[0, 0] - (torch.from_numpy(PIXELS[0, :, :, 0]) / 127.5 - 1)).abs().max() < 0.01


def test_what_is_refused(tmp_path, sources):
    with pytest.raises(ValueError, match="cannot be shared by 2"):
        stream(sources["files"], 8, batch_size=5, world=2)
    with pytest.raises(ValueError, match="no folder and no .tar file"):
        stream(tmp_path / "none", 8, batch_size=2)
    with pytest.raises(ValueError, match="holds no pictures"):
        stream(tmp_path, 8, batch_size=2)
    with pytest.raises(ValueError, match="holds no records"):
        next(stream([], 8, 3, batch_size=2))
    once = iter([{"image": PIXELS[0]}])
    with pytest.raises(ValueError, match="epoch 1 .* again and again"):
        next(stream(once, 8, 3, batch_size=2))
    with pytest.raises(ValueError, match="add cls or label"):
        next(stream([{"image": PIXELS[0]}], 8, 3, batch_size=2, labels=True))
    with pytest.raises(ValueError, match="can be read"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        next(stream([{"text": "x"}], 8, 3, batch_size=2))


def test_films_are_refused_by_name(tmp_path):
    frames = [Image.fromarray(array) for array in PIXELS[:5]]
    frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(PIXELS[9]).save(tmp_path / "one.png")
    with pytest.warns(UserWarning, match="film.tif holds 5 pictures .* ganbook prepare makes"):
        (batch,) = next(stream(tmp_path, 20, batch_size=3))
    assert len({image.numpy().tobytes() for image in batch}) == 1
    with pytest.warns(UserWarning, match="holds 5 pictures"):
        content = (tmp_path / "film.gif").read_bytes()
        (batch,) = next(stream([{"gif": content}, {"jpg": png(PIXELS[9])}], 20, 3, batch_size=2))
    assert torch.equal(batch[0], batch[1])


def test_a_bad_record_ends_no_stream():
    good = [{"png": png(array)} for array in PIXELS[:8]]
    records = [*good[:3], {"png": b"\x89PNG"}, *good[3:], {"png": b""}]

    def draw(count, **more):
        return [x for (x,) in islice(stream(records, 20, 3, seed=1, **more), count)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        singles = draw(30, batch_size=1)
        assert len({x.numpy().tobytes() for x in singles}) == 8
        whole = draw(8, batch_size=4)
        for world in (2, 4):
            ranks = [draw(8, batch_size=4, rank=r, world=world) for r in range(world)]
            sides = [torch.cat(parts) for parts in zip(*ranks, strict=True)]
            assert torch.equal(torch.stack(sides), torch.stack(whole))
        bad = [{"png": b"x"}] * 3 + good[:1]
        first = next(stream(bad, 20, 3, batch_size=1, buffer=0))[0]
        assert torch.equal(first, next(stream(good[:1], 20, 3, batch_size=1))[0])


def test_labels_and_masks_of_records():
    white = png(np.full((20, 20, 3), 255, np.uint8))
    for other in ("mask.png", "0_mask.png", "seg.PNG", "depth"):
        for record in (
            {"jpg": png(PIXELS[0]), other: white},
            {other: white, "jpg": png(PIXELS[0])},
        ):
            (batch,) = next(stream([record], 20, 3, batch_size=1))
            assert batch.min() < 0
    one = {"scan.jpg": png(PIXELS[0]), "cls": b"cat"}
    assert len(next(stream([one], 20, 3, batch_size=2))[0]) == 2  # labels are not asked for
    with (
        warnings.catch_warnings(record=True) as met,
        pytest.raises(ValueError, match="the last: .* is b.cat. where"),
    ):
        warnings.simplefilter("always")
        next(stream([one], 20, 3, batch_size=2, labels=True))
    assert "is b'cat' where a whole number is wanted" in str(met[0].message)
    with pytest.warns(UserWarning, match=r"2 pictures \(a.png, b.png\) where one"):
        two = {"a.png": white, "b.png": white}
        next(stream([two, {"png": white}], 20, 3, batch_size=2))


PEAK = """
import resource, sys
from itertools import islice
from ganbook.datasets import stream
for _ in islice(stream(sys.argv[1], 64, 3, batch_size=16), 3): pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in islice(stream(sys.argv[1], 64, 3, batch_size=16), int(sys.argv[2]) // 16 + 1): pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module there")
def test_memory_is_flat_in_the_number_of_pictures(tmp_path):
    "2,000 pictures of 128 x 128 would be 400 MB; all of them pass, and the peak stays."
    grain = np.random.default_rng(1).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    for i in range(2000):
        file = io.BytesIO()
        Image.fromarray(np.roll(grain, i, 1)).save(file, "JPEG", quality=50)
        for count in (200, 2000):
            if i < count:
                (tmp_path / str(count)).mkdir(exist_ok=True)
                (tmp_path / str(count) / f"{i}.jpg").write_bytes(file.getvalue())
    grown = {}
    for count in (200, 2000):
        command = [sys.executable, "-c", PEAK, str(tmp_path / str(count)), str(count)]
        out = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert out.returncode == 0, out.stderr
        grown[count] = float(out.stdout)
    assert grown[2000] < grown[200] + 20, grown


def test_a_list_holds_shards_and_nothing_else(sources, tmp_path):
    "Folders in a list died with a bare error of the tar reader."
    picture = tmp_path / "a.png"
    picture.write_bytes(png(PIXELS[0]))
    for wrong in (sources["files"], str(sources["shards"]), picture):
        with pytest.raises(ValueError, match="in a list is no shard; pass one folder by itself"):
            stream([*sources["list of shards"], wrong], 20, batch_size=8)
        with pytest.raises(ValueError, match="in a list is no shard"):
            stream([wrong, [wrong]], 20, batch_size=8)
