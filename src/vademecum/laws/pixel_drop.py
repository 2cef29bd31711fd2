"""Laws of pixel drop: the share, one mask for all channels, and no rescaling."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.pixel_drop import PixelDrop

from ._augmentations import EVERYWHERE, SIGMAS, call, changed, everywhere, interface, nothing, oblong, share
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def _dropped(build: Build, draw: Draw) -> tuple[Tensor, Tensor, float]:
    drop = build(draw)
    x = draw.uniform(20, 3, 30, 30, low=1.0, high=2.0)
    return call(drop, x), x, drop.arguments


def the_share(build: Build, draw: Draw) -> Iterator[Pair]:
    y, x, a = _dropped(build, draw)
    yield share((y != x)[:, 0], a["p"])


def one_mask_for_all_channels(build: Build, draw: Draw) -> Iterator[Pair]:
    y, x, _ = _dropped(build, draw)
    changed_ = y != x
    yield changed_[:, 1].double(), changed_[:, 0].double()
    yield changed_[:, 2].double(), changed_[:, 0].double()


def the_others_stay(build: Build, draw: Draw) -> Iterator[Pair]:
    y, x, a = _dropped(build, draw)
    yield nothing(((y != x) & (y != torch.tensor(a["fill"], dtype=y.dtype))).sum())


def pixels_are_independent(build: Build, draw: Draw) -> Iterator[Pair]:
    y, x, a = _dropped(build, draw)
    hit = (y != x)[:, 0]
    yield share(hit[..., ::2] & hit[..., 1::2], a["p"] ** 2)
    yield share(hit[..., ::2, :] & hit[..., 1::2, :], a["p"] ** 2)


def nothing_is_dropped_at_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, p=0.0), x), x


def values_of_rows(build: Build, draw: Draw) -> Iterator[Pair]:
    drop = build(draw)
    x = torch.ones(4000, 3, dtype=draw.dtype)
    hit = call(drop, x) == drop.arguments["fill"]
    yield share(hit, drop.arguments["p"])
    yield share(hit[:, 0] & hit[:, 1], drop.arguments["p"] ** 2)


def _keeps_p(self: PixelDrop, p: float = 0.1, *, fill: float = 0.0) -> None:
    PixelDrop.__init__(self, 1 - p, fill=fill)


def _rescaled(self: PixelDrop, x: Tensor, **named: object) -> Tensor:
    y = PixelDrop.forward(self, x, **named)
    return torch.where(y == self.fill, y, y / (1 - self.p)) if self.training else y


def _a_mask_each(
    self: PixelDrop, x: Tensor, *, generator: torch.Generator | None = None, **named: object
) -> Tensor:
    if not self.training:
        return x
    dropped = torch.rand(x.shape, generator=generator) < self.p
    return torch.where(dropped, torch.tensor(self.fill, dtype=x.dtype), x)


def _fills_with_zero(self: PixelDrop, p: float = 0.1, *, fill: float = 0.0) -> None:
    PixelDrop.__init__(self, p)


def _rows_at_once(
    self: PixelDrop, x: Tensor, *, generator: torch.Generator | None = None, **named: object
) -> Tensor:
    if not self.training:
        return x
    shape = (len(x), 1, *x.shape[2:-1], 1) if x.ndim == 4 else (len(x), 1)
    return torch.where(
        torch.rand(shape, generator=generator) < self.p, torch.tensor(self.fill, dtype=x.dtype), x
    )


def _copies(self: PixelDrop, x: Tensor, **named: object) -> Tensor:
    y = PixelDrop.forward(self, x, **named)
    return y.float().to(y.dtype) if self.training and x.is_floating_point() else y


SUITES = (
    Suite(
        technique="pixel_drop",
        part="PixelDrop",
        subjects={"PixelDrop": PixelDrop},
        interface=interface("p", "fill", fill=0.0),
        cases=({"p": 0.1, "fill": 0.0}, {"p": 0.4, "fill": -1.0}),
        shapes=oblong,
        laws=(
            Law("the_share", r"$$ P(m = 0) = p $$", the_share, SIGMAS),
            Law("one_mask_for_all_channels", "A pixel is dropped in all channels or in none.", one_mask_for_all_channels, EXACT),
            Law("the_others_stay", "What is not dropped keeps its value; what is takes fill.", the_others_stay, EXACT),
            Law("pixels_are_independent", "Neighbours are dropped independently.", pixels_are_independent, SIGMAS),
            Law("values_of_rows", "Of rows, single values are dropped.", values_of_rows, SIGMAS),
            Law("nothing_is_dropped_at_zero", "With p = 0 nothing changes, bit for bit.", nothing_is_dropped_at_zero, EXACT),
            *EVERYWHERE,
        ),
        twins=(
            Twin("keeps_p", changed(PixelDrop, __init__=_keeps_p), "your p is the probability to keep; it is that to drop."),
            Twin("rescaled", changed(PixelDrop, forward=_rescaled), "you divide the pixels that stay by 1 - p: that is dropout."),
            Twin("a_mask_each", changed(PixelDrop, forward=_a_mask_each), "your channels have masks of their own, which colors the picture."),
            Twin("fills_with_zero", changed(PixelDrop, __init__=_fills_with_zero), "you ignore fill."),
            Twin("rows_at_once", changed(PixelDrop, forward=_rows_at_once), "you drop whole rows of pixels."),
            Twin("single_precision", changed(PixelDrop, forward=_copies), "you lose digits of the pixels that stay."),
            *everywhere(PixelDrop),
        ),
    ),
)  # fmt: skip
