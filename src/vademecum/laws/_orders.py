"""What the laws of random orders share."""

import torch
from torch import Tensor

from ._suite import Pair

SEEDS = 400
"""Orders for the statistical laws. A place among n has the deviation sqrt((n^2 - 1) / 12), so that the mean place
of an example over the seeds is off by more than five of its standard errors once in two million times."""


def excess(value: Tensor, bound: Tensor | float) -> Pair:
    """What lies above a bound must be nothing."""
    over = (value - bound).clamp_min(0.0)
    return over, torch.zeros_like(over)


def same(a: Tensor, b: Tensor) -> Tensor:
    return torch.tensor(float(torch.equal(a, b)))
