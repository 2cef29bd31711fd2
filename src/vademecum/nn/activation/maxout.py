r"""Maxout: the largest of several linear functions of the input.

A layer and its activation in one: each unit learns a convex, piecewise linear function. Nothing saturates and
nothing dies, at the price of `pieces` times the parameters. Made to be used with dropout.

$$ h_i(x) = \max_{j = 1 \ldots k} \left( W_{ij} \cdot x + b_{ij} \right) $$

With two pieces of which one is zero it is the rectifier, with two opposite ones the absolute value, with one a
linear layer.

Also called: maxout unit, maxout network.
Departures: the paper's convolutional form takes the maximum over k feature maps of one convolution, as `Maxout2d` does.
    Weights start as those of torch's linear layer; `vademecum.nn.init.initialize_` starts them by the number of pieces.
Pitfalls: the maximum of centered pieces is not centered: with two its mean is 0.56 deviations. Its mean square grows
    with the pieces beyond two, and the gain must fall with it. Only the piece that wins gets a gradient.
Claim: with dropout and equal parameters not worse on the digits than ReLU by more than 0.01; the paper's gain
    is within the noise there.
Peer: none in torch.nn.

References:
    goodfellow2013maxout: section 3.
"""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Maxout", "Maxout2d"]


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be positive: it is {count}; give at least 1.")


class _Pieces(nn.Module):
    """Weights (out, pieces, *window of the input) and biases (out, pieces)."""

    def __init__(self, out: int, pieces: int, window: tuple[int, ...], bias: bool) -> None:
        super().__init__()
        self.pieces = pieces
        self.weight = nn.Parameter(torch.empty(out, pieces, *window))
        self.bias = nn.Parameter(torch.empty(out, pieces)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, as torch's linear layer does."""
        bound = prod(self.weight.shape[2:]) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def flat(self) -> tuple[Tensor, Tensor | None]:
        """Weights (out * pieces, ...) and biases (out * pieces,) for one linear map of all pieces."""
        return self.weight.flatten(0, 1), None if self.bias is None else self.bias.flatten()


class Maxout(_Pieces):
    """Maxout of linear functions.

    Args:
        in_features: F, numbers that come in.
        out_features: G, units.
        pieces: k, linear functions for each unit.
        bias: whether each linear function has a bias.

    Raises:
        ValueError: a count is not positive.

    Example:
        >>> layer = Maxout(1, 1, pieces=2)
        >>> with torch.no_grad():
        ...     _ = layer.weight.copy_(torch.tensor([[[1.0], [-1.0]]])), layer.bias.zero_()
        >>> layer(torch.tensor([[-3.0], [2.0]])).flatten().tolist()  # max(x, -x) = |x|
        [3.0, 2.0]
    """

    def __init__(self, in_features: int, out_features: int, pieces: int = 2, *, bias: bool = True) -> None:
        _check_counts(in_features=in_features, out_features=out_features, pieces=pieces)
        super().__init__(out_features, pieces, (in_features,), bias)
        self.in_features, self.out_features = in_features, out_features

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, pieces={self.pieces}"

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Take the largest piece.

        Args:
            input: (..., F).

        Returns:
            (..., G).
        """
        lines = F.linear(input, *self.flat()).unflatten(-1, (self.out_features, self.pieces))
        return lines.max(-1).values  # max, not amax: the whole gradient goes to one winner


class Maxout2d(_Pieces):
    """Maxout of convolutions: the largest of `pieces` feature maps at each place.

    Args:
        in_channels: C.
        out_channels: D, feature maps that come out.
        kernel_size: of the convolution, one number or (height, width).
        pieces: k, feature maps for each that comes out.
        stride: of the convolution.
        padding: of the convolution.
        bias: whether each convolution has a bias.

    Raises:
        ValueError: a count is not positive.

    Example:
        >>> Maxout2d(3, 5, 3, pieces=4, padding=1)(torch.ones(2, 3, 8, 8)).shape
        torch.Size([2, 5, 8, 8])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        pieces: int = 2,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        _check_counts(
            in_channels=in_channels, out_channels=out_channels, pieces=pieces, kernel_size=min(kernel)
        )
        super().__init__(out_channels, pieces, (in_channels, *kernel), bias)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.padding = kernel, stride, padding

    def extra_repr(self) -> str:
        """Show the sizes."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, pieces={self.pieces}"
        )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Take the largest map.

        Args:
            input: (B, C, H, W).

        Returns:
            (B, D, H', W').
        """
        weight, bias = self.flat()
        maps = F.conv2d(input, weight, bias, self.stride, self.padding)
        return maps.unflatten(1, (self.out_channels, self.pieces)).max(2).values
