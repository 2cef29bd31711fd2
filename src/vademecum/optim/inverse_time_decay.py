r"""Inverse time decay: let the rate fall as one over the number of steps.

The slowest fall that still averages all noise away: the rates sum to infinity, so that any place can be reached, while
their squares do not, so that the noise they carry in stays finite.

$$ f(t) = \frac{1}{1 + k t}, \qquad \sum_t f(t) = \infty, \quad \sum_t f(t)^2 < \infty $$

Also called: 1/t decay, Robbins-Monro schedule, hyperbolic decay, search then converge.
Departures: Robbins and Monro ask for rates of the order of 1/t; the 1 in the denominator keeps the first ones finite.
Pitfalls: where the rate times k is below half the curvature, the error falls more slowly than 1/t. In nets, which are
    trained for a given number of steps, schedules that end at 0 do better.
Claim: on a noisy quadratic the squared distance falls with a slope of about -1 in log-log from step 200 to 20000, while
    a constant rate stays on a plateau.
Peer: torch's LambdaLR only; torch has no class for it.

References:
    robbins1951stochastic: section 2, the conditions on the steps.
"""

from ._schedule import Schedule

__all__ = ["inverse_time_decay"]


def inverse_time_decay(k: float) -> Schedule:
    """Give the factors of the rate.

    Args:
        k: in 1 / steps; the rate is halved after 1/k steps.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Raises:
        ValueError: k is negative.

    Example:
        >>> [inverse_time_decay(0.01)(t) for t in (0, 100, 300)]
        [1.0, 0.5, 0.25]
    """
    if not k >= 0:
        raise ValueError(f"k must be at least 0: it is {k}; a negative one would raise the rate.")
    return lambda step: 1 / (1 + k * step)
