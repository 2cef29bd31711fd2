"""When a run has been watched for long enough."""

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import torch

from ..recording.figures import Seen
from ..recording.recorder import Recorder

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
        same: losses of another run; where the first of this one are the same bit for bit, it is not gone on with.
        end: called where the script goes on in spite of all.
        progress: called with the number of steps.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        steps: int | None,
        seconds: float,
        same: Sequence[float] = (),
        end: Callable[[], None],
        progress: Callable[[int], None],
    ):
        self._recorder, self._steps, self._end, self._progress = recorder, steps, end, progress
        self._deadline = time.monotonic() + seconds
        self._same = [float(loss) for loss in same]
        self._process = os.getpid()
        self._raised = 0
        self._epoch = Epoch()
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
        if not torch.is_anomaly_check_nan_enabled() or not torch.is_anomaly_enabled():  # else the user's own
            torch.autograd.set_detect_anomaly(steps < PLACES, check_nan=False)
        self._progress(steps)
        if time.monotonic() > self._deadline:
            self.reason = self.reason or "time"
        elif name == "backward_begins" and self._same and self._is_same():
            self.reason = self.reason or "same"
        elif name == "backward_begins" and self._recorder.record.backwards and self._enough(steps):
            # not at the last step itself: what is evaluated after it belongs to it
            self.reason = self.reason or "enough"
        if not self.reason:
            return
        self._raised += 1
        if self._raised > STUBBORN or threading.current_thread() is not threading.main_thread():
            self._end()
        raise Enough

    def _is_same(self) -> bool:
        """Whether all the losses that are to be compared have come, and are equal; nan is equal to nan."""
        losses = [value for _, value in self._recorder.record.losses]
        if len(losses) < len(self._same):
            return False
        equal = all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(losses, self._same))
        self._same = []
        return equal

    def _enough(self, steps: int) -> bool:
        if self._steps is not None:
            return steps >= self._steps
        if steps < STEPS:
            return False
        record = self._recorder.record
        epoch = self._epoch.length(record.train)
        if not epoch:  # no example has come back yet: two epochs may still fit
            return steps >= MOST // 2
        wanted = 2 * epoch * steps / record.backwards
        return wanted > MOST or steps >= wanted


class Epoch:
    """Finds the number of batches of an epoch: the first batch of the next one has examples that are known.

    Example:
        >>> from vademecum.doctor.recording.figures import Batch
        >>> seen, epoch = Seen(), Epoch()
        >>> for rows in ([1.0, 2.0], [3.0, 4.0], [2.0, 3.0]):
        ...     seen.batches.append(Batch(0, torch.empty(2, 0), None, torch.tensor(rows), (2, 0)))
        >>> epoch.length(seen)
        2
    """

    def __init__(self) -> None:
        self._rows: set[float] = set()
        self._looked = self._found = 0

    def length(self, seen: Seen) -> int:
        """Say how many batches an epoch has.

        Args:
            seen: the training data so far.

        Returns:
            The number, 0 as long as nothing has come back.
        """
        while not self._found and self._looked < len(seen.batches):
            rows = seen.batches[self._looked].rows.tolist()
            known = sum(row in self._rows for row in rows)
            if known > len(rows) / 2:  # some data hold an example twice
                self._found = self._looked
            self._rows.update(rows)
            self._looked += 1
        return self._found
