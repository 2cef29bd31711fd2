r"""Softmax before cross-entropy: the loss takes the softmax itself, so it is taken twice.

The cross-entropy of torch wants raw scores. Given probabilities it still falls, but not below the value that it has
for a perfect answer of 0s and a 1, and its gradient is small where the network is most wrong.

$$ L_{\min} = -\ln \frac{e}{e + K - 1} $$

Wrong:
    loss = F.cross_entropy(model(x).softmax(dim=1), y)

Right:
    loss = F.cross_entropy(model(x), y)

Fails where: the softmax is behind a compiled region, which the graph does not show.

References:
    bridle1990probabilistic: the softmax belongs to the likelihood, once.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..record import Scene

REFERENCE = "bridle1990probabilistic"


def redundant_softmax(scene: Scene) -> Iterator[Finding]:
    """Look whether what a cross-entropy takes the softmax of is itself a softmax.

    Args:
        scene: before a backward pass.

    Yields:
        "error" where the graph shows it.
    """
    for head in scene.heads:
        if head.kind == "cross_entropy" and head.source is not None and head.source.kind == "Softmax":
            least = -math.log(math.e / (math.e + head.num_classes - 1))
            file, line = head.source.site
            yield Finding(
                "redundant-softmax", "error",
                "The network's softmax is taken again by the cross-entropy, which wants raw scores: with "
                f"{head.num_classes} classes its loss cannot fall below {least:.3g}.",
                cure="Drop the softmax in front of the loss.", where=scene.layer(head.source),
                evidence={"classes": head.num_classes, "least_loss": least}, reference=REFERENCE, file=file, line=line,
                disproof="The loss falls below that value.",
            )  # fmt: skip
