"""Starting from trained weights: a run of ours, or a file; what is kept, what is new, what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

from vademecum._core.errors import InputError
from vademecum.lab import Recipe, fit, load_model
from vademecum.lab.prepare import prepare
from vademecum.lab.pretrained import net_fields


def folder_of(place, name, classes, count) -> str:
    digits = load_digits()
    for label in classes:
        target = place / name / str(label)
        target.mkdir(parents=True)
        for number, image in enumerate(digits.images[digits.target == label][:count]):
            Image.fromarray((image * 15.9).astype(np.uint8)).save(target / f"{number}.png")
    return str(place / name)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A run on the digits 0 to 4."""
    place = tmp_path_factory.mktemp("source")
    data = folder_of(place, "low", range(5), 60)
    fit(Recipe(data=data, epochs=4, learning_rate=0.003), out=place / "run")
    return place / "run"


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> str:
    return folder_of(tmp_path_factory.mktemp("few"), "high", range(5, 10), 16)


def start(source, few, **changes) -> Recipe:
    recipe = Recipe(data=few, epochs=4, learning_rate=0.01, pretrained=str(source)).changed(
        net_fields(source)
    )
    return recipe.changed(changes)


def body(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All but the last layer, and the counters of batch norm."""
    return {n: t for n, t in tensors.items() if not n.startswith("net.16.") and "num_batches" not in n}


def test_small_and_similar_trains_the_head_alone(source, few, tmp_path) -> None:
    result = fit(start(source, few, scenario="small_similar"), out=tmp_path / "run")
    before, after = load_file(source / "model.safetensors"), load_file(tmp_path / "run/model.safetensors")
    torch.testing.assert_close(body(after), body(before), rtol=0, atol=0)
    assert not torch.equal(after["net.16.weight"], before["net.16.weight"])
    assert result.folder.facts["transfer"]["new"] == ["net.16.weight".removeprefix("net."), "16.bias"]
    assert "small, similar" in result.report.read_text()


@pytest.mark.parametrize("scenario", ["large_similar", "large_different"])
def test_large_trains_the_head_first_and_then_everything(source, few, tmp_path, scenario) -> None:
    prepared = prepare(start(source, few, scenario=scenario))
    stages, net = prepared.first.stages, prepared.model.get_submodule("net")
    rates = sorted({group["scale"] for group in stages.groups}, reverse=True)
    assert rates[0] == 1.0
    assert rates[1] == pytest.approx(0.1)
    assert (len(rates) > 2) == (scenario == "large_similar")
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["16.weight", "16.bias"]
    assert not stages.enter(0)
    assert stages.enter(1)
    assert all(p.requires_grad for p in net.parameters())
    fit(start(source, few, scenario=scenario), out=tmp_path / "run")
    before, after = load_file(source / "model.safetensors"), load_file(tmp_path / "run/model.safetensors")
    assert not torch.equal(after["net.0.weight"], before["net.0.weight"])


def test_small_and_different_puts_the_head_on_an_earlier_layer(source, few, tmp_path) -> None:
    result = fit(start(source, few, scenario="small_different"), out=tmp_path / "run")
    facts = result.folder.facts["transfer"]
    assert facts["head_on"] in facts["scores"]
    model = load_model(tmp_path / "run")
    torch.testing.assert_close(
        model.state_dict(), load_file(tmp_path / "run/model.safetensors"), rtol=0, atol=0
    )
    assert model.get_submodule("net.head").out_features == 5


def test_auto_says_why(source, few) -> None:
    transfer = prepare(start(source, few)).transfer
    assert transfer.plan.scenario.startswith("small_")
    assert "less than 100" in transfer.plan.reasons[0]
    assert len(transfer.scores) > 2


def test_the_statistics_are_those_of_the_pretraining(source, few) -> None:
    prepared = prepare(start(source, few, scenario="small_similar"))
    theirs = load_file(source / "model.safetensors")
    torch.testing.assert_close(prepared.preprocess.mean, theirs["preprocess.mean"], rtol=0, atol=0)


def test_the_same_classes_keep_their_head(source, tmp_path) -> None:
    data = folder_of(tmp_path, "again", range(5), 16)
    transfer = prepare(start(source, data, scenario="large_similar")).transfer
    assert transfer.new == ()


def test_a_file_needs_no_run(source, few, tmp_path) -> None:
    recipe = Recipe(
        data=few,
        epochs=2,
        learning_rate=0.01,
        pretrained=str(source / "model.safetensors"),
        scenario="large_similar",
    )
    result = fit(recipe, out=tmp_path / "run")
    assert result.folder.facts["transfer"]["new"] == ["16.weight", "16.bias"]


def test_stopped_and_resumed_it_ends_in_the_same_bits(source, few, tmp_path) -> None:
    from vademecum.lab import Interrupted

    from .test_ensemble import Stopping

    recipe = start(source, few, scenario="large_similar")
    fit(recipe, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(recipe, out=tmp_path / "broken", console=Stopping(2))
    fit(resume=tmp_path / "broken")
    assert (tmp_path / "whole/model.safetensors").read_bytes() == (
        tmp_path / "broken/model.safetensors"
    ).read_bytes()


def test_what_cannot_be_a_start_is_refused(source, few, blobs, tmp_path) -> None:
    for recipe, words in (
        (Recipe(data=few, pretrained=str(tmp_path / "nothing")), "finished run or a safetensors file"),
        (Recipe(data=str(blobs), target="kind", pretrained=str(source)), "preprocessing does not fit"),
    ):
        with pytest.raises(InputError, match=words):
            prepare(recipe)
    (tmp_path / "weights.pt").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match="pickled weights"):
        prepare(Recipe(data=few, pretrained=str(tmp_path / "weights.pt")))
    save_file({"conv.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="none of the 1 tensors"):
        prepare(Recipe(data=few, pretrained=str(tmp_path / "other.safetensors")))
