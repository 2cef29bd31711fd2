"""The rules: one a module, whose docstring is its card.

A rule looks at one of two things. At a *scene*, the moment before a backward pass, when the graph is whole: it is true
or false at once, and told when it was confirmed at several passes. Or at the *record* of the run so far: events,
figures and data; a symptom among them is told only while the outcome gate is open.
"""

from collections.abc import Callable, Iterable

from .._finding import Finding
from ..recording.record import Record, Scene
from .adam_coupled_decay import adam_coupled_decay as adam_coupled_decay
from .batch_mixing import batch_mixing as batch_mixing
from .batch_noise import batch_noise as batch_noise
from .batchnorm_stale_statistics import batchnorm_stale_statistics as batchnorm_stale_statistics
from .batchnorm_tiny_batch import batchnorm_tiny_batch as batchnorm_tiny_batch
from .bias_before_norm import bias_before_norm as bias_before_norm
from .broadcast_mismatch import broadcast_mismatch as broadcast_mismatch
from .capacity_too_small import capacity_too_small as capacity_too_small
from .class_imbalance import class_imbalance as class_imbalance
from .clip_too_small import clip_too_small as clip_too_small
from .constant_input import constant_input as constant_input
from .constant_output import constant_output as constant_output
from .dead_relu import dead_relu as dead_relu
from .decay_on_norm import decay_on_norm as decay_on_norm
from .detached_part import detached_part as detached_part
from .dropout_active_in_eval import dropout_active_in_eval as dropout_active_in_eval
from .dropout_too_strong import dropout_too_strong as dropout_too_strong
from .duplicated_rows import duplicated_rows as duplicated_rows
from .eval_mode_in_training import eval_mode_in_training as eval_mode_in_training
from .exploding_gradient import exploding_gradient as exploding_gradient
from .flipped_loss_sign import flipped_loss_sign as flipped_loss_sign
from .frozen_by_mistake import frozen_by_mistake as frozen_by_mistake
from .ignore_index_collision import ignore_index_collision as ignore_index_collision
from .initial_loss import initial_loss as initial_loss
from .input_ignored import input_ignored as input_ignored
from .input_mutated import input_mutated as input_mutated
from .label_shift import label_shift as label_shift
from .labels_mismatched import labels_mismatched as labels_mismatched
from .labels_out_of_range import labels_out_of_range as labels_out_of_range
from .leaky_preprocessing import leaky_preprocessing as leaky_preprocessing
from .loader_bound import loader_bound as loader_bound
from .loss_detached import loss_detached as loss_detached
from .loss_reduction_sum import loss_reduction_sum as loss_reduction_sum
from .lr_decays_too_fast import lr_decays_too_fast as lr_decays_too_fast
from .lr_too_high import lr_too_high as lr_too_high
from .lr_too_low import lr_too_low as lr_too_low
from .lr_zero import lr_zero as lr_zero
from .memory_growth import memory_growth as memory_growth
from .missing_causal_mask import missing_causal_mask as missing_causal_mask
from .missing_log_softmax import missing_log_softmax as missing_log_softmax
from .missing_nonlinearity import missing_nonlinearity as missing_nonlinearity
from .missing_output_activation import missing_output_activation as missing_output_activation
from .missing_step import missing_step as missing_step
from .missing_zero_grad import missing_zero_grad as missing_zero_grad
from .momentum_too_high import momentum_too_high as momentum_too_high
from .mostly_unknown_tokens import mostly_unknown_tokens as mostly_unknown_tokens
from .mse_on_classes import mse_on_classes as mse_on_classes
from .non_finite import non_finite as non_finite
from .nondifferentiable_output import nondifferentiable_output as nondifferentiable_output
from .not_learning import not_learning as not_learning
from .optimizer_wrong_parameters import optimizer_wrong_parameters as optimizer_wrong_parameters
from .output_range import output_range as output_range
from .overfitting import overfitting as overfitting
from .parameters_not_updated import parameters_not_updated as parameters_not_updated
from .poor_init import poor_init as poor_init
from .rank_collapse import rank_collapse as rank_collapse
from .redundant_sigmoid import redundant_sigmoid as redundant_sigmoid
from .redundant_softmax import redundant_softmax as redundant_softmax
from .repeated_batch import repeated_batch as repeated_batch
from .replicas_disagree import replicas_disagree as replicas_disagree
from .run_failed import run_failed as run_failed
from .saturated_activation import saturated_activation as saturated_activation
from .scheduler_before_optimizer import scheduler_before_optimizer as scheduler_before_optimizer
from .single_class import single_class as single_class
from .single_logit_softmax import single_logit_softmax as single_logit_softmax
from .symmetric_init import symmetric_init as symmetric_init
from .target_leak import target_leak as target_leak
from .tiny_input import tiny_input as tiny_input
from .train_mode_in_validation import train_mode_in_validation as train_mode_in_validation
from .train_val_mismatch import train_val_mismatch as train_val_mismatch
from .train_val_overlap import train_val_overlap as train_val_overlap
from .two_optimizers import two_optimizers as two_optimizers
from .unregistered_layers import unregistered_layers as unregistered_layers
from .unscaled_input import unscaled_input as unscaled_input
from .unscaled_target import unscaled_target as unscaled_target
from .unshuffled_data import unshuffled_data as unshuffled_data
from .unused_outputs import unused_outputs as unused_outputs
from .vanishing_gradient import vanishing_gradient as vanishing_gradient
from .weight_decay_too_large import weight_decay_too_large as weight_decay_too_large
from .wrong_custom_gradient import wrong_custom_gradient as wrong_custom_gradient
from .wrong_layout import wrong_layout as wrong_layout
from .wrong_softmax_dim import wrong_softmax_dim as wrong_softmax_dim
from .zero_grad_before_step import zero_grad_before_step as zero_grad_before_step

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
    batchnorm_tiny_batch,
    bias_before_norm,
    wrong_custom_gradient,
    # data
    ignore_index_collision,
)  # fmt: skip
"""Facts of the graph, told when they are confirmed."""

OF_A_RECORD: tuple[RecordCheck, ...] = (
    missing_zero_grad,
    # loop
    adam_coupled_decay,
    clip_too_small,
    decay_on_norm,
    eval_mode_in_training,
    frozen_by_mistake,
    loader_bound,
    lr_decays_too_fast,
    lr_zero,
    memory_growth,
    missing_step,
    momentum_too_high,
    non_finite,
    optimizer_wrong_parameters,
    parameters_not_updated,
    replicas_disagree,
    run_failed,
    scheduler_before_optimizer,
    train_mode_in_validation,
    two_optimizers,
    zero_grad_before_step,
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
    loss_reduction_sum,
    vanishing_gradient,
    rank_collapse,
    constant_output,
    not_learning,
    # data
    labels_mismatched,
)  # fmt: skip
"""Symptoms, told only while the outcome gate is open."""
