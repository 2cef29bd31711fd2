"""A program read, never run: its trees, its imports, and what each of its names is bound to."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..._core.errors import InputError

Function = ast.FunctionDef | ast.AsyncFunctionDef
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module, *COMPREHENSIONS)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
_MAGIC = re.compile(r"^(\s*)(?:%|!|\?)")


@dataclass(frozen=True)
class Binding:
    """One place where a name gets a value.

    Attributes:
        name: what is bound.
        at: the statement, or the function whose parameter it is.
        value: the expression, None where it cannot be known.
        index: the place in the value from which it was unpacked, -1 for the whole.
        parameter: whether it is a parameter of a function.
    """

    name: str
    at: ast.AST
    value: ast.expr | None = None
    index: int = -1
    parameter: bool = False


@dataclass(frozen=True)
class Program:
    """The files that were given, taken together.

    Attributes:
        files: the name of each tree's file.
        lines: the lines of each tree's text.
        nodes: all nodes, in the order of the text.
        parents: the node above each node.
        imports: of each tree, what a name stands for, such as ``F`` -> ``torch.nn.functional``.
        bindings: of (scope, name) and of (class, ``self.name``).
        functions: functions and methods by their bare name.
        classes: classes by their name.
        calls: calls by the last word of what is called.
    """

    files: Mapping[ast.AST, str]
    lines: Mapping[ast.AST, Sequence[str]]
    nodes: Sequence[ast.AST]
    parents: Mapping[ast.AST, ast.AST]
    imports: Mapping[ast.AST, Mapping[str, str]]
    bindings: Mapping[tuple[ast.AST, str], Sequence[Binding]]
    functions: Mapping[str, Sequence[Function]]
    classes: Mapping[str, Sequence[ast.ClassDef]]
    calls: Mapping[str, Sequence[ast.Call]]


def read(texts: Mapping[str, str]) -> Program:
    """Read files as one program.

    Args:
        texts: name of a file -> its text, Python, else an `InputError`; a notebook's magic commands are empty.

    Returns:
        The program.
    """
    files: dict[ast.AST, str] = {}
    lines: dict[ast.AST, Sequence[str]] = {}
    nodes: list[ast.AST] = []
    parents: dict[ast.AST, ast.AST] = {}
    imports: dict[ast.AST, dict[str, str]] = {}
    bindings: dict[tuple[ast.AST, str], list[Binding]] = {}
    functions: dict[str, list[Function]] = {}
    classes: dict[str, list[ast.ClassDef]] = {}
    called: dict[str, list[ast.Call]] = {}
    for file, text in texts.items():
        tree = _parse(text, file)
        files[tree], lines[tree], imports[tree] = file, text.splitlines(), {}
        for node in _in_order(tree):
            nodes.append(node)
            for child in ast.iter_child_nodes(node):
                parents[child] = node
            if isinstance(node, Function):
                functions.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                word = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                called.setdefault(word, []).append(node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                imports[tree].update(_imported(node))
    for node in nodes:
        for name, binding in _bound(node):
            scope = _class_of(node, parents) if "." in name else _scope(node, parents)
            if scope is not None:
                bindings.setdefault((scope, name.removeprefix("self.")), []).append(binding)
    return Program(files, lines, nodes, parents, imports, bindings, functions, classes, called)


def _parse(text: str, file: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        plain = "\n".join(_MAGIC.sub(r"\1pass  #", line) for line in text.splitlines())
        if plain == text.rstrip("\n"):
            raise _unreadable(error, file) from None
    except ValueError as error:
        raise InputError(f"{file or 'the text'} must be a Python program: {error}.") from None
    except RecursionError:
        raise too_deep(file) from None
    try:
        return ast.parse(plain)
    except SyntaxError as error:
        raise _unreadable(error, file) from None


def too_deep(file: str) -> InputError:
    """What is said of a program that nests deeper than can be followed."""
    return InputError(
        f"an expression must be one that can be followed: {file or 'the text'} has one that is nested too deeply; "
        "break it up, or leave a generated file out."
    )


def _unreadable(error: SyntaxError, file: str) -> InputError:
    code = (error.text or "").strip()
    return InputError(
        f"{file or 'the text'} must be a Python program: line {error.lineno} is none ({error.msg})"
        + (f": {code!r}" if code else "")
        + "; correct that line, then look again."
    )


def _in_order(tree: ast.AST) -> Iterator[ast.AST]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, f"{node.module or ''}.{alias.name}".lstrip(".")
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            top = alias.name.partition(".")[0]
            yield top, top


def _bound(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    """Names bound by a node, those of an instance as ``self.name``."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _targets(target, node, node.value)
    elif (isinstance(node, ast.AnnAssign) and node.value is not None) or isinstance(node, ast.NamedExpr):
        yield from _targets(node.target, node, node.value)
    elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension):
        yield from _targets(node.target, node, None)
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from _targets(node.optional_vars, node, None)
    elif isinstance(node, Function):
        yield from ((name, Binding(name, node, parameter=True)) for name in parameters(node))
    elif isinstance(node, ast.Lambda):
        yield from ((argument.arg, Binding(argument.arg, node)) for argument in node.args.args)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name, Binding(node.name, node)


