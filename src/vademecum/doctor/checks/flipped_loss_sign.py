r"""Flipped sign: the loss is minimized with its sign turned, so the network learns to be wrong.

A cross-entropy or a squared error has a smallest value; with the opposite sign it has none. The training loss falls
and falls, below any loss that a right answer has, and the accuracy falls below a guess.

$$ \min_\theta\, -L(\theta) = -\max_\theta L(\theta) = -\infty $$

Wrong:
    loss = log_p.gather(1, y[:, None]).mean()

Right:
    loss = -log_p.gather(1, y[:, None]).mean()

Fails where: the opposite is meant, as for an adversary; a loss with several parts, and several models or optimizers,
    are left alone.

References:
    goodfellow2016deep: section 5.5, maximum likelihood minimizes the negative log-likelihood.
"""

import math
from collections.abc import Iterator

from torch import Tensor

from .._finding import Finding
from ..evidence.reading import near, signs
from ..recording.heads import Head
from ..recording.record import Scene

REFERENCE = "goodfellow2016deep"

KINDS = frozenset(
    {
        "cross_entropy",
        "soft_cross_entropy",
        "nll",
        "bce",
        "bce_with_logits",
        "mse",
        "l1",
        "smooth_l1",
        "huber",
    }
)
"""Losses that are to become small."""


def flipped_loss_sign(scene: Scene) -> Iterator[Finding]:
    """Look with which sign a loss of known kind enters what is minimized.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where the only loss of the only model enters with the opposite sign.
    """
    record, graph = scene.record, scene.graph
    if len(record.models) > 1 or len(record.optimizers) > 1:
        return
    given = {id(x) for call in scene.calls for x in call.inputs}
    if any(id(leaf) in given for leaf in graph.leaves):
        return  # an input is being changed, as an attack on the network does
    known = [head for head in scene.heads if head.kind in KINDS]
    turned = [head for head in known if signs(graph, head.op) == {-1 if _is_positive(head) else 1}]
    if known:
        if len(turned) == len(known) and not any(op.custom for op in graph):
            yield _finding(scene, turned[0].op.site, scene.layer(turned[0].op))
        return
    logs = [op for op in near(graph) if op.kind in {"Log", "LogSigmoid"}]
    met = [up for op in logs for up in graph.consumers.get(op.index, []) if up.kind == "Mul"]
    labels = [
        up for up in met if len(graph.inputs(up)) == 1 and _is_labels(up.saved("self"), up.saved("other"))
    ]
    if labels and len(labels) == len(logs) and all(signs(graph, up) == {1} for up in labels):
        yield _finding(scene, labels[0].site, scene.layer(labels[0]))


def _is_positive(head: Head) -> bool:
    """Whether the head's operation grows with the loss; a log-probability falls with it."""
    return head.op.kind not in {"LogSoftmax", "Index", "Gather"}


def _is_labels(*values: object) -> bool:
    """Whether one of two values is a tensor of several labels between 0 and 1, with both among them."""
    kept = [v for v in values if isinstance(v, Tensor) and v.numel() > 1]
    return any(float(v.min()) >= 0 and float(v.max()) <= 1 and float(v.min()) < float(v.max()) for v in kept)


def _finding(scene: Scene, site: tuple[str, int], where: str) -> Finding:
    value = float(scene.loss) if scene.loss.numel() == 1 else math.nan
    return Finding(
        "flipped-loss-sign", "error",
        f"The loss ({value:.3g}) enters with the opposite sign: what is minimized is the more negative the worse the "
        "network answers, and it has no smallest value.",
        cure="Turn the sign of the loss.", where=where, evidence={"loss": value}, reference=REFERENCE,
        file=site[0], line=site[1], disproof="The accuracy rises while this loss falls.",
    )  # fmt: skip
