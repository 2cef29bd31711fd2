"""Each experiment tells the fault that it is for, and is silent where it must be."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vademecum.doctor import Case, Finding, Report, overfit_small
from vademecum.doctor.experiments.accumulation import accumulation
from vademecum.doctor.experiments.batch_independence import batch_independence
from vademecum.doctor.experiments.gradient_check import gradient_check
from vademecum.doctor.experiments.initial_loss import initial_loss
from vademecum.doctor.experiments.input_baseline import input_baseline
from vademecum.doctor.experiments.rates import rates
from vademecum.doctor.experiments.time_independence import time_independence
from vademecum.doctor.experiments.train_eval import train_eval
from vademecum.doctor.recording.record import NotCheckedError
from vademecum.doctor.replaying.tape import Tape
from vademecum.doctor.trials import EXPERIMENTS, Trials, joined, trials

MADE = torch.Generator().manual_seed(0)
X, Y = torch.randn(24, 6, generator=MADE), torch.arange(24) % 3
IDS = torch.randint(20, (6, 9), generator=MADE)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def mlp(*between, out=3):
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), *between, nn.Linear(16, out))


def case(model=None, loss=None, x=X, y=Y, num_classes=3):
    return Case(model or mlp(), x, y, loss or nn.CrossEntropyLoss(), num_classes)


def taken(model, step, optimizer=None, **options):
    """The case of a run of one step."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    with Tape() as tape:
        step().backward()
        optimizer.step()
    return tape.case(**options)


class Forgets(nn.Module):
    """Its output has nothing to do with its input."""

    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, x):
        return self.net(x * 0)


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x**2


class Layer(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Mode(nn.Module):
    """Does something else in evaluation, on purpose or not."""

    def forward(self, x):
        return x if self.training else 3 * x


class Next(nn.Module):
    """Says the next element; `sees` it where it is not masked."""

    def __init__(self, sees):
        super().__init__()
        self.into, self.out, self.sees = nn.Embedding(20, 8), nn.Linear(8, 20), sees

    def forward(self, ids):
        hidden = self.into(ids)
        scores = (hidden @ hidden.mT) / 3
        if not self.sees:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -math.inf)
        return self.out(scores.softmax(-1) @ hidden)


def one(findings):
    (finding,) = findings
    return finding


# ------------------------------------------------------------------ one by one


def test_inputs_must_win_against_zeros():
    assert one(input_baseline(case())).severity == "ok"
    finding = one(input_baseline(case(Forgets(), y=(torch.arange(24) % 4 == 0).long()), steps=40))
    assert (finding.severity, finding.evidence["real"]) == ("warning", finding.evidence["zeros"])


def test_noise_and_equal_inputs_are_no_ground_for_a_baseline():
    with pytest.raises(NotCheckedError, match="noise"):
        input_baseline(case(mlp(Layer(lambda h: h + torch.randn_like(h)))))
    with pytest.raises(NotCheckedError, match="all the same"):
        input_baseline(case(x=torch.ones(24, 6)))


@pytest.mark.parametrize(
    ("layer", "severity"),
    [(nn.ReLU(), "ok"), (nn.Dropout(0.5), "ok"), (nn.BatchNorm1d(16), "ok"), (Layer(Wrong.apply), "warning"),
     (Layer(lambda h: h.detach() * h), "note")],
)  # fmt: skip
def test_the_gradient_is_that_of_the_loss(layer, severity):
    finding = one(gradient_check(case(mlp(layer))))
    assert finding.severity == severity
    assert ("Wrong" in finding.message) == (severity == "warning")


def test_the_padding_of_an_embedding_is_not_learned():
    model = nn.Sequential(nn.Embedding(20, 8, padding_idx=0), nn.Flatten(), nn.Linear(72, 3))
    assert one(gradient_check(case(model, x=IDS * (IDS > 9), y=Y[:6]))).severity == "ok"


