r"""Vanishing gradient: almost nothing of the loss's gradient arrives at the first layers.

Each saturating layer multiplies the gradient with a slope below 1 (a sigmoid's is 1/4 at most), so that it shrinks
with the depth, and the first layers stay as they were made.

$$ \frac{\partial L}{\partial h_1} = \Bigl( \prod_{l} W_l^\top \operatorname{diag}(f'(a_l)) \Bigr)
\frac{\partial L}{\partial h_n} $$

Wrong:
    layers = [m for _ in range(10) for m in (nn.Linear(32, 32), nn.Sigmoid())]

Right:
    layers = [m for _ in range(10) for m in (nn.Linear(32, 32), nn.ReLU())]

Fails where: it vanishes over time and not over depth: the weights of a recurrent cell are one and the same.

References:
    glorot2010understanding: section 4, gradients that shrink from layer to layer.
    pascanu2013difficulty: section 2.1, when a product of many slopes vanishes.
"""

import math
from collections.abc import Iterator, Mapping

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import layers, opened
from ..recording.record import Record

SMALL = 1e-4
"""Of the last layer's gradient a weight, that must be missing in the first layer."""

DEEP = 4
"""Layers with weights from which on a gradient can be said to vanish."""

JUMP = 50.0
"""Times the gradient of all layers before it that a layer cannot get where it vanishes layer by layer. What stands
before such a jump gets little for a reason of its own: queries and keys of an attention that begins near uniform."""

LOOKS = 20
"""Looks at the start, over which the median is taken: there nothing has been learned yet."""


def vanishing_gradient(record: Record) -> Iterator[Finding]:
    """Look whether the gradient a weight falls from the last layer to the first by orders of magnitude.

    Args:
        record: of the run so far.

    Yields:
        "warning" where it does.
    """
    gate, seen = opened(record)
    shares, sizes = [], {}
    for look in seen[:LOOKS]:
        norms = look.raw_norm or look.grad_norm
        sizes = {
            name: norms[name] / math.sqrt(record.parameters[name].numel()) for name in layers(record)
            if 0 < norms.get(name, 0.0) < math.inf
        }  # fmt: skip
        sizes = _on_the_way(sizes)
        if len(sizes) >= DEEP:
            first, *_, last = sizes.values()
            shares.append(first / last)
    if not shares or not median(shares) < SMALL:
        return
    names = list(sizes)
    yield Finding(
        "vanishing-gradient", "warning",
        f"The gradient vanishes on its way back: a weight of {names[0]} gets {median(shares):.1g} of what a weight of "
        f"{names[-1]} gets, {len(names)} layers later, and {gate.why}.",
        cure="Use ReLU or GELU between the layers, with residual connections or normalization where they are many.",
        where=names[0], evidence={"share": median(shares), "layers": len(names)}, reference="glorot2010understanding",
        symptom=True, step=seen[0].step, disproof="With activations that do not saturate the run ends no better.",
    )  # fmt: skip


def _on_the_way(sizes: Mapping[str, float]) -> dict[str, float]:
    """The layers from the last jump on, from the input's side."""
    names, begin, most = list(sizes), 0, math.inf
    for place, name in enumerate(names):
        if sizes[name] > JUMP * most:
            begin, most = place, 0.0
        most = sizes[name] if most == math.inf else max(most, sizes[name])
    return {name: sizes[name] for name in names[begin:]}
