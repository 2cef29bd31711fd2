"""The rules: one a module, whose docstring is its card.

A rule looks at one of two things. At a *scene*, the moment before a backward pass, when the graph is whole: it is true
or false at once, and told when it was confirmed at several passes. Or at the *record* of the run so far: events,
figures and data; a symptom among them is told only while the outcome gate is open.
"""

from collections.abc import Callable, Iterable

from .._finding import Finding
from ..record import Record, Scene
from .class_imbalance import class_imbalance as class_imbalance
from .constant_input import constant_input as constant_input
from .duplicated_rows import duplicated_rows as duplicated_rows
from .ignore_index_collision import ignore_index_collision as ignore_index_collision
from .initial_loss import initial_loss as initial_loss
from .input_mutated import input_mutated as input_mutated
from .label_shift import label_shift as label_shift
from .labels_mismatched import labels_mismatched as labels_mismatched
from .labels_out_of_range import labels_out_of_range as labels_out_of_range
from .leaky_preprocessing import leaky_preprocessing as leaky_preprocessing
from .missing_zero_grad import missing_zero_grad as missing_zero_grad
from .mostly_unknown_tokens import mostly_unknown_tokens as mostly_unknown_tokens
from .redundant_softmax import redundant_softmax as redundant_softmax
from .repeated_batch import repeated_batch as repeated_batch
from .single_class import single_class as single_class
from .target_leak import target_leak as target_leak
from .tiny_input import tiny_input as tiny_input
from .train_val_mismatch import train_val_mismatch as train_val_mismatch
from .train_val_overlap import train_val_overlap as train_val_overlap
from .unscaled_input import unscaled_input as unscaled_input
from .unscaled_target import unscaled_target as unscaled_target
from .unshuffled_data import unshuffled_data as unshuffled_data
from .unused_outputs import unused_outputs as unused_outputs
from .wrong_layout import wrong_layout as wrong_layout

SceneCheck = Callable[[Scene], Iterable[Finding]]
RecordCheck = Callable[[Record], Iterable[Finding]]

OF_A_SCENE: tuple[SceneCheck, ...] = (
    redundant_softmax,
    # graph
    # data
    ignore_index_collision,
)  # fmt: skip
"""Facts of the graph, told when they are confirmed."""

OF_A_RECORD: tuple[RecordCheck, ...] = (
    missing_zero_grad,
    # loop
    # data
    class_imbalance,
    constant_input,
    duplicated_rows,
    initial_loss,
    input_mutated,
    label_shift,
    labels_out_of_range,
    leaky_preprocessing,
    mostly_unknown_tokens,
    repeated_batch,
    single_class,
    target_leak,
    tiny_input,
    train_val_mismatch,
    train_val_overlap,
    unscaled_input,
    unscaled_target,
    unshuffled_data,
    unused_outputs,
    wrong_layout,
)  # fmt: skip
"""Facts of events, optimizers and data, told at once."""

OF_A_BAD_OUTCOME: tuple[RecordCheck, ...] = (
    # symptoms
    # data
    labels_mismatched,
)  # fmt: skip
"""Symptoms, told only while the outcome gate is open."""
