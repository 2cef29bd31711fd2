r"""Input mutated: the data itself is changed by each use.

An operation in place (``-=``, ``mul_``, ``clamp_``) on what a data set hands out, or on a view of it, changes the
stored rows. The next epoch finds them changed and changes them again: the images shrink, the noise adds up, and
training and validation no longer look alike.

$$ x^{(e)} = f(f(\cdots f(x))) \quad\text{in epoch } e, \text{ not } f(x) $$

Wrong:
    image = self.images[i]
    image -= 0.5

Right:
    image = self.images[i] - 0.5

Fails where: the inputs drift on purpose, as an agent's observations do.

References:
    goodfellow2016deep: section 5.2, training and test examples must come from one distribution.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from .._finding import Finding
from ..evidence.tables import train_table
from ..recording.record import Look, NotCheckedError, Record

LOOKS = 12
"""Looks that it takes to see a drift."""

DRIFT = 3.0
"""Ratio of deviations, or distance of means in deviations, between the start and the end that is a drift."""

SLOW = 1.4
"""The same ratio where the targets are classes, as no agent's are: an augmentation that stays the same gives 1.1."""

PARTS = 6
"""Parts of the run between which the drift must go on in one direction."""


def input_mutated(record: Record) -> Iterator[Finding]:
    """Look whether passes write into what they are given, and whether the data drifts.

    Args:
        record: of the run so far.

    Yields:
        "error" where a forward pass changes data that is used again; "warning" where the data drifts from step to
        step and no row comes twice; "note" where a pass only writes into a batch of its own.
    """
    site = record.site("forward")
    cure = "Write x = x - mean in place of x -= mean, or clone what is to be changed."
    written = record.overwritten
    if sum(written) >= min(3, max(record.looked, 1)):
        yield Finding(
            "input-mutated", "error",
            f"The forward pass changes its input in place, and that input is used again: {sum(written)} of "
            f"{record.looked} looked-at passes left other values in the data than they had found.",
            cure=cure, evidence={"passes": sum(written)}, reference="goodfellow2016deep", file=site.file,
            line=site.line, step=0, diff="- x -= mean\n+ x = x - mean", disproof="Each pass is given a copy.",
        )  # fmt: skip
        return
    drift = _drift(record)
    if drift:
        yield Finding(
            "input-mutated", "warning",
            f"The training inputs drift from step to step: {drift}, and no row ever comes twice: each use seems to "
            "change the stored data.",
            cure=cure, reference="goodfellow2016deep", file=site.file, line=site.line, step=0,
            evidence={"steps": record.steps}, diff="- image -= 0.5\n+ image = image - 0.5", symptom=True,
            disproof="The data is a stream that drifts, or an augmentation that grows.",
        )  # fmt: skip
    elif written:
        yield Finding(
            "input-mutated", "note",
            "The forward pass changes its input in place; as each batch is a copy, no harm was seen.",
            cure=cure, reference="goodfellow2016deep", file=site.file, line=site.line, step=0,
            evidence={"passes": len(written)}, disproof="The batch is used nowhere else.",
        )  # fmt: skip


def _drift(record: Record) -> str:
    """How the inputs moved over the run, "" where they did not."""
    table = train_table(record)
    if not table.dense:
        raise NotCheckedError("the inputs are ids")
    seen = [look for look in record.looks if look.inputs and look.inputs[0].shape[1:] == table.shape]
    if len(seen) < LOOKS:
        raise NotCheckedError(
            f"it takes {LOOKS} looked-at steps with inputs of one shape, and there were {len(seen)}"
        )
    again = float((~table.first).double().mean())
    if again > 0.02:
        return ""
    parts = [seen[i * len(seen) // PARTS : (i + 1) * len(seen) // PARTS] for i in range(PARTS)]
    stds = [_median(part, "std") for part in parts]
    means = [_median(part, "mean") for part in parts]
    first, last = stds[0], stds[-1]
    kinds = {"cross_entropy", "nll", "bce", "bce_with_logits"}
    limit = SLOW if record.heads and record.heads[0] in kinds and not record.strangers else DRIFT
    grows = min(stds) > 0 and math.isfinite(sum(stds)) and max(first / last, last / first) > limit
    if grows and _one_way(stds):
        return f"their deviation went from {first:.3g} to {last:.3g}"
    if first > 0 and _one_way(means) and abs(means[-1] - means[0]) > DRIFT * first:
        return f"their mean went from {means[0]:.3g} to {means[-1]:.3g} at a deviation of {first:.3g}"
    return ""


def _median(part: list[Look], name: str) -> float:
    return median(getattr(look.inputs[0], name) for look in part)


def _one_way(values: list[float]) -> bool:
    steps = [b - a for a, b in pairwise(values)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)
