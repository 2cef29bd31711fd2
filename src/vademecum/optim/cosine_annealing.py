r"""Cosine annealing: let the rate follow half a cosine from its peak to its end, once or again and again.

The usual schedule where the number of steps is known: slow to leave the peak, slow to reach the end, and nothing to
choose but the length. With restarts each cycle is a multiple of the one before, and the weights at each end are a
usable model.

$$ f(t) = f_{\min} + \tfrac12 (1 - f_{\min}) \left( 1 + \cos(\pi T_{cur} / T_i) \right) $$

Also called: SGDR, warm restarts, cosine decay, CosineAnnealingLR.
Departures: none. After the last step of a run without restarts the factor stays at its end, where torch's
    CosineAnnealingLR climbs again.
Pitfalls: the length belongs to the schedule: a run that is prolonged is another run. Right after a restart the loss
    is worse for a while.
Claim: none, because on runs as short as ours cosine, line and one cycle are not told apart.
Peer: torch's CosineAnnealingLR and CosineAnnealingWarmRestarts, the same factors up to the end.

References:
    loshchilov2017sgdr: Eq. 5; restarts in section 3.
"""

from math import cos, pi

from ._schedule import Schedule, done, require_steps, require_within

__all__ = ["cosine_annealing", "cosine_restarts"]


def cosine_annealing(total_steps: int, *, final: float = 0.0) -> Schedule:
    """Give the factors of the rate, for one descent.

    Args:
        total_steps: of the run.
        final: share of the peak at the end.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Example:
        >>> [round(cosine_annealing(100)(t), 4) for t in (0, 50, 100)]
        [1.0, 0.5, 0.0]
    """
    require_steps(total_steps=total_steps)
    require_within(0, 1, final=final)
    return lambda step: final + (1 - final) * half_cosine(done(step, total_steps))


def cosine_restarts(first_cycle: int, *, multiplier: int = 1, final: float = 0.0) -> Schedule:
    """Give the factors of the rate, for descents that follow one another without end.

    Args:
        first_cycle: steps of the first descent, T_0.
        multiplier: length of each descent over that of the one before, T_mult.
        final: share of the peak at the end of each.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Example:
        Cycles of 10 and 20 steps; the restarts are at 10 and 30.

        >>> schedule = cosine_restarts(10, multiplier=2)
        >>> [round(schedule(t), 4) for t in (5, 10, 20, 30)]
        [0.5, 1.0, 0.5, 1.0]
    """
    require_steps(first_cycle=first_cycle, multiplier=multiplier)
    require_within(0, 1, final=final)

    def at(step: int) -> float:
        if multiplier == 1:
            length, since = first_cycle, step % first_cycle
        else:
            length, since = first_cycle, step
            while since >= length:
                since, length = since - length, length * multiplier
        return final + (1 - final) * half_cosine(since / length)

    return at


def half_cosine(share: float) -> float:
    """From 1 to 0 as the share goes from 0 to 1."""
    return 0.5 * (1 + cos(pi * share))
