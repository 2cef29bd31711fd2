"""The modes of the networks along a program: ``train()``, ``eval()``, and backward in between."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ._loop import BACKWARDS, backwards, callees, optimizer_of, optimizers, steps, trained_elsewhere
from ._program import (
    LOOPS,
    Function,
    Program,
    ancestors,
    calls,
    constant,
    dotted,
    keyword,
    method,
    receiver,
    torch_name,
)
from ._trace import class_named, function_named, made, origin, origins

_LAYERS = ("Dropout", "BatchNorm", "AlphaDropout", "FeatureAlphaDropout", "SyncBatchNorm", "RReLU")
_WITH_DROPOUT = frozenset(["Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer"])
_LIBRARIES = (
    "torchvision.models", "timm.", "transformers.", "segmentation_models_pytorch", "efficientnet_pytorch",
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Something that happens to the mode of a network, or while it has one.

    Attributes:
        kind: "train", "eval", "unknown", "backward" or "step".
        whose: what tells the network from others, of a step the optimizers that it may be; None for a backward.
        node: where it stands.
    """

    kind: str
    whose: object
    node: ast.Call


def trained(program: Program) -> dict[ast.Call, set[object]]:
    """The networks whose parameters each optimizer has."""
    found: dict[ast.Call, set[object]] = {}
    for optimizer in optimizers(program):
        found[optimizer] = set()
        for call in _parameter_calls(program, keyword(optimizer, "params", place=0)):
            whose = receiver(call)
            while isinstance(whose, ast.Attribute) and not _is_own(whose):
                whose = whose.value
            found[optimizer].add(origin(program, whose))
    return found


def _is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _parameter_calls(program: Program, node: ast.expr | None, depth: int = 4) -> Iterator[ast.Call]:
    if node is None or depth == 0:
        return
    for part in ast.walk(node):
        if method(part) in {"parameters", "named_parameters"} and isinstance(part, ast.Call):
            yield part
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            for one in origins(program, part):
                if one.node is not part and _gathers(one.node):
                    yield from _parameter_calls(program, one.node, depth - 1)


def _gathers(node: ast.expr | None) -> bool:
    """Whether an expression puts parameters together, and makes nothing of its own."""
    if isinstance(node, ast.Call):
        plain = isinstance(node.func, ast.Name) and node.func.id in {"list", "filter", "tuple"}
        return plain or method(node) in {"parameters", "chain"}
    return isinstance(node, ast.List | ast.ListComp | ast.BinOp | ast.GeneratorExp | ast.Dict)


def starts(program: Program) -> Iterator[Sequence[ast.stmt]]:
    """Where a program begins: the top of each file, and each function that nothing in the files calls."""
    named = {
        n.id if isinstance(n, ast.Name) else n.attr
        for n in program.nodes
        if isinstance(n, ast.Name | ast.Attribute)
    }
    for node in program.nodes:
        if isinstance(node, ast.Module) or (isinstance(node, Function) and node.name not in named):
            yield node.body


def acting(program: Program) -> frozenset[Function]:
    """The functions that change a mode, run backward or step, themselves or through others."""
    functions = [function for named in program.functions.values() for function in named]
    words = {"train", "eval", "step", *BACKWARDS}
    found = {function for function in functions if any(method(call) in words for call in calls(function))}
    below = {function: set(callees(program, function)) for function in functions}
    while more := {function for function in functions if function not in found and below[function] & found}:
        found |= more
    return frozenset(found)


def events(
    program: Program,
    block: Sequence[ast.stmt],
    acts: frozenset[Function],
    path: tuple[Function, ...] = (),
    *,
    sure: bool = True,
) -> Iterator[Event]:
    """What happens along a block, each loop run through twice, and the functions that are surely called.

    Args:
        program: what was read.
        block: its statements.
        acts: the functions that are looked into, as `acting` gives them.
        path: the functions through which the block was reached; none is entered again.
        sure: whether its backwards surely run.

    Yields:
        Changes of mode, "unknown" where a mode hangs on a condition that is not seen through, and backwards.
    """
    for statement in block:
        if isinstance(statement, ast.If) and not _is_main(statement):
            yield from _branches(program, statement, acts, path)
            ends = any(isinstance(part, ast.Continue | ast.Return | ast.Break) for part in statement.body)
            if ends and not any(word in ast.dump(statement.test) for word in ("isnan", "isfinite", "isinf")):
                sure = False
        elif isinstance(statement, Function | ast.ClassDef):
            continue
        elif isinstance(statement, (*LOOPS, ast.With, ast.AsyncWith, ast.Try)):
            yield from _simple(program, _head(statement), acts, path, sure)
            times = 2 if isinstance(statement, LOOPS) else 1
            inner = [*statement.body, *getattr(statement, "orelse", []), *getattr(statement, "finalbody", [])]
            for _ in range(times):
                yield from events(program, inner, acts, path, sure=sure)
        else:
            yield from _simple(program, [statement], acts, path, sure)


