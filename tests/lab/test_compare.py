"""`compare`: which arms there are, in which order trials come, what is concluded, and what is written."""

import csv
import json
import tomllib
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from vademecum._core.errors import InputError
from vademecum.cli.app import app
from vademecum.lab import Recipe
from vademecum.lab.compare import arms_from, compare
from vademecum.lab.conclude import conclude
from vademecum.lab.plans import Arm, ComparePlan, plan_from
from vademecum.lab.prepare import prepare
from vademecum.lab.study import seconds_of

from ._outcomes import outcome, study

ARMS = (Arm(("norm=batch",)), Arm(("norm=layer",)), Arm(("norm=none",)))
SCORES = {
    0: [0.80, 0.82, 0.78, 0.81, 0.79],
    1: [0.81, 0.82, 0.77, 0.82, 0.80],
    2: [0.60, 0.62, 0.57, 0.61, 0.60],
}


def plan_of(**changes) -> ComparePlan:
    return ComparePlan(
        Recipe(), **{"arms": ARMS, "seeds": (0, 1, 2, 3, 4), "fingerprint": "f" * 64, **changes}
    )


def outcomes_of(scores=SCORES):
    return {
        ComparePlan.key(arm, seed): outcome(score, seed=seed)
        for arm, found in scores.items()
        for seed, score in enumerate(found)
        if score is not None
    }


def test_every_combination_is_an_arm_and_short_names_are_known() -> None:
    arms = arms_from(["norm=batch,layer", "lr=0.01,0.1"], Recipe())
    assert [arm.settings for arm in arms] == [
        ("norm=batch", "learning_rate=0.01"), ("norm=batch", "learning_rate=0.1"),
        ("norm=layer", "learning_rate=0.01"), ("norm=layer", "learning_rate=0.1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ([], ["two arms"]),
        (["norm=batch"], ["two arms", "norm=batch"]),
        (["norm"], ["field=value,value"]),
        (["nrom=batch,layer"], ["recipe field", "'norm'"]),
        (["norm=batch,lyaer"], ["norm", "'lyaer'"]),
        (["norm=group,group_norm"], ["same recipe"]),
        (["norm=batch,layer", "norm=none,group"], ["varied once"]),
        *(
            ([f"{name}=1,2"], ["same examples", name])
            for name in ("data", "target", "group", "time", "seed", "test_fraction", "val_fraction")
        ),
    ],
)
def test_arms_that_cannot_be_compared_are_refused(vary, words) -> None:
    with pytest.raises(InputError) as caught:
        arms_from(vary, Recipe())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("varied", [["norm=batch", "norm=none"], ["batch_size=8", "batch_size=64"]])
def test_all_arms_have_the_same_split_at_the_same_seed(quick, varied) -> None:
    plan = ComparePlan(quick, tuple(Arm((v,)) for v in varied), (0, 1))
    cut = [[prepare(plan.recipe(arm, seed)).split.test.tolist() for arm in (0, 1)] for seed in (0, 1)]
    assert cut[0][0] == cut[0][1]
    assert cut[1][0] == cut[1][1]
    assert cut[0][0] != cut[1][0]


def test_trials_come_seed_by_seed_so_that_a_cut_is_even() -> None:
    plan = plan_of()
    keys = [job.key for job in plan.jobs({}, {})]
    assert keys[:4] == ["run/0/0", "run/1/0", "run/2/0", "run/0/1"]
    assert len(keys) == plan.size == 15
    left = [job.key for job in plan.jobs({"run/0/0": {}}, {"run/1/0": "somebody"})]
    assert left[0] == "run/2/0"
    assert all(job.test for job in plan.jobs({}, {}))
    assert not plan.done({})
    assert plan.done(outcomes_of())


def test_rates_are_tuned_on_validation_with_equal_tries_on_other_seeds() -> None:
    plan = plan_of(arms=ARMS[:2], seeds=(0, 1), rates=(0.001, 0.01, 0.1))
    jobs = list(plan.jobs({}, {}))
    assert len(jobs) == 6  # no arm can be compared yet
    assert not any(job.test for job in jobs)
    assert {job.recipe.seed for job in jobs}.isdisjoint(plan.seeds)
    assert [sum(f"tune/{arm}/" in job.key for job in jobs) for arm in (0, 1)] == [3, 3]
    tried = {f"tune/0/{i}/0": outcome(score) for i, score in enumerate((0.5, 0.9, 0.7))}
    assert plan.tuned(0, tried) == 0.01
    assert plan.tuned(1, tried) is None
    after = list(plan.jobs(tried, {}))
    assert [job.recipe.learning_rate for job in after if job.key.startswith("run/0")] == [0.01, 0.01]
    assert not any(job.key.startswith("run/1") for job in after)
    tried["tune/0/1/0"] = {"failed": "the loss became nan"}
    assert plan.tuned(0, tried) == 0.1


