r"""Unused outputs: the last layer has many more scores than there are classes.

They are pushed down together and soon cost little, but they are parameters, memory and time for nothing, and often a
sign that the last layer was kept from another task, or that labels were cut off on the way.

No equation.

Wrong:
    model.fc = nn.Linear(512, 1000)  # 10 classes

Right:
    model.fc = nn.Linear(512, 10)

Fails where: the vocabulary is open, or the rare classes have not come yet.

References:
    goodfellow2016deep: section 6.2.2.3, one output a class.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.tables import labels, train_table
from ..recording.record import Record

TIMES = 3
"""So many times more scores than classes that were seen are remarkable."""

EACH = 10
"""Examples of a class, on average, below which a class may only not have come yet."""


def unused_outputs(record: Record) -> Iterator[Finding]:
    """Compare the number of scores with the number of classes that were seen.

    Args:
        record: of the run so far.

    Yields:
        "note" where there are many more scores.
    """
    y = labels(record, train_table(record))
    seen, scores = len(y.unique()), record.num_classes
    if seen > 1 and scores > TIMES * seen and len(y) > EACH * scores:
        site = record.site("forward")
        yield Finding(
            "unused-outputs", "note",
            f"The output has {scores} scores, and {len(y)} training labels name only {seen} classes.",
            cure=f"Give the last layer {int(y.max()) + 1} outputs, unless the other classes are still to come.",
            evidence={"scores": scores, "classes": seen}, reference="goodfellow2016deep", file=site.file,
            line=site.line, step=0, disproof="The other classes occur.",
        )  # fmt: skip
