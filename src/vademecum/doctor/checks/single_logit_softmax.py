r"""Softmax over one score: it is 1, whatever the network says.

A network with one output and a softmax has nothing to choose from. The probability is always 1, the cross-entropy
always 0, and no gradient flows.

$$ \operatorname{softmax}(z)_1 = \frac{e^{z_1}}{e^{z_1}} = 1 $$

Wrong:
    model = nn.Sequential(nn.Linear(20, 1), nn.Softmax(dim=1))

Right:
    model = nn.Linear(20, 1)  # with BCEWithLogitsLoss

Fails where: there is one class for the moment, and more are added later.

References:
    bridle1990probabilistic: the softmax is for several classes, the logistic function for two.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.reading import axis, near, scores, through
from ..recording.record import Scene

REFERENCE = "bridle1990probabilistic"


def single_logit_softmax(scene: Scene) -> Iterator[Finding]:
    """Look whether the softmax next to the loss has one score to choose from.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where it has.
    """
    graph = scene.graph
    for op in near(graph):
        if op.kind not in {"Softmax", "LogSoftmax"} or not scores(
            graph, through(graph, graph.source(op), ())
        ):
            continue
        result = op.saved("result")
        if (
            result is None
            or result.ndim < 1
            or result.numel() < 2
            or result.shape[axis(op, result.ndim)] != 1
        ):
            continue
        file, line = op.site
        said = "its probability is always 1" if op.kind == "Softmax" else "its cross-entropy is always 0"
        yield Finding(
            "single-logit-softmax", "error",
            f"The softmax is taken over dimension {axis(op, result.ndim)} of the output {tuple(result.shape)}, which "
            f"has one entry: {said}, and no gradient flows.",
            cure="For two classes keep the one output and use binary_cross_entropy_with_logits; else give the last "
            "layer one output a class.",
            where=scene.layer(op), evidence={"size": 1.0}, reference=REFERENCE, file=file, line=line,
            disproof="The output has more than one value.",
        )  # fmt: skip
