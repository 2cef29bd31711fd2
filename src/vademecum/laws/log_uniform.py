"""Laws of ranges: the density, what is drawn, and the ends."""

import math
from collections.abc import Iterator

import torch

from vademecum.search.log_uniform import Range

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

DRAWS = 2000
# Kolmogorov's distance of DRAWS draws passes 1.95 / sqrt(DRAWS) once in a thousand times.
DISTANCE = 1.95 / DRAWS**0.5


def drawn(build: Build, draw: Draw) -> list[float]:
    prior = build(draw).object
    return [float(prior.sample(generator=draw.generator)) for _ in range(DRAWS)]


def share_below(x: float, low: float, high: float, log: bool) -> float:
    """From the equation of the card."""
    return math.log(x / low) / math.log(high / low) if log else (x - low) / (high - low)


def is_zero(value: float) -> Pair:
    got = torch.tensor(value, dtype=torch.float64)
    return got, torch.zeros_like(got)


def ends(draw: Draw) -> tuple[float, float]:
    """What is rounded was drawn from half a unit beyond."""
    room = 0.5 if draw.arguments["whole"] else 0.0
    return draw.arguments["low"] - room, draw.arguments["high"] + room


def by_the_distribution(build: Build, draw: Draw) -> Iterator[Pair]:
    low, high = ends(draw)
    values = sorted(drawn(build, draw))
    step = 0.5 if draw.arguments["whole"] else 0.0
    distance = 0.0
    for place, x in enumerate(values):
        last = place + 1 == len(values) or values[place + 1] != x
        if last:  # the share of draws up to x against that of the equation
            wanted = share_below(min(x + step, high), low, high, draw.arguments["log"])
            distance = max(distance, abs((place + 1) / len(values) - wanted))
    yield is_zero(max(0.0, distance - DISTANCE))


def between_the_ends(build: Build, draw: Draw) -> Iterator[Pair]:
    values = drawn(build, draw)
    low, high = draw.arguments["low"], draw.arguments["high"]
    yield is_zero(sum(not low <= v <= high for v in values))
    if draw.arguments["whole"]:
        yield is_zero(sum(abs(v - round(v)) for v in values))


def density_is_the_slope(build: Build, draw: Draw) -> Iterator[Pair]:
    prior = build(draw).object
    low, high = ends(draw)
    for share in (0.1, 0.5, 0.9):
        x = draw.arguments["low"] + share * (draw.arguments["high"] - draw.arguments["low"])
        if draw.arguments["whole"]:
            x = round(x)
            wanted = share_below(x + 0.5, low, high, draw.arguments["log"]) - share_below(
                x - 0.5, low, high, draw.arguments["log"]
            )
        elif draw.arguments["log"]:
            wanted = 1 / (x * math.log(high / low))
        else:
            wanted = 1 / (high - low)
        pair = torch.tensor([prior.density(x), wanted], dtype=torch.float64) * (high - low)
        yield pair[0], pair[1]
    outside = torch.tensor([prior.density(low * 0.5), prior.density(high * 2 + 1)], dtype=torch.float64)
    yield outside, torch.zeros_like(outside)


def cdf_is_the_share_below(build: Build, draw: Draw) -> Iterator[Pair]:
    prior = build(draw).object
    low, high = ends(draw)
    for share in (0.0, 0.3, 1.0):
        x = draw.arguments["low"] + share * (draw.arguments["high"] - draw.arguments["low"])
        x = round(x) if draw.arguments["whole"] else x
        below = x - 0.5 if draw.arguments["whole"] else x
        wanted = share_below(below, low, high, draw.arguments["log"])
        yield torch.tensor(prior.cdf(x), dtype=torch.float64), torch.tensor(wanted, dtype=torch.float64)


def grid_is_even(build: Build, draw: Draw) -> Iterator[Pair]:
    prior = build(draw).object
    values = [float(v) for v in prior.grid(3)]
    low, high = draw.arguments["low"], draw.arguments["high"]
    middle = math.sqrt(low * high) if draw.arguments["log"] else (low + high) / 2
    if draw.arguments["whole"]:
        middle = math.floor(middle + 0.5)
    yield torch.tensor(values, dtype=torch.float64), torch.tensor([low, middle, high], dtype=torch.float64)


