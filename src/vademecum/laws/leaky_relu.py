"""Laws of the leaky rectified linear unit."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._activations import EDGES, SHAPES, derivative_law, each, edge_twins, homogeneous, limits_law, values_law
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def larger_of_two_lines(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = draw.normal()
    a = act.arguments["negative_slope"]
    if a <= 1:
        yield act(x), torch.maximum(x, a * x)


def slope_zero_is_relu(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw, negative_slope=0.0)(x), each(lambda v, _: max(0.0, v), x, {})


def slope_one_is_identity(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw, negative_slope=1.0)(x), x


def divides(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x >= 0, x, x / (negative_slope or 1.0))


def wrong_side(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x >= 0, negative_slope * x, x)


def always_the_larger(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.maximum(x, negative_slope * x)


def fixed_slope(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return F.leaky_relu(x, 0.01)


def falls(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x >= 0, x, -negative_slope * x)


def constant_below(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x >= 0, x, (negative_slope * x).detach())


def smooth(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return negative_slope * x + (1 - negative_slope) * F.softplus(x, beta=5.0)


def exponential(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x >= 0, x, negative_slope * x * torch.exp(-x * 1e-3) / torch.exp(-x * 1e-3))


def right(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return F.leaky_relu(x, negative_slope)


SUITES = (
    Suite(
        technique="leaky_relu",
        part="LeakyReLU",
        subjects={"LeakyReLU": nn.LeakyReLU, "functional.leaky_relu": F.leaky_relu},
        interface=Interface(
            kind="function",
            arguments=("negative_slope",),
            defaults={"negative_slope": 0.01},
            aliases={"negative_slope": ("alpha", "slope", "a", "leak", "leakiness")},
        ),
        cases=({"negative_slope": 0.01}, {"negative_slope": 0.25}, {"negative_slope": 2.0}),
        shapes=lambda a: SHAPES,
        laws=(
            values_law(lambda x, a: x if x >= 0 else a["negative_slope"] * x, r"$$ f(x) = x\ (x \ge 0),\quad a x\ (x < 0) $$"),
            derivative_law(lambda x, a: 1.0 if x > 0 else a["negative_slope"], r"$$ f'(x) = 1\ (x > 0),\quad a\ (x < 0) $$"),
            Law("larger_of_two_lines", r"$$ f(x) = \max(x, a x),\ a \le 1 $$", larger_of_two_lines),
            Law("homogeneity", r"$$ f(cx) = c f(x),\ c > 0 $$", homogeneous, EXACT),
            Law("slope_zero_is_relu", "With a = 0 it is the rectifier.", slope_zero_is_relu, EXACT),
            Law("slope_one_is_identity", "With a = 1 it is the identity.", slope_one_is_identity, EXACT),
            limits_law(lambda x, a: x if x >= 0 else a["negative_slope"] * x, lambda x, a: 1.0 if x > 0 else a["negative_slope"]),
            *EDGES,
        ),
        twins=(
            Twin("divides", divides, "you divide by the slope below zero; that is the convention x / a of another paper."),
            Twin("wrong_side", wrong_side, "your slope is on the positive side."),
            Twin("always_the_larger", always_the_larger, "you take max(x, a x), which is another function for slopes above one."),
            Twin("fixed_slope", fixed_slope, "you ignore the slope that is given."),
            Twin("falls", falls, "your function rises to the left of zero: the sign of the slope is wrong."),
            Twin("constant_below", constant_below, "your gradient below zero is zero: that is what the leak is for."),
            Twin("smooth", smooth, "your function is smooth at zero; the leaky rectifier has a corner."),
            Twin("overflows", exponential, "your function overflows at large negative inputs."),
            *edge_twins(right),
        ),
    ),
)  # fmt: skip
