"""Examples in memory, and what a model says of them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vademecum._torch.modes import evaluating

from .objective import Objective

__all__ = ["Part", "judged", "predict", "summed"]

_EVALUATED = 512  # examples at a time where no gradient is kept


@dataclass(frozen=True)
class Part:
    """Examples in memory, on the device that trains.

    Attributes:
        x: (N, ...) inputs as the source gave them; the model's first part scales them.
        y: (N,) targets.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


def judged(model: nn.Module, objective: Objective, part: Part) -> tuple[float, float]:
    """Mean loss and metric of a model on a part, in evaluation mode.

    Args:
        model: left in the mode in which it was.
        objective: of the run.
        part: on the model's device.

    Returns:
        Loss and metric.
    """
    loss, metric, count = summed(model, objective, part).tolist()
    return loss / count, metric / count


def summed(model: nn.Module, objective: Objective, part: Part) -> Tensor:
    """(3,) float64 sums of loss, metric and examples over a part, in evaluation mode."""
    sums = torch.zeros(3, dtype=torch.float64, device=part.y.device)
    with evaluating(model), torch.no_grad():
        for x, y in zip(part.x.split(_EVALUATED), part.y.split(_EVALUATED)):
            sums += objective.sums(model(x), y)
    return sums


def predict(model: nn.Module, x: Tensor) -> Tensor:
    """Run a model over many inputs in evaluation mode.

    Args:
        model: left in the mode in which it was.
        x: (N, ...) inputs, on the model's device.

    Returns:
        (N, ...) outputs on the CPU, float32.
    """
    with evaluating(model), torch.no_grad():
        return torch.cat([model(part).float().cpu() for part in x.split(_EVALUATED)])
