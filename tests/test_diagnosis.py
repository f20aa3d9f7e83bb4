"Failures and their names: known values, streams with known ends, what the record promises."

import json
import math
import shutil

import numpy as np
import pytest
import torch

from ganbook.diagnosis import (
    DISEASES,
    GALLERY,
    MEANING,
    Evidence,
    Setup,
    Sign,
    Trend,
    Watch,
    batch_dependence,
    channel_order,
    closeness,
    constant,
    cut,
    diagnose,
    distances,
    framed,
    giveaway,
    hold,
    indicators,
    judge,
    lattice,
    look,
    mixture,
    overfitting,
    overlap,
    ruler,
    swing,
    trained,
    trend,
    turned,
    until_settled,
    value_range,
    variety,
    warning,
    measured,
)
from ganbook.games import GAMES, Record, hinge, nonsaturating, seeded, wasserstein
from ganbook.training import progress
from ganbook.images import from_array, grid, swap_channels

RECORDS = ("gallery", "validate")


def pictures(n=80, channels=1, size=8, seed=0):
    "Smooth pictures, lighter at the top and redder than blue."
    with seeded(seed):
        coarse = torch.rand(n, channels, 3, 3)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=True)
    high, wide = size if isinstance(size, tuple) else (size, size)
    slope = torch.linspace(0.6, -0.6, high)[:, None] + torch.linspace(0.2, 0, wide)
    tint = torch.linspace(0.3, -0.3, channels)[:, None, None] if channels > 1 else 0
    return (smooth * 1.2 - 0.6 + slope + tint).clamp(-1, 1)


def rounds(d_loss, real=0.5, fake=-0.5, n=200):
    return [dict(step=i, d_loss=d_loss, real_score=real, fake_score=fake) for i in range(n)]


# what the numbers say


def test_a_sign_is_even_at_its_limit_and_grows_with_distance():
    above, below = Sign("leak", 0.25), Sign("variety", 0.35, above=False)
    assert above.confidence(0.25) == below.confidence(0.35) == pytest.approx(0.5)
    assert above.confidence(0.5) == below.confidence(0.175) == pytest.approx(16 / 17)
    assert above.confidence(-1) == 0 and above.confidence(math.inf) == pytest.approx(1)
    assert below.confidence(0) == pytest.approx(1) and math.isnan(above.confidence(math.nan))


def test_every_sign_is_explained_and_every_disease_can_be_caused():
    assert {s.indicator for d in DISEASES for s in d.signs} <= set(MEANING)
    assert [f.name for f in GALLERY] == [d.name for d in DISEASES] and len(GALLERY) >= 10
    assert len({d.name for d in DISEASES}) == len(DISEASES)


def test_causes_stand_before_consequences_and_unknowns_are_not_judged():
    names = [f.name for f in judge({"range": 1.0, "overfitting": 0.9, "overlap": 2.0})]
    assert names == ["value range", "memorising", "checkerboard"]
    assert judge({})[0].name == "healthy, too early to tell"
    assert judge(dict.fromkeys(MEANING, math.nan))[0].name.startswith("healthy")


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (33, 20)])
@pytest.mark.parametrize(("n", "scale", "channels"), [(64, 1, 1), (10, 6, 3), (7, 2, 3), (7, 2, 4)])
def test_a_sheet_is_cut_into_the_pictures_it_was_made_of(size, n, scale, channels):
    with seeded(1):
        made = torch.rand(n, channels, *size) * 1.8 - 0.9
    sheet = from_array(np.asarray(grid(made, scale=scale))[None])[0]
    assert torch.allclose(cut(sheet, size), made, atol=0.01)


def test_a_strange_sheet_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="holds no pictures of 8x8"):
        cut(torch.zeros(1, 37, 41), (8, 8))


def test_ranges():
    x = pictures()
    assert value_range(x) < 0.75 and value_range((x + 1) / 2) >= 1
    assert value_range((x + 1) * 127.5) > 200
    padded = x.clone()
    padded[:, :, 0] = -2
    assert value_range(padded) < 0.75 and constant(padded).sum() == 8


