"""``vade paper``."""

from typing import Annotated

import typer

from vademecum._core.cards import all_cards
from vademecum._core.refs import all_papers
from vademecum._core.refs import paper as find_paper

from ._say import AsJson, bold, say, say_json


def paper(
    key: Annotated[
        str, typer.Argument(help="Key of a paper, such as ba2016layer; all papers where it is left out.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show a paper, its BibTeX, and the techniques that rest on it.

    Example: vade paper wu2018group
    """
    users: dict[str, list[str]] = {}
    for card in all_cards().values():
        for reference in card.references:
            users.setdefault(reference.key, []).append(card.slug)
    if not key:
        found = sorted(all_papers().values(), key=lambda p: p.key)
        if as_json:
            say_json([{**p.to_json(), "techniques": users.get(p.key, [])} for p in found])
            return
        for one in found:
            say(f"{bold(one.key)}  {one.citation}")
        return
    one = find_paper(key)
    if as_json:
        say_json({**one.to_json(), "techniques": users.get(key, [])})
        return
    say(bold(one.title))
    say(f"{', '.join(one.authors)}. {one.venue}, {one.year}.")
    say()
    say(one.bibtex)
    if users.get(key):
        say()
        say(f"Techniques: {', '.join(users[key])}")
