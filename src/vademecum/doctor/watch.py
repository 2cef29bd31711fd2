"""Watch a training loop from inside it: nothing of the run changes, whatever is found."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from . import checks
from ._report import Report
from .attach import attached
from .examine import examine
from .failure import ended
from .recorder import Recorder
from .replicas import disagreement
from .schedule import Schedule

Kind = TypeVar("Kind")


class watch(AbstractContextManager["watch"]):  # noqa: N801  (a context manager reads as a verb)
    """Watch the training loop of a block.

    Args:
        model: the network, or several.
        optimizer: its optimizer, or several; where it is left out, all that step are watched.
        loss_fn: reserved for experiments; the loss itself is found through its backward pass.
        train: batches of training data, for what needs a whole pass over it.
        val: batches of validation data.
        budget: share of the run's time that may be spent on it.

    Raises:
        TypeError: the model is no module, or the optimizer no optimizer.

    Example:
        >>> model = nn.Linear(5, 3)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> x, y = torch.randn(8, 5), torch.arange(8) % 3
        >>> with watch(model, optimizer) as doctor:
        ...     for _ in range(8):
        ...         loss = nn.functional.cross_entropy(model(x).softmax(1), y)
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         optimizer.step()
        >>> [finding.rule for finding in doctor.report().findings]
        ['redundant-softmax']
    """

    def __init__(
        self,
        model: nn.Module | Sequence[nn.Module],
        optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer] | None = None,
        *,
        loss_fn: Any = None,
        train: Iterable[Any] | None = None,
        val: Iterable[Any] | None = None,
        budget: float = 0.03,
    ):
        models = several(model, nn.Module, "torch.nn.Module")
        optimizers = several(optimizer, torch.optim.Optimizer, "torch.optim.Optimizer")
        self._recorder = Recorder(checks.OF_A_SCENE, schedule=Schedule(budget))
        for one in models:
            self._recorder.add_model(one)
        for each in optimizers:
            self._recorder.add_optimizer(each)
        self._attached = attached(self._recorder, models, optimizers)

    def __enter__(self) -> "watch":
        self._attached.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._attached.__exit__(None, None, None)
        self._recorder.record.finished = kind is None
        if error is not None:
            self._recorder.record.failure = ended(error)
        self._recorder.ends()

    def loss(self, loss: Tensor) -> Tensor:
        """Tell the loss of a step whose backward pass is not `Tensor.backward`; returns it as it came."""
        self._recorder.backward_begins(loss)
        return loss

    def metric(self, name: str, value: float) -> None:
        """Tell a figure, such as a validation loss.

        Args:
            name: of the figure; "val_loss" is known to the rules.
            value: a number, or a tensor of one.
        """
        self._recorder.told(name, float(value))

    def compare_replicas(self) -> None:
        """Compare the model over the processes of a distributed run; every process must call it, at the same step.

        It is asked for, and not done by itself, because a process that is not watched would wait for ever.

        Raises:
            RuntimeError: torch.distributed is not initialized.
        """
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            raise RuntimeError("compare_replicas needs a distributed run: call init_process_group first.")
        named: dict[str, Tensor] = dict(self._recorder.record.parameters)
        for path, part in self._recorder.record.modules():
            named |= {f"{path}.{key}".lstrip("."): b for key, b in part.named_buffers(recurse=False)}
        self._recorder.record.loop.replicas = disagreement(named)
        self._recorder.record.loop.compared = True

    def report(self) -> Report:
        """What was found so far; some rules run a copy of the model for it, so call it now and then."""
        return examine(self._recorder)

    def scalars(self) -> Mapping[str, float]:
        """The figures of the last look, flat, for any logger."""
        looks = self._recorder.record.looks
        if not looks:
            return {}
        last = looks[-1]
        figures = {"doctor/loss": last.loss, "doctor/accuracy": last.accuracy}
        figures |= {f"doctor/update_ratio/{name}": value for name, value in last.ratio.items()}
        figures |= {f"doctor/grad_norm/{name}": value for name, value in last.grad_norm.items()}
        return {name: value for name, value in figures.items() if not math.isnan(value)}


def several(given: Any, kind: type[Kind], name: str) -> list[Kind]:
    """One thing of a kind, or several, or None, as a list; anything else is refused by name."""
    things = [] if given is None else [given] if isinstance(given, kind) else list(given)
    for thing in things:
        if not isinstance(thing, kind):
            raise TypeError(f"watch needs a {name}, or several: it got a {type(thing).__name__}.")
    return things
