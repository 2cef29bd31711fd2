"""Laws of the momentum schedules: their closed forms, and what a schedule does to an optimizer."""

from collections.abc import Callable, Iterator
from math import floor, log2

import torch
from torch import Tensor

from vademecum.optim.momentum_schedule import (
    MomentumSchedule,
    demon,
    linear_momentum,
    one_cycle_momentum,
    sutskever_momentum,
)

from ._schedules import CLOSED, column, interface, one, values
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

Schedule = Callable[[int], float]


def demon_by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    b, T = draw.arguments["momentum"], draw.arguments["total_steps"]
    want = [b * (1 - t / T) / ((1 - b) + b * (1 - t / T)) for t in range(T + 1)]
    yield values(build, draw, range(T + 1)), column(want)


def the_weight_of_a_gradient_falls_along_a_line(build: Build, draw: Draw) -> Iterator[Pair]:
    """The sum of all later shares of one gradient, beta / (1 - beta), is what Demon decays."""
    b, T = draw.arguments["momentum"], draw.arguments["total_steps"]
    beta = values(build, draw, range(T + 1))
    yield beta / (1 - beta), column(b / (1 - b) * (1 - t / T) for t in range(T + 1))


def straight_demon(total_steps: int, momentum: float = 0.9) -> Schedule:
    return linear_momentum(total_steps, start=momentum, end=0.0)


def stops_half_way(total_steps: int, momentum: float = 0.9) -> Schedule:
    return demon(2 * total_steps, momentum=momentum)


def sutskever_by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    a, want = draw.arguments, []
    for t in range(a["total_steps"]):
        mu = min(1 - 2 ** (-1 - log2(floor(t / a["period"]) + 1)), a["maximum"])
        want.append(0.9 if t >= a["total_steps"] - a["last"] else mu)
    yield values(build, draw, range(a["total_steps"])), column(want)


def the_first_values(build: Build, draw: Draw) -> Iterator[Pair]:
    """1/2, 3/4, 5/6, 7/8 ... : 1 - 1/(2n) in the n-th period, up to the maximum."""
    a = draw.arguments
    got = values(build, draw, [n * a["period"] for n in range(4)])
    yield got, column(min(1 - 1 / (2 * n), a["maximum"]) for n in range(1, 5))


