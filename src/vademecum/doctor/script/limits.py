"""When a run has been watched for long enough."""

import os
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch

from ..recorder import Recorder

STEPS, MOST = 200, 1000
"""Optimizer steps that are watched; where they are no two epochs, up to two, but so many at most."""

PLACES = 3
"""Steps at the start for which torch keeps the lines of the user's code."""

STUBBORN = 3
"""Times that a script may swallow the end before it is ended from outside."""


class Enough(BaseException):
    """What was wanted has been seen; no error, so that no ``except Exception`` keeps it."""


class Limits:
    """Ends a run from inside its events.

    Args:
        recorder: whose events are looked at.
        steps: optimizer steps; None for two epochs, `STEPS` at least and `MOST` at most.
        seconds: for the run.
        end: called where the script goes on in spite of all.
        progress: called with the number of steps.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        steps: int | None,
        seconds: float,
        end: Callable[[], None],
        progress: Callable[[int], None],
    ):
        self._recorder, self._steps, self._end, self._progress = recorder, steps, end, progress
        self._deadline = time.monotonic() + seconds
        self._process = os.getpid()
        self._raised = 0
        self.reason = ""

    @property
    def left(self) -> float:
        """Seconds of the run that are left."""
        return self._deadline - time.monotonic()

    def attach(self) -> None:
        """Look before each forward pass, backward pass and step."""
        for name in ("forward_begins", "backward_begins", "step_begins"):
            setattr(self._recorder, name, self._before(getattr(self._recorder, name), name))

    def _before(self, event: Callable[..., None], name: str) -> Callable[..., None]:
        @wraps(event)
        def looked(*args: Any) -> None:
            if not self._recorder.busy and os.getpid() == self._process:
                self._look(name)
            event(*args)

        return looked

    def _look(self, name: str) -> None:
        steps = self._recorder.record.steps
        if steps >= PLACES and torch.is_anomaly_enabled() and not torch.is_anomaly_check_nan_enabled():
            torch.autograd.set_detect_anomaly(False)
        self._progress(steps)
        if time.monotonic() > self._deadline:
            self.reason = self.reason or "time"
        elif name == "backward_begins" and self._recorder.record.backwards and self._enough(steps):
            self.reason = (
                self.reason or "enough"
            )  # not before: what is evaluated after the last step belongs to it
        if not self.reason:
            return
        self._raised += 1
        if self._raised > STUBBORN or threading.current_thread() is not threading.main_thread():
            self._end()
        raise Enough

    def _enough(self, steps: int) -> bool:
        if self._steps is not None:
            return steps >= self._steps
        if steps < STEPS:
            return False
        epoch = self._recorder.record.epoch
        passes = 2 * epoch * max(1, steps) / max(1, self._recorder.record.backwards)
        if not epoch:  # no batch has come back yet: two epochs may still fit
            return steps >= MOST // 2
        return passes > MOST or steps >= passes
