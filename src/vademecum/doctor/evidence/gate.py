"""The outcome gate: symptoms are told only where the outcome of the run is bad."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..recording.record import Look, Record
from .strands import Strand, looks, strands, together

ENOUGH, SHORTEST, LONGEST = 200, 60, 400
"""Steps after which a run can be judged: so many, or two epochs up to the last; one that has ended needs the second."""

BETTER = 0.9
"""Of the guess's loss: a run below it has learned something."""

SURE = 4.0
"""Standard errors by which the outputs must go with the targets, or the loss must have moved, to count as learning."""

WORSE = 1.5
"""Of the guess's loss: a run above it is bad even while its loss falls."""

FALLS = 0.01
"""Of the loss: by less than it from one quarter to the next, a loss does not fall."""

RISEN = 1.25
"""Of the best validation loss: the last three above it are overfitted, where the training loss is half of theirs."""

GAINED = 0.02
"""Of the guess's loss: a smaller gain is no learning, however sure."""


@dataclass(frozen=True)
class Gate:
    """Whether the outcome of a run is bad, and why.

    Attributes:
        open: whether symptoms may be told; an overfitted run has learned, so that it is left to the rule of that name.
        why: one clause, such as "the loss 2.30 is no better than a constant guess (2.30)"; "" where all is well.
        kind: "not-finite", "constant", "not-learning", "diverging", "overfitting", or "".
        loss: the smoothed training loss at the end, averaged over examples where that is known; nan where unseen.
        guess: the loss of the best constant guess, nan where it is not known.
        early: whether too few steps were seen to judge.
        left: what is left at the end of the guess's loss, or of the first loss where no guess is known; nan
            where neither can be said.
        falling: whether the loss still falls at the end.
        several: whether the loop has several losses with an optimizer each, which need not fall.
        strand: the losses that were judged, or None.
    """

    open: bool
    why: str = ""
    kind: str = ""
    loss: float = math.nan
    guess: float = math.nan
    early: bool = False
    left: float = math.nan
    falling: bool = False
    several: bool = False
    strand: Strand | None = None


def outcome(record: Record) -> Gate:
    """Judge a run by its losses.

    Args:
        record: of the run so far.

    Returns:
        The gate, with the reason where it is open.

    Example:
        >>> outcome(Record(finished=True, losses=[(step, 0.7) for step in range(100)])).why
        'the loss is exactly 0.7 at every step'
    """
    loop = together(strands(record))
    if not loop:
        return Gate(False, early=True)
    several = len({strand.optimizer for strand in loop}) > 1
    judged = [_judge(record, strand, several) for strand in loop]
    bad = [gate for gate in judged if gate.kind == "not-finite"]
    if bad or several:
        return (bad + [gate for gate in judged if gate.open] + judged)[0]
    known = [gate for gate in judged if math.isfinite(gate.guess)]
    learned = [gate for gate in judged if not gate.open and not gate.early]
    return ((learned if len(judged) > 1 else []) + known + judged)[0]


def judged(record: Record, gate: Gate) -> list[Look]:
    """The looks at the steps that a gate has judged."""
    return looks(record, gate.strand) if gate.strand is not None else list(record.looks)


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
        known = y.flatten()[y.flatten() >= 0]
        return _entropy(torch.bincount(known).double())
    if kind == "soft_cross_entropy":
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


