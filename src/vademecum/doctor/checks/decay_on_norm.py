"""Weight decay on normalization and biases: it shrinks numbers that do not overfit.

No equation.

Wrong:
    torch.optim.AdamW(model.parameters(), weight_decay=0.05)

Right:
    torch.optim.AdamW([
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": 0.05},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ])

Fails where: the difference is small; it is never an alarm.

References:
    he2019bag: section 3.1, no decay of biases, gains and shifts.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

LEAST = 1e-3
"""Decay below which it makes no difference."""


def decay_on_norm(record: Record) -> Iterator[Finding]:
    """Look for gains, shifts and biases in parameter groups with weight decay.

    Args:
        record: of the run so far.

    Yields:
        "note" where there are some.

    Raises:
        NotCheckedError: no optimizer was seen.
    """
    if not record.optimizers:
        raise NotCheckedError("no optimizer was seen")
    norms = {
        id(p)
        for _, part in record.modules()
        if "Norm" in type(part).__name__
        for p in part.parameters(recurse=False)
    }
    decayed = [
        (id(p), float(group.get("weight_decay", 0.0)))
        for optimizer in record.optimizers
        for group in optimizer.param_groups
        for p in group["params"]
        if float(group.get("weight_decay", 0.0) or 0.0) >= LEAST
    ]
    count = sum(key in norms for key, _ in decayed)
    if count:
        rate = max(rate for _, rate in decayed)
        yield Finding(
            "decay-on-norm", "note",
            f"Weight decay of {rate:.3g} also pulls at {count} gains and shifts of normalization layers.",
            cure="Put parameters with fewer than two dimensions into a group with weight_decay=0.",
            evidence={"parameters": count, "weight_decay": rate}, reference="he2019bag",
            disproof="The run is no better without it.",
        )  # fmt: skip
