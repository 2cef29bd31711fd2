"""Laws of the color shift: one uniform number for each channel of each image."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.color_shift import ColorShift

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    RANGE,
    ROUNDED,
    SIGMAS,
    call,
    changed,
    everywhere,
    ignored_range,
    interface,
    oblong,
    truncated,
    uniform_moments,
    z_of_mean,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def one_number_a_channel(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform(16, *draw.shape[1:])
    moved = call(build(draw), x) - x
    yield moved, moved[..., :1, :1].expand_as(moved)


def uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    shift = build(draw)
    moved = call(shift, torch.zeros(COUNT, 3, 1, 1, dtype=draw.dtype))
    m = shift.arguments["max_shift"]
    yield from uniform_moments(moved, -m, m)
    yield z_of_mean(moved[:, 0] * moved[:, 1], 0.0)


def no_shift_no_change(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, max_shift=0.0), x), x


def _gray(self: ColorShift, x: Tensor, **named: object) -> Tensor:
    return x + (ColorShift.forward(self, x, **named) - x)[:, :1]


def _grain(self: ColorShift, x: Tensor, **named: object) -> Tensor:
    if not self.training or not x.is_floating_point():
        return ColorShift.forward(self, x, **named)
    flat = torch.zeros(len(x), x[:1].numel(), 1, 1, dtype=x.dtype)
    return x + ColorShift.forward(self, flat, **named).view_as(x)


def _brighter(self: ColorShift, x: Tensor, **named: object) -> Tensor:
    y = ColorShift.forward(self, x, **named)
    return x + (y - x).abs() if x.is_floating_point() else y


def _resums(self: ColorShift, x: Tensor, **named: object) -> Tensor:
    y = ColorShift.forward(self, x, **named)
    return y + 1e-9 if self.training and x.is_floating_point() else y


SUITES = (
    Suite(
        technique="color_shift",
        part="ColorShift",
        subjects={"ColorShift": ColorShift},
        interface=interface("max_shift", "max_value", max_value=None),
        cases=({"max_shift": 0.1, "max_value": None}, {"max_shift": 0.6, "max_value": None}),
        shapes=oblong,
        laws=(
            Law("one_number_a_channel", "All pixels of a channel move by the same amount.", one_number_a_channel),
            Law("uniform", r"$$ s \sim U(-m, m) $$, channels independent.", uniform, SIGMAS),
            Law("no_shift_no_change", "A shift of 0 changes nothing, bit for bit.", no_shift_no_change, EXACT),
            RANGE,
            ROUNDED,
            *EVERYWHERE,
        ),
        twins=(
            Twin("gray", changed(ColorShift, forward=_gray), "your channels move together: that is brightness."),
            Twin("grain", changed(ColorShift, forward=_grain), "your pixels move apart: that is noise."),
            Twin("brighter", changed(ColorShift, forward=_brighter), "you only brighten."),
            Twin("never_nothing", changed(ColorShift, forward=_resums), "your module changes the pixels at a strength of 0."),
            ignored_range(ColorShift),
            truncated(ColorShift),
            *everywhere(ColorShift),
        ),
    ),
)  # fmt: skip
