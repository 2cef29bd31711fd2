"""Which finding explains which: one cause is one message, its consequences are folded beneath it."""

from collections.abc import Iterable
from dataclasses import replace

from ._finding import Finding

OUTCOMES = frozenset({"constant-output", "labels-mismatched", "not-learning"})
"""What any cause of a run that does not learn brings with it."""

DYNAMICS = OUTCOMES | {
    "capacity-too-small", "dead-relu", "exploding-gradient", "lr-too-high", "lr-too-low", "momentum-too-high",
    "rank-collapse", "saturated-activation", "sharpness", "vanishing-gradient",
}  # fmt: skip
"""What a fault of the loss, the loop or the data can do to the course of a training."""

GAPS = frozenset({"batchnorm-stale-statistics", "overfitting", "train-val-mismatch"})
"""What a validation that is done wrongly looks like."""

EXPLAINS: dict[str, frozenset[str]] = {
    # the loss and its graph
    "redundant-softmax": DYNAMICS,
    "redundant-sigmoid": DYNAMICS,
    "missing-log-softmax": DYNAMICS | {"flipped-loss-sign", "non-finite"},
    "missing-output-activation": DYNAMICS | {"non-finite", "run-failed"},
    "wrong-softmax-dim": DYNAMICS | {"batch-mixing", "missing-causal-mask"},
    "single-logit-softmax": DYNAMICS | {"input-ignored", "parameters-not-updated"},
    "broadcast-mismatch": DYNAMICS | {"input-ignored", "overfitting"},
    "nondifferentiable-output": DYNAMICS | {"detached-part", "loss-detached", "parameters-not-updated"},
    "detached-part": DYNAMICS | {"optimizer-wrong-parameters", "parameters-not-updated", "unused-parameters"},
    "loss-detached": DYNAMICS | {"detached-part", "missing-step", "parameters-not-updated", "run-failed"},
    "unregistered-layers": DYNAMICS | {
        "detached-part", "optimizer-wrong-parameters", "parameters-not-updated", "run-failed",
    },
    "output-range": DYNAMICS | {"input-ignored"},
    "flipped-loss-sign": DYNAMICS | {"non-finite"},
    "missing-nonlinearity": OUTCOMES | {"capacity-too-small"},
    "symmetric-init": DYNAMICS | {"input-ignored", "poor-init"},
    "mse-on-classes": OUTCOMES | {"output-range", "unscaled-target"},
    "wrong-custom-gradient": DYNAMICS | {"non-finite"},
    # the loop
    "optimizer-wrong-parameters": DYNAMICS | {"frozen-by-mistake", "missing-zero-grad", "parameters-not-updated"},
    "missing-zero-grad": DYNAMICS | {"clip-too-small", "non-finite"},
    "zero-grad-before-step": DYNAMICS | {"parameters-not-updated"},
    "missing-step": DYNAMICS | {"missing-zero-grad", "parameters-not-updated"},
    "parameters-not-updated": DYNAMICS,
    "two-optimizers": DYNAMICS | {"non-finite"},
    "lr-zero": DYNAMICS | {"parameters-not-updated"},
    "lr-decays-too-fast": DYNAMICS | {"lr-zero", "parameters-not-updated"},
    "frozen-by-mistake": DYNAMICS | {"parameters-not-updated"},
    "eval-mode-in-training": DYNAMICS | GAPS | {"non-finite"},
    "train-mode-in-validation": GAPS | {"dropout-active-in-eval"},
    "dropout-active-in-eval": frozenset({"overfitting"}),
    "replicas-disagree": DYNAMICS | {"non-finite"},
    "loss-reduction-sum": DYNAMICS | {"clip-too-small", "non-finite"},
    "clip-too-small": OUTCOMES | {"lr-too-low"},
    "momentum-too-high": OUTCOMES | {"dead-relu", "lr-too-high", "non-finite", "saturated-activation", "sharpness"},
    # the data
    "labels-out-of-range": DYNAMICS | {"non-finite", "run-failed", "initial-loss", "wrong-layout"},
    "single-class": DYNAMICS | {"class-imbalance", "input-ignored", "target-leak", "initial-loss", "unused-outputs"},
    "ignore-index-collision": DYNAMICS | {"class-imbalance", "single-class"},
    "unscaled-input": DYNAMICS | {
        "clip-too-small", "input-ignored", "non-finite", "poor-init", "class-imbalance", "initial-loss",
    },
    "tiny-input": DYNAMICS | {"input-ignored", "poor-init", "class-imbalance"},
    "constant-input": DYNAMICS | {
        "input-ignored", "repeated-batch", "tiny-input", "train-val-mismatch", "duplicated-rows",
        "train-val-overlap",
    },
    "input-mutated": DYNAMICS | GAPS | {"constant-input", "tiny-input", "unscaled-input"},
    "unshuffled-data": DYNAMICS | {"class-imbalance", "overfitting", "single-class", "train-val-mismatch"},
    "repeated-batch": DYNAMICS | {
        "class-imbalance", "overfitting", "single-class", "unshuffled-data", "duplicated-rows",
        "train-val-overlap",
    },
    "train-val-overlap": frozenset({"duplicated-rows"}),
    "leaky-preprocessing": frozenset(),
    "train-val-mismatch": frozenset({"batchnorm-stale-statistics", "overfitting"}),
    "target-leak": frozenset({"overfitting"}),
    "class-imbalance": OUTCOMES | {"overfitting"},
    "unscaled-target": DYNAMICS | {"clip-too-small", "input-ignored", "non-finite", "poor-init", "initial-loss"},
    "labels-mismatched": frozenset({"constant-output", "not-learning"}),
    "mostly-unknown-tokens": DYNAMICS | {"constant-input", "input-ignored", "repeated-batch"},
    "label-shift": OUTCOMES | {"overfitting"},
    "batch-mixing": DYNAMICS | GAPS | {"input-ignored"},
    "missing-causal-mask": GAPS,
    "input-ignored": OUTCOMES | {"capacity-too-small", "vanishing-gradient"},
    "initial-loss": frozenset({"lr-too-high"}),
    "wrong-layout": frozenset({"run-failed"}),
    # layers and dynamics, a cause before its consequences
    "batchnorm-tiny-batch": DYNAMICS | GAPS | {"batch-noise"},
    "batchnorm-stale-statistics": frozenset({"overfitting"}),
    "poor-init": OUTCOMES | {
        "clip-too-small", "dead-relu",
        "initial-loss", "exploding-gradient", "input-ignored", "lr-too-high", "lr-too-low", "non-finite",
        "rank-collapse", "saturated-activation", "sharpness", "vanishing-gradient",
    },
    "exploding-gradient": OUTCOMES | {
        "clip-too-small", "dead-relu", "lr-too-high", "non-finite", "saturated-activation", "sharpness",
    },
    "lr-too-high": OUTCOMES | {"dead-relu", "input-ignored", "non-finite", "rank-collapse", "saturated-activation"},
    "weight-decay-too-large": OUTCOMES | {
        "capacity-too-small", "dead-relu", "input-ignored", "lr-too-high", "lr-too-low", "rank-collapse",
        "vanishing-gradient",
    },
    "dropout-too-strong": OUTCOMES | {
        "capacity-too-small", "input-ignored", "lr-too-high", "lr-too-low", "rank-collapse",
    },
    "dead-relu": OUTCOMES | {"input-ignored", "lr-too-low", "rank-collapse", "vanishing-gradient"},
    "saturated-activation": OUTCOMES | {"input-ignored", "lr-too-low", "rank-collapse", "vanishing-gradient"},
    "vanishing-gradient": OUTCOMES | {"lr-too-low", "rank-collapse"},
    "lr-too-low": OUTCOMES,
    "capacity-too-small": OUTCOMES | {"rank-collapse"},
    "non-finite": OUTCOMES | {"run-failed"},
    "rank-collapse": frozenset({"constant-output"}),
    "constant-output": frozenset({"not-learning"}),
}  # fmt: skip
"""rule -> rules that it explains, directly; what those explain follows."""

