"""What a run minimizes, and the figure that a person reads."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    """The loss of a run and the metric beside it.

    Attributes:
        num_classes: K; 0 in regression.
        label_smoothing: share of the target that is spread over all classes.
        variance: of the training targets. The squared error is given in its units, so that always saying the
            mean has a loss of about 1 whatever the target is measured in.

    Example:
        >>> objective = Objective(variance=4.0)
        >>> float(objective.loss(torch.tensor([1.0, 5.0]), torch.tensor([3.0, 3.0])))
        1.0
    """

    num_classes: int = 0
    label_smoothing: float = 0.0
    variance: float = 1.0

    @property
    def metric(self) -> str:
        """The name of the metric: "accuracy", or "r2" against the mean of the training part."""
        return "accuracy" if self.num_classes else "r2"

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Mean loss of a batch.

        Args:
            output: (B, K) logits, or (B,) values in units of the target.
            y: (B,) class indices or values.

        Returns:
            () in nats, or in variances of the target.
        """
        if self.num_classes:
            return F.cross_entropy(output, y, label_smoothing=self.label_smoothing)
        return F.mse_loss(output, y) / self.variance

    def sums(self, output: Tensor, y: Tensor) -> Tensor:
        """Loss and metric of a batch in a form that can be added up over batches and processes.

        Args:
            output: as in `loss`.
            y: as in `loss`.

        Returns:
            (3,) float64 sums over the batch: loss, metric, examples.
        """
        loss = self.loss(output, y).double() * len(y)
        gain = (output.argmax(1) == y).sum() if self.num_classes else len(y) - loss
        return torch.stack(
            [loss, torch.as_tensor(gain, device=loss.device).double(), loss.new_tensor(len(y))]
        )
