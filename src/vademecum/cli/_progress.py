"""One line that says how far a run is, on a terminal; nothing elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PAUSE = 0.2
"""Seconds between two looks of the line."""


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, float], None] | None]:
    """Show a line on standard error while the block runs, where that is a terminal.

    Args:
        what: is done.

    Yields:
        A function of the steps and the seconds so far; None where nobody would see the line.
    """
    if not sys.stderr.isatty():
        yield None
        return
    last = 0.0

    def tell(steps: int, seconds: float) -> None:
        nonlocal last
        if time.monotonic() - last > PAUSE:
            last = time.monotonic()
            sys.stderr.write(f"\r\x1b[K{what}: step {steps}, {seconds:.0f} s")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
