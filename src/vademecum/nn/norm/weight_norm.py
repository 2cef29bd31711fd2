r"""Weight normalization: give each weight vector a length of its own, apart from its direction.

Use it where batch statistics do harm: recurrent nets, generative models, reinforcement learning. No example sees
another, and evaluation is training. By itself it does not fix the scale of the activations: `init_weight_norm_`
does so at the start, from one batch, and mean-only batch normalization keeps them centered afterwards.

$$ w = g \frac{v}{\|v\|}, \qquad
\nabla_g L = \frac{\nabla_w L \cdot v}{\|v\|}, \qquad
\nabla_v L = \frac{g}{\|v\|} \left(I - \frac{w w^\top}{\|w\|^2}\right) \nabla_w L $$

The gradient in v is orthogonal to v, so a step of plain gradient descent can only lengthen v: by $\sqrt{1 + c^2}$,
where c is the step's length over that of v. A longer v turns less: noisy gradients lower the learning rate.

The start from data, layer by layer, with mean and standard deviation over one batch:

$$ t = \frac{v \cdot x}{\|v\|}, \qquad
g \leftarrow \frac{1}{\sigma[t]}, \qquad b \leftarrow -\frac{\mu[t]}{\sigma[t]} $$

Also called: WN, weight-norm.
Departures: torch starts from the layer's own weight, v = w and g = |w|; the paper draws v and takes g and b from
    data, which `init_weight_norm_` does. Its pass runs in evaluation mode, so that dropout adds no variance.
Pitfalls: dim is the dimension that keeps its own lengths: 0 for linear layers and convolutions, 1 for transposed
    convolutions, whose weight is (C_in, C_out, ...). In torch dim=-1 means what dim=None means: one length for the
    whole weight. Weight decay on v changes the learning rate and not the function; on g it shrinks the weight.
Claim: with the start from data four layers of ReLUs learn the digits at a learning rate at which neither the
    plain net moves nor one that has weight normalization alone.
Peer: torch (ours is torch's function); none known for the start from data.

References:
    salimans2016weight: Eq. 2-4 in section 2, Eq. 5-6 and the deviation of v in section 3.
"""

from contextlib import ExitStack
from typing import cast
from warnings import warn

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm as weight_norm
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized

from vademecum._torch.modes import evaluating
from vademecum._torch.streams import same_streams

from .mean_only_batch_norm import MeanOnlyBatchNorm1d, MeanOnlyBatchNorm2d

__all__ = ["init_weight_norm_", "weight_norm"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)


