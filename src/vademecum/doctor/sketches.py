"""What is kept of the tensors that pass by: small figures, a few rows, never the tensors themselves."""

import math
import weakref
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vademecum._torch.graph import Op

from .figures import ROWS, Activation, Batch, Seen, strided
from .heads import Head
from .record import Call, Scene

NONLINEAR = {
    "Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid", "Gelu": "gelu", "Silu": "silu", "Elu": "elu",
    "LeakyRelu": "leaky_relu", "Softplus": "softplus", "Hardtanh": "relu6", "Selu": "selu", "Threshold": "relu",
    "ClampMin": "relu", "PreluKernel": "prelu", "Mish": "mish", "Hardswish": "hardswish", "Hardsigmoid": "sigmoid",
    "RreluWithNoise": "rrelu", "Glu": "glu", "LogSigmoid": "log_sigmoid",
}  # fmt: skip
"""Kinds of operations that are nonlinearities of units, and what they are called."""

WEIGHTED = frozenset(
    {"Addmm", "Mm", "Convolution", "Bmm", "Baddbmm", "Addmv", "Mv", "Linear", "MkldnnConvolution"}
)
"""Kinds of operations that take a weight matrix or filter."""

FLAT = 0.97
"""Beyond this |tanh| is flat; a sigmoid is beyond the same share of its own range."""


def main_input(inputs: Sequence[Tensor]) -> Tensor | None:
    """The largest tensor with a batch dimension that a model was given."""
    return max((x for x in inputs if x.ndim and x.numel()), key=lambda x: x.numel(), default=None)


def figure(inputs: Sequence[Tensor]) -> float:
    """A figure for the content of a batch: equal batches have equal figures."""
    x = main_input(inputs)
    if x is None:
        return 0.0
    sample = strided(x, 256).double()
    return float(sample @ _weights(sample.numel(), sample.device))


def _weights(count: int, device: torch.device) -> Tensor:
    """Fixed incommensurable weights: no use is made of any random stream."""
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64, device=device) * 1.618033988749895) + 1.5


def keep(seen: Seen, call: Call, target: Tensor | None, memory: int, *, sole: bool = True) -> None:
    """Keep a batch, as long as there is room."""
    x = main_input(call.inputs)
    if x is None:
        return
    seen.passed += 1
    seen.examples += len(x)
    if len(seen.order) < 100_000:
        seen.order.append(figure(call.inputs))
    if seen.full:
        return
    given = [other for other in call.inputs if other.ndim and len(other) == len(x) and other.numel()]
    rows = torch.stack([_rows(other) * (1 + i / 3) for i, other in enumerate(given)]).sum(0)
    kept = columns(x).to("cpu", copy=True)
    y = None if target is None else target.detach().to("cpu", copy=True)
    seen.bytes += kept.nbytes + rows.nbytes + (0 if y is None else y.nbytes)
    if seen.bytes > memory:
        seen.full = True
        return
    batch = Batch(call.step, kept, y, rows.cpu(), tuple(x.shape), call.model, sole, len(given))
    seen.batches.append(batch)


