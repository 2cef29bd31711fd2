"""Learning rate zero: steps are taken that change nothing.

No equation.

Wrong:
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: epoch / 10)  # and no scheduler.step()

Right:
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 10))  # and scheduler.step()

Fails where: a group is held still by a rate of 0 on purpose; freezing it says so, and costs less.

References:
    robbins1951stochastic: the rates must add up to infinity.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.naming import listed
from ..recording.record import NotCheckedError, Record

STEPS = 20
"""Steps at a rate of 0 that are no warm-up; fewer where the run has ended."""

SHORT = 5
"""Steps of a run that has ended."""

LONG = 0.2
"""Share of the steps at the start that a rate of 0 must take to be called a loss."""


def lr_zero(record: Record) -> Iterator[Finding]:
    """Look for learning rates that are 0 where a warm-up or an annealing cannot be meant.

    Args:
        record: of the run so far.

    Yields:
        "error" where an optimizer's rates are 0 at every step; "warning" where they are 0 for a large first part, or
        where one group's is 0 at every step though gradients reach it.

    Raises:
        NotCheckedError: too few steps.
    """
    least = SHORT if record.finished else STEPS
    if record.steps < least:
        raise NotCheckedError(f"it takes {least} steps, and there were {record.steps}")
    site = record.site("step")
    for place, rates in record.loop.rates.items():
        if len(rates) < least or place < 0:
            continue
        first = next((i for i, (_, _, high) in enumerate(rates) if high > 0), len(rates))
        if first == len(rates):
            yield Finding(
                "lr-zero", "error", f"The learning rate is 0 at all {len(rates)} steps: nothing can change.",
                cure="Set lr above 0; with a scheduler, let its first factor be above 0 and call scheduler.step().",
                evidence={"steps": len(rates)}, reference="robbins1951stochastic", file=site.file, line=site.line,
                step=0, disproof="A parameter changes.",
            )  # fmt: skip
        elif first >= STEPS and first >= LONG * len(rates):
            yield Finding(
                "lr-zero", "warning",
                f"The learning rate is 0 for the first {first} of {len(rates)} steps: they change nothing.",
                cure="Begin the warm-up above 0 and step it once a batch.",
                evidence={"steps": first, "of": len(rates)}, reference="robbins1951stochastic", file=site.file,
                line=site.line, step=0, disproof="A parameter changes in these steps.",
            )  # fmt: skip
        elif all(low == 0 for _, low, _ in rates):
            yield from _group(record, place, len(rates))


def _group(record: Record, place: int, steps: int) -> Iterator[Finding]:
    """One group of several has the rate 0."""
    for number, group in enumerate(record.optimizers[place].param_groups):
        names = [record.names[id(p)] for p in group["params"] if id(p) in record.names and p.requires_grad]
        names = [name for name in names if name in record.reached and not record.moved(name)]
        if float(group.get("lr", 1.0)) == 0 and names:
            yield Finding(
                "lr-zero", "warning",
                f"Parameter group {number} has the learning rate 0 at all {steps} steps, though gradients reach "
                f"{listed(names)}.",
                cure="Give the group a rate above 0, or freeze it by requires_grad_(False) if it is to stay as it is.",
                where=names[0], evidence={"steps": steps, "parameters": len(names)},
                reference="robbins1951stochastic", step=0, disproof="The group is held still on purpose.",
            )  # fmt: skip
