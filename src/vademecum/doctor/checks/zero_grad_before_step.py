"""Gradients cleared before the step: the step has nothing to follow.

No equation.

Wrong:
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()

Right:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

Fails where: the gradients are kept elsewhere and put back before the step, at looks that were missed.

References:
    goodfellow2016deep: section 8.3.1, the update uses the gradient that was just estimated.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..recording.record import NotCheckedError, Record

TIMES = 3
"""Looks that must show it."""


def zero_grad_before_step(record: Record) -> Iterator[Finding]:
    """Look whether all gradients were there after the backward pass and gone at the step.

    Args:
        record: of the run so far.

    Yields:
        "error" where it was so at every look.

    Raises:
        NotCheckedError: fewer looks than it takes.
    """
    seen = [look for look in record.looks if any(look.raw_norm.values())]
    if len(seen) < TIMES:
        raise NotCheckedError(
            f"it takes {TIMES} looks at gradients before and after, and there were {len(seen)}"
        )
    gone = [look for look in seen if look.wiped and not any(look.grad_norm.values())]
    if len(gone) == len(seen):
        first = gone[0]
        site = record.site("step")
        yield Finding(
            "zero-grad-before-step", "error",
            f"The gradients are cleared between backward() and step(): {len(first.wiped)} parameters had a gradient "
            "after the backward pass, and none had one at the step, so no step changes anything by the data.",
            cure="Move zero_grad() in front of backward(), or behind step().",
            evidence={"parameters": len(first.wiped), "steps": len(gone)}, reference="goodfellow2016deep",
            file=site.file, line=site.line, diff="- optimizer.zero_grad()\n  optimizer.step()\n+ optimizer.zero_grad()",
            step=first.step, disproof="The gradients are not zero when step() is called.",
        )  # fmt: skip
