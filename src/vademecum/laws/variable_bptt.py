"""Laws of windows of variable length."""

from collections.abc import Iterator
from math import erf, sqrt

import torch

from vademecum.train.variable_bptt import Window, variable_bptt

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

SIGMAS = {torch.float64: 4.0}
"""For z-scores: one in 16 000 by chance, and the draws are always the same."""

MANY = 350_000


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cut(build: Build, draw: Draw, tokens: int, **changed: object) -> list[Window]:
    return list(build(draw, **changed)(tokens, generator=seeded()))


def windows_follow_each_other(build: Build, draw: Draw) -> Iterator[Pair]:
    for tokens in (0, 1, 3, 70, 1000):
        windows = cut(build, draw, tokens)
        edges = [0, *(w.stop for w in windows)]
        yield torch.tensor([w.start for w in windows] + [tokens]), torch.tensor(edges)


def the_rate_goes_with_the_length(build: Build, draw: Draw) -> Iterator[Pair]:
    for start, stop, rate in cut(build, draw, 5000):
        yield (
            torch.tensor(rate, dtype=torch.float64),
            torch.tensor((stop - start) / draw.arguments["base"], dtype=torch.float64),
        )


def none_is_too_short(build: Build, draw: Draw) -> Iterator[Pair]:
    lengths = torch.tensor([w.stop - w.start for w in cut(build, draw, 5000, base=8)])[:-1]
    yield lengths.clamp_min(5), lengths


def without_chance(build: Build, draw: Draw) -> Iterator[Pair]:
    base = draw.arguments["base"]
    for p, want in ((1.0, base), (0.0, base // 2)):
        lengths = [w.stop - w.start for w in cut(build, draw, 20 * base, p=p, std=0.0)]
        yield torch.tensor(lengths[:-1]), torch.full((len(lengths) - 1,), want)


def expected(base: float, std: float) -> tuple[float, float]:
    """Mean and variance of the integer part of a normal number, by summation."""
    low, high = int(base - 12 * std), int(base + 12 * std)
    mass = {
        n: 0.5 * (erf((n + 1 - base) / std / sqrt(2)) - erf((n - base) / std / sqrt(2)))
        for n in range(low, high)
    }
    mean = sum(n * m for n, m in mass.items())
    return mean, sum((n - mean) ** 2 * m for n, m in mass.items())


def mean_and_scatter(build: Build, draw: Draw) -> Iterator[Pair]:
    """Around the base alone, from about five thousand windows: z-scores of mean and variance."""
    mean, variance = expected(draw.arguments["base"], 5.0)
    lengths = torch.tensor([w.stop - w.start for w in cut(build, draw, MANY, p=1.0)][:-1]).double()
    n = len(lengths)
    z = (lengths.mean() - mean) / (variance / n) ** 0.5
    z_variance = (lengths.var() - variance) / (variance * (2 / n) ** 0.5)
    yield z, torch.zeros_like(z)
    yield z_variance, torch.zeros_like(z)


def share_of_halves(build: Build, draw: Draw) -> Iterator[Pair]:
    p, base = 0.8, draw.arguments["base"]
    lengths = torch.tensor([w.stop - w.start for w in cut(build, draw, MANY, p=p, std=1.0)][:-1])
    short = (lengths < 0.75 * base).double()
    yield (short.mean() - (1 - p)) / (p * (1 - p) / len(short)) ** 0.5, torch.tensor(0.0, dtype=torch.float64)


def the_generator_decides(build: Build, draw: Draw) -> Iterator[Pair]:
    first, second = cut(build, draw, 5000), cut(build, draw, 5000)
    yield torch.tensor([w.stop for w in first]), torch.tensor([w.stop for w in second])


def writes(
    *,
    half=True,
    least=5,
    stop_early=False,
    rate=lambda n, base: n / base,
    deviation=1.0,
    chance=None,
    own=False,
):
    """The windows, with one thing changed."""

    def twin(num_tokens, base=70, p=0.95, std=5.0, min_length=5, generator=None):
        generator = None if own else generator
        start = 0
        p = p if chance is None else chance(p)
        while start < num_tokens:
            center = base if not half or float(torch.rand((), generator=generator)) < p else base / 2
            length = max(least, int(center + deviation * std * float(torch.randn((), generator=generator))))
            stop = min(num_tokens, start + length)
            if stop_early and stop == num_tokens and start:
                return
            yield Window(start, stop, rate(stop - start, base))
            start = stop

    return twin


SUITES = (
    Suite(
        technique="variable_bptt",
        part="variable_bptt",
        subjects={"variable_bptt": variable_bptt},
        interface=Interface(kind="function", arguments=("base", "p", "std"), inputs=("num_tokens",),
                            defaults={"base": 70, "p": 0.95, "std": 5.0}, aliases={"base": ("bptt",)}),
        cases=({"base": 70, "p": 0.95, "std": 5.0},),
        shapes=lambda a: ((1,),),
        laws=(
            Law("windows_follow_each_other", "Each token stands in one window, in order.", windows_follow_each_other, EXACT),
            Law("the_rate_goes_with_the_length", r"$$ \eta_n = \eta \, n / b $$", the_rate_goes_with_the_length),
            Law("none_is_too_short", r"$$ n \ge 5 $$ but for the last.", none_is_too_short, EXACT),
            Law("without_chance", r"$$ s = 0: \ n = b \text{ for } p = 1, \ n = b / 2 \text{ for } p = 0 $$", without_chance, EXACT),
            Law("mean_and_scatter", r"$$ n = \lfloor z \rfloor, \ z \sim N(b, s^2) $$ as z-scores over five thousand windows.", mean_and_scatter, SIGMAS),
            Law("share_of_halves", r"$$ P(\text{base} = b / 2) = 1 - p $$ as a z-score.", share_of_halves, SIGMAS),
            Law("the_generator_decides", "The same generator gives the same windows.", the_generator_decides, EXACT),
        ),
        twins=(
            Twin("no_halves", writes(half=False), "all windows are around the base; a few are to be around half of it."),
            Twin("no_minimum", writes(least=1), "a window can be shorter than five tokens."),
            Twin("drops_the_rest", writes(stop_early=True), "the last tokens are in no window."),
            Twin("one_rate", writes(rate=lambda n, base: 1.0), "the rate does not go with the length: tokens of short windows count more."),
            Twin("rate_inverted", writes(rate=lambda n, base: base / n), "short windows have the higher rate; it is the other way round."),
            Twin("variance_for_deviation", writes(deviation=5.0), "you scatter by the square of the deviation."),
            Twin("chances_swapped", writes(chance=lambda p: 1 - p), "most of your windows are around half of the base."),
            Twin("own_randomness", writes(own=True), "you draw from the global random stream; draw from the generator given."),
        ),
    ),
)  # fmt: skip
