"""What the laws of the initializers share: one large weight, its moments, reproducibility."""

from collections.abc import Callable, Iterator
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor

from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair

SHAPES = ((250, 400), (800, 125), (100, 40, 5, 5))
"""Weights of 10^5 numbers: wide, tall, and of a convolution, so that fan_in and fan_out differ."""

VARIANCE = {torch.float32: 0.03}
"""The sample variance of N normal numbers has a relative deviation of sqrt(2 / N), 0.0045 at 10^5: 6.7 of them."""
MEAN = {torch.float32: 0.016}
"""The sample mean, in deviations: 1 / sqrt(N) = 0.0032, five of them."""
KURTOSIS = {torch.float32: 0.08}
"""The sample kurtosis of normal numbers: sqrt(24 / N) = 0.0155, five of them."""
EDGE = {torch.float32: 1e-3}
"""The largest of N uniform numbers misses the bound by 1 / N of it."""

Fan = Callable[[Tensor, Arguments], float]


def fan_in(weight: Tensor) -> int:
    """Numbers that meet in one output: the second dimension times the kernel."""
    return prod(weight.shape[1:])


def fan_out(weight: Tensor) -> int:
    """Outputs that one number enters: the first dimension times the kernel."""
    return weight.shape[0] * prod(weight.shape[2:])


def tensor_interface(*arguments: str, **defaults: object) -> Interface:
    """The interface of a function that fills a tensor."""
    return Interface(kind="function", arguments=arguments, inputs=("tensor",), defaults=defaults)


def drawn(build: Build, draw: Draw, seed: int = 0) -> tuple[Tensor, Arguments]:
    """Let the object under test fill a tensor of the draw's shape."""
    fill = build(draw)
    weight = torch.full(draw.shape, torch.nan, dtype=draw.dtype)
    return fill(weight, generator=torch.Generator().manual_seed(seed)), fill.arguments


def _in_place(build: Build, draw: Draw) -> Iterator[Pair]:
    weight = torch.full(draw.shape, torch.nan, dtype=draw.dtype)
    yield build(draw)(weight, generator=torch.Generator().manual_seed(0)), weight


def _reproducible(build: Build, draw: Draw) -> Iterator[Pair]:
    yield drawn(build, draw)[0], drawn(build, draw)[0]


def _seeds_differ(build: Build, draw: Draw) -> Iterator[Pair]:
    first, second = drawn(build, draw, seed=0)[0], drawn(build, draw, seed=1)[0]
    yield (first - second).square().mean() / (2 * first.square().mean()), torch.ones(())


def moments(
    variance: Callable[[Tensor, Arguments], float], equation: str, *, uniform: bool = False
) -> tuple[Law, ...]:
    """The laws of an initializer with independent numbers.

    Args:
        variance: of the weights, from the paper: (weight, arguments) -> number.
        equation: of the variance.
        uniform: whether the numbers are uniform; normal otherwise.

    Returns:
        Laws of variance, mean, form, place and seed.
    """

    def variance_is(build: Build, draw: Draw) -> Iterator[Pair]:
        weight, a = drawn(build, draw)
        yield weight.square().mean() / variance(weight, a), torch.ones(())

    def centered(build: Build, draw: Draw) -> Iterator[Pair]:
        weight, a = drawn(build, draw)
        yield weight.mean() / sqrt(variance(weight, a)), torch.zeros(())

    def bounded(build: Build, draw: Draw) -> Iterator[Pair]:
        weight, a = drawn(build, draw)
        yield weight.abs().max() / sqrt(3 * variance(weight, a)), torch.ones(())

    def bell_shaped(build: Build, draw: Draw) -> Iterator[Pair]:
        weight, _ = drawn(build, draw)
        scaled = weight / weight.square().mean().sqrt()
        yield scaled.pow(4).mean() / 3, torch.ones(())

    form = (
        Law("bounded", r"$$ |w| \le \sqrt{3 \mathrm{Var}(w)} $$, and nearly reached.", bounded, EDGE)
        if uniform
        else Law(
            "bell_shaped", r"$$ E[w^4] = 3\,\mathrm{Var}(w)^2 $$: normal, not cut off.", bell_shaped, KURTOSIS
        )
    )
    return (
        Law("variance", equation, variance_is, VARIANCE),
        Law("centered", r"$$ E[w] = 0 $$", centered, MEAN),
        form,
        Law("in_place", "The tensor itself is filled, and returned.", _in_place, {torch.float32: 0.0}),
        Law("reproducible", "The same generator gives the same numbers.", _reproducible, EXACT),
        Law("independent", "Two generators give unrelated numbers.", _seeds_differ, VARIANCE),
    )


def normal(weight: Tensor, std: float, generator: Any) -> Tensor:
    """Fill with normal numbers, for twins."""
    with torch.no_grad():
        return weight.normal_(0.0, std, generator=generator)


def uniform(weight: Tensor, bound: float, generator: Any) -> Tensor:
    """Fill with uniform numbers, for twins."""
    with torch.no_grad():
        return weight.uniform_(-bound, bound, generator=generator)


def general_twins(fill: Callable[..., Tensor]) -> dict[str, Callable[..., Tensor]]:
    """Twins that are wrong whatever the variance.

    Args:
        fill: the right function: (tensor, *, generator).

    Returns:
        By name: not centered, wrong form, a copy, deaf to the generator, always the same.
    """

    def shifted(tensor: Tensor, *, generator: Any = None) -> Tensor:
        filled = fill(tensor, generator=generator)
        return filled.add_(0.05 * filled.std())

    def two_valued(tensor: Tensor, *, generator: Any = None) -> Tensor:
        filled = fill(tensor, generator=generator)
        return filled.copy_(filled.sign() * filled.square().mean().sqrt())

    def copies(tensor: Tensor, *, generator: Any = None) -> Tensor:
        return fill(tensor.clone(), generator=generator)

    def deaf(tensor: Tensor, *, generator: Any = None) -> Tensor:
        return fill(tensor, generator=None)

    def always_the_same(tensor: Tensor, *, generator: Any = None) -> Tensor:
        return fill(tensor, generator=torch.Generator().manual_seed(7))

    return {
        "shifted": shifted,
        "two_valued": two_valued,
        "copies": copies,
        "deaf": deaf,
        "always_the_same": always_the_same,
    }


GENERAL_PITFALLS = {
    "shifted": "your weights are not centered: add no mean.",
    "two_valued": "your weights have the right variance and the wrong form.",
    "copies": "you return a new tensor and leave the given one unfilled.",
    "deaf": "you ignore the generator.",
    "always_the_same": "you draw the same numbers whatever the generator.",
}
