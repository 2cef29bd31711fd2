r"""Targeted dropout: drop only among the smallest weights, so that the net can be pruned of them afterwards.

Use it where a net is to be pruned by magnitude after training: it learns to do without the weights that would go.
Small weights are dropped often, so what is important moves into the others. For the weights of each output, or for
whole outputs (units) by their length, gamma is the share that is at risk and alpha the probability with which each
of these is dropped in a step:

$$ \tilde w_{oi} = w_{oi} (1 - m_{oi}), \qquad m_{oi} \sim \text{Bernoulli}(\alpha) \ \text{where } |w_{oi}|
\text{ is among the } \lfloor \gamma d \rfloor \text{ smallest of the } d \text{ of output } o,
\quad m_{oi} = 0 \ \text{elsewhere} $$

A share of 1 - gamma alpha is kept on average. Nothing is rescaled. In evaluation the weights are as they are, until
`prune_` sets the smallest to zero.

Also called: TD, targeted weight dropout, targeted unit dropout.
Departures: exactly floor(gamma d) weights are at risk, ties included; the paper's code compares with a threshold, by
    which equal weights are never at risk. Its unit form draws for each weight of a unit; here, as in the paper, a
    unit is dropped as a whole. Its code prunes in evaluation by itself; here that is `prune_`.
Pitfalls: the net that is not pruned may be worse: it is trained for the pruning. With gamma and alpha at their full
    values from the first step, random small weights are given up; ramp them. Biases are neither dropped nor pruned,
    so that a pruned unit still gives its bias.
Claim: on the digits, with 90 % of the weights pruned, a net that was trained with it is right in more than 0.85, and
    0.15 above one that was trained without. The nets that are not pruned: 0.91 to 0.95 with it, 0.96 to 0.98 without.
Peer: for-ai/TD (TensorFlow 1; compared by reading; one stored version is no valid Python).

References:
    gomez2019learning: section 3 for weights and units; the ramps in its code.
"""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, register_parametrization

from ._checks import probability
from ._flow import LINEAR