PRIOR = (
    "non-finite", "labels-out-of-range", "missing-step", "loss-detached", "missing-zero-grad", "zero-grad-before-step",
    "optimizer-wrong-parameters", "unregistered-layers", "redundant-softmax", "redundant-sigmoid",
    "missing-log-softmax", "missing-output-activation", "wrong-softmax-dim", "single-logit-softmax",
    "broadcast-mismatch", "flipped-loss-sign", "nondifferentiable-output", "detached-part", "symmetric-init",
    "missing-nonlinearity", "output-range", "wrong-custom-gradient", "frozen-by-mistake", "lr-zero",
    "lr-decays-too-fast", "eval-mode-in-training", "two-optimizers", "missing-causal-mask", "batch-mixing",
    "constant-input", "mostly-unknown-tokens", "repeated-batch", "input-mutated", "unscaled-input", "unscaled-target",
    "tiny-input", "single-class", "ignore-index-collision", "unshuffled-data", "label-shift", "labels-mismatched",
    "loss-reduction-sum", "poor-init", "exploding-gradient", "momentum-too-high", "lr-too-high",
    "weight-decay-too-large", "dropout-too-strong", "dead-relu", "saturated-activation", "vanishing-gradient",
    "clip-too-small", "lr-too-low", "train-val-overlap", "target-leak", "leaky-preprocessing", "train-val-mismatch",
    "train-mode-in-validation", "dropout-active-in-eval", "batchnorm-stale-statistics", "batchnorm-tiny-batch",
    "class-imbalance", "mse-on-classes", "parameters-not-updated", "input-ignored", "overfitting",
)  # fmt: skip
"""Rules in the order in which they are told where severity and kind are the same: by worth and certainty."""

