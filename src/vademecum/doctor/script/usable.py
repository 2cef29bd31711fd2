"""Refuse a run that tells nothing, with the reason in one sentence."""

import os
import re

from vademecum._core.errors import InputError

from .._finding import Finding
from .outcome import Outcome

LINES = 12
"""Lines of output that are shown with a refusal."""


def require_training(outcome: Outcome, script: str) -> tuple[Finding, ...]:
    """Say whether a run can be judged, and what there is to say of how it ended.

    Args:
        outcome: of the run.
        script: its path, as the user gave it.

    Returns:
        What to add to the findings: a training that failed or hung is a finding.

    Raises:
        InputError: no training was seen, and nothing was found.
    """
    ending, name = outcome.ending, os.path.basename(script)
    seen = outcome.backwards > 0 or not outcome.report.healthy
    if ending.kind in {"finished", "enough", "time", "interrupted"} or (
        ending.kind == "exit" and not ending.code
    ):
        if seen:
            return ()
        raise InputError(_untrained(outcome, script))
    if seen:
        return () if _is_told(outcome) else (_ended(outcome, name),)
    raise InputError(_failed(outcome, script))


def _untrained(outcome: Outcome, script: str) -> str:
    ending = outcome.ending
    if ending.kind == "time":
        return (
            f"a training step must be seen: {script} made none within {outcome.seconds:.0f} s; give it more time with "
            "--seconds."
        )
    if ending.kind == "interrupted":
        return f"a training step must be seen: {script} was interrupted before its first one."
    how = "called sys.exit" if ending.kind == "exit" else "came to its end"
    more = " ".join(note for note in outcome.notes if "other programs" in note)
    return (
        f"a training loop must be seen: {script} {how} without a backward pass in this process; give the script that "
        f"trains, with the arguments that make it train.{' ' if more else ''}{more}{tail(outcome)}"
    )


def _failed(outcome: Outcome, script: str) -> str:
    ending = outcome.ending
    if ending.kind == "exit":
        usage = re.search(r"^usage: .*", outcome.output, re.MULTILINE | re.DOTALL)
        if ending.code == 2 and usage:
            return (
                f"the script must get the arguments that it needs: {script} refused its own; write them behind its "
                f"name.\n{_indented(usage[0])}"
            )
        said = f" ({ending.text})" if ending.text else ""
        return f"the script must train: {script} ended with exit code {ending.code}{said} before it did.{tail(outcome)}"
    if ending.kind == "hung":
        return (
            f"the script must come to its training: {script} was still {ending.text} after {outcome.seconds:.0f} s; "
            f"give it more time with --seconds, or see why it waits.{_stack(outcome)}"
        )
    if ending.kind == "killed":
        return f"the script must run: {script}: {ending.text}.{tail(outcome)}"
    advice = "run it by itself to see more"
    if ending.error == "EOFError":
        advice = "give what it asks for as arguments"
    elif ending.error in {"ModuleNotFoundError", "ImportError"}:
        advice = "install what it imports beside vademecum"
    return (
        f"the script must run: {script} failed before its first training step; {advice}."
        f"{_stack(outcome)}\n  {ending.error}: {ending.text}".rstrip(": ")
    )


def _is_told(outcome: Outcome) -> bool:
    """Whether a rule has said already what the exception at the script's last line means."""
    place = (outcome.ending.file, outcome.ending.line)
    return outcome.ending.kind == "failed" and any(
        finding.severity == "error" and (finding.file, finding.line) == place
        for finding in outcome.report.findings
    )


def _ended(outcome: Outcome, name: str) -> Finding:
    """A training that did not come to its end, as a finding."""
    ending, steps = outcome.ending, outcome.report.steps
    place = f"{name} " if not ending.line else f"{os.path.basename(ending.file)}:{ending.line} "
    if ending.kind == "hung":
        return Finding(
            "training-hangs", "error",
            f"After {steps} steps nothing happened any more: the script stood {ending.text}.",
            cure="See what it waits for there: a lock, a process, a socket, input.", file=ending.file, line=ending.line,
            step=steps, disproof="Given more time with --seconds, it goes on.",
        )  # fmt: skip
    said = f"{ending.error}: {ending.text}".rstrip(": ") if ending.kind == "failed" else ending.text
    if ending.kind == "exit":
        said = f"exit code {ending.code}" + (f" ({ending.text})" if ending.text else "")
    return Finding(
        "run-failed", "error", f"The training failed after {steps} steps: {place}ended it with {said}.",
        cure="Repair what its last line says." + _stack(outcome), file=ending.file, line=ending.line, step=steps,
        disproof="Run by itself, the script goes on past this step.",
    )  # fmt: skip


def tail(outcome: Outcome) -> str:
    """The last lines that a script printed, set in, or "" where it printed none."""
    lines = [line for line in outcome.output.splitlines() if line.strip()][-LINES:]
    return "\n" + _indented("It printed at last:\n" + "\n".join(lines)) if lines else ""


def _stack(outcome: Outcome) -> str:
    return "".join("\n" + entry for entry in outcome.ending.stack)


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.rstrip().splitlines())
