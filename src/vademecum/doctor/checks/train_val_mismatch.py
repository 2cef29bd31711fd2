r"""Train-validation mismatch: validation rows are prepared in another way than training rows.

The network has learned with one scale and is asked with another. Its figure on the validation data says nothing about
what it has learned, and the same happens in use. A scaler that is fitted anew on the validation rows is a milder form.

$$ \frac{|\bar x_V - \bar x_T|}{s_T} \qquad \frac{s_V}{s_T} $$

Wrong:
    x_train = (x_train - mean) / std
    accuracy = evaluate(model, x_val)

Right:
    accuracy = evaluate(model, (x_val - mean) / std)

Fails where: the rows that are evaluated are not meant to look like the training rows.

References:
    goodfellow2016deep: section 5.2, training and test examples must come from one distribution.
"""

from collections.abc import Iterator

import torch

from .._finding import Finding
from ..evidence.tables import Table, held_out, train_table
from ..recording.record import NotCheckedError, Record

ROWS = 20
"""Rows of a set that it takes."""

SHIFT, RATIO = 3.0, 4.0
"""Distance of a column's means in training deviations, and ratio of its deviations, that are another scale."""

SHIFTED, SCALED = 0.2, 0.5
"""Share of the columns that must be so: shifted pictures have another deviation along their borders."""

EXACT = 1e-5
"""How near to 0 and 1 the mean and deviation of each column lie where they were made so."""


def train_val_mismatch(record: Record) -> Iterator[Finding]:
    """Compare the columns of each held-out set with those of the training rows.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they have another scale, or a scaler of their own.

    Raises:
        NotCheckedError: the inputs are ids, or nothing held out was given to the model.
    """
    table = train_table(record)
    if not table.dense:
        raise NotCheckedError("the inputs are ids")
    sets = [part for part in held_out(record) if len(part.key) >= ROWS]
    if not sets:
        raise NotCheckedError(
            f"no {ROWS} rows that the model was not trained on were given to it without gradients"
        )
    train, site = table.distinct()[0].double(), record.site("evaluation")
    std, mean = torch.std_mean(train, 0, correction=0)
    scale = float(train.square().mean().sqrt())
    alive = std > 1e-3 * scale
    if int(alive.sum()) < 1:
        raise NotCheckedError("the training inputs are constant")
    for part in sets:
        text = _difference(part, mean[alive], std[alive], alive)
        if text:
            yield Finding(
                "train-val-mismatch", "warning",
                f"The {len(part.key)} rows that the model is evaluated on are prepared otherwise than its "
                f"{len(train)} training rows: {text}.",
                cure="Send validation rows through the same steps as training rows, with the statistics of the "
                "training rows.",
                evidence={"rows": len(part.key)}, reference="goodfellow2016deep", file=site.file, line=site.line,
                diff="- evaluate(model, x_val)\n+ evaluate(model, (x_val - train_mean) / train_std)", step=0,
                disproof="The rows that are evaluated are meant to differ.",
            )  # fmt: skip
            return


def _difference(part: Table, mean: torch.Tensor, std: torch.Tensor, alive: torch.Tensor) -> str:
    """In what a set differs from the training rows, "" where in nothing."""
    x = part.x.double()[:, alive]
    if not bool(x.isfinite().all()):
        return ""
    own_std, own_mean = torch.std_mean(x, 0, correction=0)
    shift = (own_mean - mean).abs() / std
    ratio = own_std / std
    away = (shift > SHIFT).double().mean()
    other = ((ratio > RATIO) | (ratio < 1 / RATIO)).double().mean()
    if float(other) > SCALED:
        typical = float(ratio.median())
        return f"{float(other):.0%} of the columns are on another scale, the median one by a factor of {typical:.3g}"
    if float(away) > SHIFTED:
        return f"the means of {float(away):.0%} of the columns lie {float(shift.median()):.3g} training deviations away"
    count = len(x)
    made = own_mean.abs().max() < EXACT and min(
        float((own_std - 1).abs().max()), float((own_std * (count / (count - 1)) ** 0.5 - 1).abs().max())
    ) < 10 * EXACT  # fmt: skip
    if made and x.shape[1] > 1:
        return "each column has a mean of exactly 0 and a deviation of exactly 1, so they were scaled by themselves"
    low, high = x.amin(0), x.amax(0)
    trained_here = ((mean < 0) | (mean > 1)).double().mean() + (std > 0.5).double().mean()
    if (
        x.shape[1] > 2
        and float(low.abs().max()) < EXACT
        and float((high - 1).abs().max()) < EXACT
        and trained_here > 0.3
    ):
        return "each of their columns runs from exactly 0 to exactly 1, and those of the training rows do not"
    return ""
