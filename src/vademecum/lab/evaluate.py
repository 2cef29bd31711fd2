"""Examine a trained model once, on examples it has never seen: how good, how sure of that, where it fails.

Classification: accuracy with Wilson's interval, balanced accuracy, mean loss, calibration error over bins of
equal width, the confusion matrix and the most confident mistakes. Regression: R squared with a bootstrap
interval over the examples, root mean squared and mean absolute error, and the largest residuals.

References:
    wilson1927probable: the interval of a proportion.
    guo2017calibration: Eq. 3, the expected calibration error.
    efron1979bootstrap: the interval of R squared.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum._core.errors import InputError

from ._evaluation import ClassScore, Evaluation, Mistake, headline, percent

__all__ = ["ClassScore", "Evaluation", "Mistake", "class_scores", "evaluate", "headline", "percent", "wilson"]

Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution
CALIBRATION_BINS = 15  # as in guo2017calibration
BOOTSTRAP_SAMPLES = 2000
_BLOCK = 2**22  # entries of one block of bootstrap indices: 32 MiB


def evaluate(
    scores: Tensor,
    target: Tensor,
    *,
    task: str,
    classes: Sequence[str] = (),
    items: Sequence[str] = (),
    train_target: Tensor | None = None,
    worst: int = 12,
    generator: torch.Generator | None = None,
) -> Evaluation:
    """Judge a model's answers on the test part.

    Args:
        scores: (N, K) logits, or (N,) or (N, 1) predictions in units of the target.
        target: (N,) class indices or values.
        task: "classification" or "regression".
        classes: K names; the indices where none are given.
        items: N names of the examples; "example 0", ... where none are given.
        train_target: (M,) targets of the training part: the baseline says their commonest class or their
            mean. Taken from the test part itself where not given.
        worst: how many mistakes to keep at most.
        generator: randomness of the bootstrap; a fresh one with seed 0 where not given, so that the same
            answers always get the same interval.

    Returns:
        The evaluation.

    Raises:
        InputError: shapes do not fit one another, there is no example, or a score is not finite.

    Example:
        >>> logits = torch.tensor([[3., 0.], [0., 3.], [2., 0.], [0., 1.]])
        >>> y = torch.tensor([0, 1, 0, 0])
        >>> result = evaluate(logits, y, task="classification", classes=["cat", "dog"])
        >>> result.metrics["accuracy"], result.confusion, result.baseline
        (0.75, ((2, 1), (0, 1)), 0.75)
        >>> result.mistakes[0].said, round(result.mistakes[0].score, 4)
        ('dog', 0.7311)
    """
    if task not in {"classification", "regression"}:
        raise InputError(f"task must be 'classification' or 'regression': {task!r} came; take one of them.")
    scores, target = scores.detach().cpu().double(), target.detach().cpu()
    if target.ndim != 1 or len(target) == 0 or len(scores) != len(target):
        raise InputError(
            f"scores and target must hold the same examples, at least one: scores {tuple(scores.shape)}, "
            f"target {tuple(target.shape)}; pass one score row and one target for each example."
        )
    if items and len(items) != len(target):
        raise InputError(
            f"items must name every example: {len(items)} names for {len(target)} examples; "
            "pass those of the test part alone."
        )
    bad = int((~torch.isfinite(scores)).reshape(len(scores), -1).any(1).sum())
    if bad:
        raise InputError(
            f"scores must be finite: {bad} of {len(scores)} examples have NaN or infinity; "
            "the training diverged, try a smaller learning rate."
        )
    names = tuple(items) or tuple(f"example {i}" for i in range(len(target)))
    if task == "classification":
        return _classification(scores, target, classes, names, train_target, worst)
    return _regression(scores, target, names, train_target, worst, generator)


def wilson(successes: int, count: int, *, z: float = Z_95) -> tuple[float, float]:
    """Bound a proportion by Wilson's interval, which holds near 0 and 1 too.

    Args:
        successes: how often it happened.
        count: how often it could have happened.
        z: quantile of the normal distribution; 95 % two-sided by default.

    Returns:
        Lower and upper bound, fractions; (0, 1) where nothing was counted.

    Example:
        >>> low, high = wilson(10, 10)
        >>> round(low, 3), high  # low = 10 / (10 + z^2)
        (0.722, 1.0)
    """
    if count == 0:
        return 0.0, 1.0
    p, n = successes / count, count
    center = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # 0 and 1 are exact bounds at the ends; rounding would leave them by an ulp.
    low = 0.0 if successes == 0 else (center - spread) / (1 + z * z / n)
    high = 1.0 if successes == count else (center + spread) / (1 + z * z / n)
    return low, high


def class_scores(evaluation: Evaluation) -> list[ClassScore]:
    """Read recall and precision of every class from the confusion matrix.

    Args:
        evaluation: of a classification.

    Returns:
        One entry a class, in the order of the classes; none in regression.
    """
    found = []
    for k, row in enumerate(evaluation.confusion):
        count, said, right = sum(row), sum(other[k] for other in evaluation.confusion), row[k]
        found.append(
            ClassScore(
                name=evaluation.classes[k],
                count=count,
                recall=right / count if count else math.nan,
                interval=wilson(right, count),
                precision=right / said if said else math.nan,
            )
        )
    return found


def _classification(
    logits: Tensor,
    target: Tensor,
    classes: Sequence[str],
    items: tuple[str, ...],
    train: Tensor | None,
    worst: int,
) -> Evaluation:
    if logits.ndim != 2 or target.is_floating_point():
        raise InputError(
            "classification needs (N, K) logits and whole-number class indices: "
            f"scores {tuple(logits.shape)} and target {target.dtype} came; keep one logit for each class."
        )
    num_classes = logits.shape[1]
    names = tuple(classes) or tuple(str(k) for k in range(num_classes))
    low, high = int(target.min()), int(target.max())
    if len(names) != num_classes or low < 0 or high >= num_classes:
        raise InputError(
            f"classes must fit the logits: {len(names)} names and targets {low} to {high} came for "
            f"{num_classes} logits; give the network one output for each class."
        )
    target = target.long()
    confidence, said = logits.softmax(1).max(1)
    right = said == target
    accuracy, successes = float(right.double().mean()), int(right.sum())
    pairs = torch.bincount(target * num_classes + said, minlength=num_classes**2)
    confusion = pairs.view(num_classes, num_classes)
    seen = confusion.sum(1) > 0
    recall = confusion.diagonal()[seen] / confusion.sum(1)[seen]
    bins = _reliability(confidence, right)
    commonest = torch.bincount(target if train is None else train.detach().cpu().long()).argmax()
    wrong = torch.nonzero(~right)[:, 0]
    order = wrong[confidence[wrong].argsort(descending=True, stable=True)][:worst]
    return Evaluation(
        task="classification",
        metrics={
            "accuracy": accuracy,
            "balanced_accuracy": float(recall.double().mean()),
            "loss": float(F.cross_entropy(logits, target)),
            "calibration_error": sum(n * abs(a - c) for c, a, n in bins) / len(target),
        },
        interval=wilson(successes, len(target)),
        baseline=float((target == commonest).double().mean()),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion.tolist()),
        classes=names,
        reliability=bins,
        mistakes=tuple(
            Mistake(i, items[i], names[int(target[i])], names[int(said[i])], float(confidence[i]))
            for i in order.tolist()
        ),
        count=len(target),
    )


def _reliability(confidence: Tensor, right: Tensor) -> tuple[tuple[float, float, int], ...]:
    """Mean confidence, accuracy and count in the bins (0, 1/15], (1/15, 2/15], ... that are not empty."""
    bins = (confidence * CALIBRATION_BINS).ceil().clamp(1, CALIBRATION_BINS).long() - 1
    found = []
    for b in bins.unique().tolist():
        inside = bins == b
        found.append(
            (float(confidence[inside].mean()), float(right[inside].double().mean()), int(inside.sum()))
        )
    return tuple(found)


def _regression(
    said: Tensor,
    target: Tensor,
    items: tuple[str, ...],
    train: Tensor | None,
    worst: int,
    generator: torch.Generator | None,
) -> Evaluation:
    if said.ndim == 2 and said.shape[1] == 1:
        said = said[:, 0]
    if said.ndim != 1:
        raise InputError(
            f"regression needs one prediction for each example: scores {tuple(said.shape)}; "
            "give the network a single output."
        )
    target = target.double()
    residual = said - target
    mean = (target if train is None else train.detach().cpu().double()).mean()
    order = residual.abs().argsort(descending=True, stable=True)[:worst]
    return Evaluation(
        task="regression",
        metrics={
            "r2": float(_r2(said, target)),
            "rmse": float(residual.square().mean().sqrt()),
            "mae": float(residual.abs().mean()),
        },
        interval=_bootstrap_r2(said, target, generator or torch.Generator().manual_seed(0)),
        baseline=float(_r2(mean.expand_as(target), target)),
        confusion=(),
        classes=(),
        reliability=(),
        mistakes=tuple(
            Mistake(i, items[i], float(target[i]), float(said[i]), float(residual[i])) for i in order.tolist()
        ),
        count=len(target),
    )


def _r2(said: Tensor, target: Tensor) -> Tensor:
    """One minus squared error over squared deviation, along the last dimension; NaN where nothing varies."""
    # Compared by range: the mean of equal numbers may differ from them by rounding.
    varies = target.amax(-1) > target.amin(-1)
    deviation = (target - target.mean(-1, keepdim=True)).square().sum(-1)
    r2 = 1 - (said - target).square().sum(-1) / deviation
    return torch.where(varies, r2, torch.nan)


def _bootstrap_r2(said: Tensor, target: Tensor, generator: torch.Generator) -> tuple[float, float]:
    count, block = len(target), max(1, _BLOCK // len(target))
    found = []
    for start in range(0, BOOTSTRAP_SAMPLES, block):
        rows = min(block, BOOTSTRAP_SAMPLES - start)
        chosen = torch.randint(count, (rows, count), generator=generator)  # (rows, N)
        found.append(_r2(said[chosen], target[chosen]))
    low, high = torch.cat(found).nanquantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
