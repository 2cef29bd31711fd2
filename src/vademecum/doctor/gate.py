"""The outcome gate: symptoms are told only where the outcome of the run is bad."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .record import Record

ENOUGH = 200
"""Steps after which a run should be better than a guess, or two epochs where those are longer."""

BETTER = 0.9
"""Of the guess's loss: a run below it has learned something."""


@dataclass(frozen=True)
class Gate:
    """Whether the outcome of a run is bad, and why.

    Attributes:
        open: whether symptoms may be told.
        why: one clause, such as "the loss 2.30 is no better than guessing (2.30)"; "" while it is shut.
        kind: "not-finite", "constant", "not-learning", "diverging", "overfitting", "too-good", or "".
        loss: the smoothed training loss at the end, nan where none was seen.
        guess: the loss of the best constant guess, nan where it is not known.
        early: whether too few steps were seen to judge.
    """

    open: bool
    why: str = ""
    kind: str = ""
    loss: float = math.nan
    guess: float = math.nan
    early: bool = False


def guess(record: Record) -> float:
    """The loss of the best constant guess, from the targets that were seen: the loss's own prior baseline.

    Classification: entropy of the class shares, nats. Binary: the same a column. Squared error: variance of the
    targets; absolute error: their mean absolute deviation.

    Returns:
        The loss, averaged over examples; nan where the targets or the loss are not known.
    """
    y, kind = record.train.y(), (record.heads or ("",))[0]
    if y is None or not y.numel():
        return math.nan
    if kind in {"cross_entropy", "nll"} and not y.is_floating_point():
        return _entropy(torch.bincount(y.flatten().clamp_min(0)).double())
    if kind in {"soft_cross_entropy"}:
        return _entropy(y.double().reshape(-1, y.shape[-1]).mean(0))
    if kind in {"bce", "bce_with_logits"}:
        share = y.double().reshape(len(y), -1).mean(0).clamp(0, 1)
        return float(-(torch.xlogy(share, share) + torch.xlogy(1 - share, 1 - share)).mean())
    flat = y.double().reshape(len(y), -1)
    if kind == "mse":
        return float(flat.var(0, correction=0).mean())
    if kind == "l1":
        return float((flat - flat.median(0).values).abs().mean())
    return math.nan


def _entropy(counts: Tensor) -> float:
    share = counts / counts.sum().clamp_min(1e-12)
    return float(-torch.xlogy(share, share).sum())


def outcome(record: Record) -> Gate:
    """Judge a run by its losses.

    Args:
        record: of the run so far.

    Returns:
        The gate, with the reason where it is open.
    """
    losses = [value for _, value in record.losses]
    if not losses:
        return Gate(False, early=True)
    if record.nan is not None or not math.isfinite(losses[-1]):
        step = record.nan["step"] if record.nan else record.losses[-1][0]
        return Gate(True, f"the loss is not finite at step {step}", "not-finite", losses[-1])
    base = guess(record)
    if record.looks and record.train.batches and _summed(record):
        base *= max(record.looks[0].examples, 1)
    last = _median(losses[-max(10, len(losses) // 10) :])
    first = _median(losses[: max(3, min(10, len(losses) // 10))])
    best = min((_median(losses[i : i + 10]) for i in range(0, len(losses), 10)), default=first)
    enough = max(ENOUGH, 2 * record.epoch) if not record.finished else min(60, ENOUGH)
    early = len(losses) < enough
    if len(losses) >= 20 and max(losses) == min(losses):
        return Gate(True, f"the loss is exactly {last:.4g} at every step", "constant", last, base, early)
    ceiling = max(abs(first), base if math.isfinite(base) else 0.0)
    if len(losses) >= 30 and last > 2 * max(best, 1e-12) and last > 1.2 * ceiling and last > 0:
        return Gate(True, f"the loss rose from {best:.4g} to {last:.4g}", "diverging", last, base, early)
    if early:
        return Gate(False, loss=last, guess=base, early=True)
    if math.isfinite(base) and base > 0:
        if last > BETTER * base:
            text = f"the loss {last:.4g} is no better than a constant guess ({base:.4g})"
            return Gate(True, text, "not-learning", last, base)
    elif first > 0 and last > BETTER * first:
        return Gate(True, f"the loss went only from {first:.4g} to {last:.4g}", "not-learning", last, base)
    return _validation(record, last, base)


def _validation(record: Record, last: float, base: float) -> Gate:
    """Judge by what was seen without gradients."""
    seen = [e.loss for e in record.evaluations if math.isfinite(e.loss)]
    told = next((v for k, v in record.metrics.items() if "val" in k and "loss" in k), None)
    seen = [value for _, value in told] if told else seen
    if len(seen) >= 4:
        best = min(seen)
        if min(seen[-3:]) > 1.1 * best and last < 0.5 * seen[-1]:
            text = (
                f"the validation loss rose from {best:.4g} to {seen[-1]:.4g} while the training loss fell to "
                f"{last:.4g}"
            )
            return Gate(True, text, "overfitting", last, base)
    return Gate(False, loss=last, guess=base)


def _summed(record: Record) -> bool:
    """Whether the loss is a sum over the batch: its first value is as many times a guess's as there are examples."""
    base, first = guess(record), record.losses[0][1]
    if record.looks[0].own_loss:
        return record.looks[0].summed
    size = record.looks[0].examples
    return size > 3 and math.isfinite(base) and base > 0 and first / base > 0.5 * size


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else math.nan
