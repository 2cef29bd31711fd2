"""Laws of the convolution as a matrix, entry by entry, and of its unshared sibling."""

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.conv.conv_matrix import LocallyConnected2d, conv_as_matrix

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

FORMS = (
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
    {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
    {"kernel_size": 2, "dilation": 2, "groups": 2},
)


def conv(draw: Draw, *, outputs: int = 4, **form) -> nn.Conv2d:
    made = nn.Conv2d(draw.shape[1], outputs, **form).to(draw.dtype)
    with torch.no_grad():
        made.weight.copy_(draw.normal(*made.weight.shape, name="weight"))
        made.bias.copy_(draw.normal(outputs, name="bias"))
    return made


def pairs(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def entry_by_entry(c: nn.Conv2d, shape: tuple[int, int, int]) -> Tensor:
    """Which weight ties which output to which input."""
    channels, height, width = shape
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (
        pairs(v) for v in (c.kernel_size, c.stride, c.padding, c.dilation)
    )
    rows = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    columns = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    each = channels // c.groups
    matrix = torch.zeros(c.out_channels, rows, columns, *shape, dtype=torch.float64)
    for o in range(c.out_channels):
        group = o // (c.out_channels // c.groups)
        for i in range(rows):
            for j in range(columns):
                for ci in range(each):
                    for u in range(kh):
                        for v in range(kw):
                            y, x = i * sh + u * dh - ph, j * sw + v * dw - pw
                            if c.padding_mode == "circular":
                                y, x = y % height, x % width
                            if 0 <= y < height and 0 <= x < width:
                                weight = c.weight[o, ci, u, v]
                                matrix[o, i, j, group * each + ci, y, x] += float(weight.detach())
    return matrix.reshape(c.out_channels * rows * columns, prod(shape))


def entries(build: Build, draw: Draw) -> Iterator[Pair]:
    for form in FORMS:
        c = conv(draw, **form)
        yield build(draw)(c, tuple(draw.shape[1:])).detach(), entry_by_entry(c, tuple(draw.shape[1:]))


def matrix_times_input(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    for form in FORMS:
        c = conv(draw, **form)
        linear = (c(x) - c.bias[:, None, None]).flatten(1).detach()
        yield (x.flatten(1) @ build(draw)(c, tuple(draw.shape[1:])).T).detach(), linear


def toeplitz(build: Build, draw: Draw) -> Iterator[Pair]:
    """Without padding and stride, one channel: blocks are constant along diagonals, and so is each block."""
    height, width = draw.shape[2:]
    c = nn.Conv2d(1, 1, 2, bias=False).to(draw.dtype)
    with torch.no_grad():
        c.weight.copy_(draw.normal(1, 1, 2, 2, name="weight"))
    m = build(draw)(c, (1, height, width)).detach().reshape(height - 1, width - 1, height, width)
    yield m[1:, :, 1:], m[:-1, :, :-1]
    yield m[:, 1:, :, 1:], m[:, :-1, :, :-1]
    yield m[0, 0, :2, :2], c.weight[0, 0].detach()


def flipped(conv, input_shape):
    return conv_as_matrix(_like(conv, conv.weight.flip(-1, -2)), input_shape)


def _like(conv: nn.Conv2d, weight: Tensor) -> nn.Conv2d:
    new = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups,
        padding_mode=conv.padding_mode, bias=False,
    ).to(weight.dtype)  # fmt: skip
    new.weight = nn.Parameter(weight.detach().clone())
    return new


def transposed(conv, input_shape):
    return conv_as_matrix(conv, input_shape).T


def bias_inside(conv, input_shape):
    size = prod(input_shape)
    return conv(torch.eye(size, dtype=conv.weight.dtype).reshape(size, *input_shape)).flatten(1).T


def zeros_around(conv, input_shape):
    plain = _like(conv, conv.weight)
    plain.padding_mode = "zeros"
    return conv_as_matrix(plain, input_shape)


def no_stride(conv, input_shape):
    plain = _like(conv, conv.weight)
    plain.stride = (1, 1)
    return conv_as_matrix(plain, input_shape)


def local(build: Build, draw: Draw):
    channels, height, width = draw.shape[1:]
    layer = build(draw, in_channels=channels, out_channels=3, input_size=(height, width))
    return layer.fill(draw, "weight", "bias")


def kernel_of_each_position(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, x = local(build, draw), draw.normal()
    w, b = layer["weight"].detach().double(), layer["bias"].detach().double()
    kernel, stride, padding = (draw.arguments[name] for name in ("kernel_size", "stride", "padding"))
    padded = F.pad(x.double(), [padding] * 4)
    want = torch.empty(len(x), *b.shape, dtype=torch.float64)
    for i in range(b.shape[1]):
        for j in range(b.shape[2]):
            window = padded[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            for o in range(b.shape[0]):
                want[:, o, i, j] = b[o, i, j] + (window * w[o, :, :, :, i, j]).sum((1, 2, 3))
    yield layer(x).detach(), want


def shared_gradient_is_the_sum(build: Build, draw: Draw) -> Iterator[Pair]:
    """With equal weights it computes the convolution, whose gradient is the sum over its positions."""
    x = draw.normal()
    layer = local(build, draw)
    a = draw.arguments
    c = conv(draw, outputs=3, kernel_size=a["kernel_size"], stride=a["stride"], padding=a["padding"])
    with torch.no_grad():
        layer["weight"].copy_(c.weight[..., None, None].expand_as(layer["weight"]))
        layer["bias"].copy_(c.bias[:, None, None].expand_as(layer["bias"]))
    yield layer(x), c(x)
    upstream = draw.normal(*c(x).shape, name="upstream")
    own = torch.autograd.grad((layer(x) * upstream).sum(), [layer["weight"], layer["bias"]])
    shared = torch.autograd.grad((c(x) * upstream).sum(), [c.weight, c.bias])
    yield own[0].sum((-1, -2)), shared[0]
    yield own[1].sum((-1, -2)), shared[1]


class Local(nn.Module):
    """A locally connected layer with one thing wrong."""

    def __init__(self, in_channels, out_channels, input_size, kernel_size, stride=1, padding=0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        positions = [(n + 2 * padding - kernel_size) // stride + 1 for n in input_size]
        self.weight = nn.Parameter(
            torch.randn(out_channels, in_channels, kernel_size, kernel_size, *positions)
        )
        self.bias = nn.Parameter(torch.randn(out_channels, *positions))

    def windows(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size, self.stride
        return F.pad(x, [self.padding] * 4).unfold(2, k, s).unfold(3, k, s)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bchwuv,ocuvhw->bohw", self.windows(x), self.weight) + self.bias


class FirstKernelForAll(Local):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bchwuv,ocuv->bohw", self.windows(x), self.weight[..., 0, 0]) + self.bias


class SharedBias(Local):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bchwuv,ocuvhw->bohw", self.windows(x), self.weight) + self.bias.mean(
            (1, 2), keepdim=True
        )


class FlippedKernel(Local):
    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.flip(2, 3)
        return torch.einsum("bchwuv,ocuvhw->bohw", self.windows(x), weight) + self.bias


class AveragedGradient(Local):
    """Divides by the number of positions in the backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        n = self.bias[0].numel()
        weight = self.weight / n + (self.weight * (1 - 1 / n)).detach()
        return torch.einsum("bchwuv,ocuvhw->bohw", self.windows(x), weight) + self.bias


SUITES = (
    Suite(
        technique="conv_matrix",
        part="conv_as_matrix",
        subjects={"conv_as_matrix": conv_as_matrix},
        interface=Interface(kind="function", inputs=("conv", "input_shape")),
        cases=({},),
        shapes=lambda a: ((1, 2, 4, 4), (2, 2, 5, 4)),
        laws=(
            Law("entries", "Weight (c, u, v) of output (o, i, j) stands at input (c, si + ud - p, sj + vd - p).", entries, {torch.float64: 0.0, torch.float32: 0.0}),
            Law("matrix_times_input", r"$$ \text{conv}(x) = M x + b $$", matrix_times_input),
            Law("toeplitz", "One channel without padding: constant along the diagonals of blocks, and within blocks.", toeplitz, EXACT),
        ),
        twins=(
            Twin("flipped", flipped, "you flip the kernel; torch's convolution is a correlation."),
            Twin("transposed", transposed, "your matrix is that of the transposed convolution."),
            Twin("bias_inside", bias_inside, "the bias is in every entry of your matrix."),
            Twin("zeros_around", zeros_around, "your padding is always zeros."),
            Twin("no_stride", no_stride, "your stride is ignored."),
        ),
    ),
    Suite(
        technique="conv_matrix",
        part="LocallyConnected2d",
        subjects={"LocallyConnected2d": LocallyConnected2d},
        interface=Interface(
            kind="module",
            arguments=("in_channels", "out_channels", "input_size", "kernel_size", "stride", "padding"),
            defaults={"stride": 1, "padding": 0},
        ),
        cases=tuple(
            {"in_channels": 2, "out_channels": 3, "input_size": (4, 5), "kernel_size": k, "stride": s, "padding": p}
            for k, s, p in ((2, 1, 0), (3, 2, 1))
        ),
        shapes=lambda a: ((1, 2, 4, 5), (3, 2, 4, 5)),
        laws=(
            Law("kernel_of_each_position", r"$$ y_{oij} = b_{oij} + \sum_{cuv} w^{(ij)}_{ocuv} x_{c, si + u - p, sj + v - p} $$", kernel_of_each_position),
            Law("shared_gradient_is_the_sum", r"$$ \partial E / \partial w = \sum_{ij} \partial E / \partial w^{(ij)} $$", shared_gradient_is_the_sum),
        ),
        twins=(
            Twin("first_kernel_for_all", FirstKernelForAll, "one kernel serves all positions: that is a convolution."),
            Twin("shared_bias", SharedBias, "your bias is shared by the positions."),
            Twin("flipped_kernel", FlippedKernel, "you flip the kernels."),
            Twin("averaged_gradient", AveragedGradient, "your gradient is divided by the number of positions."),
        ),
    ),
)  # fmt: skip
