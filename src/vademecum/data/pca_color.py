r"""PCA color: shift every image along the principal axes of the colors of the training part.

AlexNet's: the identity of an object does not change with the intensity and the color of the light, and natural light
varies mostly along these axes.

$$ y_{bhw} = x_{bhw} + [p_1, p_2, p_3] [\alpha_1 \lambda_1, \alpha_2 \lambda_2, \alpha_3 \lambda_3]^T,
\qquad \alpha_i \sim N(0, 0.1^2) $$

where $p_i$ and $\lambda_i$ are eigenvectors and eigenvalues of the covariance of the pixel values, and one
$\alpha$ is drawn for an image each time that it is used.

Also called: fancy PCA, AlexNet color augmentation, Lighting, PCA lighting, PCAColor.
Departures: the eigenvalues are of pixels as shares of the full intensity; the paper does not say its unit, and a
    variance in other units would give another strength. Floating results are not clamped.
Pitfalls: eigenvalues are variances: whoever multiplies by deviations gets stronger colors. One alpha for each pixel
    would be noise. The axes belong to the training part.
Claim: none, because the digits have one channel.
Peer: none; kornia has RandomPlasmaBrightness and no principal axes.

References:
    krizhevsky2012imagenet: section 4.1, the second form of data augmentation.
"""

import torch
from torch import Tensor, nn

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
    require_pixels,
    top_of,
)
from ._statistics import blocks, refuse_second_fit, require_fitted, require_shape, resume

__all__ = ["PCAColor"]


class PCAColor(nn.Module):
    """Shift the colors of images (B, C, H, W) along axes that were fitted; nothing in evaluation.

    Args:
        std: deviation of alpha; 0.1 in the paper.
        num_channels: C.
        p: probability for each example to be shifted.
        max_value: full intensity; None takes 255 for uint8 and 1 for floating values.

    Attributes:
        components: (C, C) eigenvectors as columns.
        eigenvalues: (C,) variances of pixels as shares of the full intensity; 0 before fit.
        fitted: whether there are axes.

    Raises:
        ValueError: std is negative or p no probability.

    Example:
        >>> gray = torch.linspace(0, 1, 100).view(100, 1, 1, 1).expand(100, 3, 1, 1)
        >>> color = PCAColor().fit(gray)  # all colors lie on the gray axis
        >>> y = color(torch.zeros(1, 3, 1, 1))
        >>> bool((y - y.mean()).abs().max() < 1e-6)
        True
    """

    components: Tensor
    eigenvalues: Tensor

    def __init__(
        self, std: float = 0.1, *, num_channels: int = 3, p: float = 1.0, max_value: float | None = None
    ) -> None:
        super().__init__()
        self.std = between(std, "std")[1]
        self.num_channels = num_channels
        self.p = probability(p)
        self.max_value = max_value
        self.fitted = False
        self.register_buffer("components", torch.eye(num_channels))
        self.register_buffer("eigenvalues", torch.zeros(num_channels))
        self.register_load_state_dict_post_hook(resume)

    def resume(self) -> None:
        """Take up what was loaded."""
        self.fitted = bool((self.eigenvalues > 0).any())

    def fit(self, x: Tensor) -> "PCAColor":
        """Find the axes of the colors of the training part.

        Args:
            x: (N, C, H, W) images.

        Returns:
            The module itself.

        Raises:
            ValueError: all pixels have one color.
        """
        refuse_second_fit(self)
        require_pixels(x)
        count, mean = 0, torch.zeros(self.num_channels, dtype=torch.float64)
        scatter = mean[:, None] * mean
        for block in blocks(x, dim=1, num_features=self.num_channels):
            n, center = len(block), block.mean(0)
            gap = center - mean
            scatter = scatter + (block - center).mT @ (block - center)
            scatter = scatter + gap[:, None] * gap * (count * n / (count + n))
            mean = mean + gap * (n / (count + n))
            count += n
        covariance = scatter / count / top_of(x, self.max_value) ** 2
        values, vectors = torch.linalg.eigh(covariance)
        if not bool(values[-1] > 0):
            raise ValueError(
                f"the colors must vary: all pixels of x, {tuple(x.shape)}, are alike; fit on the whole training part."
            )
        self.components = vectors.to(self.components)
        self.eigenvalues = values.clamp(min=0).to(self.eigenvalues)
        self.fitted = True
        return self

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Shift the colors of x (B, C, H, W) in training; boxes and masks stay."""
        require_images(x, boxes, masks)
        require_shape(x, dim=1, num_features=self.num_channels)
        if not self.training or self.std == 0:
            return packed(x, boxes, masks)
        require_fitted(self)
        alpha = self.std * torch.randn(
            len(x), self.num_channels, generator=generator, device=device_of(generator), dtype=torch.float64
        )
        chosen = chance(len(x), self.p, generator)
        strength = self.eigenvalues.to(alpha) * top_of(x, self.max_value)
        shift = (alpha * strength) @ self.components.to(alpha).mT
        x = changed_rows(x, chosen, lambda part, rows: part + shift[rows, :, None, None].to(part))
        return packed(x, boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"std={self.std}, num_channels={self.num_channels}, p={self.p}, fitted={self.fitted}"
