r"""Missing nonlinearity: two layers in a row are one layer.

A linear layer of a linear layer is a linear layer: without an activation between them the second adds weights, and no
function that the first could not have learned.

$$ W_2 (W_1 x + b_1) + b_2 = (W_2 W_1) x + (W_2 b_1 + b_2) $$

Wrong:
    nn.Sequential(nn.Linear(64, 128), nn.Linear(128, 10))

Right:
    nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))

Fails where: the product is wanted: a factorization of low rank is told by its narrow middle and left alone, and so are
    convolutions in groups, queries, keys and values, and the inputs of recurrent layers.

References:
    goodfellow2016deep: section 6.1, two linear layers stay a linear function of their input.
"""

from collections.abc import Iterator

from torch import Tensor

from vademecum._torch.graph import MOVES, Graph, Op

from .._finding import Finding
from ..evidence.reading import weight
from ..recording.record import Scene
from ..recording.sketches import WEIGHTED

REFERENCE = "goodfellow2016deep"

CHOOSES = frozenset(
    {"Cat", "Stack", "Index", "Gather", "Select", "Unbind", "MaskedSelect", "CopySlices", "Copy"}
)
"""Moves behind which several results may stand."""


def missing_nonlinearity(scene: Scene) -> Iterator[Finding]:
    """Look whether a layer with weights is given what another one computed, and nothing between them.

    Args:
        scene: before a backward pass.

    Yields:
        "warning" where the network has no nonlinearity at all, or the two are in its body and widen; "note" where
        they narrow, as a bottleneck does, or the second is the last layer of a network that has others.
    """
    graph = scene.graph
    pairs = [(op, below) for op in graph if (below := _below(graph, op)) is not None]
    pairs = [(op, below) for op, below in pairs if _is_layer(scene, op) and not _is_multiplied(graph, op)]
    if not pairs:
        return
    linear = _is_linear(graph)
    last = next((op for op in graph if weight(graph, op) is not None), None)
    for op, below in pairs:
        outer, inner = weight(graph, op), weight(graph, below)
        if outer is None or inner is None:
            continue
        (file, line), name = op.site, _name(scene, inner)
        whole = " The whole network is one linear map of its input." if linear else ""
        wide = _middle(inner, below) >= max(_outer(outer, op), _inner(inner, below)) and op is not last
        yield Finding(
            "missing-nonlinearity", "warning" if linear or wide else "note",
            f"Nothing nonlinear stands between the layers {f'{name} {tuple(inner.shape)}'.lstrip()} and "
            f"{f'{_name(scene, outer)} {tuple(outer.shape)}'.lstrip()}: together they are one linear layer.{whole}",
            cure="Put an activation such as ReLU between them, or make them one layer.", where=name,
            evidence={"width": float(inner.shape[0])}, reference=REFERENCE, file=file, line=line,
            disproof="The product of the two matrices is wanted, as in a factorization.",
        )  # fmt: skip
        if linear:
            return


def _below(graph: Graph, op: Op) -> Op | None:
    """The layer whose result another takes as it is, unless the middle is narrow or channels are in groups."""
    outer = weight(graph, op)
    if outer is None or op.kind == "Bmm":
        return None
    behind = next(
        (b for i in op.inputs if i is not None and (b := _carried(graph, graph.ops[i])) is not None), None
    )
    inner = None if behind is None else weight(graph, behind)
    if behind is None or inner is None or inner is outer:
        return None
    if any((one.saved("groups") or 1) > 1 for one in (op, behind)):
        return None
    if outer.ndim > 2 or inner.ndim > 2:
        kernels = {tuple(w.shape[2:]) for w in (outer, inner) if w.ndim > 2}
        if any(len(set(kernel)) > 1 for kernel in kernels):
            return None  # one kernel in two factors
    narrow = _middle(inner, behind) < min(_outer(outer, op), _inner(inner, behind))
    return None if narrow else behind


def _carried(graph: Graph, op: Op) -> Op | None:
    """The weight layer behind moves of one result and an added bias; None where anything else stands between."""
    while op.kind in MOVES - CHOOSES or op.kind == "Add":
        behind = [one for one in graph.inputs(op) if not (op.kind == "Add" and one.variable is not None)]
        if len(behind) != 1:
            return None
        op = behind[0]
    return op if weight(graph, op) is not None else None


def _middle(matrix: Tensor, op: Op) -> int:
    """Features between two layers."""
    return matrix.numel() // max(_inner(matrix, op), 1)


def _outer(matrix: Tensor, op: Op) -> int:
    """Features that a layer gives, times the size of its filter."""
    return matrix.shape[0] if not (op.saved("transposed") or False) else matrix.shape[1]


def _inner(matrix: Tensor, op: Op) -> int:
    """Features that a layer takes, times the size of its filter."""
    return matrix.numel() // max(matrix.shape[0] if not op.saved("transposed") else matrix.shape[1], 1)


def _is_layer(scene: Scene, op: Op) -> bool:
    """Whether a product is by a layer's weight: no learned query, and no part of a recurrent layer."""
    name = scene.record.names.get(id(weight(scene.graph, op)), "weight").rpartition(".")[2].lower()
    return name.startswith("w") and "weight_ih" not in name and "weight_hh" not in name


def _is_multiplied(graph: Graph, op: Op) -> bool:
    """Whether a layer's result meets another result in a product, as queries, keys and values do."""
    above, waiting, seen = graph.consumers, [op], set()
    while waiting:
        for up in above.get(waiting.pop().index, ()):
            if "Attention" in up.kind or (up.kind in WEIGHTED and weight(graph, up) is None):
                return True
            moves = up.kind in MOVES | {"Add"} or (up.kind in {"Mul", "Div"} and len(graph.inputs(up)) == 1)
            if moves and up.index not in seen:
                seen.add(up.index)
                waiting.append(up)
    return False


def _is_linear(graph: Graph) -> bool:
    """Whether from the last weights to the first nothing is nonlinear."""
    top = next((op for op in graph if weight(graph, op) is not None), None)
    if top is None:
        return False
    allowed = MOVES | {"Add", "AccumulateGrad"}
    return all(op.kind in allowed or weight(graph, op) is not None for op in graph.behind(top))


def _name(scene: Scene, matrix: Tensor | None) -> str:
    """Path of the layer that a weight belongs to."""
    name = scene.record.names.get(id(matrix), "")
    return name.rpartition(".")[0] or name
