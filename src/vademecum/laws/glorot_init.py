"""Laws of Glorot initialization, uniform (the paper's) and normal."""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor, nn

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
from ._suite import Build, Draw, Law, Pair, Suite, Twin


def transposed_weight_has_the_same_scale(build: Build, draw: Draw) -> Iterator[Pair]:
    """The rule is symmetric in the fans: forward and backward are weighed alike."""
    fill = build(draw)
    turned = torch.empty(draw.shape).transpose(0, 1).contiguous()
    one = fill(torch.empty(draw.shape), generator=torch.Generator().manual_seed(0)).square().mean()
    other = fill(turned, generator=torch.Generator().manual_seed(1)).square().mean()
    yield one / other, torch.ones(())


def _both(tensor: Tensor) -> int:
    return fan_in(tensor) + fan_out(tensor)


def fan_in_alone(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return uniform(tensor, gain * sqrt(3 / fan_in(tensor)), generator)


def root_of_three(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return uniform(tensor, gain * sqrt(3 / _both(tensor)), generator)


def no_gain(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return uniform(tensor, sqrt(6 / _both(tensor)), generator)


def bound_for_deviation(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return uniform(tensor, gain * sqrt(2 / _both(tensor)), generator)


def kernel_forgotten(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return uniform(tensor, gain * sqrt(6 / sum(tensor.shape[:2])), generator)


def normal_fan_in(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return normal(tensor, gain / sqrt(fan_in(tensor)), generator)


def normal_no_gain(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return normal(tensor, sqrt(2 / _both(tensor)), generator)


def variance_for_deviation(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return normal(tensor, gain * 2 / _both(tensor), generator)


def one_for_two(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return normal(tensor, gain / sqrt(_both(tensor)), generator)


def variance(w: Tensor, a) -> float:
    return a["gain"] ** 2 * 2 / _both(w)


EQUATION = r"$$ \mathrm{Var}(w) = g^2 \frac{2}{n_{in} + n_{out}} $$"
SYMMETRY = Law(
    "fans_may_be_exchanged",
    r"$$ n_{in} \leftrightarrow n_{out} $$ gives the same variance.",
    transposed_weight_has_the_same_scale,
    {torch.float32: 0.04},
)


def _twins(fill):
    return tuple(Twin(name, twin, GENERAL_PITFALLS[name]) for name, twin in general_twins(fill).items())


SUITES = (
    Suite(
        technique="glorot_init",
        part="xavier_uniform_",
        subjects={"xavier_uniform_": nn.init.xavier_uniform_},
        interface=tensor_interface("gain", gain=1.0),
        cases=({"gain": 1.0}, {"gain": 2.0}),
        shapes=lambda a: SHAPES,
        laws=(*moments(variance, EQUATION, uniform=True), SYMMETRY),
        twins=(
            Twin("fan_in_alone", fan_in_alone, "you leave fan_out out of the variance."),
            Twin("root_of_three", root_of_three, "your bound has a 3 where the paper has a 6."),
            Twin("bound_for_deviation", bound_for_deviation, "you take the deviation for the bound: U(-b, b) has variance b^2 / 3."),
            Twin("no_gain", no_gain, "you forget the gain."),
            Twin("kernel_forgotten", kernel_forgotten, "you forget the kernel in the fans."),
            *_twins(nn.init.xavier_uniform_),
        ),
    ),
    Suite(
        technique="glorot_init",
        part="xavier_normal_",
        subjects={"xavier_normal_": nn.init.xavier_normal_},
        interface=tensor_interface("gain", gain=1.0),
        cases=({"gain": 1.0}, {"gain": 2.0}),
        shapes=lambda a: SHAPES,
        laws=(*moments(variance, EQUATION), SYMMETRY),
        twins=(
            Twin("fan_in_alone", normal_fan_in, "you leave fan_out out of the variance."),
            Twin("no_gain", normal_no_gain, "you forget the gain."),
            Twin("variance_for_deviation", variance_for_deviation, "2 / (n_in + n_out) is the variance; the deviation is its root."),
            Twin("one_for_two", one_for_two, "your variance is half of the paper's: the mean of the fans is (n_in + n_out) / 2."),
            *_twins(nn.init.xavier_normal_),
        ),
    ),
)  # fmt: skip
