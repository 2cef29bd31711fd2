"""The page of a comparison, written from its conclusions and outcomes."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from . import study_figures as figures
from .conclude import points
from .plans import ComparePlan
from .study import Study
from .study_page import page

__all__ = ["render"]

SECTIONS = (
    ("conclusions", "What can be concluded"), ("arms", "The arms"), ("differences", "Paired differences"),
    ("curves", "Training curves"), ("tuning", "Learning rates"), ("costs", "What it cost"),
    ("method", "How it was compared"), ("repeat", "How to repeat it"), ("papers", "Papers"),
)  # fmt: skip


def render(study: Study, plan: ComparePlan, outcomes: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Write the page of a comparison.

    Args:
        study: whose folder it goes to.
        plan: of the comparison.
        outcomes: what came out so far.
        result: what was concluded.

    Returns:
        The text of ``report.html``.
    """
    from markupsafe import Markup

    metric = result["metric"]
    unit = "%" if metric == "accuracy" else "R²"
    name = "accuracy, %" if metric == "accuracy" else "R²"

    def write(value: float) -> str:
        return points(value, metric)

    drawn: dict[str, Any] = {}
    told = [arm for arm in result["arms"] if arm["scores"]]
    if told:
        drawn["arms"] = figures.dots_and_whiskers(
            "arms", told, title=f"Test {name} of each arm", label=f"test {name}", write=write
        )
    if result["differences"]:
        rows = [
            {**d, "name": f"{d['arm']} − {d['baseline']}" if plan.every_pair else d["arm"], "strong": d["significant"]}
            for d in result["differences"]
        ]  # fmt: skip
        drawn["differences"] = figures.dots_and_whiskers(
            "differences", rows, title="Paired differences", zero=True, write=write,
            label=("points" if metric == "accuracy" else "R²")
            + ("" if plan.every_pair else f" more than {plan.arms[0].name}"),
        )  # fmt: skip
    curves = _curves(plan, outcomes, label=f"validation {'accuracy' if metric == 'accuracy' else 'R²'}")
    tunings = [
        (
            arm["name"],
            figures.tuning(
                f"tuning{place}", arm["tries"], chosen=arm["learning_rate"], title=f"Rates tried by {arm['name']}",
                label=f"validation {'accuracy' if metric == 'accuracy' else 'R²'}",
            ),
        )
        for place, arm in enumerate(result["arms"]) if plan.rates
    ]  # fmt: skip
    there = {
        "differences": result["differences"], "curves": curves, "tuning": tunings, "papers": study.facts["papers"],
    }  # fmt: skip
    count = len(result["seeds"])
    return page(
        "compare.html.j2", study, plan,
        filters={
            "points": write, "signed": lambda value: points(value, metric, sign=True),
            "probability": lambda p: "< 0.001" if p < 0.001 else f"{p:.3f}",
        },
        kind="comparison",
        title=_title(result),
        lead=_lead(study, plan, result),
        banner=_banner(plan, result),
        sections=[(key, words, there.get(key, True)) for key, words in SECTIONS],
        result=result,
        metric=name,
        unit=unit,
        wider=f"{math.sqrt(1 + count * result['overlap']):.1f}" if count else "",
        figures={key: Markup(svg) for key, svg in drawn.items()},  # noqa: S704 - figures escape all texts
        curves=[(key, Markup(svg)) for key, svg in curves],  # noqa: S704
        tunings=[(key, Markup(svg)) for key, svg in tunings],  # noqa: S704
        rates=_rates(plan, outcomes),
        device=any("device" in arm.get("memory_mib", {}) for arm in result["arms"]),
        versions=result["versions"],
        machines=result["machines"],
    )  # fmt: skip


def _title(result: Mapping[str, Any]) -> str:
    """The shortest true sentence."""
    found = result["differences"]
    if not found:
        return "Nothing can be concluded yet"
    sure = [d for d in found if d["significant"]]
    unit = " points" if result["metric"] == "accuracy" else " in R²"
    if not sure:
        arms = len([arm for arm in result["arms"] if arm["scores"]])
        return f"No difference found between {arms} arms at {len(result['seeds'])} seeds"
    best = max(sure, key=lambda d: abs(d["mean"]))
    words = "better" if best["mean"] > 0 else "worse"
    size = points(abs(best["mean"]), result["metric"])
    more = f", and {len(sure) - 1} more differences" if len(sure) > 1 else ""
    return f"{best['arm']} is {size}{unit} {words} than {best['baseline']}{more}"


def _lead(study: Study, plan: ComparePlan, result: Mapping[str, Any]) -> str:
    count, found = len(result["seeds"]), result["differences"]
    start = f"{study.facts['data']['name']}: {len(plan.arms)} arms on the same {count} seeds."
    if not found:
        return start
    sure = sum(d["significant"] for d in found)
    least = points(min(d["detectable"] for d in found), result["metric"])
    unit = " points" if result["metric"] == "accuracy" else " in R²"
    if len(found) == 1:
        stand = "The difference stands." if sure else "The difference may be chance."
    else:
        stand = f"{sure} of {len(found)} differences {'stands' if sure == 1 else 'stand'} after correction."
    return f"{start} {stand} Differences below about {least}{unit} would probably have been missed."


def _banner(plan: ComparePlan, result: Mapping[str, Any]) -> str:
    missing = sum(len(arm["missing"]) for arm in result["arms"])
    if not missing:
        return ""
    whole = len(plan.arms) * len(plan.seeds)
    return f"{missing} of {whole} trials were not reached. Only the seeds that all arms have finished are compared."


def _curves(plan: ComparePlan, outcomes: Mapping[str, Any], *, label: str) -> list[tuple[str, str]]:
    runs = []
    for arm in range(len(plan.arms)):
        found = (outcomes.get(plan.key(arm, seed), {}) for seed in plan.seeds)
        runs.append([o["curves"]["val_metric"] for o in found if "curves" in o])
    values = [v for arm in runs for run in arm for v in run if math.isfinite(v)]
    if not values:
        return []
    # A run that starts far below would flatten all others.
    low, high = (
        max(min(values), sorted(values)[len(values) // 20] - 0.3 * (max(values) - min(values))),
        max(values),
    )
    room = 0.05 * (high - low) or 0.05
    baseline = _mean(runs[0])
    return [
        (
            plan.arms[arm].name,
            figures.arm_curves(
                f"curve{arm}", found, reference=baseline if arm else [], title=f"Curves of {plan.arms[arm].name}",
                label=label, limits=(low - room, high + room),
            ),
        )
        for arm, found in enumerate(runs) if found
    ]  # fmt: skip


def _mean(runs: Sequence[Sequence[float]]) -> list[float]:
    """Over the epochs that all runs have."""
    return [fmean(values) for values in zip(*runs)]


def _rates(plan: ComparePlan, outcomes: Mapping[str, Any]) -> list[str]:
    """The learning rates with which each arm trained."""
    said = []
    for arm in range(len(plan.arms)):
        found = [outcomes.get(plan.key(arm, seed), {}).get("learning_rate") for seed in plan.seeds]
        rates = sorted(rate for rate in found if rate is not None)
        ends = sorted({f"{rate:.2g}" for rate in (rates[:1] + rates[-1:])}, key=float)
        said.append(" to ".join(ends) or "–")
    return said
