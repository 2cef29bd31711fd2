"""What the schedules share: the type, and the refusal of numbers that cannot be meant."""

from collections.abc import Callable

Schedule = Callable[[int], float]
"""Share of the peak rate by the number of steps taken, as `torch.optim.lr_scheduler.LambdaLR` wants it."""


def require_steps(**counts: int) -> None:
    """Refuse a count of steps below 1."""
    for name, count in counts.items():
        if not count >= 1:
            raise ValueError(f"{name} must be at least 1: it is {count}; count the steps of the optimizer.")


def require_within(low: float, high: float, /, **numbers: float) -> None:
    """Refuse numbers outside [low, high]."""
    for name, number in numbers.items():
        if not low <= number <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}: it is {number}.")


def done(step: float, total: float) -> float:
    """The share of the steps that is done, 1 from the end on."""
    return min(step / total, 1.0)