def test_colours_tell_the_order_of_channels_where_they_can():
    x, y = pictures(channels=3), pictures(channels=3, seed=1)
    assert channel_order(x, y) < -0.5 and channel_order(x, swap_channels(y)) > 0.5
    grey = x[:, :1].expand(-1, 3, -1, -1)
    assert math.isnan(channel_order(grey, grey)) and math.isnan(channel_order(x[:, :1], x[:, :1]))


def test_batch_dependence_is_zero_for_the_same_and_one_for_another_draw():
    x = torch.randn(500, 1, 4, 4)
    assert batch_dependence(x, x[:32]) == 0
    assert batch_dependence(x, torch.randn(32, 1, 4, 4)) == pytest.approx(2 / math.pi**0.5, rel=0.2)


def test_a_critic_that_looks_at_the_frame_alone_is_found_out():
    real, fake = framed(pictures()), pictures(seed=1)
    frame = real[0]

    def corner(x):
        return -(x - frame)[:, :, 0].abs().sum((1, 2))[:, None]

    def inner(x):
        return x[:, :, 3:5, 3:5].sum((1, 2, 3))[:, None]

    assert giveaway(corner, real, fake) == pytest.approx(1)
    assert giveaway(inner, real, fake * 0.5) == pytest.approx(0, abs=1e-5)
    assert math.isnan(giveaway(corner, pictures(), fake))


def test_variety_of_one_picture_is_nothing_and_of_others_is_one():
    x, y = look(pictures()), look(pictures(seed=1))
    assert variety(x, x[:1].repeat(80, 1)) < 0.01 and 0.7 < variety(x, y) < 1.4


def test_distance_is_small_to_the_same_kind_and_large_to_noise():
    against = ruler(look(pictures()))
    same, noise = pictures(seed=1), torch.rand(80, 1, 8, 8) * 2 - 1
    assert against.distance(look(same)) < 0.3 < against.distance(look(noise))


def test_memorising_is_seen_by_scores_and_by_neighbours():
    train, test = pictures(), pictures(seed=1)

    def knows(x):
        return (x[:, None] == train[None]).flatten(2).all(2).any(1).float()[:, None]

    assert overfitting(knows, train, test) == 1
    assert overfitting(lambda x: torch.zeros(len(x), 1), train, test) == 0
    assert closeness(look(train), look(test), look(train)) == 1


def test_turned_pictures_leak_and_fresh_ones_do_not():
    real, fresh = pictures(200), pictures(200, seed=1)
    with seeded(2):
        spilled = turned(fresh)
    assert mixture(real, spilled).leak > 0.25 > mixture(real, fresh).leak


def test_a_run_of_oblong_pictures_is_diagnosed():
    real, fake = pictures(80, 3, (16, 24)), pictures(80, 3, (16, 24), seed=1)
    weights = mixture(real, fake).weights
    assert set(weights) == {"turned by 180 degrees", "mirrored", "upside down", "inverted"}
    found = diagnose(Evidence(fake, real=real, test=pictures(80, 3, (16, 24), seed=2)))
    assert found[0].name.startswith("healthy")
    assert mixture(real, -fake).weights["inverted"] > 0.5


def test_turned_by_share():
    x = pictures(400)
    with seeded(0):
        part = turned(x, 0.3)
    same = (part == x).flatten(1).all(1).float().mean().item()
    assert same == pytest.approx(1 - 0.3 * 0.75, abs=0.07)


@pytest.mark.parametrize(
    ("kernel", "stride", "ratio"), [(4, 2, 1), (2, 2, 1), (3, 2, 2), (5, 2, 1.5), (3, 1, 1)]
)
def test_overlap_is_read_off_the_layers(kernel, stride, ratio):
    assert overlap(torch.nn.Sequential(torch.nn.ConvTranspose2d(2, 2, kernel, stride))) == ratio
    assert overlap(torch.nn.Conv2d(2, 2, kernel, stride)) == 1


def test_lattice_sees_alternating_rows_and_not_their_mean():
    noise = torch.randn(2000, 1, 16, 16)
    striped = noise * (1 + 0.5 * (torch.arange(16) % 2))
    assert lattice(noise) < 0.1 and lattice(striped) > 0.3
    assert lattice(noise + 3 * (torch.arange(16) % 2)) < 0.1  # a pattern, the same in all


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_the_price_of_ignorance_is_the_unit_of_a_loss(game):
    price = game.d_loss(torch.zeros(1, 1), torch.zeros(1, 1)).item()
    if game is wasserstein:
        assert math.isnan(hold(rounds(1.0), game))
    else:
        assert hold(rounds(price), game) == pytest.approx(1)
        assert hold(rounds(price / 4), game) == pytest.approx(0.25)


