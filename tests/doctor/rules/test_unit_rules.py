"""Units, signals and gradients that are lost or grow, over several kinds of programs."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum.doctor.checks import (
    constant_output,
    dead_relu,
    exploding_gradient,
    poor_init,
    rank_collapse,
    saturated_activation,
    vanishing_gradient,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
from recorded import fit, recorded, says, told


def classes(size=32):
    centers = 2 * torch.randn(4, 6, generator=torch.Generator().manual_seed(3))

    def batch():
        y = torch.randint(4, (size,))
        return centers[y] + 0.5 * torch.randn(size, 6), y

    return batch


def deep(act, depth=8, width=16, *, outputs=4):
    layers = [nn.Linear(6, width), act()]
    for _ in range(depth - 2):
        layers += [nn.Linear(width, width), act()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def changed(model, change):
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, (nn.Linear, nn.Conv2d)):
                change(part)
    return model


def loop(make, *, lr=2e-3, loss=F.cross_entropy, batch=None, steps=120, optimizer=torch.optim.Adam):
    def run():
        model = make()
        fit(model, optimizer(model.parameters(), lr=lr), batch or classes(), loss, steps=steps)()

    return run


class Functional(nn.Module):
    """One ReLU function behind two convolutions, whose biases are far below zero."""

    def __init__(self, bias):
        super().__init__()
        self.a, self.b, self.out = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(32, 4)
        nn.init.constant_(self.a.bias, bias)

    def forward(self, x):
        return self.out(F.relu(self.b(F.relu(self.a(x)))).flatten(1))


def pictures():
    y = torch.randint(4, (32,))
    return torch.randn(32, 1, 6, 6) + y.view(-1, 1, 1, 1), y


class Recurrence(nn.Module):
    def __init__(self, radius):
        super().__init__()
        self.cell, self.out = nn.RNN(2, 24, nonlinearity="relu", batch_first=True), nn.Linear(24, 1)
        nn.init.eye_(self.cell.weight_hh_l0)
        if radius > 1:
            nn.init.normal_(self.cell.weight_hh_l0, std=radius / 24**0.5)

    def forward(self, x):
        return self.out(self.cell(x)[0][:, -1])


def series():
    x = torch.rand(16, 20, 2)
    return x, x[:, :, 0].sum(1, keepdim=True) - 10


class Residual(nn.Module):
    def __init__(self, factor, depth=16):
        super().__init__()
        self.into, self.out = nn.Linear(6, 24), nn.Linear(24, 4)
        self.blocks = nn.ModuleList(nn.Linear(24, 24) for _ in range(depth))
        self.factor = factor

    def forward(self, x):
        x = self.into(x)
        for block in self.blocks:
            x = x + self.factor * block(F.relu(x))
        return self.out(x)


def loose(scale):
    """No module: two matrices and a hand-written loss."""

    def run():
        a, b, c = (scale * torch.randn(shape) / shape[0] ** 0.5 for shape in ((6, 24), (24, 24), (24, 1)))
        for w in (a, b, c):
            w.requires_grad_()
        optimizer = torch.optim.SGD([a, b, c], lr=0.1)
        for _ in range(150):
            x = torch.randn(32, 6)
            y = (x[:, 0] * x[:, 1] > 0).float()
            p = torch.sigmoid((x @ a).relu() @ b @ c)[:, 0]
            loss = -(y * (p + 1e-7).log() + (1 - y) * (1 - p + 1e-7).log()).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


FAULTS = {
    "dead by bias": ("dead-relu", loop(lambda: changed(deep(nn.ReLU, 3), lambda m: m.bias.fill_(-20)))),
    "dead in convolutions": ("dead-relu", loop(lambda: Functional(-50.0), batch=pictures)),
    "sigmoids in a row": (
        "vanishing-gradient",
        loop(lambda: deep(nn.Sigmoid), optimizer=torch.optim.SGD, lr=0.1),
    ),
    "large weights": ("poor-init", loop(lambda: changed(deep(nn.ELU, 4), lambda m: m.weight.normal_(0, 4)))),
    "tiny weights": (
        "poor-init",
        loop(
            lambda: changed(deep(nn.ReLU, 5), lambda m: m.weight.mul_(0.01)),
            optimizer=torch.optim.SGD,
            lr=0.01,
        ),
    ),
    "large matrices": ("poor-init", loose(20.0)),
    "tiny matrices": ("poor-init", loose(1e-3)),
    "recurrence": (
        "exploding-gradient",
        loop(lambda: Recurrence(3.0), loss=F.mse_loss, batch=series, optimizer=torch.optim.SGD, lr=0.01),
    ),
    "residual sum": ("exploding-gradient", loop(lambda: Residual(3.0), optimizer=torch.optim.SGD, lr=0.05)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_the_first_cause(name):
    rule, run = FAULTS[name]
    assert told(run)[0] == rule


HEALTHY = {
    "relu": loop(lambda: deep(nn.ReLU, 3)),
    "wide and sparse": loop(lambda: changed(deep(nn.ReLU, 3, 128), lambda m: m.bias.sub_(0.3)), steps=200),
    "tanh": loop(lambda: deep(nn.Tanh, 4)),
    "convolutions": loop(lambda: Functional(0.0), batch=pictures, lr=5e-3, steps=200),
    "recurrence": loop(lambda: Recurrence(1.0), loss=F.mse_loss, batch=series, lr=5e-3, steps=200),
    "residual": loop(lambda: Residual(0.3)),
    "zero head": loop(lambda: _zero_head(deep(nn.ReLU, 3))),
    "matrices": loose(1.4),
}


def _zero_head(model):
    nn.init.zeros_(model[-1].weight)
    return model


@pytest.mark.parametrize("name", HEALTHY)
def test_runs_that_learn_are_left_alone(name):
    assert told(HEALTHY[name]) == []


def test_dead_units_tell_whether_the_start_or_the_steps_killed_them():
    _, run = FAULTS["dead by bias"]
    [finding] = says(dead_relu, recorded(run))
    assert finding.evidence["dead_at_start"] == 1
    assert "biases of 0" in finding.cure

    def products():
        x = torch.randn(32, 6)
        return x, 10 * x[:, :1] * x[:, 1:2]

    def steps():
        return deep(nn.ReLU, 3, outputs=1)

    killed = loop(steps, lr=0.5, loss=F.mse_loss, batch=products, optimizer=torch.optim.SGD)
    [finding] = says(dead_relu, recorded(killed))
    assert finding.evidence["dead_at_start"] < 0.5
    assert "learning rate" in finding.cure


def test_flat_units_are_told_and_gates_are_not():
    def noise():
        return torch.randn(32, 6), torch.randint(2, (32,)).float()[:, None]

    def steep(gated):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.out = nn.Linear(6, 16), nn.Linear(6, 16), nn.Linear(16, 1)

            def forward(self, x):
                flat = torch.sigmoid(1000 * self.a(x))
                return self.out(flat * self.b(x) if gated else flat)

        return loop(Net, loss=F.binary_cross_entropy_with_logits, batch=noise)

    [finding] = says(saturated_activation, recorded(steep(False)))
    assert finding.where == "a"
    assert not says(saturated_activation, recorded(steep(True)))


def test_the_gradient_vanishes_over_many_layers_and_not_over_few():
    assert says(vanishing_gradient, recorded(FAULTS["sigmoids in a row"][1]))
    few = loop(lambda: deep(nn.Sigmoid, 3), optimizer=torch.optim.SGD, lr=1e-6)
    assert not says(vanishing_gradient, recorded(few))


class Uniform(nn.Module):
    """Attention that begins near uniform, as BERT's does: next to nothing comes back to its queries and keys."""

    def __init__(self):
        super().__init__()
        self.key, self.query, self.value, self.out = (nn.Linear(32, 32) for _ in range(4))
        self.head = nn.Linear(32, 2)
        for layer, std in ((self.key, 1e-4), (self.query, 1e-4), (self.value, 0.02), (self.out, 0.02)):
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        mixed = F.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x))
        return self.head(F.layer_norm(x + self.out(mixed), (32,)).mean(1))


