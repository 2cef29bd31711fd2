"""Laws of random resized crops: what rectangles are drawn, and how they are scaled."""

from collections.abc import Iterator
from math import log

import torch
from torch import Tensor

from vademecum.data.random_resized_crop import RandomResizedCrop

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    ROUNDED,
    SIGMAS,
    bilinear,
    call,
    changed,
    everywhere,
    following,
    interface,
    masks_interpolated,
    nothing,
    ramps,
    scene,
    truncated,
    uniform_moments,
)
from ._suite import Build, Draw, Law, Pair, Suite, Twin

H, W = 16, 20


def _rectangles(build: Build, draw: Draw) -> tuple[Tensor, Tensor, dict]:
    """(COUNT, 2, h, w) crops of the pictures of places, and (COUNT, 4) the rectangles that they show."""
    crop = build(draw)
    y = call(crop, ramps(COUNT, H, W))
    h, w = y.shape[-2:]
    # In the middle nothing touches the border: the steps there, and the place of the center, give the rectangle.
    i, j = h // 2, w // 2
    width = (y[:, 0, i, j] - y[:, 0, i, j - 1]) * w
    height = (y[:, 1, i, j] - y[:, 1, i - 1, j]) * h
    x1 = y[:, 0, i, j] + W / 2 - (j + 0.5) * width / w
    y1 = y[:, 1, i, j] + H / 2 - (i + 0.5) * height / h
    return y, torch.stack([x1, y1, x1 + width, y1 + height], dim=1), crop.arguments


def inside_the_image(build: Build, draw: Draw) -> Iterator[Pair]:
    _, box, _ = _rectangles(build, draw)
    limit = torch.tensor([W, H, W, H], dtype=box.dtype)
    yield nothing(((box < -1e-6) | (box > limit + 1e-6)).sum())


def area_and_shape_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    _, box, a = _rectangles(build, draw)
    w, h = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    yield from uniform_moments(w * h / (H * W), *a["scale"])
    yield from uniform_moments((w / h).log(), *map(log, a["ratio"]))


def places_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    _, box, _ = _rectangles(build, draw)
    w, h = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    yield from uniform_moments(box[:, 0] / (W - w), 0.0, 1.0)
    yield from uniform_moments(box[:, 1] / (H - h), 0.0, 1.0)


def scaled_by_the_equation(build: Build, draw: Draw) -> Iterator[Pair]:
    """Two draws with one seed: of the picture of places, and of noise, which is then looked up in loops."""
    crop = build(draw)
    where = call(crop, ramps(1, H, W), seed=7)[0]
    x = draw.normal(1, 1, H, W).double()
    y = call(crop, x, seed=7)[0, 0]
    h, w = y.shape
    for i in range(1, h - 1):
        for j in range(1, w - 1):
            want = bilinear(x[0, 0], float(where[0, i, j]) + W / 2 - 0.5, float(where[1, i, j]) + H / 2 - 0.5)
            yield y[i, j], torch.tensor(want, dtype=y.dtype)


def boxes_follow(build: Build, draw: Draw) -> Iterator[Pair]:
    """The box's corners, looked up in the picture of places."""
    crop = build(draw)
    x, boxes, masks = scene()
    got = call(crop, x, boxes=boxes, masks=masks, seed=5)
    places = call(crop, ramps(16, *x.shape[-2:]), seed=5)
    h, w = got[0].shape[-2:]
    for box, place in zip(got[1], places, strict=True):
        i, j = h // 2, w // 2
        step_x, step_y = place[0, i, j] - place[0, i, j - 1], place[1, i, j] - place[1, i - 1, j]
        center = torch.tensor([x.shape[-1] / 2, x.shape[-2] / 2], dtype=torch.float64)
        origin = place[:, i, j] + center
        step = torch.stack([step_x, step_y])
        corner = (boxes[0][0].view(2, 2) - origin) / step + torch.tensor([j + 0.5, i + 0.5])
        want = corner.clamp(min=0).minimum(torch.tensor([w, h])).flatten()
        yield nothing(box[0] - want)


def masks_follow(build: Build, draw: Draw) -> Iterator[Pair]:
    x, _, masks = scene()
    got = call(build(draw), x, masks=masks, seed=5)
    yield nothing(((got[2] != 0) & (got[2] != 7)).sum())
    yield nothing(((got[2] == 7) ^ (got[0][:, 0] > 0.5)).double().mean() * 20)


def _init(**changes: object) -> object:
    def start(
        self: RandomResizedCrop, size=None, *, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), **named: object
    ) -> None:
        if "side" in changes:
            scale = (scale[0] ** 2, scale[1] ** 2)
        if "inverse" in changes:
            ratio = (1 / ratio[1], 1 / ratio[0])
        RandomResizedCrop.__init__(self, size, scale=scale, ratio=ratio, **named)

    return start


