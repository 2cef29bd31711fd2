r"""Label shift: the targets of a next-token model are not the next tokens.

Unshifted targets are the inputs themselves: a model that sees position t is asked for token t, copies it, and has a
loss near 0. Targets that were shifted twice, once by the data and once in the loss, ask for the token after the next;
the model learns less than it could, and its samples are nonsense.

$$ y_t = x_{t+1} $$

Wrong:
    loss = F.cross_entropy(model(x).flatten(0, 1), x.flatten())

Right:
    loss = F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())

Fails where: another distance is meant, as in copying, or in predicting several tokens ahead.

References:
    goodfellow2016deep: section 10.2.3, each step is asked for the next one.
"""

from collections.abc import Iterator

from torch import Tensor

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

SAME = 0.99
"""Share of positions at which targets and shifted inputs must be equal."""

OTHER = 0.9
"""Share above which the right shift fits too, as in a text of one token."""

POSITIONS = 200
"""Positions that must be compared."""


def label_shift(record: Record) -> Iterator[Finding]:
    """Compare targets with inputs at distances -1 to 2.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they are equal at another distance than 1, and not at 1.

    Raises:
        NotCheckedError: inputs and targets are no sequences of the same tokens.
    """
    found: dict[int, list[float]] = {0: [], 1: [], 2: [], -1: []}
    count = 0
    for batch in record.train.batches[:50]:
        x, y = batch.x, batch.y
        if x.is_floating_point() or x.ndim != 2 or x.shape[1] < 3 or y is None or y.is_floating_point():
            continue
        aligned = _aligned(x, y)
        if aligned is None:
            continue
        count += aligned.numel()
        for shift in found:
            found[shift].append(_equal(x, aligned, shift))
    if count < POSITIONS:
        raise NotCheckedError("inputs and targets are no sequences of the same tokens")
    share = {shift: sum(values) / len(values) for shift, values in found.items()}
    best = max(share, key=lambda shift: (share[shift], -abs(shift - 1)))
    if best == 1 or share[best] < SAME or share[1] > OTHER:
        return
    text = {
        0: "equal the inputs at the same position, so that the answer stands in the question",
        2: "are the tokens after the next: they were shifted twice",
        -1: "are the tokens before, which the model was already given",
    }[best]
    site = record.site("backward")
    yield Finding(
        "label-shift", "warning",
        f"The targets {text} ({share[best]:.1%} of {count} positions; only {share[1]:.1%} are the next token).",
        cure="Give the model x[:, :-1] and ask it for x[:, 1:], and shift in one place only.",
        evidence={"equal": share[best], "next": share[1], "shift": best}, reference="goodfellow2016deep",
        file=site.file, line=site.line, step=0, diff="- y = x\n+ x, y = x[:, :-1], x[:, 1:]",
        disproof="The task is to copy, or to look further ahead.",
    )  # fmt: skip


def _aligned(x: Tensor, y: Tensor) -> Tensor | None:
    """(B, T or T - 1) targets in the layout of the inputs, or None."""
    rows, columns = x.shape
    if y.numel() == x.numel():
        return y.reshape(rows, columns)
    return y.reshape(rows, columns - 1) if y.numel() == rows * (columns - 1) else None


def _equal(x: Tensor, y: Tensor, shift: int) -> float:
    """Share of targets that are the input so many positions on; what is ignored does not count."""
    ahead = x[:, shift:] if shift >= 0 else x
    asked = y if shift >= 0 else y[:, 1:]
    width = min(ahead.shape[1], asked.shape[1])
    ahead, asked = ahead[:, :width], asked[:, :width]
    counted = asked >= 0
    return float((ahead == asked)[counted].double().mean()) if bool(counted.any()) else 0.0
