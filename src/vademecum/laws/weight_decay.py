"""Laws of weight decay: half the squares, and what descent makes of them."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.regularize.decay_groups import decay_groups
from vademecum.regularize.weight_decay import l2_penalty

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import entries, gradients, perceptron, weights

STEPS, RATE, STRENGTH = 5, 0.1, 0.3


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    yield build(draw)(model), torch.tensor(sum(w * w for w in entries(model)) / 2, dtype=draw.dtype)


def pulls_each_weight_to_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    for got, parameter in zip(gradients(build(draw)(model), model), model.parameters(), strict=True):
        yield got, parameter if parameter.dim() > 1 else torch.zeros_like(parameter)


def descend(
    model: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[nn.Module], Tensor]
) -> list[Tensor]:
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    return list(model.parameters())


def is_the_decay_of_sgd(build: Build, draw: Draw) -> Iterator[Pair]:
    x, model = draw.normal(), perceptron(draw)
    penalty, other = build(draw), deepcopy(model)
    got = descend(
        model,
        torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9),
        lambda m: m(x).square().mean() + STRENGTH * penalty(m),
    )
    want = descend(
        other,
        torch.optim.SGD(decay_groups(other, STRENGTH), lr=RATE, momentum=0.9),
        lambda m: m(x).square().mean(),
    )
    yield from zip(got, want, strict=True)


def is_shrinkage_beside_the_step(build: Build, draw: Draw) -> Iterator[Pair]:
    x, model = draw.normal(), perceptron(draw)
    penalty, other = build(draw), deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    got = descend(model, optimizer, lambda m: m(x).square().mean() + STRENGTH * penalty(m))
    for _ in range(STEPS):
        slopes = gradients(other(x).square().mean(), other)
        with torch.no_grad():
            for parameter, slope in zip(other.parameters(), slopes, strict=True):
                shrink = 1 - RATE * STRENGTH if parameter.dim() > 1 else 1.0
                parameter.copy_(shrink * parameter - RATE * slope)
    yield from zip(got, list(other.parameters()), strict=True)


def half_precision_does_not_overflow(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = nn.Linear(100, 10).to(draw.dtype)
    nn.init.constant_(layer.weight, 16.0)
    yield build(draw)(layer), torch.tensor(1000 * 256 / 2)


def of(function: Callable[[list[Tensor]], Tensor]) -> Callable[..., Tensor]:
    def penalty(model: nn.Module, **_: Any) -> Tensor:
        return function(weights(model))

    return penalty


SUITES = (
    Suite(
        technique="weight_decay",
        part="l2_penalty",
        subjects={"l2_penalty": l2_penalty},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("definition", r"$$ \Omega = \tfrac12 \sum_i w_i^2 $$", definition),
            Law("pulls_each_weight_to_zero", r"$$ \partial \Omega / \partial w_i = w_i $$", pulls_each_weight_to_zero),
            Law("is_the_decay_of_sgd", "Beside SGD with momentum it is the optimizer's weight_decay.", is_the_decay_of_sgd),
            Law("is_shrinkage_beside_the_step", r"$$ w \leftarrow (1 - \eta \lambda) w - \eta \nabla L $$", is_shrinkage_beside_the_step),
            Law("half_precision_does_not_overflow", "A sum of squares beyond float16 is finite.", half_precision_does_not_overflow, {torch.float16: 1e-3}),
        ),
        twins=(
            Twin("without_half", of(lambda ws: sum(w.square().sum() for w in ws)), "your penalty lacks the half: it is twice as strong as torch's weight_decay."),
            Twin("length", of(lambda ws: sum(w.square().sum() for w in ws).sqrt() / 2), "your penalty is a length; weight decay is half its square."),
            Twin("mean", of(lambda ws: sum(w.square().mean() for w in ws) / 2), "your penalty is a mean over each weight; it is a sum."),
            Twin("absolute", of(lambda ws: sum(w.abs().sum() for w in ws) / 2), "your penalty adds absolute values: that is L1."),
            Twin("detached", of(lambda ws: sum(w.detach().square().sum() for w in ws) / 2 + 0 * sum(w.sum() for w in ws)), "your penalty has no gradient."),
            Twin("everything", lambda model: sum(p.square().sum() for p in model.parameters()) / 2, "your penalty holds biases down as well."),
            Twin("in_the_weights_precision", of(lambda ws: sum((w.square().sum() for w in ws), torch.zeros((), dtype=ws[0].dtype)) / 2), "your sum runs in the weights' precision; float16 ends at 65504."),
        ),
    ),
)  # fmt: skip
