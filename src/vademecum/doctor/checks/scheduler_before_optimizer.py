"""Scheduler stepped before the optimizer: the schedule's first value is skipped.

No equation.

Wrong:
    scheduler.step()
    optimizer.step()

Right:
    optimizer.step()
    scheduler.step()

Fails where: the schedule is moved on purpose, as when a run is resumed.

References:
    goyal2017accurate: section 2.2, the first steps of a warm-up are the ones that count.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record


def scheduler_before_optimizer(record: Record) -> Iterator[Finding]:
    """Look whether a scheduler had been stepped once when the optimizer took its first step.

    Args:
        record: of the run so far.

    Yields:
        "note" where it had.

    Raises:
        NotCheckedError: no step was seen.
    """
    if not record.steps:
        raise NotCheckedError("no optimizer step was seen")
    for kind, count in record.loop.schedulers:
        if count == 1:
            site = record.site("step")
            yield Finding(
                "scheduler-before-optimizer", "note",
                f"{kind}.step() was called before the first optimizer.step(): the first rate of the schedule is "
                "never used.",
                cure="Call scheduler.step() after optimizer.step().", evidence={"scheduler_steps": count},
                reference="goyal2017accurate", file=site.file, line=site.line,
                diff="- scheduler.step()\n  optimizer.step()\n+ scheduler.step()", step=0,
                disproof="The schedule was moved on purpose.",
            )  # fmt: skip
