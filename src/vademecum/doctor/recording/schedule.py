"""When to look: often at the start, then as often as the budget allows."""

import time

EARLY = 5
"""Steps at the start that are all looked at."""

SHORT, CAP = 2e-3, 64
"""Steps shorter than this (seconds) cannot hide a look: of them, so many are looked at in all."""

DOUBLING = 64
"""Up to this step, where steps are short, the powers of two are looked at."""

BATCHES, DATA = 32, 1 / 3
"""Batches whose rows are kept whatever it costs, and the part of the budget that may be spent on later ones."""


class Schedule:
    """Decides at which optimizer steps the doctor looks closely.

    Args:
        budget: share of the run's time that may be spent.
        thorough: whether every step is looked at, whatever it costs.

    Example:
        >>> schedule = Schedule()
        >>> seen = []
        >>> for step in range(20):
        ...     seen += [step] if schedule.looking else []
        ...     schedule.stepped()
        >>> seen[:8]
        [0, 1, 2, 3, 4, 8, 16]
    """

    def __init__(self, budget: float = 0.03, *, thorough: bool = False):
        self.budget, self.thorough = budget, thorough
        self.looking = True
        self.looks = 0
        self.step = 0
        self.spent = 0.0
        self.data = 0.0
        self._begun = self._since = time.perf_counter()
        self._spent_before = 0.0
        self._look_cost = 0.0
        self._plain = 0.0
        self._next = 0

    def affords(self, kept: int) -> bool:
        """Whether there is time to keep the rows of a batch, after so many."""
        if self.thorough or kept < BATCHES:
            return True
        return self.data <= DATA * self.budget * (time.perf_counter() - self._begun - self.spent)

    def can_spend(self, seconds: float) -> bool:
        """Whether so much more would still be within the budget for the run so far."""
        return self.spent + seconds <= self.budget * (time.perf_counter() - self._begun - self.spent)

    @property
    def plain(self) -> float:
        """Seconds of a step of the run alone, smoothed."""
        return self._plain

    def stepped(self) -> None:
        """A step has ended: decide about the next."""
        now = time.perf_counter()
        own = self.spent - self._spent_before
        plain = max(now - self._since - own, 0.0)
        self._plain = plain if not self._plain else 0.9 * self._plain + 0.1 * plain
        if self.looking:
            self.looks += 1
            if self.step:  # the first look pays for what is done once
                self._look_cost = own if not self._look_cost else 0.7 * self._look_cost + 0.3 * own
        self._since, self._spent_before = now, self.spent
        self.step += 1
        self.looking = self.thorough or self._wanted()

    def _wanted(self) -> bool:
        if self.step < EARLY:
            return True
        if self._plain >= SHORT:  # what was spent, at the start too, must have been earned
            return self.can_spend(self._look_cost)
        if self.looks >= CAP:
            return False
        if self.step <= DOUBLING:
            return self.step & (self.step - 1) == 0
        if self.step < self._next:
            return False
        pause = self._look_cost / max(self.budget * self._plain, 1e-9)
        self._next = self.step + max(1, min(int(pause) + 1, 10_000))
        return True
