"""Waiting for data: most of the time passes between a step and the next forward pass.

No equation.

Wrong:
    DataLoader(dataset, batch_size=64)

Right:
    DataLoader(dataset, batch_size=64, num_workers=4, persistent_workers=True)

Fails where: what lies between is not the loading but the user's own work, such as writing files.

References:
    mohan2021analyzing: section 3, the share of an epoch that is spent waiting for data.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

CYCLES = 20
"""Steps whose waiting must have been measured."""

MOST = 0.5
"""Share of the time that is too much."""

FELT = 5e-3
"""Seconds a step below which nobody minds."""


def loader_bound(record: Record) -> Iterator[Finding]:
    """Compare the time between a step and the next pass with the time of the whole cycle.

    Args:
        record: of the run so far.

    Yields:
        "note" where it is more than half.

    Raises:
        NotCheckedError: too few cycles.
    """
    loop = record.loop
    if loop.cycles < CYCLES:
        raise NotCheckedError(
            f"it takes {CYCLES} steps with nothing else between them, and there were {loop.cycles}"
        )
    wait, whole = loop.waited / loop.cycles, loop.lasted / loop.cycles
    if wait > MOST * whole and wait > FELT:
        yield Finding(
            "loader-bound", "note",
            f"{wait / whole:.0%} of the time passes between a step and the next forward pass: {1e3 * wait:.1f} of "
            f"{1e3 * whole:.1f} ms a step, mostly in getting the next batch.",
            cure="Load in parallel (num_workers), or keep what is decoded in memory.",
            evidence={"waiting_ms": 1e3 * wait, "step_ms": 1e3 * whole}, reference="mohan2021analyzing", step=0,
            disproof="The run is no faster with batches that are ready.",
        )  # fmt: skip
