r"""Path norm: the size of all paths through a net, which no rescaling of its units can hide.

Use it to compare nets of rectifiers, or as a penalty on them: multiply a unit's incoming weights by a factor, divide
the outgoing ones by it, and the function stays; sums of squares change, this does not.

$$ \phi_p(w) = \Big( \sum_{\text{paths from an input to an output}} \; \prod_{e \in \text{path}} |w_e|^p \Big)^{1/p} $$

It is one forward pass: with $|w|^p$ for the weights and ones for the input, the outputs add up to $\phi_p^p$. For two
layers, half the sum of squares is never below $\sum_h \|u_h\| \|v_h\|$ over the hidden units, and comes down to it when
the incoming and outgoing weights of every unit are equally long, which `balance_` brings about.

Also called: path-wise regularization, path regularization.
Departures: a bias is an edge from a further input that is always 1; the papers have none. A max-pooling hands on the
    largest sum in its window, of the paths that may be taken at a time; an average over n has edges of weight 1/n.
Pitfalls: what is read is a chain (nn.Sequential, nested too) of linear layers, convolutions, ReLU, pooling, flattening
    and dropout; a batch norm that follows a layer is folded into it with its running statistics. Everything else is
    refused by name, residual nets and parametrized layers too. A product over many layers leaves float32: take
    `model.double()`.
Claim: for its margin, a net that fits 300 digits with random labels has more than twice the path norm of one that fits
    them with the right ones.
Peer: none packaged.

References:
    neyshabur2015norm: section 2 and 6, group norms and the path norm.
    neyshabur2015path: section 2, rescaling; section 4, the forward pass.
    neyshabur2017exploring: Figure 1, the norm over the margin as a capacity.
    neyshabur2015search: section 4, weight decay of two layers as a sum of products of lengths.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NoReturn, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrize import is_parametrized

__all__ = ["balance_", "path_norm"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_WEIGHTED = (nn.Linear, *_CONVOLUTIONS, *_TRANSPOSED)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_ON_POSITIVES = (nn.ReLU, nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_SHAPES_AND_MAXIMA = (
    nn.Flatten, nn.Unflatten, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
)  # fmt: skip
_AVERAGES = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip


def path_norm(model: nn.Module, x: Tensor, *, p: float = 2.0) -> Tensor:
    """Measure the size of all paths through a feed-forward net.

    Args:
        model: a chain of layers, as the card says; left as it is, in whichever mode.
        x: (B, ...) an input, of which only the shape counts.
        p: the exponent, at least 1.

    Returns:
        () in products of weights; its gradient reaches the parameters.

    Raises:
        ValueError: p is below 1, or there is no example.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
        >>> for parameter, value in zip(model.parameters(), (3.0, 2.0)):
        ...     _ = nn.init.constant_(parameter, value)
        >>> path_norm(model, torch.ones(1, 1)).item()  # two paths of 3 times 2: the root of 72
        8.485...
    """
    if not p >= 1 or len(x) == 0:
        raise ValueError(
            f"p must be at least 1, and x hold an example: p={p}, x of {tuple(x.shape)}; the papers take p=2."
        )
    chain = list(_chain(model))
    sums = torch.ones_like(x[:1], dtype=next(model.parameters(), x).dtype)
    for position, (path, part) in enumerate(chain):
        follower = chain[position + 1][1] if position + 1 < len(chain) else None
        if isinstance(part, _WEIGHTED):
            if is_parametrized(part):  # torch would put the powers back through the parametrization, in place
                _refuse(
                    path,
                    part,
                    "a layer must have a weight of its own (see parametrize.remove_parametrizations)",
                )
            sums = _layer(part, follower if isinstance(follower, _NORMS) else None, sums, p)
        elif isinstance(part, _NORMS):
            if position == 0 or not isinstance(chain[position - 1][1], _WEIGHTED):
                _refuse(path, part, "a batch norm must follow a linear layer or a convolution at once")
        elif isinstance(part, _AVERAGES):
            sums = _average(path, part, sums, p)
        elif isinstance(part, _SHAPES_AND_MAXIMA):
            sums = part(sums)
        elif not isinstance(part, _ON_POSITIVES):
            _refuse(path, part, "the paths through every part must be known")
    return sums.sum() ** (1 / p)


@torch.no_grad()
def balance_(model: nn.Module, *, tolerance: float = 1e-6, max_sweeps: int = 1000) -> None:
    """Rescale every hidden unit so that its incoming and outgoing weights are equally long; the function stays.

    One sweep over a chain disturbs what it has balanced before; sweeps go on until nothing changes. The sum of squares
    of the weights, biases of hidden units included, is then the least among all rescalings.

    Args:
        model: a chain of linear layers and convolutions with ReLU, pooling, flattening and dropout in between; changed
            in place. Units with nothing coming in, or nothing going out, are left alone.
        tolerance: up to which the lengths may differ, as a share.
        max_sweeps: where to give up.

    Raises:
        RuntimeError: the sweeps did not suffice.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
        >>> for parameter, value in zip(model.parameters(), (8.0, 2.0)):
        ...     _ = nn.init.constant_(parameter, value)
        >>> balance_(model)
        >>> [parameter.item() for parameter in model.parameters()]
        [4.0, 4.0]
    """
    layers: list[nn.Module] = []
    for path, part in _chain(model):
        if isinstance(part, (nn.Linear, *_CONVOLUTIONS)):
            if part in layers or is_parametrized(part):
                _refuse(path, part, "a layer must stand once, with a weight of its own, to be rescaled")
            layers.append(part)
        elif not isinstance(part, (*_ON_POSITIVES, *_SHAPES_AND_MAXIMA, *_AVERAGES)):
            _refuse(path, part, "a part between two layers must pass a factor on")
    worst = 0.0
    for _ in range(max_sweeps):
        worst = 0.0
        for first, second in pairwise(layers):
            worst = max(worst, _balance_pair_(first, second))
        if worst <= tolerance:
            return
    raise RuntimeError(
        f"the lengths must agree within {tolerance:g}: they differ by {worst:.3g} after {max_sweeps} sweeps; raise "
        "max_sweeps, or the tolerance to what the precision of the weights allows."
    )


def _chain(model: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The parts of nested nn.Sequential in the order in which they run, one that stands twice twice."""
    if type(model) is not nn.Sequential:
        yield path, model
        return
    for position, part in enumerate(model):
        yield from _chain(part, f"{path}.{position}" if path else str(position))


