"""The practitioner's journey: in which order the techniques are met. Read from ``journey.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from .cards import PACKAGE


@dataclass(frozen=True)
class Chapter:
    """A step of the journey.

    Attributes:
        title: of the chapter.
        question: what somebody who stands here asks.
        techniques: slugs, in reading order.
    """

    title: str
    question: str
    techniques: tuple[str, ...]


@cache
def chapters() -> tuple[Chapter, ...]:
    """Read the journey.

    Returns:
        The chapters in order.
    """
    with (PACKAGE / "journey.toml").open("rb") as file:
        found = tomllib.load(file)["chapter"]
    return tuple(Chapter(c["title"], c["question"], tuple(c["techniques"])) for c in found)


@cache
def chapter_of() -> Mapping[str, str]:
    """Say in which chapter each technique stands.

    Returns:
        Chapter titles by slug.
    """
    return {slug: chapter.title for chapter in chapters() for slug in chapter.techniques}
