r"""Noisy batches: so few examples make a step that chance decides much of where it goes.

The loss of a batch, and its gradient, scatter like one over the root of its size. At a handful of examples a constant
learning rate keeps the weights in motion for ever.

$$ \operatorname{std}(L_B) \approx \operatorname{std}(L_1) / \sqrt{B} $$

Wrong:
    DataLoader(data, batch_size=1, shuffle=True)

Right:
    DataLoader(data, batch_size=32, shuffle=True)

Fails where: the examples of a batch are many pixels or words; they count as one.

References:
    mccandlish2018empirical: section 2, the noise scale and the batch size that it asks for.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import late, opened
from ..recording.record import NotCheckedError, Record

FEW = 4
"""Examples of a step, at most, that are called few."""

NOISY = 0.5
"""Mean deviation of the losses at the end over their median."""


def batch_noise(record: Record) -> Iterator[Finding]:
    """Look whether the losses of a run that has learned little scatter as those of tiny batches do.

    Args:
        record: of the run so far.

    Yields:
        "note" where they do.

    Raises:
        NotCheckedError: the outcome is good or not known, or the batches were not seen.
    """
    gate, seen = opened(record, poor=0.3)
    examples = median([float(look.examples * max(look.backwards, 1)) for look in seen if look.examples])
    if examples != examples:
        raise NotCheckedError("the batches were not seen")
    losses = [look.loss for look in late(seen) if look.loss == look.loss]
    middle = median(losses)
    scatter = median([abs(value - middle) for value in losses]) / abs(middle) if losses and middle else 0.0
    if examples <= FEW and scatter > NOISY:
        yield Finding(
            "batch-noise", "note",
            f"A step sees only {examples:.0f} example{'s' * (examples > 1)}: at the end the loss still scatters by "
            f"{scatter:.0%} of its middle, {middle:.3g}.",
            cure="Take larger batches, accumulate gradients, or let the learning rate fall to the end.",
            evidence={"examples": examples, "scatter": scatter, "left": gate.left}, reference="mccandlish2018empirical",
            symptom=True, disproof="With batches eight times as large the run ends no better.",
        )  # fmt: skip