def test_a_loss_that_jumps_has_no_slope():
    with pytest.raises(NotCheckedError, match="flat, or jumps"):
        gradient_check(case(mlp(Layer(lambda h: h - (h - h.sign()).detach())), lambda out, y: 0 * out.sum()))
    with pytest.raises(NotCheckedError, match="double precision"):
        gradient_check(case(mlp(Layer(lambda h: h.float()))))


@pytest.mark.parametrize(
    ("model", "loss", "said"),
    [(mlp(), nn.CrossEntropyLoss(), "exact"), (mlp(), nn.CrossEntropyLoss(reduction="sum"), "adds"),
     (mlp(nn.BatchNorm1d(16)), nn.CrossEntropyLoss(), "batch normalization (2)"),
     (mlp(), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 9.0])), "what counts")],
)  # fmt: skip
def test_halves_add_up(model, loss, said):
    finding = one(accumulation(case(model, loss, y=Y.sort().values)))
    assert said in finding.message
    assert finding.severity == ("ok" if said == "exact" else "note")


@pytest.mark.parametrize(
    ("layer", "severity", "said"),
    [(nn.Dropout(0.5), "ok", "same"), (nn.BatchNorm1d(16), "ok", "same"), (Mode(), "note", "differ"),
     (Layer(F.dropout), "note", "each time"), (nn.BatchNorm1d(16, momentum=1e-4), "note", "differ")],
)  # fmt: skip
def test_both_modes_say_the_same(layer, severity, said):
    finding = one(train_eval(case(mlp(layer))))
    assert (finding.severity, said in finding.message) == (severity, True)


def test_a_range_of_rates_and_a_rate_far_outside():
    model = mlp()

    def at(rate, make=torch.optim.SGD):
        optimizer = make(model.parameters(), lr=rate)
        return one(rates(taken(model, lambda: F.cross_entropy(model(X), Y), optimizer)))

    fine = at(0.5)
    assert (fine.severity, fine.evidence["own"]) == ("ok", 0.5)
    assert 0 < fine.evidence["low"] <= fine.evidence["high"]
    low, high = at(1e-6), at(5000.0)
    assert (low.severity, high.severity) == ("warning", "warning")
    assert "far below" in low.message
    assert "far above" in high.message


def test_a_range_where_nothing_falls_has_a_reason():
    finding = one(rates(case(mlp(), lambda out, y: out.sum() * 0 + 1)))
    assert finding.severity == "ok"
    assert "never clearly fell" in finding.message
    assert finding.evidence["low"] < finding.evidence["high"]


def test_the_runs_own_optimizer_learns_by_heart_or_not():
    model = mlp()

    def with_(optimizer):
        made = taken(model, lambda: F.cross_entropy(model(X), Y), optimizer, num_classes=3)
        return overfit_small(made, own_rate=True, examples=8, steps=80)

    assert [f.severity for f in with_(torch.optim.Adam(model.parameters(), lr=0.01))] == ["ok"]
    fine, bad = with_(torch.optim.SGD(model.parameters(), lr=1e-5))
    assert (fine.severity, bad.severity, bad.where) == ("ok", "warning", "optimizer")
    assert "SGD" in bad.message


def test_a_model_of_several_outputs_is_judged_by_its_loss():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = mlp(), mlp(out=1)

        def forward(self, x):
            return self.a(x), self.b(x)

    model = Two()

    def step(floor):
        scores, value = model(X)
        return F.cross_entropy(scores, Y) + value.pow(2).mean() + floor

    assert one(overfit_small(taken(model, lambda: step(0.0)))).severity == "ok"
    with pytest.raises(NotCheckedError, match="at least is not known"):
        overfit_small(taken(model, lambda: step(5.0)), steps=30)
    with pytest.raises(NotCheckedError, match="guess"):
        initial_loss(taken(model, lambda: step(0.0)))


def test_what_comes_later_must_not_be_seen():
    x, y = IDS[:, :-1], IDS[:, 1:]

    def of(sees):
        model = Next(sees)
        return taken(model, lambda: F.cross_entropy(model(x).flatten(0, 1), y.flatten()))

    assert one(time_independence(of(False))).severity == "ok"
    assert one(time_independence(of(True))).severity == "error"
    with pytest.raises(NotCheckedError, match="shifted"):
        time_independence(case(x=x, y=x))


