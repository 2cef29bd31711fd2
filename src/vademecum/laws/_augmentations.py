"""What the laws of augmentations share: how they are called, laws that all obey, and twins that break these.

Draws are tested by z-scores at a fixed count. A right implementation passes five standard errors in all but one of
1.7 million tests; the seeds are fixed, so it passes always or never.
"""

import inspect
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ._subject import NotCheckableError, Subject
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Twin

SIGMAS = {torch.float64: 5.0}
"""Tolerance of a z-score."""
PIXEL = {torch.float64: 1.0}
RESAMPLED = {torch.float64: 1e-9, torch.float32: 1e-4}
COUNT = 2000

ALIASES = {
    "degrees": ("angle", "limit"), "p": ("prob", "probability"), "max_shift": ("shift", "translate"),
    "std": ("sigma", "noise_std"), "sigma": ("std",),
}  # fmt: skip


def interface(*arguments: str, **defaults: object) -> Interface:
    """A module that is called on images."""
    return Interface("module", arguments, ("x",), defaults=defaults, aliases=ALIASES)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def call(subject: Subject, x: Tensor, *, seed: int = 0, **named: object) -> Tensor:
    """Call in training with a seed; an object that takes no generator draws from torch's own stream."""
    takes = inspect.signature(getattr(subject.object, "forward", subject.object)).parameters
    free = any(one.kind is one.VAR_KEYWORD for one in takes.values())
    for name in named:
        if name not in takes and not free:
            raise NotCheckableError(f"it takes no {name}")
    if "generator" in takes or free:
        return subject.train()(x, generator=seeded(seed), **named)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return subject.train()(x, **named)


def nothing(like: Tensor) -> Pair:
    """What is counted here must be none."""
    return like.double(), torch.zeros_like(like, dtype=torch.float64)


def z_of_mean(values: Tensor, mean: float) -> Pair:
    """The z-score of a mean of independent values."""
    v = values.double().flatten()
    return nothing((v.mean() - mean) / (v.std() / len(v) ** 0.5).clamp_min(1e-12))


def uniform_moments(values: Tensor, low: float, high: float) -> Iterator[Pair]:
    """z-scores of the mean and of the mean square about the middle."""
    middle = (low + high) / 2
    yield z_of_mean(values, middle)
    yield z_of_mean((values.double() - middle).square(), (high - low) ** 2 / 12)
    yield nothing(((values < low - 1e-4) | (values > high + 1e-4)).sum())


def share(hits: Tensor, p: float) -> Pair:
    """The z-score of a share."""
    n = hits.numel()
    return nothing((hits.double().mean() - p) / (p * (1 - p) / n) ** 0.5)


def ramps(count: int, height: int, width: int) -> Tensor:
    """(count, 2, H, W) images whose pixels say where they lie: x and y in pixels from the center."""
    x, y = torch.arange(width) + 0.5 - width / 2, torch.arange(height) + 0.5 - height / 2
    return (
        torch.stack([x.expand(height, width), y[:, None].expand(height, width)])
        .double()
        .repeat(count, 1, 1, 1)
    )


def rectangle(height: int, width: int, box: tuple[int, int, int, int]) -> Tensor:
    """(H, W) picture of a box."""
    x1, y1, x2, y2 = box
    picture = torch.zeros(height, width, dtype=torch.float64)
    picture[y1:y2, x1:x2] = 1
    return picture


def extent(picture: Tensor) -> Tensor:
    """The box around the pixels above one half; zeros where there is none."""
    hit = picture > 0.5
    if not bool(hit.any()):
        return torch.zeros(4, dtype=torch.float64)
    rows, columns = hit.any(1).nonzero(), hit.any(0).nonzero()
    return torch.stack([columns[0, 0], rows[0, 0], columns[-1, 0] + 1, rows[-1, 0] + 1]).double()


BOX = (6, 5, 17, 10)


def scene(count: int = 16) -> tuple[Tensor, list[Tensor], Tensor]:
    """Images of one rectangle on an oblong canvas, its box, and its mask with the label 7."""
    picture = rectangle(24, 30, BOX)
    boxes = [torch.tensor([BOX], dtype=torch.float64) for _ in range(count)]
    return picture.repeat(count, 1, 1, 1), boxes, (7 * picture.long()).repeat(count, 1, 1)


