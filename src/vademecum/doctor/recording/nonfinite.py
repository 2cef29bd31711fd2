"""Find where the first value that is not finite came from: data, a parameter, or one operation."""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from vademecum._torch.graph import Graph, Op
from vademecum._torch.streams import same_streams
from vademecum._torch.trace import tensors

from .heads import heads
from .naming import small
from .record import Call, Record, Site
from .sites import caller


@dataclass(frozen=True)
class Origin:
    """Where the first value that is not finite was met.

    Attributes:
        what: "input", "target", "parameter", "operation", "gradient", or "loss" where it could not be followed.
        step: optimizer steps before it.
        where: path of a module or parameter, or the name of an input; "" where none is known.
        cause: a clause that says what happened, such as "the logarithm of 0".
        cure: one imperative sentence, or "".
        site: line of the user's code.
        share: of the values that are not finite, where a tensor of the user's is meant.
        loss: at that moment.
        sure: whether the operation itself was seen to do it.
    """

    what: str
    step: int
    where: str = ""
    cause: str = ""
    cure: str = ""
    site: Site = field(default_factory=Site)
    share: float = 0.0
    loss: float = math.nan
    sure: bool = True


MASKS = (
    "masked_fill",
    "where",
    "full",
    "fill_",
    "triu",
    "tril",
    "new_full",
    "tensor",
    "scatter",
    "index_fill",
)
"""Functions that write minus infinity on purpose."""

FLAT = "Add a small number inside it, such as torch.sqrt(x + 1e-12): its slope at 0 is infinite."
RISKS = {
    "Sqrt": ("the square root of 0, whose slope is infinite", FLAT, "result", lambda x: x == 0),
    "Rsqrt": ("one over the square root of 0", FLAT, "result", lambda x: ~x.isfinite()),
    "Log": ("the logarithm of 0", "", "self", lambda x: x == 0),
    "Log2": ("the logarithm of 0", "", "self", lambda x: x == 0),
    "Log10": ("the logarithm of 0", "", "self", lambda x: x == 0),
    "Log1P": ("the logarithm of 0", "", "self", lambda x: x == -1),
    "Div": ("a division by 0", "", "other", lambda x: x == 0),
    "Reciprocal": ("a division by 0", "", "result", lambda x: ~x.isfinite()),
    "Exp": ("an exponential that overflows", "", "result", lambda x: x.isinf()),
    "Acos": ("the arc cosine of 1 or -1, whose slope is infinite", "", "self", lambda x: x.abs() >= 1),
    "Asin": ("the arc sine of 1 or -1, whose slope is infinite", "", "self", lambda x: x.abs() >= 1),
    "Atan2": ("the angle of the point (0, 0)", "", "other", lambda x: x == 0),
}
"""Operations with an infinite value or slope: what happens, its cure, what they keep, and where it is so."""

CURES = {
    "logarithm": "Clamp the argument, as in torch.log(x.clamp_min(1e-8)), or take F.log_softmax or F.logsigmoid of "
    "the scores instead of the logarithm of a probability.",
    "division": "Keep the divisor away from 0, as in x / y.clamp_min(1e-8).",
    "exponential": "Bound what is exponentiated (clamp it, or subtract its maximum as F.softmax does).",
    "arc": "Clamp the argument to the inside of (-1, 1), as in x.clamp(-1 + 1e-7, 1 - 1e-7).",
    "angle": "Keep the point away from (0, 0).",
    "overflow": "Scale the values down or compute this part in float32.",
}


Risk = tuple[str, str, bool, Site]
"""An operation whose slope can be infinite: what happens, its cure, whether it did, the user's line."""


def told(origin: Origin) -> dict[str, Any]:
    """An origin as a record keeps it."""
    return {"step": origin.step, "loss": origin.loss, "what": origin.what, "origin": origin}


