"""Laws of the norm of a convolution: everything against the dense matrix, written out entry by entry."""

from collections.abc import Iterator
from itertools import product
from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.nn.norm.convolution_norm import convolution_norm

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


def matrix(
    weight: Tensor,
    size: tuple[int, ...],
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    circular: int = False,
) -> Tensor:
    """The convolution as a matrix (C_out * outputs, C_in * inputs); a circular one has as many outputs as inputs."""
    channels_out, share, *kernel = weight.shape
    outputs = (
        size
        if circular
        else [(n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(size, kernel)]
    )
    columns = {
        place: column for column, place in enumerate(product(range(share * groups), *map(range, size)))
    }
    rows = list(product(range(channels_out), *map(range, outputs)))
    row_of, column_of, tap_of = [], [], []
    for row, (o, *place) in enumerate(rows):
        for i, *tap in product(range(share), *map(range, kernel)):
            pixel = [stride * p + dilation * k - padding for p, k in zip(place, tap)]
            if circular:
                pixel = [q % n for q, n in zip(pixel, size)]
            column = columns.get((o // (channels_out // groups) * share + i, *pixel))
            if column is not None:  # otherwise the tap reads the zeros outside
                row_of.append(row)
                column_of.append(column)
                tap_of.append((o, i, *tap))
    taps = torch.stack([weight[tap] for tap in tap_of])
    places = (torch.tensor(row_of), torch.tensor(column_of))
    return weight.new_zeros(len(rows), len(columns)).index_put(places, taps, accumulate=True)


def largest(dense: Tensor) -> Tensor:
    return torch.linalg.svdvals(dense)[0]


def convolution(draw: Draw, *, kernel: int = 3, **arguments) -> Any:
    """A convolution with drawn weight and bias, for images of the drawn shape (C, ...)."""
    conv = (
        CONVOLUTIONS[len(draw.shape) - 1](draw.shape[0], 2, kernel, **arguments)
        .to(draw.dtype)
        .requires_grad_(False)
    )
    conv.weight.copy_(draw.normal(*conv.weight.shape, name="weight"))
    conv.bias.copy_(draw.normal(*conv.bias.shape, name="bias"))
    return conv


def it_is_the_norm_of_the_matrix(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.shape[1:]
    geometries: tuple[dict[str, int], ...] = (
        {"padding": 1},
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": 2},
        {"groups": 2, "padding": 1},
    )
    for geometry in geometries:
        conv = convolution(draw, **geometry)
        yield build(draw)(conv, input_size=size), largest(matrix(conv.weight, size, **geometry))


def transposed(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.shape[1:]
    conv = (
        TRANSPOSED[len(size)](draw.shape[0], 3, 3, stride=2, padding=1).to(draw.dtype).requires_grad_(False)
    )
    conv.weight.copy_(draw.normal(*conv.weight.shape, name="weight"))
    there = matrix(
        conv.weight, tuple(2 * n - 1 for n in size), stride=2, padding=1
    )  # what it is the transpose of
    yield build(draw)(conv, input_size=size), largest(there.T)


def box_on_a_line(build: Build, draw: Draw) -> Iterator[Pair]:
    for pixels in (2, 3, 5):
        conv = nn.Conv1d(1, 1, 3, padding=1).to(draw.dtype).requires_grad_(False)
        conv.weight.fill_(-0.5)
        want = torch.tensor(0.5 * (1 + 2 * cos(pi / (pixels + 1))), dtype=draw.dtype)
        yield build(draw)(conv, input_size=(pixels,)), want


def fft_is_the_circulant(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.shape[1:]
    for geometry in ({"kernel": 3}, {"kernel": 3, "groups": 2}, {"kernel": 2, "dilation": 3}, {"kernel": 7}):
        conv = convolution(draw, **geometry)
        del geometry["kernel"]
        yield (
            build(draw)(conv, input_size=size),
            largest(matrix(conv.weight, size, circular=True, **geometry)),
        )


def zeros_within_a_larger_circle(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.shape[1:]
    conv = convolution(draw, padding=1)
    zeros = largest(matrix(conv.weight, size, padding=1))
    excess = (zeros - build(draw)(conv, input_size=tuple(n + 1 for n in size))).clamp_min(0)
    yield excess, torch.zeros_like(excess)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.shape[1:]
    conv = convolution(draw, padding=1)
    circular = draw.arguments["method"] == "fft"
    leaf = conv.weight.clone().requires_grad_()
    geometry = {"circular": True} if circular else {"padding": 1}
    (want,) = torch.autograd.grad(largest(matrix(leaf, size, **geometry)), leaf)
    conv.weight.requires_grad_()
    (got,) = torch.autograd.grad(build(draw)(conv, input_size=size), conv.weight)
    yield got, want


def bound_is_no_less(build: Build, draw: Draw) -> Iterator[Pair]:
    size = tuple(n + 2 for n in draw.shape[1:])
    for geometry in (
        {"padding": 1},
        {"padding": 2},
        {"stride": 2, "padding": 1},
        {"stride": 2, "dilation": 2},
        {"groups": 2},
    ):
        conv = convolution(draw, **geometry)
        conv.weight.abs_()  # all of one sign: far from what the kernel's matrix says
        excess = (
            largest(matrix(conv.weight, size, **geometry)) - build(draw)(conv, input_size=size)
        ).clamp_min(0)
        yield excess, torch.zeros_like(excess)


def bound_without_overlap_is_the_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    size = tuple(4 for _ in draw.shape[1:])
    for kernel in (1, 2):
        conv = convolution(draw, kernel=kernel, stride=kernel)
        yield build(draw)(conv, input_size=size), largest(matrix(conv.weight, size, stride=kernel))


def bound_of_a_constant_kernel(build: Build, draw: Draw) -> Iterator[Pair]:
    for geometry in (
        {"padding": 1},
        {"stride": 2, "dilation": 2},
    ):  # the stride passes over what no tap reads
        conv = CONVOLUTIONS[len(draw.shape) - 1](1, 1, 3, **geometry).to(draw.dtype).requires_grad_(False)
        conv.weight.fill_(1.0)  # amplifies a constant image by the number of taps, away from the border
        yield build(draw)(conv), torch.tensor(3.0 ** len(draw.shape[1:]), dtype=draw.dtype)


def reshape_is_what_torch_divides_by(build: Build, draw: Draw) -> Iterator[Pair]:
    conv = convolution(draw, padding=1)
    yield build(draw)(conv), largest(torch.stack([row.flatten() for row in conv.weight]))
    back = TRANSPOSED[len(draw.shape) - 1](draw.shape[0], 3, 2).to(draw.dtype).requires_grad_(False)
    back.weight.copy_(draw.normal(*back.weight.shape, name="weight"))
    yield build(draw)(back), largest(torch.stack([back.weight[:, o].flatten() for o in range(3)]))


def scale(build: Build, draw: Draw) -> Iterator[Pair]:
    conv, size = convolution(draw, padding=1), draw.shape[1:]
    before = build(draw)(conv, input_size=size)
    conv.weight.mul_(-10)
    yield build(draw)(conv, input_size=size), 10 * before


def rebuilt(conv: nn.Module, **changed) -> nn.Module:
    """A copy with other arguments, for twins."""
    names = ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    new = type(conv)(
        conv.in_channels, conv.out_channels, **{**{n: getattr(conv, n) for n in names}, **changed}, bias=False
    )
    new.weight = conv.weight
    return new


def right(conv, input_size, method, **arguments):
    return convolution_norm(
        conv, input_size=input_size, method=method, generator=torch.Generator().manual_seed(0), **arguments
    )


def kernel_for_everything(conv, *, input_size=None, method="lanczos"):
    return right(conv, None, "reshape")


def circle_for_zeros(conv, *, input_size=None, method="lanczos"):
    if method != "lanczos" or isinstance(conv, tuple(TRANSPOSED.values())):
        return right(conv, input_size, method)
    return right(rebuilt(conv, padding_mode="circular"), input_size, method)


def forgets_stride(conv, *, input_size=None, method="lanczos"):
    if isinstance(conv, tuple(TRANSPOSED.values())):
        return right(conv, input_size, method)
    return right(rebuilt(conv, stride=1), input_size, method)


def forgets_dilation(conv, *, input_size=None, method="lanczos"):
    return right(rebuilt(conv, dilation=1), input_size, method)


def square(conv, *, input_size=None, method="lanczos"):
    return right(conv, input_size, method).square()


def with_bias(conv, *, input_size=None, method="lanczos"):
    if method != "lanczos":
        return right(conv, input_size, method)
    x = torch.randn(
        1, conv.in_channels, *input_size, generator=torch.Generator().manual_seed(0), dtype=conv.weight.dtype
    )
    for _ in range(100):
        y, transpose, *_ = torch.func.vjp(conv, x / x.norm())
        (x,) = transpose(y)
    return conv(x / x.norm()).norm()


def one_step(conv, *, input_size=None, method="lanczos"):
    return right(conv, input_size, method, steps=1)


def frobenius(conv, *, input_size=None, method="lanczos"):
    return conv.weight.norm()


def stopped(conv, *, input_size=None, method="lanczos"):
    return right(conv, input_size, method).detach().requires_grad_() + 0 * conv.weight.sum()


def cropped(conv, *, input_size=None, method="lanczos"):
    if method != "fft":
        return right(conv, input_size, method)
    image = torch.fft.fftn(conv.weight, s=input_size, dim=list(range(2, conv.weight.dim())))
    return torch.linalg.matrix_norm(image.movedim((0, 1), (-2, -1)), 2).amax()


def root_of_one_side(conv, *, input_size=None, method="lanczos"):
    if method != "bound":
        return right(conv, input_size, method)
    return right(conv, None, "reshape") * conv.kernel_size[0] ** 0.5


def rows_of_inputs(conv, *, input_size=None, method="lanczos"):
    if method != "reshape":
        return right(conv, input_size, method)
    return torch.linalg.matrix_norm(conv.weight.flatten(1), 2)


def of(*methods: str):
    return lambda arguments: arguments["method"] in methods


SUITES = (
    Suite(
        technique="convolution_norm",
        part="convolution_norm",
        subjects={"convolution_norm": convolution_norm},
        interface=Interface(kind="function", inputs=("conv",), arguments=("method",), defaults={"method": "lanczos"}),
        cases=({"method": "lanczos"}, {"method": "fft"}, {"method": "bound"}, {"method": "reshape"}),
        shapes=lambda a: ((2, 5), (2, 3, 4)),
        laws=(
            Law("it_is_the_norm_of_the_matrix", "With zero padding, stride, dilation and groups: the largest singular value of the dense matrix.", it_is_the_norm_of_the_matrix, cases=of("lanczos")),
            Law("transposed", "A transposed convolution has the norm of the convolution that it transposes.", transposed, cases=of("lanczos")),
            Law("box_on_a_line", r"A kernel of three equal taps a on n pixels with zeros outside: $$ |a| \left(1 + 2 \cos \frac{\pi}{n + 1}\right) $$", box_on_a_line, cases=of("lanczos")),
            Law("fft_is_the_circulant", "The largest singular value of the dense circulant matrix; a large kernel wraps around.", fft_is_the_circulant, cases=of("fft")),
            Law("zeros_within_a_larger_circle", "With zero padding p on size n, at most the circular norm on size n + p.", zeros_within_a_larger_circle, cases=of("fft")),
            Law("gradient", r"$$ \partial \sigma / \partial A = u v^\top $$", gradient, {torch.float64: 1e-5}, of("lanczos", "fft")),
            Law("bound_is_no_less", "No image is amplified by more than the bound, at any stride and dilation.", bound_is_no_less, cases=of("bound")),
            Law("bound_without_overlap_is_the_norm", "Where the stride is the kernel's size, the bound is the norm.", bound_without_overlap_is_the_norm, cases=of("bound")),
            Law("bound_of_a_constant_kernel", "A kernel of ones is bounded by its number of taps.", bound_of_a_constant_kernel, cases=of("bound")),
            Law("reshape_is_what_torch_divides_by", "One row for each output channel; in a transposed convolution dimension 1 holds them.", reshape_is_what_torch_divides_by, cases=of("reshape")),
            Law("scale", r"$$ \|c K\| = |c| \|K\| $$", scale),
        ),
        twins=(
            Twin("kernel_for_everything", kernel_for_everything, "you take the norm of the kernel as a matrix for that of the convolution."),
            Twin("circle_for_zeros", circle_for_zeros, "you pad circularly; the layer pads with zeros."),
            Twin("forgets_stride", forgets_stride, "your convolution has stride 1; the layer's stride leaves outputs out."),
            Twin("forgets_dilation", forgets_dilation, "your convolution forgets the dilation."),
            Twin("square", square, "you return the eigenvalue of A^T A; the norm is its root."),
            Twin("with_bias", with_bias, "your iteration runs with the bias; only the linear part has a norm."),
            Twin("one_step", one_step, "you stop after one step; a random start needs many."),
            Twin("frobenius", frobenius, "you return the Frobenius norm of the kernel."),
            Twin("stopped", stopped, "your norm is cut off from the gradient."),
            Twin("cropped", cropped, "your Fourier transform takes no dilation, no groups, and crops kernels larger than the image; they wrap around."),
            Twin("root_of_one_side", root_of_one_side, "your bound takes the root of one side of the kernel; the number of taps that may meet a pixel belongs under it."),
            Twin("rows_of_inputs", rows_of_inputs, "your rows are input channels in a transposed convolution; its output channels are dimension 1."),
        ),
    ),
)  # fmt: skip
