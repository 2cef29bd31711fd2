"""Rules on what backward starts from."""

import ast
from collections.abc import Iterator

from .._finding import Finding
from ._flow import Loss, computes, flow, loss_at, losses
from ._loop import backwards, optimizers
from ._program import Program, class_of, constant, method, receiver, text, torch_name
from ._say import finding
from ._trace import is_lightning, made, origins, reaching, returned

_MEANS = frozenset(("mean", "sum"))


def flipped_loss_sign(program: Program) -> Iterator[Finding]:
    """A loss that is turned round before backward, so that training makes it larger."""
    if len(optimizers(program)) > 1 or any(
        isinstance(n, ast.keyword) and n.arg == "maximize" for n in program.nodes
    ):
        return  # adversaries, and ascent that is asked for
    for backward in backwards(program):
        for value in _values(program, backward.loss):
            if (loss := _negated(program, value)) is not None:
                yield _flipped(
                    program, value, f"{loss.name} is made negative before backward", _unsigned(value)
                )
            elif _unsigned_likelihood(program, value):
                yield _flipped(
                    program, value, "The mean of the targets' log-probabilities is given to backward as it is",
                    (value, f"-{text(value)}"),
                )  # fmt: skip
    for loss in losses(program):
        if loss.kind == "nll" and isinstance(loss.input, ast.UnaryOp) and isinstance(loss.input.op, ast.USub):
            out = flow(program, loss.input.operand)
            if out is not None and out.kind == "log_softmax":
                yield _flipped(
                    program, loss.call, f"{loss.name} changes the sign itself, and is given log-probabilities with the "
                    "sign changed", (loss.input, text(loss.input.operand)),
                )  # fmt: skip


def _flipped(program: Program, node: ast.AST, what: str, swap: tuple[ast.AST, str] | None) -> Finding:
    return finding(
        program, node, "flipped-loss-sign", "warning",
        f"{what}: each step makes the targets less likely, and the loss has no lower bound.",
        cure="Change the sign, so that a smaller loss is a better fit.",
        disproof="The error is to grow: ascent on purpose, against an adversary or to unlearn.", swap=swap,
    )  # fmt: skip


def _values(program: Program, node: ast.expr) -> list[ast.expr]:
    """The expressions that a loss may be."""
    found = [one.node for one in origins(program, node) if one.index < 0]
    return [one for one in found if one is not None]


def _negated(program: Program, node: ast.expr) -> Loss | None:
    inner: ast.expr | None = None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = node.operand
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left, right = constant(node.left), constant(node.right)
        if isinstance(left, int | float) and left < 0 and isinstance(node.op, ast.Mult):
            inner = node.right
        elif isinstance(right, int | float) and right < 0:
            inner = node.left
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and constant(node.left) in {0}:
        inner = node.right
    found = {one.node for one in origins(program, inner)} if inner is not None else set()
    only = found.pop() if len(found) == 1 else None
    return loss_at(program, only) if isinstance(only, ast.Call) else None


def _unsigned(node: ast.expr) -> tuple[ast.AST, str] | None:
    if isinstance(node, ast.UnaryOp):
        return node, text(node.operand)
    return None


def _unsigned_likelihood(program: Program, node: ast.expr) -> bool:
    """Whether a value is the plain mean of entries picked from a log-softmax."""
    if not isinstance(node, ast.Call):
        return False
    if torch_name(program, node.func) in _MEANS and node.args:
        inner: ast.expr = node.args[0]
    elif method(node) in _MEANS:
        inner = receiver(node)
    else:
        return False
    for one in origins(program, inner):
        picked = one.node
        while isinstance(picked, ast.Call) and method(picked) in {"squeeze", "view", "flatten", "reshape"}:
            picked = receiver(picked)
        if isinstance(picked, ast.Subscript):
            source: ast.expr | None = picked.value
        elif isinstance(picked, ast.Call) and method(picked) == "gather":
            source = receiver(picked)
        else:
            return False
        out = flow(program, source)
        if out is None or out.kind != "log_softmax":
            return False
    return True


