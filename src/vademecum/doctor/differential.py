"""Causes by intervention: rerun with one thing changed, and see what lets the run learn."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from ._finding import Finding, Proof
from ._report import Report
from .causes import RANK
from .cures import Cure
from .cures.table import SEARCHED, cures

GAIN = 0.1
"""What a cure must add: to the part of a guess's loss that is gone, or to the held-out accuracy."""

SOME = 0.02
"""The same where the change is what opens the way from a bad outcome to a good one."""

NEAR = 0.3
"""Of the best cure's skill: what falls short of it by more is no cure, but makes the best of a fault."""

FAILED = frozenset({"not-finite", "diverging", "constant", "worse-than-guess"})
"""Outcomes that no cure can have."""

LEVEL = 0.9
"""Of the interval of a proof."""


@dataclass(frozen=True)
class Figures:
    """What a rerun came to.

    Attributes:
        outcome: kind of the outcome gate, "" where the run learned, "early" where it was too short to tell,
            "worse-than-guess" where it improves, from so far off that a constant guess is still better.
        skill: part of a constant guess's loss that is gone at the end of the training seen, 1 at most; minus the loss
            where no guess is known; -inf where it is not finite.
        held_out: what was seen without gradients at the end: accuracy, or minus the loss; nan where nothing was.
        measure: name of the held-out figure, "accuracy" or "loss".
    """

    outcome: str
    skill: float
    held_out: float = math.nan
    measure: str = ""


Asked = tuple[tuple[Cure, ...], int]
"""(changes, seed) of a run."""

Rerun = Callable[[Sequence[Asked]], Sequence[Figures | None]]
"""What each run came to; None for one that could not be made, or for which there was no time left."""

Trial = tuple[Finding, Cure, Figures | None]


def diagnose(report: Report, rerun: Rerun, *, seeds: int = 3) -> Report:
    """Try the cures of a report's findings, and where the run does not learn those of the likeliest causes.

    A finding whose cure lets the run learn is proven: it is an error, with the proof beside it. A symptom whose cure
    does nothing, while another's helps, is folded beneath that. Where nothing that was found helps, the cures of other
    causes are tried, and one that helps is a finding; where none does, it is doubted that inputs and targets belong
    together. It is no finding above a symptom whose own cure could not be tried. No search is made where a backward
    pass of the user's own stands between loss and weights: that the loss does not fall may be meant.

    Args:
        report: of the run as it is.
        rerun: makes runs again.
        seeds: pairs of runs behind a proof.

    Returns:
        The report with proofs.
    """
    [base] = rerun([((), 0)])
    if base is None:
        return report
    loud = [finding for finding in report.findings if finding.severity in {"warning", "error"}]
    tried = _try(_of(loud), rerun)
    proven = _best(tried, base)
    stuck = base.outcome in {"not-learning", "constant", "diverging", "not-finite"}
    meant = bool(report.history.get("own_backward"))
    if not proven and stuck and not meant and not any(f.severity == "error" for f in loud):
        asked = [change for _, change, _ in tried]
        others = [(f, c) for f, c in _of(_suspects(loud)) if c not in asked]
        more = _try(others, rerun)
        proven = _best([each for each in more if not _worse(base, each[2])], base)[:1]
        tried += more
        if not loud and not proven and base.outcome == "not-learning":
            report = _by_elimination(report, tried)
    proofs: dict[str, tuple[Finding, Cure, Proof | None]] = {}
    for finding, change in proven:
        if finding.rule not in proofs:
            proofs[finding.rule] = (finding, change, _proof(change, rerun, seeds))
    tested = {f.rule for f, _, after in tried if after not in {None, base} and after.outcome != "not-finite"}
    untested = {f.rule for f in loud if cures(f)} - tested
    return _with_proofs(report, proofs, untested)


def _of(findings: Iterable[Finding]) -> list[tuple[Finding, Cure]]:
    """Each finding with each of its cures."""
    return [(finding, change) for finding in findings for change in cures(finding)]


def _try(pairs: Sequence[tuple[Finding, Cure]], rerun: Rerun) -> list[Trial]:
    """Rerun with each change."""
    figures = rerun([((change,), 0) for _, change in pairs])
    return [(finding, change, f) for (finding, change), f in zip(pairs, figures)]


def _best(tried: Sequence[Trial], base: Figures) -> list[tuple[Finding, Cure]]:
    """The changes that help, without those that help far less than the best."""
    helped = [(finding, change, f) for finding, change, f in tried if f is not None and helps(base, f)]
    best = max((f.skill for _, _, f in helped), default=0.0)
    order = list(dict.fromkeys(finding.rule for finding, _, _ in helped))
    # of the changes of one rule, those that also help on held-out data go first
    helped.sort(key=lambda each: (order.index(each[0].rule), _worse(base, each[2])))
    return [(finding, change) for finding, change, f in helped if f.skill >= best - NEAR * abs(best)]


def _worse(before: Figures, after: Figures | None) -> bool:
    """Whether a run is no better on held-out data, where that is known: no cure then, of what nothing else tells."""
    return after is not None and before.measure == after.measure != "" and after.held_out <= before.held_out


