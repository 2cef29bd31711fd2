r"""Successive halving: give all candidates a little, the better ones more, and the best the whole budget.

Most settings show early that they are no good. Each round keeps the best of every few candidates and multiplies what
each may spend, so that every round costs about the same.

$$ n_k = \lfloor n \eta^{-k} \rfloor, \qquad r_k = r \eta^k, \qquad k = 0 \dots \lfloor \log_\eta (R / r) \rfloor $$

Also called: SHA, bandit-based allocation; the inner loop of Hyperband.
Departures: the paper gives the total budget and halves; the form with a least budget r and a factor eta is
    Hyperband's, whose eta of 3 is the default.
Pitfalls: what learns slowly and ends best is dropped, such as a small learning rate or a long schedule; scores are to
    be compared at the same budget only; evaluate each round anew where a schedule depends on the budget.
Claim: none, because what it saves is counted by its laws.
Peer: Optuna's SuccessiveHalvingPruner, which decides asynchronously.

References:
    jamieson2016nonstochastic: section 2, figure 3, the algorithm.
    li2018hyperband: section 3, Algorithm 1, the inner loop with r and eta.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Halving", "Round", "successive_halving"]

T = TypeVar("T")


@dataclass(frozen=True)
class Round:
    """One round.

    Attributes:
        budget: what each candidate could spend.
        candidates: their places, the best first.
        scores: of these candidates, in the same order.

    Example:
        >>> Round(budget=1, candidates=(2, 0), scores=(0.9, 0.4)).candidates[0]
        2
    """

    budget: int
    candidates: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Halving(Generic[T]):
    """What came out.

    Attributes:
        best: the candidate that was best in the last round.
        score: its score there.
        rounds: all rounds.

    Example:
        >>> Halving(best="a", score=1.0, rounds=()).best
        'a'
    """

    best: T
    score: float
    rounds: tuple[Round, ...]

    @property
    def spent(self) -> int:
        """Budget spent in all, in units of one candidate's."""
        return sum(r.budget * len(r.candidates) for r in self.rounds)


def successive_halving(
    candidates: Sequence[T],
    evaluate: Callable[[T, int], float],
    *,
    least: int,
    most: int,
    eta: int = 3,
) -> Halving[T]:
    """Find the best of many candidates for a fraction of what it costs to evaluate all of them fully.

    Args:
        candidates: what is tried.
        evaluate: (candidate, budget) -> score, more is better; what is not a number is worst.
        least: r, the budget of the first round, such as one epoch.
        most: R, which no candidate's budget exceeds.
        eta: of so many candidates one goes on, with so many times the budget.

    Returns:
        The best, and every round.

    Raises:
        ValueError: there is no candidate, the budgets do not ascend from 1, or eta is below 2.

    Example:
        >>> found = successive_halving(range(9), lambda c, budget: c, least=1, most=9)
        >>> found.best, [len(r.candidates) for r in found.rounds], found.spent  # all nine fully: 81
        (8, [9, 3, 1], 27)
    """
    if not candidates or not 1 <= least <= most or eta < 2:
        raise ValueError(
            f"halving needs a candidate, 1 <= least <= most and eta of 2 or more: {len(candidates)} candidates, "
            f"least={least}, most={most}, eta={eta}."
        )
    left, budget, rounds = list(range(len(candidates))), least, []
    while True:
        scores = {place: evaluate(candidates[place], budget) for place in left}
        # Stable: of equal scores the earlier candidate goes on. NaN differs from itself.
        left.sort(key=lambda place: (scores[place] == scores[place], scores[place]), reverse=True)
        rounds.append(Round(budget, tuple(left), tuple(scores[place] for place in left)))
        budget, keep = budget * eta, len(candidates) // eta ** len(rounds)
        if budget > most or keep < 1:
            return Halving(candidates[left[0]], scores[left[0]], tuple(rounds))
        left = left[:keep]
