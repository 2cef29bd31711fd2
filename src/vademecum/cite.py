"""Which papers does this model, this script, this run rest on?

A live object is read by its parts: every module that a card exports or re-exports is known, so a plain
torch model is cited as well as ours. A script is read as text and never run.
"""

import ast
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

from ._core.cards import PACKAGE, all_cards
from ._core.errors import InputError
from ._core.refs import bibtex as bibtex_of

__all__ = ["bibtex", "known_names", "papers", "papers_in_script"]


@cache
def known_names() -> dict[str, tuple[str, ...]]:
    """List the dotted names that stand for a technique.

    Returns:
        The keys of the papers by name, such as ``torch.nn.GroupNorm``.

    Example:
        >>> known_names()["torch.nn.GroupNorm"]
        ('wu2018group',)
    """
    with (PACKAGE / "torch_papers.toml").open("rb") as file:
        names = {name: tuple(keys) for name, keys in tomllib.load(file).items()}
    for card in all_cards().values():
        keys = tuple(reference.key for reference in card.references)
        for name in card.exports:
            names[f"{card.module}.{name}"] = keys
            for depth in range(1, card.module.count(".")):  # vademecum.nn.norm.X, vademecum.nn.X
                names[".".join(card.module.split(".")[: depth + 1]) + f".{name}"] = keys
        for dotted in card.reexports.values():
            names[dotted] = keys
    return names


def _lookup(dotted: str) -> tuple[str, ...]:
    """Papers of a dotted name; a function of ``torch.nn.functional`` counts as its module's twin."""
    names = known_names()
    if dotted in names:
        return names[dotted]
    owner, _, name = dotted.rpartition(".")
    if owner in {"torch", "torch.nn.functional"}:
        flat = name.replace("_", "").lower()
        for known, keys in names.items():
            if known.startswith("torch.nn.") and known.rpartition(".")[2].lower() in {flat, f"{flat}1d"}:
                return keys
    return ()


@cache
def _known_objects() -> dict[int, tuple[str, ...]]:
    """The same names as live objects, by identity."""
    found = {}
    for dotted, keys in known_names().items():
        owner, _, name = dotted.rpartition(".")
        try:
            found[id(getattr(import_module(owner), name))] = keys
        except (ImportError, AttributeError):  # torch does not have it in this version
            continue
    return found


def papers(obj: object) -> tuple[str, ...]:
    """Find the papers that an object rests on.

    Args:
        obj: a model, an optimizer, a class, a function, or an iterable of these.

    Returns:
        Keys of ``refs.bib``, sorted.

    Example:
        >>> import torch
        >>> "vaswani2017attention" in papers(torch.nn.TransformerEncoderLayer)
        True
    """
    found: set[str] = set()
    for thing in _things(obj, set()):
        keys = _known_objects().get(id(thing), ())
        if not keys and isinstance(thing, FunctionType):
            keys = _lookup(f"{thing.__module__}.{thing.__qualname__}")
        found.update(keys)
    return tuple(sorted(found))


def _things(obj: object, seen: set[int]) -> Iterator[object]:
    """Walk over the classes and functions that an object is made of."""
    from torch import nn

    if id(obj) in seen:
        return
    seen.add(id(obj))
    if isinstance(obj, nn.Module):
        for part in obj.modules():
            yield from _things(type(part), seen)
            for value in vars(part).values():
                if isinstance(value, FunctionType) or (
                    callable(value) and type(value).__name__ == "builtin_function_or_method"
                ):
                    yield from _things(value, seen)
    elif isinstance(obj, type):
        yield obj
        yield from (base for base in obj.__mro__[1:] if id(base) in _known_objects())
        if issubclass(obj, nn.Module) and obj is not nn.Module:
            for method in ("__init__", "forward"):
                function = vars(obj).get(method)
                if isinstance(function, FunctionType):
                    yield from _named_in(function, seen)
    elif isinstance(obj, FunctionType):
        yield obj
        if not obj.__module__.startswith("torch."):
            yield from _named_in(obj, seen)
    elif isinstance(obj, Iterable) and not isinstance(obj, str | bytes):
        for item in obj:
            yield from _things(item, seen)
    elif callable(obj):
        yield obj
    else:
        yield type(obj)


def _named_in(function: FunctionType, seen: set[int]) -> Iterator[object]:
    """The classes and functions that a function's code names."""
    from torch import nn

    for name in _names_of(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, type) and issubclass(value, nn.Module):
            yield from _things(value, seen)
        elif isinstance(value, FunctionType):
            yield value
    yield from _attributes_of(function)


def _attributes_of(function: FunctionType) -> Iterator[object]:
    """Attributes such as ``nn.LayerNorm`` and ``F.gelu`` that a function's code reads of modules."""
    modules = [
        value
        for name in _names_of(function.__code__)
        if hasattr(value := function.__globals__.get(name), "__path__") or type(value).__name__ == "module"
    ]
    for name in _names_of(function.__code__):
        for module in modules:
            value = getattr(module, name, None)
            if id(value) in _known_objects() or (
                isinstance(value, FunctionType) and value.__module__ == "torch.nn.functional"
            ):
                yield value


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)


def papers_in_script(path: Path) -> tuple[str, ...]:
    """Find the papers that a script rests on, without running it.

    Args:
        path: a Python file.

    Returns:
        Keys of ``refs.bib``, sorted.

    Raises:
        InputError: the file cannot be read, or is no Python.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except OSError as error:
        raise InputError(f"the script must be readable: {path}: {error.strerror}; check the path.") from None
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise InputError(
            f"the script must be Python: {path}: {error}; it is read as text and never run."
        ) from None
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and (dotted := _dotted(node, names)):
            found.update(_lookup(dotted))
    return tuple(sorted(found))


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    """The full name of an expression such as ``nn.LayerNorm``, "" where it is none."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def bibtex(obj: object) -> str:
    """Write the BibTeX of the papers that an object rests on.

    Args:
        obj: as for `papers`.

    Returns:
        The entries, sorted by key.
    """
    return bibtex_of(papers(obj))
