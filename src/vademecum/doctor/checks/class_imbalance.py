r"""Class imbalance: the network only ever answers the most frequent class.

Where one class has 98 of 100 examples, always naming it is right for 98 %, and the mean loss is nearly all about it.
The accuracy looks fine, and no rare example is found.

$$ \text{recall}_k = P(\hat y = k \mid y = k) $$

Wrong:
    loss = F.cross_entropy(score, y)

Right:
    loss = F.cross_entropy(score, y, weight=len(y_train) / (K * counts))

Fails where: only the order of the scores matters, and no threshold is ever put on them.

References:
    hastie2009elements: section 9.2.4, unequal losses for the classes.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

RARE = 0.2
"""Share below which a class is rare."""

MISSED, ALWAYS = 0.05, 0.97
"""Recall of the rare classes below, and of the frequent one above, which only the frequent one is answered."""

LEAST = 8
"""Examples of the rare classes that the last looks must hold."""

RATIO = 10.0
"""Most over least frequent class that is worth a note."""

SETTLED = 60
"""Steps before which a network may still be on its way."""


def class_imbalance(record: Record) -> Iterator[Finding]:
    """Look at how well rare classes are told in the last half of the run.

    Args:
        record: of the run so far.

    Yields:
        "warning" where none of the rare classes is, though the most frequent one is; "note" where shares differ much.

    Raises:
        NotCheckedError: the loss is none of classes, or too few steps were looked at.
    """
    looks = [look for look in record.looks if look.hits[0]]
    if not looks or record.steps < SETTLED:
        raise NotCheckedError(f"it takes {SETTLED} steps with predictions of classes")
    all_seen, _ = _sums([look.hits for look in looks])
    seen, right = _sums([look.hits for look in looks[len(looks) // 2 :]])
    total, site = sum(seen), record.site("backward")
    most = max(range(len(seen)), key=lambda k: seen[k])
    rare = [k for k in range(len(seen)) if 0 < seen[k] < RARE * total]
    count, found = sum(seen[k] for k in rare), sum(right[k] for k in rare)
    others = sum(seen) - seen[most]
    if (
        rare and count == others and count >= LEAST
        and found < MISSED * count and right[most] > ALWAYS * seen[most] and seen[most] > 0.5 * total
    ):  # fmt: skip
        yield Finding(
            "class-imbalance", "warning",
            f"The network answers class {most} whatever it is given: {sum(right) / total:.1%} right is no more than "
            f"the {seen[most] / total:.1%} that class {most} has, and of {count} examples of the rare "
            f"{'classes' if len(rare) > 1 else 'class'} {found} were told.",
            cure="Weight the classes in the loss by the inverse of their share, or draw the rare ones more often, and "
            "measure the recall of each class.",
            evidence={"accuracy": sum(right) / total, "majority": seen[most] / total, "recall": found / count},
            reference="hastie2009elements", file=site.file, line=site.line, symptom=True, step=looks[-1].step,
            diff="- loss = F.cross_entropy(score, y)\n+ loss = F.cross_entropy(score, y, weight=weight)",
            disproof="The rare examples cannot be told from the others by anybody.",
        )  # fmt: skip
        return
    if any(sum(look.hits[0]) > look.examples for look in looks):
        return  # the symbols of a sequence or the points of a map are hardly ever even
    few = min(s for s in all_seen if s)
    if max(all_seen) > RATIO * few and sum(1 for s in all_seen if s) > 1:
        yield Finding(
            "class-imbalance", "note",
            f"The most frequent class has {max(all_seen) / few:.0f} times the examples of the rarest.",
            cure="Measure the recall of each class, not the accuracy alone.",
            evidence={"ratio": max(all_seen) / few}, reference="hastie2009elements", file=site.file, line=site.line,
            step=0, disproof="Classes are weighted or drawn evenly.",
        )  # fmt: skip


def _sums(hits: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> tuple[list[int], list[int]]:
    """Examples and right answers of each class over several looks."""
    classes = max(len(seen) for seen, _ in hits)
    alike = [(seen, right) for seen, right in hits if len(seen) == classes]
    return [sum(s[k] for s, _ in alike) for k in range(classes)], [
        sum(r[k] for _, r in alike) for k in range(classes)
    ]
