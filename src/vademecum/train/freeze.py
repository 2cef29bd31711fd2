r"""Freezing: keep parts of a network exactly as they are while the others train.

Use it where a part was trained elsewhere and few examples are at hand, or for the first epochs of a fine-tuning
(`freeze_first`). Frozen means all of it: parameters get no gradient, so no step, momentum or weight decay of any
optimizer moves them, and running statistics stop, also after a later `model.train()`.

$$ \theta_{frozen}(t) = \theta_{frozen}(0), \qquad \mu_{frozen}(t) = \mu_{frozen}(0) \quad \text{for all } t $$

A frozen part that keeps buffers of its own (batch normalization, spectral normalization) runs in evaluation mode: two
forward hooks switch its mode for the time of its own call and back. The flag `training` is what the user set whenever
the user can look. The hooks stand on the part, so a deep copy has its own, and no state dict knows of them; `thaw`
removes them.

Also called: freeze layers, requires_grad=False, freeze_to.
Departures: `norm_stats="update"` lets running statistics go on, as most libraries do when they freeze; the weights
    then stay, but what the part computes does not.
Pitfalls: dropout in frozen parts stays on in training mode, but for a part that keeps buffers and calls dropout itself.
    A gradient of zeros is not the same as none: weight decay and momentum still move the weight. Distributed training
    collects the trainable parameters when it wraps the model: freeze and thaw before. A tied weight is frozen in all
    places where it stands.
Claim: none, because it is exact: the laws hold it bit for bit.
Peer: none was run. What is often done by hand, evaluation mode set once, is undone by the next `train()`; it is one of
    the twins.

References:
    yosinski2014how: section 2, features that are copied and frozen against those that are fine-tuned.
    howard2018universal: drift, as the forgetting that section 3.3 sets out to avoid.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches

import torch
from torch import Tensor, nn

__all__ = ["drift", "freeze", "frozen", "new_parameters", "thaw"]

Part = str | nn.Module | nn.Parameter

HOLD = "_held_in_evaluation"
"""The attribute of a frozen part under which its hooks are kept; it goes with the part into copies."""


class _Hold:
    """The two hooks that put one part into evaluation mode for the time of its call."""

    def __init__(self, part: nn.Module) -> None:
        self.modes: list[bool] = []
        self.handles = (
            part.register_forward_pre_hook(self.enter, prepend=True),  # before hooks that change buffers
            part.register_forward_hook(self.leave, always_call=True),
        )

    def enter(self, part: nn.Module, inputs: object) -> None:
        self.modes.append(part.training)
        part.training = False

    def leave(self, part: nn.Module, inputs: object, output: object) -> None:
        part.training = self.modes.pop()


def is_held(part: nn.Module) -> bool:
    """Say whether a part runs in evaluation mode because it is frozen."""
    return hasattr(part, HOLD)


def _release(part: nn.Module) -> None:
    if is_held(part):
        for handle in getattr(part, HOLD).handles:
            handle.remove()
        delattr(part, HOLD)


def freeze(
    model: nn.Module, *parts: Part, except_: Iterable[Part] = (), norm_stats: str = "freeze"
) -> tuple[str, ...]:
    """Freeze parts of a model, in place.

    Args:
        model: its optimizer may exist already.
        *parts: paths of modules or parameters ("body", "body.0.weight"), or these themselves; the whole model where
            there is none.
        except_: what stays as it is within them, named in the same way.
        norm_stats: "freeze" stops running statistics and all other buffers, "update" leaves them to the mode.

    Returns:
        Names of the parameters that are frozen by this call or were so before.

    Raises:
        ValueError: norm_stats is unknown.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        >>> freeze(model, except_=["2"])
        ('0.weight', '0.bias', '1.weight', '1.bias')
        >>> model.train()(torch.randn(8, 2)).sum().backward()
        >>> model[1].running_mean, model[0].weight.grad
        (tensor([0., 0., 0.]), None)
    """
    if norm_stats not in {"freeze", "update"}:
        raise ValueError(
            f'norm_stats must be "freeze" or "update": it is {norm_stats!r}; "freeze" stops running statistics too.'
        )
    inside, outside = _members(model, parts or ("",)), _members(model, except_)
    names = []
    for name, parameter in model.named_parameters():
        if id(parameter) in inside and id(parameter) not in outside:
            parameter.requires_grad_(False)
            parameter.grad = None  # with a gradient of zeros, decay and momentum would still move it
            names.append(name)
    for part in model.modules():
        own = [part, *part.parameters(recurse=False)]
        whole = id(part) in inside and not any(id(thing) in outside for thing in own)
        keeps = next(part.buffers(recurse=False), None) is not None
        if whole and norm_stats == "update":
            _release(part)
        elif whole and keeps and not is_held(part):
            setattr(part, HOLD, _Hold(part))
    return tuple(names)


def thaw(model: nn.Module, *parts: Part) -> tuple[str, ...]:
    """Make parts of a model trainable again, in place.

    What an optimizer remembers of them (momentum, second moments) is as it was when they were frozen.

    Args:
        model: any module.
        *parts: as in `freeze`; the whole model where there is none.

    Returns:
        Names of their parameters, all of which train now.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        >>> _ = freeze(model)
        >>> thaw(model, "1")
        ('1.weight', '1.bias')
    """
    inside = _members(model, parts or ("",))
    names = []
    for name, parameter in model.named_parameters():
        if id(parameter) in inside and parameter.is_floating_point():
            parameter.requires_grad_(True)
            names.append(name)
    for part in model.modules():
        if id(part) in inside:
            _release(part)
    return tuple(names)


@contextmanager
def frozen(
    model: nn.Module, *parts: Part, except_: Iterable[Part] = (), norm_stats: str = "freeze"
) -> Iterator[nn.Module]:
    """Freeze parts of a model while a block runs.

    Args:
        model: any module.
        *parts: as in `freeze`.
        except_: as in `freeze`.
        norm_stats: as in `freeze`.

    Yields:
        The model. Afterwards each part trains or is frozen as before; gradients are dropped.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> with frozen(model, "bias"):
        ...     print(model.weight.requires_grad, model.bias.requires_grad)
        True False
        >>> model.bias.requires_grad
        True
    """
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    held = {part for part in model.modules() if is_held(part)}
    freeze(model, *parts, except_=except_, norm_stats=norm_stats)
    try:
        yield model
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
        for part in model.modules():
            if part not in held:
                _release(part)


@torch.no_grad()
def drift(model: nn.Module, reference: nn.Module | Mapping[str, Tensor]) -> dict[str, float]:
    """Measure how far each parameter and buffer has moved.

    Args:
        model: after training.
        reference: the model before, or its state dict (a copy: ``model.state_dict()`` itself moves along).

    Returns:
        By name, the distance as a share of the reference's length: 0 for what is bit-equal, infinite where
        something came from nothing.

    Raises:
        ValueError: the reference lacks a tensor, or has it in another shape.

    Example:
        >>> before = {"weight": torch.tensor([[3.0, 4.0]]), "bias": torch.tensor([1.0])}
        >>> model = nn.Linear(2, 1)
        >>> _ = model.load_state_dict({"weight": torch.tensor([[3.0, 4.5]]), "bias": torch.tensor([1.0])})
        >>> drift(model, before)  # 0.5 of a length of 5
        {'weight': 0.1, 'bias': 0.0}
    """
    before = reference.state_dict() if isinstance(reference, nn.Module) else reference
    moved = {}
    for name, tensor in model.state_dict().items():
        if not isinstance(tensor, Tensor):  # extra state
            continue
        if name not in before or before[name].shape != tensor.shape:
            came = tuple(before[name].shape) if name in before else "none"
            raise ValueError(
                f"the reference must hold each tensor of the model: {name} is {tuple(tensor.shape)} there and "
                f"{came} here; pass the state dict of the same network."
            )
        old, new = before[name].double(), tensor.double().to(before[name].device)
        distance = float((new - old).norm())
        moved[name] = distance / float(old.norm()) if distance and old.any() else (distance and float("inf"))
    return moved


def new_parameters(model: nn.Module, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Find the parameters that a checkpoint does not fill: these are new and must be trained.

    Args:
        model: the network.
        state: a state dict, of this network or of the one that it was made from.

    Returns:
        Names of the parameters that the state lacks or has in another shape.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5))
        >>> new_parameters(model, nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 10)).state_dict())
        ('1.weight', '1.bias')
    """
    return tuple(
        name
        for name, parameter in model.named_parameters()
        if name not in state or state[name].shape != parameter.shape
    )


