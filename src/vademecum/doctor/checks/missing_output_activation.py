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

from vademecum._torch.graph import MOVES, Graph, Op

from .._finding import Finding
from ..evidence.reading import CLAMPS, near, raw_scores
from ..recording.record import Record, Scene

REFERENCE = "goodfellow2016deep"

CRASHES = {
    "all elements of input should be between 0 and 1": (
        "The run ended in a binary cross-entropy that was given numbers outside 0 to 1: raw scores, or an activation "
        "with another range.",
        "The smallest and the largest output lie between 0 and 1.",
    ),
    "var has negative entry": (
        "The run ended in a Gaussian likelihood that was given a negative variance: nothing keeps that output above 0.",
        "The variance is positive by construction.",
    ),
}
"""What torch says when a loss is given what is no probability or no variance, and what it means."""

CURE = "Use binary_cross_entropy_with_logits (BCEWithLogitsLoss), or put a sigmoid behind the last layer."


def missing_output_activation(seen: Scene | Record) -> Iterator[Finding]:
    """Look whether a loss that takes logarithms of probabilities is given raw scores.

    Args:
        seen: a scene before a backward pass, or the record of a run that such a loss has ended.

    Yields:
        "error" where it is; "warning" where the scores are clamped into the range.
    """
    if isinstance(seen, Record):
        yield from _crashed(seen)
        return
    graph = seen.graph
    for op in near(graph):
        if op.kind != "BinaryCrossEntropy" and not (op.kind == "Log" and _meets_targets(graph, op)):
            continue
        source = graph.source(op)
        raw = raw_scores(graph, source)
        if raw is None or _mixes(graph, raw):
            continue
        file, line = op.site
        clamped = (
            " and cut off there, which leaves no gradient"
            if source is not None and _clamped(graph, source)
            else ""
        )
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


def _crashed(record: Record) -> Iterator[Finding]:
    """What the error that ended a run says."""
    text = "" if record.failure is None else record.failure[1]
    for part, (message, disproof) in CRASHES.items():
        if record.failure is not None and part in text:
            site, cure = record.failure[2], CURE
            if "variance" in message:
                cure = "Put softplus and a small number behind the variance's layer, or let it be a log-variance."
            yield Finding(
                "missing-output-activation", "error", message, cure=cure, reference=REFERENCE, file=site.file,
                line=site.line, step=record.steps, disproof=disproof,
            )  # fmt: skip


def _clamped(graph: Graph, op: Op) -> bool:
    """Whether a clamp stands between an operation and the scores that it takes."""
    while op.kind not in CLAMPS:
        behind = graph.inputs(op)
        if op.kind not in MOVES | {"Add"} or len(behind) != 1:
            return False
        op = behind[0]
    return True


def _meets_targets(graph: Graph, op: Op) -> bool:
    """Whether a logarithm is multiplied by, or picked by, what is no part of the network."""
    above = graph.consumers.get(op.index, [])
    return any(
        up.kind in {"NllLoss", "Index", "Gather"} or (up.kind == "Mul" and len(graph.inputs(up)) == 1)
        for up in above
    )


def _mixes(graph: Graph, op: Op) -> bool:
    """Whether a layer only mixes probabilities, as a transition matrix of noisy labels does."""
    taken = [graph.source(op, place) for place in range(len(op.inputs))]
    return any(behind is not None and behind.kind in {"Softmax", "Sigmoid"} for behind in taken)
