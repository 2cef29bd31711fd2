r"""Color jitter: change brightness, contrast, saturation and hue of each image by factors of its own.

Use it where light, camera or dye vary and the class does not depend on them. It works on pixels before they are
standardized.

$$ \text{brightness } f x, \qquad \text{contrast } f x + (1 - f)\, \overline{g(x)}, \qquad
\text{saturation } f x + (1 - f)\, g(x), \qquad g(x) = 0.299 r + 0.587 g + 0.114 b $$

The hue turns in the hexagon of HSV, which keeps the largest and the smallest channel of every pixel. Nothing is
clamped between, so the first three commute and are one 3 by 3 matrix and a shift for each image.

Also called: ColorJitter, photometric distortion, brightness, contrast, saturation, hue.
Departures: torchvision clamps after each of the four and draws their order; here the order of the first three cannot
    matter and the hue comes last. Floating results are not clamped. Its gray takes 0.2989 for red, so that its weights
    do not sum to 1.
Pitfalls: standardized pixels have no hue. A factor for the hue on gray images does nothing, as does the saturation.
Claim: none, because it needs color photographs, which no dependency brings.
Peer: kornia's ColorJitter and RandomHue (its ColorJiggle adds to the brightness); torchvision's formulas.

References:
    howard2013some: section 2, manipulations of contrast, brightness and color.
    smith1978color: HSV hexagon.
"""

import torch
from torch import Tensor, nn

from ._augment import (
    Augmented,
    Bounds,
    Boxes,
    around,
    chance,
    changed_rows,
    packed,
    probability,
    require_images,
    uniform,
)

__all__ = ["ColorJitter"]

GRAY = (0.299, 0.587, 0.114)


def turned_hue(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue; x (B, 3, H, W), turn (B,) in full turns."""
    top, low = x.amax(1), x.amin(1)
    chroma = top - low
    r, g, b = x.unbind(1)
    safe = torch.where(chroma > 0, chroma, 1.0)
    # Six times the hue, from the largest channel: red at 0, green at 2, blue at 4.
    six = torch.where(r == top, (g - b) / safe, torch.where(g == top, (b - r) / safe + 2, (r - g) / safe + 4))
    six = six + 6 * turn.to(x).view(-1, 1, 1)
    out = torch.empty_like(x)
    for channel, n in enumerate((5, 3, 1)):
        k = (six + n).remainder(6)
        out[:, channel] = top - chroma * torch.minimum(k, 4 - k).clamp(0, 1)
    return out


class ColorJitter(nn.Module):
    """Jitter the colors of images (B, C, H, W) with 1 or 3 channels; nothing in evaluation.

    Args:
        brightness: b draws the factor from max(0, 1 - b) to 1 + b; (low, high) from low to high.
        contrast: likewise.
        saturation: likewise; of no effect on gray images.
        hue: h draws from -h to h, in full turns, at most 0.5; of no effect on gray images.
        p: probability for each example to be changed.

    Raises:
        ValueError: a range is out of order or p no probability.

    Example:
        >>> turn = ColorJitter(hue=(1 / 3, 1 / 3))
        >>> turn(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).flatten()  # red becomes green
        tensor([0., 1., 0.])
    """

    def __init__(
        self,
        brightness: Bounds = 0.0,
        contrast: Bounds = 0.0,
        saturation: Bounds = 0.0,
        hue: Bounds = 0.0,
        *,
        p: float = 1.0,
    ) -> None:
        super().__init__()
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        self.p = probability(p)
        factors = (("brightness", brightness), ("contrast", contrast), ("saturation", saturation))
        self._bounds = [
            *(around(value, name, center=1.0, low=0.0, high=float("inf")) for name, value in factors),
            around(hue, "hue", low=-0.5, high=0.5),
        ]

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Change the colors of x (B, C, H, W) in training; boxes and masks stay.

        Args:
            x: (B, C, H, W) with 1 or 3 channels.
            boxes: given back.
            masks: given back.
            generator: the source of randomness.

        Returns:
            The images, with boxes and masks where these came.

        Raises:
            ValueError: there are neither 1 nor 3 channels.
        """
        require_images(x, boxes, masks)
        if x.shape[1] not in {1, 3}:
            raise ValueError(f"colors need 1 or 3 channels: x is {tuple(x.shape)}; jitter them apart.")
        if not self.training:
            return packed(x, boxes, masks)
        b, c, s, turn = (uniform((len(x),), bounds, generator) for bounds in self._bounds)
        colored = x.shape[1] == 3
        linear = (b != 1) | (c != 1) | ((s != 1) & colored)
        turns = (turn != 0) & colored
        chosen = chance(len(x), self.p, generator) & (linear | turns)

        def jittered(part: Tensor, rows: Tensor) -> Tensor:
            if bool(linear[rows].any()):
                part = mixed(part, b[rows], c[rows], s[rows])
            return turned_hue(part, turn[rows]) if bool(turns[rows].any()) else part

        return packed(changed_rows(x, chosen, jittered), boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return (
            f"brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, "
            f"hue={self.hue}, p={self.p}"
        )


def mixed(x: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Apply the three that commute as one matrix: A = b c (s I + (1 - s) 1 w^T), shift b (1 - c) mean gray."""
    count, channels = x.shape[:2]
    b, c, s = (f.to(x).view(-1, 1, 1) for f in (brightness, contrast, saturation))
    flat = x.flatten(2)  # (B, C, HW)
    weights = x.new_tensor(GRAY if channels == 3 else (1.0,))
    mean = weights.view(1, 1, -1) @ flat.mean(2, keepdim=True)  # (B, 1, 1)
    mix = b * c * (s * torch.eye(channels).to(x) + (1 - s) * weights.expand(channels, channels))
    shift = (b * (1 - c) * mean).expand(count, channels, 1)
    return torch.baddbmm(shift, mix, flat).view_as(x)
