"""What the pages of comparisons and searches have in common: jinja's environment, and the facts they all tell."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from . import study as studies
from .plans import ComparePlan, SearchPlan
from .report import environment
from .study import Study

__all__ = ["page"]


def page(
    template: str,
    study: Study,
    plan: ComparePlan | SearchPlan,
    *,
    filters: Mapping[str, Callable[..., str]],
    **context: Any,
) -> str:
    """Write a page.

    Args:
        template: its file.
        study: whose page it is.
        plan: of the study.
        filters: the template's own.
        **context: what the template tells.

    Returns:
        The text of an HTML file.
    """
    facts, whole = study.facts, study.folder.resolve()
    papers, bibtex = studies.bibliography(facts["papers"])
    jinja = environment()
    jinja.filters.update(filters)
    return jinja.get_template(template).render({
        "place": shlex.quote(f"{whole.parent.name}/{whole.name}"),
        "plan": plan,
        "command": facts["command"],
        "data": facts["data"],
        "split": facts["split"],
        "recipe": plan.base.to_toml(),
        "fingerprint": plan.fingerprint,
        "papers": papers,
        "bibtex": bibtex.strip(),
        **context,
    })  # fmt: skip
