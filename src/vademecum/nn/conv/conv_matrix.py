r"""Convolution as a matrix: sparse, and the same few weights in every row.

A convolution is a linear map whose matrix is full of zeros (local fields) and repeats its weights along diagonals
(shared weights): for one channel a Toeplitz matrix of Toeplitz blocks. `conv_as_matrix` writes it down;
`LocallyConnected2d` keeps the zeros and gives each position weights of its own.

$$ y_{o i j} = b_o + \sum_{c, u, v} w_{o c u v}\, x_{c,\, s i + u - p,\, s j + v - p}, \qquad
\frac{\partial E}{\partial w_{o c u v}} = \sum_{i, j} \frac{\partial E}{\partial w^{(i j)}_{o c u v}} $$

Shared weights get the sum of the gradients that weights of their own would get at each position. They make the map
follow a shift of its input, exactly so with circular padding and a stride of 1.

Also called: doubly blocked Toeplitz matrix, unshared convolution, locally connected layer.
Departures: torch's convolution is a correlation: the kernel is not flipped.
Pitfalls: the matrix has (C_out H' W') times (C_in H W) entries, for small maps only. Zero padding breaks the shift at
    the border. A locally connected layer has H' W' times the weights.
Claim: a net of circular convolutions with global pooling, trained on centered digits, is as accurate on digits that
    are shifted around; one that flattens its maps falls by more than 0.4 at a shift of two pixels in each direction.
Peer: none.

References:
    lecun1989backpropagation: feature maps with local fields and shared weights.
    bishop2006pattern: section 5.5.6, convolutional networks.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["LocallyConnected2d", "conv_as_matrix"]

_CONVOLUTIONS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip


def conv_as_matrix(conv: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """Write a convolution's linear part down as a matrix.

    Args:
        conv: one of torch's convolutions, of any stride, dilation, groups and padding; its bias is left out.
        input_shape: (C, H, W), or (C, T) or (C, D, H, W), of one example.

    Returns:
        (M, N) with ``conv(x).flatten() == matrix @ x.flatten() + bias``; differentiable in the weight.

    Raises:
        TypeError: the part is no convolution of torch's.
        ValueError: the shape does not fit.

    Example:
        >>> conv = nn.Conv1d(1, 1, 2, bias=False)
        >>> with torch.no_grad():
        ...     _ = conv.weight.copy_(torch.tensor([[[1.0, 2.0]]]))
        >>> conv_as_matrix(conv, (1, 4)).detach()
        tensor([[1., 2., 0., 0.],
                [0., 1., 2., 0.],
                [0., 0., 1., 2.]])
    """
    if not isinstance(conv, _CONVOLUTIONS):
        raise TypeError(f"conv must be one of torch's convolutions: it is {type(conv).__name__}.")
    if len(input_shape) != conv.weight.ndim - 1 or input_shape[0] != conv.in_channels:
        raise ValueError(
            f"input_shape must be {conv.in_channels} channels and {conv.weight.ndim - 2} sizes, without the batch: it "
            f"is {tuple(input_shape)}."
        )
    size = math.prod(input_shape)
    basis = torch.eye(size, dtype=conv.weight.dtype, device=conv.weight.device).reshape(size, *input_shape)
    state = {} if conv.bias is None else {"bias": torch.zeros_like(conv.bias)}
    return torch.func.functional_call(conv, state, basis).flatten(1).T


class LocallyConnected2d(nn.Module):
    """A convolution whose weights are not shared: each position of the output has a kernel and a bias of its own.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        input_size: (H, W) of the maps that come in, or one number for both.
        kernel_size: of the window, one number or (height, width).
        stride: of the window.
        padding: zeros on each side.
        bias: whether there is one, (C_out, H', W').

    Attributes:
        weight: (C_out, C_in, k_h, k_w, H', W').

    Raises:
        ValueError: an argument is out of its range, or the window does not fit.

    Example:
        >>> conv = nn.Conv2d(1, 2, 3)
        >>> local = LocallyConnected2d.from_conv(conv, (5, 5))
        >>> x = torch.arange(25.0).reshape(1, 1, 5, 5)
        >>> torch.testing.assert_close(local(x), conv(x))
        >>> local.weight.numel() // conv.weight.numel()  # 9 positions
        9
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: int | tuple[int, int],
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.input_size, self.kernel_size = _pair(input_size), _pair(kernel_size)
        self.stride, self.padding = _pair(stride), _pair(padding)
        if min(in_channels, out_channels, *self.kernel_size, *self.stride) < 1 or min(self.padding) < 0:
            raise ValueError(
                "channels, kernel_size and stride must be at least 1 and padding at least 0: they are "
                f"{in_channels}, {out_channels}, {kernel_size}, {stride} and {padding}."
            )
        free = [n + 2 * p - k for n, p, k in zip(self.input_size, self.padding, self.kernel_size)]
        if min(free) < 0:
            raise ValueError(
                f"the window must fit into the padded input: it is {self.kernel_size}, the input {self.input_size} "
                f"with a padding of {self.padding}."
            )
        self.output_size = tuple(f // s + 1 for f, s in zip(free, self.stride))
        self.in_channels, self.out_channels = in_channels, out_channels
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels, *self.kernel_size, *self.output_size)
        )
        self.bias = nn.Parameter(torch.empty(out_channels, *self.output_size)) if bias else None
        bound = (in_channels * math.prod(self.kernel_size)) ** -0.5  # as torch starts a convolution
        for tensor in self.parameters():
            nn.init.uniform_(tensor, -bound, bound)

    @classmethod
    def from_conv(cls, conv: nn.Conv2d, input_size: int | tuple[int, int]) -> "LocallyConnected2d":
        """Give every position its own copy of a convolution's weights.

        Args:
            conv: without groups and dilation, and with zeros for padding.
            input_size: (H, W) of the maps that come in.

        Returns:
            A layer that computes the same, in the type and on the device of the convolution.

        Raises:
            ValueError: the convolution has groups, a dilation or another padding.
        """
        if (
            conv.groups != 1
            or conv.dilation != (1, 1)
            or conv.padding_mode != "zeros"
            or isinstance(conv.padding, str)
        ):
            raise ValueError(
                "the convolution must have one group, no dilation and a number of zeros for padding: it has "
                f"groups={conv.groups}, dilation={conv.dilation}, padding={conv.padding!r} of {conv.padding_mode}."
            )
        size, stride, padding = (_pair(v) for v in (conv.kernel_size, conv.stride, conv.padding))
        has_bias = conv.bias is not None
        new = cls(
            conv.in_channels,
            conv.out_channels,
            input_size,
            size,
            stride=stride,
            padding=padding,
            bias=has_bias,
        )
        new.to(conv.weight)
        with torch.no_grad():
            new.weight.copy_(conv.weight[..., None, None].expand_as(new.weight))
            if new.bias is not None and conv.bias is not None:
                new.bias.copy_(conv.bias[:, None, None].expand_as(new.bias))
        return new

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Apply each position's kernel.

        Args:
            input: (B, C_in, H, W).

        Returns:
            (B, C_out, H', W').

        Raises:
            ValueError: the input has another shape than the layer was built for.
        """
        if input.ndim != 4 or input.shape[1:] != (self.in_channels, *self.input_size):
            raise ValueError(
                f"input must be (B, {self.in_channels}, {self.input_size[0]}, {self.input_size[1]}), the size that the "
                f"layer was built for: it is {tuple(input.shape)}."
            )
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        windows = F.pad(input, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)  # (B, C, H', W', kh, kw)
        output = torch.einsum("bchwuv,ocuvhw->bohw", windows, self.weight)
        return output if self.bias is None else output + self.bias

    def extra_repr(self) -> str:
        """Name the settings, for print.

        Returns:
            The settings as they are written in a call.
        """
        return (
            f"{self.in_channels}, {self.out_channels}, input_size={self.input_size}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, bias={self.bias is not None}"
        )


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
