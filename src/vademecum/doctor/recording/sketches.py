"""What is kept of the tensors that pass by: small figures, a few rows, never the tensors themselves."""

import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import mul

import torch
from torch import Tensor

from vademecum._torch.graph import Op

from .figures import ROWS, SAMPLE, Activation, Batch, Seen, strided
from .heads import Head
from .naming import free
from .record import Call, Evaluation, Record, Scene

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

SCALED = 128
"""Factors of a loss from here on, where they are powers of two, are a gradient scaler's."""

ORDERED = 100_000
"""Batches whose figures are kept."""

FIGURED = 64
"""Values of a batch, about, of which its figure is made."""

WEIGHTS = tuple(1.5 + math.sin(i * 1.618033988749895) for i in range(1, 2 * FIGURED + 1))
"""What they are multiplied with: incommensurable, and no use is made of any random stream."""

FLAT = 0.97
"""Beyond this |tanh| is flat; a sigmoid is beyond the same share of its own range."""


def main_input(inputs: Sequence[Tensor]) -> Tensor | None:
    """The largest tensor with a batch dimension that a model was given."""
    return max((x for x in inputs if x.ndim and x.numel()), key=lambda x: x.numel(), default=None)


def figure(inputs: Sequence[Tensor]) -> float:
    """A figure for the content of a batch: equal batches have equal figures."""
    x = main_input(inputs)
    return 0.0 if x is None else float(figured(x))


def figured(x: Tensor) -> float | Tensor:
    """The figure of a batch; a () tensor where it is on another device, so that nothing waits for it.

    It is asked for at every step: on the CPU it is made of few operations.

    Args:
        x: not empty.

    Returns:
        The figure.
    """
    x = x.detach()
    if not x.is_cpu or not x.is_contiguous() or x.is_complex():
        return _exact(x)
    count = x.numel()
    step = max(1, count // FIGURED) | 1  # odd: it walks through the columns
    values = x.as_strided((-(-count // step),), (step,)).tolist()
    if values.count(values[0]) > len(values) // 2:  # sparse data: a sample may miss all that differs
        return float(_exact(x))
    return sum(map(mul, values, WEIGHTS))


def _exact(x: Tensor) -> Tensor:
    """() a figure of nearly all values."""
    sample = strided(x.abs() if x.is_complex() else x, 1 << 20).double()
    return sample @ incommensurable(sample.numel(), sample.device)


def incommensurable(count: int, device: torch.device) -> Tensor:
    """(count,) fixed weights that make one figure of many values; no random stream is used."""
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64, device=device) * 1.618033988749895) + 1.5


def count(seen: Seen, call: Call) -> Tensor | None:
    """Count a batch; returns its main input."""
    x = main_input(call.inputs)
    if x is not None:
        seen.passed += 1
        seen.examples += len(x)
        if len(seen.order) < ORDERED:
            seen.passes(figured(x))
    return x


def keep(seen: Seen, call: Call, target: Tensor | None, memory: int, *, sole: bool = True) -> None:
    """Count a batch and keep it, as long as there is room."""
    x = count(seen, call)
    if x is None or seen.full:
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
    return values @ incommensurable(values.shape[1], values.device)


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


def aim(seen: Seen, y: Tensor) -> None:
    """Keep the targets of the last batch, where they fit to it and were not known."""
    last = seen.batches[-1] if seen.batches else None
    if last is not None and last.y is None and y.ndim and len(y) == len(last.x):
        seen.batches[-1] = replace(last, y=y.detach().to("cpu", copy=True))


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
    for place, leaf in enumerate(scene.graph.leaves):
        name = record.names.get(id(leaf))
        if name is not None:
            record.reached.add(name)
            record.depth.setdefault(name, place)
        elif id(leaf) not in inputs:
            record.strangers[id(leaf)] = (tuple(leaf.shape), id(leaf) in owned)


def activations(scene: Scene) -> tuple[Activation, ...]:
    """Look at what the nonlinearities let through, from the input on."""
    graph, found = scene.graph, []
    weighted = [op.index for op in graph if op.kind in WEIGHTED]
    first = min(weighted, default=len(graph))
    products = [set(op.inputs) for op in graph if op.kind == "Mul" and None not in op.inputs]
    gates = {index for pair in products if len(pair) == 2 for index in pair}  # a dropout's mask has no graph
    for op in graph:
        kind = NONLINEAR.get(op.kind)
        if kind is not None:
            seen = _activation(scene, op, kind, op.index < first)
            if seen is not None:
                found.append(replace(seen, gate=op.index in gates))
    found.reverse()
    return tuple(replace(a, depth=depth) for depth, a in enumerate(found))


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


def summed(scene: Scene) -> int:
    """Examples over which the loss is a sum that nothing divides; 0 where it is none."""
    sums = {head.op.index: head for head in scene.heads if head.reduction == "sum"}
    graph = scene.graph
    waiting = [0] if len(graph) else []
    while waiting:
        op = graph.ops[waiting.pop()]
        if op.index in sums:
            output = sums[op.index].output
            return len(output) if output is not None and output.ndim else 0
        if op.kind == "Sum":
            shape = op.saved("self_sym_sizes") or ()
            behind = graph.inputs(op)
            shape = shape or (behind[0].shape if behind else ()) or ()
            return int(shape[0]) if shape else 0
        if op.kind in {"Add", "Sub", "Neg"}:
            waiting += [index for index in op.inputs if index is not None]
    return 0


def evaluation(
    record: Record, calls: Sequence[Call], passes: int, told: Sequence[tuple[float, float]]
) -> Evaluation:
    """Close a stretch of passes without gradients: its first and last call, their number, (loss, accuracy) told."""
    losses = [value for value, _ in told if math.isfinite(value)]
    right = [value for _, value in told if math.isfinite(value)]
    first = calls[0]
    return Evaluation(
        record.steps, passes, all(call.training for call in calls), first.modes,
        sum(losses) / len(losses) if losses else math.nan,
        sum(right) / len(right) if right else math.nan,
        same_data=figure(first.inputs) in record.train.order[-512:],
    )  # fmt: skip


def adopt(record: Record, optimizer: torch.optim.Optimizer) -> None:
    """Name the parameters of a program without modules, so that they are watched too."""
    for number, p in enumerate(p for group in optimizer.param_groups for p in group["params"]):
        if id(p) not in record.names:
            name = free(f"parameter {number}", record.parameters)
            record.names[id(p)], record.parameters[name] = name, p
            record.start[name] = strided(p, SAMPLE).clone()
            record.loose.add(name)


def felt(grad: Tensor | None, sample: int) -> bool:
    """Whether a gradient is not zero at the places at which a parameter is sampled."""
    return grad is not None and not grad.is_sparse and bool(strided(grad, sample).any())


def holds(record: Record, name: str, parameters: Sequence[Tensor]) -> bool:
    """Whether some of the parameters belong to a model."""
    own = {id(p) for p in record.models[name].parameters()}
    return any(id(p) in own for p in parameters)


def scale(loss: Tensor) -> float:
    """The factor that a gradient scaler has multiplied a loss with, else 1: a large power of two, the last of all."""
    if loss.grad_fn is None or loss.grad_fn.name() != "MulBackward0":
        return 1.0
    factor = getattr(loss.grad_fn, "_saved_other", None)
    if not isinstance(factor, Tensor) or factor.numel() != 1 or factor.requires_grad:
        return 1.0
    value = float(factor)
    return value if value >= SCALED and math.log2(value).is_integer() else 1.0


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
