"""Laws of gradient clipping and normalization, in loops over all values."""

from collections.abc import Callable, Iterator
from math import sqrt

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from vademecum.optim.gradient_clipping import normalize_gradients_

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

TORCH_EPS = 1e-6
"""Torch divides by the norm plus this."""


def holding(draw: Draw, *, scale: float = 1.0) -> list[Tensor]:
    """Two parameters with gradients, and one without."""
    params = [torch.zeros(draw.shape, dtype=draw.dtype, requires_grad=True) for _ in range(3)]
    for p in params[:2]:
        p.grad = draw.normal(std=scale, name="gradient")
    return params


def gradients(params: list[Tensor]) -> Tensor:
    return torch.cat([p.grad.flatten() for p in params if p.grad is not None])


def length(values: list[float]) -> float:
    return sqrt(sum(value * value for value in values))


def clip_by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    for scale in (0.01, 10.0):
        params = holding(draw, scale=scale)
        g = gradients(params).double().tolist()
        norm, c = length(g), draw.arguments["max_norm"]
        build(draw)(params)
        yield (
            gradients(params),
            torch.tensor([v * min(1.0, c / (norm + TORCH_EPS)) for v in g], dtype=torch.float64),
        )


def the_norm_is_returned(build: Build, draw: Draw) -> Iterator[Pair]:
    params = holding(draw, scale=10.0)
    norm = length(gradients(params).double().tolist())
    yield build(draw)(params), torch.tensor(norm, dtype=torch.float64)


def clip_values_by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    params = holding(draw, scale=2.0)
    c = draw.arguments["clip_value"]
    want = [max(-c, min(c, v)) for v in gradients(params).tolist()]
    build(draw)(params)
    yield gradients(params), torch.tensor(want, dtype=draw.dtype)


def unit_length(build: Build, draw: Draw) -> Iterator[Pair]:
    params = holding(draw, scale=3.0)
    parts = [p.grad.double().flatten().tolist() for p in params[:2]]
    whole = length(parts[0] + parts[1])
    want = [v / (length(part) if draw.arguments["per_layer"] else whole) for part in parts for v in part]
    build(draw)(params)
    yield gradients(params), torch.tensor(want, dtype=torch.float64)


def the_scale_of_the_loss_does_not_matter(build: Build, draw: Draw) -> Iterator[Pair]:
    params = holding(draw)
    small = [p.grad.clone() for p in params[:2]]
    build(draw)(params)
    once = gradients(params)
    for p, g in zip(params, small, strict=False):
        p.grad = 1024 * g
    build(draw)(params)
    yield gradients(params), once


def nothing_stays_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    params = holding(draw, scale=0.0)
    build(draw)(params)
    yield gradients(params), torch.zeros_like(gradients(params))


def scales_always(parameters: list[Tensor], max_norm: float) -> Tensor:
    norm = gradients(parameters).norm()
    for p in parameters:
        if p.grad is not None:
            p.grad.mul_(max_norm / norm)
    return norm


def each_alone(parameters: list[Tensor], max_norm: float) -> Tensor:
    return torch.stack([clip_grad_norm_([p], max_norm) for p in parameters if p.grad is not None]).max()


def squared(parameters: list[Tensor], max_norm: float) -> Tensor:
    norm = gradients(parameters).square().sum()
    for p in parameters:
        if p.grad is not None:
            p.grad.mul_((max_norm / norm).clamp(max=1))
    return norm


def one_side(parameters: list[Tensor], clip_value: float) -> None:
    for p in parameters:
        if p.grad is not None:
            p.grad.clamp_(max=clip_value)


def folds(parameters: list[Tensor], clip_value: float) -> None:
    for p in parameters:
        if p.grad is not None:
            p.grad[p.grad.abs() > clip_value] = 0


