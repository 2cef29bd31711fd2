r"""Constant input: the examples are the same, or nearly, though their targets differ.

A division of whole numbers that rounds to 0, a comparison in place of a value, a wrong column, words that are all
unknown: what arrives at the network no longer says which example it is. The best that it can learn is the mean answer.

$$ \min_f \mathbb{E}\,(y - f(x))^2 = \mathbb{E}\,\operatorname{Var}[y \mid x] = \operatorname{Var}[y]
\quad\text{for constant } x $$

Wrong:
    x = torch.tensor(image, dtype=torch.uint8) // 255

Right:
    x = torch.tensor(image, dtype=torch.float32) / 255

Fails where: the model takes several inputs, of which another varies; it is silent then.

References:
    bishop2006pattern: section 1.5.5, the best prediction is the conditional mean.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .._finding import Finding
from ..evidence.gate import outcome
from ..evidence.tables import Table, train_table
from ..recording.record import NotCheckedError, Record

ROWS = 32
"""Rows that must have come."""

MOST = 0.5
"""Share of one and the same row from which most of the data says nothing."""

COLUMNS, EXAMPLES = 0.9, 200
"""Share of columns that never change, over so many different rows, that is remarkable."""


def constant_input(record: Record) -> Iterator[Finding]:
    """Look whether the inputs differ from example to example.

    Args:
        record: of the run so far.

    Yields:
        "error" where all are equal and their targets differ; "warning" where most are; "note" where most columns
        never change, or the two occur in a run that learns.

    Raises:
        NotCheckedError: too few examples came, or the model takes several inputs.
    """
    table = train_table(record)
    if table.tensors > 1:
        raise NotCheckedError(
            "the model is given several tensors at once, and another may tell the examples apart"
        )
    if len(table.key) < ROWS or table.batches >= len(table.key):
        raise NotCheckedError(f"it takes {ROWS} examples in batches of more than one")
    share = _commonest(table.key)
    differing = _targets_differ(table)
    site, gate = record.site("forward"), outcome(record)
    rows = {"share": share, "examples": len(table.key)}
    if share >= MOST and differing:
        all_ = share == 1
        bad = all_ or gate.open
        yield Finding(
            "constant-input", "error" if all_ else "warning" if bad else "note",
            ("All" if all_ else f"{share:.0%} of")
            + f" {len(table.key)} training inputs are one and the same, though their targets differ: the network "
            "cannot tell these examples apart.",
            cure="Print a few rows as the model is given them, and look at the last step of their preparation (a "
            "division of whole numbers, a comparison, a wrong column).",
            evidence=rows, reference="bishop2006pattern", file=site.file, line=site.line, step=0,
            disproof="Another input tells the examples apart.",
        )  # fmt: skip
        return
    x, _ = table.distinct()
    if not table.dense or len(table.key) < EXAMPLES or x.shape[1] < 2:
        return
    fixed = float((table.x == table.x[:1]).all(0).double().mean())
    whole = bool((table.x == table.x.round()).all())
    few = len(x) < 0.1 * int(table.epoch().sum()) and differing
    if fixed > COLUMNS or (whole and few and gate.open):
        yield Finding(
            "constant-input", "warning" if gate.open else "note",
            f"The inputs hardly differ: {fixed:.0%} of {x.shape[1]} columns are the same in all training rows, and of "
            f"{int(table.epoch().sum())} rows only {len(x)} are different"
            + ("; all values are whole numbers" if whole else "") + (f"; {gate.why}." if gate.open else "."),
            cure="Print a few rows as the model is given them, and look at the last step of their preparation (a "
            "division of whole numbers, a comparison, a wrong column).",
            evidence={"constant_columns": fixed, "different_rows": len(x)}, reference="bishop2006pattern",
            file=site.file, line=site.line, step=0, symptom=True, disproof="The columns that vary hold the answer.",
        )  # fmt: skip


def _commonest(key: Tensor) -> float:
    """Share of the row that came most often."""
    return int(key.unique(return_counts=True)[1].max()) / len(key)


def _targets_differ(table: Table) -> bool:
    """Whether the most frequent row has more than one target; taken for granted where targets are not known."""
    if table.y is None:
        return True
    values, counts = table.key.unique(return_counts=True)
    y = table.y[table.key == values[counts.argmax()]]
    return bool((y != y[:1]).any()) and not torch.equal(
        y.to(table.x.dtype).reshape(len(y), -1), table.x[: len(y)]
    )
