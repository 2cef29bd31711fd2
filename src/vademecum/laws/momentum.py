"""Laws of momentum in the classical form, from Sutskever's Eq. 1 and 2."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim import SGD

from vademecum.optim.momentum import VelocitySGD

from ._optimizers import (
    HELD,
    STEPS,
    WALK,
    Gradient,
    Path,
    Problem,
    Rule,
    by,
    constant,
    cut,
    give,
    interface,
    interrupted,
    joined,
    walked,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def by_the_paper(x: list[float], gradient: Gradient, rates: list[float], mu: float, decay: float) -> Path:
    """The velocity mu v - lr g, then x + v; AlexNet's decay stands with the gradient."""
    v, path = [0.0] * len(x), []
    for t, rate in enumerate(rates):
        g = gradient(x, t)
        v = [mu * v[i] - rate * (g[i] + decay * x[i]) for i in range(len(x))]
        x = [x[i] + v[i] for i in range(len(x))]
        path.append(x)
    return path


def changing(lr: float) -> list[float]:
    """Rates that rise, fall tenfold, are 0 for a while, and come back."""
    return [
        *[lr * (t + 1) / 20 for t in range(20)], *[lr] * 20, *[lr / 10] * 20, *[0.0] * 5, *[lr / 2] * (STEPS - 65),
    ]  # fmt: skip


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    problem, a = Problem(draw), draw.arguments
    for rates in ([a["lr"]] * STEPS, changing(a["lr"])):
        want = by_the_paper(
            problem.start.double().tolist(), problem.gradient, rates, a["momentum"], a["weight_decay"]
        )
        yield walked(build, draw, problem, rates=rates), by(want)


def torch_at_a_constant_rate(build: Build, draw: Draw) -> Iterator[Pair]:
    problem, a = Problem(draw), draw.arguments
    params = cut(problem.start)
    theirs = SGD(params, lr=a["lr"], momentum=a["momentum"], weight_decay=a["weight_decay"])
    want = []
    for t in range(STEPS):
        give(params, problem.gradient(joined(params).tolist(), t))
        theirs.step()
        want.append(joined(params))
    yield walked(build, draw, problem), torch.stack(want)


def a_constant_gradient_adds_up(build: Build, draw: Draw) -> Iterator[Pair]:
    lr, mu = draw.arguments["lr"], draw.arguments["momentum"]
    steps = constant(build, draw, 2.0, steps=400, weight_decay=0.0)
    yield steps[-1], torch.tensor(-2.0 * lr / (1 - mu), dtype=torch.float64)


def a_momentum_of_zero_starts_a_velocity(build: Build, draw: Draw) -> Iterator[Pair]:
    """The step without momentum is the velocity that the next one keeps a share of."""
    params = cut(torch.zeros(1, dtype=draw.dtype))
    optimizer = build(draw, params=params, momentum=0.0, weight_decay=0.0).object
    places = []
    for momentum in (0.0, 0.0, 0.5):
        optimizer.param_groups[0]["momentum"] = momentum
        give(params, [1.0])
        optimizer.step()
        places.append(joined(params))
    yield torch.cat(places), -draw.arguments["lr"] * torch.tensor([1.0, 2.0, 3.5], dtype=torch.float64)


def a_checkpoint_goes_on(build: Build, draw: Draw) -> Iterator[Pair]:
    problem = Problem(draw)
    rates = changing(draw.arguments["lr"])
    yield interrupted(build, draw, problem, rates=rates), walked(build, draw, problem, rates=rates)


class Variant(Rule):
    """The classical form with one thing wrong."""

    def __init__(self, params: object, lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        g = g + group["weight_decay"] * p
        v = state.get("v", torch.zeros_like(p))
        state["v"] = group["momentum"] * v - group["lr"] * self.share(group) * g
        self.move(p, v, state["v"], group)

    def share(self, group: dict) -> float:
        return 1.0

    def move(self, p: Tensor, before: Tensor, v: Tensor, group: dict) -> None:
        p.add_(v)


class RateOutside(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        g = g + group["weight_decay"] * p
        state["b"] = group["momentum"] * state.get("b", torch.zeros_like(p)) + g
        p.sub_(group["lr"] * state["b"])


class Damped(Variant):
    def share(self, group: dict) -> float:
        return 1 - group["momentum"]


class LooksAhead(Variant):
    def move(self, p: Tensor, before: Tensor, v: Tensor, group: dict) -> None:
        p.add_((1 + group["momentum"]) * v - group["momentum"] * before)


class DecayBeside(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        p.mul_(1 - group["lr"] * group["weight_decay"])
        super().update(p, g, state, {**group, "weight_decay": 0.0})


class StandsAtZero(Variant):
    def update(self, p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        if group["lr"]:
            super().update(p, g, state, group)


class KeepsNothingAtZero(SGD):
    """Torch: without momentum no velocity is kept, so the next step has none."""

    def __init__(self, params: object, lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(params, lr, momentum=momentum, weight_decay=weight_decay)


class StateIsLost(VelocitySGD):
    def load_state_dict(self, state_dict: dict) -> None:
        super().load_state_dict({**state_dict, "state": {}})


SUITES = (
    Suite(
        technique="momentum",
        part="VelocitySGD",
        subjects={"VelocitySGD": VelocitySGD},
        interface=interface("lr", "momentum", "weight_decay", momentum=0.9, weight_decay=0.0),
        cases=(
            {"lr": 0.3, "momentum": 0.5, "weight_decay": 0.0},
            {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
        ),
        shapes=lambda a: ((1,), (5,)),
        laws=(
            Law("by_the_paper", r"$$ v_{t+1} = \mu v_t - \eta_t g_t, \quad x_{t+1} = x_t + v_{t+1} $$ through rates that change.", equation, WALK),
            Law("torch_at_a_constant_rate", "While the rate is constant it is torch's SGD with momentum.", torch_at_a_constant_rate, HELD),
            Law("a_constant_gradient_adds_up", r"$$ v \to -\eta g / (1 - \mu) $$", a_constant_gradient_adds_up, HELD),
            Law("a_momentum_of_zero_starts_a_velocity", "A step without momentum leaves a velocity to the next.", a_momentum_of_zero_starts_a_velocity, HELD),
            Law("a_checkpoint_goes_on", "From a saved state it goes on as if it had not been stopped.", a_checkpoint_goes_on, EXACT),
        ),
        twins=(
            Twin("rate_outside", RateOutside, "your rate is outside the velocity, as in torch: a drop of the rate then cuts the whole velocity."),
            Twin("damped", Damped, "you multiply the gradient by 1 - momentum; the classical form does not."),
            Twin("looks_ahead", LooksAhead, "your parameters are at the look-ahead point: that is Nesterov's method."),
            Twin("decay_beside", DecayBeside, "your weight decay goes past the velocity; here it stands with the gradient."),
            Twin("stands_at_zero", StandsAtZero, "at a rate of 0 nothing moves; the velocity should go on."),
            Twin("keeps_nothing_at_zero", KeepsNothingAtZero, "a step at a momentum of 0 leaves no velocity to the next."),
            Twin("state_is_lost", StateIsLost, "a loaded state forgets the velocity."),
        ),
    ),
)  # fmt: skip