# ------------------------------------------------------------------------------------------ laws that all obey


def evaluation_passes(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform()
    yield build(draw).eval()(x), x


def same_seed_same_output(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform(16, *draw.shape[1:])
    yield call(build(draw), x, seed=3), call(build(draw), x, seed=3)


def examples_differ(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform(1, *draw.shape[1:]).repeat(32, *[1] * (len(draw.shape) - 1))
    kinds = torch.unique(call(build(draw), x).flatten(1), dim=0)
    yield nothing(torch.tensor(float(len(kinds) < 2)))


def input_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform()
    before = x.clone()
    call(build(draw), x)
    yield x, before


def whole_numbers_are_rounded(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.integers(16, *draw.shape[1:], high=256, name="x")
    whole = call(build(draw), x.byte())
    yield nothing(torch.tensor(float(whole.dtype != torch.uint8)))
    given = {"max_value": 255.0} if "max_value" in draw.arguments else {}
    real = call(build(draw, **given), x.float())
    yield whole.double(), real.round().clamp(0, 255).double()


def boxes_follow(build: Build, draw: Draw) -> Iterator[Pair]:
    x, boxes, masks = scene()
    got = call(build(draw), x, boxes=boxes, masks=masks, seed=5)
    for image, box in zip(got[0], got[1], strict=True):
        yield nothing(box[0] - extent(image[0]))


def masks_follow(build: Build, draw: Draw) -> Iterator[Pair]:
    x, boxes, masks = scene()
    got = call(build(draw), x, boxes=boxes, masks=masks, seed=5)
    yield nothing(((got[2] != 0) & (got[2] != 7)).sum())
    yield nothing(((got[2] == 7) ^ (got[0][:, 0] > 0.5)).double().mean() * 50)  # edges: under a fiftieth


def scales_with_the_range(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform()
    small = call(build(draw, max_value=1.0), x)
    yield call(build(draw, max_value=200.0), 200 * x) / 200, small


EVERYWHERE = (
    Law("evaluation_passes", "In evaluation the batch passes bit for bit.", evaluation_passes, EXACT),
    Law("same_seed_same_output", "The same generator gives the same.", same_seed_same_output, EXACT),
    Law("examples_differ", "Equal images in a batch get draws of their own.", examples_differ, EXACT),
    Law("input_stays", "The input is not changed.", input_stays, EXACT),
)
ROUNDED = Law(
    "whole_numbers_are_rounded", "uint8 stays uint8: computed with fractions, rounded, held to 0..255.",
    whole_numbers_are_rounded, EXACT,
)  # fmt: skip
FOLLOW = (
    Law(
        "boxes_follow",
        "A box after the change is the box of the changed pixels, to one pixel.",
        boxes_follow,
        PIXEL,
    ),
    Law("masks_follow", "Masks move with the pixels and hold no new labels.", masks_follow, PIXEL),
)
RANGE = Law(
    "scales_with_the_range", r"$$ f_{200}(200 x) = 200 f_1(x) $$", scales_with_the_range,
    {torch.float64: 1e-9, torch.float32: 1e-5},
)  # fmt: skip


# ------------------------------------------------------------------------------------------ twins that break them

Right = type[nn.Module]


def changed(right: Right, **methods: Callable[..., object]) -> Right:
    """A class like the right one but for some methods."""
    return type("Changed", (right,), methods)


def one_draw(right: Right) -> Right:
    def forward(
        self: nn.Module, x: Tensor, *, generator: torch.Generator | None = None, **named: object
    ) -> object:
        seed = int(torch.randint(1 << 30, (), generator=generator))
        if not len(x) or named or not self.training:
            return right.forward(self, x, generator=generator, **named)
        return torch.cat([right.forward(self, one[None], generator=seeded(seed)) for one in x])

    return changed(right, forward=forward)


def always_random(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, **named: object) -> object:
        was, self.training = self.training, True
        try:
            return right.forward(self, x, **named)
        finally:
            self.training = was

    return changed(right, forward=forward)


def own_stream(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, *, generator: object = None, **named: object) -> object:
        return right.forward(self, x, **named)

    return changed(right, forward=forward)


def in_place(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, **named: object) -> object:
        y = right.forward(self, x, **named)
        if isinstance(y, Tensor) and y.shape == x.shape:
            x.copy_(y)
        return y

    return changed(right, forward=forward)


def truncates(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, **named: object) -> object:
        if x.is_floating_point():
            return right.forward(self, x, **named)
        if hasattr(self, "max_value"):
            self.max_value = 255.0
        return right.forward(self, x.float(), **named).long().byte()

    return changed(right, forward=forward)


def boxes_stay(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, *, boxes: object = None, **named: object) -> object:
        y = right.forward(self, x, boxes=boxes, **named)
        return y if boxes is None else y._replace(boxes=boxes)

    return changed(right, forward=forward)


def boxes_swapped(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, *, boxes: object = None, **named: object) -> object:
        y = right.forward(self, x, boxes=boxes, **named)
        return y if boxes is None else y._replace(boxes=[box[:, [1, 0, 3, 2]] for box in y.boxes])

    return changed(right, forward=forward)


def masks_interpolated(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, *, masks: object = None, **named: object) -> object:
        if masks is None:
            return right.forward(self, x, **named)
        both = torch.cat([x, masks[:, None].to(x)], dim=1)
        y = right.forward(self, both, masks=masks, **named)
        return y._replace(x=y.x[:, :-1], masks=y.x[:, -1].to(masks.dtype))

    return changed(right, forward=forward)


def masks_stay(right: Right) -> Right:
    def forward(self: nn.Module, x: Tensor, *, masks: object = None, **named: object) -> object:
        y = right.forward(self, x, masks=masks, **named)
        return y if masks is None else y._replace(masks=masks)

    return changed(right, forward=forward)


def everywhere(right: Right) -> tuple[Twin, ...]:
    """Twins for `EVERYWHERE`."""
    return (
        Twin(
            "one_draw",
            one_draw(right),
            "you draw one parameter for the whole batch; each example has its own.",
        ),
        Twin("always_random", always_random(right), "you change the batch in evaluation too."),
        Twin("own_stream", own_stream(right), "you do not draw from the generator that is given."),
        Twin("in_place", in_place(right), "you overwrite your input."),
    )


def following(right: Right) -> tuple[Twin, ...]:
    """Twins for `FOLLOW`."""
    return (
        Twin("boxes_stay", boxes_stay(right), "your boxes do not follow the pixels."),
        Twin("boxes_swapped", boxes_swapped(right), "you take a box as y, x; it is x1, y1, x2, y2."),
        Twin("masks_stay", masks_stay(right), "your masks do not follow the pixels."),
    )


def truncated(right: Right) -> Twin:
    """The twin for `ROUNDED`."""
    return Twin("truncates", truncates(right), "you cut the fraction off when you return to uint8: round.")


def ignored_range(right: Right) -> Twin:
    """The twin for `RANGE`."""

    def start(self: nn.Module, *given: object, max_value: object = None, **named: object) -> None:
        right.__init__(self, *given, **named)

    twin = changed(right, __init__=start)
    twin.__init__.__signature__ = inspect.signature(right.__init__)
    return Twin("ignored_range", twin, "your strength is absolute; it is a share of max_value.")


def oblong(a: Arguments) -> tuple[tuple[int, ...], ...]:
    """Shapes for images, from small to large."""
    return ((1, 1, 4, 4), (3, 3, 7, 9))


def bilinear(image: Tensor, x: float, y: float) -> float:
    """A value between the pixels, zero outside, in plain arithmetic; (H, W), places of pixel centers from 0."""
    from math import floor

    total = 0.0
    for row in (floor(y), floor(y) + 1):
        for column in (floor(x), floor(x) + 1):
            weight = max(0.0, 1 - abs(x - column)) * max(0.0, 1 - abs(y - row))
            if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                total += weight * float(image[row, column])
    return total
