"""What the last operation on a value was: a softmax, a sigmoid, a linear layer; through views, layers and networks."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ._program import (
    Program,
    calls,
    class_of,
    constant,
    dotted,
    keyword,
    method,
    receiver,
    statement_of,
    text,
    torch_name,
)
from ._trace import (
    class_named,
    function_named,
    is_module,
    made,
    method_of,
    origins,
    reaching,
    returned,
)

_VIEWS = frozenset((
    "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "contiguous",
    "mT", "T", "t", "expand", "movedim",
))  # fmt: skip
_SAME = frozenset((
    "float", "double", "half", "to", "cuda", "cpu", "type_as", "bfloat16", "clone", "clamp", "clip",
    "clamp_min",
))  # fmt: skip
_LINEAR = frozenset(["Linear", "LazyLinear", "Bilinear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d"])
_HANDS_ON = frozenset(("Flatten", "Unflatten", "Identity"))
_SQUASH = {
    "softmax": "softmax", "log_softmax": "log_softmax", "sigmoid": "sigmoid", "expit": "sigmoid",
    "logsigmoid": "logsigmoid", "softmin": "softmax",
}  # fmt: skip
_LAYERS = {
    "Softmax": "softmax", "Softmax2d": "softmax", "Softmin": "softmax", "LogSoftmax": "log_softmax",
    "Sigmoid": "sigmoid", "LogSigmoid": "logsigmoid",
}  # fmt: skip
LOSSES = {
    "CrossEntropyLoss": "cross_entropy", "BCEWithLogitsLoss": "bce_logits", "NLLLoss": "nll", "BCELoss": "bce",
    "MSELoss": "mse", "L1Loss": "l1", "SmoothL1Loss": "l1", "HuberLoss": "l1",
}  # fmt: skip
_FUNCTIONS = {
    "cross_entropy": "cross_entropy", "binary_cross_entropy_with_logits": "bce_logits", "nll_loss": "nll",
    "binary_cross_entropy": "bce", "mse_loss": "mse", "l1_loss": "l1", "smooth_l1_loss": "l1", "huber_loss": "l1",
}  # fmt: skip


@dataclass(frozen=True)
class Out:
    """The last operation on a value.

    Attributes:
        kind: "softmax", "log_softmax", "sigmoid", "logsigmoid" or "linear".
        node: the call that does it, or makes the layer that does it.
        dim: of a softmax, None where it is not written or no longer known.
        width: of the last linear layer, 0 where it is not known.
    """

    kind: str
    node: ast.Call
    dim: int | None = None
    width: int = 0


@dataclass(frozen=True)
class Loss:
    """A call of one of torch's losses.

    Attributes:
        call: the call.
        kind: "cross_entropy", "bce_logits", "nll", "bce", "mse" or "l1".
        input: what the network gave.
        target: what it should have given.
        name: of the loss as torch calls it.
    """

    call: ast.Call
    kind: str
    input: ast.expr
    target: ast.expr | None
    name: str


def losses(program: Program) -> Iterator[Loss]:
    """The calls of torch's losses."""
    for call in (node for node in program.nodes if isinstance(node, ast.Call)):
        if found := loss_at(program, call):
            yield found


def loss_at(program: Program, call: ast.Call) -> Loss | None:
    """A call as a loss, None where it is none or not surely one."""
    value = keyword(call, "input", place=0)
    if value is None:
        return None
    name = torch_name(program, call.func)
    kind = _FUNCTIONS.get(name, "")
    if not kind and not name and function_named(program, call.func) is None:
        names = {torch_name(program, maker.func) for maker in made(program, call.func)}
        name = names.pop() if len(names) == 1 else ""
        kind = LOSSES.get(name, "")
    return Loss(call, kind, value, keyword(call, "target", place=1), name) if kind else None


