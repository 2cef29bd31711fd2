r"""Single class: all training labels are the same.

A constant answer is right then, the loss goes to 0, the accuracy to 1, and nothing was learned. It comes from a mistake
in reading the labels (a comparison that never holds, a wrong column), or from a subset that was cut from sorted data.

$$ \min_f \; \mathbb{E}\,[-\ln f_c(x)] = 0 \quad\text{for constant } f $$

Wrong:
    y = (label == "cat ").long()

Right:
    y = (label.strip() == "cat").long()

Fails where: the targets are not seen one by one.

References:
    hastie2009elements: section 2.4, the best constant answer.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.tables import labels, train_table
from ..recording.record import NotCheckedError, Record

ENOUGH = 64
"""Examples that must have come where the data has not come back yet: of two classes, each at least at a fifth, one
alone comes so often by chance with a probability below one in a million."""


def single_class(record: Record) -> Iterator[Finding]:
    """Look whether one label is all there is.

    Args:
        record: of the run so far.

    Yields:
        "error" where every example of the training data has one label, "warning" where all did so far.

    Raises:
        NotCheckedError: the loss is none of classes, or too few examples came.
    """
    table = train_table(record)
    y = labels(record, table)
    if len(y) < ENOUGH and not table.settled:
        raise NotCheckedError(f"it takes {ENOUGH} examples, and {len(y)} came")
    if bool((y != y[0]).any()):
        return
    site = record.site("backward")
    whole = table.settled or record.finished
    yield Finding(
        "single-class", "error" if whole else "warning",
        f"All {len(y)} training labels {'' if whole else 'so far '}are {int(y[0])}: a constant answer is right, and "
        "nothing can be learned from them.",
        cure="Look at how the labels are read" + ("." if whole else ", and shuffle the data if it is sorted by class."),
        evidence={"label": float(y[0]), "examples": len(y)}, reference="hastie2009elements", file=site.file,
        line=site.line, step=0, disproof="Another label occurs in the training data.",
    )  # fmt: skip
