"""Laws of random crops: every window, each as often; and the ten crops of the test."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.random_crop import RandomCrop, ten_crop

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    SIGMAS,
    call,
    changed,
    everywhere,
    extent,
    interface,
    nothing,
    rectangle,
    share,
)
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def all_windows(x: Tensor, size: tuple[int, int], padding: int) -> Tensor:
    """(windows, C, h, w) of one padded image (C, H, W), in loops, row by row."""
    c, h, w = x.shape
    wide = torch.zeros(c, h + 2 * padding, w + 2 * padding, dtype=x.dtype)
    for i in range(h):
        for j in range(w):
            wide[:, i + padding, j + padding] = x[:, i, j]
    tops, lefts = wide.shape[1] - size[0] + 1, wide.shape[2] - size[1] + 1
    return torch.stack([wide[:, i : i + size[0], j : j + size[1]] for i in range(tops) for j in range(lefts)])


def _size(a: Arguments, x: Tensor) -> tuple[int, int]:
    return a["size"] or tuple(x.shape[-2:])


def _hits(build: Build, draw: Draw, count: int) -> Tensor:
    """(count, windows): which windows each crop of one image equals."""
    crop = build(draw)
    x = draw.normal(*draw.shape[1:])
    y = call(crop, x.repeat(count, 1, 1, 1))
    windows = all_windows(x, _size(crop.arguments, x), crop.arguments["padding"])
    return torch.stack([(y == one).flatten(1).all(1) for one in windows], dim=1)


def a_window_of_the_image(build: Build, draw: Draw) -> Iterator[Pair]:
    hits = _hits(build, draw, 64)
    yield nothing((hits.sum(1) != 1).sum())


def every_window_as_often(build: Build, draw: Draw) -> Iterator[Pair]:
    hits = _hits(build, draw, COUNT)
    for window in hits.T:
        yield share(window, 1 / hits.shape[1])


def boxes_and_masks_follow(build: Build, draw: Draw) -> Iterator[Pair]:
    h, w = draw.shape[-2:]
    picture = rectangle(h, w, (1, 1, 3, 2))
    boxes = [torch.tensor([[1.0, 1.0, 3.0, 2.0]], dtype=torch.float64)] * 32
    masks = (3 * picture.long()).repeat(32, 1, 1)
    got = call(build(draw), picture.repeat(32, 1, 1, 1), boxes=boxes, masks=masks)
    for image, box, mask in zip(*got, strict=True):
        if bool((image > 0.5).any()):
            yield box[0], extent(image[0])
        yield mask.double(), 3 * image[0]


def a_box_that_left_keeps_its_place(build: Build, draw: Draw) -> Iterator[Pair]:
    crop = build(draw)
    x = torch.zeros(32, 1, *draw.shape[-2:], dtype=draw.dtype)
    given = torch.tensor([[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 2.0, 1.0]], dtype=draw.dtype)
    got = call(crop, x, boxes=[given] * 32)
    h, w = _size(crop.arguments, x)
    for box in got[1]:
        yield nothing(torch.tensor(float(len(box) != 2)))
        yield box, torch.stack([box[:, k].clamp(0, (w, h)[k % 2]) for k in range(4)], dim=1)


def _last_never(self: RandomCrop, *given: int, **named: object) -> tuple[Tensor, Tensor]:
    return tuple((t - 1).clamp(min=0) for t in RandomCrop.corner(self, *given, **named))


def _center(self: RandomCrop, *given: int, **named: object) -> tuple[Tensor, Tensor]:
    first, second = RandomCrop.corner(self, *given, **named), RandomCrop.corner(self, *given, **named)
    return tuple((a + b) // 2 for a, b in zip(first, second, strict=True))


def _rolls(self: RandomCrop, x: Tensor, **named: object) -> object:
    y = RandomCrop.forward(self, x, **named)
    return y.roll(1, -1) if isinstance(y, Tensor) and self.training else y


def _uncut_boxes(self: RandomCrop, x: Tensor, *, boxes: object = None, **named: object) -> object:
    y = RandomCrop.forward(self, x, boxes=boxes, **named)
    return y if boxes is None or not self.training else y._replace(boxes=[b - 1 for b in y.boxes])


def _lost_boxes(self: RandomCrop, x: Tensor, *, boxes: object = None, **named: object) -> object:
    y = RandomCrop.forward(self, x, boxes=boxes, **named)
    if boxes is None or not self.training:
        return y
    return y._replace(boxes=[b[(b[:, 2] > b[:, 0]) & (b[:, 3] > b[:, 1])] for b in y.boxes])


def _masks_apart(self: RandomCrop, x: Tensor, *, masks: object = None, **named: object) -> object:
    y = RandomCrop.forward(self, x, masks=masks, **named)
    return y if masks is None or not self.training else y._replace(masks=y.masks.flip(-1))


def ten_by_the_paper(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Four corner patches and the center patch, and their horizontal reflections."""
    down, right = x.shape[-2] - size[0], x.shape[-1] - size[1]
    places = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    five = torch.zeros(len(x), 5, x.shape[1], *size, dtype=x.dtype)
    for number, (top, left) in enumerate(places):
        for i in range(size[0]):
            for j in range(size[1]):
                five[:, number, :, i, j] = x[:, :, top + i, left + j]
    reflected = torch.zeros_like(five)
    for j in range(size[1]):
        reflected[..., j] = five[..., size[1] - 1 - j]
    return torch.cat([five, reflected], dim=1)


