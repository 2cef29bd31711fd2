"""Rules on the order of backward, step and zero_grad."""

import ast
from collections.abc import Iterator

from .._finding import Finding
from ._flow import block_of
from ._loop import (
    backwards,
    callers,
    clears,
    is_optimizer,
    loops,
    optimizer_of,
    optimizers,
    reached,
    steps,
    trained_elsewhere,
)
from ._program import (
    Function,
    Program,
    calls,
    dotted,
    function_of,
    method,
    parameters,
    receiver,
    statement_of,
    text,
    tree_of,
)
from ._say import finding, line
from ._trace import class_named, function_named, made

_HARMLESS = frozenset((
    "clip_grad_norm_", "clip_grad_value_", "get_grad_norm", "unscale_", "parameters", "print", "log",
    "log_metrics", "item", "append", "update", "set_postfix", "get_scale", "float", "len",
))  # fmt: skip
_SEEDS = frozenset((
    "manual_seed", "seed", "seed_everything", "set_seed", "set_global_seed", "seed_all", "default_rng",
    "RandomState", "enable_full_determinism", "TrainingArguments", "Seq2SeqTrainingArguments", "SFTConfig",
))  # fmt: skip


def missing_zero_grad(program: Program) -> Iterator[Finding]:
    """An optimizer that steps in a loop where no gradient is ever cleared."""
    told: set[ast.AST] = set()
    for call, whose in steps(program):
        if optimizer_of(program, whose) is None or trained_elsewhere(program, call):
            continue
        region = _region(program, call)
        if region is None or region[0] in told:
            continue
        parts = [part for node in region for part in reached(program, node)]
        if not any(list(backwards(program, part)) for part in parts):
            continue
        if any(clears(program, part) for part in parts) or _given_away(program, region[0], whose):
            continue
        told.add(region[0])
        yield finding(
            program, call, "missing-zero-grad", "warning",
            f"`{text(call)}` runs again and again, and nothing in its loop clears the gradients: each step uses "
            "the sum of all gradients so far, not the batch's.",
            cure=f"Call {text(whose)}.zero_grad() once for each step, before backward.",
            disproof="The gradients are None or 0 when backward begins.",
            diff=f"+ {text(whose)}.zero_grad()\n  {line(program, _first_backward(program, parts) or call)}",
        )  # fmt: skip


def _first_backward(program: Program, parts: list[ast.AST]) -> ast.AST | None:
    return next((backward.call for part in parts for backward in backwards(program, part)), None)


def _region(program: Program, call: ast.Call) -> list[ast.AST] | None:
    """The innermost loop around a step; for a step in a function of its own, all from where that may be called."""
    if around := loops(program, call):
        return [around[0]]
    function = function_of(program, call)
    if function is None:
        return None
    above = callers(program, function)
    looped = any(loops(program, node) for node in above if not isinstance(node, Function)) or any(
        loops(program, inner)
        for node in above if isinstance(node, Function)
        for inner in calls(node) if function_named(program, inner.func) is function
    )  # fmt: skip
    return (
        [function, *(n if isinstance(n, Function) else _outermost(program, n) for n in above)]
        if looped
        else None
    )


def _outermost(program: Program, node: ast.AST) -> ast.AST:
    return (loops(program, node) or [statement_of(program, node)])[-1]


def _given_away(program: Program, region: ast.AST, optimizer: ast.expr) -> bool:
    """Whether something that is not seen here gets the optimizer, or is one of the user's own."""
    for maker in made(program, optimizer):
        if not is_optimizer(program, maker):
            return True
    for call in calls(region):
        given = [*call.args, *(word.value for word in call.keywords)]
        if (
            any(text(argument) == text(optimizer) for argument in given)
            and method(call)
            not in {
                "step",
                "unscale_",
            }
            and function_named(program, call.func) is None
            and class_named(program, call.func) is None
        ):
            return True
    return False


def zero_grad_before_step(program: Program) -> Iterator[Finding]:
    """Gradients cleared after backward, before the step that is to use them."""
    for call in (node for node in program.nodes if method(node) == "zero_grad"):
        assert isinstance(call, ast.Call)
        block = _flat(program, statement_of(program, call))
        place = next((i for i, part in enumerate(block) if call in _own_calls(part)), -1)
        before, after = block[:place], block[place + 1 :]
        if place < 0 or not before:
            continue
        last = next((part for part in reversed(before) if _marks(program, part) - {"zero"}), None)
        if last is None or _marks(program, last) != {"backward"}:
            continue
        for part in after:
            marks = _marks(program, part)
            if "backward" in marks or not (marks or _is_harmless(part)):
                break
            step = next((s for s, whose in steps(program, part) if _same(program, call, whose)), None)
            if step is not None:
                yield finding(
                    program, call, "zero-grad-before-step", "error",
                    f"`{text(call)}` stands between backward and `{text(step)}`: the step finds no gradient.",
                    cure="Clear the gradients before backward, or after the step.",
                    disproof="The gradients are not 0 when the step begins.",
                    diff=f"- {line(program, call)}\n  {line(program, step)}\n+ {line(program, call)}",
                )  # fmt: skip
                break


