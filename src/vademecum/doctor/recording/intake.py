"""What the first layer is given, and how well each class is told: read from the graph of a loss."""

import torch
from torch import Tensor

from vademecum._torch.graph import MOVES

from . import sketches
from .figures import Entry, strided
from .record import Call, Look, Scene, Site

SAVED = {
    "Addmm": (1, "mat1", 2), "Mm": (0, "self", 1), "Convolution": (0, "input", 1), "Linear": (0, "input", 1),
    "MkldnnRnnLayer": (0, "input", 1), "CudnnRnn": (0, "input", 1),
}  # fmt: skip
"""Kinds of layers -> place of their data, the name under which autograd keeps it, place of their weight."""

CLASSES = 1000
"""Classes up to which hits are counted."""


def first_input(scene: Scene) -> tuple[Tensor, str] | None:
    """Find what the first layer with weights is given, after all that is done to the input without learning.

    Args:
        scene: before a backward pass.

    Returns:
        (B, ...) values and the layer's path, "" where it is in no module; None for a model that begins with a
        normalization or an embedding that learns.
    """
    found: tuple[Tensor, str] | None = None
    for op in scene.graph:
        place, name, weight = SAVED.get(op.kind, (0, "", 0))
        if not name or len(op.inputs) <= max(place, weight) or op.inputs[place] is not None:
            continue
        leaf = scene.graph.source(op, weight)
        data = op.saved(name)
        if leaf is None or leaf.variable is None or data is None or not data.numel() or data.ndim < 2:
            continue
        if found is None or data.numel() >= found[0].numel():
            found = data.detach(), scene.record.names.get(id(leaf.variable), "").rpartition(".")[0]
    return found


def entry(scene: Scene) -> Entry | None:
    """Figures of what the first layer is given, or None."""
    found = first_input(scene)
    if found is None:
        return None
    data, layer = found
    axis = 1 if data.ndim >= 4 else data.ndim - 1
    columns = data.movedim(axis, -1).reshape(-1, data.shape[axis])
    columns = columns[:: max(1, len(columns) // 1024), :: max(1, columns.shape[1] // 1024)].double()
    std, mean = torch.std_mean(columns, 0, correction=0)
    given = scene.calls[0].inputs if scene.calls else ()
    raw = not given or any(
        x.numel() == data.numel() and x.dtype == data.dtype and _same(x, data) for x in given
    )
    return Entry(layer, raw, tuple(mean.tolist()), tuple(std.tolist()), float(columns.abs().max()))


def _same(x: Tensor, data: Tensor) -> bool:
    return torch.equal(strided(x, 64), strided(data, 64))


def fill(look: Look, scene: Scene, memory: int) -> None:
    """Note what the first layer is given, hits of the classes, and what the loss is made of.

    Args:
        look: of this step.
        scene: before its backward pass.
        memory: bytes of training data that may be kept, where the loop has no module and the graph alone shows it.
    """
    look.entry, look.hits, look.own_loss = entry(scene), hits(scene), own_loss(scene)
    adds = bool(scene.heads) and (scene.heads[0].reduction == "sum" or scene.graph.ops[0].kind == "Sum")
    look.summed = adds
    if not scene.calls:
        _take(scene, memory)


def _take(scene: Scene, memory: int) -> None:
    """Keep the batch of a loop without modules, as the first layer was given it."""
    found = first_input(scene)
    if found is not None and len(found[0]):
        call = Call("", scene.record.steps, (found[0],), (), {}, True, {}, True, Site())
        target = scene.target if scene.target is not None else sketches.target(scene.heads, None)
        sketches.keep(scene.record.train, call, target, memory)


def own_loss(scene: Scene) -> bool:
    """Whether the loss is the value of its first head, with nothing added to it or multiplied with it."""
    op, root = (scene.heads[0].op if scene.heads else None), scene.graph.ops[0]
    while (
        op is not None and root is not op and root.kind in {"Mean", "Sum", *MOVES} and len(root.inputs) == 1
    ):
        if root.inputs[0] is None:
            return False
        root = scene.graph.ops[root.inputs[0]]
    return root is op


def hits(scene: Scene) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Examples and right answers of each class in this batch; two empty tuples where there are no classes."""
    for head in scene.heads:
        y, output = head.target, head.output
        if y is None or output is None:
            continue
        if (
            head.kind in {"cross_entropy", "nll"}
            and 1 < head.num_classes <= CLASSES
            and not y.is_floating_point()
        ):
            guess, classes = output.argmax(head.dim if head.dim is not None else 1), head.num_classes
        elif head.kind in {"bce", "bce_with_logits"} and output.shape == y.shape and output.numel() == len(y):
            if not bool(((y == 0) | (y == 1)).all()):
                continue
            guess, classes = (output > (0.5 if head.kind == "bce" else 0.0)).long(), 2
        else:
            continue
        guess, y = guess.reshape(-1), y.reshape(-1).long()
        if guess.shape != y.shape:
            continue
        known = (
            (y >= 0) & (y < classes) & (y != (head.ignore_index if head.ignore_index is not None else -100))
        )
        y, guess = y[known], guess[known]
        seen = torch.bincount(y, minlength=classes)
        right = torch.bincount(y[guess == y], minlength=classes)
        return tuple(seen.tolist()), tuple(right.tolist())
    return (), ()
