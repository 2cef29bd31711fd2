r"""Norm of a convolution: how much it can amplify its input, as the linear map that it is.

A convolution is a large sparse matrix. Its largest singular value is not that of the kernel written as a
(C_out, C_in*H*W) matrix, which is what spectral normalization divides by. Use this to know a layer's true Lipschitz
constant.

With circular padding and stride 1 the Fourier transform takes the convolution apart: at each frequency a
C_out x C_in matrix is left, and the largest of their norms is the norm of the whole.

$$ \|K\| = \max_\omega \sigma\big(\hat K(\omega)\big), \qquad
\hat K(\omega)_{oi} = \sum_k K_{oik} \, e^{-\mathrm{i} \, \omega \cdot d k} $$

A bound needs the kernel alone. A pixel is read by at most m patches; the map to patches so has norm $\sqrt m$ at most,
and the kernel as a matrix does the rest. In a dimension with kernel k, stride s and dilation d, the taps that can meet
a given pixel lie s / gcd(s, d) apart:

$$ \|K\| \leq \sqrt{m} \; \sigma(K_{\text{matrix}}), \qquad m = \prod_i \lceil k_i \gcd(s_i, d_i) / s_i \rceil $$

At stride 1 that is the root of the kernel's size, which a constant kernel comes near to on large inputs; at a stride
equal to the kernel m = 1 and the bound is the norm.

Also called: operator norm of a convolution, spectral norm of a convolution.
Departures: the transform also takes dilation, groups, one and three dimensions, and kernels larger than the input,
    which wrap around.
Pitfalls: zero padding is not circular padding. The norm with zero padding p on inputs of size n is at most the
    circular norm on inputs of size n + p, not always that on size n. The Lanczos method comes from below: its
    figure is no bound from above. The true norm depends on the input's size, and grows with it.
Claim: under torch's spectral normalization a random 3 by 3 convolution amplifies an image by 1.5, one with a
    constant kernel by 2.9.
Peer: none in torch.

References:
    sedghi2019singular: the theorem on convolutions with several channels in section 2.
"""

from math import ceil, gcd, prod, sqrt
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vademecum._torch.modes import evaluating

__all__ = ["convolution_norm"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)
_METHODS = ("lanczos", "fft", "bound", "reshape")


def convolution_norm(
    conv: nn.Module,
    *,
    input_size: tuple[int, ...] | None = None,
    method: str = "lanczos",
    steps: int = 30,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Compute the largest singular value of a convolution as a linear map; its bias has no part in it.

    | method | gives | for |
    |---|---|---|
    | "lanczos" | the norm, from below | any convolution on inputs of the given size |
    | "fft" | the norm, exactly | stride 1, as if padded circularly, on inputs of the given size |
    | "bound" | at least the norm | zero padding on inputs of any size; circular padding that keeps the size or less |
    | "reshape" | what torch's `spectral_norm` divides by | any; not the norm, it may be smaller or larger |

    A gradient flows to the weight.

    Args:
        conv: a convolution or a transposed convolution, whose weight may be parametrized; left as it is.
        input_size: height and width (length, or depth, height and width) of the input; of the output for "fft" of a
            transposed convolution, which there is the same. Needed by "lanczos" and "fft".
        method: see the table.
        steps: of the Lanczos method, each with one convolution and one transposed one; it keeps as many images.
        generator: of the image that it starts from.

    Returns:
        () norm.

    Raises:
        ValueError: the module is no convolution, or the method does not know such a one or lacks the input's size.

    Example:
        >>> conv = nn.Conv1d(1, 1, kernel_size=3, padding=1, bias=False)
        >>> _ = nn.init.ones_(conv.weight)  # on two pixels it is the matrix of ones, whose norm is 2
        >>> for method in ("lanczos", "bound", "reshape"):
        ...     print(method, round(convolution_norm(conv, input_size=(2,), method=method).item(), 4))
        lanczos 2.0
        bound 3.0
        reshape 1.7321
    """
    if not isinstance(conv, _CONVOLUTIONS):
        raise ValueError(
            f"the module must be a convolution: {type(conv).__name__} is none; for a linear layer take "
            "torch.linalg.matrix_norm(layer.weight, 2)."
        )
    if method not in _METHODS:
        raise ValueError(
            f"the method must be one of {', '.join(_METHODS)}: method={method!r}; take one of these."
        )
    plain = _plain(conv)
    with evaluating(conv):  # in training mode, reading a spectrally normalized weight would move its vectors
        weight = conv.weight
    if weight.dtype in {torch.float16, torch.bfloat16}:
        weight = weight.float()
    if method == "reshape":
        return torch.linalg.matrix_norm(weight.movedim(int(plain.transposed), 0).flatten(1), 2)
    if method == "bound":
        return _bound(plain, weight)
    if input_size is None or len(input_size) != len(plain.kernel_size) or min(input_size) < 1:
        raise ValueError(
            f"method={method!r} needs the size of the input, {len(plain.kernel_size)} positive numbers: "
            f"input_size={input_size}; give it, or take method='bound'."
        )
    if method == "lanczos":
        return _lanczos(plain, weight, input_size, steps, generator)
    return _fourier(plain, weight, input_size)


def _plain(conv: nn.Module) -> Any:
    """Build the convolution anew, without bias, weight or parametrization."""
    names = [
        "in_channels",
        "out_channels",
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
    ]
    if isinstance(conv, _TRANSPOSED):
        names.append("output_padding")
    kind: type[Any] = next(kind for kind in _CONVOLUTIONS if isinstance(conv, kind))
    return kind(**{name: getattr(conv, name) for name in names}, bias=False, device="meta")


def _lanczos(
    plain: Any, weight: Tensor, size: tuple[int, ...], steps: int, generator: torch.Generator | None
) -> Tensor:
    """Lanczos: the best of all images in the span of x, A'Ax, (A'A)^2 x, ..., which holds power iteration's."""
    if steps < 1:
        raise ValueError(f"there must be a step to take: steps={steps}; give at least 1.")

    def convolve(x: Tensor) -> Tensor:
        return cast(Tensor, functional_call(plain, {"weight": weight.detach()}, (x[None],)))[0]

    x = torch.randn(plain.in_channels, *size, generator=generator, dtype=weight.dtype, device=weight.device)
    directions, outputs = [x / torch.linalg.vector_norm(x)], []
    while True:
        y, transpose, *_ = torch.func.vjp(convolve, directions[-1])
        outputs.append(y)
        if len(outputs) == steps:
            break
        (x,) = transpose(y)
        before = torch.linalg.vector_norm(x)
        for _ in range(2):  # once is not enough in floating point
            for direction in directions:
                x = x - (direction * x).sum() * direction
        length = torch.linalg.vector_norm(x)
        if length <= torch.finfo(x.dtype).eps ** 0.5 * before:
            break  # nothing new: the directions hold the best one
        directions.append(x / length)
    mix = torch.linalg.svd(torch.stack(outputs).flatten(1), full_matrices=False)[0][:, 0]
    best = torch.tensordot(mix, torch.stack(directions), 1)
    y = cast(Tensor, functional_call(plain, {"weight": weight}, (best[None],)))
    u = y.detach() / torch.linalg.vector_norm(y.detach()).clamp_min(torch.finfo(y.dtype).tiny)
    return (u * y).sum()


