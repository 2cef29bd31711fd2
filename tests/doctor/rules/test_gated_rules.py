"""Rules that speak only where the run does not learn, and those of the user's own functions."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.autograd import Function
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent))
from under import blobs, findings, fit, loud, mlp

SGD = torch.optim.SGD


def run(make_optimizer, *, make=mlp, epochs=10, **options):
    def program():
        model = make()
        before = options.pop("clip", None)
        fit(model, make_optimizer(model), epochs=epochs, before=before and (lambda: before(model)), **options)

    return findings(program)


def hard(examples=400):
    """Labels that ask for more than a line."""
    x = torch.randn(examples, 6)
    return x, (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] * x[:, 3] > 0).long()


@pytest.mark.parametrize(
    "loss",
    [
        lambda out, y: F.cross_entropy(out, y, reduction="sum"),
        lambda out, y: F.cross_entropy(out, y, reduction="none").sum(),
        lambda out, y: -(out.log_softmax(1)[torch.arange(len(y)), y]).sum(),
    ],
)
def test_a_summed_loss_that_fails(loss):
    found = run(lambda m: SGD(m.parameters(), lr=1.0, momentum=0.9), loss_fn=loss, data=hard())
    assert found["loss-reduction-sum"].severity == "warning"


def test_a_summed_loss_that_learns_or_is_divided():
    summed = lambda out, y: F.cross_entropy(out, y, reduction="sum")  # noqa: E731
    divided = lambda out, y: F.cross_entropy(out, y, reduction="sum") / len(y)  # noqa: E731
    assert not loud(run(lambda m: SGD(m.parameters(), lr=0.005), loss_fn=summed))
    assert "loss-reduction-sum" not in run(
        lambda m: SGD(m.parameters(), lr=50.0), loss_fn=divided, data=hard()
    )


@pytest.mark.parametrize(
    "clip",
    [
        lambda model: nn.utils.clip_grad_norm_(model.parameters(), 1e-4),
        lambda model: nn.utils.clip_grad_value_(model.parameters(), 1e-6),
    ],
)
def test_clipping_that_never_lets_go(clip):
    finding = run(lambda m: SGD(m.parameters(), lr=0.1), clip=clip)["clip-too-small"]
    assert finding.severity == "warning"
    assert finding.evidence["clipped_norm"] < 0.1 * finding.evidence["raw_norm"]


def test_clipping_that_is_healthy():
    hard_clip = lambda model: nn.utils.clip_grad_norm_(model.parameters(), 1e-3)  # noqa: E731
    soft_clip = lambda model: nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # noqa: E731

    def unscale(model):
        for p in model.parameters():
            p.grad /= 1024

    assert "clip-too-small" not in run(lambda m: torch.optim.Adam(m.parameters(), lr=1e-2), clip=hard_clip)
    assert "clip-too-small" not in run(lambda m: SGD(m.parameters(), lr=0.1), clip=soft_clip)
    scaled = lambda out, y: F.cross_entropy(out, y) * 1024  # noqa: E731
    assert "clip-too-small" not in run(lambda m: SGD(m.parameters(), lr=0.01), clip=unscale, loss_fn=scaled)


def test_a_high_momentum():
    found = run(lambda m: SGD(m.parameters(), lr=0.5, momentum=0.999), data=hard())
    assert found["momentum-too-high"].severity == "warning"
    torch.testing.assert_close(found["momentum-too-high"].evidence["steps_averaged"], 1000.0)
    found = run(lambda m: SGD(m.parameters(), lr=0.1, momentum=1.0), data=hard())
    assert found["momentum-too-high"].severity == "error"


def test_a_high_momentum_that_learns():
    assert not loud(run(lambda m: SGD(m.parameters(), lr=0.001, momentum=0.98)))


# ---------------------------------------------------------------- functions of the user's own


def function(forward, backward):
    class Own(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, grad):
            return backward(*ctx.saved_tensors, grad)

    return Own


def told(own, *, in_loss=False):
    def program():
        model = mlp(middle=() if in_loss else (Applied(own),))
        loss_fn = (lambda out, y: F.cross_entropy(own.apply(out), y)) if in_loss else None
        fit(model, torch.optim.Adam(model.parameters(), lr=1e-3), epochs=1, loss_fn=loss_fn)

    before = own.__dict__["forward"]
    found = findings(program).get("wrong-custom-gradient")
    assert own.__dict__["forward"] is before
    return found


class Applied(nn.Module):
    def __init__(self, own):
        super().__init__()
        self.own = own

    def forward(self, x):
        return self.own.apply(x)


WRONG = {
    "sign": function(torch.tanh, lambda x, g: -g * (1 - torch.tanh(x) ** 2)),
    "factor": function(lambda x: x**2, lambda x, g: g * x),
    "chain": function(torch.sin, lambda x, g: torch.cos(x)),
    "kink": function(lambda x: x.clamp_min(0), lambda x, g: g * (x < 0)),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("in_loss", [False, True])
def test_a_wrong_backward(name, in_loss):
    assert told(WRONG[name], in_loss=in_loss).severity == "error"


class NewStyle(Function):
    @staticmethod
    def forward(x):
        return torch.tanh(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad):
        return grad * (1 - ctx.saved_tensors[0])  # the square is missing


def test_a_wrong_backward_in_the_new_style():
    assert told(NewStyle).severity == "error"


HEALTHY = {
    "right": function(torch.tanh, lambda x, g: g * (1 - torch.tanh(x) ** 2)),
    "straight-through": function(torch.round, lambda x, g: g),
    "spike": function(lambda x: (x > 0).to(x.dtype), lambda x, g: g / (1 + x.abs()) ** 2),
    "reversal": function(lambda x: x.view_as(x), lambda x, g: -0.5 * g),
    "clipped": function(lambda x: x.clone(), lambda x, g: g.clamp(-0.01, 0.01)),
    "quantized": function(lambda x: torch.round(x * 4) / 4, lambda x, g: g),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_backward_that_is_right_or_meant(name):
    assert told(HEALTHY[name]) is None


def test_data_of_another_task_are_no_reason_to_speak():
    model_data = blobs()
    assert not loud(run(lambda m: torch.optim.Adam(m.parameters(), lr=1e-2), data=model_data))
