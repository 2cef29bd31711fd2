"""Search the catalogue by words, forgiving one misspelling."""

import re
from dataclasses import dataclass

from .cards import Card, all_cards
from .errors import nearest
from .journey import chapter_of
from .refs import all_papers

WEIGHTS = {"slug": 8.0, "title": 8.0, "also called": 8.0, "gist": 3.0, "paper": 2.0, "chapter": 1.0}
"""How much a word counts by the place where it stands."""


@dataclass(frozen=True)
class Hit:
    """A technique that was found.

    Attributes:
        card: the technique.
        score: larger is nearer; only the order means something.
        corrected: words that were taken for others, as (written, taken).
    """

    card: Card
    score: float
    corrected: tuple[tuple[str, str], ...]


def _words(text: str) -> set[str]:
    words = set(re.findall(r"\w+", text.lower().replace("_", " ")))
    joined = re.findall(r"[\w-]+", text.lower())
    return words | {word.replace("-", "").replace("_", "") for word in joined}


def _fields(card: Card) -> dict[str, set[str]]:
    papers = [all_papers()[r.key] for r in card.references if r.key in all_papers()]
    return {
        "slug": _words(card.slug) | {card.slug.replace("_", "")},
        "title": _words(card.title),
        "also called": _words(card.fields.get("Also called", "")),
        "gist": _words(card.gist),
        "paper": set().union(
            *(_words(f"{p.title} {' '.join(p.authors)} {p.year} {p.key}") for p in papers), set()
        ),
        "chapter": _words(chapter_of().get(card.slug, "")),
    }


def find(words: str) -> list[Hit]:
    """Search slug, title, other names, gist, paper, year and chapter.

    A word that stands nowhere is taken for the nearest one that does; a technique is found when every word
    (corrected or not) stands somewhere in its card, else when most do.

    Args:
        words: separated by blanks.

    Returns:
        The techniques, nearest first; empty where nothing is near.

    Example:
        >>> find("grup norm")[0].card.slug
        'group_norm'
    """
    index = {slug: _fields(card) for slug, card in all_cards().items()}
    vocabulary = set().union(*(place for fields in index.values() for place in fields.values()))
    wanted, corrected = [], []
    for word in re.findall(r"\w+", words.lower().replace("_", " ")):
        if word in vocabulary or any(other.startswith(word) for other in vocabulary if len(word) >= 3):
            wanted.append(word)
        elif close := nearest(word, vocabulary):
            wanted.append(close[0])
            corrected.append((word, close[0]))
        else:
            wanted.append(word)
    hits = []
    for slug, fields in index.items():
        scores = [
            max(_score(word, place) * WEIGHTS[name] for name, place in fields.items()) for word in wanted
        ]
        if scores and sum(score > 0 for score in scores) * 2 > len(scores):
            all_found = 10.0 * all(scores)
            hits.append(Hit(all_cards()[slug], all_found + sum(scores), tuple(corrected)))
    hits.sort(key=lambda hit: (-hit.score, hit.card.slug))
    if hits and hits[0].score > 10:
        hits = [hit for hit in hits if hit.score > 10]
    return hits


def _score(word: str, place: set[str]) -> float:
    if word in place:
        return 1.0
    if len(word) >= 3 and any(other.startswith(word) for other in place):
        return 0.5
    return 0.0