def test_nothing_known_is_nothing_judged():
    assert all(math.isnan(v) for v in indicators(Evidence()).values())
    assert set(indicators(Evidence())) == set(MEANING)
    assert diagnose(Evidence(stopped="step 7: a loss is not finite"))[0].name == "blow-up"
    assert diagnose(Evidence(fake=pictures()))[0].name == "healthy, too early to tell"


def test_pictures_that_are_not_numbers_do_not_break_it():
    broken = torch.full((80, 1, 8, 8), math.nan)
    e = Evidence(broken, real=pictures(), test=pictures(seed=1), stopped="step 3")
    assert diagnose(e)[0].name == "blow-up"


# whether it still improves


def test_a_trend_and_its_error():
    assert trend([1, 2, 3]) is None
    falling = trend([1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5])
    assert falling.count == 6 and falling.improving and falling.error < 1e-6
    assert falling.gain == pytest.approx(0.5 / 0.75)
    for flat in (trend([1.0, 1.01] * 6), trend([1.0] * 8)):
        assert flat.settled and not flat.improving


def test_noise_is_not_taken_for_an_end():
    noisy = trend([1.0, 1.3, 0.8, 1.2, 0.9, 1.1, 0.8, 1.2])
    assert not noisy.improving and not noisy.settled
    for gain, error, improving, settled in (
        (0.1, 0.03, True, False),  # t of 8 degrees of freedom: 1.86
        (0.1, 0.05, False, False),
        (0.04, 0.03, False, True),
        (0.04, 0.04, False, False),
        (0.04, 0.001, True, False),
        (math.nan, math.nan, False, False),
    ):
        course = Trend(gain, error, 10)
        assert (course.improving, course.settled) == (improving, settled)
    names = [judge({}, d)[0].name for d in ([1.0] * 8, [1.0, 1.3, 0.8, 1.2, 0.9, 1.1, 0.8, 1.2])]
    assert names == ["healthy, converged: stop", "healthy, cannot tell yet"]


def test_logged_distances_come_before_those_of_sheets():
    log = [
        dict(r, distance=d) for r, d in zip(rounds(1.0), (0.4, None, 0.3, 0.2, 0.1), strict=False)
    ]
    assert distances(Evidence(log=log)) == [0.4, 0.3, 0.2, 0.1]
    sheets = (pictures(64), pictures(64, seed=2))
    assert len(distances(Evidence(test=pictures(), sheets=sheets))) == 2


def records(steps, start=1):
    return (Record(s, 1.0, 1.0, 0.0, 0.5, -0.5) for s in range(start, steps + 1))


def test_measurements_fall_on_the_same_steps_wherever_one_starts():
    def steps(start):
        stream = measured(records(3000, start), lambda: 1.0)
        return [r.step for r in stream if r.distance is not None]

    whole = steps(1)
    assert whole[:4] == [200, 230, 260, 300] and all(s % 10 == 0 for s in whole)
    for start in (2, 199, 200, 201, 777):
        assert steps(start) == [s for s in whole if s >= start]


def stopped_at(distance, noise, seed=0, steps=5000, earlier=()):
    generator, now = torch.Generator().manual_seed(seed), [0]

    def watched():
        for record in records(steps):
            now[0] = record.step
            yield record

    def measure():
        return distance(now[0]) + noise * torch.randn((), generator=generator).item()

    return list(until_settled(measured(watched(), measure), earlier))[-1].step


@pytest.mark.parametrize("seed", range(5))
def test_a_run_that_improves_is_not_stopped_and_one_that_has_settled_is(seed):
    assert stopped_at(lambda s: 1 / s**0.5, 0.0005, seed) == 5000
    assert stopped_at(lambda s: 0.2 + math.exp(-s / 100), 0.005, seed) < 2500
    assert stopped_at(lambda s: 0.2, 0.01, seed) < 2500


