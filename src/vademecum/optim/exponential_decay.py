r"""Exponential decay: multiply the rate by the same factor at each step.

$$ f(t) = e^{-k t} $$

The rates of all steps together have a finite sum, $1 / (1 - e^{-k})$ times the first: the weights can travel only so
far, so k must be small against 1 over the number of steps.

Also called: ExponentialLR, annealing.
Departures: torch names the factor of one step, $\gamma = e^{-k}$.
Pitfalls: k belongs to one step here, to one epoch in many recipes.
Claim: none, because the best k depends on the run.
Peer: torch's ExponentialLR, the same factors.

References:
    goodfellow2016deep: section 8.3.1, on the need to decay the rate.
"""

from math import exp

from ._schedule import Schedule

__all__ = ["exponential_decay"]


def exponential_decay(k: float) -> Schedule:
    """Give the factors of the rate.

    Args:
        k: decay of one step, in 1 / steps; log(2) / n halves the rate every n steps.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Raises:
        ValueError: k is negative.

    Example:
        >>> from math import log
        >>> round(exponential_decay(log(2) / 100)(300), 4)
        0.125
    """
    if not k >= 0:
        raise ValueError(f"k must be at least 0: it is {k}; a negative one would raise the rate.")
    return lambda step: exp(-k * step)
