"""Which intervention is the cure of which finding, and which are tried where no finding tells."""

from collections.abc import Callable, Mapping

from .._finding import Finding
from . import Cure


def _op(family: str, says: str) -> Callable[[Finding], Cure]:
    """Leave out an operation at the line of the finding."""
    return lambda f: Cure("identity", {"family": family, "file": f.file, "line": f.line}, says)


def _fixed(do: str, says: str, **options: float | str) -> Callable[[Finding], Cure]:
    return lambda finding: Cure(do, options, says)


CURES: Mapping[str, tuple[Callable[[Finding], Cure], ...]] = {
    "redundant-softmax": (_op("softmax", "without the softmax in front of the loss"),),
    "redundant-sigmoid": (
        _fixed("probabilities", "with the binary cross-entropy of probabilities"),
        _op("sigmoid", "without the sigmoid in front of the loss"),
    ),
    "missing-log-softmax": (_fixed("log_softmax", "with log-probabilities given to the loss"),),
    "missing-output-activation": (
        _fixed("with_logits", "with the binary cross-entropy of scores"),
        _fixed("guarded", "with the logarithm kept from 0"),
    ),
    "wrong-softmax-dim": (
        lambda f: Cure("last_dim", {"file": f.file, "line": f.line}, "with the softmax over the classes"),
    ),
    "broadcast-mismatch": (
        lambda f: Cure(
            "same_shape", {"file": f.file, "line": f.line}, "with predictions and targets of one shape"
        ),
    ),
    "output-range": (
        lambda f: Cure(
            "identity", {"family": _family(f), "file": f.file, "line": f.line}, "without the last activation"
        ),
    ),
    "nondifferentiable-output": (_op("round", "without the rounding"),),
    "detached-part": (
        _op("detach", "without the detach()"),
        _fixed("with_grad", "with gradients recorded all through the model"),
    ),
    "flipped-loss-sign": (_fixed("flip_sign", "with the sign of the loss turned"),),
    "unregistered-layers": (_fixed("optimize_all", "with all layers in the optimizer"),),
    "optimizer-wrong-parameters": (_fixed("optimize_all", "with the model's parameters in the optimizer"),),
    "symmetric-init": (_fixed("reset", "started from torch's own initialization"),),
    "missing-zero-grad": (_fixed("zero_grad", "with the gradients cleared after each step"),),
    "zero-grad-before-step": (_fixed("keep_gradients", "with the gradients kept until the step"),),
    "missing-step": (_fixed("step", "with a step after each backward pass"),),
    "frozen-by-mistake": (_fixed("unfreeze", "with every parameter learning"),),
    "eval-mode-in-training": (_fixed("train_mode", "in training mode"),),
    "train-mode-in-validation": (_fixed("eval_mode", "validated in evaluation mode"),),
    "dropout-active-in-eval": (_fixed("eval_mode", "validated in evaluation mode"),),
    "lr-decays-too-fast": (_fixed("constant_rate", "at a constant learning rate"),),
    "lr-zero": (_fixed("constant_rate", "at a constant learning rate"),),
    "loss-reduction-sum": (_fixed("mean_loss", "with the loss averaged over the batch"),),
    "clip-too-small": (_fixed("no_clip", "without clipping"),),
    "momentum-too-high": (_fixed("momentum", "with momentum 0.9", value=0.9),),
    "weight-decay-too-large": (_fixed("no_decay", "without weight decay"),),
    "dropout-too-strong": (_fixed("no_dropout", "without dropout"),),
    "unscaled-input": (_fixed("standardize_inputs", "with standardized inputs"),),
    "tiny-input": (_fixed("standardize_inputs", "with standardized inputs"),),
    "input-mutated": (
        _fixed("fresh_inputs", "with a copy of each batch"),
        _fixed("out_of_place", "with new tensors in place of changed data"),
    ),
    "unscaled-target": (_fixed("standardize_targets", "with standardized targets"),),
    "unshuffled-data": (_fixed("shuffle", "with the training data shuffled"),),
    "class-imbalance": (_fixed("class_weights", "with classes weighted by their rarity"),),
    "missing-causal-mask": (_fixed("causal", "with a causal mask"),),
    "batchnorm-stale-statistics": (_fixed("batch_norm_momentum", "with batch norm's momentum at 0.1"),),
    "non-finite": (
        _fixed("guarded", "with logarithms, roots and divisors kept from 0"),
        _fixed("finite_inputs", "with inputs that are finite"),
        _fixed("rate", "with a tenth of the learning rate", factor=0.1),
        _fixed("rate", "with a hundredth of the learning rate", factor=0.01),
    ),
    "poor-init": (_fixed("reset", "started from torch's own initialization"),),
    "dead-relu": (
        _fixed("reset", "started from torch's own initialization"),
        _fixed("rate", "with a tenth of the learning rate", factor=0.1),
        _fixed("leaky", "with leaky ReLUs"),
    ),
    "saturated-activation": (
        _fixed("reset", "started from torch's own initialization"),
        _fixed("standardize_inputs", "with standardized inputs"),
        _fixed("rectified", "with ReLUs between the layers"),
    ),
    "vanishing-gradient": (
        _fixed("rectified", "with ReLUs between the layers"),
        _fixed("reset", "started from torch's own initialization"),
        _fixed("adam", "stepped by Adam at 0.001", lr=1e-3),
    ),
    "exploding-gradient": (
        _fixed("reset", "started from torch's own initialization"),
        _fixed("rate", "with a tenth of the learning rate", factor=0.1),
        _fixed("rate", "with a hundredth of the learning rate", factor=0.01),
    ),
    "lr-too-high": (
        _fixed("rate", "with a tenth of the learning rate", factor=0.1),
        _fixed("rate", "with a hundredth of the learning rate", factor=0.01),
        _fixed("rate", "with a thousandth of the learning rate", factor=1e-3),
    ),
    "lr-too-low": (
        _fixed("rate", "with 10 times the learning rate", factor=10.0),
        _fixed("rate", "with 100 times the learning rate", factor=100.0),
        _fixed("rate", "with 1,000 times the learning rate", factor=1000.0),
        _fixed("adam", "stepped by Adam at 0.001", lr=1e-3),
    ),
}
"""rule -> changes, the likeliest first; a change is made of the finding, whose line it may need."""

