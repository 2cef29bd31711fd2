"""Laws of Adagrad, from the update with the diagonal matrix."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim import Adagrad

from ._optimizers import (
    HELD,
    ONE_STEP,
    STEPS,
    WALK,
    Gradient,
    Path,
    Problem,
    Rule,
    by,
    constant,
    interface,
    walked,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def by_the_paper(x: list[float], gradient: Gradient, lr: float, eps: float) -> Path:
    c, path = [0.0] * len(x), []
    for t in range(STEPS):
        g = gradient(x, t)
        c = [c[i] + g[i] ** 2 for i in range(len(x))]
        x = [x[i] - lr * g[i] / (c[i] ** 0.5 + eps) for i in range(len(x))]
        path.append(x)
    return path


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    problem, a = Problem(draw), draw.arguments
    want = by_the_paper(problem.start.double().tolist(), problem.gradient, a["lr"], a["eps"])
    yield walked(build, draw, problem), by(want)


def a_constant_gradient_slows_by_the_root(build: Build, draw: Draw) -> Iterator[Pair]:
    got = constant(build, draw, 3.0, steps=50, eps=0.0)
    yield got, -draw.arguments["lr"] / torch.arange(1, 51, dtype=torch.float64).sqrt()


def a_coordinate_at_rest_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    yield constant(build, draw, 0.0, steps=3), torch.zeros(3, dtype=draw.dtype)


class Variant(Rule):
    """Adagrad with one thing wrong."""

    def __init__(self, params: object, lr: float = 1e-2, eps: float = 1e-10) -> None:
        super().__init__(params, {"lr": lr, "eps": eps})

    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        before = state.get("c", torch.zeros_like(p))
        state["c"] = self.summed(before, g)
        p.sub_(group["lr"] * g / self.scale(before, state["c"], group["eps"]))

    def summed(self, c: Tensor, g: Tensor) -> Tensor:
        return c + g.square()

    def scale(self, before: Tensor, c: Tensor, eps: float) -> Tensor:
        return c.sqrt() + eps


class EpsInside(Variant):
    def scale(self, before: Tensor, c: Tensor, eps: float) -> Tensor:
        return (c + eps).sqrt()


class NoRoot(Variant):
    def scale(self, before: Tensor, c: Tensor, eps: float) -> Tensor:
        return c + eps


class Leaks(Variant):
    def summed(self, c: Tensor, g: Tensor) -> Tensor:
        return 0.9 * c + g.square()


class SumOfLengths(Variant):
    def summed(self, c: Tensor, g: Tensor) -> Tensor:
        return (c.sqrt() + g.abs()).square()


class StepBehind(Variant):
    def scale(self, before: Tensor, c: Tensor, eps: float) -> Tensor:
        return before.sqrt() + eps


class DividesByZero(Variant):
    def scale(self, before: Tensor, c: Tensor, eps: float) -> Tensor:
        return c.sqrt()


SUITES = (
    Suite(
        technique="adagrad",
        part="Adagrad",
        subjects={"Adagrad": Adagrad},
        interface=interface("lr", "eps", eps=1e-10),
        cases=({"lr": 0.1, "eps": 1e-8}, {"lr": 0.5, "eps": 0.1}),
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("by_the_paper", r"$$ c_t = c_{t-1} + g_t^2, \quad x_t = x_{t-1} - \eta g_t / (\sqrt{c_t} + \epsilon) $$ over 100 steps.", equation, WALK),
            Law("a_constant_gradient_slows_by_the_root", r"$$ |x_t - x_{t-1}| = \eta / \sqrt t $$ whatever the gradient's length.", a_constant_gradient_slows_by_the_root, {**ONE_STEP, **HELD}),
            Law("a_coordinate_at_rest_stays", "A gradient of 0 from the start moves nothing.", a_coordinate_at_rest_stays, EXACT),
        ),
        twins=(
            Twin("eps_inside", EpsInside, "your eps is under the root; it is added to the root."),
            Twin("no_root", NoRoot, "you divide by the sum of squares; divide by its root."),
            Twin("leaks", Leaks, "your sum forgets: that is RMSProp."),
            Twin("sum_of_lengths", SumOfLengths, "you sum lengths; sum squares, and take the root of the sum."),
            Twin("step_behind", StepBehind, "you divide by the sum before this gradient; it counts too."),
            Twin("divides_by_zero", DividesByZero, "without eps a coordinate at rest becomes NaN."),
        ),
    ),
)  # fmt: skip
