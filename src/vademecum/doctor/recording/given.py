"""What the doctor makes of a loss function and of loaders that it is given."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.copies import bare_copy
from vademecum._torch.trace import tensors

from ..script.plain_loop import loss_of
from . import sketches
from .figures import Seen
from .loaders import batches, inputs_and_target
from .record import Call, Record, Site
from .recorder import Recorder

BATCHES = 16
"""Batches of a validation loader by which a loss is measured; always the first ones."""

FIRST = 64
"""Steps after which it is measured first; then at powers of two, where the budget allows."""

SECONDS = 2.0
"""Reading a loader for its rows ends after so long, or after the budget's share of the run where that is more."""

NAME = "doctor/val_loss"
"""Under which the measured validation loss stands in the record's metrics."""


@contextmanager
def listening(recorder: Recorder, loss_fn: Any) -> Iterator[None]:
    """Learn the targets, and the losses of evaluations, from a loss that is a module.

    Args:
        recorder: told of them.
        loss_fn: of the loop; a plain function cannot be listened to.

    Yields:
        Nothing; the hook is gone when the block ends.
    """
    if not isinstance(loss_fn, nn.Module):
        yield
        return

    def heard(module: nn.Module, args: tuple[Any, ...], loss: Any) -> None:
        if recorder.busy or torch.compiler.is_compiling() or len(args) < 2 or not isinstance(args[1], Tensor):
            return
        if torch.is_grad_enabled():
            recorder.target = args[1].detach()
        elif isinstance(loss, Tensor) and loss.numel() == 1:
            recorder.evaluated_loss(float(loss))
            recorder.evaluated_target(args[1])

    handle = loss_fn.register_forward_hook(heard)
    try:
        yield
    finally:
        handle.remove()


class Given:
    """The loss function and the loaders of a watched run, and when they are used.

    Args:
        recorder: of the run.
        loss_fn: (output, targets) -> loss, or None.
        train: batches of training data, or None.
        val: batches of validation data, or None.
    """

    def __init__(
        self, recorder: Recorder, loss_fn: Callable[..., Tensor] | None, train: Any = None, val: Any = None
    ):
        self._recorder, self._loss_fn, self._train, self._val = recorder, loss_fn, train, val

    def stepped(self) -> None:
        """A step has ended: measure the validation loss where its time has come."""
        recorder = self._recorder
        step = recorder.record.steps
        if self._val is None or step < FIRST or step & (step - 1):
            return
        if recorder.schedule.can_spend(BATCHES * recorder.schedule.plain):
            self._guarded("validation loader", self._measure)

    def ended(self) -> None:
        """The loop is over: measure once more, and read what only whole loaders tell."""
        record = self._recorder.record
        if self._val is not None and record.steps:
            self._guarded("validation loader", self._measure)
            if not record.valid.passed:
                self._guarded("validation loader", lambda: self._read(self._val, record.valid))
        if self._train is not None:
            self._guarded("training loader", self._whole)

    def _guarded(self, name: str, act: Callable[[], None]) -> None:
        """Do something with the recorder asleep; what fails in it is a note, never the end of the user's run."""
        recorder, begun = self._recorder, time.perf_counter()
        if recorder.busy or name in recorder.record.notes:
            return
        recorder.busy = True
        try:
            with torch.no_grad():
                act()
        except Exception as error:  # the doctor never ends a user's run
            recorder.failed(name, error)
        finally:
            recorder.busy = False
            recorder.schedule.spent += time.perf_counter() - begun

    def _measure(self) -> None:
        """The mean loss of a copy of the model, in evaluation mode, over the first validation batches."""
        record = self._recorder.record
        model = next(iter(record.models.values()), None)
        if model is None:
            return
        size = sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
        if size > record.copying:
            record.notes["validation loader"] = (
                f"a validation loss is measured on a copy, and the model has {size >> 20} MB: "
                f"copies are made of up to {record.copying >> 20} MB"
            )
            return
        copy, values = bare_copy(model).eval(), []
        for number, batch in enumerate(batches(self._val)):
            if number >= BATCHES:
                break
            values.append(float(loss_of(copy, self._loss_fn, batch)))
        if values:
            self._recorder.told(NAME, math.fsum(values) / len(values))

    def _read(self, loader: Iterable[Any], seen: Seen) -> None:
        """Keep the rows of a loader, as far as memory and time allow."""
        recorder, begun = self._recorder, time.perf_counter()
        name = next(iter(recorder.record.models), "")
        patience = max(SECONDS, recorder.schedule.budget * (begun - recorder.begun))
        for batch in batches(loader):
            x, y = inputs_and_target(batch)
            given = tuple(tensors(x))
            call = Call(name, recorder.record.steps, given, (), {}, False, {}, False, Site())
            sketches.keep(seen, call, y if isinstance(y, Tensor) and y.ndim else None, recorder.memory // 2)
            if seen.full or time.perf_counter() - begun > patience:
                seen.full = True
                break

    def _whole(self) -> None:
        """Take the rows of the training loader for those of the run, where the run was given the same."""
        record, seen = self._recorder.record, Seen()
        self._read(self._train, seen)
        if not _same_rows(record, seen):
            record.notes["training loader"] = (
                "the batches of the loader are not what the model was given: the loop or the data changes them"
            )
            return
        run = record.train
        run.batches, run.bytes, run.full, run.made = seen.batches, seen.bytes, seen.full, None


def _same_rows(record: Record, seen: Seen) -> bool:
    """Whether most rows that the model was given are rows of a loader."""
    given = record.train.rows()
    if not len(given) or not seen.batches:
        return False
    return float(torch.isin(given, seen.rows()).float().mean()) > 0.5
