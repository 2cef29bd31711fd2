"""What a run of a script came to."""

from dataclasses import dataclass

from .._report import Report

KINDS = ("finished", "enough", "time", "exit", "failed", "interrupted", "hung", "killed", "same")
"""How a run can end."""


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        kind: "finished"; "enough", after the steps that were wanted; "time", when its seconds were used up; "exit", by
            ``sys.exit``; "failed", by an exception; "interrupted", by Ctrl-C; "hung", where nothing happened any more;
            "killed", where the process died; "same", where it goes as another run did.
        text: the exception, or where it hung, or by what it died, in one line.
        error: name of the exception's type, or "".
        code: exit code of ``sys.exit``.
        stack: the user's lines, outermost first, as Python prints them.
        file: of the user's innermost line, or "".
        line: its number, 0 where it is not known.
    """

    kind: str
    text: str = ""
    error: str = ""
    code: int = 0
    stack: tuple[str, ...] = ()
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Evaluated:
    """Figures of a stretch of passes without gradients.

    Attributes:
        step: optimizer steps before it.
        loss: mean of its losses, nan where none was seen.
        accuracy: mean of its accuracies, nan where none was seen.
        calls: passes.
        familiar: whether its first batch is one that was trained on.
    """

    step: int
    loss: float
    accuracy: float
    calls: int
    familiar: bool


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        report: what the doctor says.
        ending: how it ended.
        losses: (optimizer steps before it, value) of every backward pass whose loss was read.
        evaluations: stretches of passes without gradients, in order.
        backwards: backward passes seen.
        seconds: that it took.
        output: the last of what it printed.
        notes: what was done differently for this run, or could not be seen.
        restored: files that it changed and that were put back.
        removed: files and folders that it made and that were taken away.
        problems: files that could not be put back, with the reason and the place of their copy.
    """

    report: Report
    ending: Ending
    losses: tuple[tuple[int, float], ...] = ()
    evaluations: tuple[Evaluated, ...] = ()
    backwards: int = 0
    seconds: float = 0.0
    output: str = ""
    notes: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
