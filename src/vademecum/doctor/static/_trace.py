"""What an expression stands for: through names, attributes, arguments and wrappers to where it was made."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ._program import (
    LOOPS,
    SCOPES,
    Binding,
    Function,
    Program,
    ancestors,
    class_of,
    dotted,
    function_of,
    keyword,
    method,
    open_ended,
    parameters,
    receiver,
    statement_of,
    tree_of,
)

_SAME_MODEL = frozenset((
    "to", "cuda", "cpu", "double", "float", "half", "bfloat16", "train", "eval", "requires_grad_", "compile",
    "apply", "share_memory", "type",
))  # fmt: skip
_WRAPPERS = frozenset((
    "torch.compile", "torch.nn.DataParallel", "torch.nn.parallel.DistributedDataParallel", "torch.jit.script",
    "copy.copy",
))  # fmt: skip
_PREPARES = frozenset(("prepare", "setup", "setup_module", "setup_dataloaders", "prepare_model"))


@dataclass(frozen=True)
class Origin:
    """Where a value was made.

    Attributes:
        node: the expression, None where it cannot be known.
        index: the place in it from which the value was unpacked, -1 for the whole.
    """

    node: ast.expr | None
    index: int = -1


UNKNOWN = Origin(None)


def function_named(program: Program, node: ast.expr, depth: int = 4) -> Function | None:
    """The function of the program that a callable expression names; a method only where its class is certain."""
    if isinstance(node, ast.Name):
        found = _here(program, node, program.functions.get(node.id, ()))
        return found if isinstance(found, Function) and class_of(program, found) is None else None
    if isinstance(node, ast.Attribute):
        owner = (
            class_of(program, node) if isinstance(node.value, ast.Name) and node.value.id == "self" else None
        )
        if owner is None and node.attr in program.functions and depth > 0:
            found_in = {one.node for one in origins(program, node.value, depth=depth)}
            only = found_in.pop() if len(found_in) == 1 else None
            owner = class_named(program, only.func) if isinstance(only, ast.Call) else None
        return method_of(program, owner, node.attr) if owner is not None else None
    return None


def class_named(program: Program, node: ast.expr | None) -> ast.ClassDef | None:
    """The class of the program that an expression names."""
    if isinstance(node, ast.Name):
        found = _here(program, node, program.classes.get(node.id, ()))
        return found if isinstance(found, ast.ClassDef) else None
    if isinstance(node, ast.Attribute) and dotted(program, node) and node.attr in program.classes:
        return program.classes[node.attr][0]
    return None


def _here(program: Program, node: ast.Name, found: Sequence[ast.AST]) -> ast.AST | None:
    tree = tree_of(program, node)
    own = [one for one in found if tree_of(program, one) is tree]
    if own:
        return own[-1]
    return found[0] if found and node.id in program.imports[tree] else None


def method_of(program: Program, owner: ast.ClassDef, name: str, depth: int = 5) -> Function | None:
    """A method of a class, or of the classes of the program that it inherits from."""
    for part in owner.body:
        if isinstance(part, Function) and part.name == name:
            return part
    for base in owner.bases if depth else ():
        above = class_named(program, base)
        found = method_of(program, above, name, depth - 1) if above not in {None, owner} and above else None
        if found:
            return found
    return None


def bases(program: Program, owner: ast.ClassDef, depth: int = 5) -> Iterator[str]:
    """Full names of the imported classes that a class inherits from."""
    for base in owner.bases if depth else ():
        above = class_named(program, base)
        if above is not None and above is not owner:
            yield from bases(program, above, depth - 1)
        else:
            yield dotted(program, base)


def is_module(program: Program, owner: ast.ClassDef | None) -> bool:
    """Whether a class is a network."""
    return owner is not None and any(
        name.endswith((".Module", ".LightningModule")) or name.startswith("torch.nn.")
        for name in bases(program, owner)
    )


def is_lightning(program: Program, owner: ast.ClassDef | None) -> bool:
    """Whether a class is trained by Lightning, which has a loop of its own."""
    return owner is not None and any(name.endswith(".LightningModule") for name in bases(program, owner))


def reaching(program: Program, name: ast.Name) -> list[Binding]:
    """The bindings that a name may have where it is read; empty where it has none in the program."""
    scope = next(
        (above for above in ancestors(program, name)
         if isinstance(above, (*SCOPES, ast.ClassDef)) and (above, name.id) in program.bindings),
        None,
    )  # fmt: skip
    if scope is None:
        return []
    all_of_it = program.bindings[scope, name.id]
    if isinstance(scope, Function | ast.Module | ast.ClassDef) and scope is _scope_of(program, name):
        return _in_line(program, name, all_of_it)
    return list(all_of_it)


def _scope_of(program: Program, node: ast.AST) -> ast.AST | None:
    return next(
        (a for a in ancestors(program, node) if isinstance(a, (Function, ast.Lambda, ast.Module))), None
    )


def _in_line(program: Program, name: ast.Name, found: Sequence[Binding]) -> list[Binding]:
    """Of the bindings in the name's own scope, those that reach it: back to the last one that cannot be passed by."""
    use = statement_of(program, name)
    above = [use, *ancestors(program, use)]
    reach: list[Binding] = []
    last: Binding | None = None
    for binding in sorted((b for b in found if not b.parameter), key=_place, reverse=True):
        at = (
            binding.at
            if isinstance(binding.at, ast.stmt | ast.withitem)
            else statement_of(program, binding.at)
        )
        inside = at in above[1:]  # a loop's target, a with's name
        if _place(binding) >= (use.lineno, use.col_offset) and not inside:
            continue
        path = [at, *ancestors(program, at)]
        common = next(part for part in path if part in above)
        if (
            isinstance(common, ast.If | ast.Try)
            and not inside
            and _branch(common, path) != _branch(common, above)
        ):
            continue
        reach.append(binding)
        between = path[: path.index(common)]
        if inside or not any(
            isinstance(part, (ast.If, *LOOPS, ast.Match, ast.ExceptHandler)) for part in between
        ):
            last = binding
            break
    if last is None:
        reach += [binding for binding in found if binding.parameter]
    for loop in (part for part in above if isinstance(part, LOOPS)):
        if last is None or (last.at is not loop and loop not in ancestors(program, last.at)):
            reach += [b for b in found if b not in reach and loop in ancestors(program, b.at)]
    return reach


