"""Laws of the rectified linear unit, of its noisy form, and of the stepped sigmoids that it stands for."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.activation.relu import NoisyReLU, stepped_sigmoids

from ._activations import (
    EDGES,
    ELEMENTWISE,
    SHAPES,
    Phi,
    derivative_law,
    each,
    edge_twins,
    homogeneous,
    limits_law,
    logistic,
    odd_part_is_half,
    phi,
    slope,
    values_law,
)
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def subgradient_at_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(3, dtype=draw.dtype)
    yield slope(build(draw), x), x


class SlopeOneAtZero(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return upstream * (x >= 0)


def slope_one_at_zero(x: Tensor) -> Tensor:
    return SlopeOneAtZero.apply(x)


def no_gradient(x: Tensor) -> Tensor:
    return x + (x.relu() - x).detach()


def leaks(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.01)


def clipped(x: Tensor) -> Tensor:
    return x.clamp(0, 6)


def blows_up(x: Tensor) -> Tensor:
    return torch.where(x > 20, x * x.exp() / x.exp(), x.relu())


COUNT = 100_000
"""Draws for the noisy laws: five standard errors of a mean are then 5 * 1 / 316 = 0.016 deviations."""

NOISY = {torch.float64: 0.02}


def _sample(build: Build, draw: Draw, x: float) -> Tensor:
    return build(draw).train()(torch.full((COUNT,), x, dtype=draw.dtype))


def evaluation_is_plain(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw).eval()(x), each(lambda v, _: max(0.0, v), x, {})


def mean(build: Build, draw: Draw) -> Iterator[Pair]:
    for x in (-1.0, 0.0, 2.0):
        s = math.sqrt(logistic(x))
        want = x * Phi(x / s) + s * phi(x / s)
        yield _sample(build, draw, x).mean(), torch.tensor(want, dtype=torch.float64)


def mean_square(build: Build, draw: Draw) -> Iterator[Pair]:
    for x in (-1.0, 0.0, 2.0):
        s = math.sqrt(logistic(x))
        want = (x * x + s * s) * Phi(x / s) + x * s * phi(x / s)
        yield _sample(build, draw, x).square().mean(), torch.tensor(want, dtype=torch.float64)


def never_negative(build: Build, draw: Draw) -> Iterator[Pair]:
    y = _sample(build, draw, -1.0)
    yield y.clamp(min=0), y


def noise_is_constant(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).train()
    x = draw.normal(1000).requires_grad_()
    y = act(x)
    yield torch.autograd.grad(y.sum(), x)[0], (y > 0).to(x)


class NoisyVariant(nn.Module):
    """The noisy rectifier with one thing wrong."""

    def scale(self, x: Tensor) -> Tensor:
        return x.detach().sigmoid().sqrt()

    def noise(self, x: Tensor) -> Tensor:
        return torch.randn_like(x)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.scale(x) * self.noise(x)).relu() if self.training else x.relu()


class DeviationForVariance(NoisyVariant):
    def scale(self, x: Tensor) -> Tensor:
        return x.detach().sigmoid()


class UnitNoise(NoisyVariant):
    def scale(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


class OneNoise(NoisyVariant):
    def noise(self, x: Tensor) -> Tensor:
        return torch.randn((), dtype=x.dtype)


class NoiseAfter(NoisyVariant):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu() + self.scale(x) * self.noise(x) if self.training else x.relu()


class NoisyInEvaluation(NoisyVariant):
    def forward(self, x: Tensor) -> Tensor:
        return (x + self.scale(x) * self.noise(x)).relu()


class GradientThroughNoise(NoisyVariant):
    def scale(self, x: Tensor) -> Tensor:
        return x.sigmoid().sqrt()


def sum_of_sigmoids(build: Build, draw: Draw) -> Iterator[Pair]:
    units = build(draw)
    x = draw.normal(std=3.0)
    count = units.arguments["count"]
    yield units(x), each(lambda v, _: sum(logistic(v - i + 0.5) for i in range(1, count + 1)), x, {})


def nearly_softplus(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.linspace(-10, 10, 401, dtype=draw.dtype)
    yield build(draw, count=100)(x), each(lambda v, _: max(v, 0.0) + math.log1p(math.exp(-abs(v))), x, {})


def saturates_at_the_count(build: Build, draw: Draw) -> Iterator[Pair]:
    units = build(draw)
    yield units(torch.tensor([-1e4, 1e4], dtype=draw.dtype)), torch.tensor([0.0, units.arguments["count"]])


def starts_at_zero(x: Tensor, count: int = 100) -> Tensor:
    return torch.sigmoid(x[..., None] - torch.arange(count, dtype=x.dtype) + 0.5).sum(-1)


def no_half(x: Tensor, count: int = 100) -> Tensor:
    return torch.sigmoid(x[..., None] - torch.arange(1, count + 1, dtype=x.dtype)).sum(-1)


def same_bias(x: Tensor, count: int = 100) -> Tensor:
    return count * torch.sigmoid(x - 0.5)


def mean_of_units(x: Tensor, count: int = 100) -> Tensor:
    return stepped_sigmoids(x, count=count) / count


SUITES = (
    Suite(
        technique="relu",
        part="ReLU",
        subjects={"ReLU": nn.ReLU, "functional.relu": F.relu},
        interface=ELEMENTWISE,
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(
            values_law(lambda x, a: max(0.0, x), r"$$ f(x) = \max(0, x) $$"),
            derivative_law(lambda x, a: float(x > 0), r"$$ f'(x) = 1_{x > 0} $$"),
            Law("subgradient_at_zero", r"$$ f'(0) = 0 $$", subgradient_at_zero, EXACT),
            Law("homogeneity", r"$$ f(cx) = c f(x),\ c > 0 $$", homogeneous, EXACT),
            Law("two_rectifiers_are_the_identity", r"$$ f(x) - f(-x) = x $$", odd_part_is_half, EXACT),
            limits_law(lambda x, a: max(0.0, x), lambda x, a: float(x > 0)),
            *EDGES,
        ),
        twins=(
            Twin("leaks", leaks, "your function has a slope below zero: that is the leaky rectifier."),
            Twin("clipped", clipped, "your function stops growing: the rectifier has no upper bound."),
            Twin("slope_one_at_zero", slope_one_at_zero, "your derivative at 0 is not 0, so zeros (padding, dropped units) get a gradient."),
            Twin("straight_through", no_gradient, "your gradient passes where the unit is off."),
            Twin("absolute_value", torch.abs, "you fold negative inputs to positive ones."),
            Twin("blows_up", blows_up, "your function overflows at large inputs."),
            *edge_twins(F.relu),
        ),
    ),
    Suite(
        technique="relu",
        part="NoisyReLU",
        subjects={"NoisyReLU": NoisyReLU},
        interface=Interface(kind="module"),
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(
            Law("evaluation_is_plain", r"In evaluation $$ f(x) = \max(0, x) $$", evaluation_is_plain, EXACT),
            Law("mean", r"$$ E f(x) = x \Phi(x/s) + s \varphi(x/s),\ s^2 = \sigma(x) $$", mean, NOISY),
            Law("mean_square", r"$$ E f(x)^2 = (x^2 + s^2) \Phi(x/s) + x s \varphi(x/s) $$", mean_square, NOISY),
            Law("never_negative", r"$$ f(x) \ge 0 $$", never_negative, EXACT),
            Law("noise_is_constant", "The gradient is 1 where the unit is on and 0 where it is off.", noise_is_constant),
        ),
        twins=(
            Twin("deviation_for_variance", DeviationForVariance, "your noise has deviation sigmoid(x); that is the paper's variance."),
            Twin("unit_noise", UnitNoise, "your noise has the same variance for every input; the paper's is sigmoid(x)."),
            Twin("one_noise", OneNoise, "you draw one number for the whole tensor; each unit has its own noise."),
            Twin("noise_after", NoiseAfter, "you add the noise after rectifying; it belongs inside."),
            Twin("noisy_in_evaluation", NoisyInEvaluation, "you add noise in evaluation too."),
            Twin("gradient_through_noise", GradientThroughNoise, "you let the gradient flow through the noise's deviation."),
        ),
    ),
    Suite(
        technique="relu",
        part="stepped_sigmoids",
        subjects={"stepped_sigmoids": stepped_sigmoids},
        interface=Interface(kind="function", arguments=("count",), aliases={"count": ("n", "num_units")}),
        cases=({"count": 1}, {"count": 4}, {"count": 30}),
        shapes=lambda a: SHAPES,
        laws=(
            Law("by_the_paper", r"$$ f(x) = \sum_{i=1}^n \sigma(x - i + 0.5) $$", sum_of_sigmoids),
            Law("nearly_softplus", r"$$ |f(x) - \log(1 + e^x)| \le 0.0106 $$", nearly_softplus, {torch.float64: 0.0106}),
            Law("saturates_at_the_count", "Far to the left 0, far to the right the number of units.", saturates_at_the_count),
        ),
        twins=(
            Twin("starts_at_zero", starts_at_zero, "your first sigmoid is shifted by +0.5: the sum starts at i = 1."),
            Twin("no_half", no_half, "your steps lack the half: the sum then lies half a unit too far right."),
            Twin("same_bias", same_bias, "your sigmoids share one bias; they step by one."),
            Twin("mean_of_units", mean_of_units, "you average the units; the paper sums them."),
        ),
    ),
)  # fmt: skip