def _refuse(path: str, part: nn.Module, must: str) -> NoReturn:
    raise ValueError(
        f"{must}: {path or 'the model'} is a {type(part).__name__}; give a chain of linear layers, convolutions, ReLU, "
        "pooling, flattening and dropout."
    )


def _layer(layer: nn.Module, norm: nn.Module | None, sums: Tensor, p: float) -> Tensor:
    """Send sums over paths through a layer, the batch norm behind it folded in."""
    weight, bias = cast(Tensor, layer.weight), cast(Tensor | None, layer.bias)
    channels = -1 if isinstance(layer, nn.Linear) else 1
    if norm is not None:
        if not isinstance(norm.running_var, Tensor) or not isinstance(norm.running_mean, Tensor):
            raise ValueError(
                f"a batch norm must have running statistics to be folded: {norm} keeps none; make it with "
                "track_running_stats=True and run it in training."
            )
        scale = torch.rsqrt(norm.running_var + cast(float, norm.eps))
        shift = -norm.running_mean if bias is None else bias - norm.running_mean
        if norm.affine:
            scale = scale * cast(Tensor, norm.weight)
        bias = shift * scale + cast(Tensor, norm.bias) if norm.affine else shift * scale
        if isinstance(layer, _TRANSPOSED):
            groups = layer.groups  # (C_in, C_out / G, ...)
            weight = weight.unflatten(0, (groups, -1)) * _beside(
                scale.unflatten(0, (groups, 1, -1)), weight.dim() + 1
            )
            weight = weight.flatten(0, 1)
        else:
            weight = weight * _beside(scale, weight.dim())
    powers = {"weight": weight.abs() ** p}
    if layer.bias is not None:
        powers["bias"] = torch.zeros_like(cast(Tensor, layer.bias))
    after = functional_call(layer, powers, (sums,))
    if bias is None:
        return after
    trailing = 0 if channels == -1 else after.dim() - 2
    return after + (bias.abs() ** p).reshape(-1, *[1] * trailing)


def _beside(scale: Tensor, dims: int) -> Tensor:
    """Append dimensions, so that the last of the scale stands beside the channels."""
    return scale.reshape(*scale.shape, *[1] * (dims - scale.dim()))


def _average(path: str, part: nn.Module, sums: Tensor, p: float) -> Tensor:
    """An average over n has edges of 1/n, of which the powers are added: n^(1 - p) times the average."""
    after = cast(Tensor, part(sums))
    before_size, after_size = sums.shape[2:], after.shape[2:]
    if isinstance(part, nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d):
        kernel = part.kernel_size
        size = math.prod(kernel) if isinstance(kernel, tuple) else kernel ** len(after_size)
        padded = any(part.padding) if isinstance(part.padding, tuple) else part.padding
        plain = not padded and not part.ceil_mode and getattr(part, "divisor_override", None) is None
    else:
        size = math.prod(before_size) // math.prod(after_size)
        plain = all(a % b == 0 for a, b in zip(before_size, after_size, strict=True))
    if not plain:
        _refuse(path, part, "an average must run over windows of one size, without padding")
    return after * size ** (1 - p)


def _balance_pair_(first: nn.Module, second: nn.Module) -> float:
    """Balance the units between two layers; how far the worst was off, as a share."""
    weight, following = cast(Tensor, first.weight), cast(Tensor, second.weight)
    units = len(weight)
    if isinstance(second, nn.Linear):
        outgoing = following.unflatten(1, (units, -1)).transpose(0, 1)  # (units, F_out, places)
    else:
        outgoing = following.unflatten(0, (cast(int, second.groups), -1)).transpose(
            1, 2
        )  # (G, C_in / G, ...)
    counted = 1 if isinstance(second, nn.Linear) else 2
    squares_in = weight.flatten(1).square().sum(1)
    if first.bias is not None:
        squares_in = squares_in + cast(Tensor, first.bias).square()
    squares_out = outgoing.flatten(counted).square().sum(-1).flatten()
    living = (squares_in > 0) & (squares_out > 0)
    factor = (squares_out / squares_in).pow(0.25).where(living, 1.0)
    weight.mul_(factor.reshape(-1, *[1] * (weight.dim() - 1)))
    if first.bias is not None:
        cast(Tensor, first.bias).mul_(factor)
    outgoing.div_(factor.reshape(*outgoing.shape[:counted], *[1] * (outgoing.dim() - counted)))
    return float((factor.square() - 1).abs().max())