def _place(binding: Binding) -> tuple[int, int]:
    node = binding.at.context_expr if isinstance(binding.at, ast.withitem) else binding.at
    if isinstance(node, ast.comprehension):
        node = node.target
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _branch(node: ast.If | ast.Try, path: Sequence[ast.AST]) -> int:
    """In which block of an ``if`` or ``try`` a path ends."""
    child = path[path.index(node) - 1]
    if isinstance(node, ast.If):
        return 1 if child in node.orelse else 0
    return 1 if child in node.handlers else 0


def origins(
    program: Program,
    node: ast.expr | None,
    *,
    index: int = -1,
    depth: int = 12,
    seen: tuple[Binding, ...] = (),
) -> list[Origin]:
    """Where the values of an expression were made.

    Args:
        program: where it stands.
        node: the expression.
        index: the place in it that is meant, -1 for the whole.
        depth: how far to look.
        seen: bindings that were gone through on the way.

    Returns:
        Expressions; an `Origin` without node for each that cannot be known.
    """
    if node is None or depth <= 0:
        return [UNKNOWN]
    if isinstance(node, ast.Name):
        found = reaching(program, node)
        return _through(program, found, index, depth, seen) if found else [Origin(node, index)]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        owner = class_of(program, node)
        kept = program.bindings.get((owner, node.attr), ()) if owner else ()
        return _through(program, kept, index, depth, seen) if kept else [Origin(node, index)]
    if isinstance(node, ast.Call) and (inner := _unwrapped(program, node, index)):
        return origins(program, inner[0], index=inner[1], depth=depth - 1, seen=seen)
    if isinstance(node, ast.IfExp):
        return [
            o
            for part in (node.body, node.orelse)
            for o in origins(program, part, index=index, depth=depth - 1, seen=seen)
        ]
    if isinstance(node, ast.Tuple | ast.List) and 0 <= index < len(node.elts):
        return origins(program, node.elts[index], depth=depth - 1, seen=seen)
    return [Origin(node, index)]


