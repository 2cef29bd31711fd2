"""The page of a search, with the figure of the searched space."""

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from . import study_figures as figures
from .conclude import points
from .plans import SearchPlan
from .search import ranked
from .study import Study
from .study_page import page

__all__ = ["render"]

SECTIONS = (
    ("result", "What was found"), ("space", "The searched space"), ("tries", "The tries"),
    ("repeat", "How to repeat it"), ("papers", "Papers"),
)  # fmt: skip
MOST_ROWS = 50


def render(study: Study, plan: SearchPlan, result: Mapping[str, Any]) -> str:
    """Write the page of a search.

    Args:
        study: whose folder it goes to.
        plan: of the search.
        result: what was found.

    Returns:
        The text of ``report.html``.
    """
    from markupsafe import Markup

    metric, best = result["metric"], result["best"]
    label = "validation accuracy" if metric == "accuracy" else "validation R²"
    there = {"space": best, "papers": study.facts["papers"]}
    unit = " %" if metric == "accuracy" else " R²"
    missing = plan.size - len(result["tries"])
    return page(
        "search.html.j2", study, plan,
        filters={"points": lambda value: points(value, metric), "value": _value},
        kind="search",
        title=f"{points(best['score'], metric)}{unit} on validation" if best else "Nothing found yet",
        lead=f"{study.facts['data']['name']}: {result['sentences'][0] if best else 'no try has come out.'}",
        banner=f"{missing} of {plan.size} tries were not reached." if missing else "",
        sections=[(key, words, there.get(key, True)) for key, words in SECTIONS],
        result=result,
        rows=ranked(result["tries"])[:MOST_ROWS],
        names=list(plan.priors),
        metric="accuracy, %" if metric == "accuracy" else "R²",
        drawn=[Markup(svg) for svg in _figures(plan, result, label)],  # noqa: S704 - figures escape all texts
        versions=result["versions"],
        machines=result["machines"],
    )  # fmt: skip


def _figures(plan: SearchPlan, result: Mapping[str, Any], label: str) -> list[str]:
    """One panel a dimension, a map for each pair of the first three, and the tries in order."""
    fine = [t for t in result["tries"] if t["score"] is not None]
    if not fine:
        return []
    scores, priors = [t["score"] for t in fine], plan.priors
    best = next(place for place, t in enumerate(fine) if t["key"] == result["best"]["key"])
    values = {name: [t["values"][name] for t in fine] for name in priors}
    drawn = [
        figures.search_dimension(f"dim{i}", values[name], scores, prior, best=best, name=name, label=label)
        for i, (name, prior) in enumerate(priors.items())
    ]
    for i, (one, two) in enumerate(combinations(list(priors)[:3], 2)):
        drawn.append(
            figures.search_map(
                f"map{i}", (values[one], values[two]), scores, (priors[one], priors[two]), best=best, names=(one, two)
            )
        )  # fmt: skip
    every = [math.nan if t["score"] is None else t["score"] for t in result["tries"]]
    return [*drawn, figures.search_progress("progress", every, label=label)]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
