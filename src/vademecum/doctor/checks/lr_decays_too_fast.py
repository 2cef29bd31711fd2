r"""The learning rate decays too fast: most steps are taken at next to nothing.

Schedules count what they are stepped by. One that was made for epochs and is stepped at every batch is through
within the first epoch.

$$ \sum_t \eta_t = \infty $$

Wrong:
    for x, y in batches:
        ...
        scheduler.step()  # StepLR(optimizer, step_size=10)

Right:
    for epoch in range(epochs):
        for x, y in batches:
            ...
        scheduler.step()

Fails where: the network is fitted by the time the rate is gone.

References:
    robbins1951stochastic: the rates must add up to infinity.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import outcome
from ..recording.record import NotCheckedError, Record

STEPS = 20
"""Steps that must have been seen, and that must have been taken at a low rate."""

LOW = 0.01
"""Of the peak: a rate below it is low."""

MOST = 0.5
"""Share of the steps at a low rate, to the end, that no annealing takes."""

LEARNED = 0.2
"""Of a constant guess's loss: a run below it has no need of more steps."""

KNOWN = {"ReduceLROnPlateau", "CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR"}
"""Schedulers that end low, or go up again, by design."""


def lr_decays_too_fast(record: Record) -> Iterator[Finding]:
    """Look whether a rate falls to next to nothing and stays there for most of the run.

    Args:
        record: of the run so far.

    Yields:
        "warning"; "note" where the run has learned all the same.

    Raises:
        NotCheckedError: too few steps.
    """
    if record.steps < STEPS:
        raise NotCheckedError(f"it takes {STEPS} steps, and there were {record.steps}")
    kinds = [kind for kind, _ in record.loop.schedulers]
    if KNOWN & set(kinds):
        return
    for place, rates in record.loop.rates.items():
        high = [rate for _, _, rate in rates]
        peak = max(high)
        low = 0
        while low < len(high) and high[-1 - low] < LOW * peak:
            low += 1
        if place < 0 or peak <= 0 or low < STEPS or low < MOST * len(high):
            continue
        gate = outcome(record)
        guess = gate.guess if gate.guess > 0 else record.losses[0][1] if record.losses else 0.0
        learned = not gate.open and 0 <= gate.loss < LEARNED * guess
        top, gone = rates[high.index(peak)][0], rates[len(high) - low][0]
        inside = f", inside the first epoch ({record.epoch} steps)" if record.epoch > gone - top else ""
        site = record.site("step")
        yield Finding(
            "lr-decays-too-fast", "note" if learned else "warning",
            f"The learning rate falls from {peak:.3g} to below a hundredth of it within {gone - top} steps{inside}, "
            f"and {low} of {len(high)} steps are taken below that"
            + (f"; its schedule is {kinds[0]}." if kinds else "."),
            cure="Call scheduler.step() once an epoch, or give the schedule its length in steps.",
            evidence={"peak": peak, "last": high[-1], "low_steps": low, "steps": len(high)},
            reference="robbins1951stochastic", file=site.file, line=site.line, step=gone,
            disproof="The loss stops falling before the rate does.",
        )  # fmt: skip
