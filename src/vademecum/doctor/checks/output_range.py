r"""Output range: the activation on the output cannot reach the targets.

A sigmoid ends between 0 and 1, a tanh between -1 and 1, a ReLU at 0. Where targets lie outside, the loss has a floor
that no training removes, and the units sit in the flat end of their activation. Raw scores of classes want no
activation at all.

$$ L \geq \operatorname{mean} \min_{o \in \text{range}} (o - y)^2 $$

Wrong:
    loss = F.mse_loss(torch.sigmoid(model(x)), y)  # y is standardized

Right:
    loss = F.mse_loss(model(x), y)

Fails where: the targets outside are outliers that are cut off on purpose.

References:
    goodfellow2016deep: section 6.2.2, the output unit is chosen with the distribution of the targets.
"""

import math
from collections.abc import Iterator

from torch import Tensor

from vademecum._torch.graph import Op

from .._finding import Finding
from ..evidence.reading import CLAMPS, RANGES, SAID, scores
from ..recording.heads import Head
from ..recording.record import Scene

REFERENCE = "goodfellow2016deep"

SHARE, FLOOR = 0.02, 0.01
"""Of the targets outside the range, and of the loss of the best constant that they cost: below both it may be noise."""

DIFFERENCES = frozenset({"mse", "l1", "smooth_l1", "huber"})
"""Losses of a distance, which any target in the range brings to 0."""


def output_range(scene: Scene) -> Iterator[Finding]:
    """Look whether the output's activation leaves out what the targets ask for.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where targets cannot be reached, or the scores of a classifier are bounded; "warning" where scores
        only cannot be negative.
    """
    for head in scene.heads:
        if head.source is None or not scores(scene.graph, scene.graph.source(head.source)):
            continue
        low, high = _range(head.source)
        if not (math.isfinite(low) or math.isfinite(high)):
            continue
        if head.kind in DIFFERENCES and head.source.kind != "LogSoftmax":
            yield from _unreached(scene, head, head.source, low, high)
        elif head.kind in {"cross_entropy", "bce_with_logits"} and head.source.kind not in {"Softmax", "Exp"}:
            yield from _bounded(scene, head, head.source, low, high)


def _range(op: Op) -> tuple[float, float]:
    if op.kind in CLAMPS | {"Hardtanh"}:
        edges = ("min_val", "max_val") if op.kind == "Hardtanh" else ("min", "max")
        low, high = (op.saved(name) for name in edges)
        return (
            float(low) if isinstance(low, (int, float)) else -math.inf,
            float(high) if isinstance(high, (int, float)) else math.inf,
        )
    if op.kind == "Threshold":
        return 0.0, math.inf
    return RANGES.get(op.kind, (-math.inf, math.inf))


def _unreached(scene: Scene, head: Head, op: Op, low: float, high: float) -> Iterator[Finding]:
    """Targets of a distance that lie outside."""
    target = head.target if head.target is not None else scene.target
    if target is None or not target.numel() or not target.is_floating_point():
        return
    y = target.detach().double()
    off = y - y.clamp(low, high)
    share, floor, spread = _figures(y, off)
    if share < SHARE or floor < FLOOR * spread:
        return
    said, file, line = SAID.get(op.kind, op.kind), *op.site
    reach = f"between {low:.3g} and {high:.3g}" if math.isfinite(low + high) else (
        f"above {low:.3g}" if math.isfinite(low) else f"below {high:.3g}"
    )  # fmt: skip
    yield Finding(
        "output-range", "error",
        f"The output ends in a {said}, so it stays {reach}, and {share:.0%} of the targets ({float(y.min()):.3g} to "
        f"{float(y.max()):.3g}) lie outside: they cannot be reached.",
        cure=f"Drop the {said} behind the last layer, or scale the targets into its range.", where=scene.layer(op),
        evidence={"share_outside": share, "least_squared_error": floor, "low": low, "high": high}, reference=REFERENCE,
        file=file, line=line, disproof="The targets outside are outliers that are to be cut off.",
    )  # fmt: skip


def _figures(y: Tensor, off: Tensor) -> tuple[float, float, float]:
    """Share of targets outside, the squared error that they cost at least, and that of the best constant."""
    return float((off != 0).double().mean()), float(off.square().mean()), float(y.var(correction=0))


def _bounded(scene: Scene, head: Head, op: Op, low: float, high: float) -> Iterator[Finding]:
    """Scores of classes that have a range."""
    said, file, line = SAID.get(op.kind, op.kind), *op.site
    classes = head.num_classes or 2
    if math.isfinite(low + high):
        if high - low > 6:  # a clipped score of that width still says 99.7 %
            return
        wide = high - low if head.kind == "cross_entropy" else None
        least = (
            math.log1p((classes - 1) * math.exp(-wide)) if wide is not None else math.log1p(math.exp(-high))
        )
        severity, cost = "error", f"the loss cannot fall below {least:.3g}"
    else:
        least, severity = math.nan, "warning"
        cost = "a class whose score falls to 0 gets no gradient any more"
        if op.kind not in CLAMPS | {"Relu", "Threshold"} or low != 0:
            return
        if head.kind == "bce_with_logits":
            least, severity, cost = math.log(2), "error", "no probability can come out below 0.5"
    if op.kind == "Sigmoid" and head.kind == "bce_with_logits":
        return  # another rule says it
    yield Finding(
        "output-range", severity,
        f"The scores go through a {said} before the loss, which takes the {_own(head)} itself and wants raw scores: "
        f"{cost}.",
        cure=f"Drop the {said} behind the last layer.", where=scene.layer(op),
        evidence={} if math.isnan(least) else {"least_loss": least}, reference=REFERENCE, file=file, line=line,
        disproof="The loss falls below that value." if not math.isnan(least) else "Every class keeps positive scores.",
    )  # fmt: skip


def _own(head: Head) -> str:
    return "softmax" if head.kind == "cross_entropy" else "sigmoid"
