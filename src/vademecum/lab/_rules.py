"""What a field of a recipe may be: a number, a word, or techniques with their arguments."""

from dataclasses import dataclass
from typing import Any

from vademecum.data import Policy

from .parts import Kind, words_of

__all__ = ["Number", "Parts", "Policies", "Text"]


@dataclass(frozen=True)
class Number:
    """A number between two ends, or one of a few words that stand for a number found later."""

    low: float
    high: float
    whole: bool = False
    open_low: bool = False
    open_high: bool = False
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        left = ("above " if self.open_low else "from ") + f"{self.low:g}"
        right = (
            ""
            if self.high == float("inf")
            else (" to below " if self.open_high else " to ") + f"{self.high:g}"
        )
        if not right and not self.open_low:
            left = f"{self.low:g} or more"
        return " or ".join(
            [("a whole number, " if self.whole else "a number ") + left + right, *map(repr, self.words)]
        )

    def read(self, text: str) -> int | float | str:
        """Take the text of ``--set name=text`` for a number where it looks like one."""
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text

    def check(self, value: Any) -> int | float | str | None:
        """Return the value as it is kept; None where it is not allowed."""
        if isinstance(value, str):
            return value if value in self.words else None
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return None
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high or self.high == float("inf") else value <= self.high
        return (value if self.whole else float(value)) if above and below else None


@dataclass(frozen=True)
class Text:
    """Any text; with `options`, one of them, after `family` was dropped from its end."""

    options: tuple[str, ...] = ()
    family: str = ""
    empty: bool = True

    @property
    def allowed(self) -> str:
        return (
            "one of " + ", ".join(self.options)
            if self.options
            else "text"
            if self.empty
            else "text, not empty"
        )

    def read(self, text: str) -> str:
        """Take the text of ``--set name=text`` as it is."""
        return text

    def check(self, value: Any) -> str | None:
        """Return the value as it is kept; None where it is not allowed."""
        if not isinstance(value, str) or (not value and not self.empty):
            return None
        if not self.options:
            return value
        word = value.lower().replace("-", "_")
        word = word.removesuffix(self.family) if self.family else word
        return word if word in self.options else None


@dataclass(frozen=True)
class Parts:
    """Techniques by name, with their arguments; where `number` is given, a bare number too.

    Attributes:
        kind: which there are.
        number: allowed numbers, in place of a part.
        words: other words that may stand there.
    """

    kind: Kind
    number: Number | None = None
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What may be written, for a message."""
        several = "some of" if self.kind.several else "one of"
        words = f"{several} {', '.join((*self.words, *self.kind.names))}"
        return f"{self.number.allowed}, or {words}" if self.number else words

    def read(self, text: str) -> int | float | str:
        """Take the text of ``--set name=text`` for a number where it looks like one and may be one."""
        return self.number.read(text) if self.number else text

    def check(self, value: Any) -> int | float | str | None:
        """Return the value in the one way in which it is kept; None where it is not allowed."""
        if not isinstance(value, str):
            return self.number.check(value) if self.number else None
        if value in self.words:
            return value
        if self.number is not None and value == "none":
            return self.number.check(int(self.number.low))
        return self.kind.write(self.kind.read(value))


@dataclass(frozen=True)
class Policies:
    """Augmentations, in the language of `vademecum.data.Policy`."""

    allowed = "none, or names such as crop:4,flip,rotate:15"

    def read(self, text: str) -> str:
        """Take the text of ``--set name=text`` as it is."""
        return text

    def check(self, value: Any) -> str | None:
        """Return the policy in the one way in which it is kept; None where it is no text."""
        if not isinstance(value, str):
            return None
        return "none" if value.strip() in {"", "none"} else str(Policy.parse(",".join(words_of(value))))
