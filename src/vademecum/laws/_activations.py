"""What the laws of the elementwise activations share: references number by number, limits, edge cases."""

import math
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Twin

COARSE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""For limits at large numbers, where half precision must hold as well: bfloat16 has 8 bits."""

ELEMENTWISE = Interface(kind="function")
"""A function of one tensor, or a module without arguments, called in its place."""

SHAPES = ((3,), (2, 5), (2, 3, 4))
"""Shapes of inputs, small to large."""

Reference = Callable[[float, Arguments], float]


def phi(x: float) -> float:
    """The standard normal density."""
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def Phi(x: float) -> float:
    """The standard normal distribution function."""
    return math.erfc(-x / math.sqrt(2)) / 2


def logistic(x: float) -> float:
    """The logistic sigmoid, without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def each(reference: Reference, x: Tensor, arguments: Arguments) -> Tensor:
    """Apply a function of one number to each number of a tensor.

    Args:
        reference: (number, arguments) -> number.
        x: any shape.
        arguments: those in force.

    Returns:
        The same shape, in float64.
    """
    values = [reference(value, arguments) for value in x.detach().double().flatten().tolist()]
    return torch.tensor(values, dtype=torch.float64).reshape(x.shape)


def slope(act: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Differentiate an elementwise function by autograd."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(act(x).sum(), x)[0]


def values_law(reference: Reference, equation: str) -> Law:
    """The closed form, number by number, in evaluation mode."""

    def check(build: Build, draw: Draw) -> Iterator[Pair]:
        act = build(draw).eval()
        x = draw.normal(std=2.0)
        yield act(x), each(reference, x, act.arguments)

    return Law("by_the_paper", equation, check)


def derivative_law(reference: Reference, equation: str) -> Law:
    """The derivative in closed form, number by number, in evaluation mode."""

    def check(build: Build, draw: Draw) -> Iterator[Pair]:
        act = build(draw).eval()
        x = draw.normal(std=2.0)
        yield slope(act, x), each(reference, x, act.arguments)

    return Law("derivative", equation, check)


def limits_law(value: Reference, derivative: Reference) -> Law:
    """Far from zero, value and derivative are at their limits, in half precision too."""

    def check(build: Build, draw: Draw) -> Iterator[Pair]:
        act = build(draw).eval()
        x = torch.tensor([-1e4, -512.0, 512.0, 1e4], dtype=draw.dtype)
        yield act(x), each(value, x, act.arguments)
        yield slope(act, x), each(derivative, x, act.arguments)

    return Law(
        "limits", r"At $$ x = \pm 10^4 $$ value and derivative are finite and at their limits.", check, COARSE
    )


def _empty(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, 3, dtype=draw.dtype)
    yield build(draw)(x), x


def _untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    x = draw.normal()
    before = x.clone()
    act(x)
    yield x, before


EDGES = (
    Law("empty_batch", "An empty batch gives an empty batch.", _empty, EXACT),
    Law("input_is_untouched", "The input is not overwritten.", _untouched, EXACT),
)
"""Laws of every elementwise activation."""


def homogeneous(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).eval()
    x = draw.normal()
    yield act(4 * x), 4 * act(x)  # a power of two: no rounding


def odd_part_is_half(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).eval()
    x = draw.normal(std=2.0)
    yield act(x) - act(-x), x


def odd(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw).eval()
    x = draw.normal(std=2.0)
    yield act(-x), -act(x)


def edge_twins(right: Callable[..., Tensor]) -> tuple[Twin, ...]:
    """The twins that the edge laws catch.

    Args:
        right: the right function; the twins take its arguments.

    Returns:
        One that fails on an empty batch, one that works in place.
    """

    @wraps(right)
    def fails(x: Tensor, **more: Any) -> Tensor:
        return right(x, **more) * (len(x) / len(x))

    @wraps(right)
    def in_place(x: Tensor, **more: Any) -> Tensor:
        y = right(x, **more)
        if not x.requires_grad:
            x.copy_(y)
        return y

    return (
        Twin("refuses_empty", fails, "your function fails on an empty batch."),
        Twin("in_place", in_place, "you overwrite your input; another part of a net may need it."),
    )
