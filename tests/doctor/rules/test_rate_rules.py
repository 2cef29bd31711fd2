"""Steps that are too long or too short, and decays that are too strong, over several kinds of programs."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum.doctor.checks import lr_too_high, lr_too_low, weight_decay_too_large
from vademecum.doctor.recording.record import Look, Record

sys.path.insert(0, str(Path(__file__).parents[1]))
from recorded import fit, recorded, says, told


def mlp(outputs=4, hidden=24, act=nn.ReLU):
    return nn.Sequential(
        nn.Linear(6, hidden), act(), nn.Linear(hidden, hidden), act(), nn.Linear(hidden, outputs)
    )


def classes(size=32):
    centers = 2 * torch.randn(4, 6, generator=torch.Generator().manual_seed(3))

    def batch():
        y = torch.randint(4, (size,))
        return centers[y] + 0.5 * torch.randn(size, 6), y

    return batch


def numbers(size=32):
    x = torch.randn(size, 6)
    return x, torch.sin(x[:, :1]) + x[:, 1:2]


class Recurrent(nn.Module):
    def __init__(self, outputs=4):
        super().__init__()
        self.cell, self.out = nn.GRU(6, 16, batch_first=True), nn.Linear(16, outputs)

    def forward(self, x):
        return self.out(self.cell(x[:, None].expand(-1, 5, -1))[0][:, -1])


def loop(make, optimizer, loss=F.cross_entropy, batch=None, steps=150):
    def run():
        model = make()
        fit(model, optimizer(model.parameters()), batch or classes(), loss, steps=steps)()

    return run


HIGH = {
    "adam": loop(lambda: mlp(1, act=nn.Tanh), lambda p: torch.optim.Adam(p, lr=3.0), F.mse_loss, numbers),
    "recurrent": loop(lambda: Recurrent(1), lambda p: torch.optim.Adam(p, lr=3.0), F.mse_loss, numbers),
    "numbers": loop(lambda: mlp(1), lambda p: torch.optim.SGD(p, lr=3.0), F.mse_loss, numbers),
}
LOW = {
    "sgd": loop(mlp, lambda p: torch.optim.SGD(p, lr=1e-5)),
    "adam": loop(Recurrent, lambda p: torch.optim.Adam(p, lr=1e-6)),
    "numbers": loop(
        lambda: mlp(1, act=nn.Tanh), lambda p: torch.optim.AdamW(p, lr=1e-6), F.mse_loss, numbers
    ),
}
DECAY = {
    "apart": loop(mlp, lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=200)),
    "in the gradient": loop(mlp, lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=3)),
    "numbers": loop(
        lambda: mlp(1), lambda p: torch.optim.Adam(p, lr=3e-3, weight_decay=3), F.mse_loss, numbers
    ),
}


@pytest.mark.parametrize("name", HIGH)
def test_a_rate_that_is_too_high_is_the_first_cause(name):
    assert told(HIGH[name])[0] == "lr-too-high"


@pytest.mark.parametrize("name", LOW)
def test_a_rate_that_is_too_low_is_the_first_cause(name):
    assert told(LOW[name])[0] == "lr-too-low"


@pytest.mark.parametrize("name", DECAY)
def test_a_decay_that_is_too_strong_is_the_first_cause(name):
    assert told(DECAY[name])[0] == "weight-decay-too-large"


def test_a_penalty_in_the_loss_shows_by_the_weights():
    def run():
        model = mlp()

        def loss(out, y):
            return F.cross_entropy(out, y) + 3 * sum(p.square().sum() for p in model.parameters())

        fit(model, torch.optim.SGD(model.parameters(), lr=0.02), classes(), loss, steps=150)()

    [finding] = says(weight_decay_too_large, recorded(run))
    assert "penalty" in finding.message


HEALTHY = {
    "high but good": loop(mlp, lambda p: torch.optim.Adam(p, lr=2e-2)),
    "low but good": loop(mlp, lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9), steps=300),
    "decay that helps": loop(mlp, lambda p: torch.optim.AdamW(p, lr=5e-3, weight_decay=0.1)),
    "batch norm": loop(
        lambda: nn.Sequential(nn.Linear(6, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 4)),
        lambda p: torch.optim.SGD(p, lr=0.5),
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_runs_that_learn_are_left_alone(name):
    assert told(HEALTHY[name]) == []


def test_a_warm_up_under_way_is_left_alone():
    def run():
        model = mlp()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 20_000)
        step = fit(model, optimizer, classes(), F.cross_entropy, steps=1)
        for _ in range(220):
            step()
            warm.step()

    assert not says(lr_too_low, recorded(run))


def test_units_that_are_flat_before_the_first_step_are_not_the_rates_fault():
    def run():
        model = mlp(1, act=nn.Tanh)
        with torch.no_grad():
            model[0].weight *= 1000
            model[2].weight *= 1000
        steep = fit(
            model,
            torch.optim.Adam(model.parameters(), lr=0.02),
            lambda: (noise(), noise()[:, :1]),
            F.mse_loss,
        )
        steep()

    def noise():
        return torch.randn(32, 6)

    assert not says(lr_too_high, recorded(run))


def test_the_cure_says_a_rate():
    [finding] = says(lr_too_high, recorded(HIGH["adam"]))
    assert finding.cure.startswith("Lower the learning rate from 3 to about 0.")
    [finding] = says(lr_too_low, recorded(LOW["sgd"]))
    assert finding.cure.startswith("Raise the learning rate from 1e-05 to about 0.0")


def test_of_a_run_without_looks_nothing_is_said():
    record = Record(losses=[(i, 1.0) for i in range(100)], steps=100, finished=True)
    assert not says(lr_too_high, record)
    record.looks.append(Look(0))
    assert not says(lr_too_low, record)
