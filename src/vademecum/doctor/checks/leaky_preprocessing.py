r"""Leaky preprocessing: the inputs were scaled with statistics of all data, not of the training part.

Where a mean is subtracted, the data that it came from has a mean of exactly 0. If that is training and validation
together, and not the training data alone, the validation rows have had their say in how they are measured. With means the
figure hardly changes; with selected features or filled gaps it can be all of it.

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
from ..record import NotCheckedError, Record
from ..tables import held_out, train_table

TOLERANCE = 1e-5
"""How near to 0 a mean must be, as a share of the size of the rows: float32 data has 1e-7."""

EXACT = 1e-6
"""How near to 0 and 1 the ends of a column must be."""


def leaky_preprocessing(record: Record) -> Iterator[Finding]:
    """Look on which rows the means, or the ends, of the columns are exact.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they are on training and held-out rows together, and not on the training rows.

    Raises:
        NotCheckedError: not all rows of both were seen.
    """
    table = train_table(record)
    if not table.dense:
        raise NotCheckedError("the inputs are ids")
    sets = held_out(record)
    if not sets or table.full:
        raise NotCheckedError("it takes all training rows, and held-out rows that the model was given")
    train = table.distinct()[0].double()
    known: list[Tensor] = []
    for part in sets:
        known.append(part.x.double())
        everything = torch.cat([train, *known])
        what = _leak(train, everything)
        if what:
            yield Finding(
                "leaky-preprocessing", "warning",
                f"The inputs were scaled with statistics of all {len(everything)} rows, of which "
                f"{len(everything) - len(train)} are held out: {what}.",
                cure="Split first, fit the scaler on the training part alone, and apply it to all parts.",
                evidence={"rows": len(everything), "training": len(train)}, reference="hastie2009elements",
                diff="- scaler.fit(x)\n+ scaler.fit(x_train)", step=0,
                disproof="The data came standardized as it was published.",
            )  # fmt: skip
            return


def _leak(train: Tensor, everything: Tensor) -> str:
    """Which statistics are exact on everything and not on the training rows."""
    if not bool(everything.isfinite().all()) or everything.shape[1] < 1:
        return ""
    zero = torch.zeros(everything.shape[1], dtype=torch.float64)
    if statistics_origin(zero, train, everything, tolerance=TOLERANCE) == "everything":
        off = float(train.mean(0).abs().max())
        return f"together each column has a mean of exactly 0, the training rows alone up to {off:.2g}"
    low, high = everything.amin(0), everything.amax(0)
    fine = torch.tensor([len(column.unique()) > 0.3 * len(column) for column in everything.T[:64]])
    low, high, train = low[:64][fine], high[:64][fine], train[:, :64][:, fine]
    if len(low) < 3 or not bool(((low.abs() < EXACT) & ((high - 1).abs() < EXACT)).all()):
        return ""
    inside = int(((train.amin(0) > 10 * EXACT) | (train.amax(0) < 1 - 10 * EXACT)).sum())
    if inside < 2:
        return ""
    return (
        f"together each column runs exactly from 0 to 1, the training rows alone do not in {inside} columns"
    )
