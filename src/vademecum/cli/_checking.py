"""What ``vade check`` does once it knows what is wanted."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vademecum._core.errors import InputError, UnknownNameError
from vademecum._core.rules import all_rules

from ._say import bold, say, shorten

if TYPE_CHECKING:
    from vademecum.doctor import Report
    from vademecum.doctor.script import Outcome

FORMATS = ("text", "json", "sarif", "github")

ENDINGS = {
    "finished": "it came to its end", "enough": "stopped there", "time": "its time was up",
    "exit": "it called sys.exit", "failed": "it failed", "interrupted": "interrupted", "hung": "it hung",
    "killed": "its process died",
}  # fmt: skip

OF_A_RUN = ("run-failed", "training-hangs", "unclear-ignore")
"""Rules that are no files of their own: how a run ended, and a comment that silences nothing."""


@dataclass(frozen=True)
class Wishes:
    """How the user wants it said.

    Attributes:
        format: one of `FORMATS`.
        output: file to say it into, or None.
        only: rules that are told; all where there is none.
        ignore: "RULE=REASON" texts.
        baseline: file of what is known, or None.
        write_baseline: file to write what is found to, or None.
        verbose: whether notes, evidence and what was not checked are told.
        page: file to write a page into, or None.
    """

    format: str = "text"
    output: Path | None = None
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    baseline: Path | None = None
    write_baseline: Path | None = None
    verbose: bool = False
    page: Path | None = None


def of_script(
    what: str,
    args: Sequence[str],
    steps: int | None,
    seconds: float,
    show: bool,
    *,
    seeds: int = 3,
    reruns: bool = True,
    experiments: bool = True,
) -> "tuple[Report, Outcome]":
    """Run a script, or what a function builds, and say what the doctor found."""
    from vademecum.doctor.checkup import check_up

    from ._progress import progress

    file, colon, name = what.rpartition(":")
    function = colon and name.isidentifier() and not os.path.exists(what)
    if function and args:
        raise InputError(
            f"a function takes no arguments: {' '.join(args)} came behind {what}; leave them out."
        )
    with progress(f"checking {what}") as tell:
        report, outcome = check_up(
            file if function else what, args, function=name if function else "", steps=steps, seconds=seconds,
            seeds=seeds, reruns=reruns, experiments=experiments, show=show,
            progress=None if tell is None else (lambda what, done, passed: tell(done, passed)),
        )  # fmt: skip
    for problem in outcome.problems:
        print(f"vade: {problem}", file=sys.stderr)  # noqa: T201
    return report, outcome


def of_texts(files: Sequence[str]) -> "Report":
    """Read files and run nothing."""
    from vademecum.doctor import Report
    from vademecum.doctor.causes import fold
    from vademecum.doctor.static import STATIC_RULES, static

    return Report(fold(static(*files)), STATIC_RULES)


def saved(path: Path) -> "Report":
    """Read a report that was saved before."""
    from vademecum.doctor.formats import from_json

    if not path.is_file():
        raise InputError(f"the report must be a file that exists: {str(path)!r} is none; check the path.")
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"a saved report must be JSON: {path}: {error}; write one with --format json --output {path}."
        ) from None


def tell(report: "Report", outcome: "Outcome | None" = None, *, wishes: Wishes) -> bool:
    """Say a report as it is wanted.

    Args:
        report: of a run, of texts, or saved.
        outcome: of the run, where there was one.
        wishes: of the user.

    Returns:
        Whether the exit code is 0.
    """
    report = _wanted(report, wishes)
    if wishes.write_baseline is not None:
        from vademecum.doctor.silence import write_baseline

        _writable(wishes.write_baseline)
        write_baseline(report, wishes.write_baseline)
    if wishes.page is not None:
        from vademecum.lab.findings_page import findings_page

        _write(wishes.page, findings_page(report, title="findings"))
    text = _text(report, outcome, wishes)
    if wishes.output is not None:
        _write(wishes.output, text)
    elif text:
        say(text)
    if wishes.write_baseline is not None:
        print(f"wrote {len(report.findings)} to {shorten(wishes.write_baseline)}", file=sys.stderr)  # noqa: T201
        return True
    return report.healthy


def _wanted(report: "Report", wishes: Wishes) -> "Report":
    """Without what the user does not want told."""
    from vademecum.doctor._finding import every
    from vademecum.doctor.silence import apply, read_baseline, read_ignores
    from vademecum.doctor.static import STATIC_RULES

    rules = {*all_rules(), *STATIC_RULES, *OF_A_RUN, *report.checked}
    for name in wishes.only:
        if name not in rules:
            raise UnknownNameError("rule", name, rules)
    ignore = read_ignores(Path("pyproject.toml"))
    for text in wishes.ignore:
        name, equals, reason = text.partition("=")
        if not equals:
            raise InputError(f"--ignore takes RULE=REASON: {text!r} came; say why it is right here.")
        ignore[name] = reason
    known = read_baseline(wishes.baseline) if wishes.baseline is not None else None
    report = apply(report, ignore, known, rules=rules)
    if wishes.only:
        told = every(report.findings)
        report = replace(report, findings=tuple(each for each in told if each.rule in wishes.only))
    return report


def _text(report: "Report", outcome: "Outcome | None", wishes: Wishes) -> str:
    from vademecum.doctor.formats import as_github, as_json, as_sarif, as_text

    if wishes.format == "json":
        value = as_json(report)
        if outcome is not None:
            value["run"] = _run(outcome)
        return json.dumps(value, indent=2, ensure_ascii=False)
    if wishes.format == "sarif":
        helps = {rule.name: f"{rule.title}: {rule.gist}" for rule in all_rules().values()}
        return json.dumps(as_sarif(report, helps=helps), indent=2, ensure_ascii=False)
    if wishes.format == "github":
        return as_github(report)
    color = wishes.output is None and sys.stdout.isatty()
    lines = [as_text(report, verbose=wishes.verbose, color=color)]
    if outcome is not None:
        lines += _around(outcome)
    return "\n".join(lines)


def _around(outcome: "Outcome") -> list[str]:
    """What is to be known of a run beside its findings."""
    lines = [f"{outcome.report.steps} steps in {outcome.seconds:.1f} s; {ENDINGS[outcome.ending.kind]}."]
    lines += outcome.notes
    if outcome.restored:
        lines.append(f"Put back as before: {_some(outcome.restored)}.")
    if outcome.removed:
        lines.append(f"New, and taken away again: {_some(outcome.removed)}.")
    return lines


def _some(paths: Sequence[str], most: int = 5) -> str:
    named = ", ".join(shorten(Path(path)) for path in paths[:most])
    return named + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _run(outcome: "Outcome") -> Mapping[str, Any]:
    """The run itself, for programs."""
    return {
        "ending": outcome.ending.kind, "text": outcome.ending.text, "seconds": outcome.seconds,
        "notes": list(outcome.notes), "restored": list(outcome.restored), "removed": list(outcome.removed),
        "evaluations": [
            {"step": each.step, "loss": _number(each.loss), "accuracy": _number(each.accuracy)}
            for each in outcome.evaluations
        ],
    }  # fmt: skip


def _number(value: float) -> float | None:
    return value if value == value and abs(value) != float("inf") else None


def _writable(path: Path) -> None:
    if not path.parent.is_dir():
        raise InputError(
            f"the folder of a file to write must exist: {str(path.parent)!r} does not; make it first."
        )


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    _writable(path)
    part = path.with_name(path.name + ".partial")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def list_patients(wishes: Wishes) -> None:
    """List the rules that have a patient."""
    found = [rule for rule in all_rules().values() if rule.patient is not None]
    if wishes.format == "json":
        say(json.dumps([{"rule": rule.name, "title": rule.title} for rule in found], indent=2))
        return
    width = max(len(rule.name) for rule in found)
    for rule in found:
        say(f"{rule.name:<{width}}  {rule.title}: {rule.gist}")
    say()
    say("`vade check --patient RULE` shows and cures one.")


def demonstrated(name: str, wishes: Wishes, seconds: float) -> None:
    """Show a patient: what the doctor says of it, and what the cure is worth."""
    if name:
        have = [rule.name for rule in all_rules().values() if rule.patient is not None]
        if name not in have:
            raise UnknownNameError("patient", name, have)
    from vademecum.doctor.script.demonstrate import DEFAULT, demonstrate

    from ._progress import progress

    with progress("running the script with its faults, then without") as tell_:
        shown = demonstrate(name or DEFAULT, seconds=seconds, progress=tell_)
    if wishes.format != "text":
        tell(shown.before.report, shown.before, wishes=wishes)
        return
    what = f"the patient of {name}" if name else "an ordinary script with three faults"
    say(bold(f"{what[0].upper()}{what[1:]}, as it is"))
    tell(shown.before.report, wishes=wishes)
    say()
    say(bold("The same script, cured"))
    say("\n".join(f"  {line}" for line in shown.diff.splitlines()))
    tell(shown.after.report, wishes=wishes)
    if shown.measure:
        say(bold(f"{shown.measure}: {shown.figures[0]:.3f} before, {shown.figures[1]:.3f} after"))
    if not name:
        say("Your own: `vade check train.py`. Why a rule holds: `vade why RULE`.")
