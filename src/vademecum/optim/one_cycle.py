r"""One cycle: raise the rate to a large peak, then let it fall far below where it started.

The large rate in the middle crosses flat places and keeps the weights out of narrow minima; the ends keep the start
stable and let the run settle. It allows a peak that would diverge from the start, and so a short run.

$$ f(t) = \begin{cases} f_0 + (1 - f_0) \, u(\tau / p) & \tau < p \\
f_1 + (1 - f_1) \left(1 - u\!\left(\frac{\tau - p}{1 - p}\right)\right) & \tau \ge p \end{cases},
\qquad \tau = t / T $$

where u rises from 0 to 1, along a line or half a cosine; in three phases the fall stops at $f_0$, at $\tau = 2p$, and
only then goes on to $f_1$.

Also called: 1cycle, super-convergence, OneCycleLR.
Departures: the paper has three phases along lines; two along cosines are what later libraries made of it, and the
    default. The paper's ends are only said to be several orders of magnitude below the start. Torch counts
    total_steps - 1 intervals, so that its last step is taken at the very end; ours reaches the end after it.
Pitfalls: the peak is a rate that the loss would not stand for long: find it with `learning_rate_range`. Momentum goes
    the other way (see `momentum_schedule`). Stopping early leaves the weights unsettled.
Claim: none, because on runs as short as ours cosine, line and one cycle are not told apart.
Peer: torch's OneCycleLR, the same factors at the same places.

References:
    smith2019super: section 3, the 1cycle policy.
    smith2018disciplined: section 4.1.
"""

from ._schedule import Schedule, done, require_steps, require_within
from .cosine_annealing import half_cosine

__all__ = ["one_cycle"]


def one_cycle(
    total_steps: int,
    *,
    pct_start: float = 0.3,
    initial: float = 0.04,
    final: float = 4e-6,
    anneal: str = "cosine",
    three_phase: bool = False,
) -> Schedule:
    """Give the factors of the rate.

    Args:
        total_steps: of the run.
        pct_start: share of the steps in which the rate rises.
        initial: share of the peak at step 0.
        final: share of the peak at step total_steps.
        anneal: "cosine" or "linear".
        three_phase: fall to the initial rate as fast as it rose, then on to the end.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Raises:
        ValueError: a share is out of its range, or the way of annealing is unknown.

    Example:
        >>> schedule = one_cycle(100, pct_start=0.25, initial=0.04, final=0.0)
        >>> [round(schedule(t), 4) for t in (0, 25, 100)]
        [0.04, 1.0, 0.0]
    """
    require_steps(total_steps=total_steps)
    require_within(0, 1, initial=initial, final=final)
    longest = 0.5 if three_phase else 1.0
    if not 0 < pct_start < longest:
        raise ValueError(
            f"pct_start must lie between 0 and {longest:g}: it is {pct_start}; the rate must rise and fall."
        )
    if anneal not in {"cosine", "linear"}:
        raise ValueError(f'anneal must be "cosine" or "linear": it is {anneal!r}.')

    def falling(share: float) -> float:
        return half_cosine(share) if anneal == "cosine" else 1 - share

    def at(step: int) -> float:
        share = done(step, total_steps)
        if share < pct_start:
            return initial + (1 - initial) * (1 - falling(share / pct_start))
        if not three_phase:
            return final + (1 - final) * falling((share - pct_start) / (1 - pct_start))
        if share < 2 * pct_start:
            return initial + (1 - initial) * falling((share - pct_start) / pct_start)
        return final + (initial - final) * falling((share - 2 * pct_start) / (1 - 2 * pct_start))

    return at
