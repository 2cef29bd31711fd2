r"""Color shift: add one random number to each channel of an image.

The light of another lamp: all pixels of a channel become brighter or darker by the same amount. It leaves every
contrast as it is.

$$ y_{bchw} = x_{bchw} + s_{bc}, \qquad s_{bc} \sim U(-m, m) $$

Also called: mean shift, RGB shift, RandomRGBShift, channel shift, colour shift.
Departures: floating results are not clamped.
Pitfalls: it undoes nothing that instance normalization or centering per image would remove: before these it has
    no effect.
Claim: none, because instance-wise mean shifts need photographs; the digits have one light.
Peer: kornia's RandomRGBShift.

References:
    howard2013some: section 2, manipulations of contrast, brightness and color.
"""

import torch
from torch import Tensor, nn

from ._augment import (
    Augmented,
    Boxes,
    between,
    chance,
    changed_rows,
    packed,
    probability,
    require_images,
    top_of,
    uniform,
)

__all__ = ["ColorShift"]


class ColorShift(nn.Module):
    """Shift the channels of images (B, C, H, W); nothing in evaluation.

    Args:
        max_shift: m as a share of the full intensity.
        p: probability for each example to be shifted.
        max_value: full intensity; None takes 255 for uint8 and 1 for floating values.

    Raises:
        ValueError: max_shift is negative or p no probability.

    Example:
        >>> shift = ColorShift(0.5)
        >>> y = shift(torch.zeros(1, 3, 2, 2), generator=torch.Generator().manual_seed(0))
        >>> bool((y == y[..., :1, :1]).all()), bool((y[:, 0] == y[:, 1]).any())  # one number for each channel
        (True, False)
    """

    def __init__(self, max_shift: float = 0.1, *, p: float = 1.0, max_value: float | None = None) -> None:
        super().__init__()
        self.max_shift = between(max_shift, "max_shift")[1]
        self.p = probability(p)
        self.max_value = max_value

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Shift the channels of x (B, C, H, W) in training; boxes and masks stay."""
        require_images(x, boxes, masks)
        if not self.training or self.max_shift == 0:
            return packed(x, boxes, masks)
        limit = self.max_shift * top_of(x, self.max_value)
        shift = uniform(x.shape[:2], (-limit, limit), generator)
        chosen = chance(len(x), self.p, generator)
        x = changed_rows(x, chosen, lambda part, rows: part + shift[rows, :, None, None].to(part))
        return packed(x, boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"max_shift={self.max_shift}, p={self.p}, max_value={self.max_value}"
