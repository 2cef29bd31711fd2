"""What a run promises: no leak, the target's unit, whole files, one look at the test part, nothing changed outside."""

import csv
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vademecum._core.errors import InputError
from vademecum.data import statistics_origin
from vademecum.lab import Recipe, RunFolder, fit, load_model
from vademecum.lab import finish as finish_module
from vademecum.lab.examples import predict
from vademecum.lab.parts import SCHEDULE
from vademecum.lab.prepare import prepare

from ._runs import files


def test_the_folder_holds_all_that_was_promised(quick, tmp_path) -> None:
    result = fit(quick, out=tmp_path / "run")
    found = files(result.folder.path)
    assert found >= {
        "recipe.toml", "run.json", "metrics.csv", "findings.json", "checkpoints/last.safetensors", "model.safetensors",
        "predictions.npz", "evaluation.json", "refs.bib", "report.html",
    }  # fmt: skip
    assert not [name for name in found if name.endswith(".tmp")]
    facts = result.folder.facts
    assert facts["status"] == "finished"
    assert facts["data"]["fingerprint"] == prepare(quick).source.fingerprint
    assert facts["model"]["parameters"] == sum(p.numel() for p in load_model(result.folder.path).parameters())
    assert (
        len(list(csv.DictReader((result.folder.path / "metrics.csv").read_text().splitlines())))
        == quick.epochs
    )
    assert {f["rule"] for f in json.loads((result.folder.path / "findings.json").read_text())} >= {
        "initial-loss", "gradients", "overfit-small",
    }  # fmt: skip


