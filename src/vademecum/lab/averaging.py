"""The average of a run's weights, kept beside the weights that take the steps."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vademecum._torch.modes import evaluating
from vademecum.nn.norm import recalibrate

from .checkpoint import detached, same_shapes
from .parts import AVERAGE
from .recipe import Recipe

__all__ = ["Averaging"]

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Averaging:
    """Keeps the average that a recipe asks for, if it asks for one.

    Args:
        model: whose weights are averaged.
        recipe: of the run.
        total_steps: of the whole run.
        steps_per_epoch: of one epoch.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, *, total_steps: int, steps_per_epoch: int) -> None:
        self._kept: AveragedModel | None = None
        self._begin, self._every = total_steps, 1
        for choice in AVERAGE.read(recipe.average):
            rule = choice.make()
            average = get_ema_multi_avg_fn(rule.decay) if rule.decay else None
            self._kept = AveragedModel(model, multi_avg_fn=average)
            self._kept.requires_grad_(False)
            self._begin = round(rule.start * total_steps)
            self._every = 1 if rule.decay else steps_per_epoch
        self._of_epochs = self._every > 1 or (self._kept is not None and steps_per_epoch == 1)

    @property
    def model(self) -> nn.Module | None:
        """The averaged model; None as long as nothing was averaged."""
        if self._kept is None or not int(self._kept.n_averaged):
            return None
        return self._kept.module

    def step(self, model: nn.Module, step: int) -> None:
        """Take note of the weights after a step.

        Args:
            model: with the weights.
            step: steps done, this one included.
        """
        if self._kept is not None and step > self._begin and step % self._every == 0:
            self._kept.update_parameters(model)

    def refresh(self, batches: Iterable[Tensor]) -> None:
        """Estimate the statistics of batch normalization for the averaged weights: they fit those of no single epoch.

        Args:
            batches: inputs of the training part, in batches of one size.
        """
        model = self.model
        if model is None or not any(isinstance(part, _BATCH_NORMS) for part in model.modules()):
            return
        with evaluating(model), torch.no_grad():
            recalibrate(model, batches)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps of it."""
        return {} if self._kept is None else detached(self._kept.state_dict())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a checkpoint.

        Args:
            tensors: as `tensors` gave them.
        """
        if self._kept is not None:
            same_shapes(tensors, self.tensors(), what="a checkpoint")
            self._kept.load_state_dict(dict(tensors))
