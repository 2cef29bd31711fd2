"""A run with an intervention is, bit for bit, the run of the repaired text."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from vademecum.doctor.cures import INTERVENTIONS, Cure, changed
from vademecum.doctor.recording.attach import attached_to_all
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule

X = torch.linspace(-2, 2, 120).reshape(30, 4).sin()
Y = torch.arange(30) % 3


def net(*last, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 20), nn.ReLU(), nn.Linear(20, 3), *last)


def train(model, optimizer, *, loss=F.cross_entropy, steps=6, between=None, x=X, y=Y, zero="before"):
    for _ in range(steps):
        if zero == "before":
            optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        if zero == "between":
            optimizer.zero_grad()
        if between:
            between(model)
        if zero != "no step":
            optimizer.step()
    return [p.detach().clone() for p in model.parameters()]


def sgd(model, lr=0.1, **more):
    return torch.optim.SGD(model.parameters(), lr=lr, **more)


def plain(**more):
    model = net()
    return train(model, sgd(model, **more))


def with_rate(lr):
    return lambda: plain(lr=lr)


def adam_run():
    model = net()
    return train(model, torch.optim.Adam(model.parameters(), lr=1e-2))


def run(*last, make=sgd, prepare=None, **more):
    def go():
        model = net(*last)
        if prepare:
            prepare(model)
        return train(model, make(model), **more)

    return go


def half(model):
    return torch.optim.SGD(model[2].parameters(), lr=0.1)


def groups(model):
    return torch.optim.SGD(
        [{"params": list(model[2].parameters())}, {"params": list(model[0].parameters())}], lr=0.1
    )


def freeze(model):
    model[0].requires_grad_(False)


def mean_squares(shape):
    def go():
        torch.manual_seed(0)
        model = nn.Linear(4, 1)
        return train(model, sgd(model), loss=F.mse_loss, y=X.sum(1).reshape(shape))

    return go


def standard(x):
    return (x - x.mean(0)) / x.std(0, correction=0)


class Blocked(nn.Module):
    """A net whose first layer runs without gradients, or with them."""

    def __init__(self, grad):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last, self.grad = nn.Linear(4, 8), nn.Linear(8, 3), grad

    def forward(self, x):
        if self.grad:
            hidden = self.first(x)
        else:
            with torch.no_grad():
                hidden = self.first(x)
        return self.last(hidden.relu())


def blocked(grad):
    return lambda: train(model := Blocked(grad), sgd(model))


class Attending(nn.Module):
    """Attention written by hand: scores (B, H, T, T), a softmax over a dimension, a mask or none."""

    def __init__(self, *, dim=-1, back=False):
        super().__init__()
        torch.manual_seed(0)
        self.qk, self.last, self.dim, self.back = nn.Linear(4, 8), nn.Linear(2, 1), dim, back

    def forward(self, x):  # (30, 4), as two heads over sequences of three
        q, k = self.qk(x).reshape(10, 3, 2, 2, 2).permute(3, 0, 2, 1, 4)
        scores = q @ k.mT
        if self.back:
            scores = scores.masked_fill(torch.ones(3, 3, dtype=torch.bool).triu(1), -torch.inf)
        value = x.reshape(10, 3, 2, 2).transpose(1, 2)
        return self.last(scores.softmax(self.dim) @ value).transpose(1, 2).flatten(1)


def attending(**more):
    return lambda: train(model := Attending(**more), sgd(model), x=X, y=Y[:10])


def hot(loss):
    return lambda score, y: loss(score, F.one_hot(y, 3).float())


EXACT = {
    "rate": (Cure("rate", {"factor": 0.1}), with_rate(1.0), with_rate(0.1)),
    "adam": (Cure("adam", {"lr": 1e-2}), plain, adam_run),
    "momentum": (Cure("momentum", {"value": 0.5}), lambda: plain(momentum=0.99), lambda: plain(momentum=0.5)),
    "no_decay": (Cure("no_decay"), lambda: plain(weight_decay=0.5), plain),
    "flip_sign": (Cure("flip_sign"), run(loss=lambda a, b: -F.cross_entropy(a, b)), plain),
    "zero_grad": (Cure("zero_grad"), run(zero="never"), plain),
    "keep_gradients": (Cure("keep_gradients"), run(zero="between"), plain),
    "step": (Cure("step"), run(zero="no step"), plain),
    "no_clip": (
        Cure("no_clip"), run(between=lambda m: nn.utils.clip_grad_norm_(m.parameters(), 1e-3)), plain,
    ),
    "optimize_all": (Cure("optimize_all"), run(make=half), run(make=groups)),
    "unfreeze": (Cure("unfreeze"), run(prepare=freeze, make=half), run(make=groups)),
    "train_mode": (
        Cure("train_mode"), run(nn.BatchNorm1d(3), prepare=lambda m: m.eval()), run(nn.BatchNorm1d(3)),
    ),
    "no_dropout": (Cure("no_dropout"), run(nn.Dropout(0.9)), plain),
    "identity": (Cure("identity", {"family": "softmax"}), run(nn.Softmax(dim=1)), plain),
    "last_dim": (
        Cure("last_dim"), run(nn.LogSoftmax(dim=0), loss=F.nll_loss), run(nn.LogSoftmax(dim=1), loss=F.nll_loss),
    ),
    "same_shape": (Cure("same_shape"), mean_squares((-1,)), mean_squares((-1, 1))),
    "last_dim of attention": (Cure("last_dim"), attending(dim=-2), attending()),
    "causal": (Cure("causal"), attending(), attending(back=True)),
    "with_grad": (Cure("with_grad"), blocked(False), blocked(True)),
    "probabilities": (
        Cure("probabilities"),
        run(nn.Sigmoid(), loss=hot(F.binary_cross_entropy_with_logits)),
        run(nn.Sigmoid(), loss=hot(F.binary_cross_entropy)),
    ),
    "leaky": (
        Cure("leaky"), plain,
        lambda: train(model := nn.Sequential(*[
            nn.LeakyReLU(0.1) if isinstance(part, nn.ReLU) else part for part in net()
        ]), sgd(model)),
    ),
    "log_softmax": (Cure("log_softmax"), run(loss=F.nll_loss), plain),
    "standardize_inputs": (Cure("standardize_inputs"), run(x=100 * X + 7), run(x=standard(100 * X + 7))),
    "finite_inputs": (
        Cure("finite_inputs"),
        run(x=torch.where(X > 0.9, torch.nan, X)), run(x=torch.where(X > 0.9, 0.0, X)),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", EXACT)
def test_the_run_is_that_of_the_repaired_text(name):
    change, wrong, right = EXACT[name]
    recorder = Recorder(schedule=Schedule(thorough=True), find=True)
    with attached_to_all(recorder), changed([change], recorder):
        seen = wrong()
    assert not recorder.record.notes
    torch.testing.assert_close(seen, right(), rtol=1e-5, atol=1e-6)
    # without the intervention the two texts differ, and nothing of it is left behind
    after, healed = wrong(), right()
    assert any(not torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(after, healed))


def test_every_loader_draws_in_a_random_order():
    data = TensorDataset(torch.arange(50.0))
    recorder = Recorder()
    with changed([Cure("shuffle")], recorder):
        drawn = torch.cat([x for (x,) in DataLoader(data, batch_size=10)])
    assert not torch.equal(drawn, torch.arange(50.0))
    torch.testing.assert_close(drawn.sort().values, torch.arange(50.0))
    torch.testing.assert_close(torch.cat([x for (x,) in DataLoader(data, batch_size=10)]), torch.arange(50.0))


def test_attention_looks_back_only():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x, other = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    other[:, :3] = x[:, :3]
    with changed([Cure("causal")], Recorder()):
        seen = [attention(z, z, z, need_weights=False)[0][:, :3] for z in (x, other)]
    torch.testing.assert_close(*seen)
    plain = [attention(z, z, z, need_weights=False)[0][:, :3] for z in (x, other)]
    assert not torch.allclose(*plain)


def test_logarithms_are_kept_from_zero():
    with changed([Cure("guarded")], Recorder()):
        value = torch.log(torch.zeros(2)) + torch.zeros(2).sqrt() + 1 / torch.ones(2)
    assert bool(value.isfinite().all())


def test_targets_are_standardized_and_predictions_stay_in_their_units():
    torch.manual_seed(0)
    x = torch.randn(200, 3)
    y = 5000 + 300 * (x @ torch.tensor([1.0, -2.0, 0.5]))[:, None]
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = Recorder(schedule=Schedule(thorough=True), find=True)
    with attached_to_all(recorder), changed([Cure("standardize_targets")], recorder):
        for _ in range(200):
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            torch.testing.assert_close(model(x), y, rtol=1e-3, atol=1.0)
    assert float(loss.detach()) < 1e-4
    torch.testing.assert_close(model.bias.detach(), torch.zeros(1), rtol=0, atol=0.1)


def test_a_dropout_made_anew_drops_nothing_in_evaluation():
    class Forgetful(nn.Linear):
        def forward(self, x):
            return nn.Dropout(0.5)(super().forward(x))

    model = Forgetful(4, 3).eval()
    with changed([Cure("eval_mode")], Recorder()), torch.no_grad():
        torch.testing.assert_close(model(X), X @ model.weight.T + model.bias)
    with torch.no_grad():
        assert not torch.equal(model(X), model(X))


def test_an_assignment_to_a_row_makes_a_new_one_and_a_method_writes_as_ever():
    data = torch.zeros(3, 2)
    with changed([Cure("out_of_place")], Recorder()):
        row = data[0]
        row += 1
        torch.testing.assert_close(row, torch.ones(2))
        torch.testing.assert_close(data, torch.zeros(3, 2))
        data[0].add_(1)
    torch.testing.assert_close(data[0], torch.ones(2))


def test_a_module_that_is_left_out_is_so_on_every_line():
    model, file = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()), __file__
    line = test_a_module_that_is_left_out_is_so_on_every_line.__code__.co_firstlineno + 4
    with changed([Cure("identity", {"family": "sigmoid", "file": file, "line": line})], Recorder()):
        here = model(X)
        there = model(X)
        own = torch.sigmoid(X)
    torch.testing.assert_close(here, model[0](X))
    torch.testing.assert_close(there, here)
    torch.testing.assert_close(own, X.sigmoid())


def test_rare_classes_weigh_more():
    score, y = torch.zeros(4, 2), torch.tensor([0, 0, 0, 1])
    with changed([Cure("class_weights")], Recorder()):
        weighted = F.cross_entropy(score - torch.tensor([1.0, 0.0]), y)
    rare = F.cross_entropy(score - torch.tensor([1.0, 0.0]), y, weight=torch.tensor([4 / 6, 2.0]))
    torch.testing.assert_close(weighted, rare)


def test_an_unknown_intervention_is_refused_by_name():
    with (
        pytest.raises(ValueError, match="an intervention must be one of rate, adam"),
        changed([Cure("pray")], Recorder()),
    ):
        pass


def test_all_interventions_are_functions():
    assert all(callable(one) for one in INTERVENTIONS.values())
