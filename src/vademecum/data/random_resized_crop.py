r"""Random resized crop: cut a rectangle of random area and shape out of each image and scale it to one size.

The augmentation of ImageNet training since Inception: objects come in every size and a little squeezed. With a scale
near 1 it is a gentle zoom.

$$ \frac{hw}{HW} \sim U(s_0, s_1), \qquad \log \frac{w}{h} \sim U(\log r_0, \log r_1) $$

Also called: RandomResizedCrop, Inception crop, scale augmentation, zoom.
Departures: the corner of the rectangle is a real number, not a whole pixel. A rectangle that does not fit is drawn
    again, ten times in all, and then the largest one of the nearest allowed shape is taken from the center, as
    torchvision does. No low-pass filter is applied before shrinking.
Pitfalls: without a low-pass filter (antialias) shrinking by more than 2 aliases: blur first. At the default scale the
    object may lie outside the crop, and its label with it.
Claim: none, because the digits fill their 8 pixels: there is nothing to cut.
Peer: kornia's RandomResizedCrop.

References:
    szegedy2015going: section 6, patches of 8 to 100 % of the area with aspect ratios of 3/4 to 4/3.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ._augment import Augmented, Boxes, between, packed, require_images, uniform
from ._warp import identity, resampled
from .random_crop import pair

__all__ = ["RandomResizedCrop"]

TRIES = 10


class RandomResizedCrop(nn.Module):
    """Cut rectangles out of images (B, C, H, W) and scale them, with boxes and masks; nothing in evaluation.

    Args:
        size: (h, w) of the result, or one number for both; None keeps the size of the images.
        scale: bounds of the share of the area.
        ratio: bounds of width / height.

    Raises:
        ValueError: bounds are out of order or size is not positive.

    Example:
        >>> crop = RandomResizedCrop(2)
        >>> crop(torch.ones(4, 3, 8, 8)).shape
        torch.Size([4, 3, 2, 2])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        *,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        super().__init__()
        self.size = None if size is None else pair(size)
        self.scale = between(scale, "scale", low=1e-6, high=1.0)
        self.ratio = between(ratio, "ratio", low=1e-6)

    def rectangle(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw (count, 4) rectangles x1, y1, x2, y2 in pixels of the old image.

        Args:
            count: B.
            height: H of the images.
            width: W of the images.
            generator: the source of randomness.

        Returns:
            Rectangles that lie in the image.
        """
        area = uniform((count, TRIES), self.scale, generator) * height * width
        low, high = self.ratio
        shape = uniform((count, TRIES), (math.log(low), math.log(high)), generator).exp()
        w, h = (area * shape).sqrt(), (area / shape).sqrt()
        fits = (w <= width) & (h <= height)
        first = fits.double().argmax(1, keepdim=True)
        nearest = min(max(width / height, low), high)
        largest = torch.tensor(
            [min(width, height * nearest), min(height, width / nearest)], dtype=w.dtype, device=w.device
        )
        w, h = (
            torch.where(fits.any(1), side.gather(1, first)[:, 0], most)
            for side, most in zip((w, h), largest.unbind(), strict=True)
        )
        place = uniform((2, count), (0.0, 1.0), generator)
        place = torch.where(fits.any(1), place, 0.5)
        x1, y1 = place[0] * (width - w), place[1] * (height - h)
        return torch.stack([x1, y1, x1 + w, y1 + h], dim=1)

    def matrix(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw one map an example: (count, 3, 3) in pixels from the center."""
        x1, y1, x2, y2 = self.rectangle(count, height, width, generator=generator).unbind(1)
        h, w = self.size or (height, width)
        matrix = identity(count, x1.device)
        matrix[:, 0, 0], matrix[:, 1, 1] = w / (x2 - x1), h / (y2 - y1)
        matrix[:, 0, 2] = matrix[:, 0, 0] * (width - x1 - x2) / 2
        matrix[:, 1, 2] = matrix[:, 1, 1] * (height - y1 - y2) / 2
        return matrix

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Cut and scale x (B, C, H, W), boxes and masks in training."""
        require_images(x, boxes, masks)
        if not self.training:
            return packed(x, boxes, masks)
        matrix = self.matrix(len(x), *x.shape[-2:], generator=generator)
        return packed(*resampled(x, boxes, masks, matrix, size=self.size, padding_mode="border"))

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"size={self.size}, scale={self.scale}, ratio={self.ratio}"
