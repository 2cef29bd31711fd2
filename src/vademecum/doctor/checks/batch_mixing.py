r"""Batch mixing: what the network says of one example depends on the others in its batch.

A view that puts the batch where the features were, a layer that takes the batch for the time, a mean or a softmax over
dimension 0: the shapes fit, the loss falls, and the prediction for an example changes with its neighbors.

$$ \frac{\partial f(x)_i}{\partial x_j} = 0 \quad (i \neq j) $$

Wrong:
    h = self.attention(x)  # x is (batch, time, features), the layer expects (time, batch, features)

Right:
    self.attention = nn.TransformerEncoderLayer(64, 4, batch_first=True)

Fails where: rows are meant to see one another, as the nodes of a graph; where that is seen, nothing is said.

References:
    karpathy2019recipe: "use backprop to chart dependencies", an output depends on its own example alone.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from vademecum._torch.graph import Graph
from vademecum._torch.trace import tensors

from .._finding import Finding
from ..evidence.probes import Subject, Trace, by_example, moved, outputs, shifted_axis, subjects, tolerance
from ..evidence.reading import weight
from ..recording.record import NotCheckedError, Record

REFERENCE = "karpathy2019recipe"

TRIALS = 4
"""Halves of the batch that are exchanged, one after another; two of them must move the other half."""

GATHERS = frozenset({"IndexAdd", "ScatterAdd", "ScatterReduce", "SparseAddmm", "SparseMm", "IndexReduce"})
"""Operations of networks on graphs."""


def batch_mixing(record: Record) -> Iterator[Finding]:
    """Exchange half of a kept batch and look whether the outputs of the other half move, in evaluation mode.

    Args:
        record: of the run so far.

    Yields:
        "error" where they do; "note" where several models train with several optimizers and no classes are told, for
        a critic may compare examples.

    Raises:
        NotCheckedError: no pass can be run again, or it is not clear that rows are examples.
    """
    for subject in subjects(record, fewest=3):
        _refuse(subject)
        plain = subject.run()
        before = by_example(plain, subject.main)
        if before is None:
            raise NotCheckedError("the model returns nothing that has a row for each example")
        size = len(before)
        told, worst, where = 0, 0.0, ""
        for rows in _halves(size):
            after = by_example(subject.run(partial(_exchanged, rows=rows)), subject.main)
            if after is None or after.shape != before.shape:
                raise NotCheckedError("the model's output has another shape for other examples")
            change = float(moved(before, after)[~rows].max())
            worst = max(worst, change)
            if change > tolerance(outputs(plain)[0]):
                told, where = told + 1, where or _place(subject, rows)
        classes = subject.kept.target is not None and not subject.kept.target.is_floating_point()
        critic = len(record.models) > 1 and len(record.optimizers) > 1 and not classes
        if told >= 2:
            yield Finding(
                "batch-mixing", "note" if critic else "error",
                f"When half of {size} examples are exchanged, the outputs of the others change by up to {worst:.2g} of "
                "their size, in evaluation mode: examples are mixed" + (f", first in {where}." if where else "."),
                cure="Look for a layer without batch_first=True, a view or reshape across the batch, and a mean, "
                "softmax or normalization over dimension 0.",
                where=where, evidence={"change": worst, "trials": TRIALS, "moved": told}, reference=REFERENCE,
                disproof="Examples are meant to see one another, as the nodes of a graph do.",
            )  # fmt: skip


def _halves(size: int) -> list[Tensor]:
    """(B,) bool, the halves of a batch that are exchanged, one after another."""
    rows = torch.arange(size)
    return [rows % 2 == 0, rows % 2 == 1, rows < size // 2, rows >= size // 2]


def _exchanged(x: Tensor, rows: Tensor) -> Tensor:
    """A tensor in which copies of the other rows stand in some rows."""
    if x.ndim == 0 or len(x) != len(rows):
        return x
    rows = rows.to(x.device)
    others = x.detach()[~rows]
    other = x.detach().clone()
    other[rows] = others[torch.arange(int(rows.sum()), device=x.device) % len(others)]
    return other


def _refuse(subject: Subject) -> None:
    """Refuse what is no batch of examples for sure.

    Raises:
        NotCheckedError: with the reason.
    """
    x, y, size = subject.main, subject.kept.target, len(subject.main)
    single = y is not None and y.ndim > 0 and len(y) == size and y.numel() == size
    features = x.is_floating_point() and (x.ndim == 2 or x.ndim >= 4)
    if not (single or features or shifted_axis(x, y) == 1):
        raise NotCheckedError("it is not clear which dimension of the input counts the examples")
    for given in tensors((subject.kept.args, subject.kept.kwargs)):
        pairs = given.ndim == 2 and len(given) == 2 and size != 2 and not given.is_floating_point()
        if (
            given.is_sparse
            or given.layout is not torch.strided
            or pairs
            or (given is not x and tuple(given.shape) == (size, size))
        ):
            raise NotCheckedError("the rows are nodes of a graph, which are meant to see one another")
    flat: list[bool] = []
    result = subject.run(grad=True, watch=lambda copy: _attach(copy, flat))
    if any(flat):
        raise NotCheckedError("a recurrent layer or attention is given a whole batch as one sequence")
    for out in (out for out in tensors(result) if out.grad_fn is not None):
        graph = Graph(out)
        for op in graph:
            if op.kind in GATHERS:
                raise NotCheckedError("the rows are nodes of a graph, which are meant to see one another")
            matrix = op.saved("self") if op.kind == "Mm" else op.saved("mat1") if op.kind == "Addmm" else None
            constant = (
                isinstance(matrix, Tensor)
                and tuple(matrix.shape) == (size, size)
                and not matrix.requires_grad
            )
            if constant and weight(graph, op) is None:
                raise NotCheckedError(
                    "the rows are multiplied by a table of all pairs, as the nodes of a graph are"
                )


def _attach(copy: nn.Module, flat: list[bool]) -> None:
    """Let recurrent layers and attention note whether they are given a table for a sequence."""
    for part in copy.modules():
        if isinstance(part, (nn.RNNBase, nn.MultiheadAttention)):
            part.register_forward_pre_hook(lambda module, args: flat.append(bool(args) and args[0].ndim == 2))


def _place(subject: Subject, rows: Tensor) -> str:
    """Path of the first module whose results for the other examples change, where its rows are examples."""
    before, after = Trace([]), Trace([])
    subject.run(watch=lambda copy: before.attach(copy, (len(rows),)))
    subject.run(partial(_exchanged, rows=rows), watch=lambda copy: after.attach(copy, (len(rows),)))
    return before.first(after, lambda mine, its: bool(moved(mine, its)[~rows].max() > 1e-4))
