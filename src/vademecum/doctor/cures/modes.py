"""Interventions at the door of a model: what it is given, and in which state it is."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from ..recording.recorder import Recorder

DROPOUTS = frozenset({
    torch.dropout, nn.functional.dropout, nn.functional.dropout1d, nn.functional.dropout2d,
    nn.functional.dropout3d, nn.functional.alpha_dropout, nn.functional.feature_alpha_dropout,
    torch.alpha_dropout, torch.feature_dropout,
})  # fmt: skip

Door = Callable[[nn.Module, tuple[Any, ...]], Any]


@contextmanager
def before_forward(recorder: Recorder, call: Door) -> Iterator[None]:
    """Call a function before each call of a whole model; what it returns takes the place of the arguments."""
    inside: list[nn.Module] = []

    def begins(module: nn.Module, args: tuple[Any, ...]) -> Any:
        if recorder.busy or next(module.parameters(), None) is None:
            return None
        given = call(module, args) if not inside else None
        inside.append(module)
        return given

    def ends(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if inside and inside[-1] is module and not recorder.busy:
            inside.pop()

    with ExitStack() as stack:
        stack.callback(register_module_forward_pre_hook(begins).remove)
        stack.callback(register_module_forward_hook(ends, always_call=True).remove)
        yield


@contextmanager
def after_forward(recorder: Recorder, call: Callable[[nn.Module, Any], Any]) -> Iterator[None]:
    """Call a function after each call of a whole model; what it returns takes the place of the output."""
    inside: list[nn.Module] = []

    def begins(module: nn.Module, args: tuple[Any, ...]) -> None:
        if not recorder.busy and next(module.parameters(), None) is not None:
            inside.append(module)

    def ends(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if recorder.busy or not inside or inside[-1] is not module:
            return None
        inside.pop()
        return None if inside else call(module, output)

    with ExitStack() as stack:
        stack.callback(register_module_forward_pre_hook(begins).remove)
        stack.callback(register_module_forward_hook(ends, always_call=True).remove)
        yield


class Running:
    """Mean and standard deviation of the columns, channels or features that have passed."""

    def __init__(self) -> None:
        self.count = 0.0
        self.mean: Tensor | None = None
        self.square: Tensor | None = None

    def add(self, x: Tensor) -> None:
        """Take the rows of a batch."""
        flat = _columns(x).double()
        count = self.count + len(flat)
        mean, square = flat.mean(0), flat.square().mean(0)
        share = len(flat) / count
        self.mean = mean if self.mean is None else self.mean + share * (mean - self.mean)
        self.square = square if self.square is None else self.square + share * (square - self.square)
        self.count = count

    def fits(self, columns: int) -> bool:
        """Whether so many columns have been seen."""
        return self.mean is not None and self.mean.numel() == columns

    def standardized(self, x: Tensor) -> Tensor:
        """Shift and scale a batch; a column that is constant is shifted only."""
        mean, std = self._figures(x)
        return ((x - mean) / std).to(x.dtype)

    def restored(self, x: Tensor) -> Tensor:
        """Undo `standardized`."""
        mean, std = self._figures(x)
        return (x * std + mean).to(x.dtype)

    def _figures(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation in a shape that goes with a batch's."""
        mean, square = self.mean, self.square
        if mean is None or square is None:
            return torch.zeros(()), torch.ones(())
        std = (square - mean.square()).clamp_min(0).sqrt()
        std = torch.where(std > 1e-3 * std.max().clamp_min(1e-12), std, torch.ones_like(std))
        shape = [1, -1] + [1] * (x.ndim - 2) if x.ndim >= 4 else [1] * (x.ndim - 1) + [-1]
        return mean.reshape(shape), std.reshape(shape)


def _columns(x: Tensor) -> Tensor:
    """(rows, columns): channels of images, else the last dimension."""
    return x.movedim(1, -1).flatten(0, -2) if x.ndim >= 4 else x.reshape(-1, x.shape[-1] if x.ndim > 1 else 1)


@contextmanager
def standardize_inputs(recorder: Recorder) -> Iterator[None]:
    """Give the models inputs of mean 0 and variance 1, by what has passed in training."""
    known: dict[int, Running] = {}

    def door(module: nn.Module, args: tuple[Any, ...]) -> Any:
        given = []
        for place, x in enumerate(args):
            if isinstance(x, Tensor) and x.is_floating_point() and x.ndim > 1 and not x.requires_grad:
                running = known.setdefault(hash((id(module), place)), Running())
                if torch.is_grad_enabled() or not running.count:
                    with torch.no_grad():
                        running.add(x)
                x = running.standardized(x)
            given.append(x)
        return tuple(given)

    with before_forward(recorder, door):
        yield


