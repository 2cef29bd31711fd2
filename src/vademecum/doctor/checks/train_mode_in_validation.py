"""Training mode in validation: dropout is on, and batch normalization learns from the validation data.

No equation.

Wrong:
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean()

Right:
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean()

Fails where: the data of a validation never come back, so that it cannot be told from other passes without gradients.

References:
    srivastava2014dropout: section 4, no unit is dropped at test time.
    ioffe2015batch: section 3.1, the statistics of the population are used for inference.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .._finding import Finding
from ..recording.record import Evaluation, NotCheckedError, Record

TIMES = 2
"""Evaluations of the same rows that make them a validation, and no sampling."""

SAME = 0.5
"""Share of the rows of one stretch that must stand in another to call it the same data."""

CLOSE = 1e-9
"""Relative difference of two figures of the same row that rounding may make."""

AGAIN = 2
"""Passes of the same batch in one stretch that are an average over dropout, and no validation."""


def train_mode_in_validation(record: Record) -> Iterator[Finding]:
    """Look for passes without gradients, over data that are not trained on, in training mode.

    They count where the same rows come back in several stretches, or where the run ends with them. Averages over
    dropout repeat a batch, statistics are estimated anew on training data, and adversarial training has several
    optimizers: all those are left alone.

    Args:
        record: of the run so far.

    Yields:
        "warning" where there are such passes.

    Raises:
        NotCheckedError: nothing was evaluated, or several optimizers step.
    """
    if not record.evaluations:
        raise NotCheckedError("no pass without gradients was seen")
    if sum(1 for count in record.steps_of.values() if count) > 1:
        raise NotCheckedError("several optimizers step, and passes without gradients may be part of training")
    train, unknown = record.train.rows(), any(record.loop.matters.values())
    rows: dict[int, list[Tensor]] = {}
    for batch in record.valid.batches:
        rows.setdefault(batch.step, []).append(batch.rows)
    wrong = []
    for stretch in record.evaluations:
        mine = rows.get(stretch.step, [])
        on = stretch.training and (any(stretch.modes.values()) or unknown)
        if (
            on
            and not stretch.same_data
            and mine
            and not _repeats(mine)
            and _share(torch.cat(mine), train) < SAME
        ):
            wrong.append((stretch, torch.cat(mine)))
    same = [s for s, r in wrong if sum(_share(r, other) >= SAME for _, other in wrong) >= TIMES]
    last = [s for s, _ in wrong if record.finished and s.step == record.steps and record.steps]
    told = same or last
    if told:
        yield _finding(record, told, len(same))


def _finding(record: Record, told: list[Evaluation], same: int) -> Finding:
    first, site = told[0], record.site("evaluation")
    parts = [path for path, on in first.modes.items() if on]
    named = (
        f"{len(parts)} of its parts still work as in training ({parts[0]})" if parts else "its dropout is on"
    )
    what = f"{same} times over the same data" if same else "once the training is over"
    return Finding(
        "train-mode-in-validation", "warning",
        f"The model is evaluated in training mode, {what}: {named}, "
        "so what is measured is not what will be used.",
        cure="Call model.eval() before the evaluation and model.train() after it.", where=parts[0] if parts else "",
        evidence={"evaluations": len(told), "parts": len(parts)}, reference="srivastava2014dropout", file=site.file,
        line=site.line, diff="+ model.eval()\n  with torch.no_grad():", step=first.step,
        disproof="Training mode is meant, as for an average over dropout.",
    )  # fmt: skip


def _repeats(batches: list[Tensor]) -> bool:
    """Whether one batch is passed again and again."""
    first = [rows for rows in batches if rows.shape == batches[0].shape and _share(rows, batches[0]) == 1]
    return len(first) > AGAIN


def _share(rows: Tensor, others: Tensor) -> float:
    """Share of rows that stand among others, by their figures."""
    if not rows.numel() or not others.numel():
        return 0.0
    ordered = others.double().sort().values
    place = torch.searchsorted(ordered, rows.double()).clamp(0, len(ordered) - 1)
    near = torch.stack([ordered[place], ordered[(place - 1).clamp_min(0)]])
    off = (near - rows.double()).abs().min(0).values
    return float((off <= CLOSE * rows.abs().clamp_min(1)).float().mean())
