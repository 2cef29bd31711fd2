"""From the outcomes of a comparison to what it says: figures, intervals, and sentences that claim no more than them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from vademecum._core.errors import InputError

from .plans import ComparePlan
from .statistics import Difference, differences, estimate

__all__ = ["conclude", "points"]


def conclude(plan: ComparePlan, outcomes: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the conclusions of a comparison.

    Only seeds that every arm has finished are compared. An arm on which every seed failed is left out, and said.

    Args:
        plan: of the comparison.
        outcomes: what came out so far.

    Returns:
        What ``result.json`` holds.
    """
    runs = [
        {seed: outcomes[plan.key(arm, seed)] for seed in plan.seeds if plan.key(arm, seed) in outcomes}
        for arm in range(len(plan.arms))
    ]
    fine = [{seed: o for seed, o in found.items() if "failed" not in o} for found in runs]
    alive = [arm for arm, found in enumerate(fine) if found]
    seeds = [seed for seed in plan.seeds if alive and all(seed in fine[arm] for arm in alive)]
    some = next((o for found in fine for o in found.values()), None)
    overlap, method, resolution = _split(fine, seeds)
    arms = []
    for place, arm in enumerate(plan.arms):
        used = [fine[place][seed] for seed in seeds] if place in alive else []
        arms.append({
            "name": arm.name,
            "scores": [o["score"] for o in used],
            **(_interval([o["score"] for o in used], overlap, some["metric"]) if used and some else {}),
            **_costs(list(fine[place].values())),
            "learning_rate": plan.tuned(place, outcomes) if plan.rates else None,
            "tries": _tries(plan, place, outcomes),
            "failed": {str(seed): o["failed"] for seed, o in runs[place].items() if "failed" in o},
            "missing": [seed for seed in plan.seeds if seed not in runs[place]],
        })  # fmt: skip
    scores = {plan.arms[arm].name: [fine[arm][seed]["score"] for seed in seeds] for arm in alive}
    enough = len(scores) > 1 and len(seeds) > 1
    found = (
        differences(scores, overlap=overlap, resolution=resolution, every_pair=plan.every_pair)
        if enough
        else ()
    )
    metric = some["metric"] if some else "score"
    return {
        "kind": "compare",
        "data": plan.base.data,
        "metric": metric,
        "seeds": seeds,
        "seeds_planned": list(plan.seeds),
        "overlap": overlap,
        "split": method,
        "arms": arms,
        "differences": [{**asdict(d), "significant": d.significant} for d in found],
        "sentences": _sentences(
            found, arms, metric=metric, planned=len(plan.seeds), used=len(seeds), split=method
        ),
        "edges": _edges(plan, arms),
        "versions": sorted({str(o["versions"]["torch"]) for f in fine for o in f.values()}),
        "machines": sorted({o["machine"] for f in fine for o in f.values()}),
    }


def points(value: float, metric: str, *, sign: bool = False) -> str:
    """Write a score or a difference of scores for people.

    Args:
        value: as a fraction, or R squared.
        metric: "accuracy" is given in percentage points.
        sign: whether a plus is written.

    Returns:
        The text, without a unit.

    Example:
        >>> points(0.0123, "accuracy", sign=True), points(-0.00001, "r2")
        ('+1.2', '0.000')
    """
    value, digits = (100 * value, 1) if metric == "accuracy" else (value, 3)
    value = round(value, digits) or 0.0  # never minus zero
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _split(fine: Sequence[Mapping[int, Any]], seeds: Sequence[int]) -> tuple[float, str, float]:
    """Say how many test examples come to a training example, how the parts were cut, and how coarse a score is.

    Returns:
        These three.

    Raises:
        InputError: arms were not tested on the same examples at some seed.
    """
    used = [found for found in fine if found]
    rows = {seed: {found[seed]["split"]["test_rows"] for found in used} for seed in seeds}
    for seed, tested in rows.items():
        if len(tested) > 1:
            raise InputError(
                f"arms must be tested on the same examples: at seed {seed} they were not; use the same versions of "
                "torch and vademecum on all machines, and begin anew."
            )
    if not seeds:
        return 0.0, "", 0.0
    first = used[0][seeds[0]]
    step = 1 / first["split"]["test"] if first["metric"] == "accuracy" else 0.0
    if len({next(iter(tested)) for tested in rows.values()}) == 1 and len(seeds) > 1:
        return 0.0, "fixed", step
    return first["split"]["test"] / first["split"]["train"], "resampled", step


