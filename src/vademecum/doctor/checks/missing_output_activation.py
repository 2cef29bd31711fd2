r"""Missing output activation: a loss for probabilities is given raw scores.

The binary cross-entropy takes the logarithm of what it is given, so it wants numbers between 0 and 1. Raw scores end
the run with an error, or, clamped into the range, have no gradient wherever they are outside it.

$$ L = -y \ln p - (1 - y) \ln(1 - p), \qquad p \in (0, 1) $$

Wrong:
    loss = F.binary_cross_entropy(model(x), y)

Right:
    loss = F.binary_cross_entropy_with_logits(model(x), y)

Fails where: the scores are made into probabilities in a way of your own, inside one layer with weights.

References:
    goodfellow2016deep: section 6.2.2.2, a linear unit that is clipped to a probability learns nothing outside (0, 1).
"""

from collections.abc import Iterator

from vademecum._torch.graph import Graph, Op

from .._finding import Finding
from ..reading import CLAMPS, consumers, near, scores, through
from ..record import Record, Scene

REFERENCE = "goodfellow2016deep"

CRASH = "all elements of input should be between 0 and 1"
"""What torch says when a binary cross-entropy is given something else."""

CURE = "Use binary_cross_entropy_with_logits (BCEWithLogitsLoss), or put a sigmoid behind the last layer."


def missing_output_activation(seen: Scene | Record) -> Iterator[Finding]:
    """Look whether a loss that takes logarithms of probabilities is given raw scores.

    Args:
        seen: a scene before a backward pass, or the record of a run that such a loss has ended.

    Yields:
        "error" where it is; "warning" where the scores are clamped into the range.
    """
    if isinstance(seen, Record):
        if seen.failure is not None and CRASH in seen.failure[1]:
            site = seen.failure[2]
            yield Finding(
                "missing-output-activation", "error",
                "The run ended in a binary cross-entropy that was given numbers outside 0 to 1: raw scores, or an "
                "activation with another range.",
                cure=CURE, reference=REFERENCE, file=site.file, line=site.line, step=seen.steps,
                disproof="The smallest and the largest output lie between 0 and 1.",
            )  # fmt: skip
        return
    graph = seen.graph
    for op in near(graph):
        if op.kind != "BinaryCrossEntropy" and not (op.kind == "Log" and _meets_targets(graph, op)):
            continue
        source = graph.source(op)
        raw = (
            through(graph, source, CLAMPS | {"Add"})
            if source is not None and source.kind != "Add"
            else source
        )
        if raw is None or not scores(graph, raw) or _mixes(graph, raw):
            continue
        file, line = op.site
        clamped = " and cut off there, which leaves no gradient" if raw is not source else ""
        given = op.saved("self")
        low, high = float(given.min()), float(given.max())
        yield Finding(
            "missing-output-activation", "warning" if clamped else "error",
            f"A loss that wants probabilities is given the raw scores of a layer{clamped}: they run from {low:.3g} to "
            f"{high:.3g}, and nothing keeps them between 0 and 1.",
            cure=CURE, where=seen.layer(raw), evidence={"low": low, "high": high}, reference=REFERENCE,
            file=file, line=line, disproof="The layer's outputs are probabilities by construction.",
        )  # fmt: skip
        return


def _meets_targets(graph: Graph, op: Op) -> bool:
    """Whether a logarithm is multiplied by, or picked by, what is no part of the network."""
    above = consumers(graph).get(op.index, [])
    return any(
        up.kind in {"NllLoss", "Index", "Gather"} or (up.kind == "Mul" and len(graph.inputs(up)) == 1)
        for up in above
    )


def _mixes(graph: Graph, op: Op) -> bool:
    """Whether a layer only mixes probabilities, as a transition matrix of noisy labels does."""
    taken = [graph.source(op, place) for place in range(len(op.inputs))]
    return any(behind is not None and behind.kind in {"Softmax", "Sigmoid"} for behind in taken)
