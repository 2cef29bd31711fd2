r"""Random crop: cut a window at a random place out of each image, after padding it.

With padding and the size kept, it is the augmentation of most small-image networks: the picture moves by a few
whole pixels. With a smaller size it is AlexNet's: patches of 224 pixels out of 256.

$$ y_{chw} = \tilde x_{c,\,h+i,\,w+j}, \qquad i \sim U\{0..H + 2P - h\},\ j \sim U\{0..W + 2P - w\} $$

where $\tilde x$ is the image padded by P. At test time AlexNet averages the predictions for ten crops: the four
corners, the center, and the mirror images of these.

Also called: RandomCrop, pad and crop, patches, TenCrop, CenterCrop, ten_crop, center_crop.
Departures: none.
Pitfalls: in evaluation nothing is cut: a network that takes smaller crops needs center_crop or ten_crop there. Ten
    crops hold mirror images, which are wrong for digits and text.
Claim: none, because random_translation shows the same with the same moves.
Peer: kornia's RandomCrop.

References:
    krizhevsky2012imagenet: section 4.1, random patches of 224 from 256 pixels and ten crops at test time.
    he2016deep: section 4.2, padding by 4 and crops of 32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ._augment import Augmented, Boxes, device_of, packed, require_images
from ._warp import emptied, moved_boxes, padded, require_padding_mode, shift_matrix, windows

__all__ = ["RandomCrop", "center_crop", "ten_crop"]


class RandomCrop(nn.Module):
    """Cut windows out of images (B, C, H, W), their boxes and masks; nothing in evaluation.

    Args:
        size: (h, w), or one number for both; None keeps the size of the images.
        padding: pixels on every side before the cut.
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        fill: the value there, with "zeros", in units of the input.

    Raises:
        ValueError: padding is negative, size not positive, or padding_mode unknown.

    Example:
        >>> crop = RandomCrop(2)
        >>> crop(torch.arange(9.0).view(1, 1, 3, 3), generator=torch.Generator().manual_seed(0))
        tensor([[[[1., 2.],
                  [4., 5.]]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        *,
        padding: int = 0,
        padding_mode: str = "zeros",
        fill: float = 0.0,
    ) -> None:
        super().__init__()
        self.size = None if size is None else pair(size)
        if not (isinstance(padding, int) and padding >= 0):
            raise ValueError(f"padding must be a whole number of pixels, at least 0: it is {padding}.")
        self.padding = padding
        self.padding_mode = require_padding_mode(padding_mode)
        self.fill = fill

    def corner(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Draw the first row and column of each window, (count,) each, in the padded image.

        Args:
            count: B.
            height: H of the images.
            width: W of the images.
            generator: the source of randomness.

        Returns:
            Rows and columns.

        Raises:
            ValueError: the window is larger than the padded image.
        """
        h, w = self.size or (height, width)
        rooms = height + 2 * self.padding - h, width + 2 * self.padding - w
        if min(rooms) < 0:
            raise ValueError(
                f"the window must fit into the padded image: size is {(h, w)}, the image {(height, width)} with "
                f"padding {self.padding}; enlarge padding or the images."
            )
        top, left = (
            torch.randint(room + 1, (count,), generator=generator, device=device_of(generator))
            for room in rooms
        )
        return top, left

    def matrix(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw one map an example where the size is kept: (count, 3, 3) in pixels from the center."""
        top, left = self.corner(count, height, width, generator=generator)
        return shift_matrix((self.padding - left).double(), (self.padding - top).double())

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Cut x (B, C, H, W), boxes and masks in training."""
        require_images(x, boxes, masks)
        if not self.training:
            return packed(x, boxes, masks)
        source = tuple(x.shape[-2:])
        size = self.size or source
        top, left = self.corner(len(x), *source, generator=generator)
        if not len(x):
            return packed(*emptied(x, boxes, masks, size))
        if self.padding == 0 and size == source:
            return packed(x, boxes, masks)
        around = (self.padding, self.padding)
        if boxes is not None:
            dx, dy = ((old - new) / 2 for new, old in zip(size[::-1], source[::-1], strict=True))
            moved = shift_matrix(self.padding - left + dx, self.padding - top + dy)
            boxes = moved_boxes(boxes, moved, source, size)
        if masks is not None:
            stack = masks if masks.ndim == 4 else masks[:, None]
            cut = windows(padded(stack, around, padding_mode=self.padding_mode), top, left, size)
            masks = cut.reshape(*masks.shape[:-2], *size)
        x = windows(padded(x, around, padding_mode=self.padding_mode, fill=self.fill), top, left, size)
        return packed(x, boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return (
            f"size={self.size}, padding={self.padding}, padding_mode={self.padding_mode!r}, fill={self.fill}"
        )


def pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Read (h, w), or one number for both.

    Returns:
        (h, w).

    Raises:
        ValueError: a number is not positive, or there are not two.
    """
    both = (size, size) if isinstance(size, int) else tuple(size)
    if len(both) != 2 or min(both) < 1:
        raise ValueError(f"size must be a positive number of pixels, or (h, w): it is {size}.")
    return both[0], both[1]


def cut(x: Tensor, top: int, left: int, size: tuple[int, int]) -> Tensor:
    return x[..., top : top + size[0], left : left + size[1]]


def room_of(x: Tensor, size: tuple[int, int]) -> tuple[int, int]:
    """How far a window may move in y and x.

    Returns:
        Pixels downwards and to the right.

    Raises:
        ValueError: it does not fit.
    """
    down, right = x.shape[-2] - size[0], x.shape[-1] - size[1]
    if min(down, right) < 0:
        raise ValueError(
            f"size must fit into the images: size is {size}, x {tuple(x.shape)}; take a smaller one."
        )
    return down, right


def center_crop(x: Tensor, size: int | Sequence[int]) -> Tensor:
    """Cut the middle out of images, for evaluation.

    Args:
        x: (..., H, W) images.
        size: (h, w), or one number for both.

    Returns:
        (..., h, w); where the rest is odd, the window lies half a pixel to the upper left.

    Example:
        >>> center_crop(torch.arange(9).view(3, 3), 1)
        tensor([[4]])
    """
    size = pair(size)
    down, right = room_of(x, size)
    return cut(x, down // 2, right // 2, size)


def ten_crop(x: Tensor, size: int | Sequence[int]) -> Tensor:
    """Cut corners and center, and mirror them, for the average of predictions at test time.

    Args:
        x: (B, C, H, W) images.
        size: (h, w), or one number for both.

    Returns:
        (B, 10, C, h, w): upper left, upper right, lower left, lower right, center, then the mirror images.

    Example:
        >>> crops = ten_crop(torch.arange(9.0).view(1, 1, 3, 3), 1)
        >>> crops.flatten().tolist()
        [0.0, 2.0, 6.0, 8.0, 4.0, 0.0, 2.0, 6.0, 8.0, 4.0]
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(1, 5))
        >>> model(crops.flatten(0, 1)).softmax(1).view(1, 10, 5).mean(1).shape
        torch.Size([1, 5])
    """
    require_images(x)
    size = pair(size)
    down, right = room_of(x, size)
    corners = [cut(x, top, left, size) for top in (0, down) for left in (0, right)]
    five = torch.stack([*corners, center_crop(x, size)], dim=1)
    return torch.cat([five, five.flip(-1)], dim=1)
