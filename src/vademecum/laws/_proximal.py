"""What the laws of penalties with a proximal step share."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ._suite import Draw, Pair
from ._weights import perceptron, weights

THRESHOLD = 0.5
Step = Callable[..., None]


def of_weights(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """A twin of a penalty: a sum of something over the weights."""

    def penalty(model: nn.Module, **_: Any) -> Tensor:
        return sum((function(weight) for weight in weights(model)), torch.zeros(()))

    return penalty


def on_weights(function: Callable[..., Tensor]) -> Step:
    """A twin of a proximal step: something done to each weight."""

    def step(model: nn.Module, threshold: float, **keywords: Any) -> None:
        with torch.no_grad():
            for weight in weights(model):
                weight.copy_(function(weight, threshold, **keywords))

    return step


def reaches_the_minimum(step: Step, draw: Draw, penalty: Callable[[float], float]) -> Iterator[Pair]:
    """On a grid of candidates, none is better: argmin over v of (v - w)^2 / 2 + t penalty(v)."""
    model = perceptron(draw)
    before = [weight.detach().clone() for weight in weights(model)]
    step(model, THRESHOLD)
    grid = torch.linspace(-4.0, 4.0, 8001, dtype=torch.float64).tolist()
    costs = torch.tensor([THRESHOLD * penalty(v) for v in grid], dtype=torch.float64)
    line = torch.tensor(grid, dtype=torch.float64)
    for after, old in zip(weights(model), before, strict=True):
        best = [line[((line - w).square() / 2 + costs).argmin()] for w in old.flatten().tolist()]
        yield after, torch.stack(best).reshape(old.shape)


def between(step: Step, draw: Draw, vanishes: Callable[[float], bool]) -> Iterator[Pair]:
    """Which entries are exactly 0 afterwards."""
    model = perceptron(draw)
    want = [[float(vanishes(w)) for w in weight.flatten().tolist()] for weight in weights(model)]
    step(model, THRESHOLD)
    for weight, zeros in zip(weights(model), want, strict=True):
        yield (weight == 0).double().flatten(), torch.tensor(zeros, dtype=torch.float64)


def keeps_biases(step: Step, draw: Draw) -> Iterator[Pair]:
    """What has one dimension is as before."""
    model = perceptron(draw)
    before = [p.detach().clone() for p in model.parameters() if p.dim() == 1]
    step(model, THRESHOLD)
    yield from zip([p for p in model.parameters() if p.dim() == 1], before, strict=True)


def of_nothing_is_nothing(step: Step, draw: Draw) -> Iterator[Pair]:
    """A threshold of 0."""
    model = perceptron(draw)
    before = [p.detach().clone() + 0.0 for p in model.parameters()]
    with torch.no_grad():
        before[0][0, 0] = 1e-3
        next(model.parameters())[0, 0] = 1e-3
    step(model, 0.0)
    yield from zip(model.parameters(), before, strict=True)
