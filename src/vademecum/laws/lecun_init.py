"""Laws of LeCun initialization, normal and uniform."""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor

from vademecum.nn.init.lecun_init import lecun_normal_, lecun_uniform_

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


def keeps_the_mean_square(build: Build, draw: Draw) -> Iterator[Pair]:
    """Through twenty square linear layers; a factor of two is allowed, a wrong factor costs 2^20."""
    if draw.shape != SHAPES[0]:
        return  # the shape is the law's own
    fill = build(draw)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 128, generator=generator)
    x = x / x.square().mean().sqrt()
    for _ in range(20):
        x = x @ fill(torch.empty(128, 128), generator=generator).T
    yield x.square().mean().log2(), torch.zeros(())


FACTOR_OF_TWO = {torch.float32: 1.0}


def fan_out_for_fan_in(tensor: Tensor, *, generator=None) -> Tensor:
    return normal(tensor, 1 / sqrt(fan_out(tensor)), generator)


def multiplied(tensor: Tensor, *, generator=None) -> Tensor:
    return normal(tensor, sqrt(fan_in(tensor)), generator)


def variance_for_deviation(tensor: Tensor, *, generator=None) -> Tensor:
    return normal(tensor, 1 / fan_in(tensor), generator)


def kernel_forgotten(tensor: Tensor, *, generator=None) -> Tensor:
    return normal(tensor, 1 / sqrt(tensor.shape[1]), generator)


def uniform_without_root_three(tensor: Tensor, *, generator=None) -> Tensor:
    return uniform(tensor, 1 / sqrt(fan_in(tensor)), generator)


def uniform_by_fan_out(tensor: Tensor, *, generator=None) -> Tensor:
    return uniform(tensor, sqrt(3 / fan_out(tensor)), generator)


def from_zero(tensor: Tensor, *, generator=None) -> Tensor:
    with torch.no_grad():
        return tensor.uniform_(0, 2 * sqrt(3 / fan_in(tensor)), generator=generator)


def _twins(fill):
    return tuple(Twin(name, twin, GENERAL_PITFALLS[name]) for name, twin in general_twins(fill).items())


EQUATION = r"$$ \mathrm{Var}(w) = 1 / n_{in} $$"
KEEPS = Law(
    "keeps_the_mean_square",
    "The mean square is kept through twenty linear layers, within a factor of two.",
    keeps_the_mean_square,
    FACTOR_OF_TWO,
)

SUITES = (
    Suite(
        technique="lecun_init",
        part="lecun_normal_",
        subjects={"lecun_normal_": lecun_normal_},
        interface=tensor_interface(),
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(*moments(lambda w, a: 1 / fan_in(w), EQUATION), KEEPS),
        twins=(
            Twin("fan_out_for_fan_in", fan_out_for_fan_in, "you count the outputs; the inputs are what is summed."),
            Twin("multiplied", multiplied, "you multiply by the root of n; divide by it."),
            Twin("variance_for_deviation", variance_for_deviation, "1 / n is the variance; the deviation is its root."),
            Twin("kernel_forgotten", kernel_forgotten, "you forget the kernel: a convolution sums C_in * k * k numbers."),
            *_twins(lecun_normal_),
        ),
    ),
    Suite(
        technique="lecun_init",
        part="lecun_uniform_",
        subjects={"lecun_uniform_": lecun_uniform_},
        interface=tensor_interface(),
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(*moments(lambda w, a: 1 / fan_in(w), EQUATION, uniform=True), KEEPS),
        twins=(
            Twin("without_root_three", uniform_without_root_three, "U(-b, b) has variance b^2 / 3: your bound lacks the root of three (torch's default layers lack it too)."),
            Twin("fan_out_for_fan_in", uniform_by_fan_out, "you count the outputs; the inputs are what is summed."),
            Twin("from_zero", from_zero, "your numbers are all positive."),
            *_twins(lecun_uniform_),
        ),
    ),
)  # fmt: skip
