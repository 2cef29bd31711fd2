r"""Inverse square root: warm up along a line, then let the rate fall as one over the root of the steps.

The schedule of the Transformer. It needs no length of the run, and after the warm-up falls ever more slowly.

$$ \eta(s) = k \, d^{-1/2} \min(s^{-1/2}, \; s \, w^{-3/2}), \qquad s = t + 1 $$

The peak is $k / \sqrt{d w}$, at $s = w$.

Also called: Noam schedule, transformer schedule, rsqrt.
Departures: none. k is 1 in the paper; implementations multiply.
Pitfalls: s counts from 1: at 0 it divides by 0. `transformer_rate` gives the rate itself, so the optimizer's lr
    must be 1; `inverse_square_root` gives shares of a peak that one chooses.
Claim: none, because on runs as short as ours schedules are not told apart.
Peer: Hugging Face's get_inverse_sqrt_schedule: the same factors one step later, so that its first step is at a rate
    of 0.

References:
    vaswani2017attention: Eq. 3; 4000 steps of warm-up in section 5.3.
"""

from ._schedule import Schedule, require_steps

__all__ = ["inverse_square_root", "transformer_rate"]


def inverse_square_root(warmup_steps: int = 4000) -> Schedule:
    """Give the factors of the peak rate.

    Args:
        warmup_steps: w.

    Returns:
        The factor by the number of steps taken, for LambdaLR; the first step, with 0 taken, has 1 / w.

    Example:
        >>> [inverse_square_root(4)(t) for t in (0, 3, 15)]
        [0.25, 1.0, 0.5]
    """
    require_steps(warmup_steps=warmup_steps)

    def at(step: int) -> float:
        s = step + 1
        return min((warmup_steps / s) ** 0.5, s / warmup_steps)

    return at


def transformer_rate(d_model: int, warmup_steps: int = 4000, *, k: float = 1.0) -> Schedule:
    """Give the rates themselves, for an optimizer with lr=1.

    Args:
        d_model: width of the model, d.
        warmup_steps: w.
        k: factor of all rates.

    Returns:
        The rate by the number of steps taken, for LambdaLR.

    Example:
        The base model's peak, after 4000 steps.

        >>> round(transformer_rate(512)(3999), 7)
        0.0006988
    """
    require_steps(d_model=d_model, warmup_steps=warmup_steps)
    share, peak = inverse_square_root(warmup_steps), k * (d_model * warmup_steps) ** -0.5
    return lambda step: peak * share(step)
