"""`compare`: an honest ablation. The same splits, seeds and epochs for every arm; differences seed by seed.

What a trial is, how it is claimed and which test judges it stands in ``docs/decisions/0005-comparisons.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from vademecum._core.errors import InputError
from vademecum.search import Range, parse_prior

from . import study as studies
from .conclude import conclude, points
from .console import Console
from .plans import TUNED, Arm, ComparePlan
from .prepare import prepare
from .recipe import Recipe
from .study import Study, field_of
from .trials import GRACE

__all__ = ["Comparison", "arms_from", "compare"]

SAME = ("checkpoint_seconds", "data", "group", "seed", "target", "test_fraction", "time", "val_fraction")
"""What all arms share: else they would not be judged on the same examples."""
RATES = "log:1e-4..1"
PAPERS = ("nadeau2003inference", "holm1979simple")


@dataclass(frozen=True)
class Comparison:
    """What a comparison came to.

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


def compare(
    recipe: Recipe | None = None,
    vary: Sequence[str] = (),
    *,
    seeds: int = 5,
    tune: str = "",
    tries: int = 7,
    every_pair: bool = False,
    budget: str = "",
    workers: int = 1,
    storage: str = "",
    out: str | Path | None = None,
    resume: str | Path | None = None,
    console: Console | None = None,
    command: str = "",
    grace: float = GRACE,
) -> Comparison:
    """Compare techniques on the same splits, seeds and epochs, and say what can be concluded.

    Args:
        recipe: what all arms share; its seed is the first one.
        vary: ``field=value,value`` each; every combination is an arm, the first one is the baseline.
        seeds: of split, initialization and order, that every arm gets.
        tune: "lr" to find the learning rate of each arm on validation before, or "lr=log:LOW..HIGH".
        tries: rates that each arm tries, where they are tuned.
        every_pair: whether all pairs are compared, not each arm with the baseline alone.
        budget: as in ``10m``: no trial is begun that would probably end later.
        workers: processes on this machine.
        storage: address of an Optuna storage that others can join; a SQLite file in the folder by default.
        out: a new folder; the first free ``runs/compare-<data>-<n>`` by default.
        resume: the folder of a comparison to go on with, in place of recipe, vary and what belongs to them.
        console: who tells people what happens; nobody by default.
        command: as typed, for the report.
        grace: seconds of silence after which a worker is taken for dead.

    Returns:
        The folder and the conclusions.

    A signal to stop raises `Interrupted`; all trials that came out are kept.

    Raises:
        InputError: recipe, arms, folder or storage cannot be used.
    """
    console = console or Console()
    seconds = studies.seconds_of(budget)
    if workers < 1:
        raise InputError(
            f"there must be at least one worker: --workers {workers} came; leave it out for one."
        )
    if resume is not None:
        study = Study.open("compare", resume, storage=storage, grace=grace)
    else:
        study = _begin(
            recipe or Recipe(), vary, seeds=seeds, tune=tune, tries=tries, every_pair=every_pair, storage=storage,
            out=out, command=command, console=console, grace=grace,
        )  # fmt: skip
    plan = study.plan
    assert isinstance(plan, ComparePlan)
    console.heading("study", f"{study.trials.name} in {study.folder}")
    again = f"vade compare --resume {study.folder}"
    study.work(workers=workers, seconds=seconds, console=console, describe=describe, again=again, grace=grace)
    outcomes = study.trials.outcomes()
    result = conclude(plan, outcomes)
    _write(study, plan, outcomes, result)
    for arm in result["arms"]:
        if arm["scores"]:
            low, high = (points(arm[end], result["metric"]) for end in ("low", "high"))
            console.heading(
                "arm",
                f"{arm['name']}: {result['metric']} {points(arm['mean'], result['metric'])} ({low} to {high})",
            )
    for sentence in result["sentences"]:
        console.heading("result", sentence)
    if not plan.done(outcomes):
        missing = sum(len(arm["missing"]) for arm in result["arms"])
        console.heading("budget", f"spent; {missing} trials were not reached. Go on with: {again}")
    console.heading("done", str(study.folder / "report.html"))
    return Comparison(study.folder, result)


def _begin(
    base: Recipe,
    vary: Sequence[str],
    *,
    seeds: int,
    tune: str,
    tries: int,
    every_pair: bool,
    storage: str,
    out: str | Path | None,
    command: str,
    console: Console,
    grace: float,
) -> Study:
    arms = arms_from(vary, base)
    if seeds < 2:
        raise InputError(f"a comparison needs two seeds or more: {seeds} came; five are usual, ten see more.")
    plan = ComparePlan(
        base,
        arms,
        tuple(range(base.seed, base.seed + seeds)),
        _rates(tune, tries, vary),
        every_pair=every_pair,
    )
    # Every arm is built once before hours are spent, so that a mistake is said at once.
    prepared = [prepare(plan.recipe(arm, base.seed)) for arm in range(len(arms))]
    facts = prepared[0].facts()
    plan = replace(plan, fingerprint=facts["data"]["fingerprint"])
    console.prepared(facts)
    console.heading("arms", "; ".join(arm.name for arm in arms))
    about = {
        "command": command,
        "data": {name: facts["data"][name] for name in ("name", "kind", "task", "target", "count", "notes")},
        "split": facts["split"],
        "papers": studies.papers_of(prepared, more=PAPERS),
    }
    return Study.begin("compare", plan, data=base.data, out=out, storage=storage, facts=about, grace=grace)