def normalizing(norm_of: Callable[[Tensor, list[Tensor]], Tensor], eps: float = 0.0) -> Callable[..., None]:
    def twin(parameters: list[Tensor], per_layer: bool = False) -> None:
        with_gradient = [p for p in parameters if p.grad is not None]
        norms = [
            norm_of(p.grad, [q.grad for q in with_gradient] if not per_layer else [p.grad])
            for p in with_gradient
        ]
        for p, norm in zip(with_gradient, norms, strict=True):
            p.grad.div_(norm + eps)

    return twin


def euclid(g: Tensor, all_: list[Tensor]) -> Tensor:
    return torch.cat([a.flatten() for a in all_]).norm()


def ignores_layers(parameters: list[Tensor], per_layer: bool = False) -> None:
    normalize_gradients_(parameters)


FUNCTION = {"aliases": {"max_norm": ("c", "threshold"), "parameters": ("params",)}}

SUITES = (
    Suite(
        technique="gradient_clipping",
        part="clip_grad_norm_",
        subjects={"clip_grad_norm_": clip_grad_norm_},
        interface=Interface("function", ("max_norm",), ("parameters",), **FUNCTION),
        cases=({"max_norm": 1.0}, {"max_norm": 0.25}),
        shapes=lambda a: ((2,), (3, 2)),
        laws=(
            Law("by_the_paper", r"$$ g \min(1, c / (\|g\| + 10^{-6})) $$ over all tensors together.", clip_by_the_paper, {torch.float64: 1e-12, torch.float32: 1e-5}),
            Law("the_norm_is_returned", "It gives the norm as it was.", the_norm_is_returned, {torch.float64: 1e-12, torch.float32: 1e-5}),
        ),
        twins=(
            Twin("scales_always", scales_always, "you also lengthen what is short; clipping leaves it."),
            Twin("each_alone", each_alone, "each tensor is clipped alone; the norm runs over all together."),
            Twin("squared", squared, "you compare with the squared norm."),
        ),
    ),
    Suite(
        technique="gradient_clipping",
        part="clip_grad_value_",
        subjects={"clip_grad_value_": clip_grad_value_},
        interface=Interface("function", ("clip_value",), ("parameters",)),
        cases=({"clip_value": 1.0}, {"clip_value": 0.25}),
        shapes=lambda a: ((4,), (3, 2)),
        laws=(Law("by_the_paper", r"$$ \max(-c, \min(c, g_i)) $$", clip_values_by_the_paper, {**EXACT, torch.float32: 0.0}),),
        twins=(
            Twin("one_side", one_side, "you clip from above only."),
            Twin("folds", folds, "you set large values to 0; set them to the threshold."),
        ),
    ),
    Suite(
        technique="gradient_clipping",
        part="normalize_gradients_",
        subjects={"normalize_gradients_": normalize_gradients_},
        interface=Interface("function", ("per_layer",), ("parameters",), defaults={"per_layer": False}),
        cases=({"per_layer": False}, {"per_layer": True}),
        shapes=lambda a: ((2,), (3, 2)),
        laws=(
            Law("unit_length", r"$$ g / \|g\| $$ of all tensors together, or of each alone.", unit_length, {torch.float64: 1e-10, torch.float32: 1e-5}),
            Law("the_scale_of_the_loss_does_not_matter", r"$$ \hat g(1024 L) = \hat g(L) $$", the_scale_of_the_loss_does_not_matter, {torch.float64: 1e-10}),
            Law("nothing_stays_nothing", "A gradient of 0 stays 0.", nothing_stays_nothing, {**EXACT, torch.float32: 0.0}),
        ),
        twins=(
            Twin("divides_by_zero", normalizing(euclid), "a gradient of 0 becomes NaN: add eps to the norm."),
            Twin("large_eps", normalizing(euclid, eps=1e-2), "your eps is as large as a gradient, and so the scale of the loss counts."),
            Twin("ignores_layers", ignores_layers, "per_layer is ignored."),
            Twin("largest_value", normalizing(lambda g, a: torch.stack([x.abs().max() for x in a]).max(), eps=1e-12), "you divide by the largest value; divide by the Euclidean norm."),
        ),
    ),
)  # fmt: skip
