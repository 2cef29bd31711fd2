r"""Step decay: multiply the rate by a factor every so many steps.

The oldest schedule: train at one rate until the loss stalls, then drop it. It needs the moments of the drops.

$$ f(t) = \gamma^{\lfloor t / s \rfloor} $$

Also called: staircase, StepLR, annealing by steps.
Departures: the places of the drops were picked by watching the validation error (AlexNet) or fixed beforehand (ResNet);
    here they are equally far apart. For other places take torch's MultiStepLR.
Pitfalls: s counts what one counts: steps here, epochs where a recipe steps its scheduler once an epoch. With momentum
    a drop means something else in the two forms of `momentum`.
Claim: none, because where a drop pays depends on the run.
Peer: torch's StepLR, the same factors.

References:
    krizhevsky2012imagenet: section 5, divided by 10 three times.
"""

from ._schedule import Schedule, require_steps, require_within

__all__ = ["step_decay"]


def step_decay(step_size: int, *, gamma: float = 0.1) -> Schedule:
    """Give the factors of the rate.

    Args:
        step_size: steps from one drop to the next.
        gamma: factor of each.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Example:
        >>> [step_decay(30, gamma=0.5)(t) for t in (0, 29, 30, 60)]
        [1.0, 1.0, 0.5, 0.25]
    """
    require_steps(step_size=step_size)
    require_within(0, 1, gamma=gamma)
    return lambda step: gamma ** (step // step_size)
