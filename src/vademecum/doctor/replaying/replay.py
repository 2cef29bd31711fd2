"""A step of a run that can be taken again: what was called between model and loss, on other data and other weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.trace import tensors

from ..recording.naming import attributes

SHAPES = frozenset({"view", "reshape", "expand", "view_as", "unflatten"})
"""Functions whose first number may be that of the examples, or so many times it."""

SCALES = frozenset(
    {"div", "true_divide", "mul", "__truediv__", "__itruediv__", "div_", "mul_", "__mul__", "__rmul__"}
)
"""Functions whose number may be that of the examples."""


@dataclass(frozen=True)
class Ref:
    """A tensor in the arguments of an entry, by its number."""

    number: int


@dataclass(frozen=True)
class Streams:
    """The states of torch's random streams."""

    cpu: Tensor
    devices: Sequence[Tensor] = ()

    @staticmethod
    def now() -> "Streams":
        """The states as they are."""
        devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else ()
        return Streams(torch.get_rng_state(), tuple(devices))

    def restore(self) -> None:
        """Put them back."""
        torch.set_rng_state(self.cpu)
        if self.devices:
            torch.cuda.set_rng_state_all(self.devices)


@dataclass(frozen=True)
class Entry:
    """One call.

    Attributes:
        call: function of torch's; None for a whole model.
        part: place of the model among the replay's, -1 for a function.
        args: positional arguments, with a `Ref` for each tensor.
        kwargs: keyword arguments, likewise.
        out: numbers of the tensors that it returned.
        given: numbers of the tensors that it was given.
        changes: number of the tensor that it changed in place, or -1.
        grad: whether gradients were recorded.
        casts: device and type of each mixed precision that was on.
        streams: before the call.
    """

    call: Callable[..., Any] | None
    part: int
    args: Any
    kwargs: Any
    out: tuple[int, ...]
    given: tuple[int, ...]
    changes: int
    grad: bool
    casts: tuple[tuple[str, torch.dtype], ...]
    streams: Streams


@dataclass(frozen=True)
class Program:
    """The calls behind one loss, in two parts: what a model says of x, and the loss of that with y.

    Attributes:
        before: calls that make what the models say.
        after: calls that make the loss of it.
        crossing: numbers of what the second part takes from the first.
        constants: number -> a tensor that is the same in every replay, cut to as many rows as x has.
        weights: number -> (model, name of a parameter) that the calls take directly.
        free: numbers of the parameters that belong to no model, in the order of the replay's own.
        x: number of the main input.
        y: number of the targets.
        loss: number of the loss.
        rows: examples of the batch.
        scale: by which a gradient scaler has multiplied the loss.
        resize: whether whole numbers that are the batch's are changed with the number of examples.
    """

    before: tuple[Entry, ...]
    after: tuple[Entry, ...]
    crossing: tuple[int, ...]
    constants: Mapping[int, Tensor]
    weights: Mapping[int, tuple[int, str]]
    free: tuple[int, ...]
    x: int
    y: int
    loss: int
    rows: int
    scale: float = 1.0
    resize: bool = True

    def __deepcopy__(self, memo: dict[int, Any]) -> "Program":
        return self  # nothing in it is ever changed

    @property
    def inside(self) -> bool:
        """Whether the loss is made inside a model, which must be given the targets."""
        return not self.before


class Replay(nn.Module):
    """The models of a step as one: x in, what the loss takes out.

    Where the loss is made inside a model, the output is a `Pending` that knows x and waits for the targets.

    Args:
        program: the calls.
        parts: copies of the models.
        free: copies of the parameters that belong to no model.
    """

    def __init__(self, program: Program, parts: Sequence[nn.Module], free: Sequence[Tensor] = ()):
        super().__init__()
        self.program = program
        self.parts = nn.ModuleList(parts)
        self.free = nn.ParameterList([nn.Parameter(p.detach().clone()) for p in free])
        self.training = any(part.training for part in parts)
        self.exact = False

    def forward(self, x: Tensor) -> Any:
        """Replay the first part.

        Args:
            x: (n, ...) main input.

        Returns:
            What the loss takes: one tensor, or a `Pending` or `Several`.
        """
        program = self.program
        if program.inside:
            return Pending(self, x)
        values = {**self.known(len(x)), program.x: x}
        self.run(program.before, values, len(x))
        taken = tuple(values[number] for number in program.crossing)
        return taken[0] if len(taken) == 1 else Several(self, taken)

    def known(self, rows: int) -> dict[int, Tensor]:
        """The constants for so many examples, and the parameters that the calls take directly."""
        program = self.program
        wide = any(p.dtype == torch.float64 for p in self.parameters())
        values = {
            number: _fitting(value, rows, program.rows, wide) for number, value in program.constants.items()
        }
        for number, (part, name) in program.weights.items():
            values[number] = self.parts[part].get_parameter(name)
        for number, parameter in zip(program.free, self.free):
            values[number] = parameter
        return values

    def run(self, entries: Sequence[Entry], values: dict[int, Tensor], rows: int) -> Any:
        """Make calls again and add what they return to the values; gives what the last model returned."""
        said = None
        for entry in entries:
            call = entry.call if entry.call is not None else self.parts[entry.part]
            args = [_with(value, values) for value in entry.args]
            kwargs = _with(entry.kwargs, values)
            if rows != self.program.rows and self.program.resize and entry.call is not None:
                args = _resized(getattr(entry.call, "__name__", ""), args, self.program.rows, rows)
            if self.exact:
                entry.streams.restore()
            with _setting(entry):
                result = call(*args, **kwargs)
            if entry.call is None:
                said = result
            for number, value in zip(entry.out, found(result)):
                values[number] = value
        return said


