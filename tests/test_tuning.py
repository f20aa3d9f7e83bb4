"What would bore a reader of chapter 11 and must hold."

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganbook.datasets import Images, load_set
from ganbook.tuning import ablate, compare, cross_validate, draw_gains, final, gains, spread

PROGRAM = Path(__file__).parent / "programs" / "study.py"
RECORD = Path(__file__).resolve().parents[1] / "data" / "records" / "tuning.json"


def constant(setting, learn, judge, seed):
    yield 1, setting.get("x", 1.0) * (1 + seed / 10)


# -- the numbers ----------------------------------------------------------------------------------


def test_the_interval_is_scipys():
    from scipy import stats

    values = [3.0, 4.5, 2.2, 3.9]
    s = spread(values, 0.9)
    wanted = stats.t.interval(0.9, 3, loc=sum(values) / 4, scale=stats.sem(values))
    assert (s.low, s.high) == pytest.approx(wanted)
    assert s.mean == pytest.approx(3.4)


def test_the_corrected_interval_is_wider_by_the_overlap():
    values = [3.0, 4.5, 2.2, 3.9, 3.3]
    plain, corrected = spread(values), spread(values, overlap=1 / 4)
    assert corrected.high - corrected.low == pytest.approx(1.5 * (plain.high - plain.low))


def test_a_comparison_agrees_with_the_paired_t_test():
    from scipy import stats

    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        a, b = torch.rand(2, 6, generator=generator).double() + 0.5
        p = stats.ttest_rel(a.log().numpy(), b.log().numpy()).pvalue
        assert (compare(a.tolist(), b.tolist()).verdict != "noise") == (p < 0.05)


def test_a_comparison_does_not_depend_on_the_unit():
    a, b = [1.0, 2.0, 4.0], [0.5, 1.1, 2.2]
    scaled = compare([10 * x for x in a], [10 * x for x in b])
    assert scaled.ratio == pytest.approx(compare(a, b).ratio)
    back = compare(b, a)
    assert back.ratio == pytest.approx(1 / compare(a, b).ratio)
    assert (back.verdict, compare(a, b).verdict) == ("a loss", "a gain")


