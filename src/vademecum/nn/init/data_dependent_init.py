r"""Data-dependent initialization: run a batch, and divide each layer's weights by the deviation of its output.

For nets that no formula covers: unusual activations, branches, inputs that are not centered. It takes one forward pass,
in which each layer is set before the next one sees its output.

$$ W_l \leftarrow W_l / \sqrt{\mathrm{Var}(W_l x_l + b_l)}, \qquad l = 1, 2, \ldots, L $$

Also called: LSUV, layer-sequential unit variance.
Departures: the paper stops within 0.1 of unit variance, we within 0.01, which without biases one division reaches. The
    paper starts from orthonormal weights: so does `initialize_(model, "data_dependent")`; `calibrate_` alone takes
    the weights as they are. Parts that act in training only (dropout, batch statistics) are off meanwhile.
Pitfalls: the layers depend on the batch: give one that is standardized and shuffled, of some hundred examples. Biases
    are not touched, and large ones cannot be scaled away. A layer after batch normalization gains nothing.
Claim: twelve layers of ReLU, of tanh and of maxout learn the digits from it, and do not move from torch's own
    start.
Peer: none in torch; the authors' Caffe and PyTorch scripts (not run).

References:
    mishkin2016all: Algorithm 1.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from vademecum._torch.modes import evaluating
from vademecum._torch.streams import same_streams

from ._fan import LAYERS

__all__ = ["calibrate_"]


@torch.no_grad()
def calibrate_(
    model: nn.Module, batch: Tensor | tuple[Any, ...], *, tolerance: float = 0.01, steps: int = 10
) -> Mapping[str, float]:
    """Scale the weights of each layer, in the order of their calls, to unit variance of its output on a batch.

    Linear layers, convolutions and maxout layers are scaled; a layer that is called twice is scaled at its first
    call. The weights are changed in place, everything else is as before: mode, buffers, random streams. A layer
    whose output is constant on the batch, or cannot be brought to unit variance by its weight, is a ValueError that
    names it, and leaves all weights as they were.

    Args:
        model: changed in place.
        batch: the model's input, or a tuple of its positional inputs.
        tolerance: how far from 1 a variance may stay.
        steps: divisions at most for one layer; more than one is needed only where there are biases.

    Returns:
        The deviation of each layer's output as it was found, by path.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
        >>> with torch.no_grad():
        ...     _ = model[0].weight.fill_(4.0), model[1].weight.fill_(0.5)
        >>> calibrate_(model, torch.tensor([[-1.0], [1.0]]))
        {'0': 4.0, '1': 0.5}
        >>> model[0].weight.item(), model[1].weight.item()
        (1.0, 1.0)
    """
    found: dict[str, float] = {}
    before = [(parameter, parameter.clone()) for parameter in model.parameters()]

    def scale(path: str, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        if path in found:
            return output
        found[path] = _deviation(output)
        for _ in range(steps):
            deviation = _deviation(output)
            if abs(deviation**2 - 1) < tolerance:
                return output
            if not 0 < deviation < float("inf"):
                break
            _divide(path, layer, deviation)
            output = layer.forward(*inputs)
        if abs(_deviation(output) ** 2 - 1) < tolerance:
            return output
        raise ValueError(
            f"each layer's output must vary over the batch, and by its weight: {path!r} ({type(layer).__name__}) gives "
            f"{tuple(output.shape)} with deviation {_deviation(output):.3g} after at most {steps} divisions; give a "
            "larger, standardized batch, or set its biases to zero."
        )

    with ExitStack() as stack:
        stack.enter_context(same_streams())
        stack.enter_context(evaluating(model))
        for path, layer in model.named_modules():
            if isinstance(layer, LAYERS):

                def hook(
                    layer: nn.Module, inputs: tuple[Any, ...], output: Tensor, path: str = path
                ) -> Tensor:
                    return scale(path, layer, inputs, output)

                stack.callback(layer.register_forward_hook(hook).remove)
        try:
            model(*batch) if isinstance(batch, tuple) else model(batch)
        except BaseException:  # all layers or none
            for parameter, value in before:
                parameter.copy_(value)
            raise
    return found


def _deviation(output: Tensor) -> float:
    return float(output.double().std(unbiased=False)) if output.numel() else 0.0


def _divide(path: str, layer: nn.Module, deviation: float) -> None:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    if parametrize.is_parametrized(layer, "weight"):
        layer.weight = weight / deviation
        if not torch.allclose(layer.weight, weight / deviation, rtol=1e-3):
            raise ValueError(
                f"a weight must be free to change its scale: that of {path!r} ({type(layer).__name__}) has a "
                "parametrization that fixes it; remove the parametrization, calibrate, and put it back."
            )
    elif "weight" in dict(layer.named_parameters(recurse=False)):
        weight.div_(deviation)
    else:
        raise ValueError(
            f"a weight must be a parameter: that of {path!r} ({type(layer).__name__}) is computed by a hook; use "
            "torch.nn.utils.parametrizations in place of the older hooks."
        )
