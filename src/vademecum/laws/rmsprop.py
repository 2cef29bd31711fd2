"""Laws of RMSProp, from the lecture's running mean of squares."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim import RMSprop

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
from ._suite import Build, Draw, Law, Pair, Suite, Twin


def by_the_lecture(x: list[float], gradient: Gradient, lr: float, alpha: float, eps: float) -> Path:
    c, path = [0.0] * len(x), []
    for t in range(STEPS):
        g = gradient(x, t)
        c = [alpha * c[i] + (1 - alpha) * g[i] ** 2 for i in range(len(x))]
        x = [x[i] - lr * g[i] / (c[i] ** 0.5 + eps) for i in range(len(x))]
        path.append(x)
    return path


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    problem, a = Problem(draw), draw.arguments
    want = by_the_lecture(problem.start.double().tolist(), problem.gradient, a["lr"], a["alpha"], a["eps"])
    yield walked(build, draw, problem), by(want)


def a_constant_gradient_steps_by_the_rate_in_the_end(build: Build, draw: Draw) -> Iterator[Pair]:
    """And by lr / sqrt(1 - alpha^t) on the way: the mean starts at 0."""
    lr, alpha = draw.arguments["lr"], draw.arguments["alpha"]
    steps = torch.arange(1, 301, dtype=torch.float64)
    yield constant(build, draw, 3.0, steps=300, eps=0.0), -lr / (1 - alpha**steps).sqrt()


class Variant(Rule):
    """RMSProp with one thing wrong."""

    def __init__(self, params: object, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})

    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        state["t"] = state.get("t", 0) + 1
        state["c"] = self.mean(state.get("c", torch.zeros_like(p)), g, group["alpha"])
        p.sub_(group["lr"] * g / self.scale(state["c"], group, state["t"]))

    def mean(self, c: Tensor, g: Tensor, alpha: float) -> Tensor:
        return alpha * c + (1 - alpha) * g.square()

    def scale(self, c: Tensor, group: dict, t: int) -> Tensor:
        return c.sqrt() + group["eps"]


class EpsInside(Variant):
    def scale(self, c: Tensor, group: dict, t: int) -> Tensor:
        return (c + group["eps"]).sqrt()


class NeverForgets(Variant):
    def mean(self, c: Tensor, g: Tensor, alpha: float) -> Tensor:
        return c + g.square()


class Swapped(Variant):
    def mean(self, c: Tensor, g: Tensor, alpha: float) -> Tensor:
        return (1 - alpha) * c + alpha * g.square()


class Corrected(Variant):
    def scale(self, c: Tensor, group: dict, t: int) -> Tensor:
        return (c / (1 - group["alpha"] ** t)).sqrt() + group["eps"]


class NoRoot(Variant):
    def scale(self, c: Tensor, group: dict, t: int) -> Tensor:
        return c + group["eps"]


SUITES = (
    Suite(
        technique="rmsprop",
        part="RMSprop",
        subjects={"RMSprop": RMSprop},
        interface=interface("lr", "alpha", "eps", alpha=0.99, eps=1e-8),
        cases=({"lr": 0.01, "alpha": 0.9, "eps": 1e-8}, {"lr": 0.05, "alpha": 0.75, "eps": 0.1}),
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("by_the_lecture", r"$$ c_t = \alpha c_{t-1} + (1 - \alpha) g_t^2, \quad x_t = x_{t-1} - \eta g_t / (\sqrt{c_t} + \epsilon) $$ over 100 steps.", equation, WALK),
            Law("a_constant_gradient_steps_by_the_rate_in_the_end", r"$$ |x_t - x_{t-1}| = \eta / \sqrt{1 - \alpha^t} $$", a_constant_gradient_steps_by_the_rate_in_the_end, {**ONE_STEP, **HELD}),
        ),
        twins=(
            Twin("eps_inside", EpsInside, "your eps is under the root, as in TensorFlow; here it is added to the root."),
            Twin("never_forgets", NeverForgets, "your sum never forgets: that is Adagrad."),
            Twin("swapped", Swapped, "alpha and 1 - alpha are swapped; alpha is what is kept."),
            Twin("corrected", Corrected, "you correct the start at 0; RMSProp does not, Adam does."),
            Twin("no_root", NoRoot, "you divide by the mean square; divide by its root."),
        ),
    ),
)  # fmt: skip