def _is_main(statement: ast.If) -> bool:
    return "__name__" in ast.unparse(statement.test) or isinstance(statement.test, ast.Constant)


def _head(statement: ast.stmt) -> list[ast.AST]:
    """The expressions of a loop or ``with`` before its block."""
    parts = [getattr(statement, "iter", None), getattr(statement, "test", None)]
    parts += [item.context_expr for item in getattr(statement, "items", [])]
    return [part for part in parts if part is not None]


def _branches(
    program: Program, statement: ast.If, acts: frozenset[Function], path: tuple[Function, ...]
) -> Iterator[Event]:
    inner = list(events(program, [*statement.body, *statement.orelse], acts, path, sure=False))
    kinds = {event.kind for event in inner}
    if "eval" not in kinds or ("unknown" not in kinds and _is_periodic(statement.test)):
        yield from inner
    else:
        yield from (Event("unknown", event.whose, event.node) for event in inner)


def _is_periodic(test: ast.expr) -> bool:
    """Whether a condition comes round again and again: ``epoch % 5 == 0``."""
    return any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) for node in ast.walk(test))


def _simple(
    program: Program,
    parts: Sequence[ast.AST],
    acts: frozenset[Function],
    path: tuple[Function, ...],
    sure: bool,
) -> Iterator[Event]:
    for part in parts:
        for call in sorted(calls(part), key=lambda c: (c.end_lineno or 0, c.end_col_offset or 0)):
            if not any(isinstance(above, ast.Lambda) for above in ancestors(program, call)):
                yield from _call(program, call, acts, path, sure)


def _call(
    program: Program, call: ast.Call, acts: frozenset[Function], path: tuple[Function, ...], sure: bool
) -> Iterator[Event]:
    function = function_named(program, call.func)
    if function is not None:
        if function in acts and function not in path and not trained_elsewhere(program, function):
            yield from events(program, function.body, acts, (*path, function), sure=sure)
        return
    if class_named(program, call.func) is not None:
        return
    if method(call) in BACKWARDS and any(one.call is call for one in backwards(program, call)):
        if sure:
            yield Event("backward", None, call)
        return
    if method(call) == "step":
        whose = next((whose for step, whose in steps(program, call) if step is call), None)
        if whose is not None and optimizer_of(program, whose) is not None:
            yield Event("step", frozenset(made(program, whose)), call)
        return
    name = method(call)
    if name == "eval" and not call.args and not dotted(program, receiver(call)):
        yield Event("eval", origin(program, receiver(call)), call)
    elif name == "train" and not dotted(program, receiver(call)):
        mode = keyword(call, "mode", place=0)
        value = mode is None or constant(mode)
        kind = "train" if value is True else "eval" if value is False else "unknown"
        yield Event(kind, origin(program, receiver(call)), call)


def has_modes(program: Program, network: object, seen: tuple[ast.AST, ...] = ()) -> bool:
    """Whether a network behaves otherwise in training: it has dropout or batch normalization, or a library's layers.

    Args:
        program: what was read.
        network: where it was made, or its name, for which the whole program is taken.
        seen: what was looked at on the way.

    Returns:
        Whether such a layer is in sight.
    """
    if not isinstance(network, ast.AST):
        return any(_has_mode(program, node) for node in program.nodes)
    for node in ast.walk(network):
        if _has_mode(program, node):
            return True
        if isinstance(node, ast.Starred) and any(_has_mode(program, other) for other in program.nodes):
            return True  # a list of layers, filled elsewhere
        named = (
            class_named(program, node) or function_named(program, node)
            if isinstance(node, ast.Name)
            else None
        )
        if named is not None and named not in seen and has_modes(program, named, (*seen, named)):
            return True
        if isinstance(node, ast.Name) and named is None and isinstance(node.ctx, ast.Load):
            made_by = origin(program, node)
            if isinstance(made_by, str) or made_by is network or made_by in seen:
                continue
            if has_modes(program, made_by, (*seen, made_by)):
                return True
    return False


def _has_mode(program: Program, node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = torch_name(program, node.func)
    if name.startswith(_LAYERS) or name in {"dropout", "dropout1d", "dropout2d", "dropout3d", "batch_norm"}:
        return True
    rate = keyword(node, "dropout")
    if name in _WITH_DROPOUT:
        return constant(rate) != 0
    if name in {"LSTM", "GRU", "RNN", "MultiheadAttention"} and rate is not None:
        return constant(rate) != 0
    return dotted(program, node.func).startswith(_LIBRARIES)
