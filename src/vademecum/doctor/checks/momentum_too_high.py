r"""Momentum too high: the average reaches back further than the run, and the step is larger by that much.

$$ v \leftarrow m v + g, \qquad \sum_{k \ge 0} m^k = \frac{1}{1 - m} $$

Wrong:
    torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.999)

Right:
    torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

Fails where: the rate is lower by as much. Below 1 it is told only where the run does not learn.

References:
    sutskever2013importance: section 2, a higher momentum goes with a lower rate.
    polyak1964some: the heavy ball.
"""

from collections.abc import Iterator

from .._finding import Finding
from ..evidence.symptoms import opened
from ..recording.record import NotCheckedError, Record

HIGH = 0.98
"""Momentum that averages over 50 steps: five times the usual 10."""


def momentum_too_high(record: Record) -> Iterator[Finding]:
    """Look for a momentum that averages over more steps than are usual.

    Args:
        record: of the run so far.

    Yields:
        "error" for 1 and above, where nothing is ever forgotten; "warning" otherwise.

    Raises:
        NotCheckedError: no step was seen; or none forgets nothing, and the run learns.
    """
    if not record.steps:
        raise NotCheckedError("no optimizer step was seen")
    if not any(_momentum(group) >= 1 for one in record.optimizers for group in one.param_groups):
        opened(record)
    for place, optimizer in enumerate(record.optimizers):
        if not record.steps_of[place]:
            continue
        group = max(optimizer.param_groups, key=_momentum)
        momentum, rate = _momentum(group), float(group.get("lr", 0.0))
        if momentum < HIGH:
            continue
        memory = 1 / (1 - momentum) if momentum < 1 else float("inf")
        beta = "betas" in group
        yield Finding(
            "momentum-too-high", "error" if momentum >= 1 else "warning",
            f"A momentum of {momentum:.4g} averages over {memory:.0f} steps, and the run has taken "
            f"{record.steps_of[place]}" + ("." if beta else f"; the rate {rate:.3g} acts like {rate * memory:.3g}."),
            cure="Set betas=(0.9, 0.999)." if beta else "Set momentum=0.9, or lower lr by as much as 1 - momentum.",
            evidence={"momentum": momentum, "steps_averaged": memory, "steps": record.steps_of[place], "rate": rate},
            reference="sutskever2013importance", step=0, symptom=momentum < 1,
            disproof="The run is no better with a momentum of 0.9.",
        )  # fmt: skip


def _momentum(group: dict) -> float:
    """Momentum of a parameter group: of SGD, or the first decay of Adam's kind."""
    if "betas" in group:
        return float(group["betas"][0])
    return float(group.get("momentum", 0.0) or 0.0)
