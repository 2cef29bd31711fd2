"""The narrowest place of a network: where all of the signal passes through few numbers."""

import math

from vademecum._torch.graph import Graph

from .sketches import WEIGHTED


def bottleneck(graph: Graph) -> int:
    """Find how few numbers an example is squeezed into in front of a layer with weights.

    Only places that every path passes count: a narrow branch beside a wide one, as a low-rank adapter or an attention
    head is, narrows nothing.

    Args:
        graph: behind the loss.

    Returns:
        Numbers an example, or a position of a sequence that was flattened; 0 where no place lies before a layer.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8))
        >>> bottleneck(Graph(net(torch.randn(4, 9)).sum()))
        2
    """
    if not len(graph) or not graph.whole:
        return 0
    carries = {op.index for op in graph if op.kind in WEIGHTED or op.kind == "Embedding"}
    behind = {op.index: {i for i in op.inputs if i is not None} for op in graph}
    above: dict[int, set[int]] = {op.index: set() for op in graph}
    for index, parents in behind.items():
        for parent in parents:
            above[parent].add(index)
    waiting = list(carries)
    while waiting:  # what has a layer behind it carries the signal; a weight on its way to a layer does not
        for index in above[waiting.pop()]:
            if index not in carries:
                carries.add(index)
                waiting.append(index)
    left = {index: len(above[index] & carries) for index in carries}
    met, ready, layers, least = {0}, [0] if 0 in carries else [], 0, math.inf
    while ready:
        op = graph.ops[ready.pop()]
        shape = op.shape
        if met == {op.index} and layers and shape is not None and len(shape) > 1:
            least = min(least, math.prod(shape[1:]))
        met.discard(op.index)
        layers += op.kind in WEIGHTED
        for index in behind[op.index] & carries:
            met.add(index)
            left[index] -= 1
            if not left[index]:
                ready.append(index)
    return int(least) if math.isfinite(least) else 0