def test_refusals():
    with pytest.raises(ValueError, match="pair them"):
        compare([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="finite"):
        compare([1.0, 2.0], [1.0, math.inf])
    with pytest.raises(ValueError, match="two or more"):
        compare([1.0], [1.0])


def test_bonferroni_widens_with_every_change():
    table = {"base": [1.0, 1.2, 0.9, 1.1], "a": [0.8, 1.0, 0.8, 0.9]}
    alone = gains(table)["a"]
    among = gains({**table, **{str(i): table["a"] for i in range(9)}})["a"]
    assert among.high - among.low > alone.high - alone.low
    assert among.level == pytest.approx(0.995) and alone.level == pytest.approx(0.95)
    assert len(draw_gains(gains(table)).axes) == 1


def test_a_training_that_blows_up_is_the_worst_not_an_error():
    def blows(*_):
        yield 1, 2.0
        raise FloatingPointError("step 2")

    assert final(blows()) == math.inf
    assert final(iter([])) == math.inf


# -- folds and tables -----------------------------------------------------------------------------


def test_every_picture_judges_once_and_never_what_learned_it():
    data = Images(torch.arange(50.0).view(50, 1, 1, 1).expand(50, 1, 8, 8) / 50)
    judged = []

    def look(setting, learn, judge, seed):
        a, b = (set(x.images[:, 0, 0, 0].tolist()) for x in (learn, judge))
        assert not a & b and len(a | b) == 50
        judged.extend(b)
        yield 1, float(seed)

    assert cross_validate(look, {}, data, k=5, seed=3).values == (3, 4, 5, 6, 7)
    assert len(judged) == len(set(judged)) == 50


def test_groups_are_not_cut():
    glyphs = load_set("glyphs").take(slice(0, 300))

    def look(setting, learn, judge, seed):
        assert not set(learn.groups.tolist()) & set(judge.groups.tolist())
        yield 1, 1.0

    cross_validate(look, {}, glyphs, k=3)


def test_a_table_goes_on_where_it_was_cut(tmp_path):
    calls = []

    def counting(setting, learn, judge, seed):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append((setting, seed))
        yield from constant(setting, learn, judge, seed)

    path, changes = tmp_path / "t.jsonl", {"double": dict(x=2.0)}
    with pytest.raises(KeyboardInterrupt):
        ablate(counting, {}, changes, (None, None), range(3), path)
    assert len(path.read_text().splitlines()) == 4
    table = ablate(constant, {}, changes, (None, None), range(3), path)
    assert table == {"base": [1.0, 1.1, 1.2], "double": [2.0, 2.2, 2.4]}
    assert len(path.read_text().splitlines()) == 6
    with pytest.raises(ValueError, match="other knobs"):
        ablate(constant, {}, {"double": dict(x=3.0)}, (None, None), range(3), path)


# -- studies --------------------------------------------------------------------------------------


def study(folder, trials, pause):
    command = [sys.executable, str(PROGRAM), str(folder), str(trials), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def last_line(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out.splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_and_resumed_study_is_the_uncut_one(tmp_path):
    pytest.importorskip("optuna")
    uncut = study(tmp_path / "uncut", 14, 0)
    cut = study(tmp_path / "cut", 14, 0.05)
    for line in cut.stdout:
        if line.startswith("trying 9"):  # in the middle of a trial that the sampler proposed
            cut.kill()
            break
    cut.communicate()
    assert cut.returncode == -signal.SIGKILL
    resumed = study(tmp_path / "cut", 14, 0)
    assert last_line(resumed) == last_line(uncut)
    assert last_line(study(tmp_path / "cut", 14, 0)) == last_line(study(tmp_path / "uncut", 14, 0))


def test_two_searches_at_once_and_a_look_at_one(tmp_path):
    "The second is refused in the process of the first and in another; looking changes nothing."
    pytest.importorskip("optuna")
    from ganbook.tuning import open_study, search

    suggest = lambda trial: dict(x=trial.suggest_float("x", 0, 10))
    seen = []

    def train(setting, learn, judge, seed):
        if not seen:
            with pytest.raises(ValueError, match="another search.*wait.*another folder") as refused:
                search(train, suggest, (None, None), tmp_path, trials=3)
            assert "\n" not in str(refused.value)
            other = study(tmp_path, 3, 0)
            _, err = other.communicate(timeout=300)
            assert other.returncode and "another search" in err.splitlines()[-1]
        seen.append([t.state.name for t in open_study(tmp_path).trials])
        yield 1, setting["x"]

    found = search(train, suggest, (None, None), tmp_path, trials=3)
    assert seen == [["COMPLETE"] * i + ["RUNNING"] for i in range(3)]
    assert [t.state.name for t in found.trials] == ["COMPLETE"] * 3
    assert len(search(train, suggest, (None, None), tmp_path, trials=4).trials) == 4  # let go


def test_a_trial_that_a_killed_search_left_is_buried_by_the_next(tmp_path):
    pytest.importorskip("optuna")
    from ganbook.tuning import open_study, search

    open_study(tmp_path).ask()
    assert [t.state.name for t in open_study(tmp_path).trials] == ["RUNNING"]
    suggest = lambda trial: dict(x=trial.suggest_float("x", 0, 10))
    found = search(constant, suggest, (None, None), tmp_path, trials=1)
    assert [t.state.name for t in found.trials] == ["FAIL", "COMPLETE"]


def test_a_study_prunes_and_survives_a_blow_up(tmp_path):
    pytest.importorskip("optuna")
    from ganbook.tuning import best, draw_study, search

    def train(setting, learn, judge, seed):
        for step in range(1, 6):
            if setting["x"] > 9:
                raise FloatingPointError("too high")
            yield step, setting["x"] + 1 / step

    suggest = lambda trial: dict(x=trial.suggest_float("x", 0, 10), y=trial.suggest_int("y", 0, 3))
    found = search(train, suggest, (None, None), tmp_path, trials=40)
    states = [t.state.name for t in found.trials]
    assert states.count("PRUNED") > 0 and "FAIL" not in states and len(states) == 40
    assert best(found)[0] < 1.5 and math.isfinite(best(found)[0])
    assert len(draw_study(found).axes) == 2


def test_optuna_is_imported_late():
    code = "import sys, ganbook.tuning; assert 'optuna' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# -- the record -----------------------------------------------------------------------------------


def test_the_record_is_whole():
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    names = {r["name"] for r in record["runs"]}
    assert len(names) >= 6 and "base" in names
    for name in names:
        seeds = [r["seed"] for r in record["runs"] if r["name"] == name]
        assert sorted(seeds) == list(range(5))
    assert all(r["distance"] > record["floor"] > 0 and r["steps"] > 0 for r in record["runs"])
