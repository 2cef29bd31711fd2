"""Which line of the user's code is running."""

import sys

from vademecum._torch.graph import is_installed

from .record import Record, Site

LINES = 64
"""Lines of backward passes that are kept apart."""


def caller() -> Site:
    """The innermost line of the running stack that is the user's own."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_installed(file):
            return Site(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return Site()


def line(record: Record) -> int:
    """The place among the record's lines of the user's line that is running; a new one is put last."""
    site, lines = caller(), record.lines
    if site not in lines and len(lines) < LINES:
        lines.append(site)
    return lines.index(site) if site in lines else 0
