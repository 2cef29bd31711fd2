"""Laws of elastic deformation: the field, seen in pictures of places, and what follows it."""

from collections.abc import Iterator
from math import ceil, exp

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.data.elastic_deformation import ElasticDeformation

from ._augmentations import (
    EVERYWHERE,
    FOLLOW,
    ROUNDED,
    SIGMAS,
    bilinear,
    call,
    changed,
    everywhere,
    following,
    interface,
    masks_interpolated,
    ramps,
    truncated,
    z_of_mean,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

FIELDS = 800
H, W = 22, 26
MARGIN = 6
"""Pixels from the border within which a displacement of the cases never reaches it."""


def places(build: Build, draw: Draw) -> tuple[Tensor, dict]:
    """(FIELDS, 2, h, w) displacements in pixels, in x and in y, of the pixels away from the border."""
    deform = build(draw)
    still = ramps(FIELDS, H, W)
    moved = call(deform, still) - still
    return moved[..., MARGIN:-MARGIN, MARGIN:-MARGIN], deform.arguments


def correlation(sigma: float, lag: int) -> float:
    """sum_t k_t k_(t + lag) of the normalized kernel."""
    radius = ceil(3 * sigma)
    k = [exp(-(t**2) / (2 * sigma**2)) for t in range(-radius, radius + 1)]
    total = sum(k)
    return sum(a * b for a, b in zip(k, k[lag:], strict=False)) / total**2


def smoothed_uniform_numbers(build: Build, draw: Draw) -> Iterator[Pair]:
    """Variance and covariances of the field: alpha^2 / 3 times the kernel's own correlation, one pixel a field."""
    field, a = places(build, draw)
    middle = field[..., 4, 6]
    scale = a["alpha"] ** 2 / 3
    for lag_y, lag_x in ((0, 0), (0, 1), (2, 0), (2, 3)):
        other = field[..., 4 + lag_y, 6 + lag_x]
        yield z_of_mean(
            middle * other, scale * correlation(a["sigma"], lag_y) * correlation(a["sigma"], lag_x)
        )
    yield z_of_mean(middle, 0.0)
    yield z_of_mean(middle[:, 0] * middle[:, 1], 0.0)


def as_strong_at_the_border(build: Build, draw: Draw) -> Iterator[Pair]:
    """The pixel in the upper left corner, where it is pulled inwards: a white picture tells by staying white."""
    deform = build(draw)
    still = torch.cat([ramps(FIELDS, H, W), torch.ones(FIELDS, 1, H, W, dtype=torch.float64)], dim=1)
    corner = (call(deform, still) - still)[:, :, 0, 0]
    inward = corner[corner[:, 2].abs() < 1e-9, :2]  # a quarter; squares of half a symmetric number
    yield z_of_mean(
        inward.square(), deform.arguments["alpha"] ** 2 / 3 * correlation(deform.arguments["sigma"], 0) ** 2
    )


def bilinear_between(build: Build, draw: Draw) -> Iterator[Pair]:
    deform = build(draw)
    where = call(deform, ramps(1, H, W), seed=7)[0]
    x = draw.normal(1, 1, H, W).double()
    y = call(deform, x, seed=7)[0, 0]
    for i in range(MARGIN, H - MARGIN):
        for j in range(MARGIN, W - MARGIN):
            want = bilinear(x[0, 0], float(where[0, i, j]) + (W - 1) / 2, float(where[1, i, j]) + (H - 1) / 2)
            yield y[i, j], torch.tensor(want, dtype=y.dtype)


def no_strength_no_change(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, alpha=0.0), x), x


def _field(change: object) -> type:
    def field(self: ElasticDeformation, *given: int, **named: object) -> Tensor:
        return change(self, given, named)

    return changed(ElasticDeformation, field=field)


def _right(self: ElasticDeformation, given: tuple, named: dict) -> Tensor:
    return ElasticDeformation.field(self, *given, **named)


def _positive(self: ElasticDeformation, given: tuple, named: dict) -> Tensor:
    return (_right(self, given, named) + self.alpha) / 2


def _one_direction(self: ElasticDeformation, given: tuple, named: dict) -> Tensor:
    return _right(self, given, named)[:, :1].expand(-1, 2, -1, -1)


def _unit(self: ElasticDeformation, given: tuple, named: dict) -> Tensor:
    field = _right(self, given, named)
    return field / field.abs().amax((1, 2, 3), keepdim=True)


