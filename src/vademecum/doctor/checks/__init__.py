"""The rules: one a module, whose docstring is its card.

A rule looks at one of two things. At a *scene*, the moment before a backward pass, when the graph is whole: it is true
or false at once, and told when it was confirmed at several passes. Or at the *record* of the run so far: events,
figures and data; a symptom among them is told only while the outcome gate is open.
"""

from collections.abc import Callable, Iterable

from .._finding import Finding
from ..record import Record, Scene
from .missing_zero_grad import missing_zero_grad as missing_zero_grad
from .redundant_softmax import redundant_softmax as redundant_softmax

SceneCheck = Callable[[Scene], Iterable[Finding]]
RecordCheck = Callable[[Record], Iterable[Finding]]

OF_A_SCENE: tuple[SceneCheck, ...] = (
    redundant_softmax,
    # graph
)  # fmt: skip
"""Facts of the graph, told when they are confirmed."""

OF_A_RECORD: tuple[RecordCheck, ...] = (
    missing_zero_grad,
    # loop
    # data
)  # fmt: skip
"""Facts of events, optimizers and data, told at once."""

OF_A_BAD_OUTCOME: tuple[RecordCheck, ...] = (
    # symptoms
)  # fmt: skip
"""Symptoms, told only while the outcome gate is open."""
