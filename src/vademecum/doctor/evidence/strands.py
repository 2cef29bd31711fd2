"""The losses of a run, kept apart: one strand for each place and optimizer that they are made for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..recording.record import Look, Pass, Record

SHORT = 10
"""Steps below which a strand is left out, where there is a longer one."""

SHARED = 0.2
"""Of the shorter of two strands: where they run together for more of it, they belong to one loop."""


@dataclass(frozen=True)
class Strand:
    """The losses of one place for one optimizer, one a step.

    Attributes:
        site: place of its line in the record.
        optimizer: place of the optimizer in the record; -1 where none stepped.
        steps: optimizer steps before each.
        values: the losses; the mean where a step took several backward passes.
    """

    site: int
    optimizer: int
    steps: tuple[int, ...]
    values: tuple[float, ...]


def strands(record: Record) -> list[Strand]:
    """Part the losses of a run.

    Args:
        record: of the run so far.

    Returns:
        The strands, in the order of their ends.

    Example:
        >>> record = Record(steps=4, passes=[Pass(i, 1.0 + i % 2, i % 2, i % 2) for i in range(4)])
        >>> [strand.values for strand in strands(record)]
        [(1.0, 1.0), (2.0, 2.0)]
    """
    passes = record.passes or [Pass(step, value) for step, value in record.losses]
    stepped = {p.site: p.optimizer for p in passes if p.optimizer >= 0}
    apart: dict[tuple[int, int], list[Pass]] = defaultdict(list)
    for one in passes:
        place = one.optimizer if one.optimizer >= 0 else stepped.get(one.site, -1)
        apart[one.site, place].append(one)
    found = []
    for (site, place), members in apart.items():
        points: dict[int, list[float]] = defaultdict(list)
        for i, one in enumerate(members):  # without an optimizer the step never counts on
            points[one.step if record.steps else i].append(one.value)
        values = tuple(sum(group) / len(group) for group in points.values())
        found.append(Strand(site, place, tuple(points), values))
    long = [strand for strand in found if len(strand.values) >= SHORT] or found
    return sorted(long, key=lambda strand: strand.steps[-1])


def together(strands: Sequence[Strand]) -> list[Strand]:
    """The strands that run beside the last one: of the loop that ran last."""
    if not strands:
        return []
    last = strands[-1]
    return [strand for strand in strands if strand is last or _shared(strand, last) > SHARED]


def looks(record: Record, strand: Strand) -> list[Look]:
    """What was seen at the steps of a strand."""
    return [
        look for look in record.looks
        if (look.site in {-1, strand.site}) and (strand.optimizer < 0 or look.optimizer == strand.optimizer)
        and strand.steps[0] <= look.step <= strand.steps[-1]
    ]  # fmt: skip


def _shared(one: Strand, other: Strand) -> float:
    """The part of the shorter strand that lies beside the other."""
    begin, end = max(one.steps[0], other.steps[0]), min(one.steps[-1], other.steps[-1])
    shorter = min(one.steps[-1] - one.steps[0], other.steps[-1] - other.steps[0])
    return (end - begin) / max(shorter, 1)