@dataclass(frozen=True)
class Several:
    """Several tensors that the loss takes, with the replay that said them."""

    replay: Replay
    values: tuple[Tensor, ...]


@dataclass(frozen=True)
class Pending:
    """What a model will say once it is given the targets, too."""

    replay: Replay
    x: Tensor

    def said(self, y: Tensor) -> Any:
        """What the last model returns for these targets."""
        return self._run(y)[0]

    def loss(self, y: Tensor) -> Tensor:
        """The loss of these targets."""
        return self._run(y)[1]

    def _run(self, y: Tensor) -> tuple[Any, Tensor]:
        program, rows = self.replay.program, len(self.x)
        values = {**self.replay.known(rows), program.x: self.x, program.y: y}
        said = self.replay.run(program.after, values, rows)
        return said, values[program.loss] / program.scale


@dataclass(frozen=True)
class Loss:
    """(output, y) -> () loss, by the calls of the second part."""

    replay: Replay

    def __call__(self, output: Any, y: Tensor) -> Tensor:
        """Replay the second part.

        Args:
            output: of a `Replay`, or a tensor in its place.
            y: (n, ...) targets.

        Returns:
            () loss, without the factor of a gradient scaler.
        """
        if isinstance(output, Pending):
            return output.loss(y)
        replay = output.replay if isinstance(output, Several) else self.replay
        taken = output.values if isinstance(output, Several) else (output,)
        program, rows = replay.program, len(y)
        values = replay.known(rows)
        touched = {entry.changes for entry in program.after}
        for number, value in zip(program.crossing, taken):
            values[number] = value.clone() if touched - {-1} else value
        values[program.y] = y.clone() if touched - {-1} else y
        replay.run(program.after, values, rows)
        return values[program.loss] / program.scale


def found(result: Any) -> tuple[Tensor, ...]:
    """The tensors in what a call returned, in order."""
    return tuple(tensors(result)) or attributes(result)


def _fitting(value: Tensor, rows: int, whole: int, wide: bool) -> Tensor:
    if rows != whole and value.ndim and len(value) == whole:
        value = value[:rows]
    value = value.double() if wide and value.is_floating_point() else value
    return value.clone()


def _with(value: Any, values: Mapping[int, Tensor]) -> Any:
    """Arguments with the tensors in their places."""
    if isinstance(value, Ref):
        return values[value.number]
    if isinstance(value, Mapping):
        return {key: _with(item, values) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [_with(item, values) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [_with(item, values) for item in value]
    return value


def _resized(name: str, args: list[Any], whole: int, rows: int) -> list[Any]:
    """Arguments with the number of examples changed where it is one of them."""
    if len(args) < 2:
        return args
    first, args = args[1], list(args)
    if name in SHAPES:
        if isinstance(first, (tuple, list)) and first and _is_count(first[0], whole):
            args[1] = (first[0] // whole * rows, *first[1:])
        elif _is_count(first, whole):
            args[1] = first // whole * rows
    elif name in SCALES and type(first) is int and first == whole:
        args[1] = rows
    return args


def _is_count(value: Any, whole: int) -> bool:
    return type(value) is int and value > 0 and value % whole == 0


@contextmanager
def _setting(entry: Entry) -> Iterator[None]:
    """Gradients and mixed precision as they were."""
    with ExitStack() as stack:
        stack.enter_context(torch.set_grad_enabled(entry.grad and torch.is_grad_enabled()))
        for device, dtype in entry.casts:
            stack.enter_context(torch.autocast(device, dtype=dtype))
        yield
