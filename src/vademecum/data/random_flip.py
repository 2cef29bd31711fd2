r"""Random flip: mirror each image with a given probability.

For photographs, a left-right mirror image is as likely as the picture itself: the cheapest doubling of the data.
It is exact, since pixels only change places.

$$ y_{chw} = x_{c,h,W-1-w} \text{ with probability } p, \qquad y = x \text{ otherwise} $$

Also called: RandomHorizontalFlip, RandomVerticalFlip, mirroring, horizontal reflection.
Departures: none.
Pitfalls: it destroys the labels of digits and text (2 and S), of left and right hands, and of traffic signs. A box must
    change its x1 and x2 as well as mirror them.
Claim: none, because the digits lose their labels by it.
Peer: kornia's RandomHorizontalFlip and RandomVerticalFlip.

References:
    krizhevsky2012imagenet: section 4.1, horizontal reflections.
"""

import torch
from torch import Tensor, nn

from ._augment import Augmented, Boxes, chance, packed, probability, require_images
from ._warp import LARGE, identity, moved_boxes

__all__ = ["RandomHorizontalFlip", "RandomVerticalFlip"]


def mirrored(x: Tensor, chosen: Tensor, dim: int) -> Tensor:
    """Mirror the chosen of (B, ..., H, W) along a dimension, in one pass: a temporary costs more than the index."""
    if dim == -1 and x.device.type == "cpu" and x[:1].numel() > LARGE:
        y = torch.empty_like(x)
        for new, old, turn in zip(y, x, chosen.tolist(), strict=True):
            new.copy_(old.flip(dim) if turn else old)
        return y
    n = x.shape[dim]
    place = torch.arange(n, device=x.device)
    place = torch.where(chosen.to(x.device)[:, None], n - 1 - place, place)  # (B, n)
    if dim == -1:
        return x.gather(dim, place.view(-1, *[1] * (x.ndim - 2), n).expand(x.shape))
    planes = torch.arange(x[..., 0, 0].numel(), device=x.device).view(len(x), -1, 1) * n
    return x.reshape(-1, x.shape[-1]).index_select(0, (planes + place[:, None]).flatten()).view(x.shape)


def flip_matrix(count: int, p: float, axis: int, generator: torch.Generator | None) -> Tensor:
    """Choose whom to mirror: (count, 3, 3) maps, x being axis 0."""
    chosen = chance(count, p, generator)
    matrix = identity(count, chosen.device)
    matrix[:, axis, axis] = torch.where(chosen, -1.0, 1.0).double()
    return matrix


def flipped(x: Tensor, boxes: Boxes | None, masks: Tensor | None, matrix: Tensor, axis: int) -> Augmented:
    """Mirror those whose map says so."""
    chosen, size = matrix[:, axis, axis] < 0, tuple(x.shape[-2:])
    if boxes is not None:
        boxes = moved_boxes(boxes, matrix, size, size)
    if masks is not None:
        masks = mirrored(masks, chosen, -1 - axis)
    return Augmented(mirrored(x, chosen, -1 - axis), boxes, masks)


class RandomHorizontalFlip(nn.Module):
    """Mirror images (B, C, H, W) left to right, with their boxes and masks; nothing in evaluation.

    Args:
        p: probability for each example to be mirrored.

    Raises:
        ValueError: p is no probability.

    Example:
        >>> RandomHorizontalFlip(p=1.0)(torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[2., 1.]]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = probability(p)

    def matrix(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw one map an example: (count, 3, 3) in pixels from the center."""
        return flip_matrix(count, self.p, 0, generator)

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Mirror x (B, C, H, W), boxes and masks in training."""
        require_images(x, boxes, masks)
        if not self.training or not len(x):
            return packed(x, boxes, masks)
        matrix = self.matrix(len(x), *x.shape[-2:], generator=generator)
        return packed(*flipped(x, boxes, masks, matrix, 0))

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"p={self.p}"


class RandomVerticalFlip(nn.Module):
    """Mirror images (B, C, H, W) upside down, with their boxes and masks; nothing in evaluation.

    Args:
        p: probability for each example to be mirrored.

    Raises:
        ValueError: p is no probability.

    Example:
        >>> RandomVerticalFlip(p=1.0)(torch.tensor([[[[1.0], [2.0]]]]))
        tensor([[[[2.],
                  [1.]]]])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = probability(p)

    def matrix(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw one map an example: (count, 3, 3) in pixels from the center."""
        return flip_matrix(count, self.p, 1, generator)

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Mirror x (B, C, H, W), boxes and masks in training."""
        require_images(x, boxes, masks)
        if not self.training or not len(x):
            return packed(x, boxes, masks)
        matrix = self.matrix(len(x), *x.shape[-2:], generator=generator)
        return packed(*flipped(x, boxes, masks, matrix, 1))

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"p={self.p}"
