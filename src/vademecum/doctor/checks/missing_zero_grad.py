"""Missing zero_grad: gradients of old steps are added to the new one.

Each backward pass adds to what stands in ``.grad``. Where nobody empties it after a step, the step follows the sum of
all gradients so far, as if with a momentum of 1 that nothing damps.

No equation.

Wrong:
    loss.backward()
    optimizer.step()

Right:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

Fails where: the gradients are kept on purpose, as a momentum written by hand does.

References:
    goodfellow2016deep: section 8.3.1, the update uses the gradient of the present minibatch.
"""

import math
from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

TIMES = 3
"""Looks in a row at which gradients of the step before must still stand."""


def missing_zero_grad(record: Record) -> Iterator[Finding]:
    """Look whether gradients that a step has used still stand, never cleared, when the same optimizer steps again.

    Args:
        record: of the run so far.

    Yields:
        "error" where they do.

    Raises:
        NotCheckedError: fewer looks than it takes.
    """
    seen = [look for look in record.looks if not math.isnan(look.leftover)]
    if len(seen) <= TIMES:
        raise NotCheckedError(f"it takes {TIMES} looked-at steps after the first, and there were {len(seen)}")
    for place in sorted({look.optimizer for look in seen}):
        mine = [look.leftover for look in seen if look.optimizer == place][
            1:
        ]  # nothing can stand at the first
        if len(mine) < TIMES or not all(left > 0 for left in mine[:TIMES]):
            continue
        site = record.site("backward")
        yield Finding(
            "missing-zero-grad", "error",
            "The gradients of earlier steps are never cleared: at the start of a backward pass, after a step, they "
            f"still have the norm {mine[0]:.3g}, so every step follows the sum of all gradients so far.",
            cure="Call optimizer.zero_grad() once for every optimizer.step(), before backward().",
            evidence={"leftover_norm": mine[0], "steps": len(mine)}, reference="goodfellow2016deep",
            file=site.file, line=site.line, diff="+ optimizer.zero_grad()\n  loss.backward()", step=seen[0].step,
            disproof="The gradients are kept on purpose, as momentum.",
        )  # fmt: skip
