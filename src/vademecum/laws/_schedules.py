"""What the laws of the schedules share: how they are asked, and exactly how far off they may be."""

from collections.abc import Iterable

import torch
from torch import Tensor

from ._suite import Build, Draw, Interface

CLOSED = {torch.float64: 1e-12}


def interface(*arguments: str, **defaults: object) -> Interface:
    """A function of its numbers that gives a function of the step."""
    return Interface("function", arguments, (), defaults=defaults)


def one(a: object) -> Iterable[tuple[int, ...]]:
    """Nothing is drawn: one shape is enough."""
    return ((1,),)


def values(build: Build, draw: Draw, steps: Iterable[int], **changed: object) -> Tensor:
    """The factors at some steps."""
    schedule = build(draw, **changed)()
    return column([schedule(t) for t in steps])


def column(numbers: Iterable[float]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.float64)
