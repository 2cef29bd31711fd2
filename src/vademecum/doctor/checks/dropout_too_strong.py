r"""Dropout too strong: so little of the signal reaches the loss that nothing can be learned from it.

The p of torch is the share that is dropped, not the share that is kept. Dropouts in a row multiply.

$$ \text{kept} = \prod_i (1 - p_i) $$

Wrong:
    nn.Dropout(0.9)  # where 0.9 was to be kept

Right:
    nn.Dropout(0.1)

Fails where: a mask is made by hand and not rescaled.

References:
    srivastava2014dropout: section 7.3, hidden units do well with half of them kept, inputs with more.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import POOR, opened
from ..recording.record import Record

LITTLE = 0.25
"""Of the values that come through: less is too little where the run has not learned."""


def dropout_too_strong(record: Record) -> Iterator[Finding]:
    """Look how much of the signal the dropouts let through, whether they are modules or functions.

    Args:
        record: of the run so far.

    Yields:
        "warning" where it is too little.
    """
    gate, seen = opened(record, poor=POOR)
    kept = median([look.kept for look in seen])
    if not kept < LITTLE:
        return
    yield Finding(
        "dropout-too-strong", "warning",
        f"The dropouts let only {kept:.1%} of the signal through, and "
        f"{gate.why or f'the loss is still {gate.left:.0%} of a guess'}. p is the share that is dropped.",
        cure="Lower the dropout's p: 0.1 to 0.5 for hidden units, once in a path.",
        evidence={"kept": kept}, reference="srivastava2014dropout", symptom=True, step=seen[0].step,
        disproof="Without dropout the run ends no better.",
    )  # fmt: skip