__all__ = ["TargetedDropout", "prune_", "set_targeted_dropout_", "targeted_dropout", "targeted_ramp"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class TargetedDropout(nn.Module):
    """Drop small weights of a weight tensor; a parametrization, which `targeted_dropout` puts on a layer.

    Args:
        gamma: share of the weights, or units, that are at risk; may be changed at any time.
        alpha: probability of dropping one that is at risk; may be changed at any time.
        kind: "weight" for single weights by their magnitude, "unit" for whole outputs by their length.
        per: for weights: "output" ranks them within each output, "tensor" within the whole tensor.
        dim: dimension of the outputs: 0 for linear layers and convolutions, 1 for transposed convolutions.

    Raises:
        ValueError: gamma or alpha is not from 0 to 1, or kind or per is unknown.

    Example:
        >>> drop = TargetedDropout(gamma=0.5, alpha=1.0)
        >>> drop(torch.tensor([[1.0, -4.0, 3.0, -2.0]]))  # the two smallest go
        tensor([[ 0., -4.,  3.,  0.]])
        >>> drop.eval()(torch.tensor([[1.0, -4.0, 3.0, -2.0]]))
        tensor([[ 1., -4.,  3., -2.]])
    """

    def __init__(
        self, gamma: float, alpha: float, *, kind: str = "weight", per: str = "output", dim: int = 0
    ) -> None:
        super().__init__()
        _check(kind, per)
        self.gamma, self.alpha = _share(gamma, "gamma"), probability(alpha, name="alpha")
        self.kind, self.per, self.dim = kind, per, dim

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"gamma={self.gamma}, alpha={self.alpha}, kind={self.kind}, per={self.per}"

    def forward(self, weight: Tensor) -> Tensor:
        """Drop in training.

        Args:
            weight: (F, ...), outputs first unless dim says otherwise.

        Returns:
            The same shape.
        """
        if not self.training or self.gamma == 0 or self.alpha == 0:
            return weight
        at_risk = _smallest(weight.detach(), self.gamma, self.kind, self.per, self.dim)
        chances = weight.new_ones(_draws(weight, self.kind, self.dim), dtype=torch.float32) * self.alpha
        return weight.masked_fill(at_risk & chances.bernoulli().bool(), 0.0)


def targeted_dropout(
    layer: nn.Module,
    *,
    gamma: float,
    alpha: float,
    kind: str = "weight",
    per: str = "output",
) -> nn.Module:
    """Put targeted dropout on the weight of a layer.

    Args:
        layer: linear or a convolution; changed in place.
        gamma: share of the weights, or units, that are at risk.
        alpha: probability of dropping one that is at risk.
        kind: "weight" or "unit".
        per: "output" or "tensor", for weights.

    Returns:
        The layer. `torch.nn.utils.parametrize.remove_parametrizations` takes the dropout off again.

    Raises:
        TypeError: the layer is neither linear nor a convolution.
        ValueError: an argument is out of its range, or a transposed convolution has groups.

    Example:
        >>> layer = targeted_dropout(nn.Linear(2, 1), gamma=0.5, alpha=1.0)
        >>> layer.parametrizations.weight.original.data = torch.tensor([[3.0, 1.0]])
        >>> layer.weight
        tensor([[3., 0.]], grad_fn=<MaskedFillBackward0>)
    """
    if not isinstance(layer, LINEAR):
        raise TypeError(
            f"the layer must be linear or a convolution: {type(layer).__name__} came; for another weight register "
            "a TargetedDropout with torch.nn.utils.parametrize.register_parametrization."
        )
    if obstacle := _obstacle(layer):
        raise ValueError(obstacle)
    dropout = TargetedDropout(gamma, alpha, kind=kind, per=per, dim=_output_dim(layer))
    register_parametrization(layer, "weight", dropout.train(layer.training))
    return layer


def targeted_ramp(step: int, *, gamma: float, alpha: float, steps: int = 40_000) -> tuple[float, float]:
    """Raise gamma and alpha with the steps, as the paper's code does.

    gamma rises linearly to 95 % of its last value in the first half, and to all of it in the second; alpha rises
    linearly throughout.

    Args:
        step: steps taken so far, from 0.
        gamma: its last value.
        alpha: its last value.
        steps: after which both are reached.

    Returns:
        gamma and alpha for this step.

    Raises:
        ValueError: step is negative, steps is not positive, or gamma or alpha is not from 0 to 1.

    Example:
        >>> [targeted_ramp(step, gamma=1.0, alpha=0.5, steps=100) for step in (0, 50, 100, 200)]
        [(0.0, 0.0), (0.95, 0.25), (1.0, 0.5), (1.0, 0.5)]
    """
    if step < 0 or steps < 1:
        raise ValueError(
            f"step must be at least 0 and steps at least 1: step={step}, steps={steps}; count steps from 0."
        )
    _share(gamma, "gamma")
    probability(alpha, name="alpha")
    first, second = min(1.0, 2 * step / steps), min(1.0, max(0.0, 2 * step / steps - 1))
    return gamma * (0.95 * first + 0.05 * second), alpha * min(1.0, step / steps)


def set_targeted_dropout_(model: nn.Module, gamma: float, alpha: float) -> None:
    """Set the share at risk and the probability in all of a model's targeted dropouts.

    They are no part of the state dict: a run that is taken up again sets them by its step.

    Args:
        model: changed in place.
        gamma: share at risk.
        alpha: probability.

    Raises:
        ValueError: one of them is not from 0 to 1, or the model holds no targeted dropout.

    Example:
        >>> layer = targeted_dropout(nn.Linear(2, 1), gamma=0.0, alpha=0.0)
        >>> set_targeted_dropout_(layer, *targeted_ramp(50, gamma=1.0, alpha=0.5, steps=100))
        >>> layer.parametrizations.weight[0]
        TargetedDropout(gamma=0.95, alpha=0.25, kind=weight, per=output)
    """
    _share(gamma, "gamma")
    probability(alpha, name="alpha")
    parts = [part for part in model.modules() if isinstance(part, TargetedDropout)]
    if not parts:
        raise ValueError(
            f"the model must hold targeted dropout: {type(model).__name__} holds none; call targeted_dropout on layers."
        )
    for part in parts:
        part.gamma, part.alpha = gamma, alpha


@torch.no_grad()
def prune_(
    model: nn.Module,
    fraction: float,
    *,
    kind: str = "weight",
    per: str = "output",
    skip: Collection[str] = (),
) -> dict[str, Tensor]:
    """Set the smallest weights, or units, of the linear layers and convolutions to zero.

    Args:
        model: changed in place; a layer under targeted dropout keeps it.
        fraction: share that is set to zero, rounded down in each group that is ranked.
        kind: "weight" for single weights by their magnitude, "unit" for whole outputs by their length.
        per: for weights: "output" ranks them within each output, "tensor" within the layer.
        skip: paths of layers to leave as they are, such as the last.

    Returns:
        For each layer's path, which weights were kept: bool, in the weight's shape, as
        `torch.nn.utils.prune.custom_from_mask` takes it to keep them pruned through further training.

    Raises:
        ValueError: an argument is out of its range, there is no layer, skip names none, or a layer computes its
            weight by another parametrization.

    Example:
        >>> layer = nn.Linear(4, 1)
        >>> layer.weight.data = torch.tensor([[1.0, -4.0, 3.0, -2.0]])
        >>> prune_(layer, 0.5)
        {'': tensor([[False,  True,  True, False]])}
        >>> layer.weight.data
        tensor([[ 0., -4.,  3.,  0.]])
    """
    _share(fraction, "fraction")
    _check(kind, per)
    layers: dict[str, Any] = {path: part for path, part in model.named_modules() if isinstance(part, LINEAR)}
    unknown = set(skip) - set(layers)
    if unknown or not layers.keys() - set(skip):
        raise ValueError(
            f"there must be linear layers or convolutions to prune: {type(model).__name__} has "
            f"{', '.join(layers) or 'none'}, skip={list(skip)}; name only some of these."
        )
    stored = {path: _stored(part, path) for path, part in layers.items() if path not in skip}
    if obstacles := [obstacle for path in stored if (obstacle := _obstacle(layers[path]))]:
        raise ValueError(obstacles[0])
    kept = {}
    for path, weight in stored.items():
        gone = _smallest(weight, fraction, kind, per, _output_dim(layers[path])).expand_as(weight)
        weight.masked_fill_(gone, 0.0)
        kept[path] = ~gone
    return kept


def _share(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a share, from 0 to 1: {name}={value}; for 90 percent give 0.9.")
    return float(value)


def _check(kind: str, per: str) -> None:
    if kind not in {"weight", "unit"} or per not in {"output", "tensor"}:
        raise ValueError(
            f'kind must be "weight" or "unit", and per "output" or "tensor": kind={kind!r}, per={per!r}; take these.'
        )


def _output_dim(layer: nn.Module) -> int:
    return int(isinstance(layer, _TRANSPOSED))


def _obstacle(layer: nn.Module) -> str:
    """Say why a layer's outputs cannot be ranked; "" where they can."""
    if isinstance(layer, _TRANSPOSED) and layer.groups > 1:
        return (
            f"the outputs must be one dimension of the weight: a transposed convolution with groups={layer.groups} "
            "mixes them with its inputs; leave it out."
        )
    return ""


def _stored(layer: Any, path: str) -> Tensor:
    """The tensor that holds a layer's weight."""
    if not is_parametrized(layer, "weight"):
        return layer.weight
    steps = layer.parametrizations.weight
    if not all(isinstance(step, TargetedDropout) for step in steps):
        raise ValueError(
            f"a layer must hold its weight itself: {path or type(layer).__name__} computes it by a parametrization; "
            "remove that first, or put the layer on skip."
        )
    return steps.original


def _draws(weight: Tensor, kind: str, dim: int) -> list[int]:
    """Shape of the mask: one draw for each weight, or for each unit."""
    return [size if kind == "weight" or d == dim else 1 for d, size in enumerate(weight.shape)]


def _smallest(weight: Tensor, share: float, kind: str, per: str, dim: int) -> Tensor:
    """Mark exactly floor(share * d) of each group of d, in the shape of the draws."""
    rows = weight.movedim(dim, 0).flatten(1)  # (F, d)
    if kind == "unit":
        size = rows.double().norm(dim=1)[None]  # (1, F)
    else:
        size = rows.abs() if per == "output" else rows.abs().reshape(1, -1)
    count = int(share * size.shape[1] + 1e-9)  # 0.7 * 10 is a little below 7
    marks = torch.zeros_like(size, dtype=torch.bool)
    marks.scatter_(1, size.argsort(dim=1, stable=True)[:, :count], True)
    if kind == "unit":
        return marks.reshape(_draws(weight, kind, dim))
    others = [n for d, n in enumerate(weight.shape) if d != dim]
    return marks.reshape(weight.shape[dim], *others).movedim(0, dim)
