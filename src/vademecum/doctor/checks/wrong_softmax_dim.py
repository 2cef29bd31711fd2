r"""Softmax over the batch: scores are normalized over the examples, not over the classes.

The probabilities of one example then do not sum to 1; those of one class over the batch do. The loss still falls, but
an example's probabilities depend on which others are in the batch.

$$ \sum_k p_{nk} = 1 \text{ for each example } n, \quad \text{not} \quad \sum_n p_{nk} = 1 $$

Wrong:
    log_p = F.log_softmax(model(x), dim=0)

Right:
    log_p = F.log_softmax(model(x), dim=-1)

Fails where: examples are compared with one another on purpose, as a contrastive loss does; scores that are products of
    two representations are left alone.

References:
    bridle1990probabilistic: the outputs of one input sum to 1.
    vaswani2017attention: section 3.2.1, the softmax gives the weights on the values.
"""

from collections.abc import Iterator

from torch import Tensor

from vademecum._torch.graph import MOVES, Graph, Op

from .._finding import Finding
from ..evidence.reading import CLAMPS, axis, near, scores, through, weight
from ..recording.record import Scene

REFERENCE = "bridle1990probabilistic"

OFF = 1e-2
"""Of a row's sum; half precision stays below it."""

LOSSES = frozenset(
    {"NllLoss", "NllLoss2D", "BinaryCrossEntropy", "Log", "Index", "Gather", "MseLoss", "Mul", "Sub"}
)
"""Operations by which probabilities enter a loss."""


PAIRS = frozenset({"Mul", "Div", "MaskedFill", "Add", "Where"})
"""Between the scores of pairs and their softmax: a scale, a mask, a bias."""

KEEPS = frozenset({"View", "UnsafeView", "ReshapeAlias", "Expand", "Clone", "ToCopy", "Alias"})
"""Moves that come between a softmax of attention and the sum that it weights."""


def wrong_softmax_dim(scene: Scene) -> Iterator[Finding]:
    """Look whether the softmax next to the loss was taken over the classes.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where it was taken over another dimension; "warning" for an attention that normalizes its queries.
    """
    graph = scene.graph
    for op, size in _attention(graph):
        file, line = op.site
        yield Finding(
            "wrong-softmax-dim", "warning",
            f"The softmax of an attention is taken over the queries, dimension -2 of its scores, and its result is "
            f"summed over the {size} keys: the weights of one query do not sum to 1.",
            cure="Take the softmax over the keys: dim=-1.", where=scene.layer(op), evidence={"keys": size},
            reference="vaswani2017attention", file=file, line=line, diff="- dim=-2\n+ dim=-1",
            disproof="The weights are normalized over the keys afterwards.",
        )  # fmt: skip
        break
    for op in near(graph):
        if op.kind not in {"Softmax", "LogSoftmax"} or not scores(graph, graph.source(op)):
            continue
        result = op.saved("result")
        if result is None or result.ndim < 2 or result.shape[axis(op, result.ndim)] < 2:
            continue
        dim = axis(op, result.ndim)
        rows = _picked(graph, op)
        wrong = _is_off(rows) if rows is not None else dim == 0 and _in_the_batch(scene, op, result)
        if not wrong:
            continue
        file, line = op.site
        over = "the batch" if dim == 0 else f"dimension {dim}"
        yield Finding(
            "wrong-softmax-dim", "error",
            f"The softmax of the output {tuple(result.shape)} is taken over {over}, not over the classes: the "
            "probabilities of one example do not sum to 1.",
            cure="Take the softmax over the classes: dim=-1, or dim=1 for outputs (batch, classes, ...).",
            where=scene.layer(op), evidence={"dim": dim, "size": result.shape[dim]}, reference=REFERENCE,
            file=file, line=line, diff=f"- dim={dim}\n+ dim=-1", disproof="Each row of probabilities sums to 1.",
        )  # fmt: skip


def _attention(graph: Graph) -> Iterator[tuple[Op, int]]:
    """Softmaxes over scores of pairs whose results are summed over another dimension, and that dimension's size."""
    above = graph.consumers
    for op in graph.of("Softmax"):
        result, source = op.saved("result"), through(graph, graph.source(op), PAIRS)
        if result is None or result.ndim < 2 or source is None or source.kind not in {"Bmm", "Mm", "Baddbmm"}:
            continue
        if len(graph.inputs(source)) < 2 or weight(graph, source) is not None:
            continue
        now = op
        while len(above.get(now.index, ())) == 1 and _keeps_last(graph, above[now.index][0]):
            now = above[now.index][0]
        for up in above.get(now.index, ()):
            first = up.kind in {"Bmm", "Mm"} and len(graph.inputs(up)) == 2 and up.inputs[0] == now.index
            if first and axis(op, result.ndim) == result.ndim - 2:
                yield op, result.shape[-1]


def _keeps_last(graph: Graph, op: Op) -> bool:
    """Whether an operation leaves the last dimension what it is: a view of the others, a dropout, a cast."""
    return op.kind in KEEPS or (op.kind == "Mul" and len(graph.inputs(op)) == 1)


def _picked(graph: Graph, op: Op) -> Tensor | None:
    """What a negative log-likelihood made of the result picks a class of, classes second; None where there is none."""
    for up in _above(graph, op):
        if up.kind.startswith("NllLoss"):
            taken = up.saved("self")
            return taken if isinstance(taken, Tensor) and taken.ndim > 1 else None
    return None


def _is_off(rows: Tensor) -> bool:
    """Whether rows do not sum to 1 over their classes, which stand second."""
    values = rows.detach().float()
    sums = values.exp().sum(1) if bool(values.max() <= 0) else values.sum(1)
    return float((sums - 1).abs().median()) > OFF


def _in_the_batch(scene: Scene, op: Op, result: Tensor) -> bool:
    """Whether the first dimension is that of the examples, and the result goes into the loss as it is."""
    target = scene.target
    examples = {len(target)} if target is not None and target.ndim else set()
    examples |= {len(x) for call in scene.calls for x in call.inputs if x.ndim > 1}
    if len(result) not in examples or result.shape[1] < 2:
        return False
    output = any(out.grad_fn is op.node for call in scene.calls for out in call.outputs)
    above = _above(scene.graph, op)
    return output or any(up.kind in LOSSES and len(scene.graph.inputs(up)) == 1 for up in above)


def _above(graph: Graph, op: Op) -> list[Op]:
    """What takes a result, seen through moves, a logarithm, and small numbers added."""
    above, found, waiting = graph.consumers, [], [op]
    while waiting:
        for up in above.get(waiting.pop().index, ()):
            found.append(up)
            if up.kind in MOVES | CLAMPS | {"Log", "Add"}:
                waiting.append(up)
    return found
