r"""Unshuffled data: a batch holds few of the classes, because the data comes sorted.

Each step then follows one class, the next batches pull away from it again, and what is learned last is remembered best.
A new random order in every epoch makes each batch a fair sample of the whole.

$$ \bar H_{\text{batch}} = \frac1B \sum_b H(y_b) \;\ll\; H(y) $$

Wrong:
    loader = DataLoader(dataset, batch_size=32)

Right:
    loader = DataLoader(dataset, batch_size=32, shuffle=True)

Fails where: the order is meant, as in a stream, a curriculum, or batches of a few classes for a metric.

References:
    lecun1998efficient: section 4.2, shuffling the examples.
    mood1940distribution: the number of runs in a random order.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ...data.shuffle import adjacent_equal
from .._finding import Finding
from ..evidence.tables import labels, numbers, train_table
from ..recording.record import NotCheckedError, Record

WITHIN = 0.6
"""Share of the labels' entropy that must be found within the batches: a fair sample of 8 of 10 classes has 0.8."""

SIGMA = 6.0
"""Standard deviations by which neighbors are more often alike than in a random order."""

CARRIED = 0.7
"""How often a batch must begin with the class in which the one before ended, beyond chance: sorted data goes on, a
sampler that fills each batch with a few classes begins anew."""

SORTED = 0.95
"""Correlation of place and target from which a regression's data is sorted."""


def unshuffled_data(record: Record) -> Iterator[Finding]:
    """Look whether the labels come in long runs.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they do.

    Raises:
        NotCheckedError: there are too few batches, or no targets of one class or number an example.
    """
    table = train_table(record)
    chosen = table.epoch()
    place = table.batch[chosen]
    count = int(place.max()) + 1
    if count < 4:
        raise NotCheckedError("there are fewer than four batches in a pass over the data")
    site = record.site("forward")
    told: dict[str, Any] = {
        "cure": "Shuffle the training data in every epoch: DataLoader(..., shuffle=True), or index by "
        "torch.randperm(len(x)).",
        "reference": "lecun1998efficient", "file": site.file, "line": site.line, "step": 0,
        "diff": "- DataLoader(dataset, batch_size=32)\n+ DataLoader(dataset, batch_size=32, shuffle=True)",
        "disproof": "The order is meant: a stream, a curriculum, or a sampler of a few classes.",
    }  # fmt: skip
    try:
        y = labels(record, table)[chosen]
    except NotCheckedError:
        values = numbers(record, table)[chosen]
        rank = values.argsort().argsort().double()
        r = float(torch.corrcoef(torch.stack([rank, torch.arange(len(rank)).double()]))[0, 1])
        if abs(r) > SORTED and len(values.unique()) > 8:
            yield Finding(
                "unshuffled-data", "warning",
                f"The training data is sorted by its target: the rank of a target and its place in the epoch have a "
                f"correlation of {r:.3f}.",
                evidence={"correlation": r, "examples": len(values)}, **told,
            )  # fmt: skip
        return
    seen = adjacent_equal(y)
    chance = seen.expected / max(len(y) - 1, 1)
    whole, within = _entropy(y[None]), _within(y, place, count)
    if seen.z < SIGMA or chance > 0.95 or whole == 0:
        return
    if not _sorted(y) and _carried(y, place) < chance + CARRIED * (1 - chance):
        return
    if len(y) > 4 * count and within > WITHIN * whole:
        return
    yield Finding(
        "unshuffled-data", "warning",
        f"The training data comes sorted by class: {seen.count / (len(y) - 1):.0%} of neighbors have the same label, "
        f"where a random order has {chance:.0%}; a batch holds {within:.2f} nats of the labels' {whole:.2f}.",
        evidence={"alike": seen.count / (len(y) - 1), "chance": chance, "z": seen.z}, **told,
    )  # fmt: skip


def _entropy(groups: Tensor) -> float:
    counts = torch.bincount(groups.flatten() - groups.min()).double()
    share = counts / counts.sum()
    return float(-torch.xlogy(share, share).sum())


def _within(y: Tensor, place: Tensor, count: int) -> float:
    """Mean entropy of the labels of a batch, in nats."""
    classes, code = y.unique(return_inverse=True)
    counts = torch.zeros(count, len(classes), dtype=torch.float64)
    counts.index_put_((place, code), torch.ones(len(y), dtype=torch.float64), accumulate=True)
    share = counts / counts.sum(1, keepdim=True).clamp_min(1)
    return float(-torch.xlogy(share, share).sum(1).mean())


def _sorted(y: Tensor) -> bool:
    """Whether each label comes in one run."""
    return 1 + int((y[1:] != y[:-1]).sum()) == len(y.unique())


def _carried(y: Tensor, place: Tensor) -> float:
    """How often a batch begins with the label in which the one before ended."""
    border = place[1:] != place[:-1]
    return float((y[1:] == y[:-1])[border].double().mean())
