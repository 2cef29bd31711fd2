r"""Duplicated rows: the training data holds the same examples several times.

Copies weigh as much more as there are of them, and if some fall into the validation part, its figure is too good. They
come from joining tables, from resampling, or from reading a file twice.

No equation.

Wrong:
    x = torch.cat([x, x[rare]])  # before the split

Right:
    sampler = WeightedRandomSampler(weight, len(x))  # after the split

Fails where: rows are drawn with replacement on purpose, or few different inputs exist.

References:
    hastie2009elements: section 7.10.2, rows must not stand on both sides.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.tables import train_table
from ..recording.record import NotCheckedError, Record

SHARE, ROWS = 0.05, 20
"""Share and number of rows of a pass that came before in it."""


DROPPED = 0.1
"""Share of the rows that may come only after the first pass, as a loader drops a last batch of each."""


def duplicated_rows(record: Record) -> Iterator[Finding]:
    """Look for rows that come twice within the first pass over the data.

    Args:
        record: of the run so far.

    Yields:
        "note" where there are many.

    Raises:
        NotCheckedError: too few rows came.
    """
    table = train_table(record)
    chosen = table.epoch()
    count, again = int(chosen.sum()), int((~table.first[chosen]).sum())
    if count < 2 * ROWS or table.batches < 2:
        raise NotCheckedError(f"it takes {2 * ROWS} rows in several batches")
    late = int(table.first[~chosen].sum())
    if late > DROPPED * int(table.first.sum()):
        raise NotCheckedError("the rows are drawn with replacement: new ones come after many have come twice")
    if again >= ROWS and again > SHARE * count and table.dense:
        site = record.site("forward")
        yield Finding(
            "duplicated-rows", "note",
            f"{again} of the first {count} training rows ({again / count:.0%}) had come before, value for value.",
            cure="Remove the copies before the split, or weight examples after it.",
            evidence={"again": again, "rows": count}, reference="hastie2009elements", file=site.file, line=site.line,
            step=0, disproof="Rows are drawn with replacement on purpose.",
        )  # fmt: skip
