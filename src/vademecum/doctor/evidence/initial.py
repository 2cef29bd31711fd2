"""Tell whether a weight still has the values that torch gives it at the start."""

import math

import torch
from torch import Tensor, nn

from ..recording.figures import strided

LEAST = 64
"""Values below which a law cannot be told."""

NORMAL = (nn.Embedding, nn.EmbeddingBag)
"""Kinds whose weights torch draws from N(0, 1)."""


def untrained(module: nn.Module, name: str, value: Tensor) -> bool:
    """Whether a weight fills the law exactly that torch draws it from.

    A uniform law has an edge, and values that fill it evenly up to the edge and not beyond have not been trained: the
    first steps would carry some of them over it. The laws of linear, convolutional and recurrent layers and of
    attention are known, and that of embeddings.

    Args:
        module: that owns the weight.
        name: of the weight in the module.
        value: the weight.

    Returns:
        False also where the module's law is not known or the weight is small.

    Example:
        >>> layer = nn.Linear(20, 20)
        >>> untrained(layer, "weight", layer.weight), untrained(layer, "weight", 1.1 * layer.weight)
        (True, False)
    """
    if value.ndim < 2 or value.numel() < LEAST or not value.is_floating_point():
        return False
    sample = strided(value, 4096).double()
    if isinstance(module, NORMAL):
        return _even((1 + torch.erf(sample / math.sqrt(2))) / 2)
    edge = _edge(module, name, value)
    top = float(sample.abs().max())
    slack = 8 / sample.numel()  # the largest of n uniform values is short of the edge by about 1 / n
    return edge > 0 and edge * (1 - slack) <= top <= edge * (1 + 1e-4) and _even((sample / edge + 1) / 2)


def _edge(module: nn.Module, name: str, value: Tensor) -> float:
    """Edge of the uniform law that torch draws a weight from, or 0."""
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return 1 / math.sqrt(module.hidden_size)
    if isinstance(module, nn.MultiheadAttention) and "in_proj" in name:
        return math.sqrt(6 / (value.shape[0] + value.shape[1]))
    if isinstance(module, nn.Bilinear):
        return 1 / math.sqrt(value.shape[1])
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) and name == "weight":
        return 1 / math.sqrt(value[0].numel())
    return 0.0


def _even(shares: Tensor) -> bool:
    """Whether numbers fill the unit interval evenly, by the test of Kolmogorov at a level of one in a thousand."""
    ordered, n = shares.flatten().sort().values, shares.numel()
    steps = torch.arange(1, n + 1, dtype=torch.float64, device=ordered.device) / n
    distance = float(torch.maximum((steps - ordered).abs(), (ordered - steps + 1 / n).abs()).max())
    return distance < 1.95 / math.sqrt(n)
