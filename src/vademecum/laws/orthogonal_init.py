"""Laws of orthogonal initialization."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ._initializers import drawn, normal, tensor_interface
from ._suite import IDENTITY, Build, Draw, Law, Pair, Suite, Twin

SHAPES = ((3, 3), (3, 5), (5, 3), (4, 2, 2, 2))


def orthonormal(build: Build, draw: Draw) -> Iterator[Pair]:
    weight, a = drawn(build, draw)
    matrix = weight.flatten(1)
    rows, columns = matrix.shape
    gram = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    yield gram, a["gain"] ** 2 * torch.eye(min(rows, columns), dtype=draw.dtype)


def keeps_length(build: Build, draw: Draw) -> Iterator[Pair]:
    """Through twenty square layers every vector keeps its length, not only the average one."""
    fill = build(draw, gain=1.0)
    generator = torch.Generator().manual_seed(1)
    x = draw.normal(7, 6)
    y = x
    for _ in range(20):
        y = y @ fill(torch.empty(6, 6, dtype=draw.dtype), generator=generator).T
    yield y.norm(dim=1), x.norm(dim=1)


def reproducible(build: Build, draw: Draw) -> Iterator[Pair]:
    yield drawn(build, draw)[0], drawn(build, draw)[0]


def no_direction_is_preferred(build: Build, draw: Draw) -> Iterator[Pair]:
    """The mean over many draws is zero: a QR without the sign correction keeps a sign."""
    if draw.shape != SHAPES[0]:
        return  # the shape is the law's own
    fill = build(draw, gain=1.0)
    generator = torch.Generator().manual_seed(0)
    mean = torch.stack(
        [fill(torch.empty(2, 2, dtype=draw.dtype), generator=generator) for _ in range(400)]
    ).mean(0)
    yield mean, torch.zeros_like(mean)


MEAN = {torch.float64: 0.18}
"""Each number has variance 1/2: five standard errors of the mean of 400 are 5 * 0.0354."""


def gaussian(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return normal(tensor, gain / tensor[0].numel() ** 0.5, generator)


def no_gain(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return nn.init.orthogonal_(tensor, generator=generator)


def unit_rows(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    filled = normal(tensor, 1.0, generator)
    return filled.div_(filled.flatten(1).norm(dim=1).reshape(-1, *[1] * (tensor.dim() - 1))).mul_(gain)


def no_sign(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    flat = torch.randn(tensor.flatten(1).shape, dtype=tensor.dtype, generator=generator)
    tall = flat if flat.shape[0] >= flat.shape[1] else flat.T
    q, _ = torch.linalg.qr(tall)
    return tensor.copy_(gain * (q if flat.shape[0] >= flat.shape[1] else q.T).reshape(tensor.shape))


def deaf(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    return nn.init.orthogonal_(tensor, gain)


SUITES = (
    Suite(
        technique="orthogonal_init",
        part="orthogonal_",
        subjects={"orthogonal_": nn.init.orthogonal_},
        interface=tensor_interface("gain", gain=1.0),
        cases=({"gain": 1.0}, {"gain": 2**0.5}),
        shapes=lambda a: SHAPES,
        laws=(
            Law("orthonormal", r"$$ W W^\top = g^2 I $$ where there are no more rows than columns, else $$ W^\top W = g^2 I $$", orthonormal, IDENTITY),
            Law("keeps_length", "Twenty square layers keep the length of every vector.", keeps_length),
            Law("reproducible", "The same generator gives the same numbers.", reproducible, {torch.float64: 0.0}),
            Law("no_direction_is_preferred", r"$$ E[W] = 0 $$", no_direction_is_preferred, MEAN),
        ),
        twins=(
            Twin("gaussian", gaussian, "your rows are nearly orthogonal only on average."),
            Twin("no_gain", no_gain, "you forget the gain."),
            Twin("unit_rows", unit_rows, "your rows have length 1 but are not orthogonal to each other."),
            Twin("no_sign", no_sign, "you take Q of the QR decomposition as it comes: its signs are not random."),
            Twin("deaf", deaf, "you ignore the generator."),
        ),
    ),
)  # fmt: skip
