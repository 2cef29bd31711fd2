r"""Slanted triangular rates: a short rise and a long fall, both along lines.

Made for tuning a language model on a small task: reach a suitable region fast, then refine for long.

$$ cut = \lfloor T \cdot cut\_frac \rfloor, \qquad
p = \begin{cases} t / cut & t < cut \\ 1 - \frac{t - cut}{cut \, (1 / cut\_frac - 1)} & t \ge cut \end{cases}, \qquad
f(t) = \frac{1 + p \, (ratio - 1)}{ratio} $$

Also called: STLR.
Departures: where T cut_frac is no whole number, the paper's p becomes negative before T and leaves the fall short of
    its end, or past it: here the fall lasts $T - cut$ steps, which is the same where it is whole. A cut of 0 means no
    rise at all; the paper's formula then divides by 0.
Pitfalls: one factor for all groups: with rates that differ by layer take LambdaLR, which multiplies each group's own.
Claim: none, because on runs as short as ours schedules are not told apart.
Peer: none; fastai, the authors' library, takes one cycle instead.

References:
    howard2018universal: Eq. 3; cut_frac = 0.1, ratio = 32.
"""

from math import floor

from ._schedule import Schedule, done, require_steps, require_within

__all__ = ["slanted_triangular"]


def slanted_triangular(total_steps: int, *, cut_frac: float = 0.1, ratio: float = 32) -> Schedule:
    """Give the factors of the rate.

    Args:
        total_steps: T.
        cut_frac: share of the steps in which the rate rises.
        ratio: the peak over the rate at both ends.

    Returns:
        The factor by the number of steps taken, for LambdaLR.

    Raises:
        ValueError: the ratio is below 1, or another number is out of its range.

    Example:
        >>> [slanted_triangular(100)(t) for t in (0, 10, 100)]
        [0.03125, 1.0, 0.03125]
    """
    require_steps(total_steps=total_steps)
    require_within(0, 1, cut_frac=cut_frac)
    if not ratio >= 1:
        raise ValueError(
            f"ratio must be at least 1: it is {ratio}; it is the peak over the rate at the ends."
        )
    cut = floor(total_steps * cut_frac + 1e-9)  # 0.29 * 100 is 28.999999999999996

    def at(step: int) -> float:
        p = (
            step / cut
            if step < cut
            else 1 - (done(step - cut, total_steps - cut) if total_steps > cut else 0)
        )
        return (1 + p * (ratio - 1)) / ratio

    return at
