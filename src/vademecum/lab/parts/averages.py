"""Several networks, or several moments of one."""

from dataclasses import dataclass

from vademecum.train import Snapshots

from ._grammar import Kind, Part, share

__all__ = ["AVERAGE", "ENSEMBLE", "Average"]


@dataclass(frozen=True)
class Average:
    """When weights enter the average, and how.

    Attributes:
        start: share of the run before the first one does.
        decay: of an exponential average over steps; 0 averages the ends of epochs with equal weights.
    """

    start: float
    decay: float


def _swa(start: float = 0.75) -> Average:
    share(start=start)
    return Average(start, 0.0)


def _ema(decay: float = 0.99) -> Average:
    if not 0 < decay < 1:
        raise ValueError(f"decay must be between 0 and 1: it is {decay}.")
    return Average(0.0, decay)


AVERAGE = Kind(
    "average",
    (
        Part("ema", "weight_averaging", _ema, "Exponential average of the weights, over the steps."),
        Part("swa", "weight_averaging", _swa, "Average of the weights over the last epochs."),
    ),
)


def _snapshots(total_steps: int, /, count: int = 5) -> Snapshots:
    return Snapshots(steps=total_steps, cycles=count)


ENSEMBLE = Kind("ensemble", (Part("snapshots", "snapshot_ensemble", _snapshots),), example=lambda: (10**6,))
