r"""Softmax before cross-entropy: the loss takes the softmax itself, so it is taken twice.

The cross-entropy of torch wants raw scores. Given probabilities it still falls, but not below the value that it has
for a perfect answer of 0s and a 1, and its gradient is small where the network is most wrong.

$$ L_{\min} = -\ln \frac{e}{e + K - 1} $$

Wrong:
    loss = F.cross_entropy(model(x).softmax(dim=1), y)

Right:
    loss = F.cross_entropy(model(x), y)

Fails where: both softmaxes are behind one compiled region, which the graph does not show.

References:
    bridle1990probabilistic: the softmax belongs to the likelihood, once.
"""

import math
from collections.abc import Iterator

from vademecum._torch.graph import Op

from .._finding import Finding
from ..evidence.reading import CLAMPS, axis, is_probabilities, near, through, value
from ..recording.record import Scene

REFERENCE = "bridle1990probabilistic"

PASSED = CLAMPS | {"Add"}
"""Between the two: a clamp, or a small number added, leaves probabilities what they are."""


def redundant_softmax(scene: Scene) -> Iterator[Finding]:
    """Look whether what the loss takes the softmax of is itself a softmax.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where the graph shows it, or the rows are probabilities made in another way.
    """
    graph = scene.graph
    for op in near(graph):
        if op.kind not in {"LogSoftmax", "Logsumexp", "BinaryCrossEntropyWithLogits"}:
            continue
        source = graph.source(op)
        softmax = through(graph, source, PASSED)
        if source is None or not (
            (softmax is not None and softmax.kind == "Softmax") or _by_hand(scene, source)
        ):
            continue
        found = softmax if softmax is not None and softmax.kind == "Softmax" else source
        taken = op.saved("self") if op.saved("self") is not None else op.saved("result")
        if op.kind == "BinaryCrossEntropyWithLogits":
            least, classes = math.log1p(math.exp(-1)), taken.shape[-1]
            what = "a binary cross-entropy, which takes the sigmoid itself and wants raw scores: for an example of a "
            what += f"class its loss cannot fall below {least:.3g}."
        else:
            classes = taken.shape[axis(op, taken.ndim)]
            least = -math.log(math.e / (math.e + classes - 1))
            what = f"the cross-entropy, which wants raw scores: with {classes} classes its loss cannot fall below "
            what += f"{least:.3g}."
        file, line = found.site
        yield Finding(
            "redundant-softmax", "error", f"The network's softmax goes into {what}",
            cure="Drop the softmax in front of the loss.", where=scene.layer(found),
            evidence={"classes": classes, "least_loss": least}, reference=REFERENCE, file=file, line=line,
            disproof="The loss falls below that value.",
        )  # fmt: skip


def _by_hand(scene: Scene, op: Op) -> bool:
    """Whether an operation that is no softmax computed probabilities: exponentials over their sum, a compiled net."""
    if op.kind not in {"Div", "Mul"} and not op.kind.startswith("Compiled") and not op.custom:
        return False
    result = value(scene, op)
    return result is not None and is_probabilities(result, -1 if result.ndim < 4 else 1)
