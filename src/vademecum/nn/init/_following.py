"""Which activation follows each layer: read from one run's autograd graph, which functional code cannot escape."""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from vademecum._torch.modes import evaluating
from vademecum._torch.streams import same_streams
from vademecum.nn.activation import ACTIVATIONS, Maxout, Maxout2d

from ._fan import LAYERS
from .he_init import gain


@dataclass(frozen=True)
class Following:
    """The activation after a layer.

    Attributes:
        name: as in a recipe, with its slope where it has one; "linear" where none follows.
        gain: that keeps the mean square.
        symmetric: whether Glorot's derivation covers it: linear, or bounded on both sides.
    """

    name: str
    gain: float
    symmetric: bool = False


LINEAR = Following("linear", 1.0, symmetric=True)
RECTIFIER = Following("relu", 2**0.5)

_SYMMETRIC = {"tanh", "scaled_tanh", "sigmoid", "hardtanh", "hardsigmoid", "softsign"}
_MODULES: tuple[type[nn.Module], ...] = (
    *(kind for kind in ACTIVATIONS.values() if isinstance(kind, type) and kind is not nn.Identity),
    *(nn.CELU, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Softsign),
)
_STOPS = ("Addmm", "Addbmm", "Baddbmm", "Mm", "Bmm", "Mv", "Dot", "Convolution", "Trilinear", "Embedding", "Softmax",
          "LogSoftmax", "ScaledDotProduct", "NllLoss", "Glu")  # fmt: skip
"""Nodes after which the signal is another one: its scale is no longer that of the layer before."""


def _saved(node: Node, name: str, default: float) -> float:
    return float(getattr(node, f"_saved_{name}", default))


def _of_node(node: Node) -> nn.Module | Callable[[Tensor], Tensor] | None:
    """The activation that an autograd node differentiates; None where it is no activation."""
    name = _operation(node)
    if name == "PreluKernel":
        slope = nn.PReLU()
        slope.weight = nn.Parameter(node._saved_weight.detach().flatten())  # type: ignore[attr-defined]
        return slope
    if name == "Hardtanh":
        low, high = _saved(node, "min_val", -1.0), _saved(node, "max_val", 1.0)
        return nn.Hardtanh(low, high)
    if (
        name in {"Clamp", "ClampMin"}
        and getattr(node, "_saved_min", None) == 0
        and not getattr(node, "_saved_max", None)
    ):
        return nn.ReLU()
    makers: Mapping[str, Callable[[], nn.Module]] = {
        "Relu": nn.ReLU,
        "LeakyRelu": lambda: nn.LeakyReLU(_saved(node, "negative_slope", 0.01)),
        "RreluWithNoise": nn.RReLU,
        "Gelu": lambda: nn.GELU(getattr(node, "_saved_approximate", "none")),
        "Elu": lambda: _Elu(
            _saved(node, "alpha", 1.0), _saved(node, "scale", 1.0), _saved(node, "input_scale", 1.0)
        ),
        "Silu": nn.SiLU,
        "Mish": nn.Mish,
        "Softplus": lambda: nn.Softplus(_saved(node, "beta", 1.0)),
        "Sigmoid": nn.Sigmoid,
        "Tanh": nn.Tanh,
        "Hardsigmoid": nn.Hardsigmoid,
        "Hardswish": nn.Hardswish,
    }
    return makers[name]() if name in makers else None


class _Elu(nn.Module):
    """What torch's ELU, CELU and SELU have in common: one operation with three scales."""

    def __init__(self, alpha: float, scale: float, input_scale: float) -> None:
        super().__init__()
        self.alpha, self.scale, self.input_scale = alpha, scale, input_scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * torch.where(x > 0, x, self.alpha * torch.expm1(self.input_scale * x.clamp(max=0)))


def _operation(node: Node) -> str:
    return re.sub(r"Backward\d*$", "", node.name())


def describe(act: nn.Module | Callable[[Tensor], Tensor]) -> Following:
    """Name an activation and compute its gain.

    Args:
        act: a module of `_MODULES`, a maxout layer, or made by `_of_node`.

    Returns:
        Its name, gain, and whether it is symmetric or bounded.
    """
    names: dict[object, str] = {kind: name for name, kind in ACTIVATIONS.items()}
    name = "elu" if isinstance(act, _Elu) else names.get(type(act), type(act).__name__.lower())
    if isinstance(act, _Elu) and act.scale != 1.0:
        name = "selu"
    symmetric = name in _SYMMETRIC
    if isinstance(act, nn.Hardtanh) and act.min_val >= 0:  # relu6 is a hardtanh from 0 to 6
        name, symmetric = f"relu{act.max_val:g}", False
    if isinstance(act, Maxout | Maxout2d):
        name = f"maxout({act.pieces})"
    if isinstance(act, nn.LeakyReLU):
        name = f"leaky_relu({act.negative_slope:g})"
    return Following(name, gain(act), symmetric)


