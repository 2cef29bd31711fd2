"""``vade list``."""

from typing import Annotated

import typer

from vademecum._core.cards import Card, all_cards, of_kind

from ._say import AsJson, bold, say, say_json


def list_(
    kind: Annotated[
        str, typer.Argument(help="nn, norm, nn/activation, theory, ...; all where it is left out.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List the techniques.

    Example: vade list norm
    """
    cards = of_kind(kind) if kind else list(all_cards().values())
    if as_json:
        say_json([card.to_json() for card in cards])
        return
    groups: dict[str, list[Card]] = {}
    for card in cards:
        groups.setdefault(card.kind, []).append(card)
    width = max(len(card.slug) for card in cards)
    for name, members in groups.items():
        say(bold(name))
        for card in members:
            say(f"  {card.slug:<{width}}  {card.title}: {card.gist}".rstrip())
        say()
    say(f"{len(cards)} techniques. `vade show SLUG` shows one.")
