"""Laws of stochastic gradient descent, and of the form of momentum that torch's class has."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim import SGD

from ._optimizers import HELD, STEPS, WALK, Gradient, Path, Problem, Rule, by, interface, walked
from ._suite import Build, Draw, Law, Pair, Suite, Twin


def by_the_paper(x: list[float], gradient: Gradient, lr: float) -> Path:
    """Take lr g from x, coordinate by coordinate."""
    path: Path = []
    for t in range(STEPS):
        g = gradient(x, t)
        x = [x[i] - lr * g[i] for i in range(len(x))]
        path.append(x)
    return path


def with_momentum(x: list[float], gradient: Gradient, rates: list[float], mu: float, decay: float) -> Path:
    """Torch's form: decay into the gradient, the gradient into the sum, the rate on the sum."""
    b, path = [0.0] * len(x), []
    for t, rate in enumerate(rates):
        g = gradient(x, t)
        for i in range(len(x)):
            b[i] = mu * b[i] + (g[i] + decay * x[i])
        x = [x[i] - rate * b[i] for i in range(len(x))]
        path.append(x)
    return path


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    problem = Problem(draw)
    got = walked(build, draw, problem, momentum=0.0, weight_decay=0.0)
    yield got, by(by_the_paper(problem.start.double().tolist(), problem.gradient, draw.arguments["lr"]))


def a_quadratic_shrinks_by_one_factor(build: Build, draw: Draw) -> Iterator[Pair]:
    """Also at twice the bound of the rate, where the factor is below -1."""
    lr = draw.arguments["lr"]
    for curvature in (0.5 / lr, 2.05 / lr):
        problem = Problem(draw)
        problem.gradient = lambda x, t, c=curvature: [c * value for value in x]
        got = walked(build, draw, problem, momentum=0.0, weight_decay=0.0)
        factors = torch.tensor([(1 - lr * curvature) ** (t + 1) for t in range(STEPS)], dtype=torch.float64)
        yield got, factors[:, None] * problem.start.double()


def the_rate_stands_outside_the_velocity(build: Build, draw: Draw) -> Iterator[Pair]:
    problem, a = Problem(draw), draw.arguments
    rates = [a["lr"]] * (STEPS // 2) + [a["lr"] / 10] * (STEPS - STEPS // 2)
    want = with_momentum(
        problem.start.double().tolist(), problem.gradient, rates, a["momentum"], a["weight_decay"]
    )
    yield walked(build, draw, problem, rates=rates), by(want)


class Variant(Rule):
    """Torch's form with one thing wrong."""

    def __init__(
        self, params: object, lr: float = 1e-3, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        g = g + group["weight_decay"] * p
        state["b"] = group["momentum"] * state.get("b", torch.zeros_like(p)) + self.share(group, state) * g
        p.sub_(group["lr"] * state["b"])

    def share(self, group: dict, state: dict) -> float:
        return 1.0


class Climbs(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        super().update(p, -g, state, group)


class Damped(Variant):
    def share(self, group: dict, state: dict) -> float:
        return 1 - group["momentum"]


class Signs(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        super().update(p, g.sign(), state, group)


class DecayBeside(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        p.mul_(1 - group["lr"] * group["weight_decay"])
        super().update(p, g, state, {**group, "weight_decay": 0.0})


class RateInside(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        g = g + group["weight_decay"] * p
        state["v"] = group["momentum"] * state.get("v", torch.zeros_like(p)) - group["lr"] * g
        p.add_(state["v"])


SUITES = (
    Suite(
        technique="sgd",
        part="SGD",
        subjects={"SGD": SGD},
        interface=interface("lr", "momentum", "weight_decay", momentum=0.0, weight_decay=0.0),
        cases=(
            {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.0},
            {"lr": 0.3, "momentum": 0.5, "weight_decay": 0.0},
            {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
        ),
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("by_the_paper", r"$$ x_{t+1} = x_t - \eta g_t $$ over 100 steps.", equation, WALK),
            Law("a_quadratic_shrinks_by_one_factor", r"$$ x_t = (1 - \eta \lambda)^t x_0 $$ and so grows where eta > 2 / lambda.", a_quadratic_shrinks_by_one_factor, HELD),
            Law("the_rate_stands_outside_the_velocity", r"$$ b_{t+1} = \mu b_t + (g_t + w x_t), \quad x_{t+1} = x_t - \eta_t b_{t+1} $$: torch's form, through a drop of the rate.", the_rate_stands_outside_the_velocity, WALK),
        ),
        twins=(
            Twin("climbs", Climbs, "your step goes with the gradient; go against it."),
            Twin("signs", Signs, "your step takes the sign of the gradient and forgets its length."),
            Twin("damped", Damped, "you multiply the gradient by 1 - momentum; torch's default has no dampening."),
            Twin("decay_beside", DecayBeside, "your weight decay goes past the velocity; torch adds it to the gradient before."),
            Twin("rate_inside", RateInside, "your rate is inside the velocity, which then survives a drop of the rate; in torch it is outside."),
        ),
    ),
)  # fmt: skip