def test_a_plan_is_read_from_what_is_written() -> None:
    plan = plan_of(rates=(0.1, 0.2), every_pair=True)
    assert plan_from(json.loads(json.dumps(plan.to_dict()))) == plan


def test_what_differs_is_said_and_what_does_not_is_not_called_equal() -> None:
    result = conclude(plan_of(), outcomes_of())
    layer, none = result["differences"]
    assert (layer["significant"], none["significant"]) == (False, True)
    assert "norm=layer differs from norm=batch by +0.4 points" in result["sentences"][0]
    assert "not distinguishable" in result["sentences"][0]
    assert "does not show that they are equal" in result["sentences"][0]
    assert "norm=none differs from norm=batch by −20.0 points" in result["sentences"][1]
    assert "worse on these data" in result["sentences"][1]
    assert result["overlap"] == 48 / 156
    assert result["seeds"] == [0, 1, 2, 3, 4]


def test_only_seeds_that_all_arms_finished_are_compared() -> None:
    scores = {**SCORES, 1: [0.8, 0.8, None, 0.8, None]}
    result = conclude(plan_of(), outcomes_of(scores))
    assert result["seeds"] == [0, 1, 3]
    assert [len(arm["scores"]) for arm in result["arms"]] == [3, 3, 3]
    assert result["arms"][1]["missing"] == [2, 4]
    assert any("2 of 5 seeds are missing" in sentence for sentence in result["sentences"])


def test_failures_are_results_and_an_arm_that_never_trains_is_left_out() -> None:
    outcomes = outcomes_of()
    for seed in range(5):
        outcomes[f"run/2/{seed}"] = {"failed": "the loss must stay finite: it became nan"}
    outcomes["run/1/3"] = {"failed": "the loss must stay finite: it became inf"}
    result = conclude(plan_of(), outcomes)
    assert result["seeds"] == [0, 1, 2, 4]
    assert [d["arm"] for d in result["differences"]] == ["norm=layer"]
    assert "norm=layer failed on 1 of 5 seeds" in result["sentences"][0]
    assert "norm=none failed on 5 of 5 seeds" in result["sentences"][1]


def test_nothing_is_concluded_from_one_seed() -> None:
    result = conclude(plan_of(), outcomes_of({arm: found[:1] for arm, found in SCORES.items()}))
    assert result["differences"] == []
    assert "Nothing can be concluded" in result["sentences"][0]
    assert "Nothing can be concluded" in conclude(plan_of(), {})["sentences"][0]


def test_a_fixed_test_part_is_no_resampling() -> None:
    outcomes = {key: {**o, "split": {**o["split"], "test_rows": "same"}} for key, o in outcomes_of().items()}
    result = conclude(plan_of(), outcomes)
    assert (result["split"], result["overlap"]) == ("fixed", 0.0)
    assert any("this one split" in sentence for sentence in result["sentences"])


def test_arms_tested_on_other_examples_are_refused() -> None:
    outcomes = outcomes_of()
    outcomes["run/1/2"]["split"] = {**outcomes["run/1/2"]["split"], "test_rows": "others"}
    with pytest.raises(InputError, match="at seed 2"):
        conclude(plan_of(), outcomes)


