"""Watch a training loop from inside it: nothing of the run changes, whatever is found."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from vademecum._core.errors import UnknownNameError
from vademecum._core.rules import all_rules

from . import checks
from ._finding import Finding
from ._report import Report
from .evidence.replicas import disagreement
from .examine import examine
from .failure import ended
from .recording.attach import attached
from .recording.given import Given, listening
from .recording.loaders import readable
from .recording.recorder import Recorder
from .recording.schedule import EARLY, Schedule
from .silence import apply

Kind = TypeVar("Kind")


class TrainingError(RuntimeError):
    """A fault of a training loop that is certain, told while it runs.

    Args:
        finding: what was found.

    Example:
        >>> print(TrainingError(Finding("lr-zero", "error", "The rate is 0.", cure="Set lr.")))
        lr-zero: The rate is 0. Set lr.
    """

    def __init__(self, finding: Finding):
        self.finding = finding
        place = f"{finding.file}:{finding.line}: " if finding.file else ""
        where = f" ({finding.where})" if finding.where else ""
        super().__init__(f"{place}{finding.rule}{where}: {finding.message} {finding.cure}".rstrip())


class watch(AbstractContextManager["watch"]):  # noqa: N801  (a context manager reads as a verb)
    """Watch the training loop of a block.

    Args:
        model: the network, or several.
        optimizer: its optimizer, or several; where it is left out, all that step are watched.
        loss_fn: (output, targets) -> loss. Where it is a module, targets and validation losses are heard from it;
            with ``val`` it measures the validation loss. None: a model whose output has a ``loss``.
        train: batches as the model is given them, (inputs, targets) or a mapping, for what only all rows tell; read
            once, at the end.
        val: the same of validation data. A loss is measured on it now and then, on a copy of the model.
        budget: share of the run's time that may be spent on it.
        strict: whether the first finding at level error ends the run, as a `TrainingError`.
        ignore: id of a rule -> why what it finds is right here; such findings are listed as silenced.
        only: ids of the rules that are asked; None: all.
        verbose: whether one line is printed when the block ends.

    Attributes:
        watching: whether its block is open.

    Raises:
        TypeError: the model is no module, the optimizer no optimizer, or a loader can be read only once.
        UnknownNameError: a rule to ignore or to ask is none.

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
        >>> [finding.rule for finding in doctor.findings]
        ['redundant-softmax']
    """

    def __init__(
        self,
        model: nn.Module | Sequence[nn.Module],
        optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer] | None = None,
        *,
        loss_fn: Callable[..., Tensor] | None = None,
        train: Iterable[Any] | None = None,
        val: Iterable[Any] | None = None,
        budget: float = 0.03,
        strict: bool = False,
        ignore: Mapping[str, str] | None = None,
        only: Collection[str] | None = None,
        verbose: bool = False,
    ):
        self._models = several(model, nn.Module, "torch.nn.Module")
        self._optimizers = [
            unwrapped(o) for o in several(optimizer, torch.optim.Optimizer, "torch.optim.Optimizer")
        ]
        readable(train, "train")
        readable(val, "val")
        known = set(all_rules())
        self._only = frozenset(() if only is None else [only] if isinstance(only, str) else only)
        for name in self._only - known:
            raise UnknownNameError("rule", name, known)
        apply(Report(), ignore, rules=known)  # says what is wrong with it, before the run
        self._rules, self._ignore, self._strict, self._verbose = known, ignore, strict, verbose
        self._recorder = Recorder(checks.OF_A_SCENE, schedule=Schedule(budget))
        for one in self._models:
            self._recorder.add_model(one)
        for each in self._optimizers:
            self._recorder.add_optimizer(each)
        self._given, self._loss_fn = Given(self._recorder, loss_fn, train, val), loss_fn
        self._loaded = train is not None or val is not None
        self._stack, self.watching = ExitStack(), False

    def __enter__(self) -> "watch":
        with ExitStack() as stack:
            stack.enter_context(attached(self._recorder, self._models, self._optimizers))
            stack.enter_context(listening(self._recorder, self._loss_fn))
            if self._strict or self._loaded:
                for each in self._optimizers:
                    stack.callback(each.register_step_post_hook(self._stepped).remove)
                if not self._optimizers:
                    stack.callback(register_optimizer_step_post_hook(self._stepped).remove)
            self._recorder.alive = self.watching = True
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.watching = False
        self._recorder.record.finished = kind is None
        if error is not None:
            self._recorder.record.failure = ended(error)
        else:
            self._given.ended()
        self._recorder.ends()
        self._recorder.alive = False  # a copy of the model may still tell of its passes
        if self._verbose:
            print(_line(self.report()))  # noqa: T201
        if self._strict and error is None:
            self._raise()

    def _stepped(self, *_: Any) -> None:
        """After a step: what is done rarely, and not by the recorder."""
        self._given.stepped()
        steps = self._recorder.record.steps
        if self._strict and (steps < EARLY or not steps & (steps - 1)):
            self._raise()

    def _raise(self) -> None:
        begun = time.perf_counter()
        found = self.findings
        self._recorder.schedule.spent += time.perf_counter() - begun
        for finding in found:
            if finding.severity == "error":
                raise TrainingError(finding)

    def loss(self, loss: Tensor) -> Tensor:
        """Tell the loss of a step, where ``backward`` is not called on it; returns it as it came."""
        self._recorder.loss_told(loss)
        return loss

    def step(self) -> None:
        """Tell that the weights were changed by hand, without an optimizer; to be called after each change."""
        self._recorder.stepped_by_hand()
        if self._strict or self._loaded:
            self._stepped()

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
        """What was found so far; what the user ignores, by argument or by a comment on the line, is silenced."""
        return apply(examine(self._recorder, only=self._only), self._ignore, rules=self._rules)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far, causes first."""
        return self.report().findings

    @property
    def looked_at(self) -> tuple[int, ...]:
        """The steps that were looked at closely and are still kept."""
        return tuple(look.step for look in self._recorder.record.looks)

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


def unwrapped(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The optimizer that steps, where a trainer has wrapped it."""
    inner = getattr(optimizer, "optimizer", None)
    return unwrapped(inner) if isinstance(inner, torch.optim.Optimizer) else optimizer


def _line(report: Report) -> str:
    """A report in one line."""
    told = [f"{finding.severity} {finding.rule}" for finding in report.findings if finding.severity != "note"]
    found = ", ".join(told) or "no fault found"
    spent = f"{100 * report.spent:.1f} % of the time"
    return (
        f"doctor: {len(report.checked)} rules looked: {found}; {len(report.not_checked)} not checked; {spent}"
    )


def several(given: Any, kind: type[Kind], name: str) -> list[Kind]:
    """One thing of a kind, or several, or None, as a list; anything else is refused by name."""
    things = [] if given is None else [given] if isinstance(given, kind) else list(given)
    for thing in things:
        if not isinstance(thing, kind):
            raise TypeError(f"watch needs a {name}, or several: it got a {type(thing).__name__}.")
    return things
