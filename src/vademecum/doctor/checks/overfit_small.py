"""Overfit a small subset: a network and a loss that work can learn a handful of examples by heart.

References:
    karpathy2019recipe: "overfit one batch".
"""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .._finding import Case, Finding
from .._probe import copied, labels, plain

RULE, REFERENCE = "overfit-small", "karpathy2019recipe"

RATES = (1e-2, 2e-3, 1e-1)
"""Rates for Adam, tried in this order: for most networks, for deep ones, and for a single layer."""

LEFT = 0.01
"""The part of the loss above its floor that may be left."""

EXPLAINED = 0.99
"""The part of the targets' variance that must be explained in regression."""

STUCK = 0.5
"""Two examples are no better than not learned where this part of the loss above its floor is left, or as much of the
score is missing."""


@dataclass(frozen=True)
class _Trial:
    """How far one try came."""

    learned: bool
    initial: float
    final: float
    floor: float
    score: float
    attainable: float
    steps: int
    rate: float

    def __str__(self) -> str:
        return (
            f"loss {self.initial:.3g} -> {self.final:.3g} with a floor of {self.floor:.2g}, "
            f"score {self.score:.3g} of {self.attainable:.3g}"
        )

    @property
    def stuck(self) -> bool:
        """Whether next to nothing was learned."""
        if not math.isfinite(self.final):
            return True
        left = (
            0.0
            if self.floor == -math.inf
            else (self.final - self.floor) / max(abs(self.initial - self.floor), 1e-12)
        )
        return left > STUCK or self.score <= self.attainable - STUCK

    def evidence(self, examples: int) -> dict[str, float]:
        return {
            "examples": examples, "initial": self.initial, "final": self.final, "floor": self.floor,
            "score": self.score, "attainable": self.attainable, "steps": self.steps, "rate": self.rate,
        }  # fmt: skip


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
        plain(own.model)
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
            return [_learned(trial, count)]
        pair = _pair(own)
        few = _tried(pair, steps) if pair is not None and count > 2 else trial
        hint = _hint(own, few)
    seen = f"{count} examples were not learned by heart in {steps} steps ({trial})"
    if few.stuck:
        severity, seen = "error", f"{seen}, and not even two were" if few is not trial else seen
        cure = hint or "Look for outputs of the wrong shape, and inputs that do not reach the output."
    else:
        severity, seen = (
            "note",
            f"{seen}, though two were nearly: the network is small for them, or slow to train",
        )
        cure = hint or "If it also trains badly, take a wider network or another initialization."
    return [
        Finding(RULE, severity, f"{seen}.", cure=cure, evidence=trial.evidence(count), reference=REFERENCE)
    ]


def _learned(trial: _Trial, count: int) -> Finding:
    """Say that all went well, or that equal inputs with different targets kept it from going better."""
    if trial.attainable > 1 - 1e-6:
        message = f"{count} examples were learned by heart in {trial.steps} steps ({trial})."
        return Finding(RULE, "ok", message, evidence=trial.evidence(count), reference=REFERENCE)
    return Finding(
        RULE, "note" if trial.attainable > STUCK else "warning",
        f"Among {count} examples the same input comes with different targets; the rest was learned by heart ({trial}).",
        cure="Look for labels that were shuffled or mislabeled, and for inputs that lose what tells them apart.",
        evidence=trial.evidence(count), reference=REFERENCE,
    )  # fmt: skip


def _tried(case: Case, steps: int) -> _Trial:
    """Try the rates in turn; the first that learns, else the one that came farthest."""
    with torch.no_grad():
        output = case.model(case.x)
    groups = torch.unique(case.x.flatten(1), dim=0, return_inverse=True)[1]
    floor, attainable = _floor(case, output, groups), _attainable(case, output, groups)
    trials = []
    for rate in RATES:
        trials.append(_train(case, rate, steps, floor=floor, attainable=attainable))
        if trials[-1].learned:
            return trials[-1]
    return min(trials, key=lambda trial: trial.final if math.isfinite(trial.final) else math.inf)