def _fourier(plain: Any, weight: Tensor, size: tuple[int, ...]) -> Tensor:
    """The largest norm over the frequencies of the kernel's Fourier transform."""
    if any(stride != 1 for stride in plain.stride):
        raise ValueError(
            f"the Fourier transform takes a convolution apart at stride 1 only: stride={plain.stride}; "
            "take method='lanczos' or method='bound'."
        )
    places = [
        torch.arange(k, device=weight.device) * d % n
        for k, d, n in zip(plain.kernel_size, plain.dilation, size)
    ]
    taps = weight.movedim(
        (0, 1), (-2, -1)
    )  # (k..., C_out, C_in / groups); rows and columns change places if transposed
    image = taps.new_zeros(*size, *taps.shape[-2:])
    image = image.index_put(tuple(torch.meshgrid(places, indexing="ij")), taps, accumulate=True)
    transfer = torch.fft.rfftn(
        image, dim=tuple(range(len(size)))
    )  # the frequencies left out are complex conjugates
    return torch.linalg.matrix_norm(transfer.unflatten(-2, (plain.groups, -1)), 2).amax()


def _bound(plain: Any, weight: Tensor) -> Tensor:
    """The root of the number of patches that may hold a pixel, times the norm of the kernel as a matrix."""
    pads = plain.padding if isinstance(plain.padding, tuple) else (0,) * len(plain.kernel_size)
    grows = any(2 * p > d * (k - 1) for p, d, k in zip(pads, plain.dilation, plain.kernel_size))
    if plain.padding_mode not in {"zeros", "circular"} or (plain.padding_mode == "circular" and grows):
        raise ValueError(
            "the bound holds for zero padding, and for circular padding that does not enlarge the image: "
            f"padding={plain.padding}, padding_mode={plain.padding_mode!r}; take method='lanczos'."
        )
    if plain.padding_mode == "zeros":
        readers = [
            ceil(k * gcd(s, d) / s) for k, s, d in zip(plain.kernel_size, plain.stride, plain.dilation)
        ]
    else:  # across the seam the stride's grid may shift, so that every tap may meet a pixel; but none meets it twice
        readers = list(plain.kernel_size)
    matrices = weight.reshape(plain.groups, weight.shape[0] // plain.groups, -1)
    return sqrt(prod(readers)) * torch.linalg.matrix_norm(matrices, 2).amax()
