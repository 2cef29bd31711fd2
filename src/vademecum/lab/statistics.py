"""What a comparison may conclude: intervals, paired differences, and a correction for asking many times.

The scores of two arms at the same seed share split and initialization, so their difference is what is tested. Seeds
cut the same data again and again: the training parts overlap, the scores are not independent, and the usual variance
s²/n of a mean is too small. Nadeau and Bengio add the share of the test part to that of the training part,

    variance of the mean = (1/n + n_test/n_train) s²,

and compare with Student's t at n - 1 degrees of freedom. Where the data come with a test part of their own nothing
overlaps between seeds, the ratio is 0, and what is concluded holds for that one split. An exact test by flipping signs
is of no use at so few seeds: with five its least p is 2/32.

References:
    nadeau2003inference: section 4, the corrected resampled t-test, and section 6, its size and power.
    holm1979simple: the step-down correction.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from vademecum._core.errors import InputError

__all__ = ["ALPHA", "Difference", "Estimate", "differences", "estimate", "holm"]

ALPHA = 0.05
POWER = 0.8
"""A difference is called detectable where it would be found this often."""


@dataclass(frozen=True)
class Estimate:
    """The mean of an arm's scores.

    Attributes:
        mean: over the seeds.
        low: lower end of the 95 % interval of the mean.
        high: its upper end.
        std: of one score.
        count: seeds.
    """

    mean: float
    low: float
    high: float
    std: float
    count: int


@dataclass(frozen=True)
class Difference:
    """One arm against another, seed by seed.

    Attributes:
        arm: the name of the one.
        baseline: the name of the other.
        mean: of arm minus baseline.
        low: lower end of the interval; the intervals of all differences hold together with 95 % probability
            (Bonferroni).
        high: its upper end.
        p: of this difference alone, two-sided.
        corrected_p: after Holm's correction for all differences.
        detectable: the size that would have been found four times in five.
        count: seeds.
    """

    arm: str
    baseline: str
    mean: float
    low: float
    high: float
    p: float
    corrected_p: float
    detectable: float
    count: int

    @property
    def significant(self) -> bool:
        """Whether the corrected p is below 0.05."""
        return self.corrected_p < ALPHA


def estimate(scores: Sequence[float], *, overlap: float = 0.0) -> Estimate:
    """Estimate an arm's mean score.

    Args:
        scores: one for each seed.
        overlap: test examples for each training example where the seeds cut the data anew; 0 where they do not.

    A score that is not finite is an InputError.

    Returns:
        Mean and interval; the interval is infinite with a single score.

    Example:
        >>> found = estimate([0.0, 2.0])  # t at one degree of freedom is 12.7, the standard error 1
        >>> found.mean, round(found.high, 1)
        (1.0, 13.7)
    """
    from scipy.stats import t as student

    mean, std = _moments(scores)
    half = math.inf
    if len(scores) > 1:
        half = float(student.ppf(1 - ALPHA / 2, len(scores) - 1)) * _standard_error(std, len(scores), overlap)
    return Estimate(mean, mean - half, mean + half, std, len(scores))


def differences(
    scores: Mapping[str, Sequence[float]],
    *,
    overlap: float = 0.0,
    resolution: float = 0.0,
    every_pair: bool = False,
) -> tuple[Difference, ...]:
    """Compare arms seed by seed.

    Args:
        scores: the arms' scores by name, the baseline first; place s of each is the same seed.
        overlap: as in `estimate`.
        resolution: the least step of a score, such as one test example's share of an accuracy. Scores so coarse may
            differ by the same step at every seed by chance, which would pass for certainty.
        every_pair: compare all pairs, not each arm with the first alone.

    Returns:
        One entry a pair, in order.

    Raises:
        InputError: there are fewer than two arms or seeds, or the arms do not have the same seeds.

    Example:
        >>> found = differences({"old": [0.8, 0.7, 0.9], "new": [0.9, 0.8, 1.0]}, resolution=0.1)[0]
        >>> round(found.mean, 3), found.significant
        (0.1, False)
        >>> differences({"old": [0.80, 0.70, 0.90], "new": [0.90, 0.81, 1.01]})[0].significant
        True
    """
    from scipy.stats import t as student

    counts = {len(values) for values in scores.values()}
    if len(scores) < 2 or len(counts) != 1 or (count := counts.pop()) < 2:
        sizes = ", ".join(f"{name}: {len(values)}" for name, values in scores.items())
        raise InputError(
            f"a comparison needs two arms or more with the same seeds, two or more: {sizes or 'none'}; add seeds."
        )
    names = list(scores)
    pairs = list(combinations(names, 2)) if every_pair else [(names[0], name) for name in names[1:]]
    freedom, found = count - 1, []
    wide, likely = (float(student.ppf(q, freedom)) for q in (1 - ALPHA / 2 / len(pairs), POWER))
    for baseline, arm in pairs:
        mean, std = _moments([a - b for a, b in zip(scores[arm], scores[baseline])])
        # A rounded score is off by a variance of resolution²/12; a difference holds two of them.
        error = _standard_error(math.sqrt(std**2 + resolution**2 / 6), count, overlap)
        # Scores of order 1: what is smaller than this is the rounding of a subtraction.
        mean, error = (0.0 if abs(value) < 1e-12 else value for value in (mean, error))
        ratio = abs(mean) / error if error else math.inf if mean else 0.0
        p = float(2 * student.sf(ratio, freedom))
        found.append(
            (arm, baseline, mean, mean - wide * error, mean + wide * error, p, (wide + likely) * error)
        )
    corrected = holm([row[5] for row in found])
    return tuple(
        Difference(arm, baseline, mean, low, high, p, c, detectable, count)
        for (arm, baseline, mean, low, high, p, detectable), c in zip(found, corrected)
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p-values for their number by Holm's step-down rule.

    Args:
        ps: as the single tests gave them.

    Returns:
        Corrected ones in the same order; below 0.05 for all that the rule rejects at a family-wise error of 5 %.

    Example:
        >>> [round(p, 3) for p in holm([0.04, 0.01, 0.03])]  # 3 times the least, then 2 times, never falling
        [0.06, 0.03, 0.06]
    """
    corrected, least = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        least = max(least, min(1.0, ps[place] * (len(ps) - rank)))
        corrected[place] = least
    return corrected


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation of a sample; the deviation of a single value is 0."""
    if not values or not all(map(math.isfinite, values)):
        raise InputError(f"scores must be finite, at least one: {list(values)} came; leave out failed runs.")
    mean = math.fsum(values) / len(values)
    squares = math.fsum((v - mean) ** 2 for v in values)
    return mean, math.sqrt(squares / max(1, len(values) - 1))


def _standard_error(std: float, count: int, overlap: float) -> float:
    return std * math.sqrt(1 / count + overlap)