def _through(
    program: Program, found: Sequence[Binding], index: int, depth: int, seen: tuple[Binding, ...]
) -> list[Origin]:
    result: list[Origin] = []
    for binding in found:
        if binding in seen:
            continue  # it hands itself on: net = net.to(device)
        passed = (*seen, binding)
        if binding.parameter:
            assert isinstance(binding.at, Function)
            for given in arguments(program, binding.at, binding.name, depth=min(depth, 8) // 2):
                result += origins(program, given, index=index, depth=depth - 1, seen=passed)
        elif binding.value is None or (binding.index >= 0 and index >= 0):
            result.append(UNKNOWN)
        else:
            place = binding.index if binding.index >= 0 else index
            result += origins(program, binding.value, index=place, depth=depth - 1, seen=passed)
    return list(dict.fromkeys(result))


def arguments(program: Program, function: Function, name: str, *, depth: int = 4) -> list[ast.expr | None]:
    """What is given for a parameter wherever the function is called; a None for what cannot be known."""
    owner = class_of(program, function)
    names = parameters(function)[1 if owner is not None and not _is_static(function) else 0 :]
    if name not in names:
        return [None]
    found: list[ast.expr | None] = []
    for call in sites(program, function, owner, depth):
        given = None if open_ended(call) else keyword(call, name, place=names.index(name))
        found.append(given if given is not None or open_ended(call) else _default(function, name))
    return found or [None]


def sites(program: Program, function: Function, owner: ast.ClassDef | None, depth: int = 4) -> list[ast.Call]:
    """The calls of a function, a method, or with ``__init__`` of a class."""
    found = []
    made_class = owner is not None and function.name == "__init__"
    for call in program.calls.get(owner.name if made_class and owner else function.name, ()):
        if made_class:
            if class_named(program, call.func) is owner:
                found.append(call)
        elif function_named(program, call.func, depth) is function:
            found.append(call)
    return found


def _is_static(function: Function) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "staticmethod" for mark in function.decorator_list)


def _default(function: Function, name: str) -> ast.expr | None:
    given = function.args
    placed = [a.arg for a in (*given.posonlyargs, *given.args)]
    defaults = dict(zip(reversed(placed), reversed(given.defaults), strict=False))
    named = {a.arg: value for a, value in zip(given.kwonlyargs, given.kw_defaults, strict=True)}
    return defaults.get(name) or named.get(name)


def made(program: Program, node: ast.expr | None, *, index: int = -1, depth: int = 6) -> list[ast.Call]:
    """The calls that made a value, through functions of the program that build it; empty where one is not known."""
    result: list[ast.Call] = []
    for origin in origins(program, node, index=index):
        if not isinstance(origin.node, ast.Call) or depth <= 0:
            return []
        builder = function_named(program, origin.node.func)
        if builder is None:
            if origin.index >= 0:
                return []
            result.append(origin.node)
            continue
        for value in returned(program, builder):
            inner = made(program, value, index=origin.index, depth=depth - 1)
            if not inner:
                return []
            result += inner
    return result


def returned(program: Program, function: Function) -> list[ast.expr | None]:
    """What a function returns at each of its returns."""
    return [
        node.value for node in ast.walk(function)
        if isinstance(node, ast.Return) and function_of(program, node) is function
    ]  # fmt: skip


def origin(program: Program, node: ast.expr) -> ast.expr | str:
    """What tells a value from others: where it was made, or its name where that cannot be known."""
    found = {one.node for one in origins(program, node)}
    only = found.pop() if len(found) == 1 else None
    return only if isinstance(only, ast.Call) else ast.unparse(node)


def _unwrapped(program: Program, call: ast.Call, index: int) -> tuple[ast.expr, int] | None:
    """What a call hands through: ``net.to(device)``, ``torch.compile(net)``, ``accelerator.prepare(net, ...)``."""
    name = method(call)
    if name in _PREPARES and call.args and not open_ended(call):
        if index < 0 and len(call.args) == 1:
            return call.args[0], -1
        return (call.args[index], -1) if 0 <= index < len(call.args) else None
    if index >= 0:
        return None
    if dotted(program, call.func) in _WRAPPERS and call.args:
        return call.args[0], -1
    if name in _SAME_MODEL and not dotted(program, call.func):
        return receiver(call), -1
    return None
