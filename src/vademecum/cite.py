"""Which papers does this model, this script, this run rest on?

A live object is read by its parts: every module that a card exports or re-exports is known, so a plain
torch model is cited as well as ours. A script is read as text and never run.
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from ._core.cards import PACKAGE, Card, all_cards
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
        for name in card.exports:
            keys = _keys_of(card, name)
            names[f"{card.module}.{name}"] = keys
            for depth in range(1, card.module.count(".")):  # vademecum.nn.norm.X, vademecum.nn.X
                names[".".join(card.module.split(".")[: depth + 1]) + f".{name}"] = keys
        for name, dotted in card.reexports.items():
            names[dotted] = _keys_of(card, name)
    return names


def _keys_of(card: Card, name: str) -> tuple[str, ...]:
    """The papers of one public name: those of the card, less those that the card gives to another name."""
    keys = []
    for reference in card.references:
        owners = set(re.findall(r"\w+", reference.where)) & set(card.exports)
        if not owners or name in owners:
            keys.append(reference.key)
    return tuple(keys)


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
    return tuple(sorted({key for thing in _things(obj, set()) for key in _keys_for(thing)}))


def _keys_for(thing: object) -> tuple[str, ...]:
    """Papers of one class or function, known by identity or as one of torch's by name."""
    import torch
    from torch.nn import functional

    if id(thing) in _known_objects():
        return _known_objects()[id(thing)]
    name = getattr(thing, "__name__", "")
    if name and thing in (getattr(functional, name, None), getattr(torch, name, None)):
        return _lookup(f"torch.nn.functional.{name}")
    parametrizations = (
        "torch.nn.utils.parametrizations"  # weight_norm(layer) leaves a part of class _WeightNorm
    )
    if getattr(thing, "__module__", "") == parametrizations:
        flat = name.strip("_").lower()
        for known, keys in known_names().items():
            if known.startswith(parametrizations) and known.rpartition(".")[2].replace("_", "") == flat:
                return keys
    return ()


def _things(obj: object, seen: set[int]) -> Iterator[object]:
    """Walk over the classes and functions that an object is made of."""
    from torch import nn

    if id(obj) in seen:
        return
    seen.add(id(obj))
    if isinstance(obj, nn.Module):
        for part in obj.modules():
            kind = type(part)
            # The parts of torch's own layers are all there; a user's forward may call functions beside its parts.
            yield from (base for base in kind.__mro__) if _is_torch(kind) else _things(kind, seen)
            yield from (value for value in vars(part).values() if callable(value))
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

    names = list(_names_of(function.__code__))
    values = [function.__globals__[name] for name in names if name in function.__globals__]
    modules = [value for value in values if isinstance(value, ModuleType)]
    values += [getattr(module, name) for module in modules for name in names if hasattr(module, name)]
    for value in values:
        if isinstance(value, type) and issubclass(value, nn.Module):
            yield from _things(value, seen)
        elif callable(value) and not _is_torch(
            function
        ):  # torch's layers name functions that they only compare with
            yield value
    yield from (value for value in function.__defaults__ or () if callable(value))


def _is_torch(thing: type | FunctionType) -> bool:
    return thing.__module__.startswith("torch.")


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
