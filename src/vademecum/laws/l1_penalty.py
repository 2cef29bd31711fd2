"""Laws of the L1 penalty and of its proximal step."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.regularize.l1_penalty import l1_penalty, prox_l1_

from ._proximal import (
    between,
    keeps_biases,
    of_nothing_is_nothing,
    of_weights,
    on_weights,
    reaches_the_minimum,
)
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import entries, gradients, perceptron


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    yield build(draw)(model), torch.tensor(sum(abs(w) for w in entries(model)), dtype=draw.dtype)


def pulls_with_one_force(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    for got, parameter in zip(gradients(build(draw)(model), model), model.parameters(), strict=True):
        yield got, parameter.sign() if parameter.dim() > 1 else torch.zeros_like(parameter)


def half_precision_does_not_overflow(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = nn.Linear(100, 10).to(draw.dtype)
    nn.init.constant_(layer.weight, -128.0)
    yield build(draw)(layer), torch.tensor(128_000.0)


def minimum(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from reaches_the_minimum(build(draw), draw, lambda w: abs(w))


def exact_zeros(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from between(build(draw), draw, lambda w: abs(w) <= 0.5)


def biases(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from keeps_biases(build(draw), draw)


def nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    yield from of_nothing_is_nothing(build(draw), draw)


def hard(w: Tensor, t: float) -> Tensor:
    return torch.where(w.abs() > t, w, 0.0)


def subgradient(w: Tensor, t: float) -> Tensor:
    return w - t * w.sign()


def one_sided(w: Tensor, t: float) -> Tensor:
    return (w - t).clamp_min(0.0)


def divides(w: Tensor, t: float) -> Tensor:
    return w / (1 + t)


def almost_zero(w: Tensor, t: float) -> Tensor:
    shrunk = nn.functional.softshrink(w, t)
    return torch.where(shrunk == 0, 1e-12, shrunk)


def biases_as_well(model: nn.Module, threshold: float, **_: Any) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(nn.functional.softshrink(parameter, threshold))


SUITES = (
    Suite(
        technique="l1_penalty",
        part="l1_penalty",
        subjects={"l1_penalty": l1_penalty},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("definition", r"$$ \Omega = \sum_i |w_i| $$", definition),
            Law("pulls_with_one_force", r"$$ \partial \Omega / \partial w_i = \operatorname{sign} w_i $$", pulls_with_one_force),
            Law("half_precision_does_not_overflow", "A sum beyond float16 is finite.", half_precision_does_not_overflow, {torch.float16: 1e-3}),
        ),
        twins=(
            Twin("signed", of_weights(lambda w: w.sum()), "your penalty adds weights with their signs, which cancel."),
            Twin("squares", of_weights(lambda w: w.square().sum() / 2), "your penalty adds squares: that is weight decay."),
            Twin("mean", of_weights(lambda w: w.abs().mean()), "your penalty is a mean over each weight; it is a sum."),
            Twin("detached", of_weights(lambda w: w.detach().abs().sum() + 0 * w.sum()), "your penalty has no gradient."),
            Twin("everything", lambda model: sum(p.abs().sum() for p in model.parameters()), "your penalty holds biases down as well."),
        ),
    ),
    Suite(
        technique="l1_penalty",
        part="prox_l1_",
        subjects={"prox_l1_": prox_l1_},
        interface=Interface(kind="function", inputs=("model", "threshold")),
        cases=({},),
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("reaches_the_minimum", r"$$ \operatorname{prox}(w) = \arg\min_v \tfrac12 (v - w)^2 + t |v| $$", minimum, {torch.float64: 1e-3}),
            Law("exact_zeros", "What lies within the threshold is 0, to the bit; nothing else is.", exact_zeros, EXACT),
            Law("keeps_biases", "Biases stay.", biases, EXACT),
            Law("of_nothing_is_nothing", "A threshold of 0 changes nothing.", nothing, EXACT),
        ),
        twins=(
            Twin("hard_threshold", on_weights(hard), "you set small weights to 0 and leave the others; they shrink by the threshold too."),
            Twin("subgradient", on_weights(subgradient), "your step passes 0 and comes out on the other side."),
            Twin("one_sided", on_weights(one_sided), "your negative weights all become 0."),
            Twin("divides", on_weights(divides), "you divide: that is the step of the squares."),
            Twin("almost_zero", on_weights(almost_zero), "your small weights are nearly 0 and not 0."),
            Twin("biases_as_well", biases_as_well, "you shrink biases as well."),
            Twin("does_nothing_small", on_weights(lambda w, t: hard(w, max(t, 1e-2))), "your threshold is never 0."),
        ),
    ),
)  # fmt: skip
