"""Rates: a range of learning rates at which the loss of a batch falls, read off on a copy.

References:
    smith2017cyclical: section 3.3.
"""

import torch
from torch import nn
from torch.optim import Optimizer

from ...train.learning_rate_range import RangeTest, learning_rate_range
from .._finding import Case, Finding
from ..recording.record import NotCheckedError

RULE, REFERENCE = "rates", "smith2017cyclical"

LOW, HIGH = 1e-7, 10.0
"""The rates that are tried."""

OUTSIDE = 10.0
"""Times beyond an end of the range from which a rate is far outside."""


def rates(case: Case, *, steps: int = 100) -> list[Finding]:
    """Raise the rate from far too low to too high, and say from where to where the loss of the batch falls.

    The range begins where a tenth of the fall is made and ends where the loss is least. The optimizer is the run's own
    where it is known, else Adam.

    Args:
        case: left as it is.
        steps: rates that are tried, one step each.

    Returns:
        One finding: "ok" with the range, or "warning" where the run's own rate is more than ten times beyond an end.
        Where the loss never clearly falls, the range is the run's own rate, a tenth to ten times it, with the reason.

    Raises:
        NotCheckedError: nothing can be trained.

    Example:
        >>> x = torch.linspace(-1, 1, 32).unsqueeze(1)
        >>> [finding] = rates(Case(nn.Linear(1, 1), x, 3 * x, nn.functional.mse_loss))
        >>> finding.severity, finding.evidence["low"] < finding.evidence["high"]
        ('ok', True)
    """
    if not any(p.requires_grad for p in case.model.parameters()):
        raise NotCheckedError("no weight can be trained")
    make = case.origin.optimizer if case.origin is not None else None
    make = make or _adam
    optimizer = make(case.model)
    own = max((float(group["lr"]) for group in optimizer.param_groups if "lr" in group), default=0.0)
    known, name = make is not _adam, type(optimizer).__name__
    with torch.inference_mode(False), torch.enable_grad():
        test = learning_rate_range(
            case.model, case.loss, [(case.x, case.y)], make, low=LOW, high=HIGH, steps=steps
        )
    low, high, why = _range(test, own)
    said = f"{name} brings the loss of a batch down at rates from {low:.1g} to {high:.1g}"
    evidence = {"low": low, "high": high, "own": own if known else float("nan")}
    if not why and known and own > 0 and not low / OUTSIDE <= own <= high * OUTSIDE:
        word = "below" if own < low else "above"
        return [Finding(
            RULE, "warning", f"{said}, and the run's own rate {own:.2g} is far {word} them.",
            cure=f"Begin with a rate of about {(low * high) ** 0.5:.1g}.", evidence=evidence, reference=REFERENCE,
            disproof="The rate is meant for far more steps, or rises later.",
        )]  # fmt: skip
    mine = f"; the run's own is {own:.2g}" if known else ""
    return [Finding(RULE, "ok", f"{why or said}{mine}.", evidence=evidence, reference=REFERENCE)]


def _range(test: RangeTest, own: float) -> tuple[float, float, str]:
    """From where to where the loss falls; with the reason where nothing can be read off."""
    if "kept" in test.reason or not test.rates:
        why = test.reason.partition(":")[0]
        return own / 10, own * 10, f"{why}, so no range can be read off"
    bottom = test.smoothed.index(min(test.smoothed))
    return test.chosen, max(test.rates[bottom], test.chosen), ""


def _adam(model: nn.Module) -> Optimizer:
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
