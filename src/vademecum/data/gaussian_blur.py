r"""Gaussian blur: smooth each image with a bell of its own width.

The picture out of focus. It takes away fine texture, so that the network has to read shapes, and it is the low-pass
filter that belongs before shrinking.

$$ y = k * x, \qquad k_t = \frac{e^{-t^2 / 2\sigma^2}}{\sum_{|u| \le r} e^{-u^2 / 2\sigma^2}},
\quad |t| \le r = \lceil 3 \sigma \rceil $$

along rows and then along columns; beyond the border the image is reflected, so that a constant one stays.

Also called: GaussianBlur, defocus, smoothing.
Departures: the size of the kernel follows from sigma, where torchvision asks for both.
Pitfalls: a kernel that is cut and not divided by its sum darkens the image. On digits of 8 pixels sigma=1 leaves
    little.
Claim: none, because on images of 8 pixels there is no fine texture to lose.
Peer: kornia's gaussian_blur2d.

References:
    chen2020simple: appendix A, random Gaussian blur with sigma from 0.1 to 2.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._augment import (
    Augmented,
    Bounds,
    Boxes,
    between,
    chance,
    changed_rows,
    packed,
    probability,
    require_images,
    uniform,
)

__all__ = ["GaussianBlur"]


def bell(sigma: Tensor) -> Tensor:
    """Kernels of (B,) positive deviations: (B, 2 r + 1), r that of the largest; each is 0 beyond its own radius."""
    radius = (3 * sigma).ceil()
    reach = int(radius.max())
    t = torch.arange(-reach, reach + 1, device=sigma.device, dtype=sigma.dtype)
    kernel = torch.exp(-(t**2) / (2 * sigma[:, None] ** 2)) * (t.abs() <= radius[:, None])
    return kernel / kernel.sum(1, keepdim=True)


def mirror_padded(x: Tensor, radius: int) -> Tensor:
    """Reflect about the outermost pixels on all four sides, however wide."""
    if radius < min(x.shape[-2:]):
        return F.pad(x, [radius] * 4, mode="reflect")
    for dim in (-2, -1):
        n = x.shape[dim]
        period = max(1, 2 * (n - 1))
        place = torch.arange(-radius, n + radius, device=x.device).remainder(period)
        x = x.index_select(dim, torch.minimum(place, period - place))
    return x


def blurred(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve each of (B, C, H, W) with its own kernel (B, 2 r + 1) along both dimensions."""
    b, c, h, w = x.shape
    wide = mirror_padded(x, kernel.shape[1] // 2)
    weight = kernel.to(x).repeat_interleave(c, 0)[:, None, None]  # (B C, 1, 1, K)
    wide = F.conv2d(wide.reshape(1, b * c, *wide.shape[-2:]), weight, groups=b * c)
    return F.conv2d(wide, weight.mT, groups=b * c).view(b, c, h, w)


class GaussianBlur(nn.Module):
    """Blur images (B, C, H, W); nothing in evaluation.

    Args:
        sigma: the deviation in pixels; (low, high) draws one for each example.
        p: probability for each example to be blurred.

    Raises:
        ValueError: sigma is negative or p no probability.

    Example:
        >>> dot = torch.zeros(1, 1, 9, 9)
        >>> dot[..., 4, 4] = 1
        >>> y = GaussianBlur(1.0)(dot)
        >>> round(float(y.sum()), 4), round(float(y[..., 4, 5] / y[..., 4, 4]), 4)  # exp(-1/2) = 0.6065
        (1.0, 0.6065)
    """

    def __init__(self, sigma: Bounds = (0.1, 2.0), *, p: float = 1.0) -> None:
        super().__init__()
        self.sigma = sigma
        self.p = probability(p)
        self._bounds = between(sigma, "sigma", high=math.inf)

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Blur x (B, C, H, W) in training; boxes and masks stay."""
        require_images(x, boxes, masks)
        if not self.training:
            return packed(x, boxes, masks)
        sigma = uniform((len(x),), self._bounds, generator)
        chosen = chance(len(x), self.p, generator) & (sigma > 0)
        x = changed_rows(x, chosen, lambda part, rows: blurred(part, bell(sigma[rows])))
        return packed(x, boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"sigma={self.sigma}, p={self.p}"
