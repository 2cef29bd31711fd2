"""Laws of the randomized leaky rectifier: torch's, with random slopes, and the paper's, with random divisors."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.activation.rrelu import PaperRReLU

from ._activations import EDGES, SHAPES
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

COUNT = 50_000
"""Slopes for the statistical laws. They differ by 0.21 at most, so that five standard errors of their mean are
under 5 * 0.21 / sqrt(12 * 50000) = 0.0014."""

SAMPLED = {torch.float64: 2e-3}


def _slopes(build: Build, draw: Draw) -> tuple[Tensor, Arguments]:
    """The slopes that a training pass used: the outputs at -1, with their sign turned."""
    act = build(draw).train()
    return -act(torch.full((COUNT,), -1.0, dtype=draw.dtype)), act.arguments


def positive_passes(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal().abs()
    yield build(draw).train()(x), x
    yield build(draw).eval()(x), x


def evaluation_is_fixed(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).eval()
    x = draw.normal()
    yield act(x), act(x)


def gradient_is_the_slope(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).train()
    x = draw.normal(200).requires_grad_()
    y = act(x)
    yield torch.autograd.grad(y.sum(), x)[0], y.detach() / x.detach()


def drawn_anew(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).train()
    x = torch.full((COUNT,), -1.0, dtype=draw.dtype)
    first, second = -act(x), -act(x)
    yield (first - second).square().mean(), 2 * first.var()  # independent: twice the variance


# ---------------------------------------------------------------------------------------- torch's slopes


def slope_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).eval()
    x = draw.normal()
    yield act(x), torch.where(x >= 0, x, x * (act.arguments["lower"] + act.arguments["upper"]) / 2)


def slopes_within_bounds(build: Build, draw: Draw) -> Iterator[Pair]:
    slopes, a = _slopes(build, draw)
    yield slopes.clamp(a["lower"], a["upper"]), slopes


def slopes_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    slopes, a = _slopes(build, draw)
    low, high = a["lower"], a["upper"]
    yield slopes.mean(), torch.tensor((low + high) / 2, dtype=draw.dtype)
    yield slopes.std(), torch.tensor((high - low) / math.sqrt(12), dtype=draw.dtype)


# ---------------------------------------------------------------------------------------- the paper's divisors


def divisor_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).eval()
    x = draw.normal()
    yield act(x), torch.where(x >= 0, x, x / ((act.arguments["lower"] + act.arguments["upper"]) / 2))


def divisors_within_bounds(build: Build, draw: Draw) -> Iterator[Pair]:
    slopes, a = _slopes(build, draw)
    yield slopes.clamp(1 / a["upper"], 1 / a["lower"]), slopes


def divisors_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    slopes, a = _slopes(build, draw)
    low, high = a["lower"], a["upper"]
    mean = math.log(high / low) / (high - low)
    yield slopes.mean(), torch.tensor(mean, dtype=draw.dtype)
    yield slopes.std(), torch.tensor(math.sqrt(1 / (low * high) - mean**2), dtype=draw.dtype)


class Variant(nn.Module):
    """A randomized leaky rectifier with one thing wrong."""

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper

    def random(self, x: Tensor) -> Tensor:
        return torch.empty_like(x).uniform_(self.lower, self.upper)

    def fixed(self, x: Tensor) -> Tensor:
        return torch.full_like(x, (self.lower + self.upper) / 2)

    def forward(self, x: Tensor) -> Tensor:
        slope = self.random(x.detach()) if self.training else self.fixed(x.detach())
        return torch.where(x >= 0, x, x * slope)


class OneSlope(Variant):
    def random(self, x: Tensor) -> Tensor:
        return torch.empty((), dtype=x.dtype).uniform_(self.lower, self.upper)


class RandomInEvaluation(Variant):
    def fixed(self, x: Tensor) -> Tensor:
        return self.random(x)


class LowerInEvaluation(Variant):
    def fixed(self, x: Tensor) -> Tensor:
        return torch.full_like(x, self.lower)


class NormalSlopes(Variant):
    def random(self, x: Tensor) -> Tensor:
        deviation = (self.upper - self.lower) / math.sqrt(12)
        return torch.randn_like(x) * deviation + (self.lower + self.upper) / 2


class DrawnOnce(Variant):
    def random(self, x: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.empty_like(x).uniform_(self.lower, self.upper, generator=generator)


class FixedInTraining(Variant):
    def random(self, x: Tensor) -> Tensor:
        return self.fixed(x)


class GradientOne(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return x + (super().forward(x) - x).detach()


class BothSides(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return x * (self.random(x.detach()) if self.training else self.fixed(x.detach()))


class RefusesEmpty(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (len(x) / len(x))


class InPlace(Variant):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if not x.requires_grad:
            x.copy_(y)
        return y


class PaperVariant(Variant):
    """The paper's rule with one thing wrong."""

    def __init__(self, lower: float = 3.0, upper: float = 8.0) -> None:
        super().__init__(lower, upper)

    def random(self, x: Tensor) -> Tensor:
        return 1 / super().random(x)

    def fixed(self, x: Tensor) -> Tensor:
        return torch.full_like(x, 2 / (self.lower + self.upper))


