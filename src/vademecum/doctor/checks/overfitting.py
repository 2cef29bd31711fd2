"""Overfitting: the training loss falls on while the validation loss rises.

The network has learned its training examples by heart. More data, augmentation, dropout and decay help; stopping at
the best validation loss always does.

No equation.

Wrong:
    for epoch in range(1000):
        train(model)

Right:
    for epoch in range(1000):
        train(model)
        if stop(validate(model)):
            break

Fails where: the validation loss is computed in a way that is not seen; tell it with ``metric("val_loss", value)``.

References:
    prechelt1998early: criteria of when to stop.
    hastie2009elements: section 7.2, training error says little of test error.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import outcome
from ..recording.record import NotCheckedError, Record

HEART = 100
"""Parameters for each training example from which on a network has room to learn them by heart."""


def overfitting(record: Record) -> Iterator[Finding]:
    """Look whether the validation loss rose while the training loss fell.

    Args:
        record: of the run so far.

    Yields:
        "warning" where the network has much more room than examples, else "note": a loss may rise by overconfidence
        while the answers stay as good.

    Raises:
        NotCheckedError: fewer than four validation losses were seen.
    """
    gate = outcome(record)
    told = any(
        "val" in name and "loss" in name and len(values) >= 4 for name, values in record.metrics.items()
    )
    if not told and sum(math.isfinite(e.loss) for e in record.evaluations) < 4:
        raise NotCheckedError("fewer than four validation losses were seen")
    if gate.kind != "overfitting":
        return
    numbers = sum(p.numel() for p in record.trainable.values())
    examples = _examples(record)
    room = numbers / examples if examples else 0.0
    yield Finding(
        "overfitting", "warning" if room > HEART else "note",
        f"The network overfits: {gate.why}"
        + (f"; it has {numbers:,} parameters for {examples:,} training examples." if examples else "."),
        cure="Keep the weights of the best validation loss, and try more data, augmentation, dropout or a smaller net.",
        evidence={"parameters": numbers, "examples": examples, "training_loss": gate.loss},
        reference="prechelt1998early", symptom=True,
        disproof="The validation metric that matters is as good at the end as at its best.",
    )  # fmt: skip


def _examples(record: Record) -> int:
    """Different examples in the training data; 0 where that is not known."""
    if record.train.full or not record.train.batches:
        return 0
    return len(
        record.train.rows().round(decimals=6).unique()
    )  # equal rows differ in the last bits by their place
