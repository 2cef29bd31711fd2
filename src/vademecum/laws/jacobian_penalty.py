"""Laws of the Jacobian penalty: the norm entry by entry, its estimate, and noise whose expectation is enumerated."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.regularize.jacobian_penalty import jacobian_penalty

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import filled, gradients, perceptron

MANY = 600
ESTIMATE = {torch.float64: 0.29}
"""The relative variance of one projection is at most 2: five deviations of the mean of so many are 0.29."""


def by_entries(model: nn.Module, x: Tensor) -> Tensor:
    """Half the sum of squared derivatives of each output by each input, mean over examples, in loops."""
    result = torch.zeros((), dtype=x.dtype)
    for one in x:
        leaf = one[None].clone().requires_grad_()
        outputs = model(leaf)[0]
        for output in outputs:
            (row,) = torch.autograd.grad(output, leaf, create_graph=True)
            result = result + sum(entry**2 for entry in row.flatten())
    return result / (2 * len(x))


def all_outputs(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw), draw.normal()
    yield build(draw)(model, x, num_projections=None), by_entries(model, x)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw), draw.normal()
    got = gradients(build(draw)(model, x, num_projections=None), model)
    yield from zip(got, gradients(by_entries(model, x), model), strict=True)


def one_output_needs_one_projection(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw, outputs=1), draw.normal()
    generator = torch.Generator().manual_seed(0)
    yield build(draw)(model, x, num_projections=1, generator=generator), by_entries(model, x)


def projections_come_to_the_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw, outputs=3), draw.normal()
    generator = torch.Generator().manual_seed(0)
    got = build(draw)(model, x, num_projections=MANY, generator=generator)
    yield got / by_entries(model, x), torch.ones((), dtype=draw.dtype)


def a_generator_repeats(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw, outputs=4), draw.normal()
    torch.manual_seed(7)
    first = build(draw)(model, x, num_projections=1, generator=torch.Generator().manual_seed(3))
    torch.manual_seed(8)
    yield build(draw)(model, x, num_projections=1, generator=torch.Generator().manual_seed(3)), first


def expected_error(model: nn.Module, x: Tensor, target: Tensor, std: float) -> Tensor:
    """Half the squared error, in expectation over noise on 2F points: plus and minus std sqrt(F) along each axis.

    Its mean is 0 and its covariance std^2 I, so that it is Gaussian noise up to the second order, enumerated.
    """
    features = x.shape[1]
    result = torch.zeros((), dtype=x.dtype)
    for axis in range(features):
        for sign in (-1.0, 1.0):
            moved = x.clone()
            moved[:, axis] += sign * std * features**0.5
            result = result + (model(moved) - target).square().sum() / (2 * len(x))
    return result / (2 * features)


def noise_on_a_linear_model(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = filled(draw, nn.Linear(draw.shape[1], 2)), draw.normal()
    target, std = draw.normal(len(x), 2, name="target"), 0.7
    clean = (model(x) - target).square().sum() / (2 * len(x))
    penalty = build(draw)(model, x, num_projections=None)
    yield expected_error(model, x, target, std), clean + std**2 * penalty


def small_noise_at_the_optimum(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw), draw.normal()
    std = 1e-3
    noisy = expected_error(model, x, model(x), std)
    yield noisy / std**2, build(draw)(model, x, num_projections=None)


Penalty = Callable[..., Tensor]


def twin(change: Callable[[Tensor, int], Tensor]) -> Penalty:
    """The exact value, changed."""

    def penalty(
        model: nn.Module, x: Tensor, *, num_projections: int | None = 1, generator: Any = None
    ) -> Tensor:
        return change(by_entries(model, x), len(x))

    return penalty


def by_vectors(
    draw_vectors: Callable[[Tensor, Any], Tensor], factor: Callable[[int], float] = lambda k: 1.0
) -> Penalty:
    """Projections on other vectors."""

    def penalty(
        model: nn.Module, x: Tensor, *, num_projections: int | None = 1, generator: Any = None
    ) -> Tensor:
        leaf = x.clone().requires_grad_()
        outputs = model(leaf)
        squares = []
        for _ in range(num_projections or MANY):
            vectors = draw_vectors(outputs, generator)
            squares.append(torch.autograd.grad(outputs, leaf, vectors, create_graph=True)[0].square().sum())
        return factor(outputs.shape[1]) * torch.stack(squares).mean() / (2 * len(x))

    return penalty


def unit_sphere(outputs: Tensor, generator: Any) -> Tensor:
    return nn.functional.normalize(
        torch.randn(outputs.shape, generator=generator, dtype=outputs.dtype), dim=1
    )


def ones(outputs: Tensor, generator: Any) -> Tensor:
    return torch.ones_like(outputs)


def global_stream(outputs: Tensor, generator: Any) -> Tensor:
    return 2.0 * torch.randint(2, outputs.shape).to(outputs) - 1


def first_output(
    model: nn.Module, x: Tensor, *, num_projections: int | None = 1, generator: Any = None
) -> Tensor:
    leaf = x.clone().requires_grad_()
    (row,) = torch.autograd.grad(model(leaf)[:, 0].sum(), leaf, create_graph=True)
    return row.square().sum() / (2 * len(x))


SUITES = (
    Suite(
        technique="jacobian_penalty",
        part="jacobian_penalty",
        subjects={"jacobian_penalty": jacobian_penalty},
        interface=Interface(kind="function", inputs=("model", "x")),
        cases=({},),
        shapes=lambda a: ((1, 2), (2, 3)),
        laws=(
            Law("all_outputs", r"$$ \Omega = \frac{1}{2B} \sum_n \sum_{ki} J_{nki}^2 $$", all_outputs),
            Law("gradient", "The gradient reaches the parameters through the derivative.", gradient),
            Law("one_output_needs_one_projection", r"$$ K = 1: \; \|J^\top (\pm 1)\|^2 = \|J\|_F^2 $$", one_output_needs_one_projection),
            Law("projections_come_to_the_norm", r"$$ \mathbb{E}_v \|J^\top v\|^2 = \|J\|_F^2 $$", projections_come_to_the_norm, ESTIMATE),
            Law("a_generator_repeats", "The signs follow the generator alone.", a_generator_repeats),
            Law("noise_on_a_linear_model", r"$$ \mathbb{E}_\xi \tfrac12 \|W (x + \xi) - t\|^2 = \tfrac12 \|W x - t\|^2 + \sigma^2 \Omega $$", noise_on_a_linear_model),
            Law("small_noise_at_the_optimum", r"$$ \lim_{\sigma \to 0} \sigma^{-2}\, \mathbb{E}_\xi \tfrac12 \|f(x + \xi) - f(x)\|^2 = \Omega $$", small_noise_at_the_optimum, {torch.float64: 1e-4}),
        ),
        twins=(
            Twin("sum_over_examples", twin(lambda value, batch: value * batch), "your penalty is a sum over examples; it is a mean."),
            Twin("without_half", twin(lambda value, batch: 2 * value), "your penalty lacks the half, so the strength is not the noise's variance."),
            Twin("length", twin(lambda value, batch: value.sqrt()), "your penalty is a length; it is half its square."),
            Twin("detached", twin(lambda value, batch: value.detach()), "your penalty has no gradient."),
            Twin("unit_vectors", by_vectors(unit_sphere), "your vectors have length 1; multiply the mean by the number of outputs."),
            Twin("sum_of_outputs", by_vectors(ones), "you differentiate the sum of the outputs, whose slopes cancel."),
            Twin("global_stream", by_vectors(global_stream), "your signs do not follow the generator."),
            Twin("first_output", first_output, "you differentiate one output alone."),
        ),
    ),
)  # fmt: skip
