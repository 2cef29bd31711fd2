"""Laws of random flips: pixels change places, boxes change sides."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.random_flip import RandomHorizontalFlip, RandomVerticalFlip

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    FOLLOW,
    SIGMAS,
    boxes_stay,
    boxes_swapped,
    call,
    changed,
    everywhere,
    interface,
    masks_stay,
    nothing,
    oblong,
    share,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

SHIFTED = "your mirror image is moved by a pixel: the first goes where the last was."


def mirror(x: Tensor, *, across: bool) -> Tensor:
    y = torch.empty_like(x)
    n = x.shape[-1] if across else x.shape[-2]
    for i in range(n):
        if across:
            y[..., i] = x[..., n - 1 - i]
        else:
            y[..., i, :] = x[..., n - 1 - i, :]
    return y


def suite(part: str, right: type, across: bool) -> Suite:
    def mirrored_or_not(build: Build, draw: Draw) -> Iterator[Pair]:
        x = draw.normal(32, *draw.shape[1:])
        y = call(build(draw), x)
        want = mirror(x, across=across)
        same, turned = (y == x).flatten(1).all(1), (y == want).flatten(1).all(1)
        yield nothing((~same & ~turned).sum())
        yield call(build(draw, p=1.0), x), want

    def the_share(build: Build, draw: Draw) -> Iterator[Pair]:
        x = torch.arange(4.0, dtype=draw.dtype).view(1, 1, 2, 2).repeat(COUNT, 1, 1, 1)
        flip = build(draw)
        yield share((call(flip, x) != x).flatten(1).any(1), flip.arguments["p"])

    def never(build: Build, draw: Draw) -> Iterator[Pair]:
        x = draw.normal()
        yield call(build(draw, p=0.0), x), x

    def boxes_exactly(build: Build, draw: Draw) -> Iterator[Pair]:
        x = draw.normal(1, 1, 10, 20)
        box = torch.tensor([[1.0, 2.0, 4.0, 7.0]], dtype=draw.dtype)
        got = call(build(draw, p=1.0), x, boxes=[box])
        yield (
            got[1][0],
            torch.tensor([[16.0, 2.0, 19.0, 7.0] if across else [1.0, 3.0, 4.0, 8.0]], dtype=draw.dtype),
        )

    def rolled(self: object, x: Tensor, **named: object) -> object:
        y = right.forward(self, x, **named)
        if named.get("boxes") is not None or not self.training:
            return y
        dim = -1 if across else -2
        moved = (y != x).flatten(1).any(1)
        return torch.where(moved.view(-1, 1, 1, 1), y.roll(1, dim), y)

    def unsorted(self: object, x: Tensor, *, boxes: object = None, **named: object) -> object:
        y = right.forward(self, x, boxes=boxes, **named)
        if boxes is None or not self.training:
            return y
        order = [2, 1, 0, 3] if across else [0, 3, 2, 1]
        return y._replace(
            boxes=[b if torch.equal(b, a) else b[:, order] for a, b in zip(boxes, y.boxes, strict=True)]
        )

    def one_less(self: object, x: Tensor, *, boxes: object = None, **named: object) -> object:
        y = right.forward(self, x, boxes=boxes, **named)
        if boxes is None or not self.training:
            return y
        less = torch.tensor([1.0, 0, 1, 0] if across else [0.0, 1, 0, 1], dtype=boxes[0].dtype)
        return y._replace(
            boxes=[b if torch.equal(b, a) else b - less for a, b in zip(boxes, y.boxes, strict=True)]
        )

    def complement(self: object, p: float = 0.5) -> None:
        right.__init__(self, 1 - p)

    def single(self: object, x: Tensor, **named: object) -> object:
        y = right.forward(self, x, **named)
        return y if named.get("boxes") is not None or not self.training else y.float().to(y.dtype)

    other = RandomVerticalFlip if across else RandomHorizontalFlip
    return Suite(
        technique="random_flip",
        part=part,
        subjects={part: right},
        interface=interface("p"),
        cases=({"p": 0.5}, {"p": 0.3}),
        shapes=oblong,
        laws=(
            Law("mirrored_or_not", "Each image is its mirror image, pixel by pixel, or itself.", mirrored_or_not, EXACT),
            Law("the_share", r"$$ P(\text{mirrored}) = p $$", the_share, SIGMAS),
            Law("never", "With p = 0 nothing changes, bit for bit.", never, EXACT),
            Law("boxes_exactly", "A mirrored box keeps x1 < x2 and y1 < y2, counted from the pixels' edges.", boxes_exactly, EXACT),
            *FOLLOW,
            *EVERYWHERE,
        ),
        twins=(
            Twin("other_direction", other, "you mirror the other way."),
            Twin("shifted", changed(right, forward=rolled), SHIFTED),
            Twin("unsorted_boxes", changed(right, forward=unsorted), "your mirrored boxes have their sides in the wrong order."),
            Twin("one_less", changed(right, forward=one_less), "you mirror boxes as pixel numbers (W - 1 - x); they are edges (W - x)."),
            Twin("complement", changed(right, __init__=complement), "your p is the probability to stay."),
            Twin("single_precision", changed(right, forward=single), "you lose digits of the pixels."),
            Twin("boxes_stay", boxes_stay(right), "your boxes do not follow the pixels."),
            Twin("boxes_swapped", boxes_swapped(right), "you take a box as y, x; it is x1, y1, x2, y2."),
            Twin("masks_stay", masks_stay(right), "your masks do not follow the pixels."),
            *everywhere(right),
        ),
    )  # fmt: skip


SUITES = (
    suite("RandomHorizontalFlip", RandomHorizontalFlip, True),
    suite("RandomVerticalFlip", RandomVerticalFlip, False),
)
