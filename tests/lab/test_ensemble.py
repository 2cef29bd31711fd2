"""Several networks as one run: trained one after the other, saved and used as one model."""

import csv
import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from vademecum.lab import Console, Interrupted, Recipe, fit, load_model
from vademecum.lab.examples import predict
from vademecum.lab.prepare import prepare
from vademecum.train import Ensemble


def test_members_differ_and_answer_together(blobs, tmp_path) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=2, learning_rate=0.01, ensemble=3)
    result = fit(recipe, out=tmp_path / "run")
    model = load_model(tmp_path / "run")
    net = model.get_submodule("net")
    assert isinstance(net, Ensemble)
    assert len(net.members) == 3
    first = [member.deep[0].weight for member in net.members]
    assert not torch.equal(first[0], first[1])
    torch.testing.assert_close(
        model.state_dict(), load_file(tmp_path / "run/model.safetensors"), rtol=0, atol=0
    )
    x = prepare(recipe).part("test").x
    inputs = model.get_submodule("preprocess")(x)
    together = torch.stack([member(inputs).softmax(1) for member in net.members]).mean(0)
    torch.testing.assert_close(predict(model, x).exp(), together.detach())
    rows = list(csv.DictReader((tmp_path / "run/metrics.csv").read_text().splitlines()))
    assert [(row["member"], row["epoch"]) for row in rows] == [(m, e) for m in "123" for e in "12"]
    facts = result.folder.facts["training"]
    assert [member["epochs_run"] for member in facts["members"]] == [2, 2, 2]
    assert "3 networks were trained" in result.report.read_text()


def test_the_first_member_is_the_run_without_an_ensemble(blobs, tmp_path) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=2, learning_rate=0.01)
    fit(recipe, out=tmp_path / "one")
    fit(recipe.changed({"ensemble": 2}), out=tmp_path / "two")
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        if name.startswith("net."):
            torch.testing.assert_close(two[name.replace("net.", "net.members.0.")], tensor, rtol=0, atol=0)


def test_each_member_learns_a_precision_of_its_own(line) -> None:
    prepared = prepare(Recipe(data=str(line), target="price", loss="gaussian", ensemble=2))
    first, second = (prepared.member(number).objective.loss_of.learned for number in range(2))
    assert first is not second
    with torch.no_grad():
        next(first.parameters()).add_(1.0)
    output = target = torch.zeros(3)
    losses = [prepared.member(number).objective.loss(output, target).item() for number in range(2)]
    assert losses[0] < losses[1]  # half the logarithm of the precision less


def test_in_regression_the_mean_answers(line, tmp_path) -> None:
    recipe = Recipe(data=str(line), target="price", epochs=2, learning_rate=0.01, ensemble=2)
    fit(recipe, out=tmp_path / "run")
    model = load_model(tmp_path / "run")
    x = prepare(recipe).part("test").x
    inputs = model.get_submodule("preprocess")(x)
    mean = torch.stack([member(inputs) for member in model.get_submodule("net.members")]).mean(0)
    torch.testing.assert_close(predict(model, x), model.get_submodule("rescale")(mean).detach())


class Stopping(Console):
    """Sends Ctrl-C after so many epochs, all members together."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.left = epochs

    def epoch(self, row, *, epochs, best) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("after", [1, 3, 4, 5])
def test_stopped_in_any_member_it_goes_on_to_the_same_bits(blobs, tmp_path, after) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=3, learning_rate=0.01, ensemble=2)
    fit(recipe, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(recipe, out=tmp_path / "broken", console=Stopping(after))
    fit(resume=tmp_path / "broken")
    for name in ("model.safetensors", "evaluation.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "broken" / name).read_bytes()


def test_snapshots_of_one_training_answer_together(blobs, tmp_path) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=4, learning_rate=0.01).with_settings(
        ["ensemble=snapshots:2", "schedule=cosine"]
    )
    fit(recipe, out=tmp_path / "run")
    members = load_model(tmp_path / "run").get_submodule("net.members")
    assert len(list(members.children())) == 2
    rates = [
        float(row["learning_rate"])
        for row in csv.DictReader((tmp_path / "run/metrics.csv").read_text().splitlines())
    ]
    assert rates[1] < rates[0]  # down,
    assert rates[2] > rates[1]  # and up again


def test_a_temperature_is_fitted_and_kept_in_the_model(blobs, tmp_path) -> None:
    recipe = Recipe(data=str(blobs), target="kind", epochs=8, learning_rate=0.01, temperature="auto", seed=1)
    facts = fit(recipe, out=tmp_path / "run").folder.facts
    model = load_model(tmp_path / "run")
    torch.testing.assert_close(
        float(model.get_buffer("temperature.temperature")), facts["temperature"], rtol=1e-6, atol=0
    )
    assert ("temperature_reason" in facts) == (facts["temperature"] == 1.0)
