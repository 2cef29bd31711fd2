"""The grammar of all augmentations: what goes in, what comes out, and how each example gets a draw of its own.

An augmentation is called as ``augment(x, boxes=None, masks=None, generator=None)``. Whatever is random is drawn on
the generator's device and then moved, so that a CPU generator gives the same on every device.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Boxes = Sequence[Tensor]
Bounds = float | tuple[float, float]


class Augmented(NamedTuple):
    """What an augmentation gives where boxes or masks were given beside the images.

    Attributes:
        x: (B, C, H, W) images.
        boxes: one (n, 4) tensor an example, in pixels x1, y1, x2, y2 counted from the upper left corner of the
            image; None where none were given.
        masks: (B, H, W) or (B, M, H, W); None where none were given.

    Example:
        >>> Augmented(torch.zeros(1, 1, 2, 2), None, torch.zeros(1, 2, 2)).masks.shape
        torch.Size([1, 2, 2])
    """

    x: Tensor
    boxes: Boxes | None
    masks: Tensor | None


def packed(x: Tensor, boxes: Boxes | None, masks: Tensor | None) -> Tensor | Augmented:
    """Give the images alone where they came alone."""
    return x if boxes is None and masks is None else Augmented(x, boxes, masks)


def unpacked(given: Tensor | Augmented) -> Augmented:
    """Undo `packed`."""
    return given if isinstance(given, Augmented) else Augmented(given, None, None)


def require_pixels(x: Tensor) -> None:
    """Refuse whole numbers other than uint8: their range is unknown.

    Raises:
        TypeError: x is neither floating nor uint8.
    """
    if not (x.is_floating_point() or x.dtype == torch.uint8):
        raise TypeError(
            f"x must be floating or uint8: x is {x.dtype} of shape {tuple(x.shape)}; convert it with x.float()."
        )


def require_images(x: Tensor, boxes: Boxes | None = None, masks: Tensor | None = None) -> None:
    """Refuse what is no batch of images, or boxes and masks that do not belong to it.

    Raises:
        ValueError: a shape does not fit.
        TypeError: pixels or boxes are of another type.
    """
    if x.ndim != 4:
        raise ValueError(
            f"x must be a batch of images (B, C, H, W): x is {tuple(x.shape)}; on rows (B, F) only GaussianNoise "
            "and PixelDrop work, and one image needs x[None]."
        )
    require_pixels(x)
    if boxes is not None:
        if len(boxes) != len(x):
            raise ValueError(
                f"boxes must hold one tensor an example: {len(boxes)} came for x of {tuple(x.shape)}; give an "
                "example without boxes one of shape (0, 4)."
            )
        for i, box in enumerate(boxes):
            if box.ndim != 2 or box.shape[1] != 4:
                raise ValueError(
                    f"boxes must be (n, 4) tensors of x1, y1, x2, y2: those of example {i} are {tuple(box.shape)}; "
                    "reshape them."
                )
            if not box.is_floating_point():
                raise TypeError(
                    f"boxes must be floating: those of example {i} are {box.dtype}; call .float()."
                )
    if masks is not None and (
        masks.ndim not in {3, 4} or len(masks) != len(x) or masks.shape[-2:] != x.shape[-2:]
    ):
        raise ValueError(
            f"masks must be (B, H, W) or (B, M, H, W) as the images: masks are {tuple(masks.shape)}, x is "
            f"{tuple(x.shape)}; give one stack of masks an example."
        )


def probability(p: float, name: str = "p") -> float:
    """Check a probability.

    Returns:
        The probability.

    Raises:
        ValueError: it is not from 0 to 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"{name} must be a probability from 0 to 1: it is {p}; 0.5 changes every second.")
    return float(p)


def between(value: Bounds, name: str, *, low: float = 0.0, high: float = float("inf")) -> tuple[float, float]:
    """Read a number, which stands for itself, or a pair of bounds.

    Returns:
        Both bounds.

    Raises:
        ValueError: the bounds are out of order or leave what is allowed.
    """
    lower, upper = value if isinstance(value, Sequence) else (value, value)
    if not low <= lower <= upper <= high:
        raise ValueError(
            f"{name} must be a number, or (low, high), from {low:g} to {high:g}: it is {value}; put the "
            "lower bound first."
        )
    return float(lower), float(upper)


def around(value: Bounds, name: str, *, center: float = 0.0, low: float, high: float) -> tuple[float, float]:
    """Read a strength, which stands for center - strength to center + strength, or a pair of bounds.

    Returns:
        Both bounds.

    Raises:
        ValueError: the strength is negative, or the bounds leave what is allowed.
    """
    if isinstance(value, Sequence):
        return between(value, name, low=low, high=high)
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0: it is {value}; give (low, high) for one side only.")
    return between((max(low, center - value), center + value), name, low=low, high=high)


def device_of(generator: torch.Generator | None) -> torch.device:
    """The device on which is drawn."""
    return torch.device("cpu") if generator is None else generator.device


def uniform(shape: Sequence[int], bounds: tuple[float, float], generator: torch.Generator | None) -> Tensor:
    """Draw from [low, high) in float64, which is exact where the two are equal."""
    low, high = bounds
    drawn = torch.rand(tuple(shape), generator=generator, device=device_of(generator), dtype=torch.float64)
    return low + (high - low) * drawn


def chance(count: int, p: float, generator: torch.Generator | None) -> Tensor:
    """Choose each of count examples with probability p; (count,) bool."""
    return uniform((count,), (0.0, 1.0), generator) < p


def top_of(x: Tensor, max_value: float | None) -> float:
    """The value of full intensity: as said, or else 255 for uint8 and 1 for floating pixels."""
    return max_value if max_value is not None else 1.0 if x.is_floating_point() else 255.0


def working(x: Tensor) -> Tensor:
    """The pixels in a type to compute in: float64 stays, everything else becomes float32."""
    return x if x.dtype == torch.float64 else x.float()


def restored(y: Tensor, x: Tensor) -> Tensor:
    """The result in the type of the input; whole numbers are rounded and held to their range."""
    return y.to(x.dtype) if x.is_floating_point() else y.round().clamp(0, 255).to(x.dtype)


def changed_rows(x: Tensor, chosen: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Change the chosen examples and leave the others bit for bit.

    Args:
        x: (B, ...) examples.
        chosen: (B,) bool, on any device.
        change: of the chosen examples in a type to compute in, and their numbers on the device of `chosen`.

    Returns:
        A new tensor, or x itself where nobody is chosen.
    """
    rows = chosen.nonzero().squeeze(1)
    if len(rows) == 0:
        return x
    if len(rows) == len(x):
        return restored(change(working(x), rows), x)
    at = rows.to(x.device)
    return x.index_copy(0, at, restored(change(working(x[at]), rows), x))
