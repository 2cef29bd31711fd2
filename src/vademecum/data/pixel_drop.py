r"""Pixel drop: set a random share of the pixels to one value, in all channels at once.

Dropout at the input, without its rescaling: the network has to read a picture from the pixels that are left. Take
it where sensors fail or parts are hidden; of a table it drops single values.

$$ y_{bchw} = m_{bhw} x_{bchw} + (1 - m_{bhw}) \text{fill}, \qquad m \sim \text{Bernoulli}(1 - p) $$

Also called: pixel dropout, salt or pepper noise, random erasing of single pixels, masking noise.
Departures: the pixels that stay are not divided by 1 - p, as dropout would: a bright pixel stays as bright as it is.
Pitfalls: a mask of its own for each channel colors the picture instead of hiding it. On standardized data fill=0 is the
    mean, on raw pixels it is black.
Claim: dropped pixels in training raise the accuracy on digits with missing pixels by more than 0.05 after training on
    300; on whole digits they gain nothing.
Peer: none; albumentations has PixelDropout for single images.

References:
    vincent2008extracting: section 2.3, masking noise.
"""

import torch
from torch import Tensor, nn

from ._augment import (
    Augmented,
    Boxes,
    device_of,
    packed,
    probability,
    require_images,
    require_pixels,
    restored,
    working,
)

__all__ = ["PixelDrop"]


class PixelDrop(nn.Module):
    """Set pixels of images (B, C, H, W), or values of rows (B, F), to one value; nothing in evaluation.

    Args:
        p: probability that a pixel is dropped.
        fill: what takes its place, in units of the input.

    Raises:
        ValueError: p is no probability.

    Example:
        >>> drop = PixelDrop(0.25)
        >>> y = drop(torch.ones(10, 3, 100, 100), generator=torch.Generator().manual_seed(0))
        >>> round(1 - float(y.mean()), 2), bool((y[:, 0] == y[:, 2]).all())
        (0.25, True)
    """

    def __init__(self, p: float = 0.1, *, fill: float = 0.0) -> None:
        super().__init__()
        self.p = probability(p)
        self.fill = fill

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Drop pixels of x (B, C, H, W) or values of (B, F) in training; boxes and masks stay."""
        if x.ndim == 2 and boxes is None and masks is None:
            require_pixels(x)
        else:
            require_images(x, boxes, masks)
        if not self.training or self.p == 0:
            return packed(x, boxes, masks)
        shape = x.shape if x.ndim == 2 else (len(x), 1, *x.shape[2:])
        dropped = torch.rand(shape, generator=generator, device=device_of(generator)) < self.p
        fill = restored(working(x.new_zeros(())) + self.fill, x)
        return packed(torch.where(dropped.to(x.device), fill, x), boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"p={self.p}, fill={self.fill}"
