"""Dropout, capacity, overfitting, noise, and what is said where nothing else is."""

import math
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum.doctor.checks import (
    batch_noise,
    capacity_too_small,
    dropout_too_strong,
    not_learning,
    overfitting,
)
from vademecum.doctor.recording.record import Evaluation, Look, NotCheckedError, Record

sys.path.insert(0, str(Path(__file__).parents[1]))
from recorded import fit, recorded, says, told


def classes(size=32, *, count=8):
    centers = 2 * torch.randn(count, 6, generator=torch.Generator().manual_seed(3))

    def batch():
        y = torch.randint(count, (size,))
        return centers[y] + 0.5 * torch.randn(size, 6), y

    return batch


def loop(make, *, lr=3e-3, loss=F.cross_entropy, batch=None, steps=150):
    def run():
        model = make()
        fit(model, torch.optim.Adam(model.parameters(), lr=lr), batch or classes(), loss, steps=steps)()

    return run


class Functional(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.a, self.b, self.c, self.p = nn.Linear(6, 32), nn.Linear(32, 32), nn.Linear(32, 8), p

    def forward(self, x):
        x = F.dropout(F.gelu(self.a(x)), self.p, self.training)
        return self.c(F.dropout(F.gelu(self.b(x)), self.p, self.training))


def modules(p):
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 8))


def encoder(p):
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=p, batch_first=True)
    return nn.Sequential(nn.Linear(6, 16), nn.Unflatten(1, (1, 16)), layer, nn.Flatten(), nn.Linear(16, 8))


def narrow(width):
    return nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, width), nn.Tanh(), nn.Linear(width, 8))


class Adapter(nn.Module):
    """A branch of rank one beside a full layer."""

    def __init__(self):
        super().__init__()
        self.full, self.down, self.up, self.out = (nn.Linear(*s) for s in ((6, 16), (6, 1), (1, 16), (16, 8)))

    def forward(self, x):
        return self.out(torch.relu(self.full(x) + self.up(self.down(x))))


@pytest.mark.parametrize("make", [Functional, modules])
def test_dropout_that_lets_nothing_through_is_told_and_a_usual_one_is_not(make):
    assert told(loop(lambda: make(0.97)))[0] == "dropout-too-strong"
    assert told(loop(lambda: make(0.2))) == []


@pytest.mark.parametrize("make", [lambda: modules(0.8), lambda: encoder(0.97)])
def test_dropout_that_does_not_hurt_is_left_alone(make):
    """The second leads around its dropouts by residual connections."""
    assert not says(dropout_too_strong, recorded(loop(make, steps=250)))


def test_a_narrow_place_is_told_where_all_must_pass_it():
    run = loop(lambda: narrow(1), steps=120)
    [finding] = says(capacity_too_small, recorded(run))
    assert "1 number an example, for 8 outputs" in finding.message
    assert told(loop(lambda: narrow(8))) == []
    assert recorded(loop(Adapter, steps=5)).width == 16


def test_a_handful_of_units_and_a_model_without_layers():
    def parity(size=64):
        x = torch.randint(2, (size, 4)).float()
        return x, x.sum(1, keepdim=True) % 2

    loss = F.binary_cross_entropy_with_logits
    few = loop(
        lambda: nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 1)), loss=loss, batch=parity, lr=1e-2
    )
    assert says(capacity_too_small, recorded(few))[0].severity == "warning"
    plane = loop(lambda: nn.Linear(4, 1), loss=loss, batch=parity, lr=1e-2)
    [finding] = says(capacity_too_small, recorded(plane))
    assert finding.severity == "note"
    assert "one plane" in finding.message


def record_of(train, valid, **kwargs):
    evaluations = [Evaluation(10 * i + 10, 1, False, {}, v, math.nan, False) for i, v in enumerate(valid)]
    losses = list(enumerate(train))
    return Record(losses=losses, steps=len(losses), finished=True, evaluations=evaluations, **kwargs)


FALLS = torch.linspace(2, 0.01, 200).tolist()
RISES = [1.0, 0.6, 0.5, 0.5, 0.6, 0.8, 0.9, 1.0, 1.1, 1.2]


def test_overfitting_needs_a_validation_loss_that_rises():
    [finding] = says(overfitting, record_of(FALLS, RISES))
    assert (finding.rule, finding.severity) == ("overfitting", "note")
    assert not says(overfitting, record_of(FALLS, sorted(RISES, reverse=True)))
    with pytest.raises(NotCheckedError, match="fewer than four"):
        list(overfitting(record_of(FALLS, RISES[:3])))


def test_overfitting_is_a_warning_where_there_is_room_to_learn_by_heart():
    def run():
        x, y = torch.randn(20, 6), torch.randn(20, 1)
        model = nn.Sequential(nn.Linear(6, 512), nn.ReLU(), nn.Linear(512, 1))
        fit(model, torch.optim.Adam(model.parameters(), lr=1e-2), lambda: (x, y), F.mse_loss, steps=200)()

    record = recorded(run)
    record.metrics["val_loss"] = [(20 * i + 1, value) for i, value in enumerate(RISES)]
    [finding] = says(overfitting, record)
    assert finding.severity == "warning"
    assert finding.evidence["examples"] == 20


def test_batches_of_one_that_scatter_are_a_note():
    def noise():
        x = torch.randn(1, 6)
        return x, 2 * torch.randn(1, 1)

    run = loop(
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1)), loss=F.mse_loss, batch=noise
    )
    [finding] = says(batch_noise, recorded(run))
    assert finding.severity == "note"
    assert not says(batch_noise, recorded(loop(lambda: modules(0.1))))


def test_labels_without_inputs_leave_the_fallback_and_say_what_was_ruled_out():
    def apart():
        return torch.randn(32, 6), torch.randint(8, (32,))

    run = loop(lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8)), batch=apart)
    assert told(run) == ["not-learning"]
    [finding] = says(not_learning, recorded(run))
    assert finding.severity == "warning"
    assert "gradients arrive" in finding.message
    assert "the steps are of usual length" in finding.message


def test_the_fallback_waits_while_a_run_may_be_on_a_plateau():
    record = Record(losses=[(i, 1.0 + 0.001 * (i % 7)) for i in range(300)], steps=300)
    record.looks.append(Look(0, loss=1.0))
    [finding] = says(not_learning, record)
    assert finding.severity == "note"
    record.finished = True
    [finding] = says(not_learning, record)
    assert finding.severity == "warning"
