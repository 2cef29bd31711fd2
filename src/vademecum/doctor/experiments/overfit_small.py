"""Overfit a small subset: a network and a loss that work can learn a handful of examples by heart.

References:
    karpathy2019recipe: "overfit one batch".
"""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn

from ..._torch.copies import plain
from ...train.overfit_subset import RATES, OverfitSubset, overfit_subset
from .._finding import Case, Finding
from .._probe import copied, first, some
from ..recording.record import NotCheckedError

RULE, REFERENCE = "overfit-small", "karpathy2019recipe"

STUCK = 0.5
"""Two examples are no better than not learned where this part of the loss above its floor is left, or as much of the
score is missing."""

OWN = (1.0, 0.1, 10.0)
"""Times the run's own rate that are tried with its own optimizer."""

MOVED = 0.95
"""Of the loss above its floor: where the run's own optimizer leaves more, it has not begun to learn the examples."""

FALLEN = 0.05
"""Of the loss at the start: what is below has been learned, also where the least loss is not known."""


def overfit_small(
    case: Case, *, examples: int = 20, steps: int = 200, own_rate: bool = False
) -> list[Finding]:
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
        own_rate: whether, after Adam has learned them, the run's own optimizer is tried, too, at its rate, a tenth and
            ten times it.

    Returns:
        One finding: "ok"; "note" where two examples are nearly learned but not all; "error" where not even two are;
        and where all is learned that equal inputs with different targets allow, "note", or "warning" where that is
        little. Its evidence holds the loss at the start, at the end and its floor, the score (accuracy, or the part of
        the variance explained) and the attainable one, the steps and the rate. Where Adam learns them and the run's
        own optimizer does not begin to, a "warning" beside the "ok": at its own rate nearly all of the loss is left.

    Of a model with several outputs the least loss is not known: where its loss does not fall to 5 %, nothing is said,
    by a `NotCheckedError`.

    Example:
        >>> from torch import nn
        >>> x, y = torch.eye(10), torch.arange(10)
        >>> case = Case(nn.Linear(10, 10), x, y, nn.CrossEntropyLoss(), num_classes=10)
        >>> [(finding.severity, finding.evidence["score"]) for finding in overfit_small(case)]
        [('ok', 1.0)]
    """
    with copied(first(case, examples)) as own:
        count = min(examples, len(case.x))
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
        if case.origin is not None and not isinstance(own.model(own.x), Tensor):
            return [_by_loss(own, count, steps)]
        trial = _tried(own, steps)
        if trial.learned:
            return [_learned(trial), *(_by_own(own, trial, steps) if own_rate else ())]
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
        case.model, case.loss, case.x, case.y, num_classes=case.num_classes, examples=len(case.x), steps=steps,
        scored=case.origin is None or case.origin.scored,
    )  # fmt: skip


def _by_loss(case: Case, count: int, steps: int) -> Finding:
    """Look at the loss alone: what it can reach at least is not known."""
    ends = []
    for rate in RATES:
        model = deepcopy(case.model)
        plain(model)
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
        values: list[float] = []
        for _ in range(steps):
            loss = case.loss(model(case.x), case.y)
            values.append(loss.item())
            if not math.isfinite(values[-1]) or 0 <= values[-1] < FALLEN * values[0]:
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if 0 <= values[-1] < FALLEN * values[0]:
            seen = f"loss {values[0]:.3g} -> {values[-1]:.3g}"
            message = f"{count} examples were learned by heart in {len(values)} steps ({seen})."
            evidence = {"initial": values[0], "final": values[-1], "rate": rate}
            return Finding(RULE, "ok", message, evidence=evidence, reference=REFERENCE)
        ends.append(values[-1])
    raise NotCheckedError(
        f"the loss of {count} examples went to {min(ends):.3g}, and what it can reach at least is not known"
    )


def _by_own(case: Case, trial: OverfitSubset, steps: int) -> list[Finding]:
    """Try the run's own optimizer on what Adam has learned."""
    make = case.origin.optimizer if case.origin is not None else None
    if make is None:
        return []

    def scaled(model: nn.Module, factor: float) -> torch.optim.Optimizer:
        optimizer = make(model)
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * factor
        return optimizer

    name, rate = type(make(case.model)).__name__, max(g["lr"] for g in make(case.model).param_groups)
    left = {}
    for factor in OWN:
        tried = overfit_subset(
            case.model, case.loss, case.x, case.y, num_classes=case.num_classes, examples=len(case.x), steps=steps,
            rates=(factor,), make_optimizer=scaled, scored=case.origin is None or case.origin.scored,
        )  # fmt: skip
        left[factor] = _left(tried)
        if factor == OWN[0] and left[factor] <= MOVED:
            return []
    best = min(left, key=lambda factor: left[factor])
    better = f", and {left[best]:.0%} at {rate * best:.2g}" if left[best] < STUCK else ""
    cure = f"Try a rate of {rate * best:.2g}." if better else f"Try Adam with a rate of {trial.rate:g}."
    return [Finding(
        RULE, "warning",
        f"{trial.examples} examples are learned by heart with Adam at {trial.rate:g} in {trial.steps} steps, while "
        f"{name} at the run's own rate {rate:.2g} leaves {_part(left[OWN[0]])} of the loss after {steps}{better}.",
        cure=cure, where="optimizer", evidence={"own": rate, "left": left[OWN[0]], "best": rate * best},
        reference=REFERENCE, disproof="The rate is meant for far more steps than these.",
    )]  # fmt: skip


def _part(left: float) -> str:
    return f"{left:.0%}" if left <= 1 else "more than there was"


def _stuck(trial: OverfitSubset) -> bool:
    """Say whether next to nothing was learned."""
    return _left(trial) > STUCK or trial.score <= trial.attainable - STUCK


def _left(trial: OverfitSubset) -> float:
    """The part of the loss above its floor that is left."""
    if not math.isfinite(trial.final):
        return math.inf
    if trial.floor == -math.inf:
        return 0.0
    return (trial.final - trial.floor) / max(abs(trial.initial - trial.floor), 1e-12)


def _evidence(trial: OverfitSubset) -> dict[str, float]:
    return {
        "examples": trial.examples, "initial": trial.initial, "final": trial.final, "floor": trial.floor,
        "score": trial.score, "attainable": trial.attainable, "steps": trial.steps, "rate": trial.rate,
    }  # fmt: skip


def _pair(case: Case) -> Case | None:
    """Two examples that differ in input and target."""
    if case.origin is not None and case.origin.others:
        return None  # the other inputs are those of the first two
    for j in range(1, len(case.x)):
        if not torch.equal(case.x[0], case.x[j]) and not torch.equal(case.y[0], case.y[j]):
            return some(case, [0, j])
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
