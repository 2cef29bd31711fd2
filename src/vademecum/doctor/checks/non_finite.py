r"""Not finite: the first value that is NaN or infinite, and what made it.

One such value spreads through every sum it meets: the loss, all gradients, and with the next step all weights. What
counts is the first one: a row of the data, a logarithm of 0, a division by 0, a square root at 0 (where the value is
right and the slope is infinite), an overflow.

$$ \log 0 = -\infty, \qquad \frac{d}{dx} \sqrt{x} \Big|_{0} = \infty, \qquad 0 \cdot \infty = \mathrm{NaN} $$

Wrong:
    loss = -(y * torch.log(p)).sum(1).mean()

Right:
    loss = -(y * F.log_softmax(score, dim=1)).sum(1).mean()

Fails where: the value comes and goes on a device at steps that are not looked at.

References:
    goodfellow2016deep: section 4.1, overflow and underflow.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..recording.nonfinite import Origin
from ..recording.record import Record

GROWN = 100.0
"""Times its first values that a loss must have reached before it ended, to say that the run diverged."""

LEAP = 1.0
"""Update over weight, in the middle of all parameters, that is a leap away from where the weights were."""

LOOKS = 3
"""Last looks, and last losses, in which that is looked for."""


def non_finite(record: Record) -> Iterator[Finding]:
    """Say where the first value that was not finite came from.

    Args:
        record: of the run so far.

    Yields:
        "error", or "note" where the run went on with finite losses: then that step was left out on purpose.
    """
    if record.nan is None:
        return
    origin: Origin = record.nan["origin"]
    before = [value for step, value in record.losses if math.isfinite(value) and step <= origin.step]
    grown = _grown(before)
    message, cure = _words(origin, before)
    if _diverged(record, origin, grown):
        message = (
            f"The run diverged: the loss went from {before[0]:.3g} to {max(before[-LOOKS:]):.3g} "
            f"and is not finite from step {origin.step} on."
            if grown >= GROWN
            else f"The run diverged: single steps were larger than the weights, and from step {origin.step} on the "
            "loss is not finite."
        )
        cure = "Lower the learning rate, or scale the inputs and the loss."
    site = origin.site if origin.site.line else record.site("backward")
    after = [value for step, value in record.losses if step > origin.step]
    recovered = len(after) >= LOOKS and all(math.isfinite(value) for value in after[-LOOKS:])
    evidence = {"step": float(origin.step), "losses_before": float(len(before)), "grown": grown}
    if origin.share:
        evidence["share"] = origin.share
    yield Finding(
        "non-finite", "note" if recovered else "error", message, cure=cure, where=origin.where, evidence=evidence,
        reference="goodfellow2016deep", file=site.file, line=site.line, step=origin.step,
        disproof="The loss is finite at every step.",
    )  # fmt: skip


def _words(origin: Origin, before: list[float]) -> tuple[str, str]:
    """What happened, and what to do."""
    last = (
        f"after {len(before)} finite losses, the last {before[-1]:.3g}"
        if before
        else "from the first loss on"
    )
    if origin.what == "input":
        return (
            f"The data hold values that are not finite: {origin.share:.2%} of the {origin.where} at step "
            f"{origin.step}, first in {origin.cause}.",
            "Fill or drop them before training, and find out where they come from (empty cells, 0/0 in scaling).",
        )
    if origin.what == "target":
        return (
            f"The targets hold values that are not finite: {origin.share:.2%} of them at step {origin.step}.",
            "Fill or drop the rows whose target is missing.",
        )
    if origin.what == "parameter":
        return (
            f"The parameter {origin.where} is not finite at step {origin.step}, {last}: the step before wrote it.",
            "Look at the gradient of that step: clip it, lower the learning rate, and keep divisions, logarithms and "
            "square roots away from 0.",
        )
    place = f" in {origin.where}" if origin.where else ""
    if origin.what == "operation":
        return f"The loss is {origin.loss:.3g} at step {origin.step} ({last}) by {origin.cause}{place}.", (
            origin.cure or "Keep that operation inside the range where it is defined."
        )
    if origin.what == "gradient":
        what = origin.cause or "an operation whose slope is infinite, which was not seen itself"
        return (
            f"The gradients are not finite at step {origin.step} though the loss {origin.loss:.3g} is: by {what}.",
            origin.cure
            or "Look for square roots, powers, logarithms and divisions at 0 in the model and the loss.",
        )
    return (
        f"The loss is {origin.loss:.3g} at step {origin.step}, {last}; the operation was not seen.",
        "Run it under torch.autograd.set_detect_anomaly(True), and look at what stands between output and loss.",
    )


def _grown(before: list[float]) -> float:
    """Times its first values that a loss reached last."""
    if len(before) < 2:
        return 1.0
    first = max(sorted(abs(value) for value in before[:LOOKS])[0], 1e-12)
    return max(abs(value) for value in before[-LOOKS:]) / first


def _diverged(record: Record, origin: Origin, grown: float) -> bool:
    """Whether the steps, and no single operation, are to blame."""
    told = (
        origin.sure and origin.cause and not any(w in origin.cause for w in ("overflow", "infinite values"))
    )
    if origin.what in {"input", "target"} or (told and grown < GROWN**2):
        return False
    if grown >= GROWN:
        return True
    ratios = [sorted(look.ratio.values()) for look in record.looks[-LOOKS:] if look.ratio]
    return any(math.isfinite(r[len(r) // 2]) and r[len(r) // 2] >= LEAP for r in ratios)