def _interval(scores: Sequence[float], overlap: float, metric: str) -> dict[str, Any]:
    """Mean and interval, which ends where a score must: no accuracy lies above 1."""
    found = estimate(scores, overlap=overlap)
    least = 0.0 if metric == "accuracy" else -math.inf
    return {**asdict(found), "low": max(found.low, least), "high": min(found.high, 1.0)}


def _costs(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if not runs:
        return {}
    memory = {part: max(o["memory_mib"].get(part, 0.0) for o in runs) for part in runs[0]["memory_mib"]}
    return {
        "seconds": fmean(o["seconds"] for o in runs),
        "epochs": fmean(o["epochs"] for o in runs),
        "memory_mib": memory,
        "parameters": runs[0]["parameters"],
        "macs": runs[0]["macs"],
    }


def _tries(plan: ComparePlan, arm: int, outcomes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each rate gave on validation, averaged over the tuning seeds."""
    found = []
    for place, rate in enumerate(plan.rates):
        tries = [outcomes.get(plan.tuning_key(arm, place, n)) for n in range(plan.tuning_seeds)]
        scores = [t["validation"] for t in tries if t is not None and "failed" not in t]
        whole = len(scores) == plan.tuning_seeds
        found.append({"learning_rate": rate, "validation": fmean(scores) if whole else None})
    return found


def _edges(plan: ComparePlan, arms: Sequence[Mapping[str, Any]]) -> list[str]:
    ends = {plan.rates[0], plan.rates[-1]} if plan.rates else set()
    return [
        f"{arm['name']}: the best rate, {arm['learning_rate']:.3g}, is the last one tried; "
        "a wider range may suit it better (search-edge)."
        for arm in arms
        if arm["learning_rate"] in ends
    ]


def _sentences(
    found: Sequence[Difference],
    arms: Sequence[Mapping[str, Any]],
    *,
    metric: str,
    planned: int,
    used: int,
    split: str,
) -> list[str]:
    """What can and cannot be concluded."""
    said = []
    for arm in arms:
        if arm["failed"]:
            count, reason = len(arm["failed"]), next(iter(arm["failed"].values()))
            said.append(
                f"{arm['name']} failed on {count} of {planned} seeds, which is a result too: {reason}"
            )
    if not found:
        return [
            *said,
            f"Nothing can be concluded: {used} of {planned} seeds have come out for every arm that trains, and a "
            "comparison needs two arms and two seeds.",
        ]
    unit = " points" if metric == "accuracy" else " in R²"
    for d in found:
        start = (
            f"At {d.count} seeds, {d.arm} differs from {d.baseline} by {points(d.mean, metric, sign=True)}{unit} "
            f"(95 % {points(d.low, metric)} to {points(d.high, metric)}): "
        )
        detectable = f"{points(d.detectable, metric)}{unit}"
        if d.significant:
            end = f"{'better' if d.mean > 0 else 'worse'} on these data, p = {d.corrected_p:.2g} after correction."
            if d.low < 0 < d.high:
                end += " The interval is the wider one that holds for all differences at once."
        else:
            end = (
                f"not distinguishable. A difference below about {detectable} would probably have been missed, so this "
                "does not show that they are equal."
            )
        said.append(start + end)
    if used < planned:
        said.append(
            f"{planned - used} of {planned} seeds are missing for some arm and were left out for all."
        )
    if split == "fixed":
        said.append(
            "The data come with a test part of their own, so all seeds were tested on the same examples: what is said "
            "holds for this one split, and another test part may say otherwise."
        )
    return said
