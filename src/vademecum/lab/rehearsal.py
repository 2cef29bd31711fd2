"""One step on a copy, before anything is written: what cannot work together says so here, and not after an hour."""

from copy import deepcopy

from vademecum._core.errors import InputError
from vademecum._torch.streams import same_streams

from .examples import Part
from .loop import Loop
from .prepare import Prepared

__all__ = ["rehearse"]

FEW = 8  # examples of the step


class _Alone:
    """What a loop wants of an accelerator, for one process on the CPU in full precision."""

    process_index, num_processes, scaler = 0, 1, None

    def prepare(self, model):  # type: ignore[no-untyped-def]
        return model

    def backward(self, loss):  # type: ignore[no-untyped-def]
        loss.backward()


def rehearse(prepared: Prepared) -> None:
    """Take one step of a run on a copy of its model.

    Args:
        prepared: left as it is, as are the random streams.

    Raises:
        InputError: the parts of the recipe do not work together on these data.
    """
    part = prepared.part("train")
    few = Part(part.x[:FEW], part.y[:FEW])
    recipe = prepared.recipe.changed({"batch_size": FEW, "accumulate": 1})
    with same_streams():
        try:
            loop = Loop(
                deepcopy(prepared.model), prepared.objective.anew(prepared.recipe), few, few, recipe=recipe, rate=1e-4,
                accelerator=_Alone(), member=0,
            )  # fmt: skip
            next(loop.steps())
        except InputError:
            raise
        except (ValueError, TypeError, RuntimeError) as error:
            raise InputError(
                f"the parts of the recipe must work together on these data: the first step raised "
                f"{type(error).__name__}: {error}"
            ) from error
