"""Initial loss: before training, a network should do about as well as a guess.

References:
    karpathy2019recipe: "verify loss @ init".
"""

import math

import torch
from torch import Tensor

from ...losses.softmax_cross_entropy import expected_initial_loss
from .._finding import Case, Finding
from .._probe import copied, labels
from ..recording.record import NotCheckedError

RULE, REFERENCE = "initial-loss", "karpathy2019recipe"

HIGH, SLACK = 0.5, 0.75
"""Cross-entropy is too high from HIGH times the guess plus SLACK above the guess. He-initialized networks, whose last
layer gives scores of variance 2, came up to 1.2 nats above it with 10 classes and 0.9 with 2, and are healthy."""

LOW = 0.5
"""Below this part of what knowing the class shares would give, the network knows something."""

REGRESSION = 10.0
"""In regression, too high is this many times the loss of always saying the mean, and low one part in as many."""


def initial_loss(case: Case) -> list[Finding]:
    """Compare the loss before training with that of a guess.

    In classification the guess is a uniform one, which costs ln K nats; in regression it is the mean of the targets,
    which costs their variance in squared error. Other losses are compared with what the same guess costs in them.

    Args:
        case: left as it is.

    Returns:
        One finding: "ok" with the numbers, "note" for a loss that is remarkably low, "warning" for one that is
        clearly too high, "error" for one that is not finite.

    Raises:
        NotCheckedError: the output is not one tensor of scores or values, so that the loss of a guess is not known.

    Example:
        >>> from torch import nn
        >>> x, y = torch.randn(64, 5), torch.arange(64) % 10
        >>> [finding] = initial_loss(Case(nn.Linear(5, 10), x, y, nn.CrossEntropyLoss(), num_classes=10))
        >>> finding.severity, round(finding.evidence["guess"], 4)
        ('ok', 2.3026)
    """
    with copied(case) as own, torch.no_grad():
        output = own.model(own.x)
        value = float(own.loss(output, own.y))
        if not isinstance(output, Tensor) or (case.origin is not None and not case.origin.scored):
            raise NotCheckedError("the loss of a guess is not known for outputs of this kind")
        guess, floor = _guess(own, output)
    evidence = {"initial": value, "guess": guess}
    seen = f"The loss before training is {value:.3g}"
    if not math.isfinite(value):
        return [Finding(
            RULE, "error", f"{seen}: it is not finite.",
            cure="Look for a logarithm or a division by 0 in the loss, and for such values in the data.",
            evidence=evidence, reference=REFERENCE,
        )]  # fmt: skip
    if case.num_classes:
        return [_classification(value, guess, floor, f"{seen} nats", evidence)]
    return [_regression(value, guess, seen, evidence)]


def _guess(case: Case, output: Tensor) -> tuple[float, float]:
    """The loss of a guess, and that of one that knows the class shares (the same in regression)."""
    constant: Tensor | float
    if case.num_classes:
        # A constant log-probability of -ln K is a uniform guess to the cross-entropy of scores, which does not see
        # a shift, and to the negative log-likelihood of log-probabilities.
        constant = -expected_initial_loss(case.num_classes)
        counts = torch.bincount(labels(case).flatten().clamp_min(0), minlength=case.num_classes)
        shares = expected_initial_loss(case.num_classes, counts[: case.num_classes].cpu())
    else:
        constant = case.y.float().mean(0) if output.shape == case.y.shape else case.y.float().mean()
        shares = 0.0
    guess = float(case.loss(torch.zeros_like(output) + constant, case.y))
    return guess, min(guess, shares)


def _classification(
    value: float, guess: float, floor: float, seen: str, evidence: dict[str, float]
) -> Finding:
    uniform = f"a uniform guess costs {guess:.3g}"
    if value > guess + HIGH * abs(guess) + SLACK:
        return Finding(
            RULE, "warning", f"{seen}, while {uniform}: the network is sure and wrong before it has learned.",
            cure="Scale the inputs to about unit variance; if they are, start the last layer with smaller weights.",
            evidence=evidence, reference=REFERENCE,
        )  # fmt: skip
    if guess > 0 and value < LOW * floor:
        return Finding(
            RULE, "note", f"{seen}, while {uniform}: the network already knows the answer.",
            cure="Unless it was trained before, look for the target among the inputs.",
            evidence=evidence, reference=REFERENCE,
        )  # fmt: skip
    return Finding(RULE, "ok", f"{seen}; {uniform}.", evidence=evidence, reference=REFERENCE)


def _regression(value: float, guess: float, seen: str, evidence: dict[str, float]) -> Finding:
    mean = f"always saying the mean of the targets costs {guess:.3g}"
    if guess > 0 and value > REGRESSION * guess:
        return Finding(
            RULE, "warning", f"{seen}, while {mean}: the outputs are far from the targets' scale.",
            cure="Standardize the targets on the training part, or start the last bias at their mean.",
            evidence=evidence, reference=REFERENCE,
        )  # fmt: skip
    if value < guess / REGRESSION:
        return Finding(
            RULE, "note", f"{seen}, while {mean}: the network already knows the answer.",
            cure="Unless it was trained before, look for the target among the inputs.",
            evidence=evidence, reference=REFERENCE,
        )  # fmt: skip
    return Finding(RULE, "ok", f"{seen}; {mean}.", evidence=evidence, reference=REFERENCE)
