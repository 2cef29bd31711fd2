"""``vade show``."""

import textwrap
from typing import Annotated

import typer

from vademecum._core.cards import FIELDS, card
from vademecum._core.errors import InputError
from vademecum._core.journey import chapter_of
from vademecum._core.refs import paper
from vademecum._core.tex import render

from ._say import AsJson, bold, dim, say, say_json, shorten

WIDTH = 96


def show(
    slug: Annotated[str, typer.Argument(help="A technique, as `vade list` names it.")],
    as_json: AsJson = False,
    run: Annotated[
        bool, typer.Option("--run", help="Run the card's demonstration and print what it measures.")
    ] = False,
) -> None:
    """Show a technique's card: what it is, its equation, departures, pitfalls, papers.

    Example: vade show group_norm
    """
    found = card(slug)
    measured = _demonstrate(found.module) if run else ""
    if as_json:
        papers = [paper(reference.key).to_json() for reference in found.references]
        say_json({**found.to_json(), "papers": papers, "measured": measured or None})
        return
    say(f"{bold(found.title)}: {found.gist}" if found.gist else bold(found.title))
    say(
        dim(
            f"{found.kind}/{found.slug}   {shorten(found.path)}:1   {chapter_of().get(found.slug, '')}".rstrip()
        )
    )
    say()
    say(_wrap(render(found.text)))
    for field in FIELDS:
        if field in found.fields:
            say()
            say(textwrap.fill(f"{field}: {render(found.fields[field])}", WIDTH, subsequent_indent="    "))
    say()
    say(f"In Python: from {found.module} import {', '.join(found.exports)}")
    for reference in found.references:
        say(
            textwrap.fill(
                f"[{reference.key}] {paper(reference.key).citation} {reference.where}",
                WIDTH,
                subsequent_indent="    ",
            )
        )
    if measured:
        say()
        say(measured)
    elif _has_demonstration(found.exports):
        say()
        say(f"`vade show {found.slug} --run` measures it.")


def _wrap(text: str) -> str:
    """Fill the paragraphs; leave indented lines (equations, tables) as they are."""
    blocks = []
    for block in text.split("\n\n"):
        indented = any(line.startswith(("    ", "|", "- ")) for line in block.splitlines())
        blocks.append(block if indented else textwrap.fill(block, WIDTH))
    return "\n\n".join(block for block in blocks if block.strip())


def _has_demonstration(exports: tuple[str, ...]) -> bool:
    return "demonstrate" in exports


def _demonstrate(module: str) -> str:
    from importlib import import_module

    demonstrate = getattr(import_module(module), "demonstrate", None)
    if demonstrate is None:
        raise InputError(
            f"the technique must have a demonstration: {module.split('.')[-1]} has none; leave --run out."
        )
    return str(demonstrate())
