"""Memory growth: the graphs of old steps are kept.

A loss holds the graph that it was computed from. Where losses are added up or put into a list as they are, or where a
state is carried from step to step without being detached, the graphs of all steps stay in memory.

No equation.

Wrong:
    total = total + loss

Right:
    total = total + loss.item()

Fails where: the kept losses are differentiated together later, as over an episode.

References:
    baydin2018automatic: section 3.2, reverse mode keeps what it needs of each operation until it has gone back over it.
"""

from collections.abc import Iterator
from itertools import pairwise

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

LOOKS = 8
"""Looked-at losses whose graphs must be there at once, the last steps left out."""

GROWTH = 3.0
"""Times its first size that a graph must have reached, growing at every look."""


def memory_growth(record: Record) -> Iterator[Finding]:
    """Look whether the graphs of earlier losses are alive, or part of the later ones.

    Args:
        record: of the run so far.

    Yields:
        "warning" where the graph of a step holds those of the steps before, or where all earlier graphs are kept.

    Raises:
        NotCheckedError: fewer looks than it takes.
    """
    kept = record.loop.kept
    if len(kept) < LOOKS:
        raise NotCheckedError(f"it takes {LOOKS} looks, and there were {len(kept)}")
    site = record.site("backward")
    sizes = [size for _, size, _ in kept]
    grows = all(a < b for a, b in pairwise(sizes)) and sizes[-1] >= GROWTH * sizes[0]
    if grows:
        yield Finding(
            "memory-growth", "warning",
            f"The graph behind the loss grows with every step, from {sizes[0]} operations to {sizes[-1]}: each step "
            "goes back through all steps before it.",
            cure="Detach what is carried from one step to the next: state = state.detach().",
            evidence={"first": sizes[0], "last": sizes[-1], "steps": kept[-1][0]}, reference="baydin2018automatic",
            file=site.file, line=site.line, diff="+ state = state.detach()", step=kept[0][0],
            disproof="The number of operations stays the same.",
        )  # fmt: skip
    elif record.loop.alive >= LOOKS:
        yield Finding(
            "memory-growth", "warning",
            f"The graphs of {record.loop.alive} earlier losses were in memory at once: the losses are kept together "
            "with what they were computed from.",
            cure="Keep numbers: total += loss.item(), losses.append(loss.item()).",
            evidence={"graphs": record.loop.alive, "operations": record.loop.alive * sizes[0]},
            reference="baydin2018automatic", file=site.file, line=site.line,
            diff="- total += loss\n+ total += loss.item()", step=kept[0][0],
            disproof="Memory does not grow from epoch to epoch.",
        )  # fmt: skip
