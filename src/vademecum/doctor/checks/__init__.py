"""The rules: one a module, whose docstring is its card.

A rule looks at one of two things. At a *scene*, the moment before a backward pass, when the graph is whole: it is true
or false at once, and told when it was confirmed at several passes. Or at the *record* of the run so far: events,
figures and data; a symptom among them is told only while the outcome gate is open.
"""

from collections.abc import Callable, Iterable

from .._finding import Finding
from ..record import Record, Scene
from .batch_mixing import batch_mixing as batch_mixing
from .batchnorm_stale_statistics import batchnorm_stale_statistics as batchnorm_stale_statistics
from .broadcast_mismatch import broadcast_mismatch as broadcast_mismatch
from .detached_part import detached_part as detached_part
from .dropout_active_in_eval import dropout_active_in_eval as dropout_active_in_eval
from .flipped_loss_sign import flipped_loss_sign as flipped_loss_sign
from .input_ignored import input_ignored as input_ignored
from .loss_detached import loss_detached as loss_detached
from .missing_causal_mask import missing_causal_mask as missing_causal_mask
from .missing_log_softmax import missing_log_softmax as missing_log_softmax
from .missing_nonlinearity import missing_nonlinearity as missing_nonlinearity
from .missing_output_activation import missing_output_activation as missing_output_activation
from .missing_zero_grad import missing_zero_grad as missing_zero_grad
from .mse_on_classes import mse_on_classes as mse_on_classes
from .nondifferentiable_output import nondifferentiable_output as nondifferentiable_output
from .output_range import output_range as output_range
from .redundant_sigmoid import redundant_sigmoid as redundant_sigmoid
from .redundant_softmax import redundant_softmax as redundant_softmax
from .single_logit_softmax import single_logit_softmax as single_logit_softmax
from .symmetric_init import symmetric_init as symmetric_init
from .unregistered_layers import unregistered_layers as unregistered_layers
from .wrong_softmax_dim import wrong_softmax_dim as wrong_softmax_dim

SceneCheck = Callable[[Scene], Iterable[Finding]]
RecordCheck = Callable[[Record], Iterable[Finding]]

OF_A_SCENE: tuple[SceneCheck, ...] = (
    redundant_softmax,
    # graph
    redundant_sigmoid,
    missing_log_softmax,
    missing_output_activation,
    wrong_softmax_dim,
    single_logit_softmax,
    output_range,
    broadcast_mismatch,
    flipped_loss_sign,
    nondifferentiable_output,
    loss_detached,
    unregistered_layers,
    missing_nonlinearity,
)  # fmt: skip
"""Facts of the graph, told when they are confirmed."""

OF_A_RECORD: tuple[RecordCheck, ...] = (
    missing_zero_grad,
    # loop
    # data
    # graph
    missing_output_activation,
    loss_detached,
    detached_part,
    symmetric_init,
    mse_on_classes,
    # probes
    batch_mixing,
    missing_causal_mask,
    input_ignored,
    dropout_active_in_eval,
    batchnorm_stale_statistics,
)  # fmt: skip
"""Facts of events, optimizers and data, told at once."""

OF_A_BAD_OUTCOME: tuple[RecordCheck, ...] = (
    # symptoms
)  # fmt: skip
"""Symptoms, told only while the outcome gate is open."""
