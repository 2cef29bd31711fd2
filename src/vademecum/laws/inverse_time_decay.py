"""Laws of inverse time decay: 1/f grows along a line, and the conditions of Robbins and Monro."""

from collections.abc import Callable, Iterator
from math import exp, log

import torch

from vademecum.optim.inverse_time_decay import inverse_time_decay

from ._schedules import CLOSED, column, interface, one, values
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

STEPS = range(500)


def the_inverse_grows_along_a_line(build: Build, draw: Draw) -> Iterator[Pair]:
    inverse, want = 1.0, []
    for _ in STEPS:
        want.append(inverse)
        inverse += draw.arguments["k"]
    yield 1 / values(build, draw, STEPS), column(want)


def the_sum_grows_without_end(build: Build, draw: Draw) -> Iterator[Pair]:
    """The sum up to T is at least the integral, log(1 + kT) / k, and that of squares at most 1 + 1/k."""
    k = draw.arguments["k"]
    factors = values(build, draw, range(20_000))
    for end in (200, 2_000, 20_000):
        least = column([log(1 + k * end) / k])[0]
        most = column([1 + 1 / k])[0]
        yield torch.minimum(factors[:end].sum(), least), least
        yield torch.maximum(factors[:end].square().sum(), most), most


Schedule = Callable[[int], float]


def exponential(k: float) -> Schedule:
    return lambda t: exp(-k * t)


def by_the_root(k: float) -> Schedule:
    return lambda t: (1 + k * t) ** -0.5


def whole_periods(k: float) -> Schedule:
    return lambda t: 1 / (1 + int(k * t))


SUITES = (
    Suite(
        technique="inverse_time_decay",
        part="inverse_time_decay",
        subjects={"inverse_time_decay": inverse_time_decay},
        interface=interface("k"),
        cases=({"k": 1.0}, {"k": 0.1}, {"k": 0.01}),
        shapes=one,
        laws=(
            Law("the_inverse_grows_along_a_line", r"$$ 1 / f(t) = 1 + k t $$", the_inverse_grows_along_a_line, CLOSED),
            Law("the_sum_grows_without_end", r"$$ \sum_{t<T} f(t) \ge \ln(1 + kT) / k, \quad \sum_t f(t)^2 \le 1 + 1/k $$", the_sum_grows_without_end, EXACT),
        ),
        twins=(
            Twin("exponential", exponential, "yours is the exponential decay, whose rates have a finite sum."),
            Twin("by_the_root", by_the_root, "yours falls as one over the root: the squares of the rates then have no finite sum."),
            Twin("whole_periods", whole_periods, "you round k t down; it grows at each step."),
        ),
    ),
)  # fmt: skip
