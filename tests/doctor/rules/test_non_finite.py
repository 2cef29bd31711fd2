import math
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from under import blobs, findings, fit, loud, mlp, recording


def told(loss, *, make=None, data=None, steps=3, lr=0.01):
    def program():
        model = make() if make else mlp()
        x, y = data() if data else blobs()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    return findings(program)


class Calls(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.first, self.inner, self.last = nn.Linear(6, 8), inner, nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.inner(self.first(x)))


class Apply(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda out, y: -torch.log(F.relu(out) * (out < -100)).mean(), "logarithm of 0"),
        (lambda out, y: torch.log(-out.abs() - 1).mean(), "logarithm of a negative number"),
        (lambda out, y: (out / (out * 0)).mean(), "division by 0"),
        (lambda out, y: torch.exp(out * 1e6).mean(), "exponential that overflows"),
        (lambda out, y: (out.abs() + 1).neg().sqrt().mean(), "square root of a negative number"),
        (lambda out, y: out[:1, 0].std(), "standard deviation of one number"),
        (lambda out, y: out[:0].mean(), "mean of no number"),
        (lambda out, y: F.cross_entropy(out, torch.full_like(y, -100)), "over no target"),
        (lambda out, y: (-out.abs() - 1).pow(0.5).mean(), "fractional power of a negative number"),
        (lambda out, y: ((out.abs() + 1) * 1e38 * (out.abs() + 1) * 1e38).mean(), "overflow of float32"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_what_stands_in_the_loss_is_named(loss, words):
    finding = told(loss)["non-finite"]
    assert finding.severity == "error"
    assert words in finding.message


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: torch.log(torch.relu(x) * 0), "logarithm of 0"),
        (lambda x: x / (x.detach() * 0), "division by 0"),
        (lambda x: torch.exp(x.abs() * 1e6 + 1e6), "exponential that overflows"),
        (lambda x: torch.softmax(x.masked_fill(x == x, -math.inf), dim=1), "all masked"),
    ],
)
def test_what_stands_in_the_model_is_found_by_its_module(function, words):
    finding = told(F.cross_entropy, make=lambda: Calls(Apply(function)))["non-finite"]
    assert finding.where == "inner"
    assert words in finding.message
    assert Path(finding.file).name == Path(__file__).name


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda out, y: (out * 0).sqrt().sum(), "square root of 0"),
        (lambda out, y: torch.where(out > 1e9, torch.log(out * 0), out).mean(), "logarithm of 0"),
        (lambda out, y: (out * 0).pow(0.5).sum(), "power below 1"),
    ],
)
def test_a_finite_loss_with_an_infinite_slope(loss, words):
    finding = told(loss)["non-finite"]
    assert words in finding.message
    assert "though the loss" in finding.message


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_data_are_named_by_row_and_column(value):
    def data():
        x, y = blobs()
        x[7, 2] = value
        return x, y

    finding = told(F.cross_entropy, data=data)["non-finite"]
    assert "row 7 of the batch, column 2" in finding.message


def test_targets_are_named():
    def data():
        x, _ = blobs()
        y = torch.randn(200, 3)
        y[5] = math.nan
        return x, y

    assert "targets hold" in told(F.mse_loss, data=data)["non-finite"].message


def test_a_divergence_is_told_as_one():
    found = told(lambda out, y: F.mse_loss(out, F.one_hot(y, 3) * 30.0), steps=80, lr=30.0)
    assert "diverged" in found["non-finite"].message
    assert found["non-finite"].evidence["grown"] > 100


def test_functional_code_is_followed_too():
    def program():
        w = torch.randn(6, 3, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        x, _ = blobs()
        for _ in range(3):
            optimizer.zero_grad()
            torch.log((x @ w).relu() * 0).mean().backward()
            optimizer.step()

    assert "logarithm of 0" in findings(program)["non-finite"].message


def test_masks_and_skipped_batches_are_healthy():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q = nn.Linear(6, 6)
            self.out = nn.Linear(6, 3)

        def forward(self, x, mask):
            score = self.q(x) @ x.T + mask
            return self.out(score.softmax(-1) @ x)

    def program():
        model, (x, y) = Attention(), blobs(examples=12)
        mask = torch.full((12, 12), -math.inf).triu(1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for step in range(20):
            loss = F.cross_entropy(model(x, mask), y)
            if step == 5:
                loss = loss * math.nan
            if not loss.isfinite():
                continue
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    assert "non-finite" not in findings(program)


def test_a_step_that_is_left_out_is_a_note():
    def program():
        model, (x, y) = mlp(), blobs()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for step in range(12):
            optimizer.zero_grad()
            (F.cross_entropy(model(x), y) * (math.nan if step == 5 else 1.0)).backward()
            if nn.utils.clip_grad_norm_(model.parameters(), 1.0).isfinite():
                optimizer.step()

    assert findings(program)["non-finite"].severity == "note"


def test_a_scaler_that_skips_a_step_is_healthy():
    def program():
        model, (x, y) = mlp(), blobs()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
        for _ in range(20):
            optimizer.zero_grad()
            scaler.scale(F.cross_entropy(model(x), y) * 1e-3).backward()
            for p in model.parameters():
                p.grad *= 1e6  # overflows while the scale is high
            scaler.step(optimizer)
            scaler.update()

    assert "non-finite" not in findings(program)


def test_between_looks_a_gradient_is_seen_as_well():
    with recording(thorough=False) as recorder:
        model, (x, y) = mlp(), blobs()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for step in range(8):
            optimizer.zero_grad()
            out = model(x)
            loss = F.cross_entropy(out, y) + ((out * 0).sqrt().sum() if step == 6 else 0)
            loss.backward()
            optimizer.step()
    assert 6 not in {look.step for look in recorder.record.looks}
    assert recorder.record.nan["step"] == 6
    assert recorder.record.nan["what"] == "gradient"


def test_an_ordinary_loop_is_silent():
    def program():
        model = mlp()
        fit(model, torch.optim.SGD(model.parameters(), lr=0.1))

    assert not loud(findings(program))
