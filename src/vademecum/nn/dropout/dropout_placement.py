r"""Dropout placement: dropout goes after the large hidden layers, after their activation, and never after the last.

Use it on a net that fits its training part and not the validation part. Dropout with p leaves about (1 - p) of a
layer's width for each example: a wide layer has that to spare, a narrow one has not.

$$ \text{width left} \approx (1 - p) \cdot \text{width} $$

Also called: dropout on the fully connected layers.
Departures: the paper drops from the input and from every hidden layer of nets that are wide throughout; the width
    from which on a layer is large is a rule of thumb.
Pitfalls: what counts is the width, not the number of weights. In feature maps whole maps are dropped. Dropout right
    before batch normalization gives its running variance another scale than evaluation has: it goes after the norm
    where the norm comes next. A net with dropout takes longer to train: give early stopping more patience.
Claim: on 200 digits dropout raises the test loss of a net with layers of width 16 by more than a quarter, and that of
    one with layers of width 512 by less than a tenth; that it lowers the latter holds at most seeds and not at all.
Peer: none.

References:
    srivastava2014dropout: section 7.4 on the data's size, appendix A.1 on the width.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from vademecum._torch.surgery import replaced

from ._checks import probability
from ._flow import LINEAR, Flow, is_relu

__all__ = ["insert_dropout"]

_ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.LogSigmoid,
    nn.Tanhshrink, nn.Threshold, nn.GLU,
)  # fmt: skip
_NORMS = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.GroupNorm, nn.LayerNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d,
)  # fmt: skip
_CURVES = (
    F.gelu, F.silu, F.mish, F.elu, F.selu, F.celu, F.leaky_relu, F.softplus, F.hardswish, F.glu, F.sigmoid, F.tanh,
    torch.sigmoid, torch.tanh, torch.selu, torch.celu, "sigmoid", "tanh",
)  # fmt: skip
"""Activations that are functions: nothing can be put behind them, and dropout before them is another thing."""

_DROPOUT_OF = {2: nn.Dropout, 3: nn.Dropout1d, 4: nn.Dropout2d, 5: nn.Dropout3d}
"""By the dimensions of the weight: a linear layer loses values, a convolution whole maps."""


def insert_dropout(
    model: nn.Module, p: float = 0.5, *, min_width: int = 256
) -> tuple[nn.Module, tuple[str, ...]]:
    """Put dropout after the large hidden layers that have none.

    A large layer is a linear layer or a convolution with at least `min_width` outputs, with another layer after it.
    The dropout comes after its norm and activation: `torch.nn.Dropout` after a linear layer, `Dropout1d` to
    `Dropout3d` after a convolution. The part that it follows becomes a Sequential of that part and the dropout, so
    the parameters keep their names where that part is an activation without parameters; otherwise ".0" is put in. In
    evaluation the copy computes what the model computes, and where called on its own result it finds nothing to do.

    Args:
        model: left as it is. No branch of its forward pass may depend on the data.
        p: probability of dropping.
        min_width: outputs from which on a layer is large.

    Returns:
        The copy, and the paths (in the model) after which dropout was put.

    Raises:
        ValueError: p is no probability, the model cannot be traced, or a large layer feeds a function where only a
            part could be followed by dropout.

    Example:
        >>> model = nn.Sequential(nn.Linear(8, 512), nn.ReLU(), nn.Linear(512, 512))
        >>> new, places = insert_dropout(model)
        >>> places
        ('1',)
        >>> new[1]
        Sequential(
          (0): ReLU()
          (1): Dropout(p=0.5, inplace=False)
        )
        >>> insert_dropout(new)[1]
        ()
    """
    probability(p)
    flow = Flow(model, instead="put the dropout in by hand.")
    found: dict[str, nn.Module] = {}
    for node, layer in flow.calls(LINEAR):
        width = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        if width >= min_width and _feeds_a_layer(flow, node) and not _drops(flow, node):
            place, obstacle = _place(flow, node)
            if obstacle:
                raise ValueError(obstacle)
            found[place] = _DROPOUT_OF[layer.weight.dim()](p)

    def change(path: str, part: nn.Module) -> nn.Module | None:
        return nn.Sequential(part, found[path]) if path in found else None

    return replaced(model, change), tuple(found)


def _is_layer(part: nn.Module | None) -> bool:
    """Whether a part has a matrix or kernel among its parameters."""
    return part is not None and any(p.dim() > 1 for p in part.parameters())


def _after(flow: Flow, start: fx.Node) -> Iterator[tuple[fx.Node, nn.Module | None]]:
    """Walk over what comes after an operation, up to and with the next layers."""
    ahead, seen = list(start.users), set()
    while ahead:
        node = ahead.pop()
        if node not in seen:
            seen.add(node)
            part = flow.part(node)
            yield node, part
            if not _is_layer(part):
                ahead += node.users


def _feeds_a_layer(flow: Flow, node: fx.Node) -> bool:
    return any(_is_layer(part) for _, part in _after(flow, node))


def _drops(flow: Flow, node: fx.Node) -> bool:
    """Whether dropout of any make comes before the next layers: known by its name, as a part or a function."""
    return any(
        "drop" in type(part).__name__.lower() or "drop" in getattr(user.target, "__name__", "")
        for user, part in _after(flow, node)
    )


def _place(flow: Flow, layer: fx.Node) -> tuple[str, str]:
    """Find the part after which the dropout goes, the last of layer, norm and activation; or say why there is none."""
    place, node = str(layer.target), layer
    while len(node.users) == 1:
        node = next(iter(node.users))
        part: Any = flow.part(node)
        if isinstance(part, (*_ACTIVATIONS, *_NORMS)) and flow.uses[str(node.target)] == 1:
            place = str(node.target)
        elif is_relu(node, part):
            pass  # dropout before a rectifier is dropout after it
        elif isinstance(part, (*_ACTIVATIONS, *_NORMS)) or node.target in _CURVES:
            why = "is used in several places" if part is not None else "is a function"
            return "", (
                f"an activation must be a part of its own for dropout to follow it: {flow.name(node)} after "
                f"{flow.name(layer)} {why}; give the model a module for this place."
            )
        else:
            break
    return place, ""