def doubles(total_steps: int, maximum: float = 0.99, period: int = 250, last: int = 1000) -> Schedule:
    inner = sutskever_momentum(total_steps, maximum=maximum, period=period, last=last)
    return lambda t: inner(t) if t >= total_steps - last else min(1 - 2.0 ** (-1 - t // period), maximum)


def no_maximum(total_steps: int, maximum: float = 0.99, period: int = 250, last: int = 1000) -> Schedule:
    return sutskever_momentum(total_steps, maximum=0.9999, period=period, last=last)


def never_lowers(total_steps: int, maximum: float = 0.99, period: int = 250, last: int = 1000) -> Schedule:
    return sutskever_momentum(total_steps, maximum=maximum, period=period, last=0)


def against_the_rate(build: Build, draw: Draw) -> Iterator[Pair]:
    """Along lines through (0, high), (p T, low), (T, high)."""
    a = draw.arguments
    T, p, want = a["total_steps"], a["pct_start"], []
    for t in range(T + 1):
        if t < p * T:
            want.append(a["high"] + (a["low"] - a["high"]) * t / (p * T))
        else:
            want.append(a["low"] + (a["high"] - a["low"]) * (t - p * T) / (T - p * T))
    yield values(build, draw, range(T + 1)), column(want)


def with_the_rate(
    total_steps: int, pct_start: float = 0.3, high: float = 0.95, low: float = 0.85
) -> Schedule:
    return one_cycle_momentum(total_steps, pct_start=pct_start, high=low, low=high)


def even(total_steps: int, pct_start: float = 0.3, high: float = 0.95, low: float = 0.85) -> Schedule:
    return one_cycle_momentum(total_steps, pct_start=0.5, high=high, low=low)


def momenta(build: Build, draw: Draw, kind: str, **changed: object) -> tuple[Tensor, Tensor]:
    """The momentum and the rate of an optimizer before each of 11 steps."""
    x = [torch.zeros(1)]
    optimizer = torch.optim.SGD(x, lr=0.1, momentum=0.3) if kind == "SGD" else torch.optim.Adam(x, lr=0.1)
    schedule = build(
        draw, optimizer=optimizer, schedule=linear_momentum(10, start=0.9, end=0.5), **changed
    ).object
    seen = []
    for _ in range(11):
        group = optimizer.param_groups[0]
        seen.append([group["momentum"] if kind == "SGD" else group["betas"][0], group["lr"]])
        optimizer.step()
        schedule.step()
    both = torch.tensor(seen, dtype=torch.float64)
    return both[:, 0], both[:, 1]


def the_momentum_of_each_step(build: Build, draw: Draw) -> Iterator[Pair]:
    want = column(0.9 - 0.4 * t / 10 for t in range(11))
    for kind in ("SGD", "Adam"):
        yield momenta(build, draw, kind)[0], want


def the_rate_follows_if_asked(build: Build, draw: Draw) -> Iterator[Pair]:
    mu, lr = momenta(build, draw, "SGD", rescale_lr=True)
    yield lr / (1 - mu), column(1.0 for _ in mu)
    yield momenta(build, draw, "SGD", rescale_lr=False)[1], column(0.1 for _ in mu)


def a_checkpoint_goes_on(build: Build, draw: Draw) -> Iterator[Pair]:
    rates = []
    for resumed in (False, True):
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.3)
        line = linear_momentum(10, start=0.9, end=0.5)
        schedule = build(draw, optimizer=optimizer, schedule=line, rescale_lr=True).object
        for step in range(8):
            if resumed and step == 4:
                state = schedule.state_dict()
                schedule = build(draw, optimizer=optimizer, schedule=line, rescale_lr=True).object
                schedule.load_state_dict(state)
            optimizer.step()
            schedule.step()
        rates += [[optimizer.param_groups[0]["momentum"], optimizer.param_groups[0]["lr"]]]
    yield column(rates[1]), column(rates[0])


class OneStepBehind(MomentumSchedule):
    def step(self) -> None:
        self._set()
        self.last_step += 1


class SecondBeta(MomentumSchedule):
    def _set(self) -> None:
        before = [dict(group) for group in self.optimizer.param_groups]
        super()._set()
        for group, old in zip(self.optimizer.param_groups, before, strict=True):
            if "betas" in group:
                group["betas"] = (old["betas"][0], group["betas"][0])


class RateStays(MomentumSchedule):
    def __init__(self, optimizer: object, schedule: Schedule, rescale_lr: bool = False) -> None:
        super().__init__(optimizer, schedule)


class StartsAnew(MomentumSchedule):
    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict({**state, "last_step": 0})


SUITES = (
    Suite(
        technique="momentum_schedule",
        part="demon",
        subjects={"demon": demon},
        interface=interface("total_steps", "momentum", momentum=0.9),
        cases=({"total_steps": 10, "momentum": 0.9}, {"total_steps": 33, "momentum": 0.5}),
        shapes=one,
        laws=(
            Law("by_the_paper", r"$$ \beta_t = \beta_0 (1 - t/T) / ((1 - \beta_0) + \beta_0 (1 - t/T)) $$", demon_by_the_paper, CLOSED),
            Law("the_weight_of_a_gradient_falls_along_a_line", r"$$ \beta_t / (1 - \beta_t) = (1 - t/T) \beta_0 / (1 - \beta_0) $$", the_weight_of_a_gradient_falls_along_a_line, CLOSED),
        ),
        twins=(
            Twin("straight", straight_demon, "your momentum itself falls along a line; in Demon the total weight of a gradient does."),
            Twin("stops_half_way", stops_half_way, "your momentum is not 0 at the end."),
        ),
    ),
    Suite(
        technique="momentum_schedule",
        part="sutskever_momentum",
        subjects={"sutskever_momentum": sutskever_momentum},
        interface=interface("total_steps", "maximum", "period", "last", maximum=0.99, period=250, last=1000),
        cases=(
            {"total_steps": 60, "maximum": 0.9, "period": 5, "last": 10},
            {"total_steps": 2500, "maximum": 0.99, "period": 250, "last": 1000},
        ),
        shapes=one,
        laws=(
            Law("by_the_paper", r"$$ \mu_t = \min(1 - 2^{-1 - \log_2(\lfloor t/250 \rfloor + 1)}, \mu_{\max}) $$", sutskever_by_the_paper, CLOSED),
            Law("the_first_values", "1/2, 3/4, 5/6, 7/8, one a period.", the_first_values, CLOSED),
        ),
        twins=(
            Twin("doubles", doubles, "you forget the logarithm: the distance to 1 then halves in each period."),
            Twin("no_maximum", no_maximum, "your maximum is ignored."),
            Twin("never_lowers", never_lowers, "the last steps want the lower momentum."),
        ),
    ),
    Suite(
        technique="momentum_schedule",
        part="one_cycle_momentum",
        subjects={"one_cycle_momentum": one_cycle_momentum},
        interface=interface("total_steps", "pct_start", "high", "low", pct_start=0.3, high=0.95, low=0.85),
        cases=({"total_steps": 10, "pct_start": 0.3, "high": 0.95, "low": 0.85}, {"total_steps": 41, "pct_start": 0.5, "high": 0.9, "low": 0.5}),
        shapes=one,
        laws=(Law("against_the_rate", "Along lines from high to low, while the rate rises, and back.", against_the_rate, CLOSED),),
        twins=(
            Twin("with_the_rate", with_the_rate, "your momentum rises with the rate; it falls."),
            Twin("even", even, "your pct_start is ignored."),
        ),
    ),
    Suite(
        technique="momentum_schedule",
        part="MomentumSchedule",
        subjects={"MomentumSchedule": MomentumSchedule},
        interface=Interface("module", (), ("closure",)),
        cases=({},),
        shapes=one,
        laws=(
            Law("the_momentum_of_each_step", "Before step t the momentum of SGD, and the first beta of Adam, is the schedule's.", the_momentum_of_each_step, CLOSED),
            Law("the_rate_follows_if_asked", r"$$ \eta_t / (1 - \mu_t) = \eta_0 / (1 - \mu_0) $$ with rescale_lr, and a rate that stays without.", the_rate_follows_if_asked, CLOSED),
            Law("a_checkpoint_goes_on", "From a saved state it goes on as if it had not been stopped.", a_checkpoint_goes_on, EXACT),
        ),
        twins=(
            Twin("one_step_behind", OneStepBehind, "your momentum is that of the step before."),
            Twin("second_beta", SecondBeta, "you set Adam's second beta; the momentum is the first."),
            Twin("rate_stays", RateStays, "the rate does not follow, though it is asked to."),
            Twin("starts_anew", StartsAnew, "a loaded state begins the schedule anew."),
        ),
    ),
)  # fmt: skip