def arms_from(vary: Sequence[str], base: Recipe) -> tuple[Arm, ...]:
    """Read what is compared.

    Args:
        vary: ``field=value,value`` each.
        base: what all arms share.

    Returns:
        Every combination, in the order written; the first is the baseline.

    Raises:
        InputError: a field or value does not exist, would change the data, or two arms are the same.

    Example:
        >>> [arm.name for arm in arms_from(["norm=batch,layer", "optimizer=sgd,adamw"], Recipe())]
        ['norm=batch, optimizer=sgd', 'norm=batch, optimizer=adamw',
         'norm=layer, optimizer=sgd', 'norm=layer, optimizer=adamw']
    """
    fields: dict[str, list[str]] = {}
    for line in vary:
        name, equals, values = line.partition("=")
        if not equals or not values.strip(" ,"):
            raise InputError(
                f"--vary must read field=value,value: {line!r} came; write for example norm=batch,layer,group."
            )
        name = field_of(name)
        if name in SAME:
            raise InputError(
                f"every arm must be judged on the same examples: --vary {name} would change them; compare two "
                "commands' reports by eye, or vary a field of the network or its training."
            )
        if name in fields:
            raise InputError(f"a field can be varied once: {name} came twice; write all its values at once.")
        fields[name] = [value.strip() for value in values.split(",") if value.strip()]
    arms = tuple(
        Arm(tuple(f"{name}={value}" for name, value in zip(fields, values)))
        for values in product(*fields.values())
    )
    if len(arms) < 2:
        raise InputError(
            f"a comparison needs two arms: {arms[0].name or 'none'!r} came; name two values, --vary norm=batch,layer."
        )
    seen: dict[Recipe, Arm] = {}
    for arm in arms:
        if (twin := seen.setdefault(base.with_settings(arm.settings), arm)) is not arm:
            raise InputError(
                f"arms must differ: {twin.name!r} and {arm.name!r} are the same recipe; leave one out."
            )
    return arms


def _rates(tune: str, tries: int, vary: Sequence[str]) -> tuple[float, ...]:
    """The rates that every arm tries."""
    if not tune:
        return ()
    name, _, text = tune.partition("=")
    if field_of(name) != TUNED:
        raise InputError(
            f"what is tuned for each arm is the learning rate: --tune {tune} came; write --tune lr, or use vade search."
        )
    if any(field_of(line.partition("=")[0]) == TUNED for line in vary):
        raise InputError(
            "a learning rate is either varied or tuned: both came; leave --tune or --vary lr out."
        )
    try:
        prior = parse_prior(text or RATES)
    except ValueError as error:
        raise InputError(str(error)) from error
    if not isinstance(prior, Range) or not prior.log or tries < 2:
        raise InputError(
            f"rates are tried on a log scale, two or more: --tune {tune} with {tries} tries came; write "
            "--tune lr=log:1e-4..1 --tries 7."
        )
    return tuple(float(f"{rate:.3g}") for rate in prior.grid(tries))


def describe(outcome: Mapping[str, Any]) -> str:
    """Say what came out of a trial, in a line.

    Args:
        outcome: of the trial.

    Returns:
        The line.
    """
    what = ", ".join(outcome["settings"])
    if "failed" in outcome:
        return f"{what}: failed: {outcome['failed']}"
    return f"{what}: {outcome['metric']} {outcome['score']:.4f} in {outcome['seconds']:.1f} s"


def _write(study: Study, plan: ComparePlan, outcomes: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    from . import compare_report

    study.write_json("result.json", result)
    study.write_csv(
        "arms.csv",
        "arm,seeds,mean,low,high,std,tuned_learning_rate,seconds,epochs,parameters,macs,peak_memory_mib,failed",
        [
            [a["name"], len(a["scores"]), *(a.get(k) for k in ("mean", "low", "high", "std")), a["learning_rate"],
             *(a.get(k) for k in ("seconds", "epochs", "parameters", "macs")),
             (a.get("memory_mib") or {}).get("resident"), len(a["failed"])]
            for a in result["arms"]
        ],
    )  # fmt: skip
    figures = (
        "score",
        "validation",
        "val_loss",
        "learning_rate",
        "epochs",
        "best_epoch",
        "seconds",
        "wall_seconds",
    )
    trials, curves = [], []
    for key, outcome in sorted(outcomes.items()):
        stage, arm, *rest = key.split("/")
        row = [key, plan.arms[int(arm)].name, int(rest[-1]) if stage == "run" else ""]
        trials.append([*row, *(outcome.get(k) for k in (*figures, "worker", "machine", "failed"))])
        for epoch, values in enumerate(zip(*outcome.get("curves", {}).values()), 1):
            curves.append([*row, epoch, *values])
    study.write_csv("trials.csv", f"key,arm,seed,{','.join(figures)},worker,machine,failed", trials)
    study.write_csv("curves.csv", "key,arm,seed,epoch,train_loss,val_loss,val_metric", curves)
    study.write("refs.bib", studies.bibliography(study.facts["papers"])[1])
    study.write("report.html", compare_report.render(study, plan, outcomes, result))
