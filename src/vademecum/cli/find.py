"""``vade find``."""

from typing import Annotated

import typer

from vademecum._core.errors import InputError
from vademecum._core.find import find as search
from vademecum._core.journey import chapter_of

from ._say import AsJson, bold, dim, say, say_json, shorten


def find(
    words: Annotated[
        list[str], typer.Argument(help="What you look for: a name, an author, a year, a topic.")
    ],
    as_json: AsJson = False,
) -> None:
    """Find techniques by name, other names, paper, year or chapter; one misspelling is forgiven.

    Example: vade find spectral nrom
    """
    hits = search(" ".join(words))
    if as_json:
        say_json([{**hit.card.to_json(), "chapter": chapter_of().get(hit.card.slug, "")} for hit in hits])
        return
    if not hits:
        raise InputError(
            f"the words must stand in some card: {' '.join(words)!r} stands in none; see `vade list`."
        )
    for written, taken in hits[0].corrected:
        say(dim(f"{written!r} is taken for {taken!r}"))
    for hit in hits:
        say(f"{bold(hit.card.slug)}  {hit.card.title}: {hit.card.gist}".rstrip())
        say(dim(f"  {shorten(hit.card.path)}:1  {chapter_of().get(hit.card.slug, '')}".rstrip()))
