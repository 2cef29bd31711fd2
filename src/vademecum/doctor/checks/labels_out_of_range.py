r"""Labels out of range: a target names a class that the output has no score for.

With K scores a row the classes are 0 to K - 1. A label outside ends the run with an error that names the number and
not the reason, on a GPU even later and elsewhere. A binary loss on scores takes any number without a word: with labels
of 1 and 2, or of -1 and 1, it has no lower bound and only pushes the score up or down for ever.

$$ y \in \{0, \dots, K - 1\}, \qquad\text{binary: } y \in [0, 1] $$

Wrong:
    loss = F.cross_entropy(model(x), digit)  # digit runs from 1 to 10

Right:
    loss = F.cross_entropy(model(x), digit - 1)

Fails where: an error on a GPU is reported without the number.

References:
    bishop2006pattern: section 4.3.4, one score and one indicator a class.
"""

import re
from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

REFERENCE = "bishop2006pattern"

SENTENCES = (
    r"Target (?P<label>-?\d+) is out of bounds",
    r"index (?P<label>-?\d+) is out of bounds for dimension \d+ with size (?P<classes>\d+)",
    r"Class values must be (?:smaller than num_classes|non-negative)",
    r"all elements of target should be between 0 and 1",
    r"`t >= 0 && t < n_classes` failed",
)
"""What torch says where a label does not fit."""


def labels_out_of_range(record: Record) -> Iterator[Finding]:
    """Look for labels that the output has no score for, also where they have ended the run.

    Args:
        record: of the run so far.

    Yields:
        "error" where there are any.

    Raises:
        NotCheckedError: no targets were seen, and the run did not end with an error.
    """
    if record.failure is not None:
        yield from _ended(record)
    kind, y = (record.heads or ("",))[0], record.train.y()
    if y is None and record.failure is None:
        raise NotCheckedError("no targets were seen")
    if kind == "bce_with_logits" and y is not None and y.numel():
        low, high = float(y.min()), float(y.max())
        if low < 0 or high > 1:
            site = record.site("backward")
            share = float(((y < 0) | (y > 1)).double().mean())
            yield Finding(
                "labels-out-of-range", "error",
                f"The targets of the binary loss run from {low:g} to {high:g}, and it is made for 0 to 1: for the "
                f"{share:.0%} that lie outside it has no lower bound, whatever the network answers.",
                cure="Map the two classes to 0 and 1 before the loss.", reference=REFERENCE, file=site.file,
                line=site.line, evidence={"lowest": low, "highest": high, "outside": share}, step=0,
                disproof="The loss is bounded for these targets.",
            )  # fmt: skip


def _ended(record: Record) -> Iterator[Finding]:
    """The error that ended the run, where a label was its reason."""
    assert record.failure is not None
    _, text, site = record.failure
    said = next((found for found in (re.search(sentence, text) for sentence in SENTENCES) if found), None)
    if said is None:
        return
    groups = said.groupdict()
    classes = int(groups.get("classes") or record.num_classes or _scores(record))
    has = (
        f"the output has {classes} scores, for the classes 0 to {classes - 1}"
        if classes > 1
        else "classes count from 0"
    )
    if groups.get("label") is not None:
        seen = f"A target is {groups['label']}, and {has}"
    elif "between 0 and 1" in said[0]:
        seen, classes = "A target of the binary loss lies outside of 0 to 1", 2
    else:
        seen = f"A target names a class that does not exist: {has}"
    evidence = {"classes": float(classes)} | (
        {"label": float(groups["label"])} if groups.get("label") else {}
    )
    yield Finding(
        "labels-out-of-range", "error", f"{seen}: the run ended with “{said[0]}”.",
        cure="Number the classes from 0 without a gap, and give the last layer one output for each of them.",
        evidence=evidence, reference=REFERENCE, file=site.file, line=site.line, step=record.steps,
        disproof="The index that failed is not that of a label.",
    )  # fmt: skip


def _scores(record: Record) -> int:
    """Scores of the last call, whose loss could not be made; 0 where that is not known."""
    _, outputs = record.unfinished
    return outputs[0][1] if outputs and len(outputs[0]) > 1 else 0
