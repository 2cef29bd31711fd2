"""What the laws of the normalization layers share: one vectorized reference, one frame for twins."""

import torch
from torch import Tensor, nn

NORM_ALIASES = {
    "weight": ("gamma", "scale", "gain", "g", "a_2", "w"),
    "bias": ("beta", "shift", "b", "offset", "b_2"),
    "eps": ("epsilon", "variance_epsilon"),
}
"""Names in the wild for what torch calls weight, bias and eps."""

LARGE_MEAN = {torch.float32: 2e-2, torch.float64: 1e-6}
"""Allowed where a mean of 1e4 has already cost the input that many digits."""


def normalize(x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Group normalization in one line a step, for gradients; the loops are in the suites.

    Args:
        x: (B, C, ...).
        groups: G.
        weight: (C,).
        bias: (C,).
        eps: under the root.

    Returns:
        (B, C, ...).
    """
    rows = x.reshape(x.shape[0], groups, -1)
    centered = rows - rows.mean(-1, keepdim=True)
    y = (centered / (centered.square().mean(-1, keepdim=True) + eps).sqrt()).reshape(x.shape)
    per_channel = (1, -1, *[1] * (x.dim() - 2))
    return y * weight.reshape(per_channel) + bias.reshape(per_channel)


class Norm(nn.Module):
    """A frame for twins: gain and bias by channel, and an epsilon."""

    def __init__(self, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def affine(self, y: Tensor) -> Tensor:
        """Scale and shift each channel of (B, C, ...)."""
        per_channel = (1, -1, *[1] * (y.dim() - 2))
        return y * self.weight.reshape(per_channel) + self.bias.reshape(per_channel)
