"""Laws of random translation: exact for whole pixels, all moves as often, zeros from outside."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.data.random_translation import RandomTranslate

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    FOLLOW,
    SIGMAS,
    call,
    changed,
    everywhere,
    following,
    interface,
    nothing,
    oblong,
    ramps,
    share,
    uniform_moments,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def moved(x: Tensor, dx: int, dy: int) -> Tensor:
    """One image (C, H, W) moved in loops."""
    y = torch.zeros_like(x)
    h, w = x.shape[-2:]
    for i in range(h):
        for j in range(w):
            if 0 <= i - dy < h and 0 <= j - dx < w:
                y[:, i, j] = x[:, i - dy, j - dx]
    return y


def _hits(build: Build, draw: Draw, count: int) -> Tensor:
    """(count, moves): which moves each image made."""
    m = draw.arguments["max_shift"]
    x = draw.normal(2, 7, 8)
    y = call(build(draw), x.repeat(count, 1, 1, 1))
    moves = [moved(x, dx, dy) for dy in range(-m, m + 1) for dx in range(-m, m + 1)]
    return torch.stack([(y == one).flatten(1).all(1) for one in moves], dim=1)


def whole_pixels_exactly(build: Build, draw: Draw) -> Iterator[Pair]:
    yield nothing((_hits(build, draw, 64).sum(1) != 1).sum())


def every_move_as_often(build: Build, draw: Draw) -> Iterator[Pair]:
    hits = _hits(build, draw, COUNT)
    for move in hits.T:
        yield share(move, 1 / hits.shape[1])


def no_shift_no_change(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, max_shift=0), x), x


def parts_of_pixels(build: Build, draw: Draw) -> Iterator[Pair]:
    m = draw.arguments["max_shift"]
    move = build(draw, subpixel=True)
    y = call(move, ramps(COUNT, 12, 12))
    shift = y[:, :, 6, 6] - ramps(1, 12, 12)[0, :, 6, 6]  # far from the border: the old place less the new
    yield from uniform_moments(shift[:, 0], -m, m)
    yield from uniform_moments(shift[:, 1], -m, m)
    yield nothing((y[:, 0, 6, 7] - y[:, 0, 6, 6] - 1).abs().amax() * 1e6)


def _never_back(self: RandomTranslate, *given: int, **named: object) -> Tensor:
    matrix = RandomTranslate.matrix(self, *given, **named)
    matrix[:, :2, 2] = matrix[:, :2, 2].abs()
    return matrix


def _together(self: RandomTranslate, *given: int, **named: object) -> Tensor:
    matrix = RandomTranslate.matrix(self, *given, **named)
    matrix[:, 1, 2] = matrix[:, 0, 2]
    return matrix


def _half(self: RandomTranslate, *given: int, **named: object) -> Tensor:
    matrix = RandomTranslate.matrix(self, *given, **named)
    return matrix if not self.subpixel else matrix + torch.tensor([[0, 0, 0.5], [0, 0, 0], [0, 0, 0]])


def _wraps(self: RandomTranslate, x: Tensor, *, generator=None, boxes=None, masks=None) -> object:
    if not self.training or self.subpixel or boxes is not None or masks is not None:
        return RandomTranslate.forward(self, x, boxes=boxes, masks=masks, generator=generator)
    moves = self.matrix(len(x), *x.shape[-2:], generator=generator)[:, :2, 2].long().tolist()
    return (
        torch.stack([one.roll((dy, dx), (-2, -1)) for one, (dx, dy) in zip(x, moves, strict=True)])
        if len(x)
        else x
    )


def _sampled(self: RandomTranslate, x: Tensor, *, generator=None, boxes=None, masks=None) -> object:
    if not self.training or boxes is not None or masks is not None or not x.is_floating_point():
        return RandomTranslate.forward(self, x, boxes=boxes, masks=masks, generator=generator)
    h, w = x.shape[-2:]
    theta = self.matrix(len(x), h, w, generator=generator)[:, :2].clone()
    theta[:, 0, 2] *= -2 / w
    theta[:, 1, 2] *= -2 / h
    return F.grid_sample(
        x, F.affine_grid(theta.to(x), list(x.shape), align_corners=False), align_corners=True
    )


def _against(self: RandomTranslate, x: Tensor, *, boxes: object = None, **named: object) -> object:
    y = RandomTranslate.forward(self, x, boxes=boxes, **named)
    if boxes is None or not self.training:
        return y
    return y._replace(boxes=[2 * a - b for a, b in zip(boxes, y.boxes, strict=True)])


SUITES = (
    Suite(
        technique="random_translation",
        part="RandomTranslate",
        subjects={"RandomTranslate": RandomTranslate},
        interface=interface("max_shift", "subpixel", subpixel=False),
        cases=({"max_shift": 1, "subpixel": False}, {"max_shift": 2, "subpixel": False}),
        shapes=oblong,
        laws=(
            Law("whole_pixels_exactly", r"$$ y_{hw} = x_{h - \Delta_y, w - \Delta_x} $$, zero from outside.", whole_pixels_exactly, EXACT),
            Law("every_move_as_often", r"$$ \Delta_x, \Delta_y \sim U\{-m..m\} $$, independent.", every_move_as_often, SIGMAS),
            Law("no_shift_no_change", "A shift of 0 changes nothing, bit for bit.", no_shift_no_change, EXACT),
            Law("parts_of_pixels", r"With subpixel, $$ \Delta \sim U(-m, m) $$ and a slope stays a slope.", parts_of_pixels, SIGMAS),
            *FOLLOW,
            *EVERYWHERE,
        ),
        twins=(
            Twin("never_back", changed(RandomTranslate, matrix=_never_back), "you move to the lower right only."),
            Twin("together", changed(RandomTranslate, matrix=_together), "your two shifts are one number."),
            Twin("half_a_pixel", changed(RandomTranslate, matrix=_half), "you are half a pixel off."),
            Twin("wraps", changed(RandomTranslate, forward=_wraps), "what leaves the image comes in on the other side."),
            Twin("align_corners", changed(RandomTranslate, forward=_sampled), "your grid and your sampling differ in align_corners: whole shifts blur."),
            Twin("boxes_against", changed(RandomTranslate, forward=_against), "your boxes move against the pixels."),
            *following(RandomTranslate),
            *everywhere(RandomTranslate),
        ),
    ),
)  # fmt: skip
