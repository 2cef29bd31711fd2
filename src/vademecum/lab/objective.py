"""What a run minimizes, and the figure that a person reads."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError

from .parts import LOSS, Loss
from .recipe import Recipe

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    """The loss of a run and the metric beside it.

    Attributes:
        loss_of: the loss, with what it learns itself.
        num_classes: K; 0 in regression.
        variance: of the training targets. The squared error is given in its units, so that always saying the
            mean has a loss of about 1 whatever the target is measured in.

    Example:
        >>> objective = Objective.of(Recipe(), variance=4.0)
        >>> float(objective.loss(torch.tensor([1.0, 5.0]), torch.tensor([3.0, 3.0])))
        1.0
    """

    loss_of: Loss
    num_classes: int = 0
    variance: float = 1.0

    @classmethod
    def of(cls, recipe: Recipe, *, num_classes: int = 0, variance: float = 1.0) -> "Objective":
        """Make the objective of a recipe.

        Args:
            recipe: names the loss, or leaves it to the task.
            num_classes: K; 0 in regression.
            variance: of the training targets, in regression.

        Returns:
            The objective.

        Raises:
            InputError: the loss, or something that goes with it, is one of the other task.
        """
        task = "classification" if num_classes else "regression"
        usual = "cross_entropy" if num_classes else "squared"
        (chosen,) = LOSS.read(usual if recipe.loss == "auto" else recipe.loss)
        loss: Loss = chosen.make(recipe.label_smoothing, variance)
        if loss.task != task:
            made = {part.name: part.make(0.0, 1.0) for part in LOSS.parts}
            fitting = [name for name, other in made.items() if other.task == task]
            raise InputError(
                f"the loss must be one of {task}: loss={chosen} is one of {loss.task}; take {' or '.join(fitting)}."
            )
        if recipe.label_smoothing and chosen.part.name not in {"cross_entropy", "large_margin"}:
            raise InputError(
                f"label_smoothing spreads a class over all: loss={chosen} knows no such target; set one of them back."
            )
        if recipe.temperature != 1 and not num_classes:
            raise InputError(
                f"a temperature divides scores of classes: temperature={recipe.temperature} came, and the target is a "
                "number; set it back to 1."
            )
        return cls(loss, num_classes, variance)

    def anew(self, recipe: Recipe) -> "Objective":
        """Make the same objective with a loss that has learned nothing.

        Args:
            recipe: the one that this objective was made of.

        Returns:
            Another objective.
        """
        return Objective.of(recipe, num_classes=self.num_classes, variance=self.variance)

    @property
    def metric(self) -> str:
        """The name of the metric: "accuracy", or "r2" against the mean of the training part."""
        return "accuracy" if self.num_classes else "r2"

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Mean loss of a batch, as it is validated.

        Args:
            output: (B, K) scores, or (B,) values in units of the target.
            y: (B,) class indices or values.

        Returns:
            () in nats, or in variances of the target, or in the unit of the recipe's loss.
        """
        return self.loss_of.value(output, y)

    def train(self, model: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss of a batch, as it is trained.

        Args:
            model: in training mode.
            x: (B, ...) inputs.
            y: (B,) targets.

        Returns:
            The model's output, and the loss ().
        """
        output = model(x)
        own = self.loss_of.train
        return output, self.loss(output, y) if own is None else own(model, x, y)

    def sums(self, output: Tensor, y: Tensor) -> Tensor:
        """Loss and metric of a batch in a form that can be added up over batches and processes.

        Args:
            output: as in `loss`.
            y: as in `loss`.

        Returns:
            (3,) float64 sums over the batch: loss, metric, examples.
        """
        loss = self.loss(output, y).double() * len(y)
        if self.num_classes:
            gain = (output.argmax(1) == y).sum().double()
        else:
            gain = len(y) - (output - y).double().square().sum() / self.variance
        return torch.stack([loss, gain.to(loss.device), loss.new_tensor(len(y))])
