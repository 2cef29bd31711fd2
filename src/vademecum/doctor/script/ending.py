"""Say how a script ended, in the user's own lines."""

import linecache
import os
import traceback
from collections.abc import Iterable
from types import FrameType

from vademecum._torch.graph import is_installed

from .outcome import Ending


def ending_of(error: BaseException) -> Ending:
    """How an exception ended a script.

    Args:
        error: that came out of it.

    Returns:
        The ending, with the user's lines alone.
    """
    lines = _own(traceback.extract_tb(error.__traceback__))
    file, line = (lines[-1].filename, lines[-1].lineno or 0) if lines else ("", 0)
    stack = tuple(text.rstrip("\n") for text in traceback.format_list(lines))
    name, text = type(error).__name__, str(error)
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        return Ending(
            "exit", "" if isinstance(error.code, int | None) else text, name, code, stack, file, line
        )
    if isinstance(error, KeyboardInterrupt):
        return Ending("interrupted", "by Ctrl-C", name, 130, stack, file, line)
    return Ending("failed", text, name, 1, stack, file, line)


def hanging(frame: FrameType | None) -> Ending:
    """Where a script stands that goes no further.

    Args:
        frame: the innermost of its main thread.

    Returns:
        The ending.
    """
    summary = traceback.extract_stack(frame)
    lines = _own(summary)
    file, line = (lines[-1].filename, lines[-1].lineno or 0) if lines else ("", 0)
    stack = tuple(text.rstrip("\n") for text in traceback.format_list(lines))
    inside = f", inside {summary[-1].name}" if summary and lines and summary[-1] is not lines[-1] else ""
    text = f"at {os.path.basename(file)}:{line}{inside}" if line else "before its first line"
    return Ending("hung", text, "", 0, stack, file, line)


def from_dump(dump: str) -> Ending:
    """Where a script stands, from what `faulthandler` wrote.

    Args:
        dump: its text, innermost line first; the main thread last.

    Returns:
        The ending.
    """
    lines = [
        line.strip()
        for line in dump.rpartition("hread 0x")[2].splitlines()
        if line.strip().startswith("File")
    ]
    for text in lines:
        _, file, rest = text.split('"', 2)
        if not is_installed(file):
            line = int(rest.split("line ")[1].split()[0])
            source = linecache.getline(file, line).strip()
            shown = f'  File "{file}", line {line}' + (f"\n    {source}" if source else "")
            return Ending("hung", f"at {os.path.basename(file)}:{line}", "", 0, (shown,), file, line)
    return Ending("hung", "before its first line")


def _own(frames: Iterable[traceback.FrameSummary]) -> traceback.StackSummary:
    """The frames in files of the user's."""
    return traceback.StackSummary.from_list([f for f in frames if not is_installed(f.filename)])