class Variant:
    """A range with one thing wrong."""

    def __init__(self, *, low: float, high: float, log: bool = False, whole: bool = False) -> None:
        self.right = Range(low=low, high=high, log=log, whole=whole)

    def sample(self, *, generator: torch.Generator) -> float:
        return self.right.sample(generator=generator)

    def density(self, x: float) -> float:
        return self.right.density(x)

    def cdf(self, x: float) -> float:
        return self.right.cdf(x)

    def grid(self, num: int) -> tuple[float, ...]:
        return self.right.grid(num)


class IgnoresLog(Variant):
    def sample(self, *, generator: torch.Generator) -> float:
        r = self.right
        return Range(low=r.low, high=r.high, whole=r.whole).sample(generator=generator)


class RoundsTowardsTheEnds(Variant):
    """Rounds a draw between the ends, so that each end is half as likely as its neighbours."""

    def sample(self, *, generator: torch.Generator) -> float:
        r = self.right
        value = Range(low=r.low, high=r.high, log=r.log).sample(generator=generator)
        return round(value) if r.whole else value


class RunsOver(Variant):
    def sample(self, *, generator: torch.Generator) -> float:
        return super().sample(generator=generator) * 1.05


class DensityOfTheLogarithm(Variant):
    def density(self, x: float) -> float:
        return super().density(x) * (x if self.right.log else 2.0)


class CdfFromZero(Variant):
    def cdf(self, x: float) -> float:
        return min(1.0, x / self.right.high)


class EvenOnTheLine(Variant):
    def grid(self, num: int) -> tuple[float, ...]:
        r = self.right
        return tuple(r.low + i * (r.high - r.low) / (num - 1) * 0.9 for i in range(num))


SUITES = (
    Suite(
        technique="log_uniform",
        part="Range",
        subjects={"Range": Range},
        interface=Interface(kind="module", arguments=("low", "high", "log", "whole"), inputs=()),
        cases=(
            {"low": 1.0, "high": 4.0, "log": False, "whole": False},
            {"low": 1e-6, "high": 10.0, "log": True, "whole": False},
            {"low": 1, "high": 5, "log": False, "whole": True},
            {"low": 2, "high": 64, "log": True, "whole": True},
        ),
        shapes=lambda a: ((),),
        laws=(
            Law("by_the_distribution", r"$$ P(x < t) = \frac{\ln(t / a)}{\ln(b / a)} $$", by_the_distribution, EXACT),
            Law("between_the_ends", r"$$ a \le x \le b $$", between_the_ends, EXACT),
            Law("density_is_the_slope", r"$$ p(x) = \frac{1}{x \ln(b / a)} $$", density_is_the_slope),
            Law("cdf_is_the_share_below", r"$$ F(x) = \frac{\ln(x / a)}{\ln(b / a)} $$", cdf_is_the_share_below),
            Law("grid_is_even", r"$$ x_1 = a, \quad x_2 = \sqrt{a b}, \quad x_3 = b $$", grid_is_even),
        ),
        twins=(
            Twin("ignores_log", IgnoresLog, "you draw the value evenly; with log=True draw its logarithm evenly."),
            Twin("half_ends", RoundsTowardsTheEnds, "you round a draw between the ends: each end comes half as often; draw from half a unit beyond."),
            Twin("runs_over", RunsOver, "values beyond the ends are drawn."),
            Twin("density_of_the_logarithm", DensityOfTheLogarithm, "you give the density of log x; that of x has 1/x more."),
            Twin("cdf_from_zero", CdfFromZero, "your share below counts from zero, not from the low end."),
            Twin("even_on_the_line", EvenOnTheLine, "your grid is even in the value and misses the ends; it must be even in the logarithm and hold both."),
        ),
    ),
)  # fmt: skip
