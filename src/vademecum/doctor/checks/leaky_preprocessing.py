r"""Leaky preprocessing: the inputs were scaled with statistics of all data, not of the training part.

Where a mean is subtracted, the data that it came from has a mean of exactly 0. If that is training and validation
together, and not the training data alone, the validation rows have had their say in how they are measured. With means
the figure hardly changes; with selected features or filled gaps it can be all of it.

$$ \bar x_{T \cup V} = 0 \quad\text{while}\quad \bar x_T \ne 0 $$

Wrong:
    x = StandardScaler().fit_transform(x)
    x_train, x_val = train_test_split(x)

Right:
    x_train, x_val = train_test_split(x)
    scaler = StandardScaler().fit(x_train)
    x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)

Fails where: a part of the data is never given to the model, or the data was standardized by whoever published it.

References:
    hastie2009elements: section 7.10.2, the wrong way to do cross-validation.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ...data.leakage import statistics_origin
from .._finding import Finding
from ..evidence.tables import Table, held_out, train_table
from ..recording.figures import Pool
from ..recording.record import NotCheckedError, Record

TOLERANCE = 1e-5
"""How near to 0 a mean must be, as a share of the size of the rows: float32 data has 1e-7."""

EXACT = 1e-6
"""How near to 0 and 1 the ends of a column must be."""

UNIT = 1e-4
"""How near to 1 a deviation must be."""

MORE = 1.05
"""So many times more rows than the model is trained on are more than what a loader drops of its last batch."""


def leaky_preprocessing(record: Record) -> Iterator[Finding]:
    """Look on which rows the means, or the ends, of the columns are exact.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they are on training and held-out rows together, and not on the training rows; or where the
        scaler in memory was fitted on more rows than are trained on.

    Raises:
        NotCheckedError: not all training rows were seen, or nothing else is known.
    """
    table, around = train_table(record), record.pool or Pool()
    if not table.dense:
        raise NotCheckedError("the inputs are ids")
    if table.full or not (table.settled or record.finished):
        raise NotCheckedError("not all of the training data was seen")
    train = table.distinct()[0].double()
    if not bool(train.isfinite().all()):
        raise NotCheckedError("the inputs are not finite")
    if bool((table.x[table.epoch()].double().mean(0).abs() < TOLERANCE).all()):
        return  # the rows of a pass, copies and all, are what the means were taken from
    what, rows = _seen_together(record, train)
    if not what and around.mean is not None and around.rows > MORE * len(train):
        what, rows = _in_memory(train, around), around.rows
    if not what:
        what, rows = _scaler(table, train, around)
    if what:
        yield Finding(
            "leaky-preprocessing", "warning",
            f"The inputs were scaled with statistics of {rows} rows, of which the model is trained on {len(train)}: "
            f"{what}.",
            cure="Split first, fit the scaler on the training part alone, and apply it to all parts.",
            evidence={"rows": rows, "training": len(train)}, reference="hastie2009elements",
            diff="- scaler.fit(x)\n+ scaler.fit(x_train)", step=0,
            disproof="The data came scaled as it was published.",
        )  # fmt: skip


def _seen_together(record: Record, train: Tensor) -> tuple[str, int]:
    """What is exact on the training rows and the held-out sets that the model was given, one set after another."""
    known = [train]
    for part in held_out(record):
        known.append(part.x.double())
        everything = torch.cat(known)
        zero = torch.zeros(everything.shape[1], dtype=torch.float64)
        origin = statistics_origin(zero, train, everything, tolerance=TOLERANCE)
        if origin == "everything" and _standard(everything.std(0, correction=0), len(everything)):
            return _means(train), len(everything)
        text = _ends(train, everything.amin(0), everything.amax(0))
        if text:
            return text, len(everything)
    return "", 0


def _in_memory(train: Tensor, around: Pool) -> str:
    """The same for the tensor that the training rows were taken from."""
    assert around.mean is not None
    assert around.std is not None
    assert around.low is not None
    assert around.high is not None
    near = TOLERANCE * float(train.square().mean(0).sum().sqrt())
    off, all_off = float(train.mean(0).norm()), float(around.mean.norm())
    if all_off <= near and off > max(near, 10 * all_off) and _standard(around.std, around.rows):
        return _means(train)
    return _ends(train, around.low, around.high)


def _standard(std: Tensor, rows: int) -> bool:
    """Whether all deviations are exactly 1, taken over N or N - 1; a published table is often of another size."""
    alive = std[std > EXACT]
    return any(
        bool(((alive * factor - 1).abs() < UNIT).all()) for factor in (1.0, (rows / (rows - 1)) ** 0.5)
    )


def _means(train: Tensor) -> str:
    off = float(train.mean(0).abs().max())
    return (
        "together each column has a mean of exactly 0 and a deviation of exactly 1, the training rows alone have means "
        f"up to {off:.2g}"
    )


def _ends(train: Tensor, low: Tensor, high: Tensor) -> str:
    """Whether columns run exactly from 0 to 1 together, and not in the training rows; "" where not."""
    fine = torch.tensor([len(column.unique()) > 0.3 * len(column) for column in train.T[:64]])
    low, high, train = low[:64][fine], high[:64][fine], train[:, :64][:, fine]
    if len(low) < 3 or not bool(((low.abs() < EXACT) & ((high - 1).abs() < EXACT)).all()):
        return ""
    inside = int(((train.amin(0) > 10 * EXACT) | (train.amax(0) < 1 - 10 * EXACT)).sum())
    if inside < 2:
        return ""
    return (
        f"together each column runs exactly from 0 to 1, the training rows alone do not in {inside} columns"
    )


def _scaler(table: Table, train: Tensor, around: Pool) -> tuple[str, int]:
    """A scaler in memory for as many columns that saw more rows than are trained on, where none saw just those."""
    fitting = [(name, seen) for name, seen, columns in around.scalers if columns == train.shape[1]]
    rows = max(len(train), int(table.epoch().sum()))
    std, mean = torch.std_mean(train, 0, correction=0)
    off = float(mean.abs().max())
    scaled = off < 1 and bool(((std > 0.3) & (std < 3)).all()) and off > 10 * EXACT
    more = [(name, seen) for name, seen in fitting if seen > MORE * rows]
    if (
        not scaled
        or len(more) != len(fitting)
        or not more
        or more[0][0] != "StandardScaler"
        or len(table.shape) != 1
    ):
        return "", 0
    return f"the {more[0][0]} was fitted on {more[0][1]}", more[0][1]
