r"""Clipping that never lets go: every gradient is cut to the same small length.

$$ g \leftarrow g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert}\right) $$

Wrong:
    nn.utils.clip_grad_norm_(model.parameters(), 1e-3)

Right:
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)

Fails where: the rate makes up for it, as in normalized gradient descent. An optimizer that divides by the size of
gradients itself is not slowed, and not told of.

References:
    pascanu2013difficulty: section 3.2, the threshold is set from the norms that are seen, to cut the rare large ones.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.gate import outcome
from ..recording.record import Look, NotCheckedError, Record

LOOKS = 5
"""Looks at gradients before and after."""

CUT = 0.1
"""What is left of a gradient that is cut too short."""

MOST = 0.9
"""Share of the looks at which it must be so."""

SLOW = 1e-3
"""Update over weight, in the middle of all parameters and looks, below which the cut slows the run."""

LEARNED = 0.5
"""Of the first loss: a run below it is not held up."""

SPREAD = 1e-3
"""Relative spread of what is left below which it is a constant factor, as a gradient scaler's."""


def clip_too_small(record: Record) -> Iterator[Finding]:
    """Compare the gradients after the backward pass with those that the step used.

    Args:
        record: of the run so far.

    Yields:
        "warning" where nearly all were cut to less than a tenth and the run is held up.

    Raises:
        NotCheckedError: fewer looks than it takes.
    """
    pairs = [pair for look in record.looks if (pair := _norms(look))[0] > 0]
    if len(pairs) < LOOKS:
        raise NotCheckedError(
            f"it takes {LOOKS} looks at gradients before and after, and there were {len(pairs)}"
        )
    left = [used / raw for raw, used in pairs]
    if sum(share < CUT for share in left) < MOST * len(left) or max(left) - min(left) < SPREAD * max(left):
        return
    gate = outcome(record)
    ratios = sorted(value for look in record.looks for value in look.ratio.values())
    middle = ratios[len(ratios) // 2] if ratios else 0.0
    first = record.losses[0][1]
    if middle >= SLOW or not (gate.open or gate.loss > LEARNED * first):
        return
    raw, used = (sorted(values)[len(pairs) // 2] for values in zip(*pairs))
    yield Finding(
        "clip-too-small", "warning",
        f"Nearly every gradient is cut: the usual norm is {raw:.3g} after backward and {used:.3g} at the step, so "
        f"a step is 1/{raw / max(used, 1e-30):.0f} of what the rate asks for.",
        cure=f"Raise the threshold to about {raw:.2g}, the usual norm, or do without clipping.",
        evidence={"raw_norm": raw, "clipped_norm": used, "update_ratio": middle}, reference="pascanu2013difficulty",
        step=record.looks[0].step, symptom=True, disproof="The run is no faster without clipping.",
    )  # fmt: skip


def _norms(look: Look) -> tuple[float, float]:
    """Norm over all parameters after the backward pass and at the step."""
    both = [name for name in look.grad_norm if name in look.raw_norm]
    raw, used = (sum(norms[name] ** 2 for name in both) ** 0.5 for norms in (look.raw_norm, look.grad_norm))
    return raw, used
