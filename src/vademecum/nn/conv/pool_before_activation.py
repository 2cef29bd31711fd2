r"""Pooling before the activation: the same result from a quarter of the evaluations.

Networks are written convolution, activation, pooling. Where the activation acts on each value alone and never falls,
the largest value is largest before it as well, so that both may change places: a pooling of 2 by 2 then leaves a
quarter of the activation's work.

$$ \max_{i \in R} f(a_i) = f\big(\max_{i \in R} a_i\big) \quad \text{for every R} \iff f \text{ never falls} $$

`pool_before_activation` changes a model where this is exact; `activation_pool_pairs` says where it is not, and why.

Also called: ReLU after max pooling, activation-pooling swap.
Departures: none.
Pitfalls: what is saved is elementwise work, a small part of most networks' time. A parametric ReLU whose slopes are
    positive today may learn negative ones. Not for GELU, SiLU and Mish, which fall before they rise, though random
    inputs seldom show it: a window must be negative throughout. A normalization between the two keeps them apart,
    since its gain may be negative. A forward pass that takes children of an `nn.Sequential` by their number meets
    the new order. Outside of `nn.Sequential` the change goes through torch.fx: the result is a
    `GraphModule`, without the parts that the forward pass does not use.
Claim: none, because the equality and the counts are exact, and held by laws and tests.
Peer: none; compilers fuse the two and keep their order.

References:
    krizhevsky2012imagenet: sections 3.4 and 3.5, the usual order: rectified maps are pooled.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from ..._torch.modes import evaluating
from ..._torch.trace import tensors

__all__ = ["ActivationPool", "activation_evaluations", "activation_pool_pairs", "pool_before_activation"]


@dataclass(frozen=True)
class ActivationPool:
    """An activation with a pooling right behind it.

    Attributes:
        activation: its path in the model, or its node in the traced graph.
        pool: that of the pooling.
        reason: why the two may not change places; empty where they may.

    Example:
        >>> activation_pool_pairs(nn.Sequential(nn.Conv2d(1, 1, 3), nn.GELU(), nn.MaxPool2d(2)))
        (ActivationPool(activation='1', pool='2', reason='GELU falls before it rises'),)
    """

    activation: str
    pool: str
    reason: str


_FALLS = "falls before it rises"
_MONOTONE: Mapping[type[nn.Module], Callable[[Any], bool]] = {
    nn.ReLU: lambda _: True,
    nn.ReLU6: lambda _: True,
    nn.LeakyReLU: lambda a: a.negative_slope >= 0,
    nn.PReLU: lambda a: bool((a.weight >= 0).all()),
    nn.ELU: lambda a: a.alpha >= 0,
    nn.CELU: lambda a: a.alpha > 0,
    nn.SELU: lambda _: True,
    nn.Tanh: lambda _: True,
    nn.Sigmoid: lambda _: True,
    nn.LogSigmoid: lambda _: True,
    nn.Softplus: lambda a: a.beta > 0,
    nn.Softsign: lambda _: True,
    nn.Hardtanh: lambda _: True,
    nn.Hardsigmoid: lambda _: True,
}
_REFUSED: Mapping[type[nn.Module], str] = {
    nn.GELU: _FALLS,
    nn.SiLU: _FALLS,
    nn.Mish: _FALLS,
    nn.Hardswish: _FALLS,
    nn.RReLU: "draws its slopes at random in training",
    nn.Softmax2d: "mixes channels",
}
_MAXIMA = (
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
_MEANS = (
    nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.LPPool1d, nn.LPPool2d, nn.LPPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
)  # fmt: skip
# Functions by name, since torch has several objects for one function.
_MONOTONE_FUNCTIONS = {"relu", "relu_", "relu6", "tanh", "tanh_", "sigmoid", "sigmoid_", "selu", "softsign"}
_REFUSED_FUNCTIONS = {"gelu", "silu", "mish", "hardswish"}
_MAXIMUM_FUNCTIONS = {
    f"{kind}max_pool{d}d" for kind in ("", "adaptive_", "_", "_adaptive_") for d in (1, 2, 3)
}
_MEAN_FUNCTIONS = {f"{kind}avg_pool{d}d" for kind in ("", "adaptive_") for d in (1, 2, 3)}


def pool_before_activation(model: nn.Module) -> nn.Module:
    """Copy a model with each activation behind the maximum pooling that followed it, where that is exact.

    Children of `nn.Sequential` change places and keep their names, so that the state dict stays as it is. What
    remains between other parts and functions is changed in the graph that torch.fx traces, where it can: the forward
    pass must be one graph, the same in training and in evaluation.

    Args:
        model: left as it is.

    Returns:
        The copy: of the same class, or a `GraphModule` where a graph had to be changed.

    Raises:
        ValueError: there is nothing to change; the message says why for each pair.

    Example:
        >>> pool_before_activation(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2)))
        Sequential(
          (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))
          (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
          (1): ReLU()
        )
    """
    copy = deepcopy(model)
    changed = False
    for _, chain in _chains(copy):
        while pair := next((p for p in _in_chain(chain, "") if not p.reason), None):
            _exchange_children(chain, pair)
            changed = True
    graph = _traced(copy)
    if graph is not None:
        found = False
        while node := next((n for n in graph.nodes if _in_graph(copy, n) == ""), None):
            _exchange_nodes(node)
            found = True
        if found:
            graph.lint()
            return fx.GraphModule(copy, graph, type(model).__name__)
    if changed:
        return copy
    pairs = activation_pool_pairs(model)
    reasons = "; ".join(f"{p.activation!r} before {p.pool!r}: {p.reason}" for p in pairs)
    raise ValueError(
        f"an activation that never falls must stand right before a maximum pooling: {type(model).__name__} has no such "
        f"pair ({reasons or 'no pair at all'}); leave the model as it is."
    )


def activation_pool_pairs(model: nn.Module) -> tuple[ActivationPool, ...]:
    """List the activations that have a pooling right behind them, and say which pairs may change places.

    Args:
        model: any network; where torch.fx cannot trace it, only its `nn.Sequential` parts are seen.

    Returns:
        The pairs in the order of the forward pass.

    Example:
        >>> pairs = activation_pool_pairs(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.ReLU(), nn.AvgPool2d(2)))
        >>> [pair.reason for pair in pairs]
        ['', 'AvgPool2d is no maximum']
    """
    graph = _traced(model)
    if graph is None:
        return tuple(pair for path, chain in _chains(model) for pair in _in_chain(chain, path))
    found = []
    for node in graph.nodes:
        reason = _in_graph(model, node)
        if reason is not None:
            before = node.args[0]
            found.append(ActivationPool(_name(before), _name(node), reason))
    return tuple(found)


def activation_evaluations(model: nn.Module, x: Tensor) -> int:
    """Count the values that go through activations in one forward pass, in evaluation mode.

    Works on the meta device, where nothing is computed.

    Args:
        model: any network; modes are then as before.
        x: inputs.

    Returns:
        The number of values.

    Example:
        >>> net = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
        >>> activation_evaluations(net, torch.zeros(1, 1, 4, 4))
        16
        >>> activation_evaluations(pool_before_activation(net), torch.zeros(1, 1, 4, 4))
        4
    """
    with torch.no_grad(), evaluating(model), _Counting() as counting:
        model(x)
    return counting.evaluations


class _Counting(TorchFunctionMode):
    """Counts the outputs of activation functions; one called inside another counts once."""

    names = (
        _MONOTONE_FUNCTIONS
        | _REFUSED_FUNCTIONS
        | {"leaky_relu", "leaky_relu_", "prelu", "rrelu", "elu", "elu_", "celu", "logsigmoid", "log_sigmoid"}
        | {"softplus", "hardtanh", "hardtanh_", "hardsigmoid"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.evaluations = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one torch function and count what it gives.

        Returns:
            What the function gives.
        """
        output = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in self.names:
            self.evaluations += sum(t.numel() for t in tensors(output))
        return output


