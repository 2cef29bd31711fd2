"""Attach a recorder to a run: by the hooks of given models and optimizers, or by torch's global ones."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from .recorder import Recorder


@contextmanager
def attached(
    recorder: Recorder, models: Iterable[nn.Module], optimizers: Iterable[torch.optim.Optimizer]
) -> Iterator[None]:
    """Watch given models and optimizers while the block runs; with no optimizer given, all that step.

    Args:
        recorder: told about everything.
        models: whole models.
        optimizers: of the loop.

    Yields:
        Nothing; all hooks are gone when the block ends, however it ends.
    """
    with ExitStack() as stack:
        for model in models:
            begins, ends = _Hook(recorder.forward_begins), _Hook(recorder.forward_ends)
            stack.callback(model.register_forward_pre_hook(begins, with_kwargs=True).remove)
            stack.callback(model.register_forward_hook(ends, with_kwargs=True).remove)
        optimizers = list(optimizers)
        for optimizer in optimizers:
            stack.callback(optimizer.register_step_pre_hook(partial(_step_begins, recorder)).remove)
            stack.callback(optimizer.register_step_post_hook(partial(_step_ends, recorder)).remove)
        if not optimizers:
            stack.callback(register_optimizer_step_pre_hook(partial(_step_begins, recorder)).remove)
            stack.callback(register_optimizer_step_post_hook(partial(_step_ends, recorder)).remove)
        stack.enter_context(_backwards(recorder))
        yield


@contextmanager
def attached_to_all(recorder: Recorder) -> Iterator[None]:
    """Watch every model and optimizer of the process while the block runs.

    A model is a module with parameters that is called from outside any other such module.

    Args:
        recorder: told about everything; made with ``find=True``.

    Yields:
        Nothing; all hooks are gone when the block ends, however it ends.
    """
    inside: list[nn.Module] = []

    def begins(module: nn.Module, args: tuple[Any, ...]) -> None:
        if torch.compiler.is_compiling():  # inside a compiled model: the model itself was met outside
            return
        if not recorder.busy and next(module.parameters(), None) is not None:
            if not inside:
                recorder.forward_begins(module, args, keywords())
            inside.append(module)

    def ends(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if torch.compiler.is_compiling():
            return
        if not recorder.busy and inside and inside[-1] is module:
            inside.pop()
            if not inside:
                recorder.forward_ends(module, output)

    with ExitStack() as stack:
        stack.callback(register_module_forward_pre_hook(begins).remove)
        stack.callback(register_module_forward_hook(ends, always_call=True).remove)
        stack.callback(register_optimizer_step_pre_hook(partial(_step_begins, recorder)).remove)
        stack.callback(register_optimizer_step_post_hook(partial(_step_ends, recorder)).remove)
        stack.enter_context(_backwards(recorder))
        yield


@contextmanager
def _backwards(recorder: Recorder) -> Iterator[None]:
    """Tell a recorder of every backward pass.

    Torch has no hook for it; `Tensor.backward` looks `torch.autograd.backward` up at each call, so one name is enough.
    """
    own = torch.autograd.backward

    @wraps(own)
    def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(tensors, Tensor | Sequence):
            tensors = tuple(tensors) if isinstance(tensors, Iterable) else (tensors,)
        loss = tensors if isinstance(tensors, Tensor) else next(iter(tensors), None)
        if not isinstance(loss, Tensor):
            return own(tensors, *args, **kwargs)
        if recorder.told_loss() is loss:
            recorder.told_goes_backward()
        else:
            recorder.backward_begins(loss)
        own(tensors, *args, **kwargs)
        recorder.backward_ends(loss)
        return None

    torch.autograd.backward = backward
    try:
        yield
    finally:
        torch.autograd.backward = own


def keywords() -> dict[str, Any]:
    """The keyword arguments of the module call under way: a global hook is not given them."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == nn.modules.module.__file__:
        if isinstance(frame.f_locals.get("kwargs"), dict):
            return dict(frame.f_locals["kwargs"])
        frame = frame.f_back  # type: ignore[assignment]
    return {}


class _Hook:
    """Tells of a model's pass; in a copy or a saved file of the model it does nothing and names nothing of ours."""

    def __init__(self, tell: Callable[..., None]):
        self._tell = tell

    def __call__(self, module: nn.Module, args: Any, kwargs: Any, *output: Any) -> None:
        if not torch.compiler.is_compiling():  # compiled code must not know of us
            self._tell(module, *(output or (args, kwargs)))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (sys.audit, "torch.hook")  # takes whatever comes and returns None


def _step_begins(
    recorder: Recorder, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any] | None:
    """Tell of a step, or have its closure tell: there, loss and gradients are made inside the step."""
    given = [*args[1:2], kwargs.get("closure")]
    closure = next((each for each in given if callable(each)), None)
    if closure is None:
        recorder.step_begins(optimizer)
        return None
    first = True

    @wraps(closure)
    def told(*inner: Any, **named: Any) -> Any:
        nonlocal first
        loss = closure(*inner, **named)
        if first:  # L-BFGS calls it again and again
            first = False
            recorder.step_begins(optimizer)
        return loss

    if args[1:2]:
        return (args[0], told, *args[2:]), kwargs
    return args, {**kwargs, "closure": told}


def _step_ends(recorder: Recorder, optimizer: torch.optim.Optimizer, *_: Any) -> None:
    recorder.step_ends(optimizer)
