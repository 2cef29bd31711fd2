"""Laws of the gradient noise scale: expectations of the estimates, exactly, and a regression whose scale is known."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from vademecum.theory.gradient_noise_scale import NoiseScale, gradient_noise_scale, noise_scale_of

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin


def pair(scale: NoiseScale) -> Tensor:
    return torch.tensor([scale.squared_gradient, scale.trace], dtype=torch.float64)


def signal_and_noise(gradients: Tensor) -> Tensor:
    """Squared length of the mean and trace of the covariance, in loops."""
    n, dim = gradients.shape
    mean = [sum(g[i] for g in gradients.tolist()) / n for i in range(dim)]
    trace = sum((g[i] - mean[i]) ** 2 for g in gradients.tolist() for i in range(dim)) / n
    return torch.tensor([sum(m * m for m in mean), trace], dtype=torch.float64)


def no_bias(build: Build, draw: Draw) -> Iterator[Pair]:
    """Over all equally likely batches of 1 and of 3 from three examples the estimates are right on the mean."""
    gradients = draw.normal(3, 2, name="gradients")
    lengths = []
    for size in (1, 3):
        batches = list(product(range(3), repeat=size))
        squares = [gradients[list(batch)].mean(0).square().sum() for batch in batches]
        lengths.append(float(torch.stack(squares).mean()))
    got = build(draw)(*lengths, small=1, big=3)
    yield pair(got), signal_and_noise(gradients)


def from_the_expectations(build: Build, draw: Draw) -> Iterator[Pair]:
    for small, big, square, trace in ((1, 2, 1.0, 8.0), (16, 256, 0.01, 3.0), (2, 1000, 5.0, 0.0)):
        got = build(draw)(square + trace / small, square + trace / big, small=small, big=big)
        yield pair(got), torch.tensor([square, trace], dtype=torch.float64)


def swapped(small_squared: float, big_squared: float, small: int, big: int) -> NoiseScale:
    return noise_scale_of(big_squared, small_squared, small=small, big=big)


def lengths_of_the_big(small_squared: float, big_squared: float, small: int, big: int) -> NoiseScale:
    return NoiseScale(big_squared, noise_scale_of(small_squared, big_squared, small=small, big=big).trace)


def by_the_difference(small_squared: float, big_squared: float, small: int, big: int) -> NoiseScale:
    right = noise_scale_of(small_squared, big_squared, small=small, big=big)
    return NoiseScale(right.squared_gradient, (small_squared - big_squared) * (big - small))


def mean_loss(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean() / 2


def regression(draw: Draw) -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """A linear model, its data, and the gradient of each example."""
    x = draw.normal(500, 4, name="x")
    y = x.sum(1, keepdim=True) + 0.5 * draw.normal(500, 1, name="noise")
    model = nn.Linear(4, 1, bias=False).to(draw.dtype)
    with torch.no_grad():
        model.weight.fill_(0.5)
    return model, x, y, ((model(x) - y) * x).detach()


def a_regression_within_a_tenth(build: Build, draw: Draw) -> Iterator[Pair]:
    """With 200 big batches the standard error is about 3 in 100, so that a tenth is three of them."""
    model, x, y, gradients = regression(draw)
    square, trace = signal_and_noise(gradients).tolist()
    got = build(draw)(
        model, mean_loss, x, y, small=8, big=64, repeats=200, generator=torch.Generator().manual_seed(0)
    )
    yield torch.tensor(got.batch / (trace / square), dtype=torch.float64), torch.ones((), dtype=torch.float64)


def examples_that_agree_have_no_noise(build: Build, draw: Draw) -> Iterator[Pair]:
    model = nn.Linear(4, 1, bias=False).to(draw.dtype)
    x = draw.normal(1, 4, name="x").expand(10, 4)
    y = torch.zeros(10, 1, dtype=draw.dtype)
    got = build(draw)(
        model, mean_loss, x, y, small=2, big=8, repeats=3, generator=torch.Generator().manual_seed(0)
    )
    yield pair(got)[1] / pair(got)[0], torch.zeros((), dtype=torch.float64)


def gradients_are_left_alone(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, y, _ = regression(draw)
    model.weight.grad = draw.normal(1, 4, name="gradient")
    before = model.weight.grad.clone()
    build(draw)(model, mean_loss, x, y, small=2, big=4, repeats=1, generator=torch.Generator().manual_seed(0))
    yield model.weight.grad, before


def noise_in_the_signal(model, loss, x, target, small=16, big=256, repeats=32, generator=None):  # type: ignore[no-untyped-def]
    found = gradient_noise_scale(
        model, loss, x, target, small=small, big=big, repeats=repeats, generator=generator
    )
    return NoiseScale(found.squared_gradient + found.trace / small, found.trace)


def upside_down(model, loss, x, target, small=16, big=256, repeats=32, generator=None):  # type: ignore[no-untyped-def]
    found = gradient_noise_scale(
        model, loss, x, target, small=small, big=big, repeats=repeats, generator=generator
    )
    return NoiseScale(found.trace, found.squared_gradient)


def leaves_gradients(model, loss, x, target, small=16, big=256, repeats=32, generator=None):  # type: ignore[no-untyped-def]
    loss(model(x[:big]), target[:big]).backward()
    return gradient_noise_scale(
        model, loss, x, target, small=small, big=big, repeats=repeats, generator=generator
    )


SUITES = (
    Suite(
        technique="gradient_noise_scale",
        part="noise_scale_of",
        subjects={"noise_scale_of": noise_scale_of},
        interface=Interface("function", (), ("small_squared", "big_squared", "small", "big")),
        cases=({},),
        shapes=lambda a: ((1,),),
        laws=(
            Law("from_the_expectations", r"$$ E |G_B|^2 = |G|^2 + \operatorname{tr} \Sigma / B $$ at both sizes gives |G|^2 and the trace.", from_the_expectations, {torch.float64: 1e-10}),
            Law("no_bias", "Over all batches of three examples the estimates are right on the mean.", no_bias, {torch.float64: 1e-10}),
        ),
        twins=(
            Twin("swapped", swapped, "the two lengths are swapped: the small batch's is the longer one."),
            Twin("length_of_the_big", lengths_of_the_big, "you take the big batch's gradient for the true one; its noise is still in it."),
            Twin("by_the_difference", by_the_difference, "you multiply by B - b; divide by 1/b - 1/B."),
        ),
    ),
    Suite(
        technique="gradient_noise_scale",
        part="gradient_noise_scale",
        subjects={"gradient_noise_scale": gradient_noise_scale},
        interface=Interface("function", (), ("model", "loss", "x", "target")),
        cases=({},),
        shapes=lambda a: ((1,),),
        laws=(
            Law("a_regression_within_a_tenth", r"$$ \mathcal{B} = \operatorname{tr} \Sigma / |G|^2 $$ of a linear regression, from the gradient of each example.", a_regression_within_a_tenth, {torch.float64: 0.1}),
            Law("examples_that_agree_have_no_noise", "Equal examples have a scale of 0.", examples_that_agree_have_no_noise, {torch.float64: 1e-9}),
            Law("gradients_are_left_alone", "The model's own gradients stay.", gradients_are_left_alone, {torch.float64: 0.0}),
        ),
        twins=(
            Twin("noise_in_the_signal", noise_in_the_signal, "you take the small batch's gradient for the true one; its noise is still in it."),
            Twin("upside_down", upside_down, "signal and noise are swapped."),
            Twin("leaves_gradients", leaves_gradients, "you leave gradients in the model."),
        ),
    ),
)  # fmt: skip