def of_gradient(record: Record, risky: Sequence[Risk]) -> Origin:
    """A gradient is not finite where the loss was: name the operation whose slope was infinite."""
    step, value = record.steps, record.losses[-1][1] if record.losses else math.nan
    for cause, cure, happens, site in risky:
        if happens:
            return Origin("gradient", step, "", cause, cure, site, loss=value)
    return Origin("gradient", step, loss=value, sure=False)


def locate(record: Record, loss: Tensor, calls: Sequence[Call]) -> Origin:
    """Follow a loss that is not finite back to where it began.

    Args:
        record: of the run so far.
        loss: () before its backward pass.
        calls: forward passes behind it.

    Returns:
        Where the first value was met that is not finite.
    """
    step, value = record.steps, float(loss)
    made = next((_bad_input(call, step, value) for call in calls if _bad_input(call, step, value)), None)
    if made is not None:
        return made
    graph = Graph(loss)
    for head in heads(graph):
        if head.target is not None and not _finite(head.target):
            return Origin("target", step, "targets", share=_share(head.target), loss=value)
    bad = [name for name, p in record.parameters.items() if not _finite(p)]
    bad += [
        f"{tuple(leaf.shape)}" for leaf in graph.leaves if id(leaf) not in record.names and not _finite(leaf)
    ]
    if bad:
        return Origin("parameter", step, bad[0], share=len(bad) / max(len(record.parameters), 1), loss=value)
    for call in calls:
        if any(not _finite(out) for out in call.outputs):
            found = _replayed(record, call, step, value)
            if found is not None:
                return found
    for op in _from_leaves(graph):
        cause, cure = _made_by(op)
        if cause:
            return Origin("operation", step, "", cause, cure, Site(*op.site), loss=value)
    return Origin("loss", step, loss=value, sure=False)


def risks(graph: Graph) -> list[Risk]:
    """Operations of a graph whose slope can be infinite."""
    found = []
    for op in graph:
        cause, cure, kept, happens = RISKS.get(op.kind, ("", "", "", None))
        value = op.saved(kept) if happens is not None else None
        if op.kind == "Pow" and isinstance(op.saved("exponent"), float) and op.saved("exponent") < 1:
            cause, cure, value, happens = (
                "a power below 1 of 0, whose slope is infinite", FLAT, op.saved("self"), lambda x: x == 0
            )  # fmt: skip
        if happens is not None and isinstance(value, Tensor) and value.numel():
            found.append((cause, cure or _cure(cause), bool(happens(value.detach()).any()), Site(*op.site)))
    return found


def _made_by(op: Op) -> tuple[str, str]:
    """What an operation of a graph did to make a value that is not finite, and its cure; ("", "") where nothing."""
    kept, result = op.saved("self"), op.saved("result")
    low = kept.detach() if isinstance(kept, Tensor) and kept.is_floating_point() and kept.numel() else None
    cause = ""
    if op.kind.startswith("Log") and op.kind in RISKS and low is not None:
        edge = -1 if op.kind == "Log1P" else 0
        below, at = bool((low < edge).any()), bool((low == edge).any())
        cause = "the logarithm of a negative number" if below else "the logarithm of 0" if at else ""
    elif op.kind == "Sqrt" and isinstance(result, Tensor) and bool(result.isnan().any()):
        return (
            "the square root of a negative number",
            "Clamp its argument: torch.sqrt(x.clamp_min(0) + 1e-12).",
        )
    elif op.kind in {"Std", "Var"} and low is not None and low.shape and bool(_finite(low)):
        count = math.prod(low.shape[d] for d in _dims(op, low))
        if count - float(op.saved("correction") if op.saved("correction") is not None else 1) <= 0:
            return "the standard deviation of one number", "Take it over more values, or with correction=0."
    elif op.kind == "Mean" and op.saved("self_sym_numel") == 0:
        return "the mean of no number", "Skip the empty batch or selection."
    elif op.kind == "NllLoss" and isinstance(op.saved("total_weight"), Tensor):
        if float(op.saved("total_weight")) == 0 and _finite(op.saved("self")):
            return (
                "the mean of a cross-entropy over no target: every one of the batch has the ignored index",
                "Skip batches without targets, or sum the loss and divide by max(number of targets, 1).",
            )
    elif op.kind in {"Acos", "Asin"} and low is not None and bool((low.abs() > 1).any()):
        cause = "the arc cosine or sine of a number beyond 1"
    elif op.kind == "Pow" and low is not None and _power_fails(op, low):
        return (
            "a fractional power of a negative number",
            "Keep the base positive, as in x.abs().clamp_min(1e-8).",
        )
    elif op.kind in RISKS and op.kind not in {"Sqrt", "Acos", "Asin", "Atan2"}:
        name, _, place, happens = RISKS[op.kind]
        value = op.saved(place)
        cause = name if isinstance(value, Tensor) and bool(happens(value.detach()).any()) else ""
    elif op.kind in {"Mul", "Mm", "Addmm", "Bmm", "Pow"}:
        parts = [op.saved(name) for name in ("self", "other", "mat1", "mat2")]
        held = [part.detach() for part in parts if isinstance(part, Tensor)]
        if held and all(_finite(part) for part in held) and _overflows(op, held):
            cause = f"an overflow of {str(held[0].dtype).removeprefix('torch.')} in a product"
    return cause, _cure(cause)


