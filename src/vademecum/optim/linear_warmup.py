r"""Linear warm-up: begin at a small rate and raise it along a line, before any other schedule.

Use it where the full rate is too much for fresh weights: large batches, whose rate was multiplied (see
`batch_scaling`), Adam before its second moment has settled, and Transformers with the norm after the sum.

$$ f(t) = \left( f_0 + (1 - f_0) \min(t / w, 1) \right) \, g(t) $$

where g is the schedule that it goes before.

Also called: gradual warm-up, LinearLR.
Departures: none. Goyal's warm-up starts at the rate of the batch from which the rate was scaled:
    $f_0 = B_0 / B$.
Pitfalls: with a start of 0 the first step changes nothing. The two factors are multiplied at the same step: a decay
    that begins at once has begun when the warm-up ends.
Claim: none, because what is warmed up here does not fail without it.
Peer: torch's LinearLR, the same factors.

References:
    goyal2017accurate: section 2.2, gradual warmup.
"""

from ._schedule import Schedule, require_steps, require_within

__all__ = ["linear_warmup"]


def linear_warmup(warmup_steps: int, *, start: float = 0.0, then: Schedule | None = None) -> Schedule:
    """Give the factors of the rate.

    Args:
        warmup_steps: w.
        start: share of the rate at step 0; the old batch over the new one in Goyal's recipe.
        then: a schedule to multiply with; constant where it is None.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Example:
        From a batch of 256 to one of 1024 in 10 steps, before a tenfold drop every 100.

        >>> from vademecum.optim import step_decay
        >>> schedule = linear_warmup(10, start=256 / 1024, then=step_decay(100))
        >>> [schedule(t) for t in (0, 5, 10, 100)]
        [0.25, 0.625, 1.0, 0.1]
    """
    require_steps(warmup_steps=warmup_steps)
    require_within(0, 1, start=start)

    def at(step: int) -> float:
        warm = start + (1 - start) * (step / warmup_steps) if step < warmup_steps else 1.0
        return warm if then is None else warm * then(step)

    return at
