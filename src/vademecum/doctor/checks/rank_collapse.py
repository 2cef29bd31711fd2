r"""Rank collapse: the last hidden layer answers in fewer directions than there are classes.

Its values over a batch lie near a line or a plane, so that the last layer has too little to tell the classes apart.
At the end of a good training this is as it should be; in a run that has not learned it tells where the signal is lost.

$$ \operatorname{rank}_{\text{eff}} = \exp\Bigl( -\sum_i p_i \ln p_i \Bigr), \qquad
p_i = \sigma_i^2 / \sum_j \sigma_j^2 $$

Wrong:
    x = torch.relu(self.norm(x)) * 0.01 + 1

Right:
    x = torch.relu(self.norm(x))

Fails where: the last hidden layer has no nonlinearity that keeps its values.

References:
    saxe2014exact: section 3, what depth does to the directions of a signal.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import late, opened
from ..recording.record import NotCheckedError, Record

HALF = 0.5
"""Of the rank at the start, below which it has fallen."""


def rank_collapse(record: Record) -> Iterator[Finding]:
    """Look whether the rank of the last hidden layer fell below half of its start and below the number of classes.

    Args:
        record: of the run so far.

    Yields:
        "note" where it did.

    Raises:
        NotCheckedError: the outcome is good or not known, or there is no such layer.
    """
    gate, seen = opened(record)
    start = median([look.rank for look in seen[:5] if look.rank == look.rank])
    end = median([look.rank for look in late(seen) if look.rank == look.rank])
    if start != start or end != end or not record.num_classes:
        raise NotCheckedError("no hidden layer in front of classes keeps its values")
    if end < HALF * start and end < record.num_classes - 1:
        yield Finding(
            "rank-collapse", "note",
            f"The last hidden layer answers in {end:.1f} directions, after {start:.1f} at the start, for "
            f"{record.num_classes} classes, and {gate.why}.",
            cure="Look for the layer that makes the examples alike; normalize in front of it.",
            evidence={"rank": end, "start": start, "classes": record.num_classes}, reference="saxe2014exact",
            symptom=True, step=late(seen)[0].step, disproof="The rank is as low in a run that learns.",
        )  # fmt: skip