def share_stopped_by(step, distance, noise):
    "Of 20 streams with noise in proportion to the distance."
    looks = [200]
    while looks[-1] * 1.15 <= step:
        looks.append(int(round(looks[-1] * 1.15, -1)))
    ends = []
    for seed in range(20):
        factors = 1 + noise * np.random.default_rng(seed).standard_normal(len(looks))
        seen = [
            Record(s, 1.0, 1.0, 0.0, 0.5, -0.5, distance=distance(s) * f)
            for s, f in zip(looks, factors, strict=True)
        ]
        ends.append(len(list(until_settled(iter(seen)))) < len(seen))
    return sum(ends) / 20


@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_a_slow_fall_in_noise_is_seldom_stopped(noise):
    assert share_stopped_by(6000, lambda s: s**-0.25, noise) <= 0.1


def test_a_flat_course_in_noise_is_mostly_stopped():
    assert share_stopped_by(20000, lambda s: 1.0, 0.05) >= 0.8


def test_a_resumed_run_remembers_what_was_measured():
    assert stopped_at(lambda s: 0.2, 0.0, earlier=[0.2] * 20) == 200


def test_records_without_a_distance_pass():
    assert len(list(until_settled(records(50)))) == 50


# live


def test_warnings():
    assert warning(rounds(1.2), nonsaturating) == ""
    assert "explode" in warning(rounds(100.0), nonsaturating)
    assert "won" in warning(rounds(0.001, 9, -9), nonsaturating)
    assert "won" in warning(rounds(0.001, 2, -2), hinge)
    assert "astray" in warning(rounds(1.5, -1, 1), nonsaturating)
    swings = [dict(r, real_score=3 * math.sin(i / 9)) for i, r in enumerate(rounds(1.2, 0, 0))]
    assert swing(swings) > 1.2 and "swings" in warning(swings, nonsaturating)


def test_a_watch_passes_on_and_forgets_what_is_over():
    watch = Watch(nonsaturating, memory=40, every=1)
    won = [Record(s, 0.001, 9.0, 0.0, 8.0, -8.0) for s in range(50)]
    fine = [Record(s, 1.2, 0.8, 0.0, 0.5, -0.5) for s in range(50, 150)]
    said = [(record, watch.said()) for record in watch.passing(won + fine)]
    assert [record for record, _ in said] == won + fine
    assert "won" in said[49][1] and said[-1][1] == ""


def test_a_warning_stands_in_the_progress_line(capsys):
    for said in ("D has won", ""):
        for _ in progress(records(3), 32, steps=3, said=lambda said=said: said):
            pass
        assert ("; " in capsys.readouterr().err) == bool(said)


# small runs


def test_a_run_is_the_same_twice_and_a_spoiled_setup_is_another(tmp_path):
    setup = Setup(pictures(100), pictures(60, seed=1), steps=12, width=4)
    one, two = trained(setup, looks=2), trained(setup, looks=2)
    assert one.log == two.log and torch.equal(one.pictures(20), two.pictures(20))
    assert len(one.sheets) == 2 and len(one.log) == 2 and not one.stopped


def test_sampling_in_batches_changes_nothing_in_evaluation_mode():
    run = trained(Setup(pictures(100), pictures(60, seed=1), steps=6, width=4), looks=1)
    assert torch.allclose(run.pictures(20), run.pictures(20, at_once=7), atol=1e-5)


# the record


def recorded(root, what):
    file = root / "data" / "records" / f"diagnosis-{what}.json"
    return json.loads(file.read_text())["runs"]


def named(run):
    marks = {k: math.nan if v is None else v for k, v in run["indicators"].items()}
    return [finding.name.split(",")[0] for finding in judge(marks, run["course"])]


def told(run):
    return named(run)[0]


@pytest.mark.parametrize("failure", [f.name for f in GALLERY])
def test_five_seeds_of_each_failure_are_named_and_their_cures_are_healthy(root, failure):
    runs = [r for r in recorded(root, "gallery") if r["key"].startswith(failure + "/")]
    causes = {r["key"]: named(r) for r in runs if "/cause/" in r["key"]}
    cures = {r["key"]: told(r) for r in runs if "/cure/" in r["key"]}
    assert len(causes) == len(cures) == 5
    assert all(failure in names for names in causes.values())
    assert sum(names[0] == failure for names in causes.values()) >= 4
    assert set(cures.values()) == {"healthy"}


