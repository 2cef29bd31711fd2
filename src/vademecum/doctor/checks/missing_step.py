"""Missing step: backward passes run, and nothing is learned from them.

Either no step is ever taken, or a step is taken once in many batches while the gradients are cleared at each, so that
all but the last are thrown away: a matter of one indentation.

No equation.

Wrong:
    for x, y in batches:
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
    optimizer.step()

Right:
    for x, y in batches:
        optimizer.zero_grad()
        loss_fn(model(x), y).backward()
        optimizer.step()

Fails where: gradients are computed to be looked at, over the same data again and again, and not to learn.

References:
    goodfellow2016deep: section 8.1.3, one update a minibatch.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.naming import listed
from ..recording.record import NotCheckedError, Record

PASSES = 64
"""Backward passes without a step that are no accumulation, or two passes over the data where those are longer."""

FEW = 8
"""The same where the run has ended, or where the gradients of the passes are cleared."""

LOOKS = 3
"""Steps at which gradients must have been thrown away."""


def missing_step(record: Record) -> Iterator[Finding]:
    """Look for backward passes that no step follows.

    Args:
        record: of the run so far.

    Yields:
        "error" where nothing is stepped at all, where one of several optimizers never steps, or where nearly all
        gradients are cleared unused; "warning" where no optimizer is known of and no parameter changes.

    Raises:
        NotCheckedError: too few backward passes.
    """
    if record.backwards < FEW:
        raise NotCheckedError(f"it takes {FEW} backward passes, and there were {record.backwards}")
    if not record.steps:
        yield from _never(record)
        return
    yield from _one_of_several(record)
    looks = [look for look in record.looks if look.thrown >= FEW - 1]
    used = all(
        abs(norm - look.raw_norm.get(name, norm)) <= 1e-6 * norm
        for look in looks
        for name, norm in look.grad_norm.items()
    )
    if len(looks) >= min(LOOKS, len(record.looks)) and used and looks:
        look, site = looks[0], record.site("step")
        yield Finding(
            "missing-step", "error",
            f"There is one step for {look.backwards} backward passes, and the gradients are cleared in between: "
            f"{look.thrown} of {look.backwards} batches teach nothing.",
            cure="Call optimizer.step() after every backward(), inside the loop over batches.",
            evidence={"backward_passes": look.backwards, "thrown_away": look.thrown}, reference="goodfellow2016deep",
            file=site.file, line=site.line, diff="- optimizer.step()\n+     optimizer.step()", step=look.step,
            disproof="The gradients of all passes reach the step.",
        )  # fmt: skip


def _never(record: Record) -> Iterator[Finding]:
    """No optimizer has stepped at all."""
    still = [name for name in record.reached if name in record.parameters and not record.moved(name)]
    enough = FEW if record.finished else max(PASSES, 2 * record.epoch)
    if len(still) < len(record.reached) or not still or record.backwards < enough:
        return
    loop, site = record.loop, record.site("backward")
    idle = len(record.optimizers) or loop.idle
    again = record.epoch and record.backwards >= 2 * record.epoch and record.backwards >= PASSES
    if not idle and (loop.inputs_learn or record.strangers or not record.heads or not again):
        return  # gradients may be wanted for their own sake
    yield Finding(
        "missing-step", "error" if idle else "warning",
        f"{record.backwards} backward passes ran and no optimizer stepped: none of {len(still)} parameters has "
        "changed." + ("" if idle else " No optimizer was seen, and no parameter is changed by hand."),
        cure="Call optimizer.step() after backward().",
        evidence={"backward_passes": record.backwards, "parameters": len(still)}, reference="goodfellow2016deep",
        file=site.file, line=site.line, diff="  loss.backward()\n+ optimizer.step()", step=0,
        disproof="The parameters change.",
    )  # fmt: skip


def _one_of_several(record: Record) -> Iterator[Finding]:
    """One optimizer of several never steps, though gradients reach what it holds."""
    stepped = {place for place, count in record.steps_of.items() if count}
    for place, optimizer in enumerate(record.optimizers):
        mine = {id(p) for group in optimizer.param_groups for p in group["params"]}
        names = [n for n in record.reached if n in record.parameters and id(record.parameters[n]) in mine]
        if place in stepped or not names or record.backwards < PASSES or any(record.moved(n) for n in names):
            continue
        yield Finding(
            "missing-step", "error",
            f"The optimizer of {listed(names)} has never stepped in {record.backwards} backward passes.",
            cure="Call its step() too.", where=names[0], evidence={"backward_passes": record.backwards},
            reference="goodfellow2016deep", step=0, disproof="Its parameters change.",
        )  # fmt: skip
