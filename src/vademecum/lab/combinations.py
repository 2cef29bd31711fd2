"""Fields of a recipe that do not go together, refused with the reason before anything is read or written.

What depends on the data or the net is found out by a rehearsal of one step (`rehearsal`).
"""

from typing import TYPE_CHECKING

from vademecum._core.errors import InputError

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["refuse_impossible"]

_NO_MOMENTUM = ("adagrad", "averaged_sgd", "path_sgd", "rmsprop")
_ADAPTIVE = ("adagrad", "adam", "adamw", "rmsprop", "uncorrected_adam")


def refuse_impossible(recipe: "Recipe") -> None:
    """Refuse a recipe that contradicts itself.

    Args:
        recipe: each of its fields is allowed by itself.

    Raises:
        InputError: two fields do not go together.
    """
    for wrong, sentence in _contradictions(recipe):
        if wrong:
            raise InputError(sentence)


def _contradictions(recipe: "Recipe") -> list[tuple[bool, str]]:
    optimizer = recipe.optimizer.partition(":")[0]
    regularizers = {part.partition(":")[0] for part in recipe.regularize.split(",")}
    snapshots = isinstance(recipe.ensemble, str)
    return [
        (
            recipe.momentum_schedule != "none" and optimizer in _NO_MOMENTUM,
            f"a momentum schedule needs an optimizer with momentum: optimizer={recipe.optimizer} has none; take sgd, "
            "nesterov or adamw, or momentum_schedule=none.",
        ),
        (
            recipe.average != "none" and optimizer == "averaged_sgd",
            f"one average is enough: optimizer=averaged_sgd keeps one of its own; leave out average={recipe.average}.",
        ),
        (
            "prox_l1" in regularizers and optimizer in _ADAPTIVE,
            f"the proximal step of L1 needs one rate for all weights: optimizer={recipe.optimizer} has one for each; "
            "take optimizer=sgd, or regularize=l1.",
        ),
        (
            snapshots and not recipe.schedule.startswith("cosine"),
            f"snapshots are taken at the ends of cosine cycles: schedule={recipe.schedule} has none; write "
            "schedule=cosine with them.",
        ),
        (
            snapshots and recipe.average != "none",
            f"snapshots are single moments: average={recipe.average} blends them; leave one of the two out.",
        ),
        (
            "pca" in [part.partition(":")[0] for part in recipe.preprocess.split(",")[:-1]],
            f"pca changes what an example is, so it stands last: preprocess={recipe.preprocess} came; put it there.",
        ),
        (
            recipe.pretrained == "" and recipe.scenario != "auto",
            f"a scenario says how a pretrained net is trained again: scenario={recipe.scenario} came without "
            "pretrained; name a run or a safetensors file by --from.",
        ),
        (
            recipe.pretrained != "" and snapshots,
            "snapshots leave a minimum again and again: that is no way to keep what was pretrained; take ensemble=1.",
        ),
        (
            recipe.norm == "weight" and str(recipe.dropout).partition(":")[0] in {"targeted", "weight"},
            f"norm=weight and dropout={recipe.dropout} both take the weights' place: choose one of the two.",
        ),
        (
            recipe.accumulate > recipe.batch_size,
            f"a batch must hold an example for each of its parts: batch_size={recipe.batch_size}, "
            f"accumulate={recipe.accumulate}; take fewer parts.",
        ),
        (
            recipe.loss.partition(":")[0] == "large_margin" and recipe.norm == "batch",
            "large margins are measured example by example: norm=batch ties the examples of a batch together; take "
            "norm=group or norm=layer.",
        ),
        (
            optimizer == "path_sgd" and recipe.weight_decay > 0,
            "path_sgd has no weight decay, which would depend on the scale of each layer: "
            f"weight_decay={recipe.weight_decay:g} came; write weight_decay=0.",
        ),
    ]
