"""Read what stands between a network's last weights and its loss."""

from collections.abc import Iterable

import torch
from torch import Tensor

from vademecum._torch.graph import MOVES, Graph, Op

from ..recording.record import Scene
from ..recording.sketches import WEIGHTED

SCALED = frozenset({"Mul", "Div"})
"""Operations whose second argument may be a constant."""

CLAMPS = frozenset({"Clamp", "ClampMin", "ClampMax"})
"""Operations that cut values off."""

RANGES: dict[str, tuple[float, float]] = {
    "Sigmoid": (0.0, 1.0), "Hardsigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Relu": (0.0, float("inf")),
    "Softplus": (0.0, float("inf")), "Exp": (0.0, float("inf")), "Softmax": (0.0, 1.0),
    "LogSoftmax": (-float("inf"), 0.0), "LogSigmoid": (-float("inf"), 0.0),
}  # fmt: skip
"""Operations whose results lie in a range, whatever they are given."""

SAID = {
    "Sigmoid": "sigmoid", "Hardsigmoid": "hard sigmoid", "Tanh": "tanh", "Relu": "ReLU", "Softplus": "softplus",
    "Exp": "exponential", "Softmax": "softmax", "LogSoftmax": "log-softmax", "LogSigmoid": "log-sigmoid",
    "Hardtanh": "clipped output", "Clamp": "clamp", "ClampMin": "clamp", "ClampMax": "clamp",
    "Elu": "ELU", "Threshold": "ReLU",
}  # fmt: skip
"""What their kinds are called in a sentence."""


def weighted(op: Op) -> bool:
    """Whether an operation multiplies by a weight matrix or filter, or may hide that."""
    return op.kind in WEIGHTED or "Rnn" in op.kind or "Attention" in op.kind or op.kind.startswith("Compiled")


def near(graph: Graph, start: Op | None = None) -> list[Op]:
    """The operations between the loss and the last weights, the latter with them; nearest to the loss first.

    What stands in front of any weight layer, such as the softmax of an attention, is not among them.

    Args:
        graph: behind the loss.
        start: where to begin instead of at the loss; it is the first of the list.

    Returns:
        The operations.
    """
    begin = graph.ops[:1] if start is None else [start]
    if not begin or weighted(begin[0]):
        return begin
    return begin + graph.behind(begin[0], stop=weighted)


def weight(graph: Graph, op: Op) -> Tensor | None:
    """The trained matrix or filter that an operation multiplies by, or None where it multiplies two results."""
    if op.kind not in WEIGHTED:
        return None
    behind = [graph.source(op, place) for place in reversed(range(len(op.inputs)))]
    leaves = [one.variable for one in behind if one is not None and one.variable is not None]
    return next((leaf for leaf in leaves if leaf.ndim >= 2), None)


def scores(graph: Graph, op: Op | None) -> bool:
    """Whether an operation's results are raw scores: those of a layer with weights, or such with a bias added."""
    if op is None:
        return False
    if op.kind == "Add":
        behind = [graph.source(op, place) for place in range(len(op.inputs))]
        kept = [one for one in behind if one is not None and one.variable is None]
        return len(kept) == 1 and scores(graph, kept[0])
    return weight(graph, op) is not None


def raw_scores(graph: Graph, op: Op | None) -> Op | None:
    """The layer whose scores an operation takes, through moves, clamps and small numbers added; None without one."""
    passed = MOVES | CLAMPS | {"Add"}
    while op is not None and not scores(graph, op):
        behind = graph.inputs(op)
        op = behind[0] if op.kind in passed and len(behind) == 1 else None
    return op


def value(scene: Scene, op: Op) -> Tensor | None:
    """What an operation computed, where the graph or the model's output holds it; without its gradient."""
    result = op.saved("result")
    if isinstance(result, Tensor):
        return result.detach()
    first, second = op.saved("self"), op.saved("other")
    if op.kind == "Div" and isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.detach() / second.detach()
    for call in scene.calls:
        for output in call.outputs:
            if output.grad_fn is not None and output.grad_fn is op.node:
                return output.detach()
    return None


def is_probabilities(value: Tensor, dim: int = -1) -> bool:
    """Whether rows are probabilities: nowhere negative, and of sum 1."""
    if value.ndim < 1 or value.shape[dim] < 2 or not value.numel() or not value.is_floating_point():
        return False
    rows = value.float()
    near_one = (rows.sum(dim) - 1).abs().max() < (1e-4 if value.dtype.itemsize >= 4 else 2e-2)
    return bool(near_one) and bool(rows.min() >= 0)


def signs(graph: Graph, op: Op) -> frozenset[int]:
    """With which signs an operation enters the loss: 1, -1, or 0 where that hangs on a value not known here.

    Args:
        graph: behind the loss.
        op: one of its operations; the way up to the loss is followed through sums, means, moves and multiples.

    Returns:
        One sign for each way up.
    """
    above = graph.consumers
    found: set[int] = set()
    waiting: list[tuple[Op, int]] = [(op, 1)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        now, sign = waiting.pop()
        if now.index == 0:
            found.add(sign)
        for up in above.get(now.index, ()):
            turned = sign * _turn(up, now.index)
            if (up.index, turned) not in seen:
                seen.add((up.index, turned))
                waiting.append((up, turned))
    return frozenset(found)


def _turn(op: Op, index: int) -> int:
    """Whether an operation keeps the sign of an argument, turns it, or neither for sure."""
    if op.kind in MOVES or op.kind in {"Mean", "Sum", "Add", "Nansum", "MaskedFill"}:
        return 1
    if op.kind == "Neg" or op.kind == "Rsub":
        return -1
    if op.kind == "Sub":
        return 1 if op.inputs and op.inputs[0] == index else -1
    if op.kind in SCALED:
        if sum(i is not None for i in op.inputs) > 1 or (op.kind == "Div" and op.inputs[0] is None):
            return 0
        by = op.saved("other") if op.saved("other") is not None else op.saved("self")
        if isinstance(by, Tensor) and by.numel():
            low, high = (float(edge) for edge in torch.aminmax(by.detach().double()))
            return 1 if low >= 0 < high else -1 if high <= 0 > low else 0
    return 0


def through(graph: Graph, op: Op | None, kinds: Iterable[str]) -> Op | None:
    """The operation behind some that take one result each: moves, and those of the kinds."""
    passed = set(kinds) | MOVES
    while op is not None and op.kind in passed:
        behind = graph.inputs(op)
        op = behind[0] if len(behind) == 1 else None
    return op


def axis(op: Op, ndim: int) -> int:
    """The dimension that an operation worked along, from 0; -1 where it tells none or several."""
    dim = op.saved("dim")
    if isinstance(dim, (tuple, list)):
        dim = dim[0] if len(dim) == 1 else None
    if not isinstance(dim, int) or ndim < 1:
        return -1
    return (dim - 2**64 if dim >= 2**63 else dim) % ndim


def is_sigmoid(graph: Graph, op: Op | None) -> bool:
    """Whether an operation is a sigmoid: torch's, or the last of 1 / (1 + exp(-x))."""
    chain: list[str] = []
    while op is not None and len(chain) < 4:
        chain.append(op.kind)
        if op.kind == "Sigmoid":
            return len(chain) == 1
        behind = graph.inputs(op)
        op = behind[0] if len(behind) == 1 else None
    text = " ".join(chain)
    return text.startswith(("Mul Reciprocal Add Exp", "Reciprocal Add Exp", "Div Add Exp"))