def _members(model: nn.Module, parts: Iterable[Part]) -> set[int]:
    """The ids of the modules and parameters that stand in some parts of a model."""
    if isinstance(parts, str | nn.Module | nn.Parameter):
        parts = (parts,)
    found: set[int] = set()
    for part in parts:
        if isinstance(part, str):
            part = named_part(model, part)
        if isinstance(part, nn.Module):
            found |= {id(module) for module in part.modules()} | {id(p) for p in part.parameters()}
        else:
            found.add(id(part))
    own = {id(module) for module in model.modules()} | {id(p) for p in model.parameters()}
    if not found <= own:
        raise ValueError(
            f"the parts must stand in the model: one given as an object is none of {type(model).__name__}; give parts "
            "of this model, not of a copy."
        )
    return found


def named_part(model: nn.Module, path: str) -> nn.Module | nn.Parameter:
    """Find a module or parameter by its path.

    Args:
        model: any module.
        path: as in ``named_modules`` or ``named_parameters``.

    Returns:
        The module or the parameter.

    Raises:
        ValueError: there is none of this path.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    if path in modules:
        return modules[path]
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if path in parameters:
        return parameters[path]
    close = get_close_matches(path, [*modules, *parameters], n=3) or [
        name for name, _ in model.named_children()
    ]
    raise ValueError(
        f"a part must be the path of a module or parameter: {type(model).__name__} has no {path!r}; "
        f"there is {', '.join(close) or 'only the model itself'}."
    )
