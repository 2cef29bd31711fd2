"""A `Case` from anybody's script: the calls between its models and its loss are recorded once, and can be replayed.

Example:
    >>> model, x, y = nn.Linear(3, 2), torch.randn(8, 3), torch.arange(8) % 2
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with Tape() as tape:
    ...     loss = nn.functional.cross_entropy(2 * model(x), y)
    ...     loss.backward()
    ...     optimizer.step()
    >>> case = tape.case(num_classes=2)
    >>> torch.allclose(case.loss(case.model(x), y), loss)
    True
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from vademecum._torch.copies import bare_copy
from vademecum._torch.trace import tensors

from .._finding import Case, Origin
from ..examine import asleep
from ..recording.attach import keywords
from ..recording.naming import version
from ..recording.record import NotCheckedError
from ..recording.recorder import Recorder
from .played import LOOKS_AT, Step, Taken, replayable
from .replay import Entry, Ref, Streams, found

ENTRIES = 5000
"""Calls between a model and a backward pass at most; a script that makes more is still preparing its data."""

COPYING = 1 << 30
"""Bytes of all models together up to which they are copied."""

IN_PLACE = frozenset({"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__"})
"""Functions that change what they are given, besides those whose name ends in one underscore."""


class Tape(TorchFunctionMode):
    """Records the first step of whatever trains while the block runs.

    From the first call of a whole model with gradients on, each call of a model is one entry, and so is each call of
    torch's public functions outside of models; the tape ends where a backward pass begins.

    Args:
        recorder: of the run, which is not to see the replays; or None.
    """

    def __init__(self, recorder: Recorder | None = None):
        super().__init__()
        self._recorder, self._process = recorder, os.getpid()
        self._stack = ExitStack()
        self._done, self._own = False, False
        self._taken: Taken | None = None
        self._why = "no backward pass was seen"
        self._optimizers: list[Optimizer | None] = []
        self._stepped: list[Optimizer] = []
        self._settled = False
        self._inside: list[nn.Module] = []
        self._pending: tuple[Any, ...] = ()
        self._clear()

    def _clear(self) -> None:
        """Begin anew."""
        self._on = False
        self._entries: list[Entry] = []
        self._numbers: dict[int, int] = {}
        self._values: list[Tensor] = []  # kept alive, so that no other tensor gets the same id
        self._kept: dict[int, Tensor] = {}
        self._made: set[int] = set()
        self._drawn: set[int] = set()
        self._models: dict[int, tuple[int, nn.Module, int]] = {}
        self._copies: list[nn.Module] = []
        self._memo: dict[int, Any] = {}

    def __enter__(self) -> "Tape":
        self._stack.callback(register_module_forward_pre_hook(self._begins).remove)
        self._stack.callback(register_module_forward_hook(self._ends, always_call=True).remove)
        self._stack.callback(register_optimizer_step_pre_hook(self._steps).remove)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._stack.close()

    def case(self, *, num_classes: int = 0, scored: bool = True, rate: float | None = None) -> Case:
        """What was recorded, for experiments.

        Args:
            num_classes: K in classification, 0 in regression.
            scored: whether the output and the targets are such that right answers can be counted.
            rate: largest of the run, to which the optimizer's is set; None for that of the first step.

        Returns:
            The case.

        Raises:
            NotCheckedError: the step cannot be replayed.
        """
        taken = self._taken
        if taken is None:
            raise NotCheckedError(self._why)
        if taken.y.is_floating_point():
            num_classes = 0
        sole = self._optimizers[0] if len(self._optimizers) == 1 else None
        maker = _maker(sole, taken.model, rate) if sole is not None else None
        single = isinstance(taken.output, Tensor)
        origin = Origin(
            maker, rows=taken.rows, others=taken.others, scored=scored and single, summed=taken.summed
        )
        return Case(taken.model, taken.x, taken.y, taken.loss, num_classes, origin)

    # ------------------------------------------------------------------ events

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch's and note it."""
        given = kwargs or {}
        if self._done or self._asleep() or os.getpid() != self._process:
            return func(*args, **given)
        if func is Tensor.backward:
            self.ends_at(args[0])
            return func(*args, **given)
        if not self._on or self._inside:
            return func(*args, **given)
        taken = tuple(tensors((args, given)))
        changes = bool(taken) and _in_place(func, given)
        if changes:
            self._keep(taken[0])
        streams = Streams.now()
        result = func(*args, **given)
        returned = found(result) if isinstance(result, (Tensor, tuple, list)) else ()
        if not taken:
            self._drawn.update(self._number(value) for value in returned)
        elif returned or changes or getattr(func, "__name__", "") in LOOKS_AT:
            self._note(func, -1, list(args), given, taken, returned, streams, changed=changes)
        return result

    def ends_at(self, loss: Tensor) -> None:
        """A backward pass is about to begin.

        Args:
            loss: where it begins.
        """
        if self._done:
            return
        self._done = True
        try:
            with self._unseen():
                self._taken = self._replayable(loss)
        except NotCheckedError as reason:
            self._why = str(reason)
        except Exception as error:  # the doctor never ends a user's run
            self._why = f"the step could not be replayed ({type(error).__name__}: {error})"
        memo = self._memo
        self._clear()
        self._memo = memo if self._taken is not None else {}

    def _replayable(self, loss: Tensor) -> Taken:
        """What was recorded, as a step that can be replayed."""
        if not self._entries:
            raise NotCheckedError("the loss was computed without a call of a whole model")
        if id(loss) not in self._numbers:
            raise NotCheckedError("the loss was computed by other means than torch's public functions")
        step = Step(
            tuple(self._entries), tuple(self._values), self._numbers, self._kept, self._drawn,
            tuple(model for _, model, _ in self._models.values()), tuple(self._copies), self._memo,
        )  # fmt: skip
        return replayable(step, loss)

    def _begins(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if self._done or self._asleep() or next(module.parameters(), None) is None:
            return
        self._inside.append(module)
        if len(self._inside) > 1 or not torch.is_grad_enabled() or torch.is_inference_mode_enabled():
            return
        try:
            with self._unseen():
                self._called(module, args, keywords())
        except Exception as error:  # the doctor never ends a user's run
            self._done = True
            self._why = f"the model could not be copied ({type(error).__name__}: {error})"

    def _called(self, module: nn.Module, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        state = _state(module)
        known = self._models.get(id(module))
        if (known is not None and known[2] != state) or len(self._entries) > ENTRIES:
            self._clear()  # what came before was no training
            known = None
        if known is None:
            size = sum(
                p.nbytes for copy in (*self._copies, module) for p in copy.parameters() if not _lazy(p)
            )
            if size > COPYING:
                self._done = True
                self._why = (
                    f"the models have {size >> 20} MB, and copies are made of up to {COPYING >> 20} MB"
                )
                return
            self._copies.append(bare_copy(module, self._memo))
            known = self._models[id(module)] = len(self._copies) - 1, module, state
        self._on = True
        for value in tensors((args, given)):
            self._keep(value)
        self._pending = known[0], list(args), given, Streams.now()

    def _ends(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if self._done or self._asleep() or not self._inside or self._inside[-1] is not module:
            return
        self._inside.pop()
        if self._inside or not self._pending:
            return
        part, args_, given, streams = self._pending
        self._pending = ()
        with self._unseen():
            self._note(None, part, args_, given, tuple(tensors((args_, given))), found(output), streams)

    def _steps(self, optimizer: Optimizer, *_: Any) -> None:
        """Copy the optimizers of the step for the models' copies."""
        if not self._done or self._settled or self._taken is None or self._asleep():
            return
        if any(optimizer is known for known in self._stepped):  # the second step has begun
            self._settled, self._stepped, self._memo = True, [], {}
            return
        self._stepped.append(optimizer)
        try:
            with self._unseen():
                self._optimizers.append(deepcopy(optimizer, dict(self._memo)))
        except Exception:  # some keep what cannot be copied
            self._optimizers.append(None)

    # ------------------------------------------------------------------ inside

    def _note(
        self, func: Any, part: int, args: list[Any], given: Mapping[str, Any], taken: tuple[Tensor, ...],
        returned: tuple[Tensor, ...], streams: Streams, *, changed: bool = False,
    ) -> None:  # fmt: skip
        if len(self._entries) > ENTRIES:
            return
        casts = tuple(
            (device, torch.get_autocast_dtype(device))
            for device in ("cpu", "cuda")
            if torch.is_autocast_enabled(device)
        )
        numbers = tuple(self._number(value) for value in taken)
        out = tuple(self._number(value) for value in returned)
        self._made.update(out)
        self._entries.append(Entry(
            func, part, self._named(args), self._named(dict(given)), out, numbers,
            numbers[0] if changed else -1, torch.is_grad_enabled(), casts, streams,
        ))  # fmt: skip

    def _number(self, value: Tensor) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._values)
            self._values.append(value)
        return self._numbers[id(value)]

    def _named(self, value: Any) -> Any:
        """Arguments with numbers for tensors."""
        if isinstance(value, Tensor):
            return Ref(self._number(value))
        if isinstance(value, Mapping):
            return {key: self._named(item) for key, item in value.items()}
        if isinstance(value, tuple):
            items = [self._named(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, list):
            return [self._named(item) for item in value]
        return value

    def _keep(self, value: Tensor) -> None:
        """Copy a tensor that comes from outside, before it can be changed."""
        number = self._number(value)
        if number not in self._kept and number not in self._made and not isinstance(value, nn.Parameter):
            self._kept[number] = value.detach().clone()

    def _asleep(self) -> bool:
        return self._own or (self._recorder is not None and self._recorder.busy)

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        """Let nothing that is done in the block be recorded."""
        self._own = True
        try:
            with asleep(self._recorder) if self._recorder is not None else nullcontext():
                yield
        finally:
            self._own = False


def _in_place(func: Callable[..., Any], given: Mapping[str, Any]) -> bool:
    name = getattr(func, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or name in IN_PLACE or "out" in given


def _state(module: nn.Module) -> int:
    """A figure that changes when parameters are changed."""
    return sum(version(p) for p in module.parameters() if not _lazy(p))


def _lazy(value: Tensor) -> bool:
    return isinstance(value, nn.parameter.UninitializedParameter)


def _maker(
    optimizer: Optimizer, model: nn.Module, rate: float | None
) -> Callable[[nn.Module], Optimizer] | None:
    """Make the same optimizer for copies of a model; None where it is not about the model, or cannot be copied."""
    places = {id(p): place for place, p in enumerate(model.parameters())}
    own = [id(p) for group in optimizer.param_groups for p in group["params"]]
    if not any(key in places for key in own):
        return None
    largest = max((float(group["lr"]) for group in optimizer.param_groups if "lr" in group), default=0.0)
    factor = rate / largest if rate is not None and largest > 0 else 1.0

    def make(copy: nn.Module) -> Optimizer:
        targets = list(copy.parameters())
        memo: dict[int, Any] = {key: targets[places[key]] for key in own if key in places}
        made = deepcopy(optimizer, memo)
        for group in made.param_groups:
            if "lr" in group:
                group["lr"] = group["lr"] * factor
        return made

    return make