def test_the_diagnosis_holds_on_runs_that_nothing_was_set_on(root):
    runs = recorded(root, "validate")
    ill = [told(r) == r["truth"] for r in runs if r["truth"] != "healthy"]
    fine = [told(r) == "healthy" for r in runs if r["truth"] == "healthy"]
    assert len(runs) >= 60 and len(fine) >= 20 and len(ill) >= 40
    assert sum(ill) / len(ill) >= 0.9
    assert sum(fine) / len(fine) >= 0.95


def test_what_was_judged_by_shares_no_seed_with_what_limits_were_set_on(root):
    seeds = [{r["seed"] for r in recorded(root, what)} for what in RECORDS]
    assert not seeds[0] & seeds[1]


def test_no_limit_was_changed_since(root):
    for what in RECORDS:
        for run in recorded(root, what):
            assert told(run) == run["named"].split(",")[0], run["key"]


@pytest.mark.parametrize("key", ["healthy/shorter/glyphs/207", "mode collapse/glyphs/215"])
def test_a_recorded_run_is_played_again_from_its_seed_and_gets_the_same_name(root, key):
    from bench.diagnosis import played, validate

    again = played(*next(run for run in validate() if run[0] == key))
    before = next(run for run in recorded(root, "validate") if run["key"] == key)
    assert again["named"].split(",")[0] == told(before) == before["truth"]
    assert again["seed"] == before["seed"] and again["steps"] == before["steps"]
    for name, limit in ((s.indicator, s.limit) for d in DISEASES for s in d.signs):
        one, two = again["indicators"][name], before["indicators"][name]
        assert (one is None) == (two is None) and (one is None or (one > limit) == (two > limit))


# the command line


