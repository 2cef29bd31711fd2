"""Laws of zero initialization: what it gives, and the symmetry that no training breaks."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ._initializers import tensor_interface
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def all_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    weight = torch.full(draw.shape, torch.nan, dtype=draw.dtype)
    yield build(draw)(weight), torch.zeros(draw.shape, dtype=draw.dtype)
    yield weight, torch.zeros(draw.shape, dtype=draw.dtype)


def units_stay_identical(build: Build, draw: Draw) -> Iterator[Pair]:
    fill = build(draw)
    features = draw.shape[-1]
    first, second = torch.empty(4, features, dtype=draw.dtype), torch.empty(2, 4, dtype=draw.dtype)
    bias = torch.full((4,), 0.5, dtype=draw.dtype)  # equal biases: the hidden units are on, and still equal
    weights = [w.requires_grad_() for w in (fill(first), fill(second), bias)]
    x, y = draw.normal(16, features), draw.normal(16, 2, name="y")
    for _ in range(10):
        loss = (torch.tanh(x @ weights[0].T + weights[2]) @ weights[1].T - y).square().mean()
        gradients = torch.autograd.grad(loss, weights)
        weights = [(w - 0.5 * g).detach().requires_grad_() for w, g in zip(weights, gradients)]
    yield weights[0].detach(), weights[0].detach()[:1].expand(4, -1)


def training_moves_the_last_layer(build: Build, draw: Draw) -> Iterator[Pair]:
    """Zeros in the last layer alone do no harm: its gradient is the error times the features."""
    fill = build(draw)
    features = draw.shape[-1]
    last = fill(torch.empty(2, features, dtype=draw.dtype)).requires_grad_()
    x, y = draw.normal(8, features), draw.normal(8, 2, name="y")
    (got,) = torch.autograd.grad((x @ last.T - y).square().sum() / 2, last)
    yield got, -y.T @ x


def tiny(tensor: Tensor) -> Tensor:
    return tensor.normal_(0.0, 1e-3)


def constant(tensor: Tensor) -> Tensor:
    return tensor.fill_(0.05)


def scaled(tensor: Tensor) -> Tensor:
    return tensor.mul_(0.0)


def copies(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor)


SUITES = (
    Suite(
        technique="zero_init",
        part="zeros_",
        subjects={"zeros_": nn.init.zeros_},
        interface=tensor_interface(),
        cases=({},),
        shapes=lambda a: ((2, 3), (4, 5)),
        laws=(
            Law("all_zero", "The tensor itself is filled with zeros, whatever stood there.", all_zero, EXACT),
            Law("units_stay_identical", r"$$ w_i = w_j,\ v_i = v_j $$ before a step: equal after it, under any gradient method.", units_stay_identical, {torch.float64: 1e-14}),
            Law("last_layer_alone_is_harmless", "Zeros in the last layer get the gradient of a linear model at 0.", training_moves_the_last_layer),
        ),
        twins=(
            Twin("tiny", tiny, "your weights are small, not zero: that breaks the symmetry."),
            Twin("constant", constant, "your weights are all alike, but not zero."),
            Twin("scaled", scaled, "you multiply by zero what stood there: not-a-number stays."),
            Twin("copies", copies, "you return zeros and leave the given tensor unfilled."),
        ),
    ),
)  # fmt: skip
