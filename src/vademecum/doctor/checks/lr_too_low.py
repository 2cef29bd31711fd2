r"""Learning rate too low: the steps are so short that the run ends where it began.

A step should change a weight by about a thousandth of its size. At a hundred-thousandth, a thousand steps move it by a
hundredth, whichever way they go.

$$ \frac{\lVert \Delta W \rVert}{\lVert W \rVert} \approx 10^{-3} $$

Wrong:
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-5)

Right:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

Fails where: the gradient itself is small for another reason; the other findings say so.

References:
    smith2017cyclical: section 3.3, the loss over the learning rate shows where it begins to fall.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import POOR, opened, ratios, rounded, taught
from ..recording.record import NotCheckedError, Record

LOW, AIM = 3e-4, 3e-3
"""Update over weight: below the first a rate is too low where the outcome is bad; the second is what to aim at."""

IDLE = 3e-5
"""Update over weight below which nothing that was learned can be the steps' doing."""

EARLY = 20
"""Looks at the start, at which the steps must be as short."""

WARM = 1.5
"""Times the median rate: where the last rate is higher, a warm-up is under way."""


def lr_too_low(record: Record) -> Iterator[Finding]:
    """Look whether the steps of a run that does not learn, or only slowly, are too short at its highest rate.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they are.

    Raises:
        NotCheckedError: the outcome is good, or not known, or the rate still rises.
    """
    gate, seen = opened(record, poor=POOR)
    rates = [max(look.rates) for look in seen if look.rates]
    top = max(rates, default=math.nan)
    if rates and rates[-1] >= top and rates[-1] > WARM * median(rates):
        raise NotCheckedError("the learning rate still rises: a warm-up is under way")
    if gate.kind in {"not-finite", "diverging"}:
        return
    high = [look for look in seen if look.rates and max(look.rates) >= 0.5 * top]
    names = taught(record, seen)
    ratio = max(
        median(ratios(part, names)) for part in (high, high[:EARLY])
    )  # units that died later are another fault
    if not 0 < ratio < (LOW if gate.open or gate.falling else IDLE):
        return
    cure = "Raise the learning rate by a factor of ten, and again until the loss falls visibly."
    if 0 < top < math.inf:
        cure = f"Raise the learning rate from {top:g} to about {rounded(top * AIM / ratio):g}."
    state = gate.why or f"after {record.steps} steps the loss is still {gate.left:.0%} of a guess's"
    yield Finding(
        "lr-too-low", "warning",
        f"The steps are too short: one step changes the weights by {ratio:.1g} of their size, where about 0.001 is "
        f"usual, and {state}.",
        cure=cure, evidence={"update_ratio": ratio, "usual": 1e-3, "rate": top}, reference="smith2017cyclical",
        file=record.site("step").file, line=record.site("step").line, symptom=True, step=seen[0].step,
        disproof="At ten times the rate the loss falls no faster.",
    )  # fmt: skip
