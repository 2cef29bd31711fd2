"""What the rules of symptoms share: whether they may speak, which weights count, and figures over the looks."""

import math
from collections.abc import Iterable, Sequence

from torch import nn

from ..recording.record import Look, NotCheckedError, Record
from .gate import Gate, judged, median, outcome

POOR = 0.5
"""Of the guess's loss: a run that has more of it left at its end has learned little."""


def opened(record: Record, *, poor: float = math.inf) -> tuple[Gate, list[Look]]:
    """Ask the outcome gate whether a symptom may be told.

    Args:
        record: of the run so far.
        poor: share of the guess's loss that must be left for a run that has learned something to count as bad too;
            for symptoms that are plain enough to need no more.

    Returns:
        The gate, and the looks that it has judged.

    Raises:
        NotCheckedError: the outcome is good, or not known, or no step was looked at.
    """
    gate = outcome(record)
    if gate.early and not gate.open:
        raise NotCheckedError("too few steps to judge the outcome")
    if not gate.open and (gate.several or not gate.left >= poor):
        raise NotCheckedError("the run learns: symptoms are not causes")
    seen = judged(record, gate)
    if not seen:
        raise NotCheckedError("no optimizer step was looked at")
    return gate, seen


def layers(record: Record) -> dict[str, float]:
    """The weight matrices and filters of layers, from the input on, with the number of inputs of one unit.

    Embeddings are left out: a step moves some of their rows alone. Of a matrix without a module, the smaller side is
    taken, because which one is the input's is not known.

    Returns:
        name of the parameter -> number of inputs.
    """
    embedded = {
        id(part.weight) for _, part in record.modules() if isinstance(part, (nn.Embedding, nn.EmbeddingBag))
    }
    found = {
        name: float(min(p.shape) if name in record.loose else p[0].numel())
        for name, p in record.trainable.items()
        if p.ndim >= 2 and min(p.shape) > 0 and id(p) not in embedded
        and ("weight" in name.rpartition(".")[2] or name in record.loose)
    }  # fmt: skip
    return dict(sorted(found.items(), key=lambda item: -record.depth.get(item[0], -1)))


def taught(record: Record, looks: Sequence[Look]) -> list[str]:
    """The layers that a gradient reached in the first looks; what moves the others is a decay."""
    return [name for name in layers(record) if any(look.grad_norm.get(name, 0.0) > 0 for look in looks[:3])]


def ratios(looks: Iterable[Look], names: Iterable[str]) -> list[float]:
    """Of each look, the median over weights of the update's size over the weight's, where it is finite."""
    names = list(names)
    found = [median([look.ratio[name] for name in names if name in look.ratio]) for look in looks]
    return [value for value in found if math.isfinite(value)]


def late(looks: Sequence[Look]) -> Sequence[Look]:
    """The last third, five looks at least."""
    return looks[-max(5, len(looks) // 3) :]


def total(norms: Iterable[float]) -> float:
    """The norm of several tensors together."""
    return math.sqrt(math.fsum(value * value for value in norms))


def rounded(value: float) -> float:
    """A number with one digit, as a setting is written."""
    return float(f"{value:.0e}")
