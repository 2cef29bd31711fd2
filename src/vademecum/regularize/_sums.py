"""Add up over the weights of a model."""

from collections.abc import Iterable

import torch
from torch import Tensor


def total(parts: Iterable[Tensor]) -> Tensor:
    """Add scalars up on the device of the first, in float32 at least."""
    numbers = [part.to(torch.promote_types(part.dtype, torch.float32)) for part in parts]
    return torch.stack([number.to(numbers[0].device) for number in numbers]).sum()
