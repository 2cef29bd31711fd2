"""`search`: values of a recipe's fields are tried and judged on validation; the test part stays unseen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vademecum._core.errors import InputError
from vademecum.search import Choice, grid_search, parse_prior

from . import study as studies
from .compare import SAME
from .conclude import points
from .console import Console
from .plans import SearchPlan, better
from .prepare import prepare
from .recipe import Recipe
from .study import Study, field_of
from .trials import GRACE

__all__ = ["Found", "search"]

SAMPLERS = ("grid", "random", "tpe")
PAPERS = {
    "grid": ("bergstra2012random",),
    "random": ("bergstra2012random",),
    "tpe": ("bergstra2011algorithms", "bergstra2012random"),
}
EDGE = 0.05
"""A best value so near to an end of its range, as a share of the range on its own scale, says to widen the range."""


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        folder: of the results.
        result: what ``result.json`` holds.
    """

    folder: Path
    result: Mapping[str, Any]

    @property
    def report(self) -> Path:
        """The page that tells it all."""
        return self.folder / "report.html"

    @property
    def best(self) -> Recipe | None:
        """The recipe of the best try; None where none came out."""
        path = self.folder / "best.toml"
        return Recipe.from_toml(path.read_text(encoding="utf-8")) if path.is_file() else None


def search(
    recipe: Recipe | None = None,
    space: Sequence[str] = (),
    *,
    sampler: str = "tpe",
    num_trials: int = 20,
    budget: str = "",
    workers: int = 1,
    storage: str = "",
    out: str | Path | None = None,
    resume: str | Path | None = None,
    console: Console | None = None,
    command: str = "",
    grace: float = GRACE,
) -> Found:
    """Search the values of a recipe's fields on the validation part.

    Args:
        recipe: what all tries share, the seed included.
        space: ``field=prior`` each, such as ``lr=log:1e-5..1e-1`` or ``norm=batch,layer``.
        sampler: "tpe", "random" or "grid".
        num_trials: how many are tried; of a grid, at most.
        budget: as in ``10m``: no trial is begun that would probably end later.
        workers: processes on this machine.
        storage: address of an Optuna storage that others can join; a SQLite file in the folder by default.
        out: a new folder; the first free ``runs/search-<data>-<n>`` by default.
        resume: the folder of a search to go on with, in place of recipe, space and what belongs to them.
        console: who tells people what happens; nobody by default.
        command: as typed, for the report.
        grace: seconds of silence after which a worker is taken for dead.

    Returns:
        The folder and what was found.

    A signal to stop raises `Interrupted`; all trials that came out are kept.

    Raises:
        InputError: recipe, space, folder or storage cannot be used.
    """
    console = console or Console()
    seconds = studies.seconds_of(budget)
    if workers < 1:
        raise InputError(
            f"there must be at least one worker: --workers {workers} came; leave it out for one."
        )
    if resume is not None:
        study = Study.open("search", resume, storage=storage, grace=grace)
    else:
        study = _begin(
            recipe or Recipe(), space, sampler=sampler, num_trials=num_trials, storage=storage, out=out,
            command=command, console=console, grace=grace,
        )  # fmt: skip
    plan = study.plan
    assert isinstance(plan, SearchPlan)
    console.heading("study", f"{study.trials.name} in {study.folder}")
    again = f"vade search --resume {study.folder}"
    study.work(workers=workers, seconds=seconds, console=console, describe=describe, again=again, grace=grace)
    outcomes = study.trials.outcomes()
    result = _conclude(plan, outcomes)
    _write(study, plan, outcomes, result)
    for sentence in result["sentences"]:
        console.heading("result", sentence)
    if not plan.done(outcomes):
        console.heading(
            "budget", f"spent; {plan.size - len(outcomes)} tries were not reached. Go on with: {again}"
        )
    if result["best"]:
        console.heading("next", f"look at the test part once: vade fit --recipe {study.folder / 'best.toml'}")
    console.heading("done", str(study.folder / "report.html"))
    return Found(study.folder, result)


def _begin(
    base: Recipe,
    space: Sequence[str],
    *,
    sampler: str,
    num_trials: int,
    storage: str,
    out: str | Path | None,
    command: str,
    console: Console,
    grace: float,
) -> Study:
    plan = SearchPlan(base, space_from(space, base), sampler, num_trials)
    if sampler not in SAMPLERS or num_trials < 1:
        raise InputError(
            f"a search needs a sampler of {', '.join(SAMPLERS)} and one try or more: {sampler!r} and {num_trials} came."
        )
    if sampler == "grid":
        try:
            plan = replace(plan, num_trials=len(grid_search(plan.priors, num_trials=num_trials)))
        except ValueError as error:
            raise InputError(str(error)) from error
    prepared = prepare(base)
    facts = prepared.facts()
    plan = replace(plan, fingerprint=facts["data"]["fingerprint"])
    console.prepared(facts)
    console.heading("space", f"{'; '.join(plan.space)}; {plan.num_trials} tries by {sampler}")
    about = {
        "command": command,
        "data": {name: facts["data"][name] for name in ("name", "kind", "task", "target", "count", "notes")},
        "split": facts["split"],
        "papers": studies.papers_of([prepared], more=PAPERS[sampler]),
    }
    return Study.begin("search", plan, data=base.data, out=out, storage=storage, facts=about, grace=grace)


