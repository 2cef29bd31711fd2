"""Images: a folder with one sub-folder for each class."""

import re
import struct
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vademecum._core.errors import InputError

from ._folder import listing
from ._identity import fingerprint
from ._memory import require
from ._source import Source
from ._words import some

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_SIDE = 64
"""Pixels along a side where the user names no size: enough to learn from, cheap without a GPU."""

GRAY = frozenset({"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N", "I"})
DEEP = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})
UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, struct.error)
"""What PIL raises for a damaged file."""


@dataclass(frozen=True)
class _Header:
    """What a file says of itself before its pixels are decoded."""

    mode: str
    width: int
    height: int
    frames: int
    turned: bool
    transparent: bool


def images(folder: str | PathLike[str], *, image_size: int | None = None) -> Source:
    """Load a folder of images.

    The sub-folders name the classes; or train, val and test (also training, valid, validation, testing) hold
    such sub-folders, and val or test may be missing.

    *Size.* Images of one size with sides of at most 64 pixels stay as they are. All others become squares: of
    ``image_size`` pixels if given, else of the median shorter side, at most 64. The largest centered square
    is cut out and resized (bilinear, antialiased), so that nothing is distorted.

    *Color.* One channel where every image is gray, else three. Palettes, CMYK and the like become RGB,
    transparent places white, 16-bit values are scaled by the set's own depth, and the EXIF orientation is
    applied.

    Args:
        folder: where the images are.
        image_size: pixels along each side.

    Returns:
        The data, x uint8 (N, 1 or 3, H, W), with a note on everything that was changed.

    Raises:
        InputError: the folder is laid out otherwise, a file cannot be read or is too large, or memory is too
            small.
    """
    folder = Path(folder)
    if image_size is not None and image_size < 1:
        raise InputError(f"image_size must be at least 1 pixel: it is {image_size}; try 64.")
    found = listing(folder)
    headers = _headers(found.files)
    height, width, notes = _size(headers, image_size)
    channels = 1 if all(header.mode in GRAY for header in headers) else 3
    require(
        len(headers) * channels * height * width,
        f"{len(headers)} images of {height}x{width} pixels",
        "give a smaller image_size (--set image_size=...), or fewer images",
    )
    x = _decode(found.files, headers, (height, width), channels)
    notes += _odd(headers)
    if channels == 3 and bool((x[:, :1] == x).all()):
        x = x[:, :1].contiguous()
        notes.append("Every image is gray though stored in color: one channel is kept.")
    return Source(
        name=folder.resolve().name,
        kind="images",
        task="classification",
        x=x,
        y=found.y,
        classes=found.classes,
        features=(),
        target="class",
        items=tuple(path.relative_to(folder).as_posix() for path in found.files),
        groups=None,
        times=None,
        parts=found.parts,
        notes=(*found.notes, *notes),
        fingerprint=fingerprint(x, found.y, classes=found.classes, features=()),
    )


def _headers(files: Sequence[Path]) -> list[_Header]:
    """Read every header; refuse, together, the files that cannot be read."""
    headers, broken = [], []
    for path in files:
        try:
            headers.append(_header(path))
        except InputError:
            raise
        except UNREADABLE as error:
            broken.append(_reason(path, error))
    _refuse(broken, len(files))
    return headers


def _header(path: Path) -> _Header:
    from PIL import ExifTags, Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(path)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            pixels = re.search(r"\((\d+) pixels\)", str(error))
            raise InputError(
                f"an image must have at most {Image.MAX_IMAGE_PIXELS} pixels: {path} says it has "
                f"{pixels.group(1) if pixels else 'more'}, which may be an attack; make it smaller or "
                "remove it."
            ) from None
    with image:
        if image.mode == "F":
            raise InputError(
                f"pixels must be whole numbers: {path} holds floating-point values; save it with 8 or 16 "
                "bits."
            )
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        width, height = image.size if orientation < 5 else image.size[::-1]
        return _Header(
            mode=image.mode,
            width=width,
            height=height,
            frames=getattr(image, "n_frames", 1),
            turned=orientation in range(2, 9),
            transparent=_transparent(image),
        )


