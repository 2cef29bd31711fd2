r"""Unscaled target: the network must first grow to numbers that it does not start near.

A fresh network answers about 0 with a deviation of about 1. Prices in the hundred thousands are out of its reach for
many steps, the squared error and its gradient are as large as the square of the distance, and the rate that fits
standardized targets fits no more.

$$ L_0 \approx \operatorname{Var}[y] + \bar y^2 $$

Wrong:
    loss = F.mse_loss(model(x), y)

Right:
    mean, std = y_train.mean(), y_train.std()
    loss = F.mse_loss(model(x), (y - mean) / std)

Fails where: the targets are not seen, as in a density written by hand.

References:
    bishop2006pattern: section 1.2.5, the squared error is the likelihood of noise of one size, which the scale sets.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import outcome
from ..evidence.starts import start
from ..recording.record import NotCheckedError, Record

DISTANCE = "mse", "l1", "smooth_l1", "huber", "gaussian"
"""Losses of a distance between prediction and target."""

LOW, HIGH = 1e-2, 20.0
"""A root mean square of the targets outside is far from where a fresh network starts."""


def unscaled_target(record: Record) -> Iterator[Finding]:
    """Look at the size of the targets of a regression.

    Args:
        record: of the run so far.

    Yields:
        "warning" where it is far from 1 and the run goes badly, else "note".

    Raises:
        NotCheckedError: the loss is no distance, or the targets were not seen.
    """
    if not record.heads or record.heads[0] not in DISTANCE:
        raise NotCheckedError("the loss is no distance between numbers")
    seen = [
        look.target for look in record.looks if look.target is not None and math.isfinite(look.target.mean)
    ]
    if not seen:
        raise NotCheckedError("the targets were not seen")
    size = math.sqrt(sum(stat.mean**2 + stat.std**2 for stat in seen) / len(seen))
    if LOW <= size <= HIGH or size == 0:
        return
    begun, gate = start(record), outcome(record)
    bad = gate.open or (begun is not None and begun.exploded)
    mean = sum(stat.mean for stat in seen) / len(seen)
    deviation = math.sqrt(max(size * size - mean * mean, 0.0))
    start_text = ""
    if begun is not None:
        start_text = (
            f"; the loss began at {begun.loss:.3g}, where always saying the mean costs {begun.guess:.3g}"
        )
    site = record.site("backward")
    yield Finding(
        "unscaled-target", "warning" if bad else "note",
        f"The targets are not scaled: they have a mean of {mean:.3g} and a deviation of {deviation:.3g}, where a fresh "
        f"network answers about 0 with a deviation of 1{start_text}" + (f"; {gate.why}." if gate.open else "."),
        cure="Standardize the targets with their training mean and deviation, and scale the predictions back.",
        evidence={"mean": mean, "std": deviation}, reference="bishop2006pattern", file=site.file, line=site.line,
        symptom=True, step=0, disproof="The same run with standardized targets is no better.",
    )  # fmt: skip
