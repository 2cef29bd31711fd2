"""One page of help: every field of a recipe, and every technique that may stand there, with its defaults."""

import textwrap
from collections.abc import Iterator
from dataclasses import fields

from vademecum.data import Policy

from ._rules import Parts, Policies
from .parts import Kind
from .recipe import Recipe

__all__ = ["fields_page"]

SECTIONS = {"data": "Data", "model": "Net", "loss": "Loss", "optimizer": "Step", "epochs": "Run"}
"""The first field of each section."""

WIDTH = 100
NAME = 18


def fields_page(only: str = "") -> str:
    """Write the page.

    Args:
        only: a field, to see that one alone; all where it is empty.

    Returns:
        Plain text.
    """
    lines: list[str] = []
    for f in fields(Recipe):
        if only and f.name != only:
            continue
        if not only and f.name in SECTIONS:
            lines += ["", SECTIONS[f.name]]
        rule, default = f.metadata["rule"], f.default
        head = f"  {f.name:<{NAME}}{f.metadata['meaning']}"
        allowed = "" if isinstance(rule, Parts | Policies) else f"; {rule.allowed}"
        shown = repr(default) if default == "" else f"{default}"
        lines += _wrapped(f"{head}{allowed}; default {shown}", indent=2 + NAME)
        if isinstance(rule, Parts):
            if rule.number is not None:
                lines += _wrapped(f"{'':{2 + NAME}}{rule.number.allowed}, or one of", indent=2 + NAME)
            lines += list(_parts(rule.kind))
        elif isinstance(rule, Policies):
            lines += [text for line in Policy.help().splitlines() for text in _entry(*line.split(maxsplit=1))]
            lines.append(
                f"{'':{4 + NAME}}several are joined by a comma; flip@0.3 changes a share, blur|noise one of two"
            )
    return "\n".join(lines).strip("\n")


def _parts(kind: Kind) -> Iterator[str]:
    for part in kind.parts:
        yield from _entry(part.usage, part.gist)
    if kind.several:
        yield f"{'':{4 + NAME}}several are joined by a comma"


def _entry(usage: str, gist: str) -> Iterator[str]:
    yield f"{'':{4 + NAME}}{usage}"
    yield from _wrapped(f"{'':{8 + NAME}}{gist[:1].upper()}{gist[1:].rstrip('.')}.", indent=8 + NAME)


def _wrapped(text: str, *, indent: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, drop_whitespace=True)
