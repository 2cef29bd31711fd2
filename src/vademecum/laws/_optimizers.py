"""What the laws of the optimizers share: a noisy problem, the walk of an optimizer over it, and a frame for twins."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from ._suite import Build, Draw, Interface

STEPS = 100
WALK = {torch.float64: 1e-12, torch.float32: 1e-4}
"""Allowed after a hundred steps; in float32 the roundings add up."""
ONE_STEP = {torch.float64: 1e-12, torch.float32: 1e-5}
HELD = {torch.float64: 1e-12}

Gradient = Callable[[list[float], int], list[float]]
Path = list[list[float]]


def interface(*arguments: str, **defaults: object) -> Interface:
    """An optimizer: built with params and arguments; not called itself."""
    aliases = {
        "params": ("parameters",),
        "lr": ("learning_rate", "eta", "step_size"),
        "alpha": ("decay", "rho"),
        "eps": ("epsilon",),
    }
    return Interface("module", arguments, ("closure",), defaults=defaults, aliases=aliases)


class Problem:
    """Coupled quadratics whose minimum jumps from step to step; gradients in plain floats.

    Attributes:
        start: (n,) where all walks begin.
    """

    def __init__(self, draw: Draw, steps: int = STEPS) -> None:
        (n,) = draw.shape
        self.start = draw.normal(name="start")
        self._a = draw.uniform(low=0.5, high=1.5, name="curvature").tolist()
        self._b = draw.normal(steps, n, name="noise").tolist()

    def gradient(self, x: list[float], t: int) -> list[float]:
        """Of step t at x."""
        n = len(x)
        return [self._a[i] * x[i] + 0.3 * x[(i + 1) % n] - self._b[t][i] for i in range(n)]


def cut(x: Tensor) -> list[Tensor]:
    """The parameters: a vector, and a matrix of what is left, if anything is."""
    if len(x) == 1:
        return [x.clone().requires_grad_()]
    return [x[:1].clone().requires_grad_(), x[1:].clone().reshape(-1, 1).requires_grad_()]


def joined(params: Sequence[Tensor]) -> Tensor:
    return torch.cat([p.detach().flatten() for p in params])


def give(params: Sequence[Tensor], gradient: Sequence[float]) -> None:
    """Put a flat gradient into the parameters."""
    flat = torch.tensor(gradient, dtype=torch.float64).to(params[0].dtype)
    for p, part in zip(params, flat.split([p.numel() for p in params]), strict=True):
        p.grad = part.reshape(p.shape).clone()


def walk(
    params: Sequence[Tensor],
    optimizer: Optimizer,
    gradient: Gradient,
    *,
    steps: int = STEPS,
    rates: Sequence[float] | None = None,
    first: int = 0,
) -> Iterator[Tensor]:
    """Where the parameters are after each step; the rates are set before."""
    for t in range(first, first + steps):
        if rates is not None:
            for group in optimizer.param_groups:
                group["lr"] = rates[t]
        give(params, gradient(joined(params).double().tolist(), t))
        optimizer.step()
        yield joined(params)


def walked(
    build: Build, draw: Draw, problem: Problem, *, rates: Sequence[float] | None = None, **changed: object
) -> Tensor:
    """(steps, n) places of the optimizer under test."""
    params = cut(problem.start)
    optimizer = build(draw, params=params, **changed).object
    return torch.stack(list(walk(params, optimizer, problem.gradient, rates=rates)))


def by(path: Path) -> Tensor:
    return torch.tensor(path, dtype=torch.float64)


def constant(build: Build, draw: Draw, gradient: float, *, steps: int, **changed: object) -> Tensor:
    """(steps,) lengths of the steps under a gradient that does not change, from 0."""
    params = cut(torch.zeros(1, dtype=draw.dtype))
    optimizer = build(draw, params=params, **changed).object
    places = list(walk(params, optimizer, lambda x, t: [gradient], steps=steps))
    return torch.cat([torch.zeros(1, dtype=draw.dtype), *places]).diff()


def interrupted(
    build: Build, draw: Draw, problem: Problem, *, rates: Sequence[float] | None = None
) -> Tensor:
    """(steps, n) places of an optimizer that is saved half-way and goes on as another object."""
    params, half = cut(problem.start), STEPS // 2
    first = build(draw, params=params).object
    places = list(walk(params, first, problem.gradient, rates=rates, steps=half))
    second = build(draw, params=params).object
    second.load_state_dict(first.state_dict())
    places += walk(params, second, problem.gradient, rates=rates, steps=STEPS - half, first=half)
    return torch.stack(places)


class Rule(Optimizer):
    """A frame for twins: one update for each parameter."""

    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: object = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                self.update(p, p.grad, self.state[p], group)
