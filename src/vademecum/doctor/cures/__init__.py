"""Cures as interventions: the same run with one thing changed, without a change to the user's text.

Each is ``f(recorder, **options) -> context manager`` and acts through torch's hooks while a script runs. What it
changes is what the cure of a finding says; so a run with it is the proof of the finding, or its disproof.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..recording.recorder import Recorder
from . import modes, ops, steps

Intervention = Callable[..., AbstractContextManager[None]]

INTERVENTIONS: Mapping[str, Intervention] = {
    "rate": steps.rate, "adam": steps.adam, "no_decay": steps.no_decay, "mean_loss": steps.mean_loss,
    "flip_sign": steps.flip_sign, "zero_grad": steps.zero_grad, "keep_gradients": steps.keep_gradients,
    "no_clip": steps.no_clip, "optimize_all": steps.optimize_all, "unfreeze": steps.unfreeze, "step": steps.step,
    "momentum": steps.momentum, "constant_rate": steps.constant_rate,
    "standardize_inputs": modes.standardize_inputs, "finite_inputs": modes.finite_inputs,
    "fresh_inputs": modes.fresh_inputs, "train_mode": modes.train_mode, "eval_mode": modes.eval_mode,
    "reset": modes.reset, "no_dropout": modes.no_dropout, "batch_norm_momentum": modes.batch_norm_momentum,
    "identity": ops.identity, "last_dim": ops.last_dim, "same_shape": ops.same_shape, "shuffle": ops.shuffle,
    "causal": ops.causal, "guarded": ops.guarded, "leaky": ops.leaky, "rectified": ops.rectified,
    "class_weights": ops.class_weights, "standardize_targets": ops.standardize_targets,
    "with_grad": modes.with_grad, "probabilities": ops.probabilities, "out_of_place": ops.out_of_place,
    "log_softmax": ops.log_softmax, "with_logits": ops.with_logits,
}  # fmt: skip


@dataclass(frozen=True)
class Cure:
    """One thing that is changed in a run.

    Attributes:
        do: name of the intervention.
        options: its arguments; numbers and texts, so that they can be written as JSON.
        says: what is changed, in one clause: "with the learning rate divided by 10".
    """

    do: str
    options: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""


@contextmanager
def changed(changes: Sequence[Cure], recorder: Recorder) -> Iterator[None]:
    """Cure things while a block runs.

    Args:
        changes: made in this order.
        recorder: of the run.

    Yields:
        Nothing; all is as before when the block ends.

    Raises:
        ValueError: there is no such intervention.
    """
    with ExitStack() as stack:
        for change in changes:
            if change.do not in INTERVENTIONS:
                raise ValueError(f"an intervention must be one of {', '.join(INTERVENTIONS)}: {change.do!r}.")
            stack.enter_context(INTERVENTIONS[change.do](recorder, **change.options))
        yield