def _size(headers: Sequence[_Header], image_size: int | None) -> tuple[int, int, list[str]]:
    """Height and width of every image, and a note where any image is changed."""
    sizes = Counter((header.height, header.width) for header in headers)
    (height, width), _ = sizes.most_common(1)[0]
    if image_size is None and len(sizes) == 1 and max(height, width) <= LARGEST_SIDE:
        return height, width, []
    side = image_size or min(LARGEST_SIDE, median_low(min(h.height, h.width) for h in headers))
    if set(sizes) == {(side, side)}:
        return side, side, []
    low, high = min(sizes), max(sizes)
    came = (
        f"{low[0]}x{low[1]}"
        if len(sizes) == 1
        else f"of {len(sizes)} sizes, {low[0]}x{low[1]} to {high[0]}x{high[1]}"
    )
    notes = [
        f"The images, {came} (height x width), were resized to {side}x{side}; image_size (--set image_size=...) "
        "changes that."
    ]
    cropped = sum(n for (h, w), n in sizes.items() if h != w)
    if cropped:
        notes.append(f"Cropped to the largest centered square, as they are not square: {_number(cropped)}.")
    enlarged = sum(n for size, n in sizes.items() if min(size) < side)
    if enlarged:
        notes.append(f"Enlarged: {_number(enlarged)}.")
    return side, side, notes


def _decode(
    files: Sequence[Path], headers: Sequence[_Header], size: tuple[int, int], channels: int
) -> Tensor:
    """Decode every image; refuse, together, those whose pixels cannot be read."""
    x = torch.empty((len(files), channels, *size), dtype=torch.uint8)
    broken: list[str] = []
    depth = _depth(files, headers)
    for i, path in enumerate(files):
        try:
            pixels = _pixels(path, size, "L" if channels == 1 else "RGB", depth)
        except UNREADABLE as error:
            broken.append(_reason(path, error))
            continue
        x[i] = torch.from_numpy(pixels).view(*size, channels).permute(2, 0, 1)
    _refuse(broken, len(files))
    return x


def _depth(files: Sequence[Path], headers: Sequence[_Header]) -> int:
    """The largest value that the deep images may hold: 2^b - 1, with b at least 8, that covers them all."""
    from PIL import Image

    top = 0
    for path, header in zip(files, headers):
        if header.mode in DEEP:
            try:
                with Image.open(path) as image:
                    top = max(top, int(np.asarray(image).max()))
            except UNREADABLE:  # named by the caller, which reads the file again
                continue
    return (1 << max(8, top.bit_length())) - 1


def _pixels(path: Path, size: tuple[int, int], mode: str, depth: int) -> NDArray[np.uint8]:
    """Decode one image as (H, W) or (H, W, 3)."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        flat = _plain(upright, mode, depth)
    height, width = size
    if flat.size != (width, height):
        flat = ImageOps.fit(flat, (width, height), method=Image.Resampling.BILINEAR)
    return np.array(flat)


def _plain(image: "Image", mode: str, depth: int) -> "Image":
    """An image of 8 bits in the mode wanted, on white where it is transparent."""
    from PIL import Image

    if image.mode in DEEP:
        values = np.asarray(image).astype(np.float64).clip(0, depth)
        image = Image.fromarray((values * (255 / depth)).round().astype(np.uint8))
    if _transparent(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def _odd(headers: Sequence[_Header]) -> list[str]:
    """What was handled on the way to plain pixels, one sentence each."""
    modes = Counter(header.mode for header in headers)
    notes = []
    if len(modes) > 1:
        notes.append(
            "Images are stored in several ways: "
            + some(f"{mode} ({n})" for mode, n in modes.most_common())
            + "."
        )
    deep = sum(n for mode, n in modes.items() if mode in DEEP)
    unusual = sum(n for mode, n in modes.items() if mode in {"CMYK", "YCbCr", "HSV", "LAB"})
    for what, count in (
        ("Scaled by the set's own depth to 0..255, as they have more than 8 bits", deep),
        ("Turned from CMYK or the like into RGB", unusual),
        ("Laid on white, as they may be transparent", sum(header.transparent for header in headers)),
        ("Turned upright, as their EXIF orientation says", sum(header.turned for header in headers)),
        ("Reduced to the first of several frames", sum(header.frames > 1 for header in headers)),
    ):
        if count:
            notes.append(f"{what}: {_number(count)}.")
    return notes


def _number(count: int) -> str:
    return f"{count} image{'s' if count > 1 else ''}"


def _reason(path: Path, error: Exception) -> str:
    """A damaged file and what PIL says of it."""
    from PIL import UnidentifiedImageError

    said = "no image" if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__
    return f"{path} ({said})"


def _transparent(image: "Image") -> bool:
    return image.mode in {"RGBA", "RGBa", "LA", "La", "PA"} or "transparency" in image.info


def _refuse(broken: Sequence[str], total: int) -> None:
    if broken:
        raise InputError(
            f"every image must be readable: {len(broken)} of {total} are not: {some(broken, most=5)}; "
            "replace or remove these files."
        )
