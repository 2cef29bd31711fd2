"""Laws of He initialization, normal and uniform, and of the gain behind it."""

import math
from collections.abc import Callable, Iterator
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.activation.maxout import Maxout
from vademecum.nn.init.he_init import gain

from ._activations import logistic, phi
from ._initializers import (
    GENERAL_PITFALLS,
    SHAPES,
    fan_in,
    fan_out,
    general_twins,
    moments,
    normal,
    tensor_interface,
    uniform,
)
from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

EQUATION = r"$$ \tfrac12 (1 + a^2)\, n_{in} \mathrm{Var}(w) = 1 $$"


def variance(w: Tensor, a) -> float:
    return 2 / ((1 + a["a"] ** 2) * fan_in(w))


def keeps_the_mean_square(build: Build, draw: Draw) -> Iterator[Pair]:
    """Through twenty rectified layers of width 256."""
    if draw.shape != SHAPES[0]:
        return  # the shape is the law's own
    fill = build(draw)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 256, generator=generator)
    for _ in range(20):
        x = F.leaky_relu(x @ fill(torch.empty(256, 256), generator=generator).T, fill.arguments["a"])
    yield x.square().mean().log2(), torch.zeros(())


FACTOR_OF_THREE = {torch.float32: math.log2(3)}


def fan_out_for_fan_in(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return normal(tensor, sqrt(2 / ((1 + a * a) * fan_out(tensor))), generator)


def multiplied(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return normal(tensor, sqrt(2 / (1 + a * a) * fan_in(tensor)), generator)


def no_gain(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return normal(tensor, 1 / sqrt(fan_in(tensor)), generator)


def slope_ignored(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return normal(tensor, sqrt(2 / fan_in(tensor)), generator)


def slope_not_squared(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return normal(tensor, sqrt(2 / ((1 + a) * fan_in(tensor))), generator)


def variance_for_deviation(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return normal(tensor, 2 / ((1 + a * a) * fan_in(tensor)), generator)


def torch_default(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return uniform(tensor, 1 / sqrt(fan_in(tensor)), generator)


def without_root_three(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return uniform(tensor, sqrt(2 / ((1 + a * a) * fan_in(tensor))), generator)


def uniform_by_fan_out(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return uniform(tensor, sqrt(6 / ((1 + a * a) * fan_out(tensor))), generator)


def uniform_slope_ignored(tensor: Tensor, a: float = 0.0, generator=None) -> Tensor:
    return uniform(tensor, sqrt(6 / fan_in(tensor)), generator)


def _twins(fill):
    return tuple(Twin(name, twin, GENERAL_PITFALLS[name]) for name, twin in general_twins(fill).items())


# ---------------------------------------------------------------------------------------------- the gain


def _one(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _mean_square(function: Callable[[float], float]) -> float:
    """The expectation of f(z)^2 by the trapezoid rule, exact to rounding for a smooth integrand that dies out."""
    step = 1 / 64
    return step * sum(function(i * step) ** 2 * phi(i * step) for i in range(-12 * 64, 12 * 64 + 1))


def rectifiers(build: Build, draw: Draw) -> Iterator[Pair]:
    of = build(draw)
    yield _one(of(nn.ReLU())), _one(sqrt(2))
    for a in (0.01, 0.25, 1.0, 2.0):
        yield _one(of(nn.LeakyReLU(a))), _one(sqrt(2 / (1 + a * a)))


def smooth_activations(build: Build, draw: Draw) -> Iterator[Pair]:
    of = build(draw)
    smooth: tuple[tuple[nn.Module, Callable[[float], float]], ...] = (
        (nn.Tanh(), math.tanh),
        (nn.Sigmoid(), logistic),
        (nn.GELU(), lambda z: z * math.erfc(-z / sqrt(2)) / 2),
        (nn.SiLU(), lambda z: z * logistic(z)),
    )
    for act, function in smooth:
        yield _one(of(act)), _one(1 / sqrt(_mean_square(function)))


def scaling(build: Build, draw: Draw) -> Iterator[Pair]:
    of = build(draw)
    yield _one(of(lambda z: 4 * torch.tanh(z))), _one(of(torch.tanh) / 4)
    yield _one(of(torch.abs)), _one(1.0)


def learned_and_random_slopes(build: Build, draw: Draw) -> Iterator[Pair]:
    of = build(draw)
    learned = nn.PReLU(2)
    with torch.no_grad():
        learned.weight.copy_(torch.tensor([0.0, 1.0]))
    yield _one(of(learned)), _one(1 / sqrt(0.75))  # half of the channels pass half, the others all
    slopes = [1 / 8 + (1 / 3 - 1 / 8) * (i + 0.5) / 2000 for i in range(2000)]
    yield _one(of(nn.RReLU())), _one(1 / sqrt((1 + sum(a * a for a in slopes) / 2000) / 2))


def maximum_of_pieces(build: Build, draw: Draw) -> Iterator[Pair]:
    of = build(draw)
    for pieces, want in ((1, 1.0), (2, 1.0), (3, 1 + sqrt(3) / (2 * math.pi))):
        yield _one(of(Maxout(2, 2, pieces))), _one(1 / sqrt(want))


def variance_about_the_mean(act) -> float:
    if isinstance(act, Maxout | nn.PReLU | nn.RReLU):
        return gain(act)
    z = torch.special.ndtri((torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000)
    return 1 / sqrt(float(act(z).var()))


def no_root(act) -> float:
    return gain(act) ** 2


def few_draws(act) -> float:
    z = torch.randn(1000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (
        gain(act)
        if isinstance(act, Maxout | nn.PReLU | nn.RReLU)
        else 1 / sqrt(float(act(z).square().mean()))
    )


def torch_table(act) -> float:
    table = {nn.Tanh: 5 / 3, nn.Sigmoid: 1.0}
    return table.get(type(act), gain(act))


def one_slope(act) -> float:
    if isinstance(act, nn.PReLU):
        return sqrt(2 / (1 + float(act.weight.detach().mean()) ** 2))
    return gain(act)


def evaluation_slope(act) -> float:
    return sqrt(2 / (1 + ((act.lower + act.upper) / 2) ** 2)) if isinstance(act, nn.RReLU) else gain(act)


def pieces_as_one(act) -> float:
    return 1.0 if isinstance(act, Maxout) else gain(act)


def unit_for_functions(act) -> float:
    return gain(act) if isinstance(act, nn.Module) else 1.0


SUITES = (
    Suite(
        technique="he_init",
        part="kaiming_normal_",
        subjects={"kaiming_normal_": nn.init.kaiming_normal_},
        interface=tensor_interface("a", a=0.0),
        cases=({"a": 0.0}, {"a": 0.25}, {"a": 2.0}),
        shapes=lambda a: SHAPES,
        laws=(
            *moments(variance, EQUATION),
            Law("keeps_the_mean_square", "The mean square is kept through twenty rectified layers, within a factor of three.", keeps_the_mean_square, FACTOR_OF_THREE),
        ),
        twins=(
            Twin("fan_out_for_fan_in", fan_out_for_fan_in, "you count the outputs; the inputs are what is summed."),
            Twin("multiplied", multiplied, "you multiply by the root of n; divide by it."),
            Twin("no_gain", no_gain, "you forget the 2: a rectifier passes half of the mean square."),
            Twin("slope_ignored", slope_ignored, "you ignore the slope below zero."),
            Twin("slope_not_squared", slope_not_squared, "the slope enters by its square."),
            Twin("variance_for_deviation", variance_for_deviation, "2 / n is the variance; the deviation is its root."),
            *_twins(nn.init.kaiming_normal_),
        ),
    ),
    Suite(
        technique="he_init",
        part="kaiming_uniform_",
        subjects={"kaiming_uniform_": nn.init.kaiming_uniform_},
        interface=tensor_interface("a", a=0.0),
        cases=({"a": 0.0}, {"a": 0.25}),
        shapes=lambda a: SHAPES,
        laws=(
            *moments(variance, EQUATION, uniform=True),
            Law("keeps_the_mean_square", "The mean square is kept through twenty rectified layers, within a factor of three.", keeps_the_mean_square, FACTOR_OF_THREE),
        ),
        twins=(
            Twin("torch_default", torch_default, "you draw as torch's layers do, with variance 1 / (3 n), a sixth of what a rectifier needs."),
            Twin("without_root_three", without_root_three, "U(-b, b) has variance b^2 / 3: your bound lacks the root of three."),
            Twin("fan_out_for_fan_in", uniform_by_fan_out, "you count the outputs; the inputs are what is summed."),
            Twin("slope_ignored", uniform_slope_ignored, "you ignore the slope below zero."),
            *_twins(nn.init.kaiming_uniform_),
        ),
    ),
    Suite(
        technique="he_init",
        part="gain",
        subjects={"gain": gain},
        interface=Interface(kind="function", inputs=("act",)),
        cases=({},),
        shapes=lambda a: ((1,),),
        laws=(
            Law("rectifiers", r"$$ g = \sqrt{2 / (1 + a^2)} $$", rectifiers, {torch.float64: 1e-7}),
            Law("smooth_activations", r"$$ g = E[f(z)^2]^{-1/2} $$ for tanh, sigmoid, GELU, SiLU.", smooth_activations),
            Law("scaling", r"$$ g[cf] = g[f] / c,\quad g[|\cdot|] = 1 $$", scaling, {torch.float64: 1e-10}),
            Law("learned_and_random_slopes", "The mean of the squared slopes counts.", learned_and_random_slopes, {torch.float64: 1e-7}),
            Law("maximum_of_pieces", r"$$ E[\max(z_1, z_2)^2] = 1,\quad E[\max(z_1, z_2, z_3)^2] = 1 + \tfrac{\sqrt 3}{2\pi} $$", maximum_of_pieces),
        ),
        twins=(
            Twin("variance_about_the_mean", variance_about_the_mean, "you take the variance of the activation; the next layer feels the mean square, mean included."),
            Twin("no_root", no_root, "you forget the root."),
            Twin("few_draws", few_draws, "you estimate the gain from a few draws; it can be integrated."),
            Twin("torch_table", torch_table, "you look tanh and sigmoid up in torch's table, which holds rules of thumb."),
            Twin("mean_slope", one_slope, "you average the slopes before squaring them."),
            Twin("evaluation_slope", evaluation_slope, "you take the fixed slope of evaluation; training draws others."),
            Twin("pieces_as_one", pieces_as_one, "you ignore the number of pieces."),
            Twin("unit_for_functions", unit_for_functions, "you give 1 to what you do not know."),
        ),
    ),
)  # fmt: skip