LAST = ("capacity-too-small", "rank-collapse", "constant-output", "not-learning")
"""Rules that are told after all that are not named."""

RANK = {"error": 0, "warning": 1, "note": 2, "ok": 3}


def fold(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Keep the causes and fold what they explain beneath them.

    Args:
        findings: in any order; those that are "ok" are left out.

    Returns:
        The causes: gravest first, facts before symptoms, then by worth and certainty, then the earlier before the
        later. A cause is as grave as the gravest of its consequences; a note explains nothing but notes. A finding
        that several causes explain stands under the first.

    Example:
        >>> cause = Finding("unscaled-input", "warning", "...")
        >>> after = Finding("saturated-activation", "warning", "...", symptom=True)
        >>> [(f.rule, [g.rule for g in f.folded]) for f in fold([after, cause])]
        [('unscaled-input', ['saturated-activation'])]
    """
    found = [finding for finding in findings if finding.severity != "ok"]
    roots = [f for f in found if not any(_explains(cause, f) for cause in found)]
    under = {id(root): [f for f in found if _explains(root, f)] for root in roots}
    roots.sort(key=lambda f: (min([RANK[f.severity], *(RANK[g.severity] for g in under[id(f)])]), *_order(f)))
    taken: set[int] = set()
    told = []
    for root in roots:
        folded = sorted((f for f in under[id(root)] if id(f) not in taken), key=_order)
        taken.update(id(f) for f in folded)
        told.append(replace(root, folded=root.folded + tuple(folded)))
    return tuple(told)


def explained(rule: str) -> frozenset[str]:
    """All rules that a rule explains, directly or through others."""
    seen: set[str] = set()
    waiting = list(EXPLAINS.get(rule, ()))
    while waiting:
        now = waiting.pop()
        if now not in seen:
            seen.add(now)
            waiting.extend(EXPLAINS.get(now, ()))
    return frozenset(seen - {rule})


def _explains(cause: Finding, finding: Finding) -> bool:
    return finding.rule in explained(cause.rule) and (cause.severity != "note" or finding.severity == "note")


def _order(finding: Finding) -> tuple[bool, int, int]:
    """Facts before symptoms, then by worth, then by time."""
    rule = finding.rule
    place = len(PRIOR) + 1 + LAST.index(rule) if rule in LAST else len(PRIOR)
    return finding.symptom, PRIOR.index(rule) if rule in PRIOR else place, finding.step