def test_queries_that_get_little_are_no_vanishing():
    def noise():
        return torch.randn(16, 6, 32), torch.randint(0, 2, (16,))

    seen = recorded(loop(Uniform, batch=noise, lr=1e-9))
    norms = seen.looks[0].grad_norm
    assert norms["key.weight"] < 1e-3 * norms["value.weight"]
    assert not says(vanishing_gradient, seen)


def test_targets_that_are_large_are_no_poor_start():
    def large():
        x = torch.randn(32, 6)
        return x, 1000 * x[:, :1]

    run = loop(lambda: deep(nn.ReLU, 3, outputs=1), loss=F.mse_loss, batch=large)
    assert not says(poor_init, recorded(run))
    assert not says(exploding_gradient, recorded(run))


def test_one_answer_for_all_is_told_and_a_rank_that_is_lost():
    class Closed(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.out = nn.Linear(6, 16), nn.Linear(16, 4)

        def forward(self, x):
            return self.out(torch.tanh(self.body(x) * 0.0))

    assert says(constant_output, recorded(loop(Closed)))
    record = recorded(loop(lambda: deep(nn.ReLU, 3), lr=1e-9))
    assert not says(constant_output, record)
    assert not says(rank_collapse, record)
    for look in record.looks[5:]:
        look.rank = 1.0
    [finding] = says(rank_collapse, record)
    assert finding.severity == "note"
