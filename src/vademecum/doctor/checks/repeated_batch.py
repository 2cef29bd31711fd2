r"""Repeated batch: every step is given the same examples.

``next(iter(loader))`` inside the loop makes a new pass each time and takes its first batch; a slice that forgot the
loop variable, or a seed set inside the sampler, does the same. The network learns these few rows by heart.

No equation.

Wrong:
    for step in range(1000):
        x, y = next(iter(loader))

Right:
    for x, y in loader:
        ...

Fails where: the batch is all there is, or one batch is learned by heart as a test: it is only noted then.

References:
    robbins1951stochastic: each step needs a new draw.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.tables import held_out, train_table
from ..recording.figures import Pool
from ..recording.record import NotCheckedError, Record

STEPS = 20
"""Steps in a row with the same content."""

PART = 0.3
"""Share of larger data in memory below which the batch is a part of it, not the training set."""


def repeated_batch(record: Record) -> Iterator[Finding]:
    """Look whether all steps had the same batch.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they had, though there is more data; "note" where no more was seen.

    Raises:
        NotCheckedError: fewer steps than it takes.
    """
    order = record.train.order
    if len(order) < STEPS or record.steps < STEPS:
        raise NotCheckedError(f"it takes {STEPS} steps, and there were {record.steps}")
    if len(set(order)) > 1:
        return
    table = train_table(record)
    own = int(table.first.sum())
    others = sum(len(part.key) for part in held_out(record))
    more, around = "", record.pool or Pool()
    if own < PART * max(around.rows, around.loader):
        more = f"the data in memory that it is taken from has {max(around.rows, around.loader)}"
    elif others > 2 * own:
        more = f"the model is validated on {others} others"
    site = record.site("forward")
    yield Finding(
        "repeated-batch", "warning" if more else "note",
        f"Each of {len(order)} steps was given the same {own} examples"
        + (f", while {more}: the rest is never learned from." if more
           else ". That is right where they are all the data, or where learning one batch by heart is the test."),
        cure="Take the batches from one loop over the loader (for x, y in loader), not from a new one in each step; "
        "with slices, let them move.",
        evidence={"examples": own, "steps": len(order), "others": others}, reference="robbins1951stochastic",
        file=site.file, line=site.line, step=0, diff="- x, y = next(iter(loader))\n+ for x, y in loader:",
        disproof="One batch is learned by heart on purpose.",
    )  # fmt: skip
