r"""Target leak: one column of the inputs gives the answer.

An identifier that was handed out by the outcome, a sum that was booked after it, the target itself left in the table:
training and validation are equally perfect, and in use the column is missing or empty.

$$ \max_j |r(x_j, y)| \approx 1 \qquad\text{or}\qquad \max_j \text{AUC}(x_j, y) \approx 1 $$

Wrong:
    x = table.values

Right:
    x = table.drop(columns="outcome").values

Fails where: the task is that easy; it is asked, not said.

References:
    hastie2009elements: section 7.10.2, what was made with the answer must not be given.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .._finding import Finding
from ..evidence.tables import labels, numbers, train_table
from ..recording.record import NotCheckedError, Record

ROWS, SAMPLE = 150, 2000
"""Different rows that it takes, and rows that are looked at."""

CLEAR = 0.995
"""Correlation, or area under the curve, of one column from which it gives the answer."""

OTHERS = 0.985
"""The second best column must stay below: a task that is easy is so for several columns, and the last values of a
series are all near the next one."""

COLUMNS = 3
"""Columns of which it is remarkable that one is enough."""


def target_leak(record: Record) -> Iterator[Finding]:
    """Look for a column that alone gives the target.

    Args:
        record: of the run so far.

    Yields:
        "warning", as a question.

    Raises:
        NotCheckedError: the targets are not one class or number an example, or the inputs are no table of columns.
    """
    table = train_table(record)
    if not table.dense or len(table.shape) != 1 or table.x.shape[1] < COLUMNS:
        raise NotCheckedError(f"the inputs are no table of at least {COLUMNS} columns of numbers")
    if len(record.heads) > 1:
        raise NotCheckedError(
            "the loss compares more than one thing, and some of them may be inputs on purpose"
        )
    try:
        y, classes = labels(record, table).double(), True
    except NotCheckedError:
        y, classes = numbers(record, table), False
    rows = table.first.nonzero().flatten()
    if len(rows) < ROWS:
        raise NotCheckedError(f"it takes {ROWS} different rows, and there were {len(rows)}")
    rows = rows[:: max(1, len(rows) // SAMPLE)]
    x, y = table.x[rows].double(), y[rows]
    if len(y.unique()) < 2 or not bool(x.isfinite().all()):
        raise NotCheckedError("the targets are all equal, or the inputs are not finite")
    binary = classes and len(y.unique()) == 2
    strength = _area(x, y == y.max()) if binary else _spread(x, y) if classes else _correlation(x, y)
    place, top = int(strength.argmax()), strength.topk(2).values.tolist()
    if top[0] > CLEAR and top[1] < OTHERS:
        what = (
            "an area under the curve"
            if binary
            else "a share of explained variance"
            if classes
            else "a correlation"
        )
        yield Finding(
            "target-leak", "warning",
            f"Column {place} of the inputs alone gives the target ({what} of {top[0]:.4f} over {len(y)} rows; the next "
            f"best column has {top[1]:.3f}): would it be known when the model is used?",
            cure=f"Leave column {place} out if it was made from the answer or after it.", where=f"column {place}",
            evidence={"best": top[0], "second": top[1], "rows": len(y)}, reference="hastie2009elements", step=0,
            disproof="The column is known before the target is.",
        )  # fmt: skip


def _area(x: Tensor, positive: Tensor) -> Tensor:
    """(F,) area under the curve of each column, of either sign; ties count half."""
    order = x.sort(0).values
    low = torch.searchsorted(order.T.contiguous(), x.T.contiguous(), side="left")
    high = torch.searchsorted(order.T.contiguous(), x.T.contiguous(), side="right")
    rank = (low + high + 1).double() / 2  # (F, N) mean ranks from 1
    n = float(positive.sum())
    area = (rank[:, positive].sum(1) - n * (n + 1) / 2) / (n * (len(positive) - n))
    return torch.maximum(area, 1 - area)


def _spread(x: Tensor, y: Tensor) -> Tensor:
    """(F,) share of each column's variance that lies between the classes."""
    classes, code = y.unique(return_inverse=True)
    size = torch.bincount(code).double()
    means = torch.zeros(len(classes), x.shape[1], dtype=torch.float64).index_add_(0, code, x) / size[:, None]
    between = (size[:, None] * (means - x.mean(0)).square()).sum(0)
    return between / (x - x.mean(0)).square().sum(0).clamp_min(1e-30)


def _correlation(x: Tensor, y: Tensor) -> Tensor:
    """(F,) size of the correlation of each column with the target."""
    a, b = x - x.mean(0), y - y.mean()
    return (b @ a).abs() / (a.norm(dim=0) * b.norm()).clamp_min(1e-30)
