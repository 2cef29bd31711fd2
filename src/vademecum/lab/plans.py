"""What there is to do in a comparison or a search: a pure function of what came out so far.

A plan is written into the storage as it began and never changes; every worker computes from it and from the outcomes
which trials can begin now. So nobody has to hand out work, and a worker that joins late needs nothing but the storage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from .loop import seed_of
from .recipe import Recipe

__all__ = ["Arm", "ComparePlan", "Job", "Plan", "SearchPlan", "better", "plan_from"]

TUNED = "learning_rate"
FAR = 1_000_000
"""Seeds on which rates are tuned begin so far above the compared ones, so that no number of seeds reaches them."""


@dataclass(frozen=True)
class Job:
    """A trial that can begin.

    Attributes:
        key: of the plan.
        recipe: what to train.
        test: whether the test part gives the score; validation otherwise.
        settings: what a person calls this trial.
    """

    key: str
    recipe: Recipe
    test: bool
    settings: tuple[str, ...]


class Plan(Protocol):
    """What a comparison and a search have in common."""

    @property
    def fingerprint(self) -> str:
        """Of the data."""

    @property
    def size(self) -> int:
        """Number of trials in all."""

    def jobs(self, outcomes: Mapping[str, Any], held: Mapping[str, str]) -> Iterator[Job]:
        """Give the trials that can begin now, in order."""

    def done(self, outcomes: Mapping[str, Any]) -> bool:
        """Say whether nothing is left."""

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON holds it."""


@dataclass(frozen=True)
class Arm:
    """One of the things compared.

    Attributes:
        settings: what differs from the base recipe, ``name=value`` each.
    """

    settings: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a person calls it."""
        return ", ".join(self.settings)


@dataclass(frozen=True)
class ComparePlan:
    """Arms on the same seeds: trials go seed by seed, so that one that is cut short has the same seeds for all arms.

    Attributes:
        base: what all arms share.
        arms: the baseline first.
        seeds: of split, initialization and order; arms share them.
        rates: learning rates that each arm tries before; none without tuning.
        tuning_seeds: how many seeds, apart from the compared ones, each rate is tried on.
        every_pair: whether all pairs are compared, not each arm with the baseline alone.
        fingerprint: of the data.
    """

    base: Recipe
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    rates: tuple[float, ...] = ()
    tuning_seeds: int = 1
    every_pair: bool = False
    fingerprint: str = ""

    @property
    def size(self) -> int:
        """Number of trials in all."""
        return len(self.arms) * (len(self.seeds) + len(self.rates) * self.tuning_seeds)

    def recipe(self, arm: int, seed: int, rate: float | None = None) -> Recipe:
        """Give the recipe of a trial.

        Args:
            arm: its place.
            seed: of everything.
            rate: where one was tuned.

        Returns:
            The recipe.
        """
        changed = self.base.with_settings(self.arms[arm].settings).changed({"seed": seed})
        return changed if rate is None else changed.changed({TUNED: rate})

    def tuned(self, arm: int, outcomes: Mapping[str, Any]) -> float | None:
        """Choose an arm's rate on validation alone.

        Args:
            arm: its place.
            outcomes: so far.

        Returns:
            The rate with the best mean validation score, the lower validation loss where two are equal; None while
            tries are missing.
        """
        best: tuple[tuple[float, float], float] | None = None
        for place, rate in enumerate(self.rates):
            tries = [outcomes.get(self.tuning_key(arm, place, n)) for n in range(self.tuning_seeds)]
            if None in tries:
                return None
            quality = min(map(better, tries)) if any("failed" in t for t in tries if t) else _mean(tries)
            if best is None or quality > best[0]:
                best = (quality, rate)
        return best[1] if best else None

    def jobs(self, outcomes: Mapping[str, Any], held: Mapping[str, str]) -> Iterator[Job]:
        """Give the trials that can begin now, in order.

        Args:
            outcomes: so far.
            held: keys that somebody works on.

        Yields:
            Rates to be tried, then arms whose rate is known, seed by seed.
        """
        taken = {*outcomes, *held}
        for n in range(self.tuning_seeds):
            for place, rate in enumerate(self.rates):
                for arm, what in enumerate(self.arms):
                    if (key := self.tuning_key(arm, place, n)) not in taken:
                        recipe = self.recipe(arm, self.base.seed + FAR + n, rate)
                        yield Job(key, recipe, False, (*what.settings, f"try {TUNED}={rate:.3g}"))
        rates = [self.tuned(arm, outcomes) if self.rates else None for arm in range(len(self.arms))]
        for seed in self.seeds:
            for arm, what in enumerate(self.arms):
                if (key := self.key(arm, seed)) not in taken and (not self.rates or rates[arm] is not None):
                    yield Job(key, self.recipe(arm, seed, rates[arm]), True, (*what.settings, f"seed {seed}"))

    def done(self, outcomes: Mapping[str, Any]) -> bool:
        """Say whether nothing is left.

        Args:
            outcomes: so far.

        Returns:
            Whether every arm has every seed.
        """
        return all(self.key(arm, seed) in outcomes for arm in range(len(self.arms)) for seed in self.seeds)

    @staticmethod
    def key(arm: int, seed: int) -> str:
        """Name a trial that is compared.

        Args:
            arm: its place.
            seed: of everything.

        Returns:
            The key.
        """
        return f"run/{arm}/{seed}"

    @staticmethod
    def tuning_key(arm: int, rate: int, number: int) -> str:
        """Name a try of a rate.

        Args:
            arm: its place.
            rate: the rate's place.
            number: of the tuning seed.

        Returns:
            The key.
        """
        return f"tune/{arm}/{rate}/{number}"

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON holds it.

        Returns:
            All fields.
        """
        return {
            "kind": "compare", "base": self.base.to_toml(), "arms": [list(arm.settings) for arm in self.arms],
            "seeds": list(self.seeds), "rates": list(self.rates), "tuning_seeds": self.tuning_seeds,
            "every_pair": self.every_pair, "fingerprint": self.fingerprint,
        }  # fmt: skip


