"""Dead ReLUs: units that are zero for every example, so that no gradient reaches their weights any more.

A unit may be off for half of all examples; one that is off for all is lost, and cannot come back by itself. Where the
units lived at the first step, the steps killed them; where they did not, the start or the inputs did.

No equation.

Wrong:
    nn.init.constant_(layer.bias, -8)

Right:
    nn.init.zeros_(layer.bias)

Fails where: the units of a layer are few, or the examples of rare kinds were not seen.

References:
    maas2013rectifier: section 2, units that are never active, and a leak that keeps them alive.
    he2015delving: section 2.2, weights at the start that keep half of the units active.
"""

from collections.abc import Iterator, Sequence

from torch import Tensor

from .._finding import Finding
from ..evidence.symptoms import POOR, late, opened
from ..recording.record import Look, NotCheckedError, Record

DEAD, NEARLY = 0.5, 0.9
"""Of a layer's units: dead so many tell where nothing was learned; so many also where little was."""

UNITS, EXAMPLES = 4, 100
"""Fewer units are a narrow layer, fewer examples too few to call a unit dead."""


def dead_relu(record: Record) -> Iterator[Finding]:
    """Look for layers whose units are zero for every example of the last looks.

    Args:
        record: of the run so far.

    Yields:
        "warning" for the layer with the largest share of dead units.

    Raises:
        NotCheckedError: the outcome is good, or not known, or too few examples were seen.
    """
    gate, seen = opened(record, poor=POOR)
    last = [look for look in late(seen) if look.loss == look.loss]
    if sum(look.examples or 1 for look in last) < (EXAMPLES if last and last[0].examples else 5):
        raise NotCheckedError(f"it takes {EXAMPLES} examples to call a unit dead, and fewer were seen")
    now, start = _alive(last), _alive(seen[:1])
    shares = {key: 1 - float(alive.float().mean()) for key, alive in now.items() if alive.numel() >= UNITS}
    key = max(shares, key=lambda key: shares[key], default=None)
    if key is None or shares[key] < (DEAD if gate.open else NEARLY):
        return
    before = 1 - float(start[key].float().mean()) if key in start else 0.0
    born = before >= 0.8 * shares[key]
    all_of = "All" if shares[key] == 1 else f"{shares[key]:.0%}"
    yield Finding(
        "dead-relu", "warning",
        f"{all_of} of the {now[key].numel()} ReLU units behind {key[0] or 'a layer'} are zero for every example, "
        + (f"{before:.0%} of them from the first step on" if born else f"{before:.0%} of them at the first step")
        + f", and {gate.why or f'the loss is still {gate.left:.0%} of a guess'}.",
        cure=(
            "Start the layer with biases of 0 and weights of He's scale, and standardize its inputs." if born
            else "Lower the learning rate, or use a leaky ReLU: the steps killed the units."
        ),
        where=key[0], evidence={"dead": shares[key], "dead_at_start": before, "units": now[key].numel()},
        reference="maas2013rectifier", symptom=True, step=seen[0].step if born else last[0].step,
        disproof="Over the whole training data the units are active for some example.",
    )  # fmt: skip


def _alive(looks: Sequence[Look]) -> dict[tuple[str, int], Tensor]:
    """(layer, units) -> which of its units were above zero for any example of some looks."""
    found: dict[tuple[str, int], Tensor] = {}
    for look in looks:
        for seen in look.activations:
            if seen.active is not None and not seen.next_is_output and not seen.gate:
                key = seen.place, seen.units
                found[key] = seen.active | found[key] if key in found else seen.active
    return found
