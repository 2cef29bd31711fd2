"""Laws of exponential decay: one factor for each step."""

from collections.abc import Callable, Iterator
from math import exp

from vademecum.optim.exponential_decay import exponential_decay

from ._schedules import CLOSED, column, interface, one, values
from ._suite import Build, Draw, Law, Pair, Suite, Twin

STEPS = range(200)


def one_factor_for_each_step(build: Build, draw: Draw) -> Iterator[Pair]:
    rate, want = 1.0, []
    for _ in STEPS:
        want.append(rate)
        rate *= exp(-draw.arguments["k"])
    yield values(build, draw, STEPS), column(want)


def the_sum_is_finite(build: Build, draw: Draw) -> Iterator[Pair]:
    """The geometric series, to where its rest is lost in rounding."""
    k = draw.arguments["k"]
    yield values(build, draw, range(int(40 / k))).sum(), column([1 / (1 - exp(-k))])[0]


Schedule = Callable[[int], float]


def hyperbolic(k: float) -> Schedule:
    return lambda t: 1 / (1 + k * t)


def base_two(k: float) -> Schedule:
    return lambda t: 2.0 ** (-k * t)


def linear_factor(k: float) -> Schedule:
    return lambda t: (1 - k) ** t


SUITES = (
    Suite(
        technique="exponential_decay",
        part="exponential_decay",
        subjects={"exponential_decay": exponential_decay},
        interface=interface("k"),
        cases=({"k": 0.1}, {"k": 0.01}),
        shapes=one,
        laws=(
            Law("one_factor_for_each_step", r"$$ f(t) = e^{-kt} $$", one_factor_for_each_step, CLOSED),
            Law("the_sum_is_finite", r"$$ \sum_t f(t) = 1 / (1 - e^{-k}) $$", the_sum_is_finite, CLOSED),
        ),
        twins=(
            Twin("hyperbolic", hyperbolic, "yours is the 1/t decay."),
            Twin("base_two", base_two, "your base is 2: k is then in doublings."),
            Twin("linear_factor", linear_factor, "your factor is 1 - k, which is e^-k for a small k only."),
        ),
    ),
)  # fmt: skip
