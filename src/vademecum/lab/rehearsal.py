"""One step on a copy, before anything is written: what cannot work together says so here, and not after an hour."""

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError
from vademecum._torch.streams import same_streams

from .loop import Loop, Part
from .objective import Objective
from .recipe import Recipe
from .stages import Stages

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["rehearse"]

FEW = 8  # examples of the step


def rehearse(
    model: nn.Module, objective: Objective, part: Part, recipe: Recipe, *, accelerator: "Accelerator"
) -> None:
    """Take one step of a recipe on a copy of the model.

    Args:
        model: left as it is, as are the random streams.
        objective: what is minimized.
        part: examples of the training part.
        recipe: of the run.
        accelerator: of this process alone.

    Raises:
        InputError: the parts of the recipe do not work together on these data.
    """
    few = Part(part.x[:FEW], part.y[:FEW])
    short = recipe.changed({"batch_size": FEW, "accumulate": 1, "ensemble": 1})
    with same_streams():
        try:
            loop = Loop(
                deepcopy(model), deepcopy(objective), few, few, recipe=short, rate=1e-4, accelerator=accelerator
            )
            for _ in loop.steps():
                break
        except InputError:
            raise
        except (ValueError, TypeError, RuntimeError) as error:
            raise InputError(
                f"the parts of the recipe must work together on these data: the first step raised "
                f"{type(error).__name__}: {error}"
            ) from error
