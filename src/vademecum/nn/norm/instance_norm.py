r"""Instance normalization: normalize each channel of each image over space.

Use it in image generation and style transfer: it takes each image's contrast away. Conditional instance
normalization gives every style its own gain and bias; adaptive instance normalization takes them from a style image.

$$ y_{tijk} = \frac{x_{tijk} - \mu_{ti}}{\sqrt{\sigma^2_{ti} + \epsilon}}, \qquad
\mathrm{AdaIN}(x, y) = \sigma(y) \frac{x - \mu(x)}{\sigma(x)} + \mu(y) $$

where mean and biased variance of image t and channel i run over space.

Also called: IN, contrast normalization, AdaIN, CIN.
Departures: torch's layers have no gain and bias unless affine=True. The standard deviation of AdaIN is the biased
    one of the paper's Eq. 6; the authors' own code divides by n - 1.
Pitfalls: track_running_stats=True makes evaluation another function than training. The absolute intensity is gone,
    which hurts where it tells the class. A map of one pixel is refused: minus its mean it is 0. With affine=True
    torch's layers fail on an empty batch (seen in torch 2.13).
Claim: a net on the digits is as good at a quarter of the contrast and at four times it; with batch
    normalization or without a norm it fails at a quarter.
Peer: torch (ours are torch's classes), which has no conditional or adaptive form.

References:
    ulyanov2016instance: section 2.
    dumoulin2017learned: ConditionalInstanceNorm2d, and the blending of styles, in section 2.2 and 3.
    huang2017arbitrary: adaptive_instance_norm, Eq. 5 to 8.
"""

import torch
from torch import Tensor, nn
from torch.nn import InstanceNorm1d as InstanceNorm1d
from torch.nn import InstanceNorm2d as InstanceNorm2d
from torch.nn import InstanceNorm3d as InstanceNorm3d
from torch.nn import functional as F

__all__ = [
    "ConditionalInstanceNorm2d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "adaptive_instance_norm",
]  # fmt: skip


class ConditionalInstanceNorm2d(nn.Module):
    """Instance normalization with a gain and a bias for each style.

    Args:
        num_features: C.
        num_styles: S.
        eps: added to the variance.

    Example:
        The second style has the gain 3; half of each style is the gain 2.

        >>> norm = ConditionalInstanceNorm2d(1, 2)
        >>> _ = norm.weight.data[1].fill_(3.0)
        >>> x = torch.tensor([[[[10.0, 30.0]]]])
        >>> norm(x, torch.tensor([1])).detach().round(decimals=3)
        tensor([[[[-3.,  3.]]]])
        >>> norm(x, torch.tensor([[0.5, 0.5]])).detach().round(decimals=3)
        tensor([[[[-2.,  2.]]]])
    """

    def __init__(self, num_features: int, num_styles: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.num_features, self.num_styles, self.eps = num_features, num_styles, eps
        self.weight = nn.Parameter(torch.ones(num_styles, num_features))
        self.bias = nn.Parameter(torch.zeros(num_styles, num_features))

    def forward(self, input: Tensor, style: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalize, then scale and shift by each image's style.

        Args:
            input: (B, C, H, W), at least two pixels.
            style: (B,) int64 style of each image, or (B, S) floating weights by which the styles are blended.

        Returns:
            (B, C, H, W).

        Raises:
            ValueError: the shapes do not fit, or a style is given as a single float an image.
        """
        if input.dim() != 4 or input.shape[1] != self.num_features:
            raise ValueError(
                f"input must be (B, {self.num_features}, H, W): it is {tuple(input.shape)}; "
                "build the layer with the number of channels of its input."
            )
        _refuse_one_pixel("input", input)
        batch = input.shape[0]
        blended = style.is_floating_point()
        if style.shape != ((batch, self.num_styles) if blended else (batch,)):
            raise ValueError(
                f"style must be ({batch},) integers or ({batch}, {self.num_styles}) floating weights: it is "
                f"{tuple(style.shape)} {style.dtype}; give one style, or one weight a style, for each image."
            )
        if blended:
            shares = style.to(self.weight.dtype)
            weight, bias = shares @ self.weight, shares @ self.bias  # (B, C)
        else:
            weight, bias = F.embedding(style, self.weight), F.embedding(style, self.bias)
        return F.instance_norm(input, eps=self.eps) * weight[:, :, None, None] + bias[:, :, None, None]

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"{self.num_features}, {self.num_styles}, eps={self.eps}"


def adaptive_instance_norm(content: Tensor, style: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Give the content's channels the means and standard deviations of the style's.

    Args:
        content: (B, C, H, W), at least two pixels.
        style: (B, C, H', W') or (1, C, H', W').
        eps: added to both variances, so that an image in its own style is unchanged.

    Returns:
        (B, C, H, W).

    Raises:
        ValueError: the shapes do not fit.

    Example:
        The style has the mean 5 and the standard deviation 2.

        >>> content, style = torch.tensor([[[[-10.0, 10.0]]]]), torch.tensor([[[[3.0, 7.0, 3.0, 7.0]]]])
        >>> adaptive_instance_norm(content, style).round(decimals=3)
        tensor([[[[3., 7.]]]])
    """
    fits = content.dim() == style.dim() == 4 and style.shape[1] == content.shape[1]
    if not fits or style.shape[0] not in {1, content.shape[0]}:
        raise ValueError(
            "content must be (B, C, H, W) and style (B, C, H', W') or (1, C, H', W'): they are "
            f"{tuple(content.shape)} and {tuple(style.shape)}; take both from the same layer of the encoder."
        )
    _refuse_one_pixel("content", content)
    mean = style.mean((2, 3), keepdim=True)
    variance = (style - mean).square().mean((2, 3), keepdim=True)  # var() warns on an empty batch
    return (variance + eps).sqrt() * F.instance_norm(content, eps=eps) + mean


def _refuse_one_pixel(name: str, image: Tensor) -> None:
    if image.shape[2:].numel() < 2:
        raise ValueError(
            f"{name} must have more than one pixel: it is {tuple(image.shape)}; a lone pixel minus its own mean is 0, "
            "so normalize before the map shrinks to one."
        )
