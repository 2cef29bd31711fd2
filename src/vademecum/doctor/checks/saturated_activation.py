r"""Saturated activations: tanh or sigmoid units in their flat ends, through which no gradient passes.

Where the input of a unit is large, its output hardly depends on it, and its slope is near 0. Large inputs come from
unscaled data, from large weights at the start, or from steps that are too long.

$$ \tanh'(a) = 1 - \tanh^2(a) $$

Wrong:
    nn.init.normal_(layer.weight, std=10)

Right:
    nn.init.xavier_uniform_(layer.weight)

Fails where: a unit is meant to be on or off; gates, and units that are multiplied with others, are not looked at.

References:
    glorot2010understanding: section 3, saturation of sigmoid and tanh layers, and a start that avoids it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import POOR, late, opened
from ..recording.record import Look, Record

FLAT, VERY = 0.6, 0.9
"""Of the values in the flat ends: so many tell where nothing was learned; so many also where little was."""


def saturated_activation(record: Record) -> Iterator[Finding]:
    """Look for hidden layers of tanh or sigmoid units that are flat for most examples.

    Args:
        record: of the run so far.

    Yields:
        "warning" for the layer that is flattest.
    """
    gate, seen = opened(record, poor=POOR)
    now, start = _flat(late(seen)), _flat(seen[:1])
    place = max(now, key=lambda place: now[place], default=None)
    if place is None or now[place] < (FLAT if gate.open else VERY):
        return
    born = start.get(place, 0.0) > FLAT
    yield Finding(
        "saturated-activation", "warning",
        f"{now[place]:.0%} of the values behind {place or 'a hidden layer'} are in the flat ends of its activation "
        f"({start.get(place, 0.0):.0%} at the first step), where the slope is near 0, and "
        f"{gate.why or f'the loss is still {gate.left:.0%} of a guess'}.",
        cure=(
            "Start the weights at 1 / sqrt(inputs) and standardize the inputs, or use ReLU or GELU." if born
            else "Lower the learning rate: the steps drove the units into their ends."
        ),
        where=place, evidence={"flat": now[place], "flat_at_start": start.get(place, 0.0)},
        reference="glorot2010understanding", symptom=True, step=seen[0].step,
        disproof="The run ends no better with an activation that has no flat ends.",
    )  # fmt: skip


def _flat(looks: Sequence[Look]) -> dict[str, float]:
    """Hidden layer -> median share of its values in the flat ends."""
    found = defaultdict(list)
    for look in looks:
        for seen in look.activations:
            if seen.kind in {"tanh", "sigmoid"} and not seen.next_is_output and not seen.gate:
                found[seen.place].append(seen.saturated)
    return {place: median(values) for place, values in found.items()}
