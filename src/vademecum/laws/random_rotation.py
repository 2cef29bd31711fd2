"""Laws of random rotation: quarter turns, the equation pixel by pixel, and the range of the angle."""

from collections.abc import Iterator
from math import cos, pi, radians, sin

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.data.random_rotation import RandomRotation

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    FOLLOW,
    RESAMPLED,
    ROUNDED,
    SIGMAS,
    bilinear,
    call,
    changed,
    everywhere,
    following,
    interface,
    masks_interpolated,
    oblong,
    ramps,
    truncated,
    uniform_moments,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def by_the_equation(x: Tensor, degrees: float) -> Tensor:
    """Each new pixel takes the value from where it came, by the inverse turn."""
    y = torch.zeros_like(x)
    h, w = x.shape[-2:]
    c, s = cos(radians(degrees)), sin(radians(degrees))
    for i in range(h):
        for j in range(w):
            right, down = j - (w - 1) / 2, i - (h - 1) / 2
            from_x, from_y = c * right - s * down, s * right + c * down
            for b in range(x.shape[0]):
                for k in range(x.shape[1]):
                    y[b, k, i, j] = bilinear(x[b, k], from_x + (w - 1) / 2, from_y + (h - 1) / 2)
    return y


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    for degrees in (20.0, -75.0):
        yield call(build(draw, degrees=(degrees, degrees)), x), by_the_equation(x.double(), degrees)


def quarter_turns(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(2, 3, 6, 6)
    for turns in (1, 2, 3):
        angle = 90.0 * turns
        yield call(build(draw, degrees=(angle, angle)), x), torch.rot90(x, turns, (-2, -1))


def angles_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    rotation = build(draw)
    x = ramps(COUNT, 6, 6)  # around the center the new picture is the old place: its slope is the angle
    y = call(rotation, x)
    run, rise = y[:, 0, 2, 3] - y[:, 0, 2, 2], y[:, 1, 2, 3] - y[:, 1, 2, 2]
    d = rotation.arguments["degrees"]
    yield from uniform_moments(torch.atan2(rise, run) * 180 / pi, -d, d)


def no_angle_no_change(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, degrees=0.0), x), x


def _radians(self: RandomRotation, degrees: object = 15.0, **named: object) -> None:
    RandomRotation.__init__(self, degrees, **named)
    self._bounds = tuple(180 / pi * bound for bound in self._bounds)


def _clockwise(self: RandomRotation, degrees: object = 15.0, **named: object) -> None:
    RandomRotation.__init__(self, degrees, **named)
    self._bounds = (-self._bounds[1], -self._bounds[0])


def _one_side(self: RandomRotation, degrees: object = 15.0, **named: object) -> None:
    RandomRotation.__init__(self, degrees, **named)
    if not isinstance(degrees, tuple):
        self._bounds = (0.0, self._bounds[1])


def _grid_twin(*, align_corners: bool, shape: bool, mode: str = "bilinear") -> type:
    """Torch's affine_grid, with its two traps: align_corners, and the oblong image in coordinates from -1 to 1."""

    def forward(
        self: RandomRotation, x: Tensor, *, generator: torch.Generator | None = None, boxes=None, masks=None
    ) -> object:
        if not self.training or boxes is not None:
            return RandomRotation.forward(self, x, boxes=boxes, masks=masks, generator=generator)
        h, w = x.shape[-2:]
        theta = self.matrix(len(x), h, w, generator=generator).mT[:, :2].clone()
        if shape:
            theta[:, 0, 1] *= h / w
            theta[:, 1, 0] *= w / h
        if not x.is_floating_point():
            return RandomRotation.forward(self, x, generator=generator)
        grid = F.affine_grid(theta.to(x), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, mode=mode, align_corners=align_corners)

    return changed(RandomRotation, forward=forward)


SUITES = (
    Suite(
        technique="random_rotation",
        part="RandomRotation",
        subjects={"RandomRotation": RandomRotation},
        interface=interface("degrees"),
        cases=({"degrees": 15.0}, {"degrees": 40.0}),
        shapes=oblong,
        laws=(
            Law("by_the_equation", r"$$ y(u) = x(R^{-1} u) $$, between the pixels bilinear, zero outside.", equation, RESAMPLED),
            Law("quarter_turns", "90, 180 and 270 degrees are torch.rot90, counterclockwise.", quarter_turns, RESAMPLED),
            Law("angles_are_uniform", r"$$ \theta \sim U(-d, d) $$", angles_are_uniform, SIGMAS),
            Law("no_angle_no_change", "An angle of 0 changes nothing, bit for bit.", no_angle_no_change, EXACT),
            ROUNDED,
            *FOLLOW,
            *EVERYWHERE,
        ),
        twins=(
            Twin("radians", changed(RandomRotation, __init__=_radians), "you take degrees for radians."),
            Twin("clockwise", changed(RandomRotation, __init__=_clockwise), "you turn clockwise; a positive angle is counterclockwise."),
            Twin("one_side", changed(RandomRotation, __init__=_one_side), "your angles have one sign; they run from -d to d."),
            Twin("align_corners", _grid_twin(align_corners=True, shape=True), "your grid and your sampling differ in align_corners: half a pixel is lost."),
            Twin("oblong", _grid_twin(align_corners=False, shape=False), "you turn in coordinates from -1 to 1: an oblong image is sheared."),
            Twin("nearest", _grid_twin(align_corners=False, shape=True, mode="nearest"), "you take the nearest pixel; it is bilinear."),
            Twin("resamples_always", _grid_twin(align_corners=False, shape=True), "you resample at an angle of 0 too."),
            Twin("masks_interpolated", masks_interpolated(RandomRotation), "your masks are interpolated: labels come out that nobody gave."),
            truncated(RandomRotation),
            *following(RandomRotation),
            *everywhere(RandomRotation),
        ),
    ),
)  # fmt: skip