def command(*words):
    "(exit code, stdout, stderr) of a command in this process."
    from typer.testing import CliRunner

    from ganbook.cli import app

    done = CliRunner().invoke(app, list(map(str, words)))
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    "A short run on a set of grey pictures with two classes, as the command line leaves it."
    from PIL import Image

    folder = tmp_path_factory.mktemp("run")
    images = pictures(400, size=8)
    for i, image in enumerate(images):
        place = folder / "data" / ("even" if i % 2 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        pixels = ((image[0] + 1) * 127.5).byte().numpy()
        Image.fromarray(pixels).save(place / f"{i:03d}.png")
    out = folder / "out"
    code, _, _ = command(
        "train", folder / "data", "--out", out, "--size", 8, "--steps", 230, "--labels"
    )
    assert code == 0
    return out


def test_a_run_is_diagnosed_from_its_folder(run):
    code, out, err = command("diagnose", run)
    assert code == 0 and "Diagnosis:" in out and "Look at" in out
    code, out, err = command("diagnose", run, "--json")
    value = json.loads(out)
    assert code == 0 and value["step"] == 230 and value["findings"][0]["name"] == value["diagnosis"]
    assert set(value["indicators"]) == set(MEANING)
    known = {"range", "company", "stale", "separation", "hold", "variety", "overfitting", "leak"}
    assert all(value["indicators"][k] is not None for k in known)
    assert value["indicators"]["company"] < 0.05 and value["indicators"]["overlap"] == 1


def test_the_command_and_the_call_agree(run):
    from ganbook.api import load
    from ganbook.cli import hold_out

    gan = load(run)
    part, test = hold_out(gan.data(run.parent / "data"), 0.2, gan.config.seed)
    found = gan.diagnose(part, test, run)
    assert command("diagnose", run)[1].startswith(str(found))
    value = json.loads(command("diagnose", run, "--json")[1])
    assert value["diagnosis"] == found.name and value["step"] == found.step == 230
    marks = {k: None if math.isnan(v) else v for k, v in found.indicators.items()}
    assert value["indicators"] == marks


def test_a_model_without_a_folder_is_judged_by_what_it_knows(run):
    from ganbook.api import create_gan, load

    gan, alone = load(run), load(run / "generator.safetensors")
    found = gan.diagnose(test=run.parent / "data", n=64)
    assert math.isnan(found.indicators["overfitting"]) and found.indicators["hold"] > 0
    assert {f.name for f in gan.diagnose(n=64).findings} == {"healthy, too early to tell"}
    for untrained in (alone, create_gan(size=8)):
        with pytest.raises(ValueError, match="not trained yet"):
            untrained.diagnose(n=64)


def test_a_run_without_a_checkpoint_that_ended_in_nan_is_diagnosed_from_its_log(run, tmp_path):
    dead = tmp_path / "dead"
    shutil.copytree(run, dead)
    shutil.rmtree(dead / "checkpoints")
    report = dict(step=230, stopped="step 231: a loss is not finite")
    (dead / "report.json").write_text(json.dumps(report))
    code, out, err = command("diagnose", dead)
    assert code == 0 and "Diagnosis: blow-up." in out and "Step 230" in out


# real runs in real folders


def verdict(*words):
    "What `ganbook diagnose` names first."
    code, out, err = command("diagnose", *words, "--json")
    assert code == 0, err
    return json.loads(out)["diagnosis"].split(",")[0]


def test_a_real_run_is_healthy(tmp_path):
    assert command("train", "digits", "--out", tmp_path / "run", "--steps", 240)[0] == 0
    assert verdict(tmp_path / "run") == "healthy"


def test_a_real_run_that_memorises_is_found_out_by_pictures_it_never_saw(tmp_path):
    from ganbook.api import load
    from ganbook.datasets import load_set
    from ganbook.images import write_image

    for i, image in enumerate(load_set("digits").images[:16]):
        write_image(tmp_path / "few" / f"{i}.png", image)
    words = ("train", tmp_path / "few", "--out", tmp_path / "run", "--size", 8, "--steps", 250)
    assert command(*words)[0] == 0
    assert verdict(tmp_path / "run") == "healthy"  # none could be held out, so nothing can tell
    found = load(tmp_path / "run").diagnose(tmp_path / "few", "digits", tmp_path / "run")
    assert found.name == "memorising"


def test_a_real_run_on_pictures_in_bgr_is_told_to_exchange_channels(tmp_path):
    kind = pictures(400, channels=3)
    for name, images in (("right", kind), ("wrong", swap_channels(kind))):
        np.save(tmp_path / f"{name}.npy", ((images + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy())
    words = ("train", tmp_path / "wrong.npy", "--out", tmp_path / "run", "--steps", 150)
    assert command(*words)[0] == 0
    assert verdict(tmp_path / "run", "--data", tmp_path / "right.npy") == "swapped channels"
    assert verdict(tmp_path / "run") == "healthy"  # its own pictures are wrong in the same way


def test_a_real_run_with_a_rate_a_thousand_times_too_high_has_blown_up(tmp_path):
    from ganbook.api import Recipe, create_gan

    gan = create_gan(size=8, recipe=Recipe(learning_rate=2.0))
    gan.fit("digits", steps=60, run=tmp_path / "run", show=False)
    assert verdict(tmp_path / "run", "--data", "digits") == "blow-up"
    assert gan.diagnose("digits").name == "blow-up"


def test_what_cannot_be_diagnosed_is_said(run, tmp_path):
    for words, why in (
        ((tmp_path / "nowhere",), "does not exist"),
        ((run / "generator.safetensors",), "name its run folder"),
        ((run, "--n", 3), "at least 64"),
    ):
        code, out, err = command("diagnose", *words)
        assert code == 2 and why in err and not out


def test_training_stops_by_itself_where_nothing_improves(run, tmp_path, monkeypatch):
    from ganbook import api

    monkeypatch.setattr(
        api, "measured", lambda records, measure: measured(records, lambda: 1.0, 10, 1.01)
    )
    out = tmp_path / "auto"
    data = run.parent / "data"
    words = ("train", data, "--out", out, "--size", 8, "--steps", 300, "--stop", "auto")
    code, said, err = command(*words, "--hold-out", 0.3)
    assert code == 0 and "settled at step 100" in err
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [r["distance"] for r in log] == [1.0] * 10
    assert json.loads((out / "config.json").read_text())["plan"]["stop"] == "auto"
    code, said, err = command("train", data, "--out", out, "--stop", "never")
    assert code == 2 and "want goal or auto" in err
