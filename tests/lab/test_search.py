"""`search`: the space, the order of tries, what is found, and what is written."""

import json
import math

import pytest
from typer.testing import CliRunner

from vademecum._core.errors import InputError
from vademecum.cli.app import app
from vademecum.lab import Recipe
from vademecum.lab.plans import SearchPlan, plan_from
from vademecum.lab.search import search, space_from

from ._outcomes import outcome, study

SPACE = ("learning_rate=log:1e-4..1", "dropout=lin:0..0.5", "norm=batch,layer")


def plan_of(sampler: str = "random", num_trials: int = 12) -> SearchPlan:
    return SearchPlan(Recipe(), SPACE, sampler, num_trials, "f" * 64)


def told(plan: SearchPlan, count: int | None = None, score=lambda values: 0.5):
    """What the tries of a plan would come to."""
    outcomes: dict[str, dict] = {}
    for _ in range(plan.num_trials if count is None else count):
        job = next(plan.jobs(outcomes, {}))
        values = dict(setting.split("=") for setting in job.settings)
        found = outcome(score(values)) | {"settings": list(job.settings)}
        outcomes[job.key] = found
    return outcomes


@pytest.mark.parametrize("sampler", ["random", "grid", "tpe"])
def test_every_try_is_a_recipe_in_the_space(sampler) -> None:
    plan = plan_of(sampler, 8)
    outcomes = told(plan)
    assert plan.done(outcomes)
    assert not list(plan.jobs(outcomes, {}))
    for found in outcomes.values():
        recipe = Recipe().with_settings(found["settings"])
        assert 1e-4 <= recipe.learning_rate <= 1
        assert 0 <= recipe.dropout <= 0.5
    assert len({tuple(found["settings"]) for found in outcomes.values()}) == 8


def test_random_tries_are_the_same_whoever_takes_them() -> None:
    plan = plan_of()
    first = {job.key: job.recipe for job in plan.jobs({}, {})}
    assert len(first) == 12
    later = {job.key: job.recipe for job in plan.jobs({"try/0": {}}, {"try/3": "somebody"})}
    assert later == {key: recipe for key, recipe in first.items() if key not in {"try/0", "try/3"}}
    assert not any(job.test for job in plan.jobs({}, {}))  # the test part stays unseen
    other = SearchPlan(Recipe(seed=1), SPACE, "random", 12)
    assert next(other.jobs({}, {})).settings != next(plan.jobs({}, {})).settings


def test_tpe_follows_what_came_out() -> None:
    plan = plan_of("tpe", 40)
    outcomes = told(plan, 40, score=lambda values: -abs(math.log10(float(values["learning_rate"])) + 2.5))
    rates = [Recipe().with_settings(found["settings"]).learning_rate for found in outcomes.values()]
    late = sum(1e-3 < rate < 1e-2 for rate in rates[20:])
    assert late > 10  # a quarter of the range would be hit 5 times in 20 by chance


def test_a_plan_is_read_from_what_is_written() -> None:
    assert plan_from(json.loads(json.dumps(plan_of().to_dict()))) == plan_of()


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ([], "needs a dimension"),
        (["lr"], "field=prior"),
        (["lrr=log:1e-4..1"], "recipe field"),
        (["lr=log:0..1"], "above 0"),
        (["lr=log:1e-4..1000"], "learning_rate must be"),
        (["norm=batch,lyaer"], "'lyaer'"),
        (["norm=batch"], "two values"),
        (["seed=int:0..5"], "would change the examples"),
        (["lr=log:1e-4..1", "learning_rate=log:1e-4..1"], "came twice"),
        (["epochs=lin:1..5"], "epochs must be"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(space, words) -> None:
    with pytest.raises(InputError, match=words):
        space_from(space, Recipe())


def test_the_best_is_written_as_a_recipe_and_an_edge_is_said(tmp_path) -> None:
    plan = plan_of()
    outcomes = told(plan)
    rates = {key: Recipe().with_settings(o["settings"]).learning_rate for key, o in outcomes.items()}
    best = max(rates, key=rates.get)
    outcomes[best] |= {"score": 0.9, "validation": 0.9}
    outcomes[best]["settings"][0] = "learning_rate=0.95"
    failed = min(rates, key=rates.get)
    outcomes[failed] = {"failed": "the loss must stay finite", "settings": outcomes[failed]["settings"]}
    study("search", plan, outcomes, tmp_path / "study")
    found = search(resume=tmp_path / "study")
    assert found.best == Recipe().with_settings(outcomes[best]["settings"])
    assert found.result["best"]["key"] == best
    words = " ".join(found.result["sentences"])
    assert "1 of 12 tries failed" in words
    assert "upper end of its range" in words
    assert "search-edge" in words
    page = found.report.read_text()
    assert page.count("<svg") == 3 + 3 + 1  # dimensions, their pairs, the tries in order
    assert "The searched plane of learning_rate and dropout" in page
    assert "90.0 % on validation" in page
    assert "best.toml" in page
    names = {path.name for path in found.folder.iterdir()}
    assert {"search.toml", "trials.csv", "result.json", "refs.bib", "best.toml", "trials.sqlite3"} <= names


def test_of_equal_scores_the_lower_loss_is_best(tmp_path) -> None:
    plan = plan_of(num_trials=3)
    outcomes = told(plan)
    outcomes["try/1"]["val_loss"] = 0.1
    study("search", plan, outcomes, tmp_path / "study")
    assert search(resume=tmp_path / "study").result["best"]["key"] == "try/1"


def test_where_all_failed_nothing_is_found(tmp_path) -> None:
    plan = plan_of(num_trials=2)
    outcomes = {key: {"failed": "why", "settings": o["settings"]} for key, o in told(plan).items()}
    study("search", plan, outcomes, tmp_path / "study")
    found = search(resume=tmp_path / "study")
    assert found.best is None
    assert "Nothing was found" in " ".join(found.result["sentences"])
    assert "Nothing found yet" in found.report.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["needs a dimension"]),
        (["--space", "lr=log:1e-4..1", "--sampler", "best"], ["grid, random, tpe"]),
        (["--space", "lr=log:1e-4..1", "--trials", "0"], ["one try"]),
        (["--space", "norm=batch,layer,none", "--sampler", "grid", "--trials", "2"], ["allow more tries"]),
        (["--resume", "nowhere"], ["search.toml"]),
        (["--resume", "nowhere", "--trials", "3"], ["--resume takes everything"]),
        (["--join", "study", "--space", "lr=log:1e-4..1"], ["--join takes everything"]),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["search", *arguments])
    assert isinstance(result.exception, InputError), result.output
    for word in words:
        assert word in str(result.exception)
    assert list(tmp_path.iterdir()) == []
