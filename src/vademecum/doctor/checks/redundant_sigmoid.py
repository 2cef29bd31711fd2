r"""Sigmoid before a loss with logits: the loss takes the sigmoid itself, so it is taken twice.

The binary cross-entropy "with logits" wants raw scores. Given probabilities between 0 and 1, it turns them into
probabilities between 0.5 and 0.731: the network cannot say no, and its best loss is far from 0.

$$ \sigma(\sigma(z)) \in (0.5, 0.731), \qquad -\ln(1 - \sigma(\sigma(z))) > \ln 2 $$

Wrong:
    loss = F.binary_cross_entropy_with_logits(torch.sigmoid(model(x)), y)

Right:
    loss = F.binary_cross_entropy_with_logits(model(x), y)

Fails where: both sigmoids are behind one compiled region, which the graph does not show.

References:
    goodfellow2016deep: section 6.2.2.2, the sigmoid belongs to the likelihood, once.
"""

import math
from collections.abc import Iterator

from vademecum._torch.graph import Op

from .._finding import Finding
from ..evidence.reading import CLAMPS, is_sigmoid, near, through, value
from ..recording.record import Scene

REFERENCE = "goodfellow2016deep"

PASSED = CLAMPS | {"Add"}
"""Between the two: a clamp, or a small number added, leaves probabilities what they are."""

MANY = 100
"""Values that must all lie between 0 and 1 where the graph does not show what made them."""

TAKES = frozenset({"BinaryCrossEntropyWithLogits", "LogSigmoid", "Sigmoid"})
"""Operations that take a sigmoid."""


def redundant_sigmoid(scene: Scene) -> Iterator[Finding]:
    """Look whether what the loss takes the sigmoid of is itself a sigmoid.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where the graph shows it, "warning" where the values of a compiled network do.
    """
    graph = scene.graph
    for op in near(graph):
        if op.kind not in TAKES:
            continue
        source = graph.source(op)
        sigmoid = through(graph, source, PASSED)
        proven = is_sigmoid(graph, sigmoid)
        found = sigmoid if proven else source
        if found is None or not (
            proven or (op.kind == "BinaryCrossEntropyWithLogits" and _within(scene, found))
        ):
            continue
        file, line = found.site
        yield Finding(
            "redundant-sigmoid", "error" if proven else "warning",
            "The network's sigmoid is taken again by the loss, which wants raw scores: no probability can come out "
            f"below 0.5 or above 0.731, so an example of the class costs at least {math.log1p(math.exp(-1)):.3g} and "
            f"one outside it {math.log(2):.3g}.",
            cure="Drop the sigmoid in front of the loss, or use binary_cross_entropy with it.",
            where=scene.layer(found), evidence={"least_inside": math.log1p(math.exp(-1)), "least_outside": math.log(2)},
            reference=REFERENCE, file=file, line=line, disproof="The loss falls below these values.",
        )  # fmt: skip
        return


def _within(scene: Scene, op: Op) -> bool:
    """Whether a compiled network's many outputs all lie between 0 and 1."""
    if not (op.kind.startswith("Compiled") or op.custom):
        return False
    result = value(scene, op)
    return result is not None and result.numel() >= MANY and bool(((result >= 0) & (result <= 1)).all())
