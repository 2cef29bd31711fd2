"""Add up over the weights of a model."""

from collections.abc import Iterable

import torch
from torch import Tensor


def wide(weight: Tensor) -> Tensor:
    """A weight in float32 at least: sums over many weights leave the half precisions."""
    return weight.to(torch.promote_types(weight.dtype, torch.float32))


def total(parts: Iterable[Tensor]) -> Tensor:
    """Add scalars up on the device of the first."""
    numbers = list(parts)
    return torch.stack([number.to(numbers[0].device) for number in numbers]).sum()