def test_the_batch_mates_of_a_model_that_is_given_its_targets():
    class Inside(nn.Module):
        def __init__(self, mixes):
            super().__init__()
            self.net, self.mixes = mlp(), mixes

        def forward(self, x, labels):
            scores = self.net(x - x.mean(0) if self.mixes else x)
            return {"logits": scores, "loss": F.cross_entropy(scores, labels)}

    for mixes, severity in [(False, "ok"), (True, "error")]:
        model = Inside(mixes)
        made = taken(model, lambda model=model: model(X, labels=Y)["loss"])
        assert one(batch_independence(made)).severity == severity


def test_a_loss_of_the_whole_batch_is_tried_on_few_examples_that_come_again():
    model = mlp()

    def step():
        return F.cross_entropy(model(X).reshape(2, 36)[:, :36].reshape(24, 3), Y)

    made = taken(model, step, num_classes=3)
    assert made.origin.rows == 24
    finding = one(overfit_small(made, examples=5))
    assert (finding.severity, "5 examples" in finding.message or "24 examples" in finding.message) == (
        "ok",
        True,
    )
    with pytest.raises(NotCheckedError, match="whole batch only"):
        accumulation(made)


# ------------------------------------------------------------------ all of them


def test_a_healthy_step_is_healthy_everywhere_and_left_as_it_is():
    model = mlp(nn.Dropout(0.2))
    before = [p.detach().clone() for p in model.parameters()]
    made = taken(model, lambda: F.cross_entropy(model(X), Y), num_classes=3)
    state, start = torch.get_rng_state(), [p.detach().clone() for p in made.model.parameters()]
    said = trials(made, seconds=300)
    assert not said.findings
    assert set(said.not_checked) == {"time-independence"}
    assert set(said.fine) == {e.rule for e in EXPERIMENTS} - {"time-independence"}
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(p, q) for p, q in zip(made.model.parameters(), start))
    assert all(p.grad is None for p in made.model.parameters())
    assert not all(torch.equal(p, q) for p, q in zip(model.parameters(), before))  # the run took its step


def test_parts_have_the_users_names():
    model = mlp(nn.BatchNorm1d(16), Layer(lambda h: h.detach()))
    made = taken(model, lambda: F.cross_entropy(model(X), Y), num_classes=3)
    said = {finding.rule: finding for finding in trials(made, seconds=300).findings}
    assert said["gradients"].where in {"0", "2"}
    assert "batch normalization (2)" in said["accumulation"].message


def test_without_time_nothing_is_tried_and_that_is_said():
    said = trials(case(), seconds=0)
    assert not said.findings
    assert not said.fine
    assert all("no time" in why for why in said.not_checked.values())


def test_a_failure_inside_is_a_reason_and_no_crash():
    def broken(output, y):
        raise KeyError("mine")

    said = trials(case(loss=broken))
    assert not said.findings
    assert all("KeyError" in why for rule, why in said.not_checked.items() if rule != "time-independence")


def test_where_the_run_has_a_cause_the_experiments_stand_beneath_it():
    cause = Finding("lr-zero", "error", "The rate is 0.")
    made = Trials(
        (Finding("overfit-small", "error", "..."), Finding("accumulation", "note", "...")), {"rates": "fine"}
    )
    report = joined(Report((cause,), ("lr-zero",)), made, learns=False)
    assert [(f.rule, [g.rule for g in f.folded]) for f in report.findings] == [
        ("lr-zero", ["overfit-small", "accumulation"])
    ]
    assert report.history["experiments"] == {"rates": "fine"}
    learned = joined(Report((cause,)), made, learns=True).findings
    assert [(g.rule, g.severity) for g in learned[0].folded] == [
        ("overfit-small", "note"), ("accumulation", "note"),
    ]  # fmt: skip
    learned = joined(Report(), replace(made), learns=True)
    assert learned.healthy
    assert len(learned.findings) == 2