def loss_detached(program: Program) -> Iterator[Finding]:
    """A loss, or all that it is made from, cut off from the network before backward."""
    told: set[ast.AST] = set()
    starts = [backward.loss for backward in backwards(program)]
    for loss in [*starts, *_lightning_returns(program)]:
        cut = _cut(program, loss)
        if cut is not None and cut[0] not in told:
            told.add(cut[0])
            yield finding(
                program, cut[0], "loss-detached", "error",
                f"`{cut[1]}` cuts the loss off from the network before backward: no parameter can get a gradient "
                "from it.",
                cure=f"Leave out `{cut[1]}` on the way to backward; detach only what is logged.",
                disproof="The parameters' gradients are neither None nor 0 after backward.",
            )  # fmt: skip


def _lightning_returns(program: Program) -> Iterator[ast.expr]:
    """What Lightning starts backward from."""
    for function in program.functions.get("training_step", ()):
        if is_lightning(program, class_of(program, function)) and not _manual(program, function):
            yield from (value for value in returned(program, function) if value is not None)


def _manual(program: Program, function: ast.AST) -> bool:
    owner = class_of(program, function)
    return owner is not None and "automatic_optimization" in text(owner)


def _cut(program: Program, node: ast.expr, depth: int = 8) -> tuple[ast.AST, str] | None:
    """What cuts a value off, as its place and its words; None where something may still lead on to the network."""
    if depth == 0:
        return None
    if isinstance(node, ast.Name):
        found = list(reaching(program, node))
        if not found or any(binding.value is None or binding.index >= 0 for binding in found):
            return None
        cuts = [_cut(program, binding.value, depth - 1) for binding in found if binding.value is not None]
        return cuts[0] if all(cuts) else None
    if isinstance(node, ast.Attribute) and node.attr == "data":
        return node, ".data"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = _cut(program, node.left, depth - 1), _cut(program, node.right, depth - 1)
        return sides[0] if all(sides) else None
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mult | ast.Div)
        and constant(node.right) is not None
    ):
        return _cut(program, node.left, depth - 1)
    return _cut_call(program, node, depth) if isinstance(node, ast.Call) else None


def _cut_call(program: Program, call: ast.Call, depth: int) -> tuple[ast.AST, str] | None:
    name = method(call)
    if torch_name(program, call.func) in {"tensor", "as_tensor", "from_numpy"} and call.args:
        inner = [
            n
            for n in ast.walk(call.args[0])
            if method(n) in {"item", "numpy", "detach", "tolist"} or _is_float(n)
        ]
        return (call, text(call.func) + "(...)") if inner else None
    if name in {"detach", "item", "numpy"} and not call.args and _grows(program, receiver(call), depth):
        return call, f".{name}()"
    if name in {"requires_grad_", "mean", "sum", "float", "to", "clone", "squeeze", "view", "cpu", "double"}:
        return _cut(program, receiver(call), depth - 1) if not torch_name(program, call.func) else None
    if _is_float(call):
        return call, "float(...)"
    loss = loss_at(program, call)
    if loss is None or loss.target is None or not _is_data(program, loss.target):
        return None
    return _cut(program, loss.input, depth - 1)


def _is_float(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"


def _grows(program: Program, node: ast.expr, depth: int) -> bool:
    """Whether something is computed before it is cut: data that is detached loses nothing."""
    return computes(node) or any(
        one.node is not None and computes(one.node) for one in origins(program, node, depth=depth)
    )


def _is_data(program: Program, node: ast.expr) -> bool:
    """Whether a target comes from a loader or the data, and not from a network."""
    if computes(node):
        return False
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name) and part.id not in {"torch", "np"}]
    for name in names:
        for binding in reaching(program, name):
            if binding.parameter or (binding.value is not None and any(
                made(program, call.func) for call in ast.walk(binding.value) if isinstance(call, ast.Call)
            )):  # fmt: skip
                return False
    return bool(names)