@contextmanager
def finite_inputs(recorder: Recorder) -> Iterator[None]:
    """Put 0 in place of inputs that are not finite."""

    def door(module: nn.Module, args: tuple[Any, ...]) -> Any:
        return tuple(
            torch.nan_to_num(x, 0.0, 0.0, 0.0) if isinstance(x, Tensor) and x.is_floating_point() else x
            for x in args
        )

    with before_forward(recorder, door):
        yield


@contextmanager
def fresh_inputs(recorder: Recorder) -> Iterator[None]:
    """Give the models copies, so that what they change in place is not the user's data."""

    def door(module: nn.Module, args: tuple[Any, ...]) -> Any:
        return tuple(x.clone() if isinstance(x, Tensor) else x for x in args)

    with before_forward(recorder, door):
        yield


@contextmanager
def train_mode(recorder: Recorder) -> Iterator[None]:
    """Put the models into training mode whenever gradients are recorded."""

    def door(module: nn.Module, args: tuple[Any, ...]) -> None:
        if torch.is_grad_enabled():
            module.train()

    with before_forward(recorder, door):
        yield


@contextmanager
def eval_mode(recorder: Recorder) -> Iterator[None]:
    """Put the models into evaluation mode whenever no gradients are recorded, and back for training."""
    from .ops import replaced

    def door(module: nn.Module, args: tuple[Any, ...]) -> None:
        module.train(torch.is_grad_enabled())

    def dropout(own: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:  # of a function or a module made anew
        return own(x, *args, **kwargs) if torch.is_grad_enabled() else x

    with before_forward(recorder, door), replaced(dict.fromkeys(DROPOUTS, dropout)):
        yield


@contextmanager
def with_grad(recorder: Recorder) -> Iterator[None]:
    """Record gradients all through a model's pass that begins with gradients, whatever its code says."""
    own, inside = torch.no_grad.__enter__, list[nn.Module]()

    def enter(self: torch.no_grad) -> None:
        own(self)
        if inside and not recorder.busy:
            torch.set_grad_enabled(True)

    def begins(module: nn.Module, args: tuple[Any, ...]) -> None:
        if not recorder.busy and torch.is_grad_enabled():
            inside.append(module)

    def ends(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if not recorder.busy and inside and inside[-1] is module:
            inside.pop()

    torch.no_grad.__enter__ = enter  # type: ignore[method-assign]
    try:
        with ExitStack() as stack:
            stack.callback(register_module_forward_pre_hook(begins).remove)
            stack.callback(register_module_forward_hook(ends, always_call=True).remove)
            yield
    finally:
        torch.no_grad.__enter__ = own  # type: ignore[method-assign]


@contextmanager
def reset(recorder: Recorder) -> Iterator[None]:
    """Start the layers from torch's own initialization."""
    seen: set[int] = set()

    def door(module: nn.Module, args: tuple[Any, ...]) -> None:
        if id(module) not in seen and torch.is_grad_enabled():
            seen.add(id(module))
            for part in module.modules():
                restart: Any = getattr(part, "reset_parameters", None)
                if callable(restart):
                    restart()

    with before_forward(recorder, door):
        yield


@contextmanager
def no_dropout(recorder: Recorder) -> Iterator[None]:
    """Drop nothing."""
    from .ops import replaced

    def door(module: nn.Module, args: tuple[Any, ...]) -> None:
        for part in module.modules():
            if isinstance(part, nn.RNNBase):
                part.dropout = 0.0

    with before_forward(recorder, door), replaced({one: lambda own, x, *a, **k: x for one in DROPOUTS}):
        yield


@contextmanager
def batch_norm_momentum(recorder: Recorder, *, value: float = 0.1) -> Iterator[None]:
    """Let batch normalization update its running statistics at torch's usual pace."""

    def door(module: nn.Module, args: tuple[Any, ...]) -> None:
        for part in module.modules():
            if isinstance(getattr(part, "momentum", None), float) and hasattr(part, "running_mean"):
                setattr(part, "momentum", value)  # noqa: B010  (a module may be anybody's)

    with before_forward(recorder, door):
        yield
