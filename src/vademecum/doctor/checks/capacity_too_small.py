"""Capacity too small: everything passes through fewer numbers than the answer needs.

A layer of two units in front of ten classes can tell hardly more than a few of them apart, whatever follows. A model
without a hidden layer draws one plane.

No equation.

Wrong:
    nn.Sequential(nn.Linear(64, 2), nn.ReLU(), nn.Linear(2, 10))

Right:
    nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

Fails where: the narrow place is meant, as the code of an autoencoder is; a code of one number alone is told.

References:
    goodfellow2016deep: section 5.2, capacity, underfitting and overfitting.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.symptoms import layers, opened
from ..recording.record import NotCheckedError, Record

POOR = 0.6
"""Of the guess's loss, which must be left."""

FEW = 3
"""Numbers that a narrow place has at most, and fewer than there are classes or outputs."""

TINY = 3
"""Width of the widest hidden layer of a network that is too small for nearly anything."""


def capacity_too_small(record: Record) -> Iterator[Finding]:
    """Look for a narrow place that all of the signal passes, and for networks of a handful of units or none.

    Args:
        record: of the run so far.

    Yields:
        "warning" where one is found in a run that has learned little; "note" for a model without hidden layers.

    Raises:
        NotCheckedError: the outcome is good, or not known, or the run is not finite.
    """
    gate, _ = opened(record, poor=POOR)
    if gate.kind in {"not-finite", "diverging", "constant"}:
        raise NotCheckedError(gate.why)
    shapes = [tuple(record.parameters[name].shape) for name in layers(record)]
    state = gate.why or f"the loss is still {gate.left:.0%} of a guess"
    outputs = record.num_classes or max((shape[0] for shape in shapes[-1:]), default=0)
    width = record.width
    least = FEW if record.num_classes else 1
    if 0 < width <= least and outputs > width + 1:
        what = f"all of the signal passes through {width} number{'s' * (width > 1)} an example, for {outputs} outputs"
        cure = "Widen the narrowest layer, to the number of outputs at least."
    elif gate.open and len(shapes) > 1 and max(min(shape[:2]) for shape in shapes) <= TINY:
        what, cure = (
            f"no layer has more than {max(min(s[:2]) for s in shapes)} units",
            "Widen the hidden layers.",
        )
    elif len(shapes) == 1 and gate.open:
        what, cure = (
            "the model has a single layer and draws one plane",
            "Add a hidden layer with a nonlinearity.",
        )
    else:
        return
    yield Finding(
        "capacity-too-small", "note" if len(shapes) == 1 else "warning",
        f"The network is too small: {what}, and {state}.",
        cure=cure, evidence={"width": width, "outputs": outputs, "left": gate.left}, reference="goodfellow2016deep",
        symptom=True, disproof="A wider network ends no better.",
    )  # fmt: skip