def following(model: nn.Module, inputs: tuple[Any, ...]) -> Mapping[str, Following]:
    """Run the model once and find the activation that each layer's output reaches first.

    Whatever keeps the signal the same signal is passed: normalization, pooling, reshaping, addition. The model is
    run in evaluation mode on detached weights; nothing of it changes.

    Args:
        model: any module.
        inputs: its positional inputs.

    Returns:
        The activation for each layer that was called, by path.

    Raises:
        ValueError: the output does not depend on any layer by autograd.
    """
    made: dict[str, Node] = {}  # path -> node of the layer's output, as it was before any in-place activation
    entered: dict[Node, nn.Module] = {}  # node whose output enters an activation module -> that module
    found: dict[str, Following] = {}

    def leave(path: str, layer: nn.Module, output: Any) -> None:
        if isinstance(layer, Maxout | Maxout2d):
            found.setdefault(path, describe(layer))
        elif isinstance(output, Tensor) and output.grad_fn is not None:
            made.setdefault(path, output.grad_fn)

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], Tensor) and args[0].grad_fn is not None:
            entered.setdefault(args[0].grad_fn, module)

    with ExitStack() as stack:
        stack.enter_context(same_streams())
        stack.enter_context(evaluating(model))
        stack.enter_context(torch.enable_grad())
        for path, module in model.named_modules():
            if isinstance(module, LAYERS):

                def hook(layer: nn.Module, args: tuple[Any, ...], output: Any, path: str = path) -> None:
                    leave(path, layer, output)

                stack.callback(module.register_forward_hook(hook).remove)
            elif isinstance(module, _MODULES):
                stack.callback(module.register_forward_pre_hook(enter).remove)
        weights = {
            name: p.detach().requires_grad_(p.is_floating_point()) for name, p in model.named_parameters()
        }
        output = torch.func.functional_call(model, weights, inputs)
    roots = [tensor.grad_fn for tensor in _tensors(output) if tensor.grad_fn is not None]
    if made and not roots:
        raise ValueError(
            "the model's output must depend on its weights by autograd, so that it can be seen what follows what: "
            f"{type(model).__name__} gives {type(output).__name__} without a gradient; name a policy other than 'auto'."
        )
    consumers = _consumers(roots)
    for path, node in made.items():
        found[path] = _first(node, consumers, entered)
    return found


def _tensors(thing: Any) -> Iterator[Tensor]:
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, Mapping):
        for value in thing.values():
            yield from _tensors(value)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from _tensors(value)
    elif is_dataclass(thing):
        yield from _tensors(vars(thing))


def _consumers(roots: list[Node]) -> Mapping[Node, list[Node]]:
    """Turn the graph around: for each node, those that take what it made."""
    consumers: dict[Node, list[Node]] = defaultdict(list)
    seen, todo = set(roots), list(roots)
    while todo:
        node = todo.pop()
        for source, _ in node.next_functions:
            if source is not None:
                consumers[source].append(node)
                if source not in seen:
                    seen.add(source)
                    todo.append(source)
    return consumers


def _first(start: Node, consumers: Mapping[Node, list[Node]], entered: Mapping[Node, nn.Module]) -> Following:
    """Walk from a layer's output towards the model's output, nearest nodes first."""
    seen, todo = {start}, deque([start])
    while todo:
        node = todo.popleft()
        if node in entered:
            return describe(entered[node])
        for consumer in consumers.get(node, ()):
            if consumer in seen:
                continue
            seen.add(consumer)
            act = _of_node(consumer)
            if isinstance(act, nn.Sigmoid) and _gates_itself(node, consumer, consumers):
                return describe(nn.SiLU())
            if act is not None:
                return describe(act)
            if not _operation(consumer).startswith(_STOPS):
                todo.append(consumer)
    return LINEAR


def _gates_itself(node: Node, sigmoid: Node, consumers: Mapping[Node, list[Node]]) -> bool:
    """Whether x * sigmoid(x) is computed: a product takes both."""
    products = {consumer for consumer in consumers.get(sigmoid, ()) if _operation(consumer) == "Mul"}
    return any(consumer in products for consumer in consumers.get(node, ()))