def flow(program: Program, node: ast.expr | None, *, index: int = -1, depth: int = 14) -> Out | None:
    """What the last operation on a value was.

    Args:
        program: where it stands.
        node: the value.
        index: the place in it that is meant, -1 for the whole.
        depth: how far to look.

    Returns:
        The operation; None where it cannot be known, or not on all ways the same.
    """
    if node is None or depth <= 0:
        return None
    if isinstance(node, ast.Name):
        found = reaching(program, node)
        if any(binding.value is None or (binding.index >= 0 and index >= 0) for binding in found):
            return None
        return _agree(
            flow(program, b.value, index=b.index if b.index >= 0 else index, depth=depth - 1) for b in found
        )
    if isinstance(node, ast.IfExp):
        return _agree(flow(program, part, index=index, depth=depth - 1) for part in (node.body, node.orelse))
    if isinstance(node, ast.Tuple):
        return flow(program, node.elts[index], depth=depth - 1) if 0 <= index < len(node.elts) else None
    if isinstance(node, ast.NamedExpr):
        return flow(program, node.value, index=index, depth=depth - 1)
    if isinstance(node, ast.Subscript):
        return _picked(program, node, index, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _tiny(node.right):
        return flow(program, node.left, index=index, depth=depth - 1)
    return _called(program, node, index, depth) if isinstance(node, ast.Call) else None


def _agree(outs: Iterable[Out | None]) -> Out | None:
    found = list(outs)
    first = found[0] if found else None
    if first is None or any(out is None or out.kind != first.kind for out in found):
        return None
    same = all(out is not None and (out.dim, out.width) == (first.dim, first.width) for out in found)
    return first if same else replace(first, dim=None, width=0)


def _tiny(node: ast.expr) -> bool:
    value = constant(node)
    return (isinstance(value, float) and 0 < value < 1e-3) or (
        isinstance(node, ast.Name) and "eps" in node.id.lower()
    )


def _picked(program: Program, node: ast.Subscript, index: int, depth: int) -> Out | None:
    place = constant(node.slice)
    if isinstance(place, int) and index < 0:
        out = flow(program, node.value, index=place, depth=depth - 1)
        if out is not None:
            return out
    out = flow(program, node.value, depth=depth - 1)
    return replace(out, dim=None, width=0) if out is not None and out.kind in {"sigmoid", "linear"} else None


def _called(program: Program, call: ast.Call, index: int, depth: int) -> Out | None:
    name = torch_name(program, call.func)
    first = call.args[0] if call.args else keyword(call, "input")
    if not name and method(call) and not isinstance(receiver(call), ast.Constant):
        own = isinstance(receiver(call), ast.Name) and text(receiver(call)) == "self"
        known = method(call) in {*_SQUASH, *_VIEWS, *_SAME, "log", "exp"} and not own
        if known and function_named(program, call.func) is None and not dotted(program, call.func):
            return _applied(program, call, method(call), receiver(call), 0, depth)
    if name in {*_SQUASH, *_VIEWS, *_SAME, "log", "exp"}:
        return _applied(program, call, name, first, 1, depth)
    if name in {"linear", "conv2d", "conv1d"}:
        return Out("linear", call)
    function = function_named(program, call.func)
    if function is not None:
        if method(call) == "forward" or not function.name.startswith("__"):
            return _agree(flow(program, v, index=index, depth=depth - 1) for v in returned(program, function))
        return None
    layer = receiver(call) if method(call) == "forward" else call.func
    if isinstance(layer, ast.Name) and layer.id == "self":
        return network(program, class_of(program, call), index, depth - 1)
    if dotted(program, layer):
        return None  # of another library
    return _agree(through(program, maker, first, index, depth - 1) for maker in made(program, layer))


def _applied(
    program: Program, call: ast.Call, name: str, value: ast.expr | None, place: int, depth: int
) -> Out | None:
    inner = flow(program, value, depth=depth - 1)
    if name in _SQUASH:
        dim = constant(keyword(call, "dim", "axis", place=place))
        width = inner.width if inner is not None and inner.kind == "linear" else 0
        return Out(_SQUASH[name], call, dim if isinstance(dim, int) else None, width)
    if inner is None:
        return None
    if name == "log":
        turned = {"softmax": "log_softmax", "sigmoid": "logsigmoid"}.get(inner.kind)
        return replace(inner, kind=turned) if turned else None
    if name == "exp":
        turned = {"log_softmax": "softmax", "logsigmoid": "sigmoid"}.get(inner.kind)
        return replace(inner, kind=turned) if turned else None
    return inner if name in _SAME else replace(inner, dim=None, width=0)


def through(
    program: Program, maker: ast.Call, value: ast.expr | None, index: int = -1, depth: int = 14
) -> Out | None:
    """What a layer gives, made by a call, for a value."""
    name = torch_name(program, maker.func)
    if name == "Sequential" and index < 0:
        out = None
        for layer in layers(program, maker):
            out = _layer(program, layer, out, depth - 1)
        return out
    if name:
        if index >= 0 or name not in {*_LAYERS, *_LINEAR, *_HANDS_ON}:
            return None
        inner = flow(program, value, depth=depth - 1) if name not in _LINEAR else None
        return _one(program, maker, name, inner)
    own = class_named(program, maker.func)
    return network(program, own, index, depth - 1) if own is not None else None


def _one(program: Program, maker: ast.Call, name: str, inner: Out | None) -> Out | None:
    if name in _LAYERS:
        dim = constant(keyword(maker, "dim", place=0))
        width = inner.width if inner is not None and inner.kind == "linear" else 0
        return Out(_LAYERS[name], maker, dim if isinstance(dim, int) else None, width)
    if name in _LINEAR:
        place = 0 if name == "LazyLinear" else 1
        return Out("linear", maker, None, number(program, keyword(maker, "out_features", place=place)))
    if name in {"Flatten", "Unflatten"} and inner is not None:
        return replace(inner, dim=None, width=inner.width if name == "Flatten" else 0)
    return inner if name == "Identity" else None


def _layer(program: Program, layer: ast.expr | None, inner: Out | None, depth: int) -> Out | None:
    found = made(program, layer)
    if len(found) != 1 or depth <= 0:
        return None
    name = torch_name(program, found[0].func)
    if name and name != "Sequential":
        return _one(program, found[0], name, inner)
    return through(program, found[0], None, depth=depth - 1)


def layers(program: Program, sequential: ast.Call) -> list[ast.expr | None]:
    """The layers of an ``nn.Sequential(...)`` as they are written; a None for those that cannot be known."""
    found: list[ast.expr | None] = []
    for argument in sequential.args:
        if isinstance(argument, ast.Starred):
            found += [None, *_listed(program, argument)]
        elif isinstance(argument, ast.Call) and dotted(program, argument.func) == "collections.OrderedDict":
            pairs = argument.args[0] if argument.args else None
            items = pairs.elts if isinstance(pairs, ast.List | ast.Tuple) else []
            found += [p.elts[1] if isinstance(p, ast.Tuple) and len(p.elts) == 2 else None for p in items]
        elif isinstance(argument, ast.Dict):
            found += argument.values
        else:
            found.append(argument)
    return found


def _listed(program: Program, starred: ast.Starred) -> list[ast.expr | None]:
    """The last layers of a list that is unpacked: as it is written, or what was appended last."""
    value = starred.value
    if isinstance(value, ast.List | ast.Tuple):
        return list(value.elts)
    if not isinstance(value, ast.Name):
        return [None]
    block = block_of(program, statement_of(program, value))
    before = [s for s in block if (s.end_lineno or 0) < value.lineno]
    for statement in reversed(before):
        mentions = any(isinstance(n, ast.Name) and n.id == value.id for n in ast.walk(statement))
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and method(call) == "append" and mentions and call.args:
            return [None, call.args[0]]
        if isinstance(statement, ast.AugAssign) and mentions and isinstance(statement.value, ast.List):
            return [None, *statement.value.elts]
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.List) and mentions:
            return list(statement.value.elts)
        if mentions:
            return [None]
    return [None]


def block_of(program: Program, statement: ast.stmt) -> list[ast.stmt]:
    """The statements among which a statement stands."""
    parent = program.parents.get(statement)
    for field in ("body", "orelse", "finalbody"):
        block = getattr(parent, field, None)
        if isinstance(block, list) and statement in block:
            return block
    return []


def network(program: Program, owner: ast.ClassDef | None, index: int, depth: int) -> Out | None:
    """What a network of the program gives: what its ``forward`` returns."""
    if owner is None or depth <= 0 or not is_module(program, owner):
        return None
    forward = method_of(program, owner, "forward")
    if forward is None:
        return None
    return _agree(flow(program, value, index=index, depth=depth - 1) for value in returned(program, forward))


def number(program: Program, node: ast.expr | None) -> int:
    """A whole number that is written, also under a name; 0 where it is not known."""
    found = {constant(one.node) for one in origins(program, node)} if node is not None else {None}
    only = found.pop() if len(found) == 1 else None
    return only if isinstance(only, int) and not isinstance(only, bool) else 0


def computes(node: ast.AST) -> bool:
    """Whether something is computed in an expression, beyond views and casts."""
    return any(method(call) not in {*_VIEWS, *_SAME} for call in calls(node))