class Ids(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        self.links += [found["href"]] if (found.get("href") or "").startswith("#") else []
        assert tag != "script"
        for name in ("src", "href"):
            assert not (found.get(name) or "").startswith("http") or tag == "a"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare") / "study"
    plan = plan_of(rates=(0.001, 0.01, 0.1))
    outcomes = outcomes_of()
    for arm in range(3):
        for place, score in enumerate((0.5, 0.7, 0.9 if arm else 0.6)):
            outcomes[ComparePlan.tuning_key(arm, place, 0)] = outcome(score)
    outcomes["run/1/4"] = {"failed": "the loss must stay finite: <it> became nan"}
    study("compare", plan, outcomes, folder)
    return compare(resume=folder)


def test_the_folder_holds_all_of_it(written) -> None:
    names = {path.name for path in written.folder.iterdir()}
    assert names == {
        "arms.csv", "compare.toml", "curves.csv", "facts.json", "refs.bib", "report.html", "result.json", "trials.csv",
        "trials.sqlite3",
    }  # fmt: skip
    trials = list(csv.DictReader((written.folder / "trials.csv").read_text().splitlines()))
    assert len(trials) == 15 + 9
    assert {row["arm"] for row in trials} == {arm.name for arm in ARMS}
    arms = list(csv.DictReader((written.folder / "arms.csv").read_text().splitlines()))
    assert [row["seeds"] for row in arms] == ["4", "4", "4"]
    assert [row["tuned_learning_rate"] for row in arms] == ["0.01", "0.1", "0.1"]
    curves = list(csv.DictReader((written.folder / "curves.csv").read_text().splitlines()))
    assert len(curves) == 3 * (14 + 9)
    assert json.loads((written.folder / "result.json").read_text())["seeds"] == [0, 1, 2, 3]
    plan = tomllib.loads((written.folder / "compare.toml").read_text())
    assert plan["base"]["epochs"] == Recipe().epochs


def test_the_page_tells_it_all_and_loads_nothing(written) -> None:
    page = written.report.read_text()
    found = Ids(page)
    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if not link.startswith("#paper-nadeau")} <= set(found.ids)
    for words in (
        "norm=none is",
        "points worse than norm=batch",
        "&lt;it&gt; became nan",
        "search-edge",
        "1,000",
    ):
        assert words in page
    assert page.count("<svg") == 2 + 3 + 3  # arms and differences, curves, tuning


def test_going_on_with_what_is_done_changes_nothing(written) -> None:
    before = {
        p.name: p.read_bytes() for p in written.folder.iterdir() if p.suffix in {".csv", ".json", ".html"}
    }
    compare(resume=written.folder)
    assert before == {name: (written.folder / name).read_bytes() for name in before}


def test_a_lost_storage_begins_anew_from_the_plan(written, tmp_path) -> None:
    (tmp_path / "copy").mkdir()
    for name in ("compare.toml", "facts.json"):
        (tmp_path / "copy" / name).write_bytes((written.folder / name).read_bytes())
    from vademecum.lab.study import Study

    found = Study.open("compare", tmp_path / "copy")
    assert found.plan == plan_of(rates=(0.001, 0.01, 0.1))
    assert found.trials.outcomes() == {}


@pytest.mark.parametrize(("text", "seconds"), [("", float("inf")), ("90", 90), ("10m", 600), ("2h", 7200)])
def test_budgets_are_read(text, seconds) -> None:
    assert seconds_of(text) == seconds


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["compare", *arguments])
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["two arms"]),
        (["--vary", "seed=1,2"], ["same examples"]),
        (["--vary", "norm=batch,layer", "--seeds", "1"], ["two seeds"]),
        (["--vary", "norm=batch,layer", "--budget", "soon"], ["a budget must be a time"]),
        (["--vary", "norm=batch,layer", "--workers", "0"], ["one worker"]),
        (["--vary", "norm=batch,layer", "--tune", "dropout"], ["learning rate"]),
        (["--vary", "norm=batch,layer", "--tune", "lr=lin:0..1"], ["log scale"]),
        (["--vary", "norm=batch,layer", "--tune", "lr", "--tries", "1"], ["log scale"]),
        (["--vary", "lr=0.1,0.01", "--tune", "lr"], ["varied or tuned"]),
        (["nowhere.csv", "--vary", "norm=batch,layer"], ["nowhere.csv"]),
        (["--vary", "norm=batch,layer", "--storage", "nonsense"], ["must be reachable"]),
        (["--vary", "norm=batch,layer", "--out", "."], ["must be new"]),
        (["--resume", "nowhere"], ["compare.toml", "nowhere"]),
        (["--resume", "nowhere", "--vary", "norm=batch,layer"], ["--resume takes everything"]),
        (["--join", "study"], ["--storage"]),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    message = refused(*arguments)
    for word in words:
        assert word in message
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
