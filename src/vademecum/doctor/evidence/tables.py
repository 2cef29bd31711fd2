"""The kept batches as one table: its rows with their labels, which of them came again, and which stand where."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..recording.figures import Batch, Seen
from ..recording.record import NotCheckedError, Record

SETTLED = 0.3
"""Of the batches, the last ones: where none of them brings a new row, all rows were seen."""

WINDOW, AGAIN = 32, 0.2
"""Rows that are looked at together, and share of new ones among them below which a second pass has begun."""


@dataclass(frozen=True)
class Table:
    """Rows of one model's main input.

    Attributes:
        x: (N, columns) rows, in the order in which they came, epoch after epoch.
        y: (N, ...) their targets, or None where they are not known row by row.
        key: (N,) int64, equal for equal rows.
        batch: (N,) int64, place of the batch.
        step: (N,) int64, optimizer steps before it.
        first: (N,) bool, whether the row had not come before.
        shape: of an input without its batch dimension.
        tensors: how many tensors the model is given at once.
        settled: whether no row was new any more when the last batches came.
        full: whether there was no room for all that came.
    """

    x: Tensor
    y: Tensor | None
    key: Tensor
    batch: Tensor
    step: Tensor
    first: Tensor
    shape: tuple[int, ...]
    tensors: int
    settled: bool
    full: bool

    @property
    def dense(self) -> bool:
        """Whether the values are measurements, not ids."""
        return self.x.is_floating_point()

    @property
    def batches(self) -> int:
        """Number of batches."""
        return int(self.batch[-1]) + 1 if len(self.batch) else 0

    def epoch(self) -> Tensor:
        """(N,) bool, the rows of the first pass: up to where nearly all rows have come before."""
        size = torch.bincount(self.batch).double()
        new = torch.bincount(self.batch, weights=self.first.double())
        width = min(len(size), max(1, math.ceil(WINDOW * len(size) / len(self.batch))))
        share = new.unfold(0, width, 1).sum(1) / size.unfold(0, width, 1).sum(1)
        again = (share[1:] < AGAIN).nonzero()
        return self.batch < (int(again[0]) + 1 if len(again) else len(size))

    def distinct(self) -> tuple[Tensor, Tensor | None]:
        """Each different row once, with its target."""
        if not bool((~self.first).any()):
            return self.x, self.y
        return self.x[self.first], None if self.y is None else self.y[self.first]


def keys(rows: Tensor) -> Tensor:
    """Whole numbers by which rows are compared: the figures to eleven digits, as sums differ in the last ones."""
    mantissa, exponent = torch.frexp(rows.double().nan_to_num(0.0, 0.0, 0.0))
    return (mantissa * 2**36).round().long() + exponent.long() * 2**38


def train_table(record: Record) -> Table:
    """The rows that the model was trained on.

    Args:
        record: of the run so far.

    Returns:
        The rows of the model and the shape of input that came most.

    Raises:
        NotCheckedError: nothing was kept.
    """
    kinds: dict[tuple[Any, ...], int] = {}
    for batch in record.train.batches:
        kinds[_kind(batch)] = kinds.get(_kind(batch), 0) + len(batch.x)
    if not kinds:
        raise NotCheckedError("no training batch was kept")
    return _table(record.train, max(kinds, key=lambda kind: kinds[kind]))


def held_out(record: Record) -> list[Table]:
    """What the trained model was given without gradients and never trained on, in the sets in which it came.

    Rows that come together in one stretch without training are a set; a later stretch makes a new one of what had
    not come before. Each row stands once.

    Args:
        record: of the run so far.

    Returns:
        The sets, in order; those of fewer than 10 rows are left out.
    """
    train = train_table(record)
    if not any(_kind(batch) == _of(train, record) for batch in record.valid.batches):
        return []
    valid = _table(record.valid, _of(train, record))
    own = valid.first & ~torch.isin(valid.key, train.key)
    sets = []
    for step in valid.step[own].unique():
        chosen = own & (valid.step == step)
        if int(chosen.sum()) >= 10:
            sets.append(_part(valid, chosen))
    return sets


def evaluated(record: Record) -> Table | None:
    """All rows that the trained model was given without gradients, or None."""
    kind = _of(train_table(record), record)
    if not any(_kind(batch) == kind for batch in record.valid.batches):
        return None
    return _table(record.valid, kind)


def labels(record: Record, table: Table) -> Tensor:
    """Say the classes of a table's rows.

    Args:
        record: of the run so far.
        table: of its training.

    Returns:
        (N,) classes.

    Raises:
        NotCheckedError: the loss is none of classes, or the targets are not known row by row.
    """
    kind, y = (record.heads or ("",))[0], table.y
    if y is None:
        raise NotCheckedError("the targets of the examples are not known one by one")
    if kind in {"cross_entropy", "nll"} and not y.is_floating_point() and y.ndim == 1:
        return y.long()
    if kind == "soft_cross_entropy" and y.ndim == 2:
        return y.argmax(1)
    if kind in {"bce", "bce_with_logits"} and y[0].numel() == 1:
        flat = y.reshape(-1)
        if bool(((flat == 0) | (flat == 1)).all()):
            return flat.long()
    raise NotCheckedError("the targets are not one class an example")


def numbers(record: Record, table: Table) -> Tensor:
    """Say the targets of a table's rows in a regression on one number.

    Args:
        record: of the run so far.
        table: of its training.

    Returns:
        (N,) float64 targets.

    Raises:
        NotCheckedError: the loss is no distance of one number, or the targets are not known row by row.
    """
    kind, y = (record.heads or ("",))[0], table.y
    if y is None:
        raise NotCheckedError("the targets of the examples are not known one by one")
    if (
        kind not in {"mse", "l1", "smooth_l1", "huber", "gaussian"}
        or y[0].numel() != 1
        or not y.is_floating_point()
    ):
        raise NotCheckedError("the targets are not one number an example")
    return y.reshape(-1).double()


def _kind(batch: Batch) -> tuple[Any, ...]:
    return batch.model, batch.shape[1:], batch.x.dtype.is_floating_point


def _of(table: Table, record: Record) -> tuple[Any, ...]:
    """The kind of batch that a table was made of."""
    found = next(b for b in record.train.batches if b.shape[1:] == table.shape and b.x.dtype == table.x.dtype)
    return _kind(found)


def _table(seen: Seen, kind: tuple[Any, ...]) -> Table:
    """The table of one kind of batch, made once."""
    at = (len(seen.batches), kind)
    if seen.made is None or seen.made[0] != at:
        seen.made = (at, _made(seen, [batch for batch in seen.batches if _kind(batch) == kind]))
    table: Table = seen.made[1]
    return table


def _made(seen: Seen, kept: list[Batch]) -> Table:
    sizes = torch.tensor([len(batch.x) for batch in kept])
    place = torch.arange(len(kept)).repeat_interleave(sizes)
    key = keys(torch.cat([batch.rows for batch in kept]))
    first = _first(key)
    count = len(kept)
    late = place >= count - max(2, int(SETTLED * count))
    settled = not seen.full and count >= 3 and not bool(first[late].any())
    return Table(
        torch.cat([batch.x for batch in kept]), _targets(kept), key, place,
        torch.tensor([batch.step for batch in kept]).repeat_interleave(sizes), first, kept[0].shape[1:],
        kept[0].tensors, settled, seen.full,
    )  # fmt: skip


def _first(key: Tensor) -> Tensor:
    """(N,) bool, where a key stands for the first time."""
    _, order = key.sort(stable=True)
    ordered = key[order]
    new = torch.ones(len(key), dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = torch.empty_like(new)
    first[order] = new
    return first


def _targets(kept: list[Batch]) -> Tensor | None:
    """The targets, where each belongs to one row and all are of one kind."""
    found = [batch.y for batch in kept if batch.y is not None and batch.sole]
    if len(found) != len(kept) or not found:
        return None
    like = found[0]
    if any(
        not y.ndim or len(y) != len(b.x) or y.shape[1:] != like.shape[1:] or y.dtype != like.dtype
        for y, b in zip(found, kept)
    ):
        return None
    return torch.cat(found)


def _part(table: Table, chosen: Tensor) -> Table:
    return Table(
        table.x[chosen], None, table.key[chosen], table.batch[chosen], table.step[chosen], table.first[chosen],
        table.shape, table.tensors, table.settled, table.full,
    )  # fmt: skip
