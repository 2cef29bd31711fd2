"""Rules on what a loop keeps."""

import ast
from collections.abc import Iterator

from .._finding import Finding
from ._loop import backwards, loops
from ._program import Program, ancestors, constant, function_of, text
from ._say import finding
from ._trace import origins, reaching


def memory_growth(program: Program) -> Iterator[Finding]:
    """A sum of losses that keeps the graph of each."""
    for backward in backwards(program):
        around = loops(program, backward.call)
        if not around or not isinstance(backward.loss, ast.Name):
            continue
        name = backward.loss.id
        for statement in ast.walk(around[0]):
            total = _added(statement, name)
            if total is None or function_of(program, statement) is not function_of(program, backward.call):
                continue
            if _is_plain(program, total, statement) and not _used_whole(program, total.id):
                yield finding(
                    program, statement, "memory-growth", "note",
                    f"`{total.id}` adds up losses with their graphs: the memory of an epoch grows with its steps.",
                    cure=f"Add {name}.item(), or {name}.detach() where waiting for the device costs.",
                    disproof=f"`{name}` is a number, or carries no graph, where it is added.",
                    swap=_item(statement, name),
                )  # fmt: skip


def _added(statement: ast.AST, name: str) -> ast.Name | None:
    """The sum to which a loss is added as it is."""
    target: ast.expr
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        target, value = statement.target, statement.value
    elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.BinOp):
        target, value = statement.targets[0], statement.value.right
        if not isinstance(statement.value.op, ast.Add) or text(statement.value.left) != text(target):
            return None
    else:
        return None
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.Name):
        value = value.left
    added = isinstance(value, ast.Name) and value.id == name
    return target if added and isinstance(target, ast.Name) else None


def _is_plain(program: Program, total: ast.Name, statement: ast.AST) -> bool:
    """Whether the sum begins as a number, and is made where graphs are kept."""
    if any(
        isinstance(a, ast.With) and "no_grad" in text(a.items[0].context_expr)
        for a in ancestors(program, statement)
    ):
        return False
    starts = [b for b in reaching(program, total) if b.value is not None and b.at is not statement]
    return any(isinstance(constant(b.value), int | float) for b in starts)


def _used_whole(program: Program, name: str) -> bool:
    """Whether a backward starts from the sum, or something is made of it that one may start from."""
    for backward in backwards(program):
        if any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(backward.loss)):
            return True
        for one in origins(program, backward.loss):
            if one.node is not None and any(
                isinstance(n, ast.Name) and n.id == name for n in ast.walk(one.node)
            ):
                return True
    return False


def _item(statement: ast.AST, name: str) -> tuple[ast.AST, str] | None:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            return node, f"{name}.item()"
    return None
