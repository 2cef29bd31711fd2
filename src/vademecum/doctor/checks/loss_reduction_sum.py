r"""Summed loss: gradients grow with the batch, and a rate that was made for a mean is too high by that factor.

$$ \nabla \sum_{i=1}^{B} L_i = B \cdot \nabla \frac{1}{B} \sum_{i=1}^{B} L_i $$

Wrong:
    loss = nn.CrossEntropyLoss(reduction="sum")(score, y)

Right:
    loss = nn.CrossEntropyLoss()(score, y)

Fails where: the sum is meant and the rate made for it. It is told only where the run does not learn.

References:
    goyal2017accurate: section 2.1, the loss is an average over the minibatch, and the rate goes with its size.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import guess
from ..recording.record import NotCheckedError, Record

EXAMPLES = 4
"""Examples in a batch from which on a sum is no mean."""

NEAR = 0.3
"""Of a constant guess's loss, an example, that the first loss must reach: a sum of a few means does not."""


def loss_reduction_sum(record: Record) -> Iterator[Finding]:
    """Look whether the loss is a sum over the examples of a batch.

    Args:
        record: of a run with a bad outcome.

    Yields:
        "warning" where it is.

    Raises:
        NotCheckedError: no loss, or no batch, was seen.
    """
    if not record.losses or not record.looked:
        raise NotCheckedError("no loss was seen")
    count, base, first = record.loop.summed, guess(record), record.losses[0][1]
    per_example = first / max(count, 1)
    large = not base > 0 or per_example > NEAR * base
    if count >= EXAMPLES and large:
        site = record.site("backward")
        yield Finding(
            "loss-reduction-sum", "warning",
            f"The loss is summed over the {count} examples of a batch: it begins at {first:.3g}, which is "
            f"{per_example:.3g} an example, and its gradients are {count} times those of a mean.",
            cure=f"Take the mean, or divide the learning rate by {count}.",
            evidence={"examples": count, "first_loss": first, "per_example": per_example},
            reference="goyal2017accurate", file=site.file, line=site.line,
            diff='- reduction="sum"\n+ reduction="mean"', step=0, symptom=True,
            disproof="The run is no better with the mean and the same rate.",
        )  # fmt: skip
