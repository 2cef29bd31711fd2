"""``vade journey``."""

from vademecum._core.cards import all_cards
from vademecum._core.journey import chapters

from ._say import AsJson, bold, say, say_json


def journey(as_json: AsJson = False) -> None:
    """Show the practitioner's journey: which technique answers which question, in order.

    Example: vade journey
    """
    if as_json:
        say_json(
            [{"title": c.title, "question": c.question, "techniques": list(c.techniques)} for c in chapters()]
        )
        return
    for number, chapter in enumerate(chapters(), 1):
        say(bold(f"{number}. {chapter.title}"))
        say(f"   {chapter.question}")
        for slug in chapter.techniques:
            card = all_cards()[slug]
            say(f"   {slug:<24} {card.title}: {card.gist}".rstrip())
        say()
