"""Laws of slanted triangular rates, from Eq. 3 of the paper."""

from collections.abc import Callable, Iterator
from math import floor

import torch

from vademecum.optim.slanted_triangular import slanted_triangular

from ._schedules import CLOSED, column, interface, one, values
from ._suite import Build, Draw, Law, Pair, Suite, Twin

Schedule = Callable[[int], float]


def by_the_paper(t: int, T: int, cut_frac: float, ratio: float) -> float:
    cut = floor(T * cut_frac)
    p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
    return (1 + p * (ratio - 1)) / ratio


def is_whole(a: dict) -> bool:
    share = a["total_steps"] * a["cut_frac"]
    return share >= 1 and abs(share - round(share)) < 1e-9


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    steps = range(a["total_steps"] + 1)
    want = [by_the_paper(t, a["total_steps"], a["cut_frac"], a["ratio"]) for t in steps]
    yield values(build, draw, steps), column(want)


def both_ends_are_low(build: Build, draw: Draw) -> Iterator[Pair]:
    """Whatever is whole: the end is met at T, and the rate stays there."""
    a = draw.arguments
    cut = floor(a["total_steps"] * a["cut_frac"])
    low = 1 / a["ratio"]
    got = values(build, draw, (0, cut, a["total_steps"], a["total_steps"] + 5))
    yield got, column([low if cut else 1.0, 1.0, low, low])


def the_fall_is_a_line(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    cut = floor(a["total_steps"] * a["cut_frac"])
    fall = values(build, draw, range(cut, a["total_steps"] + 1))
    slope = -(1 - 1 / a["ratio"]) / (a["total_steps"] - cut)
    yield fall.diff(), torch.full((len(fall) - 1,), slope, dtype=torch.float64)


def printed(total_steps: int, cut_frac: float = 0.1, ratio: float = 32) -> Schedule:
    return lambda t: by_the_paper(t, total_steps, cut_frac, ratio)


def to_zero(total_steps: int, cut_frac: float = 0.1, ratio: float = 32) -> Schedule:
    inner = slanted_triangular(total_steps, cut_frac=cut_frac, ratio=ratio)
    return lambda t: (inner(t) * ratio - 1) / (ratio - 1)


def even(total_steps: int, cut_frac: float = 0.1, ratio: float = 32) -> Schedule:
    return slanted_triangular(total_steps, cut_frac=0.5, ratio=ratio)


def curved(total_steps: int, cut_frac: float = 0.1, ratio: float = 32) -> Schedule:
    inner = slanted_triangular(total_steps, cut_frac=cut_frac, ratio=ratio)
    return lambda t: ratio ** ((inner(t) * ratio - 1) / (ratio - 1) - 1)


CASES = (
    {"total_steps": 20, "cut_frac": 0.1, "ratio": 32},
    {"total_steps": 97, "cut_frac": 0.1, "ratio": 32},
    {"total_steps": 9, "cut_frac": 0.1, "ratio": 10},
    {"total_steps": 50, "cut_frac": 0.3, "ratio": 4},
)

SUITES = (
    Suite(
        technique="slanted_triangular",
        part="slanted_triangular",
        subjects={"slanted_triangular": slanted_triangular},
        interface=interface("total_steps", "cut_frac", "ratio", cut_frac=0.1, ratio=32),
        cases=CASES,
        shapes=one,
        laws=(
            Law("by_the_paper", r"$$ f(t) = (1 + p (ratio - 1)) / ratio $$ where T cut_frac is whole.", equation, CLOSED, cases=is_whole),
            Law("both_ends_are_low", r"$$ f(0) = f(T) = 1 / ratio, \quad f(cut) = 1 $$", both_ends_are_low, CLOSED),
            Law("the_fall_is_a_line", "From the cut to T the rate falls by the same at each step.", the_fall_is_a_line, CLOSED),
        ),
        twins=(
            Twin("printed", printed, "where T cut_frac is not whole, the formula as printed misses its end; where the cut is 0 it divides by 0."),
            Twin("to_zero", to_zero, "your ends are at 0; they are at 1 / ratio."),
            Twin("even", even, "your cut_frac is ignored."),
            Twin("curved", curved, "your rates are geometric between the ends; they are lines."),
        ),
    ),
)  # fmt: skip