def _rough(self: ElasticDeformation, given: tuple, named: dict) -> Tensor:
    count, h, w = given
    noise = torch.rand(count, 2, h, w, generator=named.get("generator")) * 2 - 1
    return noise * self.alpha * correlation(self.sigma, 0)


def _zero_border(self: ElasticDeformation, given: tuple, named: dict) -> Tensor:
    count, h, w = given
    radius = ceil(3 * self.sigma)
    t = torch.arange(-radius, radius + 1)
    k = torch.exp(-(t**2) / (2 * self.sigma**2))
    k = (k / k.sum()).repeat(2, 1)[:, None, None]
    noise = torch.rand(count, 2, h, w, generator=named.get("generator")) * 2 - 1
    noise = F.conv2d(F.pad(noise, [radius] * 4), k, groups=2)
    return self.alpha * F.conv2d(noise, k.mT, groups=2)


def _normal_numbers(self: ElasticDeformation, given: tuple, named: dict) -> Tensor:
    return _right(self, given, named) * 3**0.5


def _nearest(self: ElasticDeformation, x: Tensor, *, generator=None, boxes=None, masks=None) -> object:
    if not self.training or boxes is not None or masks is not None or not x.is_floating_point() or not len(x):
        return ElasticDeformation.forward(self, x, boxes=boxes, masks=masks, generator=generator)
    where = ElasticDeformation.forward(self, ramps(len(x), *x.shape[-2:]), generator=generator)
    h, w = x.shape[-2:]
    if torch.equal(where, ramps(len(x), h, w)):
        return x
    grid = (where * torch.tensor([2 / w, 2 / h]).view(1, 2, 1, 1)).permute(0, 2, 3, 1).to(x)
    if torch.equal(x, ramps(len(x), h, w)):
        return where
    return F.grid_sample(x, grid, mode="nearest", align_corners=False)


def _adds(self: ElasticDeformation, x: Tensor, **named: object) -> object:
    y = ElasticDeformation.forward(self, x, **named)
    return y + 1e-12 if isinstance(y, Tensor) and self.training and x.is_floating_point() else y


SUITES = (
    Suite(
        technique="elastic_deformation",
        part="ElasticDeformation",
        subjects={"ElasticDeformation": ElasticDeformation},
        interface=interface("alpha", "sigma"),
        cases=({"alpha": 8.0, "sigma": 2.0}, {"alpha": 12.0, "sigma": 3.0}),
        shapes=lambda a: ((1, 1, 4, 4), (3, 3, 7, 9)),
        laws=(
            Law("smoothed_uniform_numbers", r"$$ E[d(u) d(v)] = \frac{\alpha^2}{3} \sum_t k_t k_{t + u - v} $$, x and y independent.", smoothed_uniform_numbers, SIGMAS),
            Law("as_strong_at_the_border", "The field is as strong in the corner as in the middle.", as_strong_at_the_border, SIGMAS),
            Law("bilinear_between", r"$$ y(u) = x(u + d(u)) $$, bilinear between the pixels.", bilinear_between, {torch.float64: 1e-6}),
            Law("no_strength_no_change", "A strength of 0 changes nothing, bit for bit.", no_strength_no_change, EXACT),
            ROUNDED,
            *FOLLOW,
            *EVERYWHERE,
        ),
        twins=(
            Twin("positive", _field(_positive), "your numbers run from 0 to 1, so that everything moves one way; they run from -1 to 1."),
            Twin("one_direction", _field(_one_direction), "your field is the same in x and in y."),
            Twin("unit_field", _field(_unit), "you scale the field to a length of 1 before alpha, or forget alpha."),
            Twin("rough", _field(_rough), "your field is not smooth: neighbours move apart."),
            Twin("zero_border", _field(_zero_border), "your field fades at the border: the Gaussian meets zeros there."),
            Twin("variance_one", _field(_normal_numbers), "your numbers have variance 1; uniform ones from -1 to 1 have a third."),
            Twin("nearest", changed(ElasticDeformation, forward=_nearest), "you take the nearest pixel; it is bilinear."),
            Twin("never_nothing", changed(ElasticDeformation, forward=_adds), "your module changes the pixels at a strength of 0."),
            Twin("masks_interpolated", masks_interpolated(ElasticDeformation), "your masks are interpolated: labels come out that nobody gave."),
            truncated(ElasticDeformation),
            *following(ElasticDeformation),
            *everywhere(ElasticDeformation),
        ),
    ),
)  # fmt: skip