def columns(x: Tensor) -> Tensor:
    """(B, at most ROWS) values of each row, by a fixed stride."""
    flat = x.detach().reshape(len(x), -1)
    return flat[:, :: max(1, -(-flat.shape[1] // ROWS))]


def _rows(x: Tensor) -> Tensor:
    """(B,) a figure for the content of each row."""
    values = columns(x).double()
    return values @ _weights(values.shape[1], values.device)


def overwritten(call: Call, earlier: Sequence[weakref.ref[Tensor]]) -> list[bool]:
    """Look whether a pass that wrote into its inputs changed what they hold.

    Args:
        call: that wrote.
        earlier: inputs of the pass before.

    Returns:
        Nothing where the values are as before; else whether the change outlives the pass: it does where an input is
        a view of something larger, or the very tensor that the earlier pass was given. A batch that was made for
        this pass alone is thrown away with it.
    """
    found = []
    known = {id(x) for x in (ref() for ref in earlier) if x is not None}
    for place in call.changed:
        x = call.inputs[place]
        if figure([x]) != call.figures[place]:
            found.append(x.untyped_storage().nbytes() > 2 * x.nbytes or id(x) in known)
    return [any(found)] if found else []


def shapes(
    calls: Sequence[Call],
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Shapes of what the last calls were given, and of what they returned."""
    return (
        tuple(tuple(x.shape) for call in calls[-1:] for x in call.inputs),
        tuple(tuple(x.shape) for call in calls[-1:] for x in call.outputs),
    )


def target(found: Sequence[Head], output: Tensor | None) -> Tensor | None:
    """The targets of a loss: as its graph keeps them, or the output less the kept difference."""
    for head in found:
        if head.target is not None:
            return head.target.detach()
        if head.output is not None and output is not None and head.output.shape == output.shape:
            difference = head.output.detach()
            if head.kind in {"mse", "l1", "gaussian"}:
                sign = -1.0 if head.op is not None and _reversed(head) else 1.0
                return output.detach() - sign * difference
    return None


def _reversed(head: Head) -> bool:
    """Whether a difference was taken as target less prediction."""
    inputs = head.op.node.next_functions[0][0]
    return inputs is not None and len(inputs.next_functions) == 2 and inputs.next_functions[0][0] is None


def accuracy(found: Sequence[Head], output: Tensor | None) -> float:
    """Share of a batch that is right, nan where the loss is no classification."""
    for head in found:
        y = head.target
        if head.output is None or y is None:
            continue
        if head.kind in {"cross_entropy", "nll"}:
            guess = head.output.argmax(head.dim if head.dim is not None else min(1, head.output.ndim - 1))
            valid = y != (head.ignore_index if head.ignore_index is not None else -100)
            if guess.shape == y.shape and bool(valid.any()):
                return float((guess == y)[valid].float().mean())
        elif head.kind in {"bce", "bce_with_logits"} and head.output.shape == y.shape:
            edge = 0.5 if head.kind == "bce" else 0.0
            return float(((head.output > edge) == (y > 0.5)).float().mean())
    return math.nan


def reach(scene: Scene) -> None:
    """Note which parameters a gradient reaches, and leaves that belong to no model."""
    record = scene.record
    owned = {
        id(p) for optimizer in record.optimizers for group in optimizer.param_groups for p in group["params"]
    }
    inputs = {id(x) for call in scene.calls for x in call.inputs}
    for leaf in scene.graph.leaves:
        name = record.names.get(id(leaf))
        if name is not None:
            record.reached.add(name)
        elif id(leaf) not in inputs:
            record.strangers[id(leaf)] = (tuple(leaf.shape), id(leaf) in owned)


def activations(scene: Scene) -> tuple[Activation, ...]:
    """Look at what the nonlinearities let through, from the input on."""
    graph, found = scene.graph, []
    weighted = [op.index for op in graph if op.kind in WEIGHTED]
    first = min(weighted, default=len(graph))
    for op in graph:
        kind = NONLINEAR.get(op.kind)
        if kind is not None:
            seen = _activation(scene, op, kind, op.index < first)
            if seen is not None:
                found.append(seen)
    found.reverse()
    return tuple(
        Activation(
            a.kind, a.place, depth, a.units, a.active, a.saturated, a.zeros, a.std, a.next_is_output
        )
        for depth, a in enumerate(found)
    )  # fmt: skip


def _activation(scene: Scene, op: Op, kind: str, last: bool) -> Activation | None:
    value = op.saved("result")
    if value is None:
        before = op.saved("self")
        if before is None:
            return None
        value = before.clamp_min(0) if kind in {"relu", "relu6"} else before
    value = value.detach()
    if not value.numel() or not value.is_floating_point():
        return None
    axis = 1 if value.ndim >= 4 or (value.ndim == 3 and _is_channels(op, scene)) else value.ndim - 1
    units = value.shape[axis] if value.ndim else 1
    sample = strided(value, 4096).float()
    active, saturated = None, 0.0
    if kind in {"relu", "relu6"}:
        active = (value.movedim(axis, -1).reshape(-1, units) > 0).any(0).cpu()
    if kind == "tanh":
        saturated = float((sample.abs() > FLAT).float().mean())
    if kind == "sigmoid":
        saturated = float(((2 * sample - 1).abs() > 0.96).float().mean())
    figures = torch.stack([(sample == 0).float().mean(), sample.std(correction=0)]).tolist()
    return Activation(kind, scene.layer(op), 0, units, active, saturated, figures[0], figures[1], last)


def _is_channels(op: Op, scene: Scene) -> bool:
    """Whether a three-dimensional value comes from a convolution over a line: channels stand second then."""
    behind = scene.graph.source(op)
    while behind is not None and behind.kind not in WEIGHTED:
        behind = scene.graph.source(behind)
    return behind is not None and "onvolution" in behind.kind


def norms(named: Mapping[str, Tensor | None]) -> dict[str, float]:
    """Norms of many tensors in one copy to the host."""
    kept = {name: t for name, t in named.items() if t is not None and t.numel()}
    if not kept:
        return {}
    values = [
        torch.linalg.vector_norm((t.coalesce().values() if t.is_sparse else t.detach()).float())
        for t in kept.values()
    ]
    by_device = torch.stack([value.to(values[0].device) for value in values]).tolist()
    return dict(zip(kept, by_device))