def _why_not(activation: nn.Module, pool: nn.Module, *, alone: bool) -> str | None:
    """Why two parts may not change places: empty where they may, None where they are no such pair."""
    kind = type(activation)
    if (kind not in _MONOTONE and kind not in _REFUSED) or not isinstance(pool, (*_MAXIMA, *_MEANS)):
        return None
    if isinstance(pool, _MEANS):
        return f"{type(pool).__name__} is no maximum"
    if kind in _REFUSED:
        return f"{kind.__name__} {_REFUSED[kind]}"
    if not _MONOTONE[kind](activation):
        return f"{kind.__name__} has a negative slope"
    if getattr(pool, "return_indices", False):
        return "the indices of equal values may change"
    if getattr(activation, "inplace", False) and not alone:
        return f"{kind.__name__} works in place on a value that others may use"
    return ""


def _chains(model: nn.Module) -> Iterator[tuple[str, nn.Sequential]]:
    """The parts whose children are called one after the other, and their paths."""
    for path, part in model.named_modules():
        if isinstance(part, nn.Sequential) and type(part).forward is nn.Sequential.forward:
            yield path, part


def _makes_its_output(part: nn.Module | None) -> bool:
    """A part with parameters gives a new tensor, which nobody else holds."""
    return part is not None and next(part.parameters(), None) is not None


