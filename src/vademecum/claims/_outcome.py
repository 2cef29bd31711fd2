"""What a claim's experiment says."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """A mechanism shown at small scale, or not shown.

    Attributes:
        says: what the paper says, in one sentence.
        measured: the figures, by name with their unit.
        holds: whether the figures show it.
        expected: how the figures had to be, in one sentence with the thresholds.
    """

    says: str
    measured: Mapping[str, float]
    holds: bool
    expected: str
