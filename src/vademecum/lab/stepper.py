"""From a gradient to the next weights: the rate and the momentum of the step, clipping, the step, the projections."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer

from vademecum.optim import NTASGD, MomentumSchedule
from vademecum.regularize import decay_groups

from .parts import CLIP, MOMENTUM_SCHEDULE, OPTIMIZER, SCHEDULE, Regularizer
from .recipe import Recipe

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["Stepper", "make_optimizer"]


def make_optimizer(
    model: nn.Module, recipe: Recipe, *, rate: float, groups: Sequence[dict[str, Any]] | None = None
) -> Optimizer:
    """Make the optimizer of a recipe.

    Gains, biases and embeddings are not decayed: decay is meant for matrices and kernels.

    Args:
        model: on its device already.
        recipe: names the optimizer and its numbers.
        rate: peak learning rate.
        groups: parameter groups, where not all parameters learn at one rate; each may have a ``scale`` of the rate.

    Returns:
        The optimizer.
    """
    if groups is None:
        groups = decay_groups(model, recipe.weight_decay)
    (chosen,) = OPTIMIZER.read(recipe.optimizer)
    return chosen.make(model, list(groups), rate, recipe.momentum)


class Stepper:
    """Takes the steps of a run; what it does at a step is a function of the step's number.

    Args:
        model: trained in place.
        recipe: of the run.
        rate: peak learning rate.
        total_steps: of the whole run.
        regularizers: those that project the weights do so after each step.
        learned: what losses and regularizers learn themselves.
        groups: as `make_optimizer` takes them.
        factor: of the rate, by the number of steps done, in place of the recipe's schedule.
        ramp: (model, share of the steps that are done) -> None, before each step.
        accelerator: of this process.

    Attributes:
        optimizer: the recipe's.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        rate: float,
        total_steps: int,
        regularizers: Sequence[Regularizer] = (),
        learned: Iterable[nn.Parameter] = (),
        groups: Sequence[dict[str, Any]] | None = None,
        factor: Callable[[int], float] | None = None,
        ramp: Callable[[nn.Module, float], None] | None = None,
        accelerator: "Accelerator",
    ) -> None:
        self.optimizer = make_optimizer(model, recipe, rate=rate, groups=groups)
        self._learned = list(learned)
        if self._learned:
            self.optimizer.add_param_group({"params": self._learned, "weight_decay": 0.0})
        self._model, self._rate, self._accelerator = model, rate, accelerator
        (schedule,) = SCHEDULE.read(recipe.schedule)
        self._factor = factor or schedule.make(total_steps)
        self._total, self._ramp = total_steps, ramp
        self._momenta = [
            MomentumSchedule(self.optimizer, choice.make(recipe.momentum, total_steps))
            for choice in MOMENTUM_SCHEDULE.read(recipe.momentum_schedule)
        ]
        self._clips = [choice.make() for choice in CLIP.read(recipe.clip)]
        self._project = [r.project for r in regularizers if r.project is not None]
        self._parameters = [p for group in self.optimizer.param_groups for p in group["params"]]

    def prepare(self, step: int) -> None:
        """Set what the step's number decides.

        Args:
            step: steps done before.
        """
        self._now = self._rate * self._factor(step)
        for group in self.optimizer.param_groups:
            group["lr"] = self._now * group.get("scale", 1.0)
        for momentum in self._momenta:
            momentum.load_state_dict({"last_step": step, "rates": None})
        if self._ramp is not None:
            self._ramp(self._model, step / self._total)

    def take(self) -> None:
        """Turn the gradients that are there into a step."""
        scaler = self._accelerator.scaler
        if self._learned and self._accelerator.num_processes > 1:  # they stand in no model that averages them
            for p in self._learned:
                if p.grad is not None:
                    p.grad = self._accelerator.reduce(p.grad, "mean")
        if self._clips:
            if scaler is not None:
                scaler.unscale_(self.optimizer)
            for clip in self._clips:
                clip(self._model, self._parameters)
        if scaler is None:
            self.optimizer.step()
        else:
            scaler.step(self.optimizer)
            scaler.update()
        for project in self._project:
            project(self._model, self._now)

    def observe(self, val_loss: float) -> None:
        """Tell the optimizer how an epoch went, where it wants to know.

        Args:
            val_loss: of the epoch.
        """
        if isinstance(self.optimizer, NTASGD):
            self.optimizer.observe(val_loss)

    def averaged(self) -> AbstractContextManager[None]:
        """Let the model hold the optimizer's average inside the block, where the optimizer keeps one."""
        return self.optimizer.averaged() if isinstance(self.optimizer, NTASGD) else nullcontext()