def _in_chain(chain: nn.Sequential, path: str) -> list[ActivationPool]:
    children = _children(chain)
    found = []
    before: nn.Module | None = None
    for (name, part), (next_name, following) in pairwise(children):
        reason = _why_not(part, following, alone=_makes_its_output(before))
        if reason is not None:
            prefix = f"{path}." if path else ""
            found.append(ActivationPool(prefix + name, prefix + next_name, reason))
        before = part
    return found


def _children(chain: nn.Sequential) -> list[tuple[str, nn.Module]]:
    """Names and children in their order; one that stands in two places stands here twice."""
    return [
        (name, part) for name, part in chain.named_modules(remove_duplicate=False) if name and "." not in name
    ]


def _exchange_children(chain: nn.Sequential, pair: ActivationPool) -> None:
    """Let two neighbours change places and keep their names."""
    order = _children(chain)
    place = next(i for i, (name, _) in enumerate(order) if name == pair.activation)
    order[place : place + 2] = reversed(order[place : place + 2])
    for name, part in order:  # deleted and added again, in the new order
        delattr(chain, name)
        chain.add_module(name, part)


def _traced(model: nn.Module) -> fx.Graph | None:
    """The graph of the forward pass, where there is one and it is the same in both modes."""
    codes = []
    for mode in (True, False):
        try:
            codes.append(fx.symbolic_trace(deepcopy(model).train(mode)).code)
        except Exception:  # whatever a forward pass raises when it is given symbols
            return None
    return fx.Tracer().trace(model) if codes[0] == codes[1] else None


def _in_graph(model: nn.Module, node: fx.Node) -> str | None:
    """Why a pooling node may not change places with its input: empty where it may, None where it is no such pair."""
    before = node.args[0] if node.args else None
    if not isinstance(before, fx.Node) or len(before.users) > 1 or not before.args:
        return None
    activation, pool = _as_module(model, before), _as_module(model, node)
    if activation is None or pool is None:
        return None
    source = before.args[0]
    alone = (
        isinstance(source, fx.Node)
        and len(source.users) == 1
        and source.op == "call_module"
        and _makes_its_output(model.get_submodule(str(source.target)))
    )
    return _why_not(activation, pool, alone=alone)


def _name(node: fx.Node) -> str:
    """The path of the part that a node calls, or the node's own name."""
    return str(node.target) if node.op == "call_module" else node.name


def _as_module(model: nn.Module, node: fx.Node) -> nn.Module | None:
    """The part that a node calls; for a function, a part that does the same as far as it matters here."""
    if node.op == "call_module":
        return model.get_submodule(str(node.target))
    if node.op not in {"call_function", "call_method"}:
        return None
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    if name in _MONOTONE_FUNCTIONS:
        return nn.ReLU(inplace=name.endswith("_") or bool(node.kwargs.get("inplace", False)))
    if name in _REFUSED_FUNCTIONS:
        return {"gelu": nn.GELU, "silu": nn.SiLU, "mish": nn.Mish, "hardswish": nn.Hardswish}[name]()
    if name == "leaky_relu":
        slope = node.args[1] if len(node.args) > 1 else node.kwargs.get("negative_slope", 0.01)
        return nn.LeakyReLU(slope, inplace=bool(node.kwargs.get("inplace", False)))  # type: ignore[arg-type]
    if name in _MAXIMUM_FUNCTIONS:
        return nn.MaxPool2d(1, return_indices=bool(node.kwargs.get("return_indices", False)))
    return nn.AvgPool2d(1) if name in _MEAN_FUNCTIONS else None


def _exchange_nodes(pool: fx.Node) -> None:
    """Let a pooling change places with the activation before it."""
    activation = pool.args[0]
    assert isinstance(activation, fx.Node)
    source = activation.args[0]
    assert isinstance(source, fx.Node)
    pool.replace_input_with(activation, source)
    pool.replace_all_uses_with(activation)
    activation.replace_input_with(source, pool)
    pool.append(activation)