def _targets(
    target: ast.AST, at: ast.AST, value: ast.expr | None, index: int = -1
) -> Iterator[tuple[str, Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, Binding(target.id, at, value, index)
    elif (
        isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    ):
        yield f"self.{target.attr}", Binding(target.attr, at, value, index)
    elif isinstance(target, ast.Starred):
        yield from _targets(target.value, at, None)
    elif isinstance(target, ast.Tuple | ast.List):
        several = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        starred = any(isinstance(part, ast.Starred) for part in target.elts)
        for place, part in enumerate(target.elts):
            if several and not starred:
                assert isinstance(value, ast.Tuple | ast.List)
                yield from _targets(part, at, value.elts[place])
            else:
                whole = value if index < 0 and not starred else None
                yield from _targets(part, at, whole, place)


def parameters(function: Function) -> list[str]:
    """Names of a function's parameters, those that must be named last."""
    arguments = function.args
    several = [argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)] + several


def _scope(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> ast.AST | None:
    """The function, comprehension or file that a node's names belong to; a function's own parameters are its own."""
    if isinstance(node, Function | ast.Lambda):
        return node
    here = parents.get(node)
    while here is not None and not isinstance(here, SCOPES):
        if isinstance(here, ast.ClassDef):
            return here
        here = parents.get(here)
    if isinstance(node, ast.NamedExpr):  # it binds outside of a comprehension
        while isinstance(here, COMPREHENSIONS):
            here = parents.get(here)
    return here


def _class_of(node: ast.AST, parents: Mapping[ast.AST, ast.AST]) -> ast.AST | None:
    here = parents.get(node)
    while here is not None and not isinstance(here, ast.ClassDef):
        here = parents.get(here)
    return here


def ancestors(program: Program, node: ast.AST) -> Iterator[ast.AST]:
    """The nodes above a node, the nearest first."""
    while (parent := program.parents.get(node)) is not None:
        yield parent
        node = parent


def tree_of(program: Program, node: ast.AST) -> ast.AST:
    """The tree of the file in which a node stands."""
    return next((above for above in ancestors(program, node) if isinstance(above, ast.Module)), node)


def function_of(program: Program, node: ast.AST) -> Function | None:
    """The function around a node, None at the top of a file."""
    return next((above for above in ancestors(program, node) if isinstance(above, Function)), None)


def class_of(program: Program, node: ast.AST) -> ast.ClassDef | None:
    """The class around a node."""
    return next((above for above in ancestors(program, node) if isinstance(above, ast.ClassDef)), None)


def statement_of(program: Program, node: ast.AST) -> ast.stmt:
    """The statement in which a node stands."""
    return next(part for part in (node, *ancestors(program, node)) if isinstance(part, ast.stmt))


def text(node: ast.AST | None) -> str:
    """A node as code."""
    return "" if node is None else ast.unparse(node)


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls in a subtree."""
    return (part for part in ast.walk(node) if isinstance(part, ast.Call))


def method(call: ast.AST) -> str:
    """The name of the method that is called, or ""."""
    return call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""


def receiver(call: ast.Call) -> ast.expr:
    """What the method is called on."""
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def keyword(call: ast.Call, *names: str, place: int = -1) -> ast.expr | None:
    """An argument by one of its names, or by its place."""
    for word in call.keywords:
        if word.arg in names:
            return word.value
    if 0 <= place < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: place + 1]):
        return call.args[place]
    return None


def open_ended(call: ast.Call) -> bool:
    """Whether a call has ``*args`` or ``**kwargs``, so that not all of its arguments are seen."""
    return any(isinstance(a, ast.Starred) for a in call.args) or any(
        word.arg is None for word in call.keywords
    )


def dotted(program: Program, node: ast.AST | None) -> str:
    """The full name of something imported, such as ``torch.nn.functional.softmax``; "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    root = program.imports[tree_of(program, node)].get(node.id)
    return ".".join([root, *reversed(parts)]) if root else ""


def torch_name(program: Program, node: ast.AST | None) -> str:
    """The last part of the name of something of torch, such as ``softmax``; "" for anything else."""
    name = dotted(program, node)
    return name.rpartition(".")[2] if name.startswith("torch.") else ""


def constant(node: ast.AST | None) -> object:
    """A literal's value, None for anything else."""
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
    ):
        value = node.operand.value
        return -value if isinstance(value, int | float) else None
    return node.value if isinstance(node, ast.Constant) else None
