"""Not learning: the loss is no better than a guess, and no other rule knows why.

What was ruled out is told with its numbers, so that the search begins where nobody has looked: at whether the labels
belong to the inputs, and at whether the network can learn a single batch by heart.

No equation.

Wrong:
    loader = zip(inputs, reversed(labels))

Right:
    loader = zip(inputs, labels)

Fails where: the task has no better answer than a guess.

References:
    karpathy2019recipe: overfit one batch, verify the loss at the start, look at what goes into the network.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import layers, opened, ratios, total
from ..recording.record import Look, NotCheckedError, Record

PLATEAU = 500
"""Steps up to which a run that has not ended, nor seen its data twice, may stand on a plateau: it is a note so far."""


def not_learning(record: Record) -> Iterator[Finding]:
    """Say what was seen and what was ruled out in a run whose loss is no better than a guess.

    Args:
        record: of the run so far.

    Yields:
        "warning", or "note" while the run may still be on a plateau.

    Raises:
        NotCheckedError: the outcome is good or not known, or the loss is not finite.
    """
    gate, seen = opened(record)
    if gate.kind == "not-finite":
        raise NotCheckedError(gate.why)
    ratio = median(ratios(seen, layers(record)))
    gradients = [total((look.raw_norm or look.grad_norm).values()) for look in seen]
    outs = _ruled_out(seen, ratio, median(gradients))
    twice = 0 < 2 * record.epoch <= record.steps
    may_wait = gate.kind == "not-learning" and not record.finished and not twice and record.steps < PLATEAU
    yield Finding(
        "not-learning", "note" if may_wait else "warning",
        f"The network does not learn: after {record.steps} steps {gate.why}. "
        f"Ruled out: {'; '.join(outs) or 'nothing'}.",
        cure=(
            "Train on one batch of eight examples until the loss is near 0: where that fails, the fault is in the "
            "model or the loop; where it works, look at whether each label belongs to its input."
        ),
        evidence={"update_ratio": ratio, "gradient": median(gradients), "loss": gate.loss, "guess": gate.guess},
        reference="karpathy2019recipe", symptom=True, step=seen[-1].step,
        disproof="The loss falls after more steps, or no model does better on these data.",
    )  # fmt: skip


def _ruled_out(seen: list[Look], ratio: float, gradient: float) -> list[str]:
    """What the figures say is in order."""
    found = []
    if math.isfinite(gradient) and gradient > 0:
        found.append(f"gradients arrive (norm {gradient:.2g})")
    if 1e-4 < ratio < 3e-2:
        found.append(f"the steps are of usual length ({ratio:.1g} of the weights)")
    zeros = [a.zeros for a in seen[-1].activations if a.active is not None]
    if zeros and max(zeros) < 0.95:
        found.append(f"the hidden units are alive ({1 - max(zeros):.0%} of the values of the sparsest layer)")
    spread = median([look.spread for look in seen if look.spread == look.spread])
    if spread > 1e-2:
        found.append(f"the answers differ between examples (by {spread:.0%} of their size)")
    inputs = [look.inputs[0] for look in seen if look.inputs]
    if inputs and inputs[0].dtype.is_floating_point and 0.05 < inputs[0].std < 5:
        found.append(f"the inputs are of usual size (standard deviation {inputs[0].std:.2g})")
    return found
