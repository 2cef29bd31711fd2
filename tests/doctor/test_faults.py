"""What each check says of the faults that it is there for."""

import math

import pytest
import torch
from torch import nn

from vademecum.doctor import Case, batch_independence, gradients, initial_loss, overfit_small


def mlp():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def test_initial_loss_of_silent_scores_is_the_logarithm_of_the_classes(digits):
    model = mlp()
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    [finding] = initial_loss(Case(model, *digits, nn.CrossEntropyLoss(), 10))
    torch.testing.assert_close(dict(finding.evidence), {"initial": math.log(10), "guess": math.log(10)})


def test_initial_loss_in_regression_is_compared_with_the_variance(digits):
    x, y = digits
    y = y.float()
    model = nn.Sequential(nn.Linear(64, 1), nn.Flatten(0))
    [finding] = initial_loss(Case(model, x, y, nn.MSELoss()))
    torch.testing.assert_close(finding.evidence["guess"], y.var(unbiased=False).item())
    assert finding.severity == "ok"
    [finding] = initial_loss(Case(model, x, y + 1000, nn.MSELoss()))
    assert finding.severity == "warning"
    assert "Standardize the targets" in finding.cure


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_initial_loss_finds_a_last_layer_that_is_too_large(build, digits, seed):
    def make():
        model = mlp()
        with torch.no_grad():
            model[2].weight *= 50
        return model

    [finding] = initial_loss(build(make, *digits, seed=seed))
    assert (finding.rule, finding.severity) == ("initial-loss", "warning")
    assert finding.evidence["initial"] > 4


def test_initial_loss_notes_a_leak_and_what_is_not_finite(digits):
    x, y = digits
    leak = nn.Linear(10, 10, bias=False)
    with torch.no_grad():
        leak.weight.copy_(20 * torch.eye(10))
    [finding] = initial_loss(Case(leak, torch.eye(10)[y], y, nn.CrossEntropyLoss(), 10))
    assert finding.severity == "note"
    [finding] = initial_loss(Case(mlp(), torch.full_like(x, math.inf), y, nn.CrossEntropyLoss(), 10))
    assert finding.severity == "error"


def test_initial_loss_does_not_take_a_prior_bias_for_a_leak():
    y = torch.tensor([1] + [0] * 99)
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.zero_()
        model.bias.copy_(torch.tensor([0.99, 0.01]).log())
    [finding] = initial_loss(Case(model, torch.randn(100, 3), y, nn.CrossEntropyLoss(), 2))
    assert finding.evidence["initial"] < 0.06
    assert finding.severity == "ok"


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32))
        self.head, self.unused = nn.Linear(32, 10), nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.head(self.body(x).detach())


def found(findings):
    return [(finding.where, finding.severity) for finding in findings]


def test_gradients_names_the_highest_part_that_is_cut_off(build, digits):
    findings = gradients(build(Detached, *digits))
    assert found(findings) == [("body", "warning"), ("unused", "warning")]
    assert "body.0.weight, body.0.bias, body.2.weight, body.2.bias" in findings[0].message
    assert findings[0].evidence == {"parameters": 4}


def test_gradients_does_not_ask_frozen_parameters(build, digits):
    case = build(Detached, *digits)
    case.model.body.requires_grad_(False)
    case.model.unused.requires_grad_(False)
    assert found(gradients(case)) == [("", "ok")]


def test_gradients_finds_dead_units(build, digits):
    def make():
        model = mlp()
        with torch.no_grad():
            model[0].bias.fill_(-1e3)
        return model

    findings = gradients(build(make, *digits))
    assert found(findings) == [("0", "warning"), ("2.weight", "warning")]
    assert "0.weight, 0.bias is exactly zero" in findings[0].message


@pytest.mark.parametrize("cut", [lambda o: o.detach(), lambda o: o.detach().requires_grad_()])
def test_gradients_finds_a_loss_that_is_cut_off(build, digits, cut):
    loss = nn.CrossEntropyLoss()
    [finding] = gradients(build(mlp, *digits, loss=lambda o, y: loss(cut(o), y)))
    assert finding.severity == "error"
    assert "cut off from every parameter" in finding.message


def test_gradients_finds_that_all_is_frozen(build, digits):
    [finding] = gradients(build(lambda: mlp().requires_grad_(False), *digits))
    assert finding.severity == "error"
    assert "no parameter of the network requires a gradient" in finding.message


class Root(nn.Module):
    def forward(self, x):
        return (x.relu() * 0).sqrt() + x


class Logarithm(nn.Module):
    def forward(self, x):
        return x.log()


def test_gradients_locates_what_is_not_finite(build, digits):
    def make(middle):
        return lambda: nn.Sequential(nn.Linear(64, 64), nn.Sequential(middle(), nn.Tanh()), nn.Linear(64, 10))

    [finding] = gradients(build(make(Logarithm), *digits))
    assert (finding.where, finding.severity) == ("1.0", "error")
    [finding] = gradients(build(make(Root), *digits))
    assert (finding.where, finding.severity) == ("0", "error")
    assert "0.weight, 0.bias is not finite, though the loss is" in finding.message
    x, y = digits
    [finding] = gradients(build(mlp, torch.where(x > 0.9, math.nan, x), y))
    assert (finding.message, finding.where) == ("The inputs hold values that are not finite.", "")


