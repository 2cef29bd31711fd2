r"""Labels mismatched: inputs and targets are out of step.

Where one of the two is shuffled, sorted or shifted alone, each input has the label of another. The shares of the
classes are right, all tensors are healthy, and nothing can be learned but the mean; with patience a large network
learns the wrong pairs by heart. Neighbors tell: rows that are near each other have equal labels more often than by
chance, if the labels are theirs.

$$ z = \frac{A - \mathbb{E}\,A_\pi}{\sqrt{\operatorname{Var} A_\pi}}, \quad
A = \frac1N \sum_i [y_i = y_{\text{nn}(i)}] $$

Wrong:
    x = x[torch.randperm(len(x))]

Right:
    order = torch.randperm(len(x))
    x, y = x[order], y[order]

Fails where: near inputs do not have like targets, as in parity; the inputs must have clusters to be judged.

References:
    cover1967nearest: near rows have like labels.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .._finding import Finding
from ..evidence.gate import outcome
from ..evidence.tables import labels, numbers, train_table
from ..recording.record import NotCheckedError, Record

ROWS, SAMPLE = 150, 1200
"""Different rows that it takes, and rows that are looked at."""

STRUCTURE = 0.85
"""Distance to the nearest row, over the same with the columns shuffled one by one, below which rows have neighbors that
mean something."""

CHANCE = 2.5
"""Standard deviations of the agreement above that of permuted labels up to which labels look independent."""

PERMUTATIONS = 50
"""Permutations of the labels."""

RIGHT = 0.15
"""How far the training accuracy may be above the largest class's share, and the loss below its guess, in a network that
has not found the labels (as a part of what is left)."""


def labels_mismatched(record: Record) -> Iterator[Finding]:
    """Look whether near inputs have like targets, where a run learns nothing or only by heart.

    Args:
        record: of the run so far; its outcome is bad.

    Yields:
        "warning" where the targets look independent of inputs that have neighbors; "note" where only the outcome
        says so.

    Raises:
        NotCheckedError: targets are not known one by one, or the run is bad in a way that tells nothing of them.
    """
    gate = outcome(record)
    if gate.kind not in {"not-learning", "overfitting", "too-good"}:
        raise NotCheckedError("the run is bad in a way that says nothing of the labels")
    table = train_table(record)
    try:
        y, classes = labels(record, table).double(), True
    except NotCheckedError:
        y, classes = numbers(record, table), False
    rows = table.first.nonzero().flatten()
    site = record.site("forward")
    told: dict[str, Any] = {
        "cure": "Follow one example by eye from the file to the model, with its target; shuffle inputs and targets by "
        "one order.",
        "reference": "cover1967nearest", "file": site.file, "line": site.line, "symptom": True,
        "diff": "- x = x[order]\n+ x, y = x[order], y[order]",
        "disproof": "Permuting the targets makes the loss worse.",
    }  # fmt: skip
    if table.dense and len(rows) >= ROWS:
        rows = rows[:: max(1, len(rows) // SAMPLE)]
        structure, z = neighbors(table.x[rows], y[rows], classes)
        if structure < STRUCTURE and z < CHANCE:
            yield Finding(
                "labels-mismatched", "warning",
                f"The targets look independent of the inputs: nearest neighbors among {len(rows)} training rows agree "
                f"no more than with permuted targets (z = {z:.1f}), though the rows lie in clusters; {gate.why}.",
                evidence={"z": z, "structure": structure, "rows": len(rows)}, **told,
            )  # fmt: skip
            return
        if z > 2 * CHANCE:
            return
    if gate.kind == "not-learning" and _flows(record):
        yield Finding(
            "labels-mismatched", "note",
            f"Gradients flow and weights move, yet {gate.why}: do inputs and targets belong together?",
            evidence={"loss": gate.loss, "guess": gate.guess}, **told,
        )  # fmt: skip


def neighbors(x: Tensor, y: Tensor, classes: bool) -> tuple[float, float]:
    """Measure how far rows lie in clusters, and how far neighbors agree in their targets.

    Args:
        x: (N, F) rows.
        y: (N,) targets.
        classes: whether they are classes, not numbers.

    Returns:
        The median distance to the nearest row over that among rows whose columns were shuffled one by one, and the
        agreement in standard deviations above that of permuted targets.

    Example:
        >>> angle = torch.arange(300) * 0.7
        >>> ring = torch.stack([angle.cos(), angle.sin(), (2 * angle).cos()], 1)
        >>> structure, z = neighbors(ring, angle.cos().double(), classes=False)
        >>> structure < 0.5, z > 10
        (True, True)
    """
    generator = torch.Generator().manual_seed(0)
    x = x.float().nan_to_num(0.0, 0.0, 0.0)
    x = (x - x.mean(0)) / x.std(0).clamp_min(1e-12)
    near, own = _nearest(x)
    mixed = torch.stack([column[torch.randperm(len(x), generator=generator)] for column in x.T], 1)
    _, other = _nearest(mixed)
    structure = float(own.median()) / max(float(other.median()), 1e-12)
    rank = y if classes else y.argsort().argsort().double()

    def agreement(values: Tensor) -> float:
        pair = values[near]
        return float((values == pair).double().mean()) if classes else -float((values - pair).abs().mean())

    real = agreement(rank)
    permuted = torch.tensor(
        [agreement(rank[torch.randperm(len(y), generator=generator)]) for _ in range(PERMUTATIONS)]
    )
    return structure, (real - float(permuted.mean())) / max(float(permuted.std()), 1e-12)


def _nearest(x: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) place of the nearest other row, and its distance."""
    distance = torch.cdist(x, x)
    distance.fill_diagonal_(math.inf)
    least = distance.min(1)
    return least.indices, least.values


def _flows(record: Record) -> bool:
    """Whether gradients and updates are of an ordinary size in the last half of the looks."""
    late = record.looks[len(record.looks) // 2 :]
    ratios = [value for look in late for value in look.ratio.values()]
    norms = [value for look in late for value in look.grad_norm.values()]
    if not ratios or not norms:
        return False
    middle = sorted(ratios)[len(ratios) // 2]
    return 1e-5 < middle < 0.1 and all(math.isfinite(value) for value in norms) and sum(norms) > 0
