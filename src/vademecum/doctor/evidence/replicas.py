"""Compare what the processes of a run hold: one number a tensor, from every process."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ..recording.figures import strided

VALUES = 1024
"""Values of a tensor that go into its number."""


def disagreement(named: Mapping[str, Tensor]) -> dict[str, float]:
    """How far the tensors of the processes are apart; every process must call it.

    Args:
        named: the same tensors, in the same order, in every process.

    Returns:
        name -> largest difference of a sum over a sample, by the sum's size; inf where a process has other tensors.
    """
    weights = torch.sin(torch.arange(1, VALUES + 1, dtype=torch.float64)) + 1.5
    sums = {
        name: [float(sample @ weights[: len(sample)]), float(sample.abs().sum())]
        for name, tensor in named.items()
        for sample in [strided(tensor, VALUES).double().cpu()]
    }
    all_sums: list[dict[str, list[float]]] = [{} for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(all_sums, sums)
    return {
        name: _apart([other.get(name, [math.inf, 1.0]) for other in all_sums])
        for name in sums
        if sums[name][1] > 0
    }


def _apart(pairs: list[list[float]]) -> float:
    values = [value for value, _ in pairs]
    return (max(values) - min(values)) / max(size for _, size in pairs)