def _train(case: Case, rate: float, steps: int, *, floor: float, attainable: float) -> _Trial:
    model = deepcopy(case.model)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    slack = 1e-6 if case.num_classes else 1 - EXPLAINED
    initial, step = math.nan, 0
    while True:
        output = model(case.x)
        loss = case.loss(output, case.y)
        final = loss.item()
        initial = final if step == 0 else initial
        score = _score(case, output.detach())
        low = floor == -math.inf or final - floor <= LEFT * abs(initial - floor)
        learned = low and score >= attainable - slack
        if learned or step == steps or not math.isfinite(final):
            return _Trial(learned, initial, final, floor, score, attainable, step, rate)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1


def _floor(case: Case, output: Tensor, groups: Tensor) -> float:
    """The least loss of outputs that are free but for being equal where inputs are: -inf where there is no least."""
    if not isinstance(output, Tensor) or len(output) != len(groups):
        return -math.inf
    first = torch.stack([(groups == g).nonzero()[0, 0] for g in range(int(groups.max()) + 1)])
    start = torch.zeros_like(output)
    if not case.num_classes and case.y.numel() == output.numel():
        start = case.y.to(output.dtype).reshape(output.shape)
        start = torch.stack([start[groups == g].mean(0) for g in groups])
    free = start[first].clone().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")
    inside = _range(case, output)
    seen: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = case.loss(inside(free)[groups], case.y)
        loss.backward()
        seen.append(loss.item())
        return loss

    optimizer.step(closure)
    least = min((value for value in seen if math.isfinite(value)), default=-math.inf)
    return least if least > -10 * max(1.0, abs(seen[0])) else -math.inf


def _range(case: Case, output: Tensor) -> Callable[[Tensor], Tensor]:
    """What maps free numbers onto outputs such as the network's: probabilities, their logarithms, or any number."""
    if not case.num_classes:
        return lambda free: free
    if output.ndim > 1 and torch.allclose(output.logsumexp(1), output.new_zeros(()), atol=1e-4):
        return lambda free: free.log_softmax(1)
    if bool(((output >= 0) & (output <= 1)).all()):
        if output.ndim > 1 and torch.allclose(output.sum(1), output.new_ones(()), atol=1e-4):
            return lambda free: free.softmax(1)
        return torch.sigmoid
    return lambda free: free


def _said(case: Case, output: Tensor) -> Tensor | None:
    """The class that each output stands for; None where that cannot be told."""
    if isinstance(output, Tensor) and output.ndim > 1 and output.shape[1] == case.num_classes:
        return output.argmax(1)
    return None


def _score(case: Case, output: Tensor) -> float:
    """Accuracy, or the part of the variance explained; 1 where neither can be told."""
    if case.num_classes:
        said = _said(case, output)
        return 1.0 if said is None else float((said == labels(case)).double().mean())
    if not isinstance(output, Tensor) or output.numel() != case.y.numel():
        return 1.0
    return _explained(case.y, output.reshape(case.y.shape))


def _attainable(case: Case, output: Tensor, groups: Tensor) -> float:
    """The best score of outputs that are equal where inputs are."""
    if case.num_classes and _said(case, output) is not None:
        y = labels(case)
        best = torch.stack([y[groups == g].mode(0).values for g in groups])
        return float((best == y).double().mean())
    if not case.num_classes and isinstance(output, Tensor) and output.numel() == case.y.numel():
        return _explained(case.y, torch.stack([case.y[groups == g].mean(0) for g in groups]))
    return 1.0


def _explained(y: Tensor, said: Tensor) -> float:
    total = (y - y.mean(0)).double().square().sum()
    return float(1 - (y - said).double().square().sum() / total) if total > 0 else 1.0


def _pair(case: Case) -> Case | None:
    """Two examples that differ in input and target."""
    for j in range(1, len(case.x)):
        if not torch.equal(case.x[0], case.x[j]) and not torch.equal(case.y[0], case.y[j]):
            return replace(case, x=case.x[[0, j]], y=case.y[[0, j]])
    return None


def _hint(case: Case, trial: _Trial) -> str:
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