def _skewed(self: RandomResizedCrop, *given: int, **named: object) -> Tensor:
    box = RandomResizedCrop.rectangle(self, *given, **named)
    size = box[:, 2:] - box[:, :2]
    room = torch.tensor([given[2], given[1]], dtype=box.dtype) - size
    corner = room * (box[:, :2] / room) ** 2
    return torch.cat([corner, corner + size], dim=1)


def _leaves(self: RandomResizedCrop, *given: int, **named: object) -> Tensor:
    return RandomResizedCrop.rectangle(self, *given, **named) + 2.0


def _plain_ratio(self: RandomResizedCrop, *given: int, **named: object) -> Tensor:
    """The ratio uniform, not its logarithm."""
    box = RandomResizedCrop.rectangle(self, *given, **named)
    w, h = (box[:, 2:] - box[:, :2]).unbind(1)
    low, high = self.ratio
    part = ((w / h).log() - log(low)) / (log(high) - log(low))
    ratio = low + (high - low) * part
    size = torch.stack([(w * h * ratio).sqrt(), (w * h / ratio).sqrt()], dim=1)
    corner = box[:, :2] / (torch.tensor([given[2], given[1]]) - torch.stack([w, h], 1))
    corner = corner * (torch.tensor([given[2], given[1]]) - size)
    return torch.cat([corner, corner + size], dim=1)


def _aligned(self: RandomResizedCrop, x: Tensor, **named: object) -> object:
    """Half a pixel off, as with align_corners=True on one side only."""
    y = RandomResizedCrop.forward(self, x, **named)
    if not isinstance(y, Tensor) or not self.training or not x.is_floating_point():
        return y
    n = torch.linspace(-1, 1, y.shape[-1], dtype=y.dtype)
    m = torch.linspace(-1, 1, y.shape[-2], dtype=y.dtype)
    grid = torch.stack([n.expand(len(m), -1), m[:, None].expand(-1, len(n))], dim=-1).expand(
        len(y), -1, -1, -1
    )
    nearest = torch.nn.functional.grid_sample(y, grid, mode="nearest", align_corners=False)
    return nearest


SUITES = (
    Suite(
        technique="random_resized_crop",
        part="RandomResizedCrop",
        subjects={"RandomResizedCrop": RandomResizedCrop},
        interface=interface("size", "scale", "ratio", size=None, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)),
        cases=(
            {"size": None, "scale": (0.2, 0.4), "ratio": (0.8, 1.6)},
            {"size": (8, 10), "scale": (0.1, 0.5), "ratio": (0.5, 1.0)},
        ),
        shapes=lambda a: ((1, 1, 8, 8), (3, 2, 9, 12)),
        laws=(
            Law("inside_the_image", "Every rectangle lies in the image.", inside_the_image, {torch.float64: 0.0}),
            Law("area_and_shape_are_uniform", r"$$ hw / HW \sim U(s_0, s_1),\ \log w/h \sim U(\log r_0, \log r_1) $$", area_and_shape_are_uniform, SIGMAS),
            Law("places_are_uniform", "Its corner is anywhere where it fits.", places_are_uniform, SIGMAS),
            Law("scaled_by_the_equation", "The result is the rectangle, bilinear between the pixels.", scaled_by_the_equation, {torch.float64: 1e-6}),
            Law("boxes_follow", "Boxes are cut and scaled with the rectangle.", boxes_follow, {torch.float64: 0.1}),
            Law("masks_follow", "Masks move with the pixels and hold no new labels.", masks_follow, {torch.float64: 1.0}),
            ROUNDED,
            *EVERYWHERE,
        ),
        twins=(
            Twin("share_of_the_side", changed(RandomResizedCrop, __init__=_init(side=True)), "your scale is a share of the side; it is one of the area."),
            Twin("inverse_ratio", changed(RandomResizedCrop, __init__=_init(inverse=True)), "your ratio is height / width; it is width / height."),
            Twin("plain_ratio", changed(RandomResizedCrop, rectangle=_plain_ratio), "you draw the ratio; its logarithm is uniform, so that 3/4 is as likely as 4/3."),
            Twin("skewed_place", changed(RandomResizedCrop, rectangle=_skewed), "your rectangles lie to the upper left more often."),
            Twin("leaves", changed(RandomResizedCrop, rectangle=_leaves), "your rectangles leave the image."),
            Twin("half_a_pixel", changed(RandomResizedCrop, forward=_aligned), "your grid and your sampling differ in align_corners, or you take the nearest pixel."),
            Twin("masks_interpolated", masks_interpolated(RandomResizedCrop), "your masks are interpolated: labels come out that nobody gave."),
            truncated(RandomResizedCrop),
            *following(RandomResizedCrop),
            *everywhere(RandomResizedCrop),
        ),
    ),
)  # fmt: skip