def negated(output, y):
    return -nn.functional.cross_entropy(output, y)


class Blind(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(10))

    def forward(self, x):
        return self.bias.expand(len(x), 10)


@pytest.mark.parametrize(
    ("make", "loss", "hint"),
    [
        (Blind, None, "The outputs are the same for all examples"),
        (mlp, negated, "wrong sign"),
        (
            lambda: nn.Sequential(mlp(), nn.Threshold(1e9, 0.0)),
            None,
            "The outputs are the same for all examples",
        ),
        (lambda: mlp().requires_grad_(False), None, "the check of the gradients"),
    ],
    ids=["blind", "sign", "dead", "frozen"],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_overfit_small_finds_what_cannot_learn(build, digits, make, loss, hint, seed):
    [finding] = overfit_small(build(make, *digits, loss=loss, seed=seed))
    assert (finding.rule, finding.severity) == ("overfit-small", "error"), finding
    assert hint in finding.cure


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_overfit_small_finds_targets_of_another_shape(build, digits):
    x, y = digits
    make = lambda: nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))  # noqa: E731
    [finding] = overfit_small(build(make, x, y.float() - 4.5, loss=nn.MSELoss(), num_classes=0))
    assert finding.severity == "error"
    assert "The outputs are (20, 1) and the targets (20,)" in finding.cure


def test_overfit_small_tells_a_small_network_from_a_broken_one(build, digits):
    x, y = digits
    [finding] = overfit_small(build(lambda: nn.Linear(2, 10), x[:, 20:22], y))
    assert finding.severity == "note"
    assert "though two were nearly" in finding.message


def test_overfit_small_hints_at_probabilities(build, digits):
    [finding] = overfit_small(
        build(lambda: nn.Sequential(nn.Linear(64, 10), nn.ReLU(), nn.Softmax(1)), *digits)
    )
    assert finding.severity != "ok"
    assert "drop the softmax" in finding.cure


def test_overfit_small_counts_conflicting_targets_into_the_floor(build):
    x = torch.eye(3).repeat_interleave(2, 0)
    y = torch.tensor([0, 0, 1, 1, 2, 0])
    [finding] = overfit_small(build(lambda: nn.Linear(3, 3), x, y, num_classes=3))
    torch.testing.assert_close(finding.evidence["floor"], math.log(2) / 3, rtol=1e-3, atol=0)
    torch.testing.assert_close(finding.evidence["attainable"], 5 / 6)
    torch.testing.assert_close(finding.evidence["score"], 5 / 6)
    assert finding.severity == "note"
    [finding] = overfit_small(
        build(lambda: nn.Linear(3, 3), torch.ones(6, 3), torch.arange(6) % 3, num_classes=3)
    )
    torch.testing.assert_close(finding.evidence["floor"], math.log(3))
    assert finding.severity == "warning"


def test_overfit_small_counts_conflicting_values_into_the_floor(build):
    x, y = torch.eye(3).repeat_interleave(2, 0), torch.tensor([[0.0], [2.0], [3.0], [3.0], [5.0], [5.0]])
    [finding] = overfit_small(build(lambda: nn.Linear(3, 1), x, y, loss=nn.MSELoss(), num_classes=0))
    torch.testing.assert_close(finding.evidence["floor"], 2 / 6)
    torch.testing.assert_close(finding.evidence["attainable"], 1 - 2 / 18)


class Noisy(nn.Module):
    """Dropout by a function, which no module shows."""

    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return nn.functional.dropout(self.net(x), 0.9, self.training)


def test_overfit_small_switches_functional_dropout_off(build, digits):
    [finding] = overfit_small(build(Noisy, *digits))
    assert finding.severity == "ok"


def test_overfit_small_takes_what_it_is_told(build, digits):
    [finding] = overfit_small(build(mlp, *digits), examples=5, steps=3)
    assert finding.evidence["examples"] == 5
    assert finding.evidence["steps"] <= 3


class Mixes(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, x):
        return self.layer(x.reshape(8, 8, 64).transpose(0, 1).reshape(64, 64).softmax(0))


def test_batch_independence_finds_a_softmax_over_the_batch(build, digits):
    [finding] = batch_independence(build(Mixes, *digits))
    assert finding.severity == "error"
    [finding] = batch_independence(build(lambda: nn.Sequential(nn.BatchNorm1d(64), mlp()), *digits))
    assert finding.severity == "ok"
    live = build(lambda: nn.Sequential(nn.BatchNorm1d(64, track_running_stats=False), mlp()), *digits)
    assert [f.severity for f in batch_independence(live)] == ["error"]
