r"""Learning rate too high: the steps are longer than the weights can bear.

A step should change a weight by about a thousandth of its size. Where it changes it by several hundredths at every
step, the loss jumps in the first steps and stays where it lands: at a guess, with dead units, or nowhere.

$$ \frac{\lVert \Delta W \rVert}{\lVert W \rVert} \approx 10^{-3} $$

Wrong:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.2)

Right:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)

Fails where: normalization layers make the size of the weights meaningless; long steps do less harm there.

References:
    smith2017cyclical: section 3.3, the loss over the learning rate shows where it is too high.
    goyal2017accurate: section 2.2, a warm-up for the first steps of a high rate.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import Gate, median
from ..evidence.symptoms import late, opened, ratios, rounded, taught
from ..recording.record import Record

HIGH, AIM = 3e-2, 3e-3
"""Update over weight: above the first a rate is too high where the outcome is bad; the second is what to aim at."""

FLAT, EXTREME = 0.6, 0.3
"""Where so many units are in their flat ends before the first step, only an extreme ratio tells of the rate."""

LONG, STEADY, SOME = 0.1, 2e-2, 0.3
"""Update over weight in the first looks and in the last that tell together, in a run that has learned something and
has so much of the guess's loss left."""

JUMPS, LEAPS = 3.0, 10.0
"""Times the first loss: a jump of the first steps, and one that a run may have learned something in spite of."""

EARLY = 20
"""Looks at the start."""


def lr_too_high(record: Record) -> Iterator[Finding]:
    """Look whether the steps of a run that does not learn are too long, from the start on or long after it.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they are.
    """
    gate, seen = opened(record, poor=SOME)
    names = taught(record, seen)
    first, last = median(ratios(seen[:EARLY], names)), median(ratios(late(seen), names))
    rate = max((rate for look in seen for rate in look.rates), default=math.nan)
    born = (
        median([a.saturated for a in seen[0].activations if a.kind in {"tanh", "sigmoid"} and not a.gate])
        > FLAT
    )
    ratio, jump = max(value for value in (first, last, 0.0) if not math.isnan(value)), _jump(gate)
    if gate.open:
        told = ratio > (EXTREME if born else HIGH) or (jump > JUMPS and ratio > HIGH / 3)
    else:
        told = not born and ((first > LONG and last > STEADY) or (first > HIGH and jump > LEAPS))
    if not told:
        return
    what = f"in the first steps the loss jumped to {jump:.3g} times its start, and " if jump > JUMPS else ""
    cure = (
        "Lower the learning rate by a factor of ten, and again until the loss falls from the first step on."
    )
    if 0 < rate < math.inf and ratio < math.inf:
        cure = f"Lower the learning rate from {rate:g} to about {rounded(rate * min(AIM / ratio, 0.3)):g}."
    yield Finding(
        "lr-too-high", "warning",
        f"The steps are too long: {what}one step changes the weights by {ratio:.2g} of their size, where about 0.001 "
        f"is usual, and {gate.why or f'the loss is still {gate.left:.0%} of a guess'}.",
        cure=cure, evidence={"update_ratio": ratio, "usual": 1e-3, "rate": rate, "jump": jump},
        reference="smith2017cyclical", file=record.site("step").file, line=record.site("step").line, symptom=True,
        step=seen[0].step, disproof="At a tenth of the rate the run ends no better.",
    )  # fmt: skip


def _jump(gate: Gate) -> float:
    """The highest loss of the first fifth over the first loss; 1 where the losses are not all above 0."""
    values = (
        [value for value in gate.strand.values if not math.isnan(value)] if gate.strand is not None else []
    )
    if len(values) < 2 or min(values) <= 0:
        return 1.0
    return max(values[: max(10, len(values) // 5)]) / values[0]
