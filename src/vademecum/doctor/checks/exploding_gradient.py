r"""Exploding gradient: signal and gradient grow from layer to layer, or from step to step of a recurrence.

A product of many matrices grows or shrinks like a power. Where each layer makes the signal larger, the first step is
as good as infinite.

$$ \lVert h_n \rVert \approx g^n \lVert h_0 \rVert, \qquad g > 1 $$

Wrong:
    x = x + 2 * self.linear(torch.relu(x))  # 16 times, without normalization

Right:
    x = x + self.linear(torch.relu(self.norm(x)))

Fails where: the growth is one layer's alone: then its start is poor.

References:
    pascanu2013difficulty: section 3.2, norms that explode over time, and clipping them.
    zhang2019root: a normalization that keeps the size of the signal.
"""

import math
from collections.abc import Iterator, Sequence

from .._finding import Finding
from ..evidence.gate import median
from ..evidence.symptoms import layers, opened, ratios, total
from ..recording.record import Look, NotCheckedError, Record

GROWTH, LOUD = 30.0, 2.0
"""Times that the signal of one nonlinearity may be larger than that of another before any step was taken; and the
standard deviation that the larger must have, because a signal that fades does not explode."""

STEEP = 1e3
"""Times that the gradient a weight may be larger in the first layer than in the last."""

SPIKE, TIMES = 100.0, 3
"""A gradient so many times the median is a spike; so many of them tell."""

USUAL = 1e-2
"""Update over weight below which the steps are not what makes the gradient leap."""

WORSE = 1.2
"""Of the guess's loss, which must be left where something has been learned."""


def exploding_gradient(record: Record) -> Iterator[Finding]:
    """Look whether signal or gradient grow through the layers at the first step, or leap up now and then.

    Args:
        record: of the run so far.

    Yields:
        "warning" where they do.

    Raises:
        NotCheckedError: the first gradient is not finite.
    """
    gate, seen = opened(record, poor=WORSE)
    first, names = seen[0], list(layers(record))
    norms = first.raw_norm or first.grad_norm
    sizes = [
        norms[name] / math.sqrt(record.parameters[name].numel()) for name in names if norms.get(name, 0.0) > 0
    ]
    signal = [
        a.std for a in first.activations if a.std > 0 and not a.gate and a.kind not in {"tanh", "sigmoid"}
    ]
    growth = max(signal) / min(signal) if len(signal) >= 3 and max(signal) > LOUD else 1.0
    steep = sizes[0] / sizes[-1] if len(sizes) >= 3 else 1.0
    spikes, middle = _spikes(seen)
    if not all(math.isfinite(value) for value in norms.values()):
        raise NotCheckedError("the first gradient is not finite, which is a finding of its own")
    if growth > GROWTH:
        what, value = (
            f"at the first step the signal grows {growth:.2g} times from the first nonlinearity on",
            growth,
        )
    elif steep > STEEP:
        what = f"at the first step a weight of {names[0]} gets {steep:.2g} times the gradient of one of {names[-1]}"
        value = steep
    elif spikes >= TIMES and gate.open and median(ratios(seen, names)) < USUAL:
        what, value = (
            f"{spikes} gradients were more than {SPIKE:g} times the usual {middle:.2g}",
            float(spikes),
        )
    else:
        return
    yield Finding(
        "exploding-gradient", "warning",
        f"The gradient explodes: {what}, and {gate.why or f'the loss is {gate.left:.2g} times a guess'}.",
        cure="Normalize between the layers, or start recurrent weights orthogonal; clip the gradient's norm besides"
        + (f" at about {middle:.1g}." if 0 < middle < math.inf else "."),
        evidence={"growth": growth, "steepness": steep, "spikes": spikes, "value": value},
        reference="pascanu2013difficulty", symptom=True, step=first.step,
        disproof="The norms of the first gradients are alike over the layers and of ordinary size.",
    )  # fmt: skip


def _spikes(looks: Sequence[Look]) -> tuple[int, float]:
    """How many gradients leap above the usual one, and the usual one."""
    sizes = [total((look.raw_norm or look.grad_norm).values()) for look in looks]
    finite = sorted(size for size in sizes if math.isfinite(size))
    middle = finite[len(finite) // 2] if finite else math.nan
    return sum(size > SPIKE * middle for size in finite), middle
