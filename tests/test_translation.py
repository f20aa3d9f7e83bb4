"Translation: measures agree with the data's own, ways are values, runs resume, the record holds."

import importlib.util
import json
import sys

import numpy as np
import pytest
import torch

from ganbook import datasets
from ganbook.datasets import Images, load_set
from ganbook.games import play, seeded
from ganbook.translation import (
    WAYS,
    Pool,
    Task,
    Translation,
    feed,
    lean,
    load_translation,
    make_ruler,
    psnr,
    restyled,
    stroke_weight,
    translators,
)


@pytest.fixture(scope="module")
def pairs():
    return load_set("pairs", count=200)


@pytest.fixture(scope="module")
def scripts(root):
    spec = importlib.util.spec_from_file_location("scripts_t", root / "data/make/scripts.py")
    module = sys.modules["scripts_t"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_measures_are_those_that_made_the_data(pairs, scripts):
    ink = (pairs.images[:, 0].numpy() + 1) / 2
    ours = stroke_weight(pairs.images).numpy()
    assert np.abs(ours - scripts.stroke_weight(ink)).max() < 0.01
    assert np.corrcoef(ours, scripts.stroke_weight(ink))[0, 1] > 0.99
    assert np.corrcoef(lean(pairs.images).numpy(), scripts.lean(ink))[0, 1] > 0.98


def test_a_bar_cannot_lean(pairs):
    ruler = make_ruler(pairs.facts["target"], pairs.labels, pairs.facts["slant"])
    assert not ruler.upright[1] and ruler.upright.sum() >= 7


@pytest.mark.parametrize("way", WAYS)
def test_every_way_plays_and_resumes_exactly(pairs, way, tmp_path):
    classes = 0 if WAYS[way].pairs else 10
    task = Task(way, width=4, depth=3, classes=classes, batch_size=8)
    piles = Images(pairs.images, pairs.labels), Images(pairs.facts["target"], pairs.labels)
    whole = Translation(task, "cpu").fit(*piles, steps=4, show=False)
    Translation(task, "cpu").fit(*piles, steps=2, run=tmp_path / "run", show=False)
    cut = load_translation(tmp_path / "run", "cpu")
    cut.fit(*piles, steps=4, run=tmp_path / "run", show=False)
    weights = zip(whole.gan.G.parameters(), cut.gan.G.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)
    alone = load_translation(tmp_path / "run" / "generator.safetensors", "cpu")
    assert torch.equal(alone.translate(pairs.images[:3]), cut.translate(pairs.images[:3]))


def test_a_regression_does_not_listen_to_its_discriminator(pairs):
    gan = translators(Task("regression", width=4, depth=3, batch_size=8))
    records = play(gan, feed(Task("regression", batch_size=8), pairs, targets(pairs)))
    record = next(records)
    assert record.real_score == record.fake_score == 0 and record.term > 0


def targets(pairs):
    return Images(pairs.facts["target"], pairs.labels)


def test_unpaired_batches_share_the_class_and_nothing_else(pairs):
    task = Task("consistent", classes=10, batch_size=50)
    real, source, label = next(feed(task, pairs, targets(pairs)))
    at = [(pairs.images == x).flatten(1).all(1).nonzero()[0, 0] for x in source]
    to = [(pairs.facts["target"] == x).flatten(1).all(1).nonzero()[0, 0] for x in real]
    at, to = torch.stack(at), torch.stack(to)
    assert torch.equal(pairs.labels[at], label) and torch.equal(pairs.labels[to], label)
    assert (at == to).float().mean() < 0.3  # one of some twenty of a class, by chance


def test_a_pool_is_part_of_a_checkpoint():
    task = Task("consistent", width=4, depth=3, pool=(4, 1, 16, 16), batch_size=4)
    gan = translators(task)
    assert isinstance(gan.G, Pool) and "kept" in gan.G.state_dict()
    with torch.no_grad(), seeded(0):
        gan.G(torch.zeros(4, 0), torch.rand(4, 1, 16, 16))
    assert gan.G.filled == 4 and gan.G.kept.abs().sum() > 0


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda p, t: t.fit(p.take(slice(9)), targets(p), 1), "wants pairs"),
        (lambda p, t: t.translate(p.images[:2].expand(-1, 3, -1, -1)), "convert them"),
        (lambda p, t: t.translate(p.images, back=True), "one direction"),
        (lambda p, t: load_translation("nowhere"), "no translation"),
        (lambda p, t: Task("consistent", latent_dim=3), "no noise"),
        (lambda p, t: Task("paired", pool=(4, 1, 32, 32)), "never pairs"),
        (
            lambda p, t: Translation(Task("cycle", width=4, pool=(4, 1, 8, 8))).fit(
                p, targets(p), 1
            ),
            "a pool",
        ),
        (
            lambda p, t: Translation(Task("cycle", width=4, classes=3)).fit(p, targets(p), 1),
            "3 classes",
        ),
        (lambda p, t: psnr(p.images, p.images[:, :, :9]), "same shape"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(pairs, wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong(pairs, Translation(Task(width=4, depth=3), "cpu"))


def test_another_run_is_not_overwritten(pairs, tmp_path):
    model = Translation(Task(width=4, depth=3, batch_size=8), "cpu")
    model.fit(pairs, targets(pairs), steps=1, run=tmp_path / "a", show=False)
    with pytest.raises(ValueError, match="holds a run already"):
        Translation(Task(width=4, depth=3), "cpu").fit(
            pairs, targets(pairs), steps=1, run=tmp_path / "a", show=False
        )


def test_a_shear_is_one_on_oblong_pictures_too():
    bar = -torch.ones(1, 1, 32, 96)
    bar[..., 4:28, 46:50] = 1
    leaning = restyled(bar, torch.tensor([0.25]), torch.zeros(1))
    assert abs((lean(leaning) - lean(bar)).item()) == pytest.approx(0.25, abs=0.03)


def test_a_reader_of_the_record_may_believe_the_chapter():
    record = json.loads(datasets.path("records/translation.json").read_text(encoding="utf-8"))
    runs = {(r["set"], r["way"], r["seed"]): r for r in record["runs"]}
    assert len(runs) == len(record["runs"])  # no run is there twice
    for name, way, least in (
        ("pairs", "paired", 0.95),
        ("pairs", "consistent", 0.85),
        ("word-pairs", "paired", 0.95),
    ):
        found = [r for r in record["runs"] if (r["set"], r["way"]) == (name, way)]
        assert found and all(r["read"] >= least for r in found)
        assert all(min(r["weight"], r["slant"]) >= 0.8 for r in found)
    for name, free in (("pairs", None), ("day-night", "contrastive")):
        plain, game = (runs[name, way, 0] for way in ("regression", "paired"))
        assert game["distance"] < plain["distance"] and game["psnr"] > 0.9 * plain["psnr"]
        if free:
            gain = plain["distance"] - game["distance"]
            assert plain["distance"] - runs[name, free, 0]["distance"] > gain / 2
