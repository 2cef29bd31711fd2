"""The parts of a training loop: backward, step, zero_grad, the optimizers, and what is reached from a loop."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ._program import (
    LOOPS,
    Function,
    Program,
    ancestors,
    calls,
    class_of,
    dotted,
    function_of,
    method,
    receiver,
    text,
)
from ._trace import bases, is_lightning, made

BACKWARDS = frozenset(("backward", "manual_backward"))
_HELPERS = ("accelerator", "fabric", "self", "engine", "strategy")
_SCHEDULES = ("torch.optim.lr_scheduler.", "torch.optim.swa_utils.")


@dataclass(frozen=True)
class Backward:
    """A call of ``backward``.

    Attributes:
        call: the call.
        loss: what it starts from.
    """

    call: ast.Call
    loss: ast.expr


def backwards(program: Program, node: ast.AST | None = None) -> Iterator[Backward]:
    """The calls of ``backward`` in a subtree, or in the whole program."""
    found = calls(node) if node is not None else (n for n in program.nodes if isinstance(n, ast.Call))
    for call in found:
        if method(call) in BACKWARDS and not _is_super(receiver(call)):
            whose = receiver(call)
            if call.args and (
                text(whose).rpartition(".")[2].lower().startswith(_HELPERS) or _helper(program, whose)
            ):
                yield Backward(call, call.args[0])
            elif dotted(program, whose) != "torch.autograd":
                scaled = isinstance(whose, ast.Call) and method(whose) == "scale" and whose.args
                yield Backward(call, whose.args[0] if scaled and isinstance(whose, ast.Call) else whose)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _helper(program: Program, node: ast.expr) -> bool:
    return any(
        dotted(program, maker.func).endswith((".Accelerator", ".Fabric")) for maker in made(program, node)
    )


def is_optimizer(program: Program, call: ast.Call) -> bool:
    """Whether a call makes one of torch's optimizers."""
    name = dotted(program, call.func)
    return name.startswith("torch.optim.") and not name.startswith(_SCHEDULES) and "lr_scheduler" not in name


def optimizers(program: Program) -> list[ast.Call]:
    """The calls that make torch's optimizers."""
    return [node for node in program.nodes if isinstance(node, ast.Call) and is_optimizer(program, node)]


def optimizer_of(program: Program, node: ast.expr) -> ast.Call | str | None:
    """The optimizer that an expression stands for: where it was made, its name where that is not known, else None."""
    found = made(program, node)
    if found:
        one = found[0] if len(set(found)) == 1 and is_optimizer(program, found[0]) else None
        if one is None and all(is_optimizer(program, call) for call in found):
            return text(node)
        return one
    named = text(node).rpartition(".")[2].lower()
    return text(node) if named.startswith("opt") or ("optim" in named and "sched" not in named) else None


def steps(program: Program, node: ast.AST | None = None) -> Iterator[tuple[ast.Call, ast.expr]]:
    """The calls of ``step`` that may be an optimizer's, each with the expression of the optimizer."""
    found = calls(node) if node is not None else (n for n in program.nodes if isinstance(n, ast.Call))
    for call in found:
        if method(call) == "step":
            scaler = call.args and optimizer_of(program, call.args[0]) is not None
            yield call, (call.args[0] if scaler else receiver(call))


def clears(program: Program, node: ast.AST) -> bool:
    """Whether gradients are cleared somewhere in a subtree, in whatever way."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and part.attr in {"zero_grad", "_zero_grad"}:
            return True
        if isinstance(part, ast.Assign | ast.AugAssign):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            if any(isinstance(t, ast.Attribute) and t.attr == "grad" for t in targets):
                return True
        if method(part) in {"zero_", "fill_", "detach_", "mul_"} and isinstance(part, ast.Call):
            whose = receiver(part)
            if isinstance(whose, ast.Attribute) and whose.attr == "grad":
                return True
        if isinstance(part, ast.keyword) and part.arg == "zero_grad":
            return True
    return False


def loops(program: Program, node: ast.AST) -> list[ast.AST]:
    """The loops around a node inside its function, the innermost first."""
    found: list[ast.AST] = []
    for above in ancestors(program, node):
        if isinstance(above, Function | ast.Lambda):
            break
        if isinstance(above, LOOPS):
            found.append(above)
    return found


def callees(program: Program, node: ast.AST) -> Iterator[Function]:
    """Functions that may run from a subtree: also those given away by name, and all methods of a name."""
    for part in ast.walk(node):
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        yield from program.functions.get(name, ())
        for owner in program.classes.get(name, ()):
            yield from (
                f
                for f in owner.body
                if isinstance(f, Function) and f.name in {"__init__", "__call__", "forward"}
            )


def reached(program: Program, node: ast.AST) -> list[ast.AST]:
    """A subtree, and the functions that may run from it."""
    found, waiting = [node], [node]
    while waiting:
        for function in callees(program, waiting.pop()):
            if function not in found:
                found.append(function)
                waiting.append(function)
    return found


def callers(program: Program, function: Function) -> list[ast.AST]:
    """The functions and files from which a function may be called, directly or not."""
    found: list[ast.AST] = []
    waiting: list[Function] = [function]
    while waiting:
        name = waiting.pop().name
        for node in program.nodes:
            said = (
                node.id
                if isinstance(node, ast.Name)
                else node.attr
                if isinstance(node, ast.Attribute)
                else ""
            )
            if said == name:
                around = function_of(program, node)
                if around is not None and around not in found and around is not function:
                    found.append(around)
                    waiting.append(around)
                elif around is None:
                    found.append(node)
    return found


def trained_elsewhere(program: Program, node: ast.AST) -> bool:
    """Whether a node stands in a class whose loop is another library's."""
    owner = class_of(program, node)
    if owner is None:
        return False
    return is_lightning(program, owner) or any(
        name.startswith(("transformers.", "trl.")) for name in bases(program, owner)
    )
