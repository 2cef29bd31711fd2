"""Handle an event of the user's run so that the run knows nothing of it."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

import torch

from .schedule import Schedule


class Handler(Protocol):
    """Who handles events."""

    busy: bool
    alive: bool
    grad: bool
    schedule: Schedule

    def failed(self, part: str, error: BaseException) -> None:
        """Take a failure of the doctor's own."""


def quiet(method: Callable[..., None]) -> Callable[..., None]:
    """Keep an event's handling from reaching the user's run: no gradient, no error, its time counted."""
    clock, name = time.perf_counter, method.__name__

    @wraps(method)
    def handled(self: Handler, *args: Any) -> None:
        if self.busy or not self.alive:
            return
        begun, schedule = clock(), self.schedule
        self.busy = True
        self.grad = torch.is_grad_enabled()  # it is off in inference mode, too
        try:
            if schedule.looking and self.grad:
                with torch.no_grad():
                    method(self, *args)
            else:  # what else computes with tensors sees to it itself: this is called at each step
                method(self, *args)
        except Exception as error:  # the doctor never ends a user's run
            self.failed(name, error)
        finally:
            self.busy = False
            schedule.spent += clock() - begun

    return handled
