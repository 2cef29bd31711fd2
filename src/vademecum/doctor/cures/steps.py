"""Interventions at the optimizer's step and at the backward pass."""

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from ..recording.recorder import Recorder

StepHook = Callable[[Optimizer], None]


@contextmanager
def _around_steps(before: StepHook | None = None, after: StepHook | None = None) -> Iterator[None]:
    """Call functions before and after every step of every optimizer, closures excepted."""
    with ExitStack() as stack:
        if before is not None:
            first = before
            stack.callback(register_optimizer_step_pre_hook(lambda optimizer, *_: first(optimizer)).remove)
        if after is not None:
            last = after
            stack.callback(register_optimizer_step_post_hook(lambda optimizer, *_: last(optimizer)).remove)
        yield


def _gradients(optimizer: Optimizer) -> Iterator[Tensor]:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                yield parameter.grad


@contextmanager
def _with_setting(name: str, value: Callable[[Any], Any]) -> Iterator[None]:
    """Cure a setting of all parameter groups for each step, and put it back behind it: schedulers see their own."""
    kept: dict[int, list[Any]] = {}

    def before(optimizer: Optimizer) -> None:
        kept[id(optimizer)] = [group.get(name) for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            if name in group:
                group[name] = value(group[name])

    def after(optimizer: Optimizer) -> None:
        for group, old in zip(optimizer.param_groups, kept.pop(id(optimizer), [])):
            if name in group:
                group[name] = old

    with _around_steps(before, after):
        yield


@contextmanager
def rate(recorder: Recorder, *, factor: float) -> Iterator[None]:
    """Multiply every learning rate."""
    with _with_setting("lr", lambda old: old * factor):
        yield


@contextmanager
def constant_rate(recorder: Recorder) -> Iterator[None]:
    """Keep every learning rate at the largest value that it has had."""
    largest: dict[tuple[int, int], float] = {}

    def before(optimizer: Optimizer) -> None:
        for i, group in enumerate(optimizer.param_groups):
            key = (id(optimizer), i)
            largest[key] = max(largest.get(key, 0.0), float(group["lr"]), float(group.get("initial_lr", 0.0)))
            group["lr"] = largest[key]

    with _around_steps(before):
        yield


@contextmanager
def momentum(recorder: Recorder, *, value: float) -> Iterator[None]:
    """Set the momentum of SGD and the first average of the Adams."""
    with (
        _with_setting("momentum", lambda old: min(old, value)),
        _with_setting("betas", lambda old: (min(old[0], value), *old[1:])),
    ):
        yield


@contextmanager
def no_decay(recorder: Recorder) -> Iterator[None]:
    """Take no weight decay."""
    with _with_setting("weight_decay", lambda old: 0.0):
        yield


@contextmanager
def adam(recorder: Recorder, *, lr: float) -> Iterator[None]:
    """Let Adam make every step instead of the user's optimizer."""
    own: dict[int, Optimizer] = {}
    kept: dict[int, list[Tensor]] = {}
    inside = [False]

    def before(optimizer: Optimizer) -> None:
        if not inside[0]:
            kept[id(optimizer)] = [
                p.detach().clone() for group in optimizer.param_groups for p in group["params"]
            ]

    def after(optimizer: Optimizer) -> None:
        if inside[0]:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        with torch.no_grad():
            for parameter, old in zip(parameters, kept.pop(id(optimizer))):
                parameter.copy_(old)
        if id(optimizer) not in own:
            own[id(optimizer)] = torch.optim.Adam(parameters, lr=lr)
        inside[0] = busy = True
        recorder.busy, was = busy, recorder.busy
        try:
            own[id(optimizer)].step()
        finally:
            inside[0], recorder.busy = False, was

    with _around_steps(before, after):
        yield


@contextmanager
def mean_loss(recorder: Recorder) -> Iterator[None]:
    """Divide the gradients of a summed loss by the number of examples."""

    def before(optimizer: Optimizer) -> None:
        looks = recorder.record.looks
        size = max(looks[-1].examples if looks else 1, 1)
        for grad in _gradients(optimizer):
            grad.div_(size)

    with _around_steps(before):
        yield


@contextmanager
def flip_sign(recorder: Recorder) -> Iterator[None]:
    """Go down where the run goes up."""

    def before(optimizer: Optimizer) -> None:
        for grad in _gradients(optimizer):
            grad.neg_()

    with _around_steps(before):
        yield


@contextmanager
def zero_grad(recorder: Recorder) -> Iterator[None]:
    """Clear the gradients after every step."""
    with _around_steps(after=lambda optimizer: optimizer.zero_grad()):
        yield


@contextmanager
def keep_gradients(recorder: Recorder) -> Iterator[None]:
    """Ignore a zero_grad() between a backward pass and the step."""
    fresh = [False]

    def guarded(own: Callable[..., None]) -> Callable[..., None]:
        @wraps(own)
        def method(self: Any, *args: Any, **kwargs: Any) -> None:
            if not fresh[0]:
                own(self, *args, **kwargs)

        return method

    def after(optimizer: Optimizer) -> None:
        fresh[0] = False
        optimizer.zero_grad()

    with ExitStack() as stack:
        for kind in (Optimizer, nn.Module):
            stack.callback(setattr, kind, "zero_grad", kind.zero_grad)
            kind.zero_grad = guarded(kind.zero_grad)  # type: ignore[method-assign]
        stack.enter_context(_behind_backward(lambda: fresh.__setitem__(0, True)))
        stack.enter_context(_around_steps(after=after))
        yield


@contextmanager
def _behind_backward(call: Callable[[], None]) -> Iterator[None]:
    """Call a function behind every backward pass."""
    own = torch.autograd.backward

    @wraps(own)
    def backward(*args: Any, **kwargs: Any) -> None:
        own(*args, **kwargs)
        call()

    torch.autograd.backward = backward
    try:
        yield
    finally:
        torch.autograd.backward = own


@contextmanager
def no_clip(recorder: Recorder) -> Iterator[None]:
    """Let each step use the gradients as backward left them."""
    raw: dict[int, tuple[Tensor, Tensor]] = {}

    def keep() -> None:
        for parameter in recorder.record.parameters.values():
            if parameter.grad is not None:
                raw[id(parameter)] = (parameter, parameter.grad.detach().clone())

    def before(optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) in raw and parameter.grad is not None:
                    parameter.grad.copy_(raw[id(parameter)][1])

    with _behind_backward(keep), _around_steps(before):
        yield


@contextmanager
def optimize_all(recorder: Recorder) -> Iterator[None]:
    """Give the first optimizer what no optimizer has."""
    met = 0

    def before(optimizer: Optimizer) -> None:
        nonlocal met
        known = len(recorder.record.parameters) + len(recorder.record.strangers)
        if known == met:
            return
        met = known
        optimizers = [known for known in recorder.record.optimizers if known is not optimizer] + [optimizer]
        owned = {id(p) for one in optimizers for group in one.param_groups for p in group["params"]}
        missing = [
            p for p in recorder.record.parameters.values() if p.requires_grad and id(p) not in owned
        ] + [p for p in _strangers(recorder) if id(p) not in owned]
        if missing:
            optimizer.add_param_group({"params": missing})

    with _around_steps(before):
        yield


def _strangers(recorder: Recorder) -> list[Tensor]:
    """Parameters that a gradient reaches and neither a module nor an optimizer has: of layers in a plain list."""
    wanted = {key for key, (_, owned) in recorder.record.strangers.items() if not owned}
    if not wanted:
        return []
    return [parameter for parameter in _living(nn.Parameter) if id(parameter) in wanted]


def _living(kind: type[Any]) -> list[Any]:
    """All objects of a kind; the type is asked, for some objects answer isinstance with a warning."""
    return [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]


@contextmanager
def unfreeze(recorder: Recorder) -> Iterator[None]:
    """Let every parameter of every model learn."""
    from .modes import before_forward

    seen: set[int] = set()

    def thaw(module: nn.Module, args: tuple[Any, ...]) -> None:
        if id(module) not in seen and torch.is_grad_enabled():
            seen.add(id(module))
            for parameter in module.parameters():
                if parameter.is_floating_point():
                    parameter.requires_grad_(True)

    with before_forward(recorder, thaw), optimize_all(recorder):
        yield


@contextmanager
def step(recorder: Recorder) -> Iterator[None]:
    """Step and clear behind every backward pass, with the optimizers that there are."""
    found: list[Optimizer] = []

    def both() -> None:
        if not found:
            parameters = {id(p) for p in recorder.record.parameters.values()}
            found.extend(
                one
                for one in _living(Optimizer)
                if any(id(p) in parameters for group in one.param_groups for p in group["params"])
            )
        for optimizer in found:
            optimizer.step()
            optimizer.zero_grad()

    with _behind_backward(both):
        yield