class TorchSlopes(PaperVariant):
    def random(self, x: Tensor) -> Tensor:
        return torch.empty_like(x).uniform_(1 / self.upper, 1 / self.lower)


class TorchInEvaluation(PaperVariant):
    def fixed(self, x: Tensor) -> Tensor:
        return torch.full_like(x, (1 / self.lower + 1 / self.upper) / 2)


class MeanSlopeInEvaluation(PaperVariant):
    def fixed(self, x: Tensor) -> Tensor:
        return torch.full_like(x, math.log(self.upper / self.lower) / (self.upper - self.lower))


class Multiplies(PaperVariant):
    def random(self, x: Tensor) -> Tensor:
        return torch.empty_like(x).uniform_(self.lower, self.upper)


class PaperOneDivisor(PaperVariant):
    def random(self, x: Tensor) -> Tensor:
        return 1 / torch.empty((), dtype=x.dtype).uniform_(self.lower, self.upper)


class PaperRandomInEvaluation(PaperVariant):
    def fixed(self, x: Tensor) -> Tensor:
        return self.random(x)


class PaperDrawnOnce(PaperVariant):
    def random(self, x: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return 1 / torch.empty_like(x).uniform_(self.lower, self.upper, generator=generator)


class PaperGradientOne(PaperVariant):
    def forward(self, x: Tensor) -> Tensor:
        return x + (super().forward(x) - x).detach()


class PaperBothSides(PaperVariant):
    def forward(self, x: Tensor) -> Tensor:
        return x * (self.random(x.detach()) if self.training else self.fixed(x.detach()))


class PaperRefusesEmpty(PaperVariant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (len(x) / len(x))


class PaperInPlace(PaperVariant):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if not x.requires_grad:
            x.copy_(y)
        return y


ONE = "you draw one number for the whole tensor; each element has its own."
ALWAYS = "your slope is random in evaluation too."
ONCE = "you draw the same slopes in every pass."
GRADIENT = "your gradient is not the slope that was used."
BOTH = "you scale positive inputs too."
EMPTY = "your layer fails on an empty batch."
PLACE = "you overwrite your input."

SHARED = (
    Law("positive_passes", r"$$ f(x) = x,\ x \ge 0 $$", positive_passes, EXACT),
    Law("evaluation_is_fixed", "In evaluation nothing is random.", evaluation_is_fixed, EXACT),
    Law("gradient_is_the_slope", "The gradient is the slope that was drawn.", gradient_is_the_slope),
    Law("drawn_anew", "Each pass draws anew.", drawn_anew, SAMPLED),
    *EDGES,
)

SUITES = (
    Suite(
        technique="rrelu",
        part="RReLU",
        subjects={"RReLU": nn.RReLU},
        interface=Interface(
            kind="module",
            arguments=("lower", "upper"),
            defaults={"lower": 1 / 8, "upper": 1 / 3},
            aliases={"lower": ("low", "l", "a_min"), "upper": ("high", "u", "a_max")},
        ),
        cases=({"lower": 1 / 8, "upper": 1 / 3}, {"lower": 0.1, "upper": 0.2}),
        shapes=lambda a: SHAPES,
        laws=(
            Law("slope_in_evaluation", r"In evaluation the slope is $$ (l + u) / 2 $$", slope_in_evaluation),
            Law("slopes_within_bounds", r"$$ l \le a \le u $$", slopes_within_bounds, EXACT),
            Law("slopes_are_uniform", r"$$ a \sim U(l, u) $$ for each element: mean (l + u) / 2, deviation (u - l) / sqrt 12.", slopes_are_uniform, SAMPLED),
            *SHARED,
        ),
        twins=(
            Twin("one_slope", OneSlope, ONE),
            Twin("random_in_evaluation", RandomInEvaluation, ALWAYS),
            Twin("lower_in_evaluation", LowerInEvaluation, "your slope in evaluation is the lower bound; it is the mean of the two."),
            Twin("divides", PaperVariant, "you divide by the number drawn: that is the paper's rule, torch multiplies."),
            Twin("normal_slopes", NormalSlopes, "your slopes leave the bounds."),
            Twin("fixed_in_training", FixedInTraining, "your slope is not random in training."),
            Twin("drawn_once", DrawnOnce, ONCE),
            Twin("gradient_one", GradientOne, GRADIENT),
            Twin("both_sides", BothSides, BOTH),
            Twin("refuses_empty", RefusesEmpty, EMPTY),
            Twin("in_place", InPlace, PLACE),
        ),
    ),
    Suite(
        technique="rrelu",
        part="PaperRReLU",
        subjects={"PaperRReLU": PaperRReLU},
        interface=Interface(kind="module", arguments=("lower", "upper"), defaults={"lower": 3.0, "upper": 8.0}),
        cases=({"lower": 3.0, "upper": 8.0}, {"lower": 5.0, "upper": 6.0}),
        shapes=lambda a: SHAPES,
        laws=(
            Law("divisor_in_evaluation", r"In evaluation $$ f(x) = x / \tfrac{l + u}{2},\ x < 0 $$", divisor_in_evaluation),
            Law("divisors_within_bounds", r"$$ l \le a \le u $$", divisors_within_bounds, {torch.float64: 1e-12}),
            Law("divisors_are_uniform", r"$$ a \sim U(l, u): \quad E[1/a] = \log(u/l) / (u - l),\ E[1/a^2] = 1 / (lu) $$", divisors_are_uniform, SAMPLED),
            *SHARED,
        ),
        twins=(
            Twin("torch_slopes", TorchSlopes, "you draw the slope uniformly, as torch does; the paper draws the divisor."),
            Twin("torch_in_evaluation", TorchInEvaluation, "your slope in evaluation is the mean of the two slopes, as torch's; the paper divides by the mean divisor."),
            Twin("mean_slope_in_evaluation", MeanSlopeInEvaluation, "your slope in evaluation is the mean of 1 / a; the paper takes 1 / mean of a."),
            Twin("multiplies", Multiplies, "you multiply by the number drawn; the paper divides."),
            Twin("one_divisor", PaperOneDivisor, ONE),
            Twin("random_in_evaluation", PaperRandomInEvaluation, ALWAYS),
            Twin("drawn_once", PaperDrawnOnce, ONCE),
            Twin("gradient_one", PaperGradientOne, GRADIENT),
            Twin("both_sides", PaperBothSides, BOTH),
            Twin("refuses_empty", PaperRefusesEmpty, EMPTY),
            Twin("in_place", PaperInPlace, PLACE),
        ),
    ),
)  # fmt: skip