def space_from(space: Sequence[str], base: Recipe) -> tuple[str, ...]:
    """Read the searched space.

    Args:
        space: ``field=prior`` each.
        base: what all tries share.

    Returns:
        The same with full names; both ends, or all words, of each are values that the recipe takes.

    Raises:
        InputError: a field or prior cannot be used.

    Example:
        >>> space_from(["lr=log:1e-4..1e-1", "norm=batch,layer"], Recipe())
        ('learning_rate=log:1e-4..1e-1', 'norm=batch,layer')
    """
    found: dict[str, str] = {}
    for line in space:
        name, equals, text = line.partition("=")
        if not equals:
            raise InputError(
                f"--space must read field=prior: {line!r} came; write for example lr=log:1e-5..1e-1."
            )
        name = field_of(name)
        if name in SAME or name in found:
            why = "came twice" if name in found else "would change the examples on which tries are judged"
            raise InputError(
                f"a dimension must be a field of the network or its training, once: {name} {why}."
            )
        try:
            prior = parse_prior(text.strip())
        except ValueError as error:
            raise InputError(f"{name}: {error}") from error
        if isinstance(prior, Choice) and len(prior.options) < 2:
            raise InputError(f"a dimension needs two values: {line!r} has one; use --set for what is fixed.")
        for value in prior.grid(2):
            base.with_settings([f"{name}={value}"])
        found[name] = text.strip()
    if not found:
        raise InputError(
            "a search needs a dimension: none came; write for example --space lr=log:1e-5..1e-1."
        )
    return tuple(f"{name}={text}" for name, text in found.items())


def describe(outcome: Mapping[str, Any]) -> str:
    """Say what came out of a try, in a line.

    Args:
        outcome: of the try.

    Returns:
        The line.
    """
    what = ", ".join(_shown(setting) for setting in outcome["settings"])
    if "failed" in outcome:
        return f"{what}: failed: {outcome['failed']}"
    return f"{what}: validation {outcome['metric']} {outcome['score']:.4f} in {outcome['seconds']:.1f} s"


def _shown(setting: str) -> str:
    """A setting with no more digits than a person reads; the recipe keeps them all."""
    name, _, text = setting.partition("=")
    try:
        return f"{name}={float(text):.4g}"
    except ValueError:
        return setting


def _conclude(plan: SearchPlan, outcomes: Mapping[str, Any]) -> dict[str, Any]:
    priors = plan.priors
    tries = []
    for key, outcome in sorted(outcomes.items(), key=lambda item: int(item[0].partition("/")[2])):
        texts = dict(setting.split("=", 1) for setting in outcome["settings"])
        tries.append({
            "key": key,
            "values": {name: priors[name].read(texts[name]) for name in priors},
            "settings": outcome["settings"],
            "score": outcome.get("score"),
            "failed": outcome.get("failed"),
        })  # fmt: skip
    fine = [t for t in tries if t["score"] is not None]
    best = max(fine, key=lambda t: better(outcomes[t["key"]]), default=None)
    some = next((o for o in outcomes.values() if "metric" in o), None)
    metric = some["metric"] if some else "score"
    return {
        "kind": "search",
        "data": plan.base.data,
        "metric": metric,
        "sampler": plan.sampler,
        "space": list(plan.space),
        "tries": tries,
        "best": best,
        "edges": _edges(plan, best) if best else [],
        "sentences": _sentences(plan, tries, best, metric=metric),
        "versions": sorted({str(o["versions"]["torch"]) for o in outcomes.values() if "versions" in o}),
        "machines": sorted({o["machine"] for o in outcomes.values() if "machine" in o}),
    }


def _sentences(
    plan: SearchPlan, tries: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None, *, metric: str
) -> list[str]:
    failed = sum(t["failed"] is not None for t in tries)
    said = [f"{failed} of {len(tries)} tries failed: their loss did not stay finite."] if failed else []
    if best is None:
        return [*said, "Nothing was found: no try has come out."]
    unit = " %" if metric == "accuracy" else " R²"
    settings = ", ".join(_shown(setting) for setting in best["settings"])
    return [
        f"Best of {len(tries)} tries: {settings}, with {points(best['score'], metric)}{unit} on validation.",
        f"It is the luckiest of {len(tries)} as well as the best: expect less on the test part, which no try has seen.",
        *said,
        *_edges(plan, best),
    ]


def _edges(plan: SearchPlan, best: Mapping[str, Any]) -> list[str]:
    """Dimensions whose best value lies at an end of its range."""
    found = []
    for name, prior in plan.priors.items():
        if isinstance(prior, Choice):
            continue
        place = prior.position(best["values"][name])
        if min(place, 1 - place) <= EDGE:
            side, other = ("lower", "smaller") if place < 0.5 else ("upper", "larger")
            found.append(
                f"The best {name}, {best['values'][name]:.3g}, lies at the {side} end of its range: search "
                f"a range that goes further, as something {other} may be better (search-edge)."
            )
    return found


def _write(study: Study, plan: SearchPlan, outcomes: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    from . import search_report

    study.write_json("result.json", result)
    names = list(plan.priors)
    rows = []
    for t in result["tries"]:
        outcome = outcomes[t["key"]]
        rows.append([
            t["key"], *(t["values"][name] for name in names), t["score"],
            *(outcome.get(k) for k in ("val_loss", "epochs", "seconds", "parameters", "worker", "failed")),
        ])  # fmt: skip
    study.write_csv(
        "trials.csv", f"key,{','.join(names)},score,val_loss,epochs,seconds,parameters,worker,failed", rows
    )
    if result["best"]:
        study.write("best.toml", plan.base.with_settings(result["best"]["settings"]).to_toml())
    study.write("refs.bib", studies.bibliography(study.facts["papers"])[1])
    study.write("report.html", search_report.render(study, plan, result))


def ranked(tries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort tries, the best first; failed ones last.

    Args:
        tries: of a result.

    Returns:
        The same.
    """
    return sorted(tries, key=lambda t: -math.inf if t["score"] is None else t["score"], reverse=True)