def test_the_same_recipe_gives_the_same_bits_and_another_seed_others(quick, tmp_path) -> None:
    torch.manual_seed(1)
    first = fit(quick, out=tmp_path / "first").folder.path
    torch.manual_seed(2)  # what happened before must not matter
    second = fit(Recipe.from_toml((first / "recipe.toml").read_text()), out=tmp_path / "second").folder.path
    other = fit(quick.changed({"seed": 1}), out=tmp_path / "other").folder.path
    weights = [(folder / "model.safetensors").read_bytes() for folder in (first, second, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_nothing_outside_is_changed(quick, tmp_path) -> None:
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(quick, out=tmp_path / "run")
    torch.testing.assert_close(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numbers)
    assert not torch.are_deterministic_algorithms_enabled()


def test_statistics_come_from_the_training_part_alone(line) -> None:
    prepared = prepare(Recipe(data=str(line), target="price"))
    mean = prepared.model.get_submodule("preprocess.scale").mean
    everything = prepared.source.x
    assert statistics_origin(mean, everything[prepared.split.train], everything) == "train"
    y = prepared.source.y[prepared.split.train].double()
    torch.testing.assert_close(
        prepared.model.get_buffer("rescale.mean").double(), y.mean(), rtol=1e-6, atol=0
    )


def test_the_loaded_model_takes_the_data_as_they_came_and_speaks_the_targets_unit(line, tmp_path) -> None:
    recipe = Recipe(data=str(line), target="price", epochs=20, learning_rate=0.01, seed=3)
    result = fit(recipe, out=tmp_path / "run")
    prepared, model = prepare(recipe), load_model(tmp_path / "run")
    test = prepared.part("test")
    with np.load(tmp_path / "run" / "predictions.npz", allow_pickle=False) as stored:
        torch.testing.assert_close(predict(model, test.x), torch.from_numpy(stored["scores"]), rtol=0, atol=0)
        np.testing.assert_array_equal(stored["index"], prepared.split.test)
    assert result.evaluation.metrics["r2"] > 0.9
    assert 200 < result.evaluation.metrics["rmse"] < 1000  # the noise is 300, the spread 3000


@pytest.mark.parametrize(
    "settings",
    [["norm=layer", "preprocess=min_max"], ["norm=none", "preprocess=none", "init=data_dependent"]],
)
def test_any_recipe_can_be_loaded_again(blobs, tmp_path, settings) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=1, learning_rate=0.01).with_settings(settings)
    fit(recipe, out=tmp_path / "run")
    torch.testing.assert_close(
        load_model(tmp_path / "run").state_dict(),
        load_file(tmp_path / "run" / "model.safetensors"),
        rtol=0,
        atol=0,
    )


def test_the_best_epoch_is_kept(quick, tmp_path) -> None:
    recipe = quick.changed(
        {"epochs": 12, "learning_rate": 0.3, "schedule": "constant"}
    )  # a rate that jumps about
    result = fit(recipe, out=tmp_path / "run")
    rows = list(csv.DictReader((result.folder.path / "metrics.csv").read_text().splitlines()))
    losses = [float(row["val_loss"]) for row in rows]
    best = losses.index(min(losses)) + 1
    assert (
        result.folder.facts["training"]["best_epoch"] == best < len(rows)
    )  # so that the last would be wrong
    prepared = prepare(recipe)
    val = prepared.part("val")
    loss = prepared.objective.loss(predict(load_model(result.folder.path), val.x), val.y)
    torch.testing.assert_close(float(loss), min(losses), rtol=1e-5, atol=1e-7)


def test_the_test_part_is_looked_at_once_and_after_the_training(quick, tmp_path, monkeypatch) -> None:
    asked: list[int] = []
    original = finish_module.predict
    monkeypatch.setattr(
        finish_module, "predict", lambda model, x: (asked.append(len(x)), original(model, x))[1]
    )
    result = fit(quick, out=tmp_path / "run")
    assert asked == [result.evaluation.count]


def test_a_loss_that_is_not_finite_stops_the_run_with_a_cure(line, tmp_path) -> None:
    recipe = Recipe(
        data=str(line), target="price", optimizer="sgd", learning_rate=100.0, norm="none", epochs=5
    )
    with pytest.raises(InputError, match=r"must stay finite.*--set learning_rate=1e\+01"):
        fit(recipe, out=tmp_path / "run")
    assert RunFolder(tmp_path / "run").facts["status"] == "failed"
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_mistakes_on_images_are_drawn(tmp_path) -> None:
    result = fit(Recipe(epochs=1, learning_rate=0.003), out=tmp_path / "run")
    pictures = sorted(path.name for path in (tmp_path / "run" / "mistakes").iterdir())
    assert pictures == [f"{n:02d}.png" for n in range(1, len(result.evaluation.mistakes) + 1)]
    assert pictures


def test_the_rate_is_found_and_explained_where_none_is_given(quick, tmp_path) -> None:
    facts = fit(quick.changed({"learning_rate": "auto", "epochs": 1}), out=tmp_path / "run").folder.facts
    assert facts["learning_rate"] == 3 * facts["range_test"]["chosen"]
    assert "3 times that" in facts["range_test"]["reason"]
    rates = [
        float(row["learning_rate"])
        for row in csv.DictReader((tmp_path / "run/metrics.csv").read_text().splitlines())
    ]
    assert max(rates) <= facts["learning_rate"]


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("constant", 1, 1),
        ("cosine", 1, 0),
        ("exponential", 1, 0.01),
        ("inverse_time:0.1", 1, 0.1),
        ("one_cycle", 0.04, 4e-6),
        ("slanted", 1 / 32, 1 / 32),
        ("step:0.5:0.1", 1, 0.01),
        ("warmup:0.2", 0, 1),
    ],
)
def test_schedules_start_and_end_where_they_should(name, start, end) -> None:
    (chosen,) = SCHEDULE.read(name)
    share = chosen.make(1000)
    torch.testing.assert_close([share(0), share(1000)], [float(start), float(end)], rtol=0, atol=1e-12)
    assert max(share(i) for i in range(1001)) == pytest.approx(1.0)


def test_a_target_that_does_not_vary_in_the_training_part_is_refused(tmp_path) -> None:
    path = tmp_path / "flat.csv"
    # Cut in time, the first rows train: only later ones differ.
    path.write_text(
        "when,a,b\n" + "".join(f"{i},{i % 7}.5,{1.5 if i < 30 else i + 0.25}\n" for i in range(40))
    )
    with pytest.raises(InputError, match=r"must vary.*b is 1\.5"):
        fit(Recipe(data=str(path), target="b", time="when"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
