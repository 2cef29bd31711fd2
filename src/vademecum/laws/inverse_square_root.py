"""Laws of the inverse square root schedule, from Eq. 3 of the Transformer's paper."""

from collections.abc import Callable, Iterator

from vademecum.optim.inverse_square_root import inverse_square_root, transformer_rate

from ._schedules import CLOSED, column, interface, one, values
from ._suite import Build, Draw, Law, Pair, Suite, Twin

Schedule = Callable[[int], float]
STEPS = range(300)


def by_the_paper(s: int, d: int, w: int, k: float) -> float:
    return k * d**-0.5 * min(s**-0.5, s * w**-1.5)


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    want = [by_the_paper(t + 1, a["d_model"], a["warmup_steps"], a["k"]) for t in STEPS]
    yield values(build, draw, STEPS) * 1e3, column(want) * 1e3  # far from the tolerance


def the_peak(build: Build, draw: Draw) -> Iterator[Pair]:
    """At s = w, and nowhere higher."""
    a = draw.arguments
    peak = column([a["k"] / (a["d_model"] * a["warmup_steps"]) ** 0.5])[0]
    yield values(build, draw, [a["warmup_steps"] - 1])[0] / peak, column([1.0])[0]
    yield values(build, draw, range(4 * a["warmup_steps"])).max() / peak, column([1.0])[0]


def shares_of_the_peak(build: Build, draw: Draw) -> Iterator[Pair]:
    w = draw.arguments["warmup_steps"]
    peak = by_the_paper(w, 1, w, 1.0)
    yield values(build, draw, STEPS), column(by_the_paper(t + 1, 1, w, 1.0) / peak for t in STEPS)


def four_times_the_steps_halve_it(build: Build, draw: Draw) -> Iterator[Pair]:
    w = draw.arguments["warmup_steps"]
    yield values(build, draw, [4 * w - 1, 16 * w - 1]), column([0.5, 0.25])


def from_zero(d_model: int, warmup_steps: int = 4000, k: float = 1.0) -> Schedule:
    return lambda t: by_the_paper(t, d_model, warmup_steps, k) if t else 0.0


def no_warmup(d_model: int, warmup_steps: int = 4000, k: float = 1.0) -> Schedule:
    return lambda t: k * (d_model * (t + 1)) ** -0.5


def no_width(d_model: int, warmup_steps: int = 4000, k: float = 1.0) -> Schedule:
    return transformer_rate(1, warmup_steps, k=k)


def keeps_the_peak(d_model: int, warmup_steps: int = 4000, k: float = 1.0) -> Schedule:
    return lambda t: by_the_paper(min(t + 1, warmup_steps), d_model, warmup_steps, k)


def share_from_zero(warmup_steps: int = 4000) -> Schedule:
    return lambda t: min(t / warmup_steps, (warmup_steps / max(t, 1)) ** 0.5)


def share_falls_as_one_over(warmup_steps: int = 4000) -> Schedule:
    return lambda t: min((t + 1) / warmup_steps, warmup_steps / (t + 1))


SUITES = (
    Suite(
        technique="inverse_square_root",
        part="transformer_rate",
        subjects={"transformer_rate": transformer_rate},
        interface=interface("d_model", "warmup_steps", "k", warmup_steps=4000, k=1.0),
        cases=(
            {"d_model": 16, "warmup_steps": 10, "k": 1.0},
            {"d_model": 512, "warmup_steps": 40, "k": 2.0},
        ),
        shapes=one,
        laws=(
            Law("by_the_paper", r"$$ \eta(s) = k d^{-1/2} \min(s^{-1/2}, s w^{-3/2}) $$ with s from 1.", equation, CLOSED),
            Law("the_peak", r"$$ \max_s \eta(s) = \eta(w) = k / \sqrt{d w} $$", the_peak, CLOSED),
        ),
        twins=(
            Twin("from_zero", from_zero, "your step counts from 0: the first step is lost, and the peak comes a step late."),
            Twin("no_warmup", no_warmup, "your rate has no warm-up and starts at its largest."),
            Twin("no_width", no_width, "you forget the width of the model."),
            Twin("keeps_the_peak", keeps_the_peak, "after the warm-up your rate does not fall."),
        ),
    ),
    Suite(
        technique="inverse_square_root",
        part="inverse_square_root",
        subjects={"inverse_square_root": inverse_square_root},
        interface=interface("warmup_steps", warmup_steps=4000),
        cases=({"warmup_steps": 1}, {"warmup_steps": 25}),
        shapes=one,
        laws=(
            Law("shares_of_the_peak", r"$$ f(s) = \eta(s) / \eta(w) $$", shares_of_the_peak, CLOSED),
            Law("four_times_the_steps_halve_it", r"$$ f(4w) = 1/2 $$", four_times_the_steps_halve_it, CLOSED),
        ),
        twins=(
            Twin("from_zero", share_from_zero, "your step counts from 0: the first step is taken at a rate of 0."),
            Twin("falls_as_one_over", share_falls_as_one_over, "your rate falls as one over the steps; it falls as one over their root."),
        ),
    ),
)  # fmt: skip