def _overflows(op: Op, held: Sequence[Tensor]) -> bool:
    """Whether a product of finite values is not finite."""
    if op.kind == "Pow":
        return isinstance(op.saved("exponent"), (int, float)) and not _finite(held[0] ** op.saved("exponent"))
    if len(held) < 2:
        return False
    product = held[0] * held[1] if op.kind == "Mul" else held[0] @ held[1]
    return not _finite(product)


def _power_fails(op: Op, base: Tensor) -> bool:
    exponent = op.saved("exponent")
    return isinstance(exponent, float) and exponent != int(exponent) and bool((base < 0).any())


def _dims(op: Op, value: Tensor) -> Sequence[int]:
    """Dimensions that were reduced; autograd keeps negative ones without their sign."""
    dims = op.saved("dim")
    if not dims:
        return range(value.ndim)
    return [d - 2**64 if d >= 2**63 else d for d in dims]


def _cure(cause: str) -> str:
    return next((cure for word, cure in CURES.items() if word in cause), "")


def _from_leaves(graph: Graph) -> Iterator[Op]:
    """The operations of a graph, each after all that it was computed from."""
    waiting = [len({index for index in op.inputs if index is not None}) for op in graph]
    above: list[set[int]] = [set() for _ in graph]
    for op in graph:
        for index in op.inputs:
            if index is not None:
                above[index].add(op.index)
    ready = [index for index, count in enumerate(waiting) if count == 0]
    while ready:
        index = ready.pop()
        yield graph.ops[index]
        for over in above[index]:
            waiting[over] -= 1
            if waiting[over] == 0:
                ready.append(over)


def _bad_input(call: Call, step: int, loss: float) -> Origin | None:
    """An input that is NaN somewhere, or infinite; minus infinity is a mask."""
    for place, x in enumerate(call.inputs):
        if x.is_floating_point() and x.numel() and bool((x.isnan() | (x == math.inf)).any()):
            rows = x.detach().isfinite().reshape(len(x), -1) if x.ndim else x.isfinite().reshape(1, 1)
            row = int((~rows.all(1)).nonzero()[0])
            what = "input" if place == 0 else f"input {place + 1}"
            bad = ~rows
            column = int(bad.sum(0).argmax()) if rows.shape[1] > 1 else 0
            text = f"row {row} of the batch, column {column} (flattened)"
            return Origin(
                "input", step, what, text, site=call.site, share=float(bad.float().mean()), loss=loss
            )
    return None


_Seen = tuple[str, str, Site, list[Tensor]]