def _flat(program: Program, statement: ast.stmt) -> list[ast.stmt]:
    """The statements of a block, those of its ``with`` blocks among them; from the outermost such block."""
    while isinstance(program.parents.get(statement), ast.With | ast.AsyncWith):
        statement = statement_of(program, program.parents[statement])
    found: list[ast.stmt] = []
    waiting = block_of(program, statement)[::-1]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.With | ast.AsyncWith):
            waiting += part.body[::-1]
        else:
            found.append(part)
    return found


def _own_calls(statement: ast.stmt) -> list[ast.Call]:
    """The calls of a simple statement."""
    simple = isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign)
    return list(calls(statement)) if simple else []


def _marks(program: Program, statement: ast.stmt) -> set[str]:
    """What a statement does to gradients."""
    found = set()
    if any(True for _ in backwards(program, statement)):
        found.add("backward")
    if any(method(call) == "zero_grad" for call in calls(statement)):
        found.add("zero")
    if any(optimizer_of(program, whose) is not None for _, whose in steps(program, statement)):
        found.add("step")
    return found


def _is_harmless(statement: ast.stmt) -> bool:
    """Whether a statement leaves the gradients as they are, as far as its words tell."""
    words = text(statement)
    for call in calls(statement):
        name = text(call.func)
        if name.rpartition(".")[2] not in _HARMLESS and "sched" not in name.lower():
            return False
    return ".grad" not in words or "clip_grad" in words


def _same(program: Program, clear: ast.Call, optimizer: ast.expr) -> bool:
    """Whether what is cleared is what the optimizer steps."""
    cleared, whose = receiver(clear), optimizer_of(program, optimizer)
    if text(cleared) == text(optimizer):
        return True
    if optimizer_of(program, cleared) is not None:
        return optimizer_of(program, cleared) == whose
    return (
        isinstance(whose, ast.Call)
        and f"{text(cleared)}.parameters()" in text(whose)
        and len(optimizers(program)) == 1
    )


def missing_step(program: Program) -> Iterator[Finding]:
    """An optimizer that is made, while backward runs in a loop, and never steps."""
    if not any(loops(program, backward.call) for backward in backwards(program)):
        return
    stepped: set[object] = set()
    for _, whose in steps(program):
        found = optimizer_of(program, whose)
        if isinstance(found, str) or (found is None and not made(program, whose)):
            return  # something steps, and it is not known what
        stepped.add(found)
    for call in optimizers(program):
        statement = statement_of(program, call)
        if call in stepped or not isinstance(statement, ast.Assign) or statement.value is not call:
            continue
        target = statement.targets[0]
        if trained_elsewhere(program, call) or not isinstance(target, ast.Name | ast.Attribute):
            continue
        if not _escapes(program, target):
            yield finding(
                program, call, "missing-step", "warning",
                f"`{text(target)}` is made and backward runs, but {text(target)}.step() is never called: the "
                "parameters stay as they were at the start.",
                cure=f"Call {text(target)}.step() after backward.",
                disproof="A parameter has changed after an epoch.",
            )  # fmt: skip


def _escapes(program: Program, target: ast.expr, within: ast.AST | None = None, depth: int = 4) -> bool:
    """Whether an optimizer is handed to something that may step it, or is read in a way not seen through."""
    name, around = text(target), within or tree_of(program, target)
    for node in ast.walk(around):
        if (
            not isinstance(node, ast.Name | ast.Attribute)
            or not isinstance(node.ctx, ast.Load)
            or text(node) != name
        ):
            continue
        parent = program.parents[node]
        if isinstance(parent, ast.keyword):
            parent = program.parents[parent]
        if isinstance(parent, ast.Attribute):
            if parent.attr in {"step", "optimizer"}:
                return True
        elif not isinstance(parent, ast.Call):
            return True
        elif not dotted(program, parent.func).startswith("torch.optim.") and method(parent) != "unscale_":
            function = function_named(program, parent.func)
            inside = _parameter(function, parent, node) if function is not None else None
            if (
                function is None
                or inside is None
                or depth == 0
                or _escapes(program, inside, function, depth - 1)
            ):
                return True
    return False


def _parameter(function: Function, call: ast.Call, given: ast.AST) -> ast.expr | None:
    """The name under which a plain function gets an argument."""
    for word in call.keywords:
        if word.value is given and word.arg:
            return ast.Name(word.arg, ast.Load())
    placed = parameters(function)
    if given in call.args and isinstance(call.func, ast.Name) and call.args.index(given) < len(placed):
        return ast.Name(placed[call.args.index(given)], ast.Load())
    return None


def missing_seed(program: Program) -> Iterator[Finding]:
    """A program that trains without a seed."""
    if any(
        _tail(node) in _SEEDS
        for node in program.nodes
        if isinstance(node, ast.Name | ast.Attribute | ast.alias)
    ):
        return
    if any(isinstance(node, ast.keyword) and node.arg == "seed" for node in program.nodes):
        return
    for backward in backwards(program):
        function = function_of(program, backward.call)
        started = function is None or any(
            isinstance(node, ast.Name | ast.Attribute) and function_of(program, node) is None
            for node in callers(program, function)
        )  # fmt: skip
        if started and (loops(program, backward.call) or function is not None):
            yield finding(
                program, backward.call, "missing-seed", "note",
                "The program trains, and no random stream is given a seed: no two runs are alike, and none can be "
                "repeated.",
                cure="Call torch.manual_seed(0) before the network is made.",
                disproof="A seed is set outside of the files that were looked at.",
            )  # fmt: skip
            return


def _tail(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else getattr(node, "name", "").rpartition(".")[2]
