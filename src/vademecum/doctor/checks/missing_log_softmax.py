r"""Negative log-likelihood without log-softmax: the loss is given raw scores or probabilities.

The negative log-likelihood only picks the entry of the right class and turns its sign: it wants logarithms of
probabilities. Raw scores can grow without limit, and so the loss falls without limit and means nothing; with
probabilities it lies between -1 and 0 and has its smallest gradient where the network is most wrong.

$$ \ln \sum_k e^{\ln p_k} = 0 $$

Wrong:
    loss = F.nll_loss(model(x), y)

Right:
    loss = F.cross_entropy(model(x), y)

Fails where: the loss is meant to have no normalization, as an energy has none; rows that pass through a logarithm are
    left alone.

References:
    goodfellow2016deep: section 6.2.2.3, the logarithm in the likelihood undoes the exponential of the softmax.
"""

import math
from collections.abc import Iterator

from vademecum._torch.graph import MOVES, Graph, Op

from .._finding import Finding
from ..evidence.reading import is_probabilities, near, scores, signs
from ..recording.record import Scene

REFERENCE = "goodfellow2016deep"

OFF = 0.05
"""Of the logarithm of a row's sum: half precision and a small number inside the logarithm stay below it."""

LOGARITHMS = frozenset({"LogSoftmax", "Log", "LogSigmoid", "Logsumexp"})
"""Operations that make logarithms; what is built on them is not judged here."""


def missing_log_softmax(scene: Scene) -> Iterator[Finding]:
    """Look whether what a negative log-likelihood is given are logarithms of probabilities.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where they are not.
    """
    graph = scene.graph
    for head in scene.heads:
        if head.kind == "nll" and head.source is not None and head.num_classes > 1:
            if any(op.kind in LOGARITHMS for op in near(graph, head.op)):
                continue
            rows = head.op.saved("self").detach().float()
            off = float(rows.logsumexp(1 if rows.ndim > 1 else 0).abs().median())
            if off > OFF:
                given = "probabilities" if is_probabilities(rows, 1 if rows.ndim > 1 else 0) else "raw scores"
                yield _finding(scene, head.op, head.source, given, off)
    for op in near(graph):
        source = graph.source(op)
        if op.kind not in {"Index", "Gather"} or source is None or not scores(graph, source):
            continue
        if _classes(op) and _alone(scene) and _plain(graph, op):
            yield _finding(scene, op, source, "raw scores", float("nan"))


def _finding(scene: Scene, op: Op, source: Op, given: str, off: float) -> Finding:
    file, line = op.site
    number = "" if math.isnan(off) else f": the logarithm of a row's sum is {off:.3g} away from 0"
    limit = "only to -1" if given == "probabilities" else "without limit"
    return Finding(
        "missing-log-softmax", "error",
        f"The negative log-likelihood is given {given}, not logarithms of probabilities{number}. Its loss can fall "
        f"{limit} and does not measure the classes.",
        cure="Use cross_entropy on the raw scores, or put log_softmax(dim=1) in front of nll_loss.",
        where=scene.layer(source), evidence={} if math.isnan(off) else {"log_of_sum": off}, reference=REFERENCE,
        file=file, line=line, disproof="Rows of exp(output) sum to 1.",
    )  # fmt: skip


def _plain(graph: Graph, op: Op) -> bool:
    """Whether nothing but means, sums and signs stands between an operation and the loss, which turns its sign."""
    above = [one for one in graph if one.index < op.index]
    return all(one.kind in MOVES | {"Mean", "Sum", "Neg"} for one in above) and signs(graph, op) == {-1}


def _classes(op: Op) -> bool:
    """Whether an operation picks one entry a row by whole numbers."""
    if op.kind == "Gather":
        return True
    indices = op.saved("indices") or ()
    return len(indices) == 2 and all(
        i is not None and i.dtype.is_signed and not i.is_floating_point() for i in indices
    )


def _alone(scene: Scene) -> bool:
    """Whether one model learns with one optimizer: critics and actors may have a loss without a limit."""
    return len(scene.record.models) <= 1 and len(scene.record.optimizers) <= 1
