"""The rules: one a module, whose docstring is its card.

A rule looks at one of two things. At a *scene*, the moment before a backward pass, when the graph is whole: it is true
or false at once, and told when it was confirmed at several passes. Or at the *record* of the run so far: events,
figures and data; a symptom among them is told only while the outcome gate is open.
"""

from collections.abc import Callable, Iterable

from .._finding import Finding
from ..record import Record, Scene
from .batch_noise import batch_noise as batch_noise
from .capacity_too_small import capacity_too_small as capacity_too_small
from .constant_output import constant_output as constant_output
from .dead_relu import dead_relu as dead_relu
from .dropout_too_strong import dropout_too_strong as dropout_too_strong
from .exploding_gradient import exploding_gradient as exploding_gradient
from .lr_too_high import lr_too_high as lr_too_high
from .lr_too_low import lr_too_low as lr_too_low
from .missing_zero_grad import missing_zero_grad as missing_zero_grad
from .not_learning import not_learning as not_learning
from .overfitting import overfitting as overfitting
from .poor_init import poor_init as poor_init
from .rank_collapse import rank_collapse as rank_collapse
from .redundant_softmax import redundant_softmax as redundant_softmax
from .saturated_activation import saturated_activation as saturated_activation
from .vanishing_gradient import vanishing_gradient as vanishing_gradient
from .weight_decay_too_large import weight_decay_too_large as weight_decay_too_large

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
    # symptoms so plain that they are told of a run that has learned a little; each asks the gate itself
    batch_noise,
    capacity_too_small,
    dead_relu,
    dropout_too_strong,
    exploding_gradient,
    lr_too_high,
    lr_too_low,
    overfitting,
    poor_init,
    saturated_activation,
    weight_decay_too_large,
)  # fmt: skip
"""Facts of events, optimizers and data, told at once."""

OF_A_BAD_OUTCOME: tuple[RecordCheck, ...] = (
    # symptoms
    vanishing_gradient,
    rank_collapse,
    constant_output,
    not_learning,
)  # fmt: skip
"""Symptoms, told only while the outcome gate is open."""
