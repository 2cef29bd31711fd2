import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vademecum._core.errors import InputError
from vademecum.lab import Recipe
from vademecum.lab.checkpoint import (
    Checkpoint,
    Progress,
    Row,
    detached,
    load_optimizer,
    optimizer_settings,
    optimizer_tensors,
    same_shapes,
)
from vademecum.lab.stepper import make_optimizer

PROGRESS = Progress(
    rate=0.1 + 0.2, epoch=1, step=7, loss_sum=1 / 3, seen=70, seconds=2.5,
    stopping={"best": 0.5, "best_step": 0, "steps": 1}, history=(Row(1, 10, 0.1, 2 / 3, 0.5, 0.75, 2.0),),
)  # fmt: skip


def write(path: Path, **metadata: str) -> Path:
    save_file({"model.w": torch.ones(2)}, path, metadata=metadata)
    return path


def test_everything_comes_back_bit_for_bit(tmp_path) -> None:
    values = torch.tensor([1e-45, 1.0, torch.inf, -0.0])
    checkpoint = Checkpoint(
        PROGRESS, {"a.w": values, "n": torch.tensor(3)}, {"a.w": values * 2}, {"0.step": torch.tensor(5.0)}
    )
    path = tmp_path / "c.safetensors"
    path.write_bytes(checkpoint.to_bytes())
    again = Checkpoint.read(path)
    assert again.progress == PROGRESS
    for part in ("model", "best", "optimizer"):
        torch.testing.assert_close(getattr(again, part), getattr(checkpoint, part), rtol=0, atol=0)


class Bomb:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.write_text, (self.path, "executed")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_refused_and_never_executed(tmp_path, protocol) -> None:
    path, proof = tmp_path / "last.safetensors", tmp_path / "proof"
    path.write_bytes(pickle.dumps(Bomb(proof), protocol=protocol))
    with pytest.raises(InputError, match="safetensors"):
        Checkpoint.read(path)
    assert not proof.exists()
    pickle.loads(path.read_bytes())  # the bomb is live: the test can fail
    assert proof.exists()


def test_a_file_of_torch_save_is_refused(tmp_path) -> None:
    path, proof = tmp_path / "last.safetensors", tmp_path / "proof"
    torch.save({"model": Bomb(proof)}, path)
    with pytest.raises(InputError, match="safetensors"):
        Checkpoint.read(path)
    assert not proof.exists()


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_a_truncated_file_is_refused(tmp_path, kept) -> None:
    path = tmp_path / "last.safetensors"
    whole = Checkpoint(PROGRESS, {"w": torch.ones(100)}, {}, {}).to_bytes()
    path.write_bytes(whole[:kept])
    with pytest.raises(InputError, match="whole safetensors file"):
        Checkpoint.read(path)


good = json.loads(PROGRESS.to_json())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "[]",
        "{",
        json.dumps({**good, "format": 1}),
        json.dumps({**good, "epoch": -1}),
        json.dumps({**good, "epoch": 2}),
        json.dumps({**good, "step": "soon"}),
        json.dumps({**good, "history": [{}]}),
        json.dumps({**good, "history": 3}),
        json.dumps({**good, "stopping": []}),
        json.dumps({**good, "command": "rm"}),
        json.dumps({k: v for k, v in good.items() if k != "rate"}),
    ],
)
def test_a_header_that_is_no_progress_is_refused(tmp_path, header) -> None:
    with pytest.raises(InputError, match="whole safetensors file of a run"):
        Checkpoint.read(write(tmp_path / "c.safetensors", vademecum=header))


def test_weights_without_a_header_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="whole safetensors file of a run"):
        Checkpoint.read(write(tmp_path / "c.safetensors"))


def test_a_tensor_of_an_unknown_part_is_refused(tmp_path) -> None:
    save_file(
        {"secret.w": torch.ones(2)}, tmp_path / "c.safetensors", metadata={"vademecum": PROGRESS.to_json()}
    )
    with pytest.raises(InputError, match="secret"):
        Checkpoint.read(tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, ["w is missing in the file", "float32 (2, 3) in the model"]),
        (
            {"w": torch.ones(2, 3), "more": torch.ones(1)},
            ["more is float32 (1,) in the file and missing in the model"],
        ),
        ({"w": torch.ones(3, 2)}, ["float32 (3, 2) in the file", "float32 (2, 3) in the model"]),
        ({"w": torch.ones(2, 3, dtype=torch.float64)}, ["float64 (2, 3)"]),
    ],
)
def test_weights_of_another_model_are_named(found, words) -> None:
    with pytest.raises(InputError) as error:
        same_shapes(found, {"w": torch.ones(2, 3)}, what="a checkpoint")
    for word in words:
        assert word in str(error.value)
    same_shapes({"w": torch.zeros(2, 3)}, {"w": torch.ones(2, 3)}, what="a checkpoint")


def trained(recipe: Recipe) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = make_optimizer(model, recipe, rate=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(5, 3)).square().sum().backward()
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize(
    "settings", [["optimizer=adamw"], ["optimizer=sgd"], ["optimizer=sgd", "momentum=0"]]
)
def test_an_optimizer_goes_on_where_it_was(settings) -> None:
    recipe = Recipe().with_settings(settings)
    model, optimizer = trained(recipe)
    other = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    other.load_state_dict(model.state_dict())
    fresh = make_optimizer(other, recipe, rate=0.1)
    load_optimizer(fresh, optimizer_tensors(optimizer), optimizer_settings(optimizer))
    for net, opt in ((model, optimizer), (other, fresh)):
        opt.zero_grad()
        net(torch.ones(5, 3)).sum().backward()
        opt.step()
    torch.testing.assert_close(other.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    "tensors", [{"9.exp_avg": torch.ones(2)}, {"x.exp_avg": torch.ones(2)}, {"0.exp_avg": torch.ones(9)}]
)
def test_optimizer_state_of_another_model_is_refused(tensors) -> None:
    _, optimizer = trained(Recipe())
    with pytest.raises(InputError, match="must be of this model"):
        load_optimizer(optimizer, tensors, optimizer_settings(optimizer))


def test_copies_do_not_follow_the_weights_and_tied_weights_are_kept_twice() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    copy = detached(model.state_dict())
    with torch.no_grad():
        model[0].weight.fill_(7)
    assert not bool((copy["0.weight"] == 7).any())
    Checkpoint(PROGRESS, copy, {}, {}).to_bytes()  # safetensors refuses tensors that share memory
