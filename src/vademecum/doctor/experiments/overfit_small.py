"""Overfit a small subset: a network and a loss that work can learn a handful of examples by heart.

References:
    karpathy2019recipe: "overfit one batch".
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from ..._torch.copies import plain
from ...train.overfit_subset import OverfitSubset, overfit_subset
from .._finding import Case, Finding
from .._probe import copied

RULE, REFERENCE = "overfit-small", "karpathy2019recipe"

STUCK = 0.5
"""Two examples are no better than not learned where this part of the loss above its floor is left, or as much of the
score is missing."""


def overfit_small(case: Case, *, examples: int = 20, steps: int = 200) -> list[Finding]:
    """Train a copy on a few examples and look whether it learns them by heart.

    Dropout and weight decay are off, the optimizer is Adam. The floor of the loss is what free outputs, equal for
    equal inputs, can reach in it: so smoothed labels, and the same input with two labels, are no fault of the
    network. Learned means: at most 1 % of the loss above the floor is left, and as many examples are right as equal
    inputs allow (in regression: 99 % of the variance is explained). Where it fails, two examples with different
    targets are tried, which tells a fault from a network that is only small or slow.

    Args:
        case: left as it is.
        examples: how many, from the start of the batch.
        steps: taken at most at each rate.

    Returns:
        One finding: "ok"; "note" where two examples are nearly learned but not all; "error" where not even two are;
        and where all is learned that equal inputs with different targets allow, "note", or "warning" where that is
        little. Its evidence holds the loss at the start, at the end and its floor, the score (accuracy, or the part of
        the variance explained) and the attainable one, the steps and the rate.

    Example:
        >>> from torch import nn
        >>> x, y = torch.eye(10), torch.arange(10)
        >>> case = Case(nn.Linear(10, 10), x, y, nn.CrossEntropyLoss(), num_classes=10)
        >>> [(finding.severity, finding.evidence["score"]) for finding in overfit_small(case)]
        [('ok', 1.0)]
    """
    with copied(replace(case, x=case.x[:examples], y=case.y[:examples])) as own:
        count = len(own.x)
        if (
            not any(p.requires_grad for p in own.model.parameters())
            or not own.loss(own.model(own.x), own.y).requires_grad
        ):
            return [
                Finding(
                    RULE, "error", "Nothing can be learned: the loss is not connected to any trainable parameter.",
                    cure="See what the check of the gradients says.", reference=REFERENCE,
                )
            ]  # fmt: skip
        trial = _tried(own, steps)
        if trial.learned:
            return [_learned(trial)]
        pair = _pair(own)
        few = _tried(pair, steps) if pair is not None and count > 2 else trial
        plain(own.model)
        hint = _hint(own, few)
    seen = f"{count} examples were not learned by heart in {steps} steps ({trial})"
    if _stuck(few):
        severity, seen = "error", f"{seen}, and not even two were" if few is not trial else seen
        cure = hint or "Look for outputs of the wrong shape, and inputs that do not reach the output."
    else:
        severity, seen = (
            "note",
            f"{seen}, though two were nearly: the network is small for them, or slow to train",
        )
        cure = hint or "If it also trains badly, take a wider network or another initialization."
    return [Finding(RULE, severity, f"{seen}.", cure=cure, evidence=_evidence(trial), reference=REFERENCE)]


def _learned(trial: OverfitSubset) -> Finding:
    """Say that all went well, or that equal inputs with different targets kept it from going better."""
    if trial.attainable > 1 - 1e-6:
        message = f"{trial.examples} examples were learned by heart in {trial.steps} steps ({trial})."
        return Finding(RULE, "ok", message, evidence=_evidence(trial), reference=REFERENCE)
    return Finding(
        RULE, "note" if trial.attainable > STUCK else "warning",
        f"Among {trial.examples} examples the same input comes with different targets; the rest was learned by heart "
        f"({trial}).",
        cure="Look for labels that were shuffled or mislabeled, and for inputs that lose what tells them apart.",
        evidence=_evidence(trial), reference=REFERENCE,
    )  # fmt: skip


def _tried(case: Case, steps: int) -> OverfitSubset:
    return overfit_subset(
        case.model, case.loss, case.x, case.y, num_classes=case.num_classes, examples=len(case.x), steps=steps
    )


def _stuck(trial: OverfitSubset) -> bool:
    """Say whether next to nothing was learned."""
    if not math.isfinite(trial.final):
        return True
    left = (
        0.0
        if trial.floor == -math.inf
        else (trial.final - trial.floor) / max(abs(trial.initial - trial.floor), 1e-12)
    )
    return left > STUCK or trial.score <= trial.attainable - STUCK


def _evidence(trial: OverfitSubset) -> dict[str, float]:
    return {
        "examples": trial.examples, "initial": trial.initial, "final": trial.final, "floor": trial.floor,
        "score": trial.score, "attainable": trial.attainable, "steps": trial.steps, "rate": trial.rate,
    }  # fmt: skip


def _pair(case: Case) -> Case | None:
    """Two examples that differ in input and target."""
    for j in range(1, len(case.x)):
        if not torch.equal(case.x[0], case.x[j]) and not torch.equal(case.y[0], case.y[j]):
            return replace(case, x=case.x[[0, j]], y=case.y[[0, j]])
    return None


def _hint(case: Case, trial: OverfitSubset) -> str:
    """The likeliest reason, from what can be seen at once; "" where nothing can."""
    if trial.floor == -math.inf and trial.final < trial.initial:
        return "The loss falls without end while the examples get no better: look for a wrong sign in it."
    output = case.model(case.x)
    case.loss(output, case.y).backward()
    if any(p.requires_grad and p.grad is None for p in case.model.parameters()):
        return "No gradient reaches some parameters: see the check of the gradients."
    if not isinstance(output, Tensor):
        return ""
    output = output.detach()
    if not case.num_classes and output.numel() == case.y.numel() and output.shape != case.y.shape:
        return (
            f"The outputs are {tuple(output.shape)} and the targets {tuple(case.y.shape)}, whose difference is a "
            "matrix: give them one shape."
        )
    if len(output) > 1 and bool((output == output[:1]).all()) and not bool((case.x == case.x[:1]).all()):
        return "The outputs are the same for all examples: look whether the input reaches the output."
    if (
        case.num_classes
        and torch.allclose(output.sum(-1), output.new_ones(()), atol=1e-4)
        and bool((output >= 0).all())
    ):
        return "The outputs are probabilities: drop the softmax if the loss takes it too."
    if bool((output >= 0).all()):
        return "No output is negative: drop the activation behind the last layer."
    return ""
