r"""Ignore index collision: a label that means something is left out of the loss.

The cross-entropy skips all targets that equal its ignore_index. Where that number is also a class, its examples count
for nothing: its score is only ever pushed down by the others, and the loss looks fine.

$$ L = \frac{1}{|\{i : y_i \ne g\}|} \sum_{i : y_i \ne g} -\ln p_{y_i}(x_i) $$

Wrong:
    loss = F.cross_entropy(score, y, ignore_index=0)  # 0 is a class

Right:
    loss = F.cross_entropy(score, y)

Fails where: the class is left out on purpose.

References:
    goodfellow2016deep: section 6.2.2.3, the likelihood counts every example.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .._finding import Finding
from ..recording.record import Scene

REFERENCE = "goodfellow2016deep"


def ignore_index_collision(scene: Scene) -> Iterator[Finding]:
    """Look whether the ignored label is a class that occurs.

    Args:
        scene: before a backward pass.

    Yields:
        "warning" where whole examples of it are left out; "note" where parts of a map are, which may be meant.
    """
    for head in scene.heads:
        y, ignored = head.target, head.ignore_index
        if y is None or ignored is None or not 0 <= ignored < head.num_classes:
            continue
        out = y == ignored
        count = int(out.sum())
        if not count or _is_padding(scene, y, out):
            continue
        whole = y.ndim == 1 and any(len(x) == len(y) for call in scene.calls for x in call.inputs if x.ndim)
        file, line = head.op.site
        yield Finding(
            "ignore-index-collision", "warning" if whole else "note",
            f"{count} of {y.numel()} targets are {ignored}, which is a class and also the loss's ignore_index: they "
            f"are left out, and the score of class {ignored} is never learned.",
            cure="Drop ignore_index, or give what is to be ignored a number that is no class, such as -100.",
            evidence={"ignored": count, "targets": y.numel(), "label": ignored}, reference=REFERENCE, file=file,
            line=line, disproof="The class is left out on purpose.",
        )  # fmt: skip


def _is_padding(scene: Scene, y: Tensor, out: Tensor) -> bool:
    """Whether the ignored positions are the ends of sequences: there the inputs are padding too, all one number."""
    for call in scene.calls:
        for x in call.inputs:
            if x.ndim < 2 or x.is_floating_point() or not 0 <= y.numel() - 1 < x.numel():
                continue
            rows = y.numel() // len(x)
            if rows < 2 or y.numel() % len(x):
                continue
            blank = out.reshape(len(x), rows)
            ends = blank.flip(1).long().cumprod(1).flip(1).bool() | blank.long().cumprod(1).bool()
            return bool(torch.equal(ends, blank)) or float((ends & blank).sum()) > 0.5 * float(blank.sum())
    return False