def init_weight_norm_(
    model: nn.Module,
    batch: Tensor | tuple[Tensor, ...],
    *,
    std: float | None = 0.05,
    generator: torch.Generator | None = None,
) -> tuple[str, ...]:
    """Start a weight-normalized model from data: every unit gets mean 0 and variance 1 on one batch.

    One forward pass: when it reaches a layer, the layer's g and b are set and its new output goes on, so that deeper
    layers see inputs that are already in scale. A layer that is called again keeps what its first call set; one
    without a bias keeps its mean; mean-only batch normalizations take the batch's mean as their running mean.

    Args:
        model: holds linear layers or convolutions under `weight_norm`; changed in place, but for its modes and
            gradients. The pass runs in evaluation mode and leaves the random streams as they were.
        batch: what the model is called with; a tuple for several inputs.
        std: standard deviation of v, which is drawn anew; None keeps the v that is there.
        generator: of the draw.

    Returns:
        Paths of the layers that were set, in the order of the pass.

    Raises:
        ValueError: no layer has weight normalization, one cannot be started from data, or a unit gives the same
            value everywhere. The layers that come before it in the pass are set then; call again.

    Warns:
        RuntimeWarning: the pass does not reach some layer; its g and b stay as they were.

    Example:
        >>> layer = weight_norm(nn.Linear(1, 1))
        >>> init_weight_norm_(nn.Sequential(layer), torch.tensor([[1.0], [3.0], [5.0], [7.0]]))
        ('0',)
        >>> layer.weight.abs().item()  # the deviation of 1, 3, 5, 7 is the root of 5
        0.4472...
    """
    layers = _layers(model)
    if not layers:
        raise ValueError(
            f"the model must hold weight-normalized layers: {type(model).__name__} holds none; "
            "call torch.nn.utils.parametrizations.weight_norm on its layers first."
        )
    reached: list[str] = []

    def start(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        path = layers[layer]
        if path not in reached:
            _start(layer, inputs, path)
            reached.append(path)

    def center(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(norm.running_mean, Tensor):
            norm.running_mean.copy_(inputs[0].mean([0, *range(2, inputs[0].dim())]))

    with torch.no_grad(), evaluating(model), ExitStack() as stack:
        if std is not None:
            for layer in layers:
                nn.init.normal_(_lengths_and_directions(layer)[1], 0.0, std, generator=generator)
        for part in model.modules():
            if part in layers:
                stack.callback(part.register_forward_pre_hook(start).remove)
            elif isinstance(part, MeanOnlyBatchNorm1d | MeanOnlyBatchNorm2d):
                stack.callback(part.register_forward_pre_hook(center).remove)
        stack.enter_context(same_streams())
        model(*batch) if isinstance(batch, tuple) else model(batch)
    if missed := [path for path in layers.values() if path not in reached]:
        warn(
            f"these layers are not reached in evaluation mode and keep their g and b: {missed}",
            RuntimeWarning,
            stacklevel=2,
        )
    return tuple(reached)


def _steps(layer: nn.Module, name: str) -> ParametrizationList:
    return cast(ParametrizationList, cast(nn.ModuleDict, layer.parametrizations)[name])


def _lengths_and_directions(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """The parameters g and v."""
    steps = _steps(layer, "weight")
    return cast(Tensor, steps.original0), cast(Tensor, steps.original1)


def _layers(model: nn.Module) -> dict[nn.Module, str]:
    """Find the weight-normalized layers; refuse those that cannot be started from data."""
    kind = type(_steps(weight_norm(nn.Linear(1, 1, device="meta")), "weight")[0])
    found: dict[nn.Module, str] = {}
    for path, part in model.named_modules():
        if not is_parametrized(part):
            continue
        label = f"{path or 'the model'} ({type(part).__name__})"
        for name in cast(nn.ModuleDict, part.parametrizations):
            steps = _steps(part, name)
            if not any(isinstance(step, kind) for step in steps):
                continue
            if name != "weight" or len(steps) > 1 or not isinstance(part, (nn.Linear, *_CONVOLUTIONS)):
                raise ValueError(
                    "only the weight of a linear layer or a convolution, with no other parametrization, can be "
                    f"started from data: {label} has weight_norm on {name}; add it after the start."
                )
            dim, units = _units(part)
            g, _ = _lengths_and_directions(part)
            if g.dim() == 0 or g.numel() != units or g.shape[dim] != units:
                raise ValueError(
                    f"each of the {units} output units must have its own length: g of {label} is {tuple(g.shape)}; "
                    f"use weight_norm(layer, dim={dim}), without groups in a transposed convolution."
                )
            found[part] = path
    return found


def _units(layer: nn.Module) -> tuple[int, int]:
    """The dimension of the weight that runs over output units, and their number."""
    if isinstance(layer, nn.Linear):
        return 0, layer.out_features
    return int(isinstance(layer, _TRANSPOSED)), cast(int, layer.out_channels)


def _start(layer: nn.Module, inputs: tuple[Tensor, ...], path: str) -> None:
    """Eq. 5 and 6 for one layer."""
    g, _ = _lengths_and_directions(layer)
    bias = layer.bias
    g.fill_(1.0)
    if isinstance(bias, Tensor):
        bias.zero_()
    t = layer.forward(*inputs)  # not layer(...): that would come back here
    channels = -1 if isinstance(layer, nn.Linear) else 1 - cast(Tensor, layer.weight).dim()
    rows = t.movedim(channels, 0).flatten(1)
    sigma, mu = torch.std_mean(rows, dim=1, correction=0)
    constant = ~(sigma > 4 * torch.finfo(rows.dtype).eps * rows.abs().amax(1))
    if bool(constant.any()):
        raise ValueError(
            f"every unit must vary over the batch: {int(constant.sum())} of the {len(sigma)} units of "
            f"{path or 'the model'} ({type(layer).__name__}) do not, with an input of {tuple(inputs[0].shape)}; "
            "give a larger batch, and inputs that vary."
        )
    g.copy_((1 / sigma).reshape(g.shape))
    if isinstance(bias, Tensor):
        bias.copy_(-mu / sigma)
