"""From a record to a report: let the rules look, keep what is confirmed, and fold consequences under causes."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from . import checks
from ._finding import Finding
from ._report import Report
from .causes import fold
from .evidence.gate import outcome
from .recording.record import NotCheckedError, Record
from .recording.recorder import Recorder

CONFIRMED = 3
"""Backward passes that must show what a scene shows, or all that were looked at where those are fewer."""


def rule_of(check: Callable[..., Any]) -> str:
    """The id of a check: its name in kebab case."""
    return check.__name__.replace("_", "-")


def examine(recorder: Recorder, *, only: Collection[str] = ()) -> Report:
    """Say what was found in a run so far.

    Args:
        recorder: of the run; left as it is, so that the run can go on.
        only: ids of rules that are asked; none: all.

    Returns:
        The report; symptoms are in it only where the outcome of the run is bad.
    """
    record = recorder.record
    gate = outcome(record)
    found = [
        finding
        for key, finding in recorder.findings.items()
        if record.count[key] >= min(CONFIRMED, record.looked) and (not only or finding.rule in only)
    ]
    checked = [rule_of(check) for check in checks.OF_A_SCENE] if record.looked else []
    because = dict(record.notes)
    if not record.looked:
        because |= {rule_of(check): "no backward pass was seen" for check in checks.OF_A_SCENE}
    asked: tuple[Callable[[Record], Any], ...] = checks.OF_A_RECORD
    for check in asked + (checks.OF_A_BAD_OUTCOME if gate.open else ()):
        if only and rule_of(check) not in only:
            continue
        with asleep(recorder):
            findings, reason = _asked(check, record)
        found += findings
        if reason:
            because[rule_of(check)] = reason
        else:
            checked.append(rule_of(check))
    if not gate.open:
        reason = (
            "too few steps to judge the outcome" if gate.early else "the run learns: symptoms are not causes"
        )
        because |= {rule_of(check): reason for check in checks.OF_A_BAD_OUTCOME}
    if only:
        every: tuple[Callable[..., Any], ...] = (*checks.OF_A_SCENE, *asked, *checks.OF_A_BAD_OUTCOME)
        rest = {rule_of(check) for check in every} - set(only)
        because |= dict.fromkeys(sorted(rest), "it was not asked for")
    share = record.spent / record.seconds if record.seconds else 0.0
    return Report(
        fold(_once(found)), tuple(r for r in checked if r not in because), because, (), record.steps, share,
        {"gate": gate.why, "outcome": gate.kind, "loss": gate.loss, "guess": gate.guess, "early": gate.early},
    )  # fmt: skip


def speaking(record: Record, rules: Collection[str]) -> list[Finding]:
    """Ask some rules alone.

    Args:
        record: of a run, or of its beginning.
        rules: ids of rules that look at a record.

    Returns:
        What they find; a symptom only where the outcome is bad.
    """
    asked: tuple[Callable[[Record], Any], ...] = checks.OF_A_RECORD
    if any(rule_of(check) in rules for check in checks.OF_A_BAD_OUTCOME) and outcome(record).open:
        asked += checks.OF_A_BAD_OUTCOME
    return [finding for check in asked if rule_of(check) in rules for finding in _asked(check, record)[0]]


@contextmanager
def asleep(recorder: Recorder) -> Iterator[None]:
    """Let a recorder see nothing while the block runs: a copy of the model may run, which is no pass of the run."""
    before, recorder.busy = recorder.busy, True
    try:
        yield
    finally:
        recorder.busy = before


def _asked(check: Callable[[Record], Iterable[Finding]], record: Record) -> tuple[list[Finding], str]:
    """What a rule finds, or because of what it did not look; a failure of its own is a because too."""
    try:
        return list(check(record)), ""
    except NotCheckedError as reason:
        return [], str(reason)
    except Exception as error:  # the doctor never ends a user's run
        return [], f"it failed inside the doctor ({type(error).__name__}: {error})"


def _once(found: Iterable[Finding]) -> list[Finding]:
    """One finding a rule and place."""
    seen: dict[tuple[str, str], Finding] = {}
    for finding in found:
        seen.setdefault((finding.rule, finding.where), replace(finding))
    return list(seen.values())
