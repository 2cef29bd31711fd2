"""Laws of Gaussian dropout: the moments of the factor, which are those of dropout, and its distribution."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.gaussian_dropout import GaussianDropout

from ._dropouts import (
    COUNT,
    P_ALIASES,
    empty_batch,
    evaluation_is_the_identity,
    gradient_is_the_factor,
    input_is_untouched,
)
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

SAMPLED = {torch.float64: 0.05}
"""With 40,000 draws of variance v, five standard errors are 0.025 sqrt(v) of the mean and 0.035 v of the variance; both are asked
of numbers that were divided by these."""


def factors(build: Build, draw: Draw) -> tuple[Tensor, Tensor]:
    """Two passes over ones, centered and divided by the deviation that they should have."""
    noise = build(draw).train()
    deviation = math.sqrt(draw.arguments["p"] / (1 - draw.arguments["p"]))
    x = torch.ones(COUNT // 4, 4, dtype=draw.dtype)
    return (noise(x) - 1) / deviation, (noise(x) - 1) / deviation


def moments(build: Build, draw: Draw) -> Iterator[Pair]:
    z, _ = factors(build, draw)
    yield z.mean(), torch.zeros((), dtype=draw.dtype)
    yield z.var(), torch.ones((), dtype=draw.dtype)


def is_normal(build: Build, draw: Draw) -> Iterator[Pair]:
    z, _ = factors(build, draw)
    for bound in (0.5, 1.0, 2.0):
        share = (z.abs() < bound).double().mean()
        yield share, torch.tensor(math.erf(bound / math.sqrt(2)), dtype=torch.float64)


def each_value_its_own(build: Build, draw: Draw) -> Iterator[Pair]:
    first, second = factors(build, draw)
    zero = torch.zeros((), dtype=draw.dtype)
    yield (first * second).mean(), zero
    yield (first * first.roll(1, 0)).mean(), zero
    yield (first * first.roll(1, 1)).mean(), zero


def zero_is_the_identity(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw, p=0.0).train()(x), x


class Variant(nn.Module):
    """Gaussian dropout, in parts that the twins replace."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def deviation(self) -> float:
        return math.sqrt(self.p / (1 - self.p))

    def normal(self, x: Tensor) -> Tensor:
        return torch.randn_like(x)

    def evaluate(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + self.deviation() * self.normal(x)) if self.training else self.evaluate(x)


class VarianceForDeviation(Variant):
    def deviation(self) -> float:
        return self.p / (1 - self.p)


class DeviationP(Variant):
    def deviation(self) -> float:
        return self.p


class KeepingP(Variant):
    def deviation(self) -> float:
        return math.sqrt((1 - self.p) / self.p) if self.p else 0.0


class Adds(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.deviation() * self.normal(x) if self.training else x


class AroundZero(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.deviation() * self.normal(x) if self.training else x


class Uniform(Variant):
    def normal(self, x: Tensor) -> Tensor:
        return (2 * torch.rand_like(x) - 1) * math.sqrt(3)


class OneForAll(Variant):
    def normal(self, x: Tensor) -> Tensor:
        return torch.randn_like(x[:1]) if len(x) else torch.randn_like(x)


class AlwaysOn(Variant):
    def evaluate(self, x: Tensor) -> Tensor:
        return x * (1 + self.deviation() * self.normal(x))


class GradientOne(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return x + (super().forward(x) - x).detach()


class RefusesEmpty(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (len(x) / len(x))


class InPlace(Variant):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if not x.requires_grad:
            x.copy_(y)
        return y


SUITES = (
    Suite(
        technique="gaussian_dropout",
        part="GaussianDropout",
        subjects={"GaussianDropout": GaussianDropout},
        interface=Interface(kind="module", arguments=("p",), defaults={"p": 0.5}, aliases=P_ALIASES),
        cases=({"p": 0.5}, {"p": 0.2}),
        shapes=lambda a: ((3,), (2, 5), (2, 3, 4)),
        laws=(
            Law("evaluation_is_the_identity", r"$$ y = x $$ in evaluation.", evaluation_is_the_identity, EXACT),
            Law("moments", r"$$ E[z] = 1, \quad \mathrm{Var}[z] = p / (1 - p) $$: those of inverted dropout.", moments, SAMPLED),
            Law("is_normal", r"$$ P(|z - 1| < c \sigma) = \mathrm{erf}(c / \sqrt 2) $$", is_normal, SAMPLED),
            Law("each_value_its_own", "Values, examples and passes are independent.", each_value_its_own, SAMPLED),
            Law("gradient_is_the_factor", r"$$ \partial y / \partial x = z $$", gradient_is_the_factor),
            Law("zero_is_the_identity", "With p = 0 it is the identity.", zero_is_the_identity, EXACT),
            Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
            Law("input_is_untouched", "The input is not overwritten.", input_is_untouched, EXACT),
        ),
        twins=(
            Twin("variance_for_deviation", VarianceForDeviation, "you take the variance p / (1 - p) for the standard deviation."),
            Twin("deviation_p", DeviationP, "your standard deviation is p; it is the root of p / (1 - p)."),
            Twin("keeping_p", KeepingP, "your p is the probability of keeping; here it is that of dropping."),
            Twin("adds", Adds, "you add the noise; it multiplies."),
            Twin("around_zero", AroundZero, "the mean of your factor is 0; it is 1."),
            Twin("uniform", Uniform, "your noise is not normal."),
            Twin("one_for_all", OneForAll, "one draw serves your whole batch."),
            Twin("always_on", AlwaysOn, "you add noise in evaluation too."),
            Twin("gradient_one", GradientOne, "the gradient does not pass through your factor."),
            Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
            Twin("in_place", InPlace, "you overwrite your input."),
        ),
    ),
)  # fmt: skip