def _judge(record: Record, strand: Strand, several: bool) -> Gate:
    """Judge the losses of one strand."""
    finite = [value for value in strand.values if math.isfinite(value)]
    broken = len(strand.values) - len(finite)
    gate = Gate(False, several=several, strand=strand, loss=strand.values[-1])
    if broken >= 3 or not math.isfinite(strand.values[-1]):
        step = next(s for s, v in zip(strand.steps, strand.values) if not math.isfinite(v))
        return replace(gate, open=True, why=f"the loss is not finite at step {step}", kind="not-finite")
    count = len(finite)
    early = count < (SHORTEST if record.finished else max(ENOUGH, min(2 * record.epoch, LONGEST)))
    seen = looks(record, strand)
    base = math.nan if several else _base(record, seen)
    last, first = median(finite[-max(10, count // 10) :]), median(finite[: max(3, min(10, count // 10))])
    level = _level(strand, seen, last)
    known = math.isfinite(base) and base > 0 and math.isfinite(level)
    left = level / base if known else last / first if min(finite) > 0 and first > 0 else math.nan
    falling = _falls(finite)
    shown = level if known else last
    gate = replace(gate, loss=shown, guess=base, early=early, left=left, falling=falling)
    if count >= 20 and max(finite) == min(finite):
        return replace(gate, open=True, why=f"the loss is exactly {last:.4g} at every step", kind="constant")
    if several:
        return gate
    best = min(median(finite[i : i + 10]) for i in range(0, count, 10))
    risen = min(finite) >= 0 and count >= 30 and last > 2 * max(best, 1e-12) and last > 1.2 * first
    if risen and (left > 1.2 if known else last > 3 * first):
        return replace(gate, open=True, why=f"the loss rose from {best:.4g} to {last:.4g}", kind="diverging")
    if early:
        return gate
    if known and left > WORSE and not _mixed(strand, seen):
        why = f"the loss {level:.4g} is worse than that of a constant guess ({base:.4g})"
        return replace(gate, open=True, why=why, kind="not-learning")
    if (falling and not record.finished) or _gains(seen, base, left, strand):
        return _validation(record, gate)
    if known:
        fallen = len(record.heads) > 1 and last < BETTER * first and min(finite) > 0 and _mixed(strand, seen)
        if left > BETTER and not fallen:
            why = f"the loss {level:.4g} is no better than a constant guess ({base:.4g})"
            return replace(gate, open=True, why=why, kind="not-learning")
    elif min(finite) > 0 and last > BETTER * first and not _moved(finite):
        why = f"the loss went only from {first:.4g} to {last:.4g}"
        return replace(gate, open=True, why=why, kind="not-learning")
    return _validation(record, gate)


def _base(record: Record, seen: Sequence[Look]) -> float:
    """The loss of the best constant guess: over all targets, or over those of a batch, whichever is harder to beat."""
    own = [look.fit.constant for look in seen if math.isfinite(look.fit.constant) and look.examples >= 8]
    known = [math.fsum(own) / len(own)] if own else []
    if len(strands(record)) == 1:
        known += [value for value in [guess(record)] if math.isfinite(value)]
    return max(known, default=math.nan)


def _level(strand: Strand, seen: Sequence[Look], last: float) -> float:
    """The loss at the end, averaged over examples: from the last looks, or by what a look says of the loss's unit."""
    fits = [look for look in seen if math.isfinite(look.fit.error)]
    middle = (strand.steps[0] + strand.steps[-1]) / 2
    late = [look.fit.error for look in fits if look.step >= middle]
    if len(late) >= 5:
        late = late[-max(10, len(fits) // 10) :]
        small = (
            median([float(look.examples) for look in fits]) < 8
        )  # the median of single losses is no average
        return math.fsum(late) / len(late) if small else median(late)
    units = _units(strand, seen)
    if len(units) >= 3 and max(units) - min(units) < 0.1 * abs(median(units)):
        return last / median(units)
    return math.nan


def _units(strand: Strand, seen: Sequence[Look]) -> list[float]:
    """How many times the loss of the head is the loss that is trained, at each look."""
    values = dict(zip(strand.steps, strand.values))
    return [
        values[look.step] / look.fit.error for look in seen
        if look.step in values and math.isfinite(look.fit.error) and look.fit.error > 1e-6
        and math.isfinite(values[look.step])
    ]  # fmt: skip


def _mixed(strand: Strand, seen: Sequence[Look]) -> bool:
    """Whether the loss has other terms than the head that is known."""
    units = _units(strand, seen)
    return len(units) >= 3 and max(units) - min(units) > 0.1 * abs(median(units))


def _gains(seen: Sequence[Look], base: float, left: float, strand: Strand) -> bool:
    """Whether the outputs of the last third go with their own targets better than with those of other examples."""
    # a network that nobody has trained may do so by chance: it must beat a guess too, or have got better at it
    begin, span = strand.steps[0], strand.steps[-1] - strand.steps[0]
    known = [(look.step, look.fit.gain) for look in seen if math.isfinite(look.fit.gain)]
    end = [gain for step, gain in known if step >= begin + 2 * span / 3]
    if len(end) < 5 or not math.isfinite(base):
        return False
    (mean, error), (first, noise) = _mean(end), _mean([gain for _, gain in known][:5])
    sure = mean > SURE * error and mean > GAINED * base
    return sure and (left < 1 or mean - first > SURE * math.hypot(error, noise))


def _moved(values: Sequence[float]) -> bool:
    """Whether the loss at the end differs surely from that at the start."""
    size = max(10, len(values) // 5)
    (begin, a), (end, b) = _mean(values[:size]), _mean(values[-size:])
    return begin - end > SURE * math.hypot(a, b) and begin - end > 1e-3 * abs(begin)


def _falls(values: Sequence[float]) -> bool:
    """Whether the last quarter is surely and visibly lower than the one before it."""
    size = len(values) // 4
    if size < 5:
        return True
    (before, a), (end, b) = _mean(values[-2 * size : -size]), _mean(values[-size:])
    return before - end > max(2 * math.hypot(a, b), FALLS * abs(before))


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error."""
    mean = math.fsum(values) / len(values)
    spread = math.fsum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return mean, math.sqrt(spread / len(values))


def _validation(record: Record, gate: Gate) -> Gate:
    """Judge by what was seen without gradients."""
    told = next((v for k, v in record.metrics.items() if "val" in k and "loss" in k), None)
    begin = gate.strand.steps[0] if gate.strand is not None else 0
    own = [e for e in record.evaluations if math.isfinite(e.loss) and e.step > begin]
    seen = [v for step, v in told if step > begin] if told else [e.loss for e in own]
    if len(seen) < 4:
        return gate
    best, end = min(seen), median(seen[-3:])
    if best > 0 and min(seen[-3:]) > RISEN * best and gate.loss < 0.5 * end:
        why = f"the validation loss rose from {best:.4g} to {end:.4g} while the training loss fell to {gate.loss:.4g}"
        return replace(gate, why=why, kind="overfitting")
    return gate


def median(values: Sequence[float]) -> float:
    """The upper median; nan of nothing."""
    return sorted(values)[len(values) // 2] if values else math.nan
