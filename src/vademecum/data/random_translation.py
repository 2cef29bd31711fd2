r"""Random translation: move each image by a few pixels in both directions.

It teaches the tolerance to shifts that a network with flattened maps does not have, within the range drawn and
little beyond. Whole pixels are moved exactly; parts of pixels blur.

$$ y_{chw} = x_{c,\,h-\Delta_y,\,w-\Delta_x}, \qquad \Delta_x, \Delta_y \sim U\{-m..m\} $$

Also called: RandomTranslate, shift augmentation, jitter of position.
Departures: whole pixels, as AlexNet's patches, unless subpixel=True asks for real numbers.
Pitfalls: what leaves the image is lost, and with it the label where the object was small. Convolutions are
    equivariant to translation, not invariant: the linear layer behind them still has to learn every place.
Claim: shifts of up to one pixel raise the accuracy on shifted digits by more than 0.2 after training on 300; on
    digits that are not shifted they gain nothing.
Peer: kornia's RandomTranslate.

References:
    krizhevsky2012imagenet: section 4.1, image translations.
    simard2003best: section 2, translations.
"""

import torch
from torch import Tensor, nn

from ._augment import Augmented, Boxes, chance, device_of, packed, probability, require_images, uniform
from ._warp import require_padding_mode, resampled, shift_matrix, shifted

__all__ = ["RandomTranslate"]


class RandomTranslate(nn.Module):
    """Move images (B, C, H, W), their boxes and masks; nothing in evaluation.

    Args:
        max_shift: m in pixels, for both directions, or (in x, in y).
        subpixel: draw real numbers from -m to m instead of whole ones.
        p: probability for each example to be moved.
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        fill: the value there, with "zeros", in units of the input.

    Raises:
        ValueError: max_shift is negative, or not whole without subpixel; p no probability; padding_mode unknown.

    Example:
        >>> move = RandomTranslate(1)
        >>> move(torch.ones(1, 1, 2, 2), generator=torch.Generator().manual_seed(0))
        tensor([[[[0., 1.],
                  [0., 0.]]]])
    """

    def __init__(
        self,
        max_shift: float | tuple[float, float] = 2,
        *,
        subpixel: bool = False,
        p: float = 1.0,
        padding_mode: str = "zeros",
        fill: float = 0.0,
    ) -> None:
        super().__init__()
        both = max_shift if isinstance(max_shift, tuple) else (max_shift, max_shift)
        if len(both) != 2 or not all(m >= 0 and (subpixel or m == int(m)) for m in both):
            raise ValueError(
                f"max_shift must be a whole number of pixels, at least 0, or two: it is {max_shift}; set subpixel=True "
                "for parts of pixels."
            )
        self.max_shift = max_shift
        self.subpixel = subpixel
        self.p = probability(p)
        self.padding_mode = require_padding_mode(padding_mode)
        self.fill = fill
        self._both = both

    def matrix(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw one map an example: (count, 3, 3) in pixels from the center."""
        chosen = chance(count, self.p, generator)
        if self.subpixel:
            moves = [uniform((count,), (-m, m), generator) for m in self._both]
        else:
            device = device_of(generator)
            moves = [
                torch.randint(-int(m), int(m) + 1, (count,), generator=generator, device=device).double()
                for m in self._both
            ]
        dx, dy = (torch.where(chosen, move, 0.0) for move in moves)
        return shift_matrix(dx, dy)

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Move x (B, C, H, W), boxes and masks in training."""
        require_images(x, boxes, masks)
        if not self.training:
            return packed(x, boxes, masks)
        matrix = self.matrix(len(x), *x.shape[-2:], generator=generator)
        if self.subpixel:
            return packed(*resampled(x, boxes, masks, matrix, padding_mode=self.padding_mode, fill=self.fill))
        limit = [int(m) for m in self._both[::-1]]
        dx, dy = matrix[:, 0, 2], matrix[:, 1, 2]
        moved = shifted(x, boxes, masks, dx, dy, limit=limit, padding_mode=self.padding_mode, fill=self.fill)
        return packed(*moved)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return (
            f"max_shift={self.max_shift}, subpixel={self.subpixel}, p={self.p}, "
            f"padding_mode={self.padding_mode!r}, fill={self.fill}"
        )