@dataclass(frozen=True)
class SearchPlan:
    """Values of some fields of a recipe, tried one after another and judged on validation.

    Attributes:
        base: what all tries share.
        space: ``field=prior`` each, such as ``learning_rate=log:1e-5..1e-1``.
        sampler: "tpe", "random" or "grid".
        num_trials: how many are tried.
        fingerprint: of the data.
    """

    base: Recipe
    space: tuple[str, ...]
    sampler: str
    num_trials: int
    fingerprint: str = ""

    @property
    def size(self) -> int:
        """Number of trials in all."""
        return self.num_trials

    @property
    def priors(self) -> dict[str, Any]:
        """The prior of each field, read from its text."""
        from vademecum.search import parse_prior

        return {name: parse_prior(text) for name, _, text in (line.partition("=") for line in self.space)}

    def jobs(self, outcomes: Mapping[str, Any], held: Mapping[str, str]) -> Iterator[Job]:
        """Give the trials that can begin now, in order.

        Args:
            outcomes: so far.
            held: keys that somebody works on.

        Yields:
            Tries; with "tpe" each is proposed from the outcomes so far, when it is taken.
        """
        taken = {*outcomes, *held}
        for place in range(self.num_trials):
            if (key := f"try/{place}") not in taken:
                settings = tuple(f"{name}={value}" for name, value in self._values(place, outcomes).items())
                yield Job(key, self.base.with_settings(settings), False, settings)

    def _values(self, place: int, outcomes: Mapping[str, Any]) -> dict[str, Any]:
        from vademecum import search

        if self.sampler == "grid":
            return dict(search.grid_search(self.priors, num_trials=self.num_trials)[place])
        draw = torch.Generator().manual_seed(seed_of(self.base.seed, "search", place))
        if self.sampler == "random":
            return dict(search.random_search(self.priors, num_trials=1, generator=draw)[0])
        priors = self.priors
        history = [
            ({name: priors[name].read(text) for name, _, text in _pairs(o["settings"])}, o.get("score"))
            for o in outcomes.values()
        ]
        return dict(search.tpe(priors, history, generator=draw))

    def done(self, outcomes: Mapping[str, Any]) -> bool:
        """Say whether nothing is left.

        Args:
            outcomes: so far.

        Returns:
            Whether every try has come out.
        """
        return len(outcomes) >= self.num_trials

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON holds it.

        Returns:
            All fields.
        """
        return {
            "kind": "search", "base": self.base.to_toml(), "space": list(self.space), "sampler": self.sampler,
            "num_trials": self.num_trials, "fingerprint": self.fingerprint,
        }  # fmt: skip


def plan_from(plan: Mapping[str, Any]) -> ComparePlan | SearchPlan:
    """Read a plan from the storage.

    Args:
        plan: as `to_dict` gave it.

    Returns:
        The plan.
    """
    base = Recipe.from_toml(plan["base"])
    if plan["kind"] == "search":
        return SearchPlan(
            base, tuple(plan["space"]), plan["sampler"], int(plan["num_trials"]), plan["fingerprint"]
        )
    return ComparePlan(
        base, tuple(Arm(tuple(settings)) for settings in plan["arms"]), tuple(plan["seeds"]),
        tuple(plan["rates"]), int(plan["tuning_seeds"]), bool(plan["every_pair"]), plan["fingerprint"],
    )  # fmt: skip


def better(outcome: Mapping[str, Any] | None) -> tuple[float, float]:
    """Order outcomes by validation.

    Args:
        outcome: of a trial.

    Returns:
        The validation score, and the negative validation loss where two are equal; least of all for a failed one.
    """
    if outcome is None or "failed" in outcome:
        return -float("inf"), -float("inf")
    return outcome["validation"], -outcome["val_loss"]


def _mean(tries: list[Any]) -> tuple[float, float]:
    pairs = [better(t) for t in tries]
    return sum(a for a, _ in pairs) / len(pairs), sum(b for _, b in pairs) / len(pairs)


def _pairs(settings: list[str]) -> list[tuple[str, str, str]]:
    return [setting.partition("=") for setting in settings]
