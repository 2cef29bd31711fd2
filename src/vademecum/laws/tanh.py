"""Laws of the hyperbolic tangent and of LeCun's scaled one."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.activation.tanh import ScaledTanh

from ._activations import (
    EDGES,
    ELEMENTWISE,
    SHAPES,
    derivative_law,
    each,
    edge_twins,
    limits_law,
    logistic,
    odd,
    slope,
    values_law,
)
from ._suite import Build, Draw, Law, Pair, Suite, Twin


def two_sigmoids(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw)(x), each(lambda v, _: 2 * logistic(2 * v) - 1, x, {})


def derivative_from_the_value(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = draw.normal()
    yield slope(act, x), 1 - act(x).detach().square()


def doubling(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = draw.normal()
    t = act(x)
    yield act(2 * x), 2 * t / (1 + t * t)


def passes_through_one(build: Build, draw: Draw) -> Iterator[Pair]:
    ends = torch.tensor([-1.0, 1.0], dtype=draw.dtype)
    yield build(draw)(ends), ends


def most_curved_at_one(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.linspace(0, 3, 3001, dtype=draw.dtype, requires_grad=True)
    (first,) = torch.autograd.grad(build(draw)(x).sum(), x, create_graph=True)
    if not first.requires_grad:  # a constant slope has no curvature
        yield torch.tensor(float("inf")), torch.ones(())
        return
    (second,) = torch.autograd.grad(first.sum(), x)
    yield x[second.abs().argmax()], torch.ones((), dtype=draw.dtype)


def overflows(x: Tensor) -> Tensor:
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


def one_sigmoid(x: Tensor) -> Tensor:
    return 2 * torch.sigmoid(x) - 1


def hard(x: Tensor) -> Tensor:
    return x.clamp(-1, 1)


def shifted(x: Tensor) -> Tensor:
    return torch.sigmoid(2 * x)


def constant_gradient(x: Tensor) -> Tensor:
    return torch.tanh(x.detach()) + (x - x.detach())


def unscaled_inside(x: Tensor) -> Tensor:
    return 1.7159 * torch.tanh(x)


def unscaled_outside(x: Tensor) -> Tensor:
    return torch.tanh(x * 2 / 3)


def scale_outside(x: Tensor) -> Tensor:
    return 1.7159 * 2 / 3 * torch.tanh(x)


def scaled_overflow(x: Tensor) -> Tensor:
    return 1.7159 * overflows(x * 2 / 3)


def scaled_sigmoid(x: Tensor) -> Tensor:
    return 1.7159 * torch.sigmoid(x * 4 / 3)


def scaled(x: Tensor) -> Tensor:
    return 1.7159 * torch.tanh(x * 2 / 3)


SUITES = (
    Suite(
        technique="tanh",
        part="Tanh",
        subjects={"Tanh": nn.Tanh, "tanh": torch.tanh, "functional.tanh": F.tanh},
        interface=ELEMENTWISE,
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(
            values_law(lambda x, a: math.tanh(x), r"$$ f(x) = (e^x - e^{-x}) / (e^x + e^{-x}) $$"),
            derivative_law(lambda x, a: 1 / math.cosh(x) ** 2, r"$$ f'(x) = 1 / \cosh^2 x $$"),
            Law("derivative_from_the_value", r"$$ f' = 1 - f^2 $$", derivative_from_the_value),
            Law("two_sigmoids", r"$$ f(x) = 2\sigma(2x) - 1 $$", two_sigmoids),
            Law("doubling", r"$$ f(2x) = 2 f(x) / (1 + f(x)^2) $$", doubling),
            Law("odd", r"$$ f(-x) = -f(x) $$", odd),
            limits_law(lambda x, a: math.copysign(1.0, x), lambda x, a: 0.0),
            *EDGES,
        ),
        twins=(
            Twin("overflows", overflows, "your exponentials overflow: inf / inf at large inputs."),
            Twin("half_steep", one_sigmoid, "you wrote 2 sigma(x) - 1; tanh(x) is 2 sigma(2x) - 1."),
            Twin("hard", hard, "your function is piecewise linear: that is hardtanh."),
            Twin("not_centered", shifted, "your function runs from 0 to 1: tanh is odd."),
            Twin("constant_gradient", constant_gradient, "your gradient does not fall where the unit saturates."),
            *edge_twins(F.tanh),
        ),
    ),
    Suite(
        technique="tanh",
        part="ScaledTanh",
        subjects={"ScaledTanh": ScaledTanh},
        interface=ELEMENTWISE,
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(
            values_law(lambda x, a: 1.7159 * math.tanh(2 * x / 3), r"$$ f(x) = 1.7159 \tanh(\tfrac23 x) $$"),
            derivative_law(lambda x, a: 1.7159 * 2 / 3 / math.cosh(2 * x / 3) ** 2, r"$$ f'(x) = 1.7159 \cdot \tfrac23 / \cosh^2(\tfrac23 x) $$"),
            Law("passes_through_one", r"$$ f(\pm 1) = \pm 1 $$ to four digits.", passes_through_one, {torch.float64: 1e-4}),
            Law("most_curved_at_one", "The second derivative is largest near x = 1, where the targets are.", most_curved_at_one, {torch.float64: 0.02}),
            Law("odd", r"$$ f(-x) = -f(x) $$", odd),
            limits_law(lambda x, a: math.copysign(1.7159, x), lambda x, a: 0.0),
            *EDGES,
        ),
        twins=(
            Twin("unscaled_inside", unscaled_inside, "your input lacks the 2/3."),
            Twin("unscaled_outside", unscaled_outside, "your output lacks the 1.7159."),
            Twin("scale_outside", scale_outside, "your 2/3 stands outside the tanh."),
            Twin("not_centered", scaled_sigmoid, "your function is not odd."),
            Twin("overflows", scaled_overflow, "your exponentials overflow."),
            *edge_twins(scaled),
        ),
    ),
)  # fmt: skip
