"""Laws of step decay: one drop after another."""

from collections.abc import Callable, Iterator

from vademecum.optim.step_decay import step_decay

from ._schedules import CLOSED, column, interface, one, values
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

STEPS = range(100)


def one_drop_after_another(build: Build, draw: Draw) -> Iterator[Pair]:
    rate, want = 1.0, []
    for t in STEPS:
        if t and t % draw.arguments["step_size"] == 0:
            rate *= draw.arguments["gamma"]
        want.append(rate)
    yield values(build, draw, STEPS), column(want)


def constant_before_the_first_drop(build: Build, draw: Draw) -> Iterator[Pair]:
    first = range(draw.arguments["step_size"])
    yield values(build, draw, first), column(1.0 for _ in first)


Schedule = Callable[[int], float]


def smooth(step_size: int, gamma: float = 0.1) -> Schedule:
    return lambda t: gamma ** (t / step_size)


def one_step_late(step_size: int, gamma: float = 0.1) -> Schedule:
    return lambda t: gamma ** (max(t - 1, 0) // step_size)


def once(step_size: int, gamma: float = 0.1) -> Schedule:
    return lambda t: gamma if t >= step_size else 1.0


SUITES = (
    Suite(
        technique="step_decay",
        part="step_decay",
        subjects={"step_decay": step_decay},
        interface=interface("step_size", "gamma", gamma=0.1),
        cases=({"step_size": 1, "gamma": 0.9}, {"step_size": 7, "gamma": 0.1}, {"step_size": 30, "gamma": 0.5}),
        shapes=one,
        laws=(
            Law("one_drop_after_another", r"$$ f(t) = \gamma^{\lfloor t / s \rfloor} $$", one_drop_after_another, CLOSED),
            Law("constant_before_the_first_drop", "The first s steps are taken at the full rate.", constant_before_the_first_drop, EXACT),
        ),
        twins=(
            Twin("smooth", smooth, "you divide without rounding down: the rate then falls at each step."),
            Twin("one_step_late", one_step_late, "your drops come one step late."),
            Twin("once", once, "your rate drops once and never again."),
        ),
    ),
)  # fmt: skip
