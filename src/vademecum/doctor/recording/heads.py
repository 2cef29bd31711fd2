"""Where a loss meets its targets: read from the autograd graph, so functional and modular code look alike."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vademecum._torch.graph import MOVES, Graph, Op

FUSED = {
    "NllLoss": "nll", "NllLoss2D": "nll", "NllLossNd": "nll",
    "BinaryCrossEntropy": "bce", "BinaryCrossEntropyWithLogits": "bce_with_logits",
    "MseLoss": "mse", "SmoothL1Loss": "smooth_l1", "HuberLoss": "huber",
    "MultiMarginLoss": "multi_margin", "MultilabelMarginLoss": "multilabel_margin",
    "SoftMarginLoss": "soft_margin", "CtcLoss": "ctc",
}  # fmt: skip
"""Losses that are one operation, by its kind."""

_PLAIN = frozenset({"Neg", "Mean", "Sum"})

REDUCTIONS = {0: "none", 1: "mean", 2: "sum"}


@dataclass(frozen=True)
class Head:
    """One place where predictions meet targets.

    Attributes:
        kind: "cross_entropy" (log-softmax and negative log-likelihood), "soft_cross_entropy" (log-softmax met by
            targets that are probabilities), "nll" (negative log-likelihood of what is no log-softmax), "bce",
            "bce_with_logits", "mse", "l1", "smooth_l1", "huber", ...; "gaussian" for a
            squared error over a learned variance; "squares" where a mean or sum of squares of
            something else than a difference is taken.
        op: the operation of the loss; for a loss of several, the innermost that is its own.
        source: the operation that computed what the loss takes: the scores of a cross-entropy, the predictions of a
            squared error; views, copies and casts are passed. None where it needs no gradient.
        output: what the loss took (log-probabilities in a cross-entropy; the difference in "l1" and in a squared
            error written by hand), or None where the graph does not hold it.
        target: (B, ...) what it was compared with, or None where the graph does not hold it.
        dim: of the classes, for a (soft) cross-entropy, as the user gave it; None elsewhere.
        reduction: "mean", "sum", "none", or "" where it is not told.
        ignore_index: of a negative log-likelihood; None elsewhere.
        weight: of the classes or elements, or None.
    """

    kind: str
    op: Op
    source: Op | None
    output: Tensor | None
    target: Tensor | None
    dim: int | None = None
    reduction: str = ""
    ignore_index: int | None = None
    weight: Tensor | None = None

    @property
    def num_classes(self) -> int:
        """K, where the output has one score a class; else 0."""
        if self.output is None or self.kind not in {"cross_entropy", "soft_cross_entropy", "nll"}:
            return 0
        dim = self.dim if self.dim is not None else 1
        return self.output.shape[dim] if -self.output.ndim <= dim < self.output.ndim else 0


def heads(graph: Graph) -> list[Head]:
    """Find where a loss meets its targets.

    Args:
        graph: behind the loss, before its backward pass.

    Returns:
        The heads, nearest to the loss first; none where the loss is made in a way that is not known.

    Example:
        >>> import torch
        >>> score = torch.randn(4, 3, requires_grad=True)
        >>> loss = torch.nn.functional.cross_entropy(score.softmax(1), torch.tensor([0, 1, 2, 0]))
        >>> [(head.kind, head.num_classes, head.source.kind) for head in heads(Graph(loss))]
        [('cross_entropy', 3, 'Softmax')]
    """
    found: list[Head] = []
    taken: set[int] = set()
    head: Head | None
    for op in graph:
        if op.kind in FUSED:
            head = _fused(graph, op)
        elif op.kind in {"Abs", "Pow", "Mul"}:
            head = _by_hand(graph, op)
        elif op.kind in {"Index", "Gather"}:
            head = _picked(graph, op)
        else:
            continue
        if head is not None and op.index not in taken:
            found.append(head)
            if head.kind == "cross_entropy":
                taken.update(behind.index for behind in graph.inputs(op))
    nll = {head.source.index for head in found if head.kind == "cross_entropy" and head.source is not None}
    for op in graph.of("LogSoftmax"):
        source = graph.source(op)
        if not (source is not None and source.index in nll) and not any(
            head.kind == "cross_entropy" and graph.source(head.op) is op for head in found
        ):
            met = next(((m, i) for m in graph.of("Mul") for i in (0, 1) if graph.source(m, i) is op), None)
            if met is not None:
                output, target = op.saved("result"), met[0].saved("self" if met[1] else "other")
                if target is None or output is None or target.shape == output.shape:
                    dim = _signed(op.saved("dim"))
                    found.append(Head("soft_cross_entropy", op, source, output, target, dim=dim))
    return sorted(found, key=lambda head: head.op.index)


def _fused(graph: Graph, op: Op) -> Head:
    """A loss that is one operation."""
    kind, source = FUSED[op.kind], graph.source(op)
    output, target = op.saved("self"), op.saved("target")
    reduction = REDUCTIONS.get(op.saved("reduction"), "")
    ignored = op.saved("ignore_index")
    weight = op.saved("weight")
    dim = None
    if kind == "nll" and source is not None and source.kind == "LogSoftmax":
        kind, dim = "cross_entropy", _signed(source.saved("dim"))
        output, source = source.saved("result"), graph.source(source)
    return Head(kind, op, source, output, target, dim, reduction, _signed(ignored), weight)


def _by_hand(graph: Graph, op: Op) -> Head | None:
    """A squared or absolute error of a difference, under a mean or a sum."""
    if op.kind == "Pow" and op.saved("exponent") != 2:
        return None
    if op.kind == "Mul" and not (
        len(op.inputs) == 2 and op.inputs[0] is not None and op.inputs[0] == op.inputs[1]
    ):
        return None
    above = [other for other in graph if op.index in other.inputs]
    weighed = not any(other.kind in {"Mean", "Sum"} for other in above)
    if weighed and not _in_a_density(graph, above):
        return None
    difference = graph.source(op)
    if difference is None or difference.kind not in {"Sub", "Rsub"}:
        return None
    if weighed and (op.kind == "Abs" or None not in difference.inputs):
        return None
    kind = "gaussian" if weighed else "l1" if op.kind == "Abs" else "mse"
    reduced = "mean" if any(other.kind == "Mean" for other in above) else "sum"
    taken = [graph.source(difference, i) for i in range(len(difference.inputs))]
    source = next((behind for behind in taken if behind is not None), None)
    return Head(kind, op, source, op.saved("self"), None, reduction=reduced)


def _picked(graph: Graph, op: Op) -> Head | None:
    """The log-probability of the right class, chosen by an index, under nothing but means, sums and signs."""
    logs = graph.source(op)
    if logs is None or logs.kind != "LogSoftmax":
        return None
    above = [other for other in graph if op.index in other.inputs]
    while above and all(one.kind in _PLAIN or one.kind in MOVES for one in above):
        taken = {one.index for one in above}
        above = [other for other in graph if taken & set(other.inputs)]
    if above:
        return None
    index = op.saved("index") if op.kind == "Gather" else (op.saved("indices") or (None,))[-1]
    if not isinstance(index, Tensor) or index.is_floating_point() or index.dtype is torch.bool:
        return None
    dim, output = _signed(logs.saved("dim")), logs.saved("result")
    if op.kind == "Gather" and output is not None and index.ndim == output.ndim:
        place = _signed(op.saved("dim")) or 0
        index = index.squeeze(place) if index.shape[place] == 1 else index
    return Head("cross_entropy", op, graph.source(logs), output, index, dim)


def _in_a_density(graph: Graph, above: list[Op]) -> bool:
    """Whether a square is weighed by what is learned too (a variance), and then added to and averaged."""
    now = [op for op in above if op.kind in {"Div", "Mul"} and len(op.inputs) == 2 and None not in op.inputs]
    for _ in range(6):
        now = [other for op in now for other in graph if op.index in other.inputs]
        if any(op.kind in {"Mean", "Sum"} for op in now):
            return True
        now = [op for op in now if op.kind in {"Add", "Sub", "Mul", "Div", "Neg"}]
    return False


def _signed(value: object) -> int | None:
    """An integer that autograd keeps without its sign."""
    if not isinstance(value, int):
        return None
    return value - 2**64 if value >= 2**63 else value