SEARCHED: tuple[str, ...] = (
    "eval-mode-in-training", "missing-zero-grad", "frozen-by-mistake", "flipped-loss-sign", "unscaled-input",
    "unscaled-target", "poor-init", "loss-reduction-sum", "clip-too-small", "weight-decay-too-large",
    "dropout-too-strong", "lr-too-high", "lr-too-low",
)  # fmt: skip
"""Rules whose cures are tried where a run does not learn and no finding is proven; of two that help, the first."""


EARLY = frozenset({
    "rate", "adam", "no_decay", "mean_loss", "flip_sign", "zero_grad", "optimize_all", "unfreeze", "step", "momentum",
    "standardize_inputs", "reset", "no_dropout", "identity", "last_dim", "same_shape", "shuffle", "causal", "leaky",
    "rectified", "class_weights", "standardize_targets", "log_softmax", "with_logits", "probabilities", "with_grad",
})  # fmt: skip
"""Interventions that show in the first losses of a training, where they change anything of it."""


def _family(finding: Finding) -> str:
    """The activation that a finding names."""
    return next(
        (name for name in ("relu", "sigmoid", "tanh", "softmax") if name in finding.message.lower()), "relu"
    )


def cures(finding: Finding) -> tuple[Cure, ...]:
    """The changes that would heal what a finding says; none where no rerun can show it."""
    return tuple(make(finding) for make in CURES.get(finding.rule, ()))
