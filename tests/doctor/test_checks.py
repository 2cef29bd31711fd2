"""What holds of every check: it says nothing of healthy networks, and it leaves everything as it was."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from vademecum.doctor import (
    SEVERITIES,
    Case,
    batch_independence,
    gradients,
    initial_loss,
    overfit_small,
)

CHECKS = [initial_loss, overfit_small, gradients, batch_independence]


def mlp():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))


def cnn():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True),
        nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(32, 10),
    )  # fmt: skip


def he_cnn():
    net = cnn()
    for part in net.modules():
        if isinstance(part, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(part.weight)
            nn.init.zeros_(part.bias)
    return net


def sigmoids():
    return nn.Sequential(nn.Linear(64, 32), nn.Sigmoid(), nn.Linear(32, 32), nn.Sigmoid(), nn.Linear(32, 10))


def attention():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    return nn.Sequential(nn.Unflatten(1, (8, 8)), nn.Linear(8, 32), layer, nn.Flatten(), nn.Linear(256, 10))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.GRU(8, 32, num_layers=2, dropout=0.3, batch_first=True)
        self.out = nn.Linear(32, 10)

    def forward(self, x):
        return self.out(self.rows(x.unflatten(1, (8, 8)))[0][:, -1])


class ZeroStart(nn.Module):
    """Gates that start at zero, one behind another: at first, no gradient reaches what is behind them."""

    def __init__(self):
        super().__init__()
        self.into, self.blocks, self.out = (
            nn.Linear(64, 32),
            nn.ModuleList([nn.Linear(32, 32)] * 1),
            nn.Linear(32, 10),
        )
        self.inner, self.gate, self.outer = (
            nn.Linear(32, 32),
            nn.Parameter(torch.zeros(1)),
            nn.Parameter(torch.zeros(1)),
        )

    def forward(self, x):
        h = self.into(x).relu()
        h = h + self.outer * (self.blocks[0](h) + self.gate * self.inner(h))
        return self.out(h)


def zero_head():
    net = mlp()
    nn.init.zeros_(net[3].weight)
    nn.init.zeros_(net[3].bias)
    return net


HEALTHY = [mlp, cnn, he_cnn, sigmoids, attention, Recurrent, ZeroStart, zero_head]


@pytest.mark.parametrize("make", HEALTHY, ids=lambda make: make.__name__)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_healthy_networks_are_found_healthy(build, digits, check, make, seed):
    findings = list(check(build(make, *digits, seed=seed)))
    assert {finding.severity for finding in findings} == {"ok"}, findings


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    ("loss", "last"),
    [(nn.CrossEntropyLoss(label_smoothing=0.1), nn.Identity), (nn.NLLLoss(), lambda: nn.LogSoftmax(1))],
    ids=["smoothed", "log_softmax"],
)
def test_other_ways_to_the_same_loss_are_healthy(build, digits, check, loss, last):
    findings = list(check(build(lambda: nn.Sequential(mlp(), last()), *digits, loss=loss)))
    assert {finding.severity for finding in findings} == {"ok"}, findings


@pytest.mark.parametrize("check", [initial_loss, overfit_small, gradients], ids=lambda check: check.__name__)
@pytest.mark.parametrize("width", [(), (1,), (3,)], ids=str)
def test_healthy_regression(build, digits, check, width):
    x, _ = digits
    y = (x @ torch.randn(64, *width, generator=torch.Generator().manual_seed(0))).reshape(64, *width)
    y = (y - y.mean(0)) / y.std(0)

    def make():
        last = nn.Unflatten(1, width) if width else nn.Flatten(0)
        return nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, *width or (1,)), last if not width else nn.Identity()
        )

    findings = list(check(build(make, x, y, loss=nn.MSELoss(), num_classes=0)))
    assert {finding.severity for finding in findings} == {"ok"}, findings


def streams():
    return torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("training", [True, False])
def test_leaves_everything_as_it_was(build, digits, check, training):
    x, y = digits
    case = build(lambda: nn.Sequential(nn.ReLU(inplace=True), cnn()), x - 0.5, y.clone())
    model = case.model.train(training)
    model[1][2].eval()
    model[1][1].weight.grad = torch.ones_like(model[1][1].weight)
    model[1][5].requires_grad_(False)
    modes = [part.training for part in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    versions = [p._version for p in (*model.parameters(), *model.buffers())]
    kept, stream = case.x.clone(), streams()
    with torch.no_grad():
        findings = list(check(case))
    assert findings
    assert streams() == stream
    assert [part.training for part in model.modules()] == modes
    assert [p._version for p in (*model.parameters(), *model.buffers())] == versions
    torch.testing.assert_close(dict(model.state_dict()), state, rtol=0, atol=0)
    torch.testing.assert_close(case.x, kept, rtol=0, atol=0)
    torch.testing.assert_close(model[1][1].weight.grad, torch.ones_like(model[1][1].weight), rtol=0, atol=0)
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["1.1.weight"]
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == {"1.5.weight", "1.5.bias"}
    assert all(not part._forward_hooks for part in model.modules())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_says_the_same_twice(build, digits, check):
    case = build(mlp, *digits)
    assert list(check(case)) == list(check(case))


@pytest.mark.parametrize("check", [initial_loss, overfit_small, gradients])
def test_refuses_an_empty_batch(check):
    case = Case(nn.Linear(2, 2), torch.ones(0, 2), torch.ones(0).long(), nn.CrossEntropyLoss(), 2)
    with pytest.raises(ValueError, match=r"a case must have examples: x is \(0, 2\)"):
        list(check(case))


def test_every_finding_is_complete(build, digits):
    x, y = digits
    sick = nn.Sequential(nn.Linear(64, 10), nn.Threshold(1e9, 0.0))
    findings = [f for check in CHECKS for f in check(build(lambda: sick, x, y))]
    findings += [f for check in CHECKS for f in check(build(mlp, x, y))]
    for finding in findings:
        assert finding.severity in SEVERITIES
        assert bool(finding.cure) == (finding.severity != "ok"), finding
        assert finding.message.endswith("."), finding
        assert finding.reference
        assert all(isinstance(value, (int, float)) for value in finding.evidence.values())
