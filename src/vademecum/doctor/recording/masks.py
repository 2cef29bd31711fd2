"""Which part of the values the dropouts of a graph let through, whoever wrote them."""

from torch import Tensor

from vademecum._torch.graph import Graph, Op

from .figures import strided

FEW = 32
"""Values of a mask below which its share of zeros says too little."""


def kept(graph: Graph) -> float:
    """The share of values that reaches the loss from the weight that is cut off most.

    Dropouts in a row multiply; where there is a way around one, as in a residual block, the way around counts.

    Args:
        graph: behind the loss, before its backward pass.

    Returns:
        The share; 1 where nothing is dropped.

    Example:
        >>> import torch
        >>> w = torch.ones(1000, requires_grad=True)
        >>> x = torch.nn.functional.dropout(w, 0.5)
        >>> kept(Graph(torch.nn.functional.dropout(x, 0.5).sum())), kept(Graph((w + x).sum()))
        (0.25, 1.0)
    """
    shares = {op.index: share for op in graph if (share := _share(op)) < 1}
    if not shares:
        return 1.0
    waiting = [0] * len(graph)  # operations above that have not been passed yet
    for op in graph:
        for index in {i for i in op.inputs if i is not None}:
            waiting[index] += 1
    through, ready, least = [0.0] * len(graph), [0], 1.0
    through[0] = 1.0
    while ready:
        op = graph.ops[ready.pop()]
        through[op.index] *= shares.get(op.index, 1.0)
        if op.variable is not None:
            least = min(least, through[op.index])
        for index in {i for i in op.inputs if i is not None}:
            through[index] = max(through[index], through[op.index])
            waiting[index] -= 1
            if not waiting[index]:
                ready.append(index)
    return least


def _share(op: Op) -> float:
    """The share that a multiplication with a mask lets through; 1 for any other operation."""
    if op.kind == "NativeDropout":
        p = op.saved("p")
        return 1 - float(p) if isinstance(p, float) and 0 <= p < 1 else 1.0
    if op.kind != "Mul":
        return 1.0
    for name in ("other", "self"):
        mask = op.saved(name)
        if (
            not isinstance(mask, Tensor)
            or mask.numel() < FEW
            or mask.requires_grad
            or not mask.is_floating_point()
        ):
            continue
        values = strided(mask, 4096).float()
        high = float(values.max())
        if high > 1.001 and bool(((values == 0) | ((values - high).abs() < 1e-3 * high)).all()):
            return 1 / high
    return 1.0