def helps(before: Figures, after: Figures) -> bool:
    """Whether a change lets a run learn that did not, or learn clearly more.

    Args:
        before: the run as it is.
        after: the run with the change.

    Returns:
        Whether it is better by more than noise.

    Example:
        >>> helps(Figures("not-learning", 0.02), Figures("", 0.6)), helps(Figures("", 0.90), Figures("", 0.93))
        (True, False)
    """
    if not math.isfinite(after.skill) or after.outcome in FAILED:
        return False
    if not math.isfinite(before.skill):
        return after.outcome == ""
    if before.outcome and not after.outcome:
        return after.skill > before.skill + SOME
    gain = after.skill - before.skill
    if after.measure == before.measure == "accuracy" and math.isfinite(after.held_out - before.held_out):
        gain = max(gain, after.held_out - before.held_out) if gain > -GAIN else gain
    return gain > GAIN


def _suspects(loud: Sequence[Finding]) -> list[Finding]:
    """Findings of causes that nothing has told of, to be tried."""
    told = {finding.rule for finding in loud}
    return [Finding(rule, "error", "", symptom=True, cure="") for rule in SEARCHED if rule not in told]


def _proof(change: Cure, rerun: Rerun, seeds: int) -> Proof | None:
    """The same run with and without a change, over seeds."""
    figures = rerun([(changes, seed) for seed in range(seeds) for changes in ((), (change,))])
    pairs = [(a, b) for a, b in zip(figures[::2], figures[1::2]) if a is not None and b is not None]
    if not pairs:
        return None
    held = all(a.measure and a.measure == b.measure and math.isfinite(a.held_out) for a, b in pairs)
    name = f"held-out {pairs[0][0].measure}" if held else "part of a guess's loss that is gone"
    sign = "minus the " if held and pairs[0][0].measure == "loss" else ""
    before = tuple(a.held_out if held else _bounded(a.skill) for a, _ in pairs)
    after = tuple(b.held_out if held else _bounded(b.skill) for _, b in pairs)
    low, high = interval([b - a for a, b in zip(before, after)])
    return Proof(f"{sign}{name}", before, after, low, high, LEVEL, change.says)


def _bounded(skill: float) -> float:
    """A run that blows up is worse than a guess; by how much says nothing."""
    return max(skill, -1.0) if not math.isnan(skill) else -1.0


def interval(differences: Sequence[float], *, level: float = LEVEL) -> tuple[float, float]:
    """Student's interval of the mean of paired differences.

    Args:
        differences: one a seed.
        level: of confidence.

    Returns:
        Its lower and its upper end; both nan for fewer than two differences, or where one is not finite.

    Example:
        >>> low, high = interval([0.4, 0.5, 0.6])
        >>> round(low, 3), round(high, 3)
        (0.331, 0.669)
    """
    if len(differences) < 2 or not all(math.isfinite(d) for d in differences):
        return math.nan, math.nan
    from scipy.stats import t

    count = len(differences)
    mean = sum(differences) / count
    spread = math.sqrt(sum((d - mean) ** 2 for d in differences) / (count - 1) / count)
    half = float(t.ppf(0.5 + level / 2, count - 1)) * spread
    return mean - half, mean + half


def _by_elimination(report: Report, tried: Sequence[Trial]) -> Report:
    """Where no change of the training lets it learn, the question about its data is no note any more."""
    if any(figures is None for *_, figures in tried):  # there was no time to try all
        return report
    more = f" Of {len(tried)} changes of the training that were tried, none lets it learn."
    findings = [
        replace(f, severity="warning", message=f.message + more, evidence={**f.evidence, "tried": len(tried)})
        if f.rule == "labels-mismatched" else f
        for f in report.findings
    ]  # fmt: skip
    return replace(report, findings=tuple(sorted(findings, key=lambda f: RANK[f.severity])))


def _with_proofs(
    report: Report, proofs: dict[str, tuple[Finding, Cure, Proof | None]], untested: Collection[str]
) -> Report:
    """Put the proofs to their findings, proven ones first, and symptoms whose cures did not help beneath."""
    if not proofs:
        return report
    told, under = [], []
    for finding in report.findings:
        if finding.rule in proofs:
            told.append(replace(finding, severity="error", proof=proofs[finding.rule][2]))
        elif finding.symptom and finding.severity == "warning" and finding.rule not in untested:
            under.append(finding)
        else:
            told.append(finding)
    searched = proofs.keys() - {finding.rule for finding in report.findings}
    for rule in searched:
        found = _by_intervention(*proofs[rule])
        told.append(replace(found, severity="warning") if untested else found)
    told.sort(key=lambda f: (RANK[f.severity], f.rule in searched if untested else f.proof is None))
    told[0] = replace(told[0], folded=(*told[0].folded, *under))
    return replace(report, findings=tuple(told))


def _by_intervention(finding: Finding, change: Cure, proof: Proof | None) -> Finding:
    """A cause that shows by its cure alone."""
    evidence = {"before": proof.before[0], "after": proof.after[0]} if proof else {}
    return replace(
        finding,
        message=f"The run does not learn as it is, and it does {change.says}.",
        cure=f"Train {change.says}: that rerun learned.", evidence=evidence, proof=proof,
        disproof="The same change does not help over more steps or other seeds.",
    )  # fmt: skip
