r"""Elastic deformation: move every pixel by a smooth random field.

It imitates the small slips of a hand that writes, and raised the accuracy on handwritten digits more than any
affine map. Take it for handwriting, tissue and other soft things.

$$ y(u) = x(u + \alpha\, (G_\sigma * \delta)(u)), \qquad \delta_{x}(u), \delta_{y}(u) \sim U(-1, 1) $$

where $G_\sigma$ is a Gaussian with deviation $\sigma$ pixels. A small $\sigma$ gives noise, a large one a
translation.

Also called: elastic distortions, Simard's distortions, RandomElasticTransform, ElasticTransform.
Departures: the random numbers are drawn on a canvas larger than the image by the radius of the Gaussian, so that the
    field is as strong at the border as in the middle; the paper does not treat the border. Radius: 3 sigma.
Pitfalls: alpha and sigma are in pixels; the field's deviation is alpha / (sigma sqrt(12 pi)): the paper's 34 and 4
    are for images of 29 pixels and move by 1.4 of them; on 8 pixels that is much. Boxes are drawn anew around the
    pixels that came from them.
Claim: none, because on 8 by 8 pixels a smooth field is little more than a translation, which random_translation shows.
Peer: kornia's elastic_transform2d (its field is in shares of the image and its border zero-padded).

References:
    simard2003best: section 2, elastic distortions; sigma 4 and alpha 34.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._augment import (
    Augmented,
    Boxes,
    between,
    chance,
    changed_rows,
    device_of,
    packed,
    probability,
    require_images,
    working,
)
from ._warp import identity, require_padding_mode, sampled, sampled_masks, sampling_grid
from .gaussian_blur import bell

__all__ = ["ElasticDeformation"]


class ElasticDeformation(nn.Module):
    """Deform images (B, C, H, W), their boxes and masks; nothing in evaluation.

    Args:
        alpha: strength in pixels.
        sigma: smoothness in pixels.
        p: probability for each example to be deformed.
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        fill: the value there, with "zeros", in units of the input.

    Raises:
        ValueError: alpha is negative, sigma not positive, p no probability, or padding_mode unknown.

    Example:
        >>> deform = ElasticDeformation(alpha=34, sigma=4)
        >>> field = deform.field(50, 29, 29, generator=torch.Generator().manual_seed(0))
        >>> round(float(field.std()), 1)  # pixels
        1.4
    """

    def __init__(
        self,
        alpha: float = 34.0,
        sigma: float = 4.0,
        *,
        p: float = 1.0,
        padding_mode: str = "zeros",
        fill: float = 0.0,
    ) -> None:
        super().__init__()
        self.alpha = between(alpha, "alpha")[1]
        self.sigma = between(sigma, "sigma", low=1e-3)[1]
        self.p = probability(p)
        self.padding_mode = require_padding_mode(padding_mode)
        self.fill = fill

    def field(
        self, count: int, height: int, width: int, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw displacements.

        Args:
            count: B.
            height: H of the images.
            width: W of the images.
            generator: the source of randomness.

        Returns:
            (B, 2, H, W) pixels in x and in y, float32.
        """
        kernel = bell(torch.tensor([self.sigma], dtype=torch.float64))[0]
        room = len(kernel) - 1
        shape = (count, 2, height + room, width + room)
        noise = torch.rand(shape, generator=generator, device=device_of(generator)).mul_(2).sub_(1)
        down, across = (band(kernel, n).to(noise) for n in (height, width))
        return self.alpha * (down @ (noise @ across.mT))

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Deform x (B, C, H, W), boxes and masks in training."""
        require_images(x, boxes, masks)
        if not self.training or self.alpha == 0 or not len(x):
            return packed(x, boxes, masks)
        chosen = chance(len(x), self.p, generator)
        h, w = x.shape[-2:]
        rows = chosen.nonzero().squeeze(1)
        if not len(rows):
            return packed(x, boxes, masks)
        field = self.field(len(rows), h, w, generator=generator).to(x.device)
        still = sampling_grid(identity(1, field.device), (h, w), (h, w), working(x[:0]))
        grid = still + (field * field.new_tensor([2 / w, 2 / h]).view(1, 2, 1, 1)).permute(0, 2, 3, 1).to(
            still
        )
        x = changed_rows(
            x,
            chosen,
            lambda part, _: sampled(
                part, grid, mode="bilinear", padding_mode=self.padding_mode, fill=self.fill
            ),
        )
        if masks is not None:
            masks = sampled_masks(masks, grid, chosen, padding_mode=self.padding_mode)
        if boxes is not None:
            boxes = list(boxes)
            for row, moves in zip(rows.tolist(), field, strict=True):
                boxes[row] = redrawn(boxes[row], moves)
        return packed(x, boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        strength = f"alpha={self.alpha}, sigma={self.sigma}, p={self.p}"
        return f"{strength}, padding_mode={self.padding_mode!r}, fill={self.fill}"


def band(kernel: Tensor, size: int) -> Tensor:
    """(size, size + K - 1) matrix whose product is the convolution with the kernel, without padding."""
    wide = F.pad(kernel, (0, size)).repeat(size)[: size * (size + len(kernel) - 1)]
    return wide.view(size, size + len(kernel) - 1)


def redrawn(boxes: Tensor, field: Tensor) -> Tensor:
    """Boxes around the pixels that come from inside the old ones; one that has left the image has no area.

    Args:
        boxes: (n, 4) pixels.
        field: (2, H, W) displacements.

    Returns:
        (n, 4).
    """
    h, w = field.shape[1:]
    x = torch.arange(w, device=field.device) + 0.5
    y = torch.arange(h, device=field.device) + 0.5
    from_x, from_y = x + field[0], y[:, None] + field[1]
    x1, y1, x2, y2 = boxes.to(field)[:, :, None, None].unbind(1)
    inside = (from_x >= x1) & (from_x < x2) & (from_y >= y1) & (from_y < y2)  # (n, H, W)
    across, down = inside.any(1), inside.any(2)
    found = []
    for hit, center in ((across, x), (down, y)):
        low = torch.where(hit, center - 0.5, torch.inf).amin(1)
        high = torch.where(hit, center + 0.5, -torch.inf).amax(1)
        found.append((low, high))
    (left, right), (top, bottom) = found
    middle = (boxes[:, :2] + boxes[:, 2:]).to(field) / 2
    middle = middle.clamp(min=0).minimum(middle.new_tensor([w, h])).repeat(1, 2)
    new = torch.stack([left, top, right, bottom], dim=1)
    return torch.where(inside.flatten(1).any(1)[:, None], new, middle).to(boxes)