def ten_crops(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw)(x), ten_by_the_paper(x, draw.arguments["size"])


def _ten(order: list[int]) -> object:
    def crops(x: Tensor, size: tuple[int, int]) -> Tensor:
        return ten_crop(x, size)[:, order]

    return crops


def _upside_down(x: Tensor, size: tuple[int, int]) -> Tensor:
    five = ten_crop(x, size)[:, :5]
    return torch.cat([five, five.flip(-2)], dim=1)


SUITES = (
    Suite(
        technique="random_crop",
        part="RandomCrop",
        subjects={"RandomCrop": RandomCrop},
        interface=interface("size", "padding", size=None, padding=0),
        cases=({"size": (2, 3), "padding": 0}, {"size": None, "padding": 1}, {"size": (4, 4), "padding": 1}),
        shapes=lambda a: ((1, 1, 4, 4), (3, 2, 3, 5)),
        laws=(
            Law("a_window_of_the_image", "The result is one of the windows of the padded image, pixel by pixel.", a_window_of_the_image, EXACT),
            Law("every_window_as_often", r"$$ i \sim U\{0..H + 2P - h\},\ j \sim U\{0..W + 2P - w\} $$", every_window_as_often, SIGMAS),
            Law("boxes_and_masks_follow", "Boxes are cut with the window, masks move with the pixels.", boxes_and_masks_follow, EXACT),
            Law("a_box_that_left_keeps_its_place", "A box outside is clipped to the image and stays in the list.", a_box_that_left_keeps_its_place, EXACT),
            *EVERYWHERE,
        ),
        twins=(
            Twin("last_never", changed(RandomCrop, corner=_last_never), "your last window is never drawn: the bound of randint is exclusive."),
            Twin("center_more_often", changed(RandomCrop, corner=_center), "you draw windows in the middle more often."),
            Twin("rolls", changed(RandomCrop, forward=_rolls), "your window wraps around."),
            Twin("uncut_boxes", changed(RandomCrop, forward=_uncut_boxes), "your boxes are not clipped, or not moved with the window."),
            Twin("lost_boxes", changed(RandomCrop, forward=_lost_boxes), "you take boxes out of the list: the labels no longer stand beside them."),
            Twin("masks_apart", changed(RandomCrop, forward=_masks_apart), "your masks are not cut as the pixels are."),
            *everywhere(RandomCrop),
        ),
    ),
    Suite(
        technique="random_crop",
        part="ten_crop",
        subjects={"ten_crop": ten_crop},
        interface=Interface("function", ("size",), ("x",)),
        cases=({"size": (2, 3)}, {"size": (1, 1)}),
        shapes=lambda a: ((1, 1, 3, 4), (2, 2, 4, 6)),
        laws=(Law("by_the_paper", "Four corners, the center, and their horizontal reflections.", ten_crops, EXACT),),
        twins=(
            Twin("pairs", _ten([0, 5, 1, 6, 2, 7, 3, 8, 4, 9]), "each crop is followed by its mirror image; the mirror images come last."),
            Twin("transposed_corners", _ten([0, 2, 1, 3, 4, 5, 7, 6, 8, 9]), "your second corner is the lower left; it is the upper right."),
            Twin("upside_down", _upside_down, "you mirror upside down; it is left to right."),
        ),
    ),
)  # fmt: skip
