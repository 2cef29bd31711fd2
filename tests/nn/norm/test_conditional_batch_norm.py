"""Conditional batch normalization: refusals, the networks that predict, conversion."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vademecum.nn.norm.conditional_batch_norm import (
    ConditionalBatchNorm1d,
    ConditionalBatchNorm2d,
    ConditionalNet,
    batch_to_conditional,
    conditioned,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain() -> nn.Module:
    """A net with a past."""
    model = nn.Sequential(
        nn.Conv2d(1, 3, 2), nn.BatchNorm2d(3, eps=0.1, momentum=0.3), nn.ReLU(), nn.Conv2d(3, 2, 2)
    )
    with torch.no_grad():
        for seed, tensor in enumerate([*model.parameters(), model[1].running_mean, model[1].running_var]):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=seeded(seed)))
    return model


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "num_conditions=None, condition_features=None; give exactly one"),
        ({"num_conditions": 2, "condition_features": 3}, "give exactly one"),
        ({"num_conditions": 2, "hidden_features": 3}, "leave hidden_features out"),
    ],
)
def test_arguments_that_are_refused(arguments: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ConditionalBatchNorm1d(4, **arguments)


@pytest.mark.parametrize(
    ("arguments", "condition", "words"),
    [
        ({"num_conditions": 2}, None, "must have a condition.*ConditionalNet"),
        ({"num_conditions": 2}, torch.zeros(2, dtype=torch.int64), r"int64 \(3,\) for x \(3, 4\).*\(2,\)"),
        ({"num_conditions": 2}, torch.zeros(3), r"int64 \(3,\).*torch.float32 \(3,\); give one for each"),
        ({"condition_features": 5}, torch.zeros(3, 4), r"float \(3, 5\).*\(3, 4\)"),
        ({"condition_features": 5}, torch.zeros(3, 5, dtype=torch.int64), r"float \(3, 5\).*torch.int64"),
    ],
)
def test_conditions_that_are_refused(arguments: dict[str, int], condition: Tensor | None, words: str) -> None:
    norm = ConditionalBatchNorm1d(4, **arguments)
    with pytest.raises(ValueError, match=words):
        norm(torch.ones(3, 4), condition)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_class_that_does_not_exist_is_refused(label: int) -> None:
    norm = ConditionalBatchNorm1d(4, num_conditions=2).eval()
    with pytest.raises(IndexError):
        norm(torch.ones(3, 4), torch.tensor([0, 1, label]))


def test_changes_come_from_networks_with_one_hidden_layer() -> None:
    norm = ConditionalBatchNorm1d(2, condition_features=3, hidden_features=4, eps=0.0).eval()
    with torch.no_grad():
        for seed, parameter in enumerate(norm.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=seeded(seed)))
    x, e = torch.randn(5, 2, generator=seeded(90)), torch.randn(5, 3, generator=seeded(91))
    state, changes = norm.state_dict(), []
    for name in ("weight_change", "bias_change"):
        w0, b0, w2, b2 = (state[f"{name}.{part}"] for part in ("0.weight", "0.bias", "2.weight", "2.bias"))
        assert w0.shape == (4, 3)
        changes.append((e @ w0.T + b0).clamp_min(0) @ w2.T + b2)
    want = (state["weight"] + changes[0]) * x + state["bias"] + changes[1]  # running statistics are 0 and 1
    assert_close(norm(x, e), want)


def test_the_first_step_moves_the_last_layers() -> None:
    norm = ConditionalBatchNorm2d(2, condition_features=3)
    x, e = torch.randn(4, 2, 2, 2, generator=seeded()), torch.randn(4, 3, generator=seeded(1))
    norm(x, e).pow(3).sum().backward()
    for change in (norm.weight_change, norm.bias_change):
        assert change[2].bias.grad.abs().amax() > 1e-3
        assert_close(change[0].weight.grad, torch.zeros_like(change[0].weight), rtol=0, atol=0)


def test_the_condition_is_gone_after_the_block() -> None:
    model = nn.Sequential(ConditionalBatchNorm1d(2, num_conditions=2)).eval()
    nn.init.constant_(model[0].weight[1], 3.0)
    x = torch.ones(1, 2)
    zero, one = torch.tensor([0]), torch.tensor([1])
    with conditioned(model, one):
        outer = model(x)
        with conditioned(model, zero):
            assert_close(model(x) * 3, outer)
        assert_close(model(x), outer, rtol=0, atol=0)
    with pytest.raises(ValueError, match="must have a condition"):
        model(x)
    with pytest.raises(ZeroDivisionError), conditioned(model, one):
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="must have a condition"):
        model(x)


def test_a_net_without_conditional_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear holds none; it takes no condition"):
        ConditionalNet(nn.Linear(2, 2))(torch.ones(1, 2), torch.tensor([0]))


@pytest.mark.parametrize(
    "kind", [{"num_conditions": 4}, {"condition_features": 3}], ids=["class", "embedding"]
)
def test_conversion_keeps_what_the_net_computes(kind: dict[str, int]) -> None:
    model = plain()
    net = batch_to_conditional(model, **kind)
    condition = torch.tensor([3, 0]) if "num_conditions" in kind else torch.randn(2, 3, generator=seeded())
    x = torch.randn(2, 1, 4, 4, generator=seeded())
    assert net.training
    for _ in range(2):
        assert_close(net(x, condition), model(x))  # in training, so that the running statistics move alike
    assert_close(net.eval()(x, condition), model.eval()(x))
    assert type(model[1]) is nn.BatchNorm2d
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_only_the_networks_of_the_changes_are_trained() -> None:
    net = batch_to_conditional(plain(), condition_features=3)
    trained = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    assert trained == {
        f"model.1.{change}_change.{layer}.{part}"
        for change in ("weight", "bias")
        for layer in (0, 2)
        for part in ("weight", "bias")
    }
    free = batch_to_conditional(plain(), condition_features=3, freeze=False)
    assert all(parameter.requires_grad for parameter in free.parameters())


def test_precision_mode_and_missing_parts_are_kept() -> None:
    norm = nn.BatchNorm1d(2, affine=False, track_running_stats=False).eval()
    net = batch_to_conditional(nn.Sequential(nn.Linear(2, 2), norm).double(), num_conditions=2)
    x = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    assert_close(net(x, torch.tensor([0, 1, 0, 1])), norm(net.model[0](x)))
    assert not net.model[1].training
    half = batch_to_conditional(plain().bfloat16(), num_conditions=2)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("model", "words"),
    [(nn.Linear(2, 2), "Linear holds none"), (nn.SyncBatchNorm(2), "SyncBatchNorm; use")],
)
def test_conversions_that_are_refused(model: nn.Module, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        batch_to_conditional(model, num_conditions=2)
