"""Which line of the user's code is running."""

import sys

from vademecum._torch.graph import is_installed

from .record import Site


def caller() -> Site:
    """The innermost line of the running stack that is the user's own."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_installed(file):
            return Site(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return Site()
