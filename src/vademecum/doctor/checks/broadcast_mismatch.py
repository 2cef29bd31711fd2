r"""Broadcast mismatch: N predictions meet N targets as a table of N x N.

Predictions of shape (N, 1) and targets of shape (N,) are no error for torch: it compares every prediction with every
target. The best answer to that is the mean of the targets, for every input.

$$ \frac{1}{N^2} \sum_{i,j} (\hat y_i - y_j)^2 \quad \text{instead of} \quad \frac{1}{N} \sum_i (\hat y_i - y_i)^2 $$

Wrong:
    loss = ((model(x) - y) ** 2).mean()  # (N, 1) and (N,)

Right:
    loss = ((model(x).squeeze(1) - y) ** 2).mean()

Fails where: all pairs are meant; a dimension that is added right in front of the difference is taken for that.

References:
    karpathy2019recipe: broadcasting runs and is wrong, so shapes are to be verified.
"""

import math
from collections.abc import Iterator

from torch import Tensor

from vademecum._torch.graph import Op

from .._finding import Finding
from ..evidence.reading import near
from ..recording.record import Scene

REFERENCE = "karpathy2019recipe"

PLAIN = frozenset(
    {
        "Pow",
        "Abs",
        "Mul",
        "Div",
        "Add",
        "Log",
        "Cosh",
        "Sqrt",
        "Clamp",
        "ClampMin",
        "ClampMax",
        "Relu",
        "Neg",
        "Mean",
        "Sum",
        "Sub",
    }
)
"""What stands between a difference and a loss that takes the mean of all its entries."""

ADDED = frozenset({"Unsqueeze", "Select", "Slice", "Index"})
"""Moves that say that a shape was meant."""


def broadcast_mismatch(scene: Scene) -> Iterator[Finding]:
    """Look whether N numbers met N others and became N x N next to the loss.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where they did.
    """
    for op in near(scene.graph):
        behind = _stretched(scene, op)
        if behind is None:
            continue
        (file, line), shape = op.site, behind.shape or ()
        count = math.prod(shape)
        flat = (count,) if len(shape) > 1 else (count, 1)
        yield Finding(
            "broadcast-mismatch", "error",
            f"Outputs of shape {shape} meet {flat} next to the loss and become {op.shape}: every one of the {count} "
            "predictions is compared with every target, which is least where all predictions are the mean.",
            cure="Bring both to one shape: prediction.squeeze(-1), or target.unsqueeze(-1).",
            where=scene.layer(behind), evidence={"predictions": count, "compared": math.prod(op.shape or ())},
            reference=REFERENCE, file=file, line=line, diff="- prediction\n+ prediction.squeeze(-1)",
            disproof="All pairs are meant.",
        )  # fmt: skip
        return


def _stretched(scene: Scene, op: Op) -> Op | None:
    """What was stretched from N to N x N by an operation that met a constant of N values, or None."""
    behind = scene.graph.inputs(op)
    if len(behind) != 1 or behind[0].kind in ADDED or not _meets(scene, op, math.prod(behind[0].shape or ())):
        return None
    shape, result = behind[0].shape, op.shape
    if shape is None or result is None or (count := math.prod(shape)) < 2:
        return None
    if sorted(size for size in result if size > 1) != [count, count]:
        return None
    examples = {len(x) for call in scene.calls for x in call.inputs if x.ndim}
    return behind[0] if not examples or count in examples else None


def _meets(scene: Scene, op: Op, count: int) -> bool:
    """Whether an operation can stretch its argument by meeting a constant of so many values."""
    if op.kind in {"Mul", "Div"}:
        by = op.saved("other") if op.saved("other") is not None else op.saved("self")
        return isinstance(by, Tensor) and by.numel() == count
    if op.kind in {"Sub", "Rsub"}:
        return _plain(scene, op)
    if op.kind != "Expand":
        return False
    targets = [t for up in scene.graph.consumers.get(op.index, []) if (t := up.saved("target")) is not None]
    if targets:  # a loss of one operation stretches both itself
        return 0 in targets[0].stride()
    return any(head.kind == "l1" and scene.graph.source(head.op) is not None for head in scene.heads)


def _plain(scene: Scene, op: Op) -> bool:
    """Whether a difference is averaged over all its entries: no kernel, no minimum over pairs."""
    above, waiting, seen = scene.graph.consumers, [op], set()
    while waiting:
        for up in above.get(waiting.pop().index, ()):
            if up.kind not in PLAIN:
                return False
            if up.index not in seen:
                seen.add(up.index)
                waiting.append(up)
    return True
