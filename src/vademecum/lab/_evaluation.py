"""What a test showed, as values: held in `evaluation.json`, told in the terminal and on the page."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ClassScore", "Evaluation", "Mistake", "headline", "percent"]


@dataclass(frozen=True)
class Mistake:
    """An example on which the model was wrong.

    Attributes:
        index: position among the tested examples.
        item: the name by which a person finds the example.
        true: the right class's name, or the right value.
        said: what the model said.
        score: classification: probability given to what was said; regression: residual, said minus true.
    """

    index: int
    item: str
    true: str | float
    said: str | float
    score: float


@dataclass(frozen=True)
class ClassScore:
    """How one class fared.

    Attributes:
        name: the class.
        count: examples of it.
        recall: fraction of its examples that were recognized; NaN where there were none.
        interval: 95 % Wilson interval of the recall.
        precision: fraction right among those said to be of it; NaN where it was never said.
    """

    name: str
    count: int
    recall: float
    interval: tuple[float, float]
    precision: float


@dataclass(frozen=True)
class Evaluation:
    """What the test showed.

    Attributes:
        task: "classification" or "regression".
        metrics: classification: accuracy, balanced_accuracy, loss (nats per example), calibration_error;
            regression: r2, rmse, mae (units of the target). NaN where a figure is not defined.
        interval: 95 % interval of the first metric.
        baseline: the first metric of always saying the commonest class, or the mean.
        confusion: (K, K) counts, [true][said]; () in regression.
        classes: K names; () in regression.
        reliability: mean confidence, accuracy and count of each bin that is not empty.
        mistakes: the worst first.
        count: examples tested.
    """

    task: str
    metrics: Mapping[str, float]
    interval: tuple[float, float]
    baseline: float
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    reliability: tuple[tuple[float, float, int], ...]
    mistakes: tuple[Mistake, ...]
    count: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; a figure that is not defined becomes None."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Evaluation":
        """Build the evaluation again from what `to_dict` gave, also after a way through JSON.

        Args:
            values: as returned by `to_dict`.

        Returns:
            The evaluation, equal to the first one.
        """
        return cls(
            task=values["task"],
            metrics={name: _number(value) for name, value in values["metrics"].items()},
            interval=(_number(values["interval"][0]), _number(values["interval"][1])),
            baseline=_number(values["baseline"]),
            confusion=tuple(tuple(row) for row in values["confusion"]),
            classes=tuple(values["classes"]),
            reliability=tuple((c, a, n) for c, a, n in values["reliability"]),
            mistakes=tuple(Mistake(**mistake) for mistake in values["mistakes"]),
            count=values["count"],
        )


def headline(evaluation: Evaluation, *, things: str = "examples") -> str:
    """Say the result in a sentence or two, with its uncertainty and what no skill at all would get.

    Args:
        evaluation: the result.
        things: what the examples are, in the plural: "images", "rows".

    Returns:
        Plain text.

    Example:
        >>> import torch
        >>> from vademecum.lab.evaluate import evaluate
        >>> result = evaluate(torch.eye(2).repeat(50, 1), torch.tensor([0, 1] * 50), task="classification")
        >>> print(headline(result, things="images"))
        100 % of 100 unseen images right (95 % interval 96.3 to 100). Always saying the commonest class
        gets 50 %.
    """
    low, high = evaluation.interval
    if evaluation.task == "classification":
        accuracy = evaluation.metrics["accuracy"]
        text = (
            f"{percent(accuracy)} % of {evaluation.count:,} unseen {things} right "
            f"(95 % interval {percent(low)} to {percent(high)}). "
            f"Always saying the commonest class gets {percent(evaluation.baseline)} %."
        )
    elif math.isnan(evaluation.metrics["r2"]):
        return (
            f"Off by {evaluation.metrics['mae']:.4g} on average over {evaluation.count:,} unseen {things}. "
            "They all have the same true value, so R squared is not defined."
        )
    else:
        text = (
            f"R squared {evaluation.metrics['r2']:.3f} on {evaluation.count:,} unseen {things} "
            f"(95 % interval {low:.3f} to {high:.3f}), off by {evaluation.metrics['mae']:.4g} on average. "
            f"Always saying the training mean gets {round(evaluation.baseline, 3) + 0.0:.3f}."
        )
    if low <= evaluation.baseline:
        text += " The interval reaches down to that: on this test nothing was shown to be learned."
    return text


def percent(fraction: float) -> str:
    """Write a percentage with one decimal, and with more near the ends, so that nearly all never reads as all.

    Args:
        fraction: from 0 to 1.

    Returns:
        The number without its sign.

    Example:
        >>> percent(0.5), percent(356 / 360), percent(0.99995), percent(1)
        ('50', '98.9', '99.995', '100')
    """
    value = 100 * fraction
    if value in {0.0, 100.0}:
        return f"{value:.0f}"
    decimals = 1
    while decimals < 6 and f"{value:.{decimals}f}" in {f"{0:.{decimals}f}", f"{100:.{decimals}f}"}:
        decimals += 1
    return f"{value:.{decimals}f}".removesuffix(".0")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _number(value: float | None) -> float:
    return math.nan if value is None else value
