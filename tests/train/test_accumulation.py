import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.testing import assert_close

from vademecum.train import Window, accumulate, freeze, variable_bptt


def parts(x, y, size):
    return list(zip(x.split(size), y.split(size)))


def test_a_frozen_norm_is_let_through_and_a_live_one_named():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    x, y = torch.randn(7, 2), torch.randn(7, 1)
    with pytest.raises(ValueError, match="the batch normalization '1' takes its statistics from the part"):
        accumulate(model, mse_loss, parts(x, y, 3))
    assert all(p.grad is None for p in model.parameters())
    freeze(model, "0", "1")
    got = accumulate(model.train(), mse_loss, parts(x, y, 3))
    assert_close(got, mse_loss(model(x), y).detach())
    accumulate(model.eval(), mse_loss, parts(x, y, 3))


def test_a_norm_without_running_statistics_is_refused_in_evaluation_too():
    model = nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False), nn.Linear(2, 1)).eval()
    with pytest.raises(ValueError, match="the batch normalization '0'"):
        accumulate(model, mse_loss, parts(torch.randn(7, 2), torch.randn(7, 1), 3))


def test_another_ignored_target():
    model = nn.Linear(2, 3)
    x, y = torch.randn(6, 2), torch.tensor([0, 1, 2, 0, 0, 1])
    accumulate(
        model,
        lambda o, t: cross_entropy(o, t, ignore_index=0),
        parts(x, y, 4),
        weight="token",
        ignore_index=0,
    )
    got = model.weight.grad.clone()
    model.zero_grad()
    cross_entropy(model(x), y, ignore_index=0).backward()
    assert_close(got, model.weight.grad)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": "batch"}, 'weight must be "example" or "token": it is \'batch\''),
        ({"batches": []}, "something must count: 0 parts came"),
        (
            {"batches": [(torch.ones(2, 2), torch.full((2,), -100))], "weight": "token"},
            "something must count: 1 parts",
        ),
        (
            {"loss": lambda o, y: cross_entropy(o, y, reduction="none")},
            r"the loss must be one number, a mean: it is \(2,\)",
        ),
    ],
)
def test_refuses(arguments, message):
    given = {"loss": cross_entropy, "batches": [(torch.ones(2, 2), torch.tensor([0, 1]))]} | arguments
    with pytest.raises(ValueError, match=message):
        accumulate(nn.Linear(2, 2), given.pop("loss"), given.pop("batches"), **given)


def test_windows_are_drawn_anew():
    generator = torch.Generator().manual_seed(0)
    first, second = (list(variable_bptt(2000, generator=generator)) for _ in range(2))
    assert first != second
    assert isinstance(first[0], Window)


@pytest.mark.parametrize(
    "arguments",
    [{"num_tokens": -1}, {"base": 0}, {"min_length": 0}, {"p": 1.5}, {"std": -1.0}, {"std": float("nan")}],
)
def test_refuses_windows(arguments):
    with pytest.raises(ValueError, match="lengths must be at least 1, p from 0 to 1 and std at least 0"):
        list(variable_bptt(**{"num_tokens": 10} | arguments))