class _Follow(TorchFunctionMode):
    """Note the first functions that turn finite values into others."""

    def __init__(self) -> None:
        super().__init__()
        self.nan: _Seen | None = None
        self.infinite: _Seen | None = None
        self.now = ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [x.detach().clone() for x in tensors((args, kwargs or {})) if x.is_floating_point()]
        out = func(*args, **(kwargs or {}))
        name = (resolve_name(func) or getattr(func, "__name__", "")).rpartition(".")[2]
        made = [x.detach() for x in tensors(out) if x.is_floating_point()]
        if any(name.startswith(mask) for mask in MASKS) or name.startswith("__get"):
            return out
        seen = (name, self.now, caller(), given)
        if self.nan is None and _any(made, torch.isnan) and not _any(given, torch.isnan):
            self.nan = seen
        if self.infinite is None and _any(made, torch.isinf) and all(_finite(x) for x in given):
            self.infinite = seen
        return out


def _replayed(record: Record, call: Call, step: int, loss: float) -> Origin | None:
    """Repeat a call on a copy and say which function of it made the first value that is not finite."""
    model = record.models.get(call.model)
    if model is None or not small(model):
        return None
    follow = _Follow()
    try:
        copy = deepcopy(model)
        for path, part in copy.named_modules():
            _unhooked(part)
            if next(part.children(), None) is None:
                part.register_forward_pre_hook(lambda *_, path=path: setattr(follow, "now", path))
                part.register_forward_hook(lambda *_: setattr(follow, "now", ""))
        with same_streams(), torch.no_grad(), follow:
            copy(*call.args, **call.kwargs)
    except Exception:  # a replay is a help, never a condition
        return None
    seen = follow.nan or follow.infinite
    if follow.infinite is not None and (follow.nan is None or not all(_finite(x) for x in follow.nan[3])):
        seen = follow.infinite
    if seen is None:
        return None
    name, path, site, given = seen
    cause = _function_cause(name, given)
    return Origin("operation", step, path, cause, _cure(cause), site, loss=loss)


def _unhooked(part: nn.Module) -> None:
    """Take the hooks of others off a copy, where torch lets them be seen."""
    for table in (
        "_forward_hooks",
        "_backward_hooks",
        "_backward_pre_hooks",
    ):  # pre-hooks may compute weights
        getattr(part, table, {}).clear()


def _function_cause(name: str, given: Sequence[Tensor]) -> str:
    """What a function did with finite values."""
    first = given[0] if given else torch.zeros(())
    if name.startswith("log") and "softmax" not in name and "sigmoid" not in name and "exp" not in name:
        edge = -1 if name.startswith("log1p") else 0
        return f"the logarithm of {'a negative number' if bool((first < edge).any()) else '0'}"
    if name.startswith("sqrt"):
        return "the square root of a negative number"
    if name.startswith(("div", "true_divide", "__truediv__", "__rtruediv__", "rsqrt", "reciprocal")):
        return "a division by 0"
    if name.startswith("exp"):
        return "an exponential that overflows"
    if name.startswith(("acos", "asin")):
        return "the arc cosine or sine of a number beyond 1"
    if "softmax" in name:
        return "a softmax over values that are all masked (minus infinity)"
    if name.startswith(("std", "var")):
        return "the standard deviation of one number"
    if name.startswith("mean"):
        return "the mean of no number"
    if given and all(_finite(x) for x in given):
        return f"an overflow of {str(first.dtype).removeprefix('torch.')} in {name}"
    return f"infinite values met in {name}"


def _any(values: Sequence[Tensor], question: Callable[[Tensor], Tensor]) -> bool:
    return any(bool(question(value).any()) for value in values)


def _finite(tensor: Tensor) -> bool:
    """Whether all values are finite; a sum tells it without a copy."""
    if not tensor.is_floating_point() and not tensor.is_complex():
        return True
    values = tensor.detach()
    return bool(values.isfinite().all())


def _share(tensor: Tensor) -> float:
    return float((~tensor.detach().isfinite()).float().mean())
