"""A whole check-up of a script: the run, what its figures tell, and the proof of it by reruns."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ._report import Report
from .causes import fold
from .cures import Cure
from .cures.table import EARLY
from .differential import Figures, diagnose
from .script import Outcome, require_training, run_script

SLOWER = 1.5
"""A rerun may take so many times as long as the run as it is; where that much time is not left, none is begun."""

SAME = 24
"""First losses by which a change is seen to have no effect."""

Progress = Callable[[str, int, float], None]
"""(what is done, steps, seconds), told while a check-up runs."""


def check_up(
    path: str,
    args: Sequence[str] = (),
    *,
    function: str = "",
    steps: int | None = None,
    seconds: float = 60,
    seeds: int = 3,
    reruns: bool = True,
    experiments: bool = True,
    show: bool = False,
    progress: Progress | None = None,
) -> tuple[Report, Outcome]:
    """Run a script, say what is wrong with it, and prove it by reruns with the cure.

    Args:
        path: of the script.
        args: its command line.
        function: of the file, which builds what is trained; "" where the file itself is the script.
        steps: optimizer steps that are watched; None for the default of `run_script`.
        seconds: for the run, and as many again for all reruns.
        seeds: pairs of runs behind a proof.
        reruns: whether there are any.
        experiments: whether things are tried on a copy of the first step, after the run.
        show: whether the script's output is printed.
        progress: told now and then.

    Returns:
        The report with its proofs, and what the first run came to.
    """

    def run(
        changes: Sequence[Cure],
        seed: int,
        steps: int | None,
        seconds: float,
        what: str,
        same: Sequence[float] = (),
    ) -> Outcome:
        tell = None if progress is None else (lambda done, passed: progress(what, done, passed))
        return run_script(
            path, args, function=function, steps=steps, seconds=seconds, seed=seed, cures=changes, same=same,
            show=show and not what, progress=tell, experiments=experiments and not what,
        )  # fmt: skip

    outcome = run((), 0, steps, seconds, "")
    ended = require_training(outcome, path)
    report = replace(outcome.report, findings=fold((*outcome.report.findings, *ended)))
    if not reruns or not report.steps or outcome.ending.kind == "hung":
        return report, outcome
    base = figures_of(outcome)
    first = [value for _, value in outcome.losses[:SAME]] if len(outcome.losses) > SAME else []
    known: dict[tuple[str, int], Figures | None] = {("()", 0): base}
    until = time.monotonic() + seconds
    longest = outcome.seconds

    def again(changes: Sequence[Cure], seed: int) -> Figures | None:
        nonlocal longest
        key = (repr(tuple(changes)), seed)
        if key not in known:
            left = until - time.monotonic()
            if left < SLOWER * longest:
                return None
            what = f"again, {changes[0].says}" if changes else "again, another seed"
            same = first if not seed and all(cure.do in EARLY for cure in changes) else ()
            other = run(changes, seed, report.steps, left, what, same)
            longest = max(longest, other.seconds)
            ended = base if other.ending.kind == "same" else figures_of(other)
            known[key] = ended if other.report.steps else None
        return known[key]

    return diagnose(report, lambda asked: [again(*each) for each in asked], seeds=seeds), outcome


def figures_of(outcome: Outcome) -> Figures:
    """What a run came to, in figures that runs with other changes can be compared with."""
    history = outcome.report.history
    loss, guess = _number(history.get("loss")), _number(history.get("guess"))
    skill = -math.inf if not math.isfinite(loss) else 1 - loss / guess if guess > 0 else -loss
    kind = str(history.get("outcome", "")) or ("early" if history.get("early") else "")
    if not kind and guess > 0 and skill < 0:
        kind = "worse-than-guess"
    if outcome.ending.kind not in {"finished", "enough", "time", "exit"}:
        kind = kind or "not-finite"
    held = [each for each in outcome.evaluations if not each.familiar]
    right = [each.accuracy for each in held if math.isfinite(each.accuracy)]
    losses = [each.loss for each in held if math.isfinite(each.loss)]
    if right:
        return Figures(kind, skill, right[-1], "accuracy")
    return Figures(kind, skill, -losses[-1], "loss") if losses else Figures(kind, skill)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
