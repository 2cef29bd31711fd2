"""Which layers have weights to initialize, and how many numbers meet in one of their outputs."""

from math import prod
from typing import get_args

from torch import nn

from vademecum.nn.activation import Maxout, Maxout2d

_Convolution = (
    nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
)
LAYERS: tuple[type[nn.Module], ...] = (nn.Linear, *get_args(_Convolution), Maxout, Maxout2d)
"""The layers that compute a weighted sum of their input."""


def fans(layer: nn.Module) -> tuple[int, int]:
    """Count the inputs that one output sums up, and the outputs that one input enters.

    Groups are counted on both sides (torch's own fan_out does not know them), a transposed convolution has its
    two fans the right way round (torch's are swapped). A stride is not counted, as in the papers.

    Args:
        layer: one of `LAYERS`.

    Returns:
        fan_in and fan_out. The pieces of a maxout unit count as one output.

    Raises:
        TypeError: it is another layer.

    Example:
        >>> fans(nn.Linear(5, 3))
        (5, 3)
        >>> fans(nn.Conv2d(8, 8, 3, groups=8))  # depthwise: 9 numbers meet
        (9, 9)
        >>> fans(nn.ConvTranspose2d(4, 16, 2))
        (16, 64)
    """
    if isinstance(layer, nn.Linear | Maxout):
        return layer.in_features, layer.out_features
    if isinstance(layer, Maxout2d):
        return layer.in_channels * prod(layer.kernel_size), layer.out_channels * prod(layer.kernel_size)
    if isinstance(layer, _Convolution):
        window = prod(layer.kernel_size)
        return layer.in_channels // layer.groups * window, layer.out_channels // layer.groups * window
    raise TypeError(
        f"fans are counted for layers that sum weighted inputs: {type(layer).__name__} is none; "
        f"pass one of {', '.join(kind.__name__ for kind in LAYERS)}."
    )
