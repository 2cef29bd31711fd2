"""Laws of Gaussian blur: the kernel and the border, in loops."""

from collections.abc import Iterator
from math import ceil, exp

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.data.gaussian_blur import GaussianBlur

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    RESAMPLED,
    ROUNDED,
    SIGMAS,
    call,
    changed,
    everywhere,
    interface,
    truncated,
    uniform_moments,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

SIGMAS_USED = (0.4, 1.0, 1.7)


def reflect(i: int, n: int) -> int:
    while not 0 <= i < n:
        i = -i if i < 0 else 2 * (n - 1) - i
    return i


def in_loops(x: Tensor, sigma: float) -> Tensor:
    """Both sums at once, over the square of the kernel."""
    radius = ceil(3 * sigma)
    kernel = {t: exp(-(t**2) / (2 * sigma**2)) for t in range(-radius, radius + 1)}
    total = sum(kernel.values())
    h, w = x.shape[-2:]
    y = torch.zeros_like(x)
    for i in range(h):
        for j in range(w):
            for s, a in kernel.items():
                for t, b in kernel.items():
                    y[..., i, j] += a * b / total**2 * x[..., reflect(i + s, h), reflect(j + t, w)]
    return y


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    for sigma in SIGMAS_USED:
        yield call(build(draw, sigma=(sigma, sigma)), x), in_loops(x.double(), sigma)


def constant_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.full(draw.shape, 3.0, dtype=draw.dtype)
    yield call(build(draw), x), x


def widths_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    blur = build(draw)
    dot = torch.zeros(COUNT, 1, 13, 13, dtype=draw.dtype)
    dot[..., 6, 6] = 1
    y = call(blur, dot)[:, 0]
    ratio = (y[:, 6, 7] / y[:, 6, 6]).double()  # exp(-1 / 2 sigma^2)
    yield from uniform_moments((-1 / (2 * ratio.log())).sqrt(), *blur.arguments["sigma"])


def no_width_no_change(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, sigma=0.0), x), x


def channels_stay_apart(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(2, 2, 6, 6)
    x[:, 1] = 0
    yield call(build(draw), x)[:, 1], x[:, 1]


def _kernel(kernel: object, mode: str = "reflect") -> type:
    """A plain blur with another kernel: kernel(t, sigma, radius) -> (B, 2 r + 1), not yet for more than float."""

    def forward(self: GaussianBlur, x: Tensor, *, generator=None, **named: object) -> Tensor:
        if not self.training or not x.is_floating_point() or self._bounds[1] == 0:
            return GaussianBlur.forward(self, x, generator=generator)
        low, high = self._bounds
        sigma = (low + (high - low) * torch.rand(len(x), 1, generator=generator, dtype=torch.float64)).to(
            x.dtype
        )
        radius = (3 * sigma).ceil()
        reach = int(radius.max())
        k = kernel(torch.arange(-reach, reach + 1, dtype=x.dtype), sigma, radius)
        b, c, h, w = x.shape
        weight = k.repeat_interleave(c, 0)[:, None, None]
        flat = x.reshape(1, b * c, h, w)
        for one, pad in ((weight, (reach, reach, 0, 0)), (weight.mT, (0, 0, reach, reach))):
            if mode == "reflect":
                for dim in (-1, -2):
                    if pad[0] == (reach if dim == -1 else 0):
                        n = flat.shape[dim]
                        index = torch.tensor([reflect(i, n) for i in range(-reach, n + reach)])
                        flat = flat.index_select(dim, index)
            else:
                flat = F.pad(flat, pad, mode=mode)
            flat = F.conv2d(flat, one, groups=b * c)
        return flat.view(b, c, h, w)

    return changed(GaussianBlur, forward=forward)


def _bell(t: Tensor, sigma: Tensor, radius: Tensor) -> Tensor:
    return torch.exp(-(t**2) / (2 * sigma**2)) * (t.abs() <= radius)


def _normal(k: Tensor) -> Tensor:
    return k / k.sum(1, keepdim=True)


def _mixes_channels(self: GaussianBlur, x: Tensor, **named: object) -> Tensor:
    y = GaussianBlur.forward(self, x, **named)
    return (
        y
        if not self.training or y.shape[1] < 2
        else torch.cat([y[:, :1], (y[:, 1:] + y[:, :-1]) / 2], dim=1).to(y.dtype)
    )


def _widest(self: GaussianBlur, sigma: object = (0.1, 2.0), **named: object) -> None:
    GaussianBlur.__init__(self, sigma, **named)
    self._bounds = ((self._bounds[0] + self._bounds[1]) / 2, self._bounds[1])


def _never_nothing(self: GaussianBlur, x: Tensor, **named: object) -> Tensor:
    y = GaussianBlur.forward(self, x, **named)
    return y + 1e-12 if self.training and x.is_floating_point() else y


SUITES = (
    Suite(
        technique="gaussian_blur",
        part="GaussianBlur",
        subjects={"GaussianBlur": GaussianBlur},
        interface=interface("sigma"),
        cases=({"sigma": (0.5, 1.5)},),
        shapes=lambda a: ((1, 1, 3, 3), (2, 2, 4, 5)),
        laws=(
            Law("by_the_equation", r"$$ k_t \propto e^{-t^2 / 2 \sigma^2},\ |t| \le \lceil 3 \sigma \rceil $$, the border reflected.", equation, RESAMPLED),
            Law("constant_stays", "A constant image stays as it is.", constant_stays),
            Law("widths_are_uniform", r"$$ \sigma \sim U(\sigma_0, \sigma_1) $$", widths_are_uniform, SIGMAS),
            Law("no_width_no_change", "With sigma = 0 nothing changes, bit for bit.", no_width_no_change, EXACT),
            Law("channels_stay_apart", "Each channel is blurred alone.", channels_stay_apart),
            ROUNDED,
            *EVERYWHERE,
        ),
        twins=(
            Twin("not_normalized", _kernel(lambda t, s, r: _bell(t, s, r) / (s * 2.5066)), "your kernel does not sum to 1: the image darkens."),
            Twin("sigma_squared", _kernel(lambda t, s, r: _normal(torch.exp(-(t**2) / s**2) * (t.abs() <= r))), "your exponent is t^2 / sigma^2; it is t^2 / 2 sigma^2."),
            Twin("short_kernel", _kernel(lambda t, s, r: _normal(_bell(t, s, (2 * s).ceil()))), "you cut the kernel at 2 sigma; it goes to 3."),
            Twin("widest_radius", _kernel(lambda t, s, r: _normal(_bell(t, s, r + 1))), "your kernel is one longer than ceil(3 sigma)."),
            Twin("zero_padding", _kernel(lambda t, s, r: _normal(_bell(t, s, r)), "constant"), "outside you take zeros: the border darkens."),
            Twin("edge_repeated", _kernel(lambda t, s, r: _normal(_bell(t, s, r)), "replicate"), "outside you repeat the border; it is reflected."),
            Twin("upper_half", changed(GaussianBlur, __init__=_widest), "you draw from the upper half of the range only."),
            Twin("mixes_channels", changed(GaussianBlur, forward=_mixes_channels), "your channels run into one another."),
            Twin("never_nothing", changed(GaussianBlur, forward=_never_nothing), "your module changes the pixels at a strength of 0."),
            truncated(GaussianBlur),
            *everywhere(GaussianBlur),
        ),
    ),
)  # fmt: skip
