"""How a technique and its arguments are written in a recipe: ``max_norm:3``, ``slanted:ratio=16``, ``l1,max_norm``.

A **part** is a function whose positional-only parameters come from the run and whose other parameters are the
arguments that a recipe may give, by position or by name, with their defaults. So what may be written, what is the
default and what is done stand in one place.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vademecum._core.cards import all_cards
from vademecum._core.errors import InputError, UnknownNameError

__all__ = ["Argument", "Chosen", "Kind", "Part", "positive", "share", "words_of"]

_BETWEEN = re.compile(r"[,+](?=\s*[A-Za-z_])")  # no comma or plus inside a number such as 1e+5


def words_of(text: str) -> list[str]:
    """Part a text that names several things.

    Args:
        text: joined by commas, or by plus signs where commas mean something else.

    Returns:
        The words.

    Example:
        >>> words_of("l1:1e+0+max_norm"), words_of("crop, flip")
        (['l1:1e+0', 'max_norm'], ['crop', 'flip'])
    """
    return [word.strip() for word in _BETWEEN.split(text)]


@dataclass(frozen=True)
class Argument:
    """What may be given to a part.

    Attributes:
        name: as it is written.
        type: of its value: int, float, bool or str.
        default: taken where nothing is written; None where something must be.
    """

    name: str
    type: type
    default: Any

    def read(self, text: str, *, what: str) -> Any:
        """Turn what was written into a value.

        Args:
            text: what stands after the colon.
            what: the part, for the message.

        Returns:
            The value.

        Raises:
            InputError: it is no value of the type.
        """
        try:
            if self.type is bool:
                return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
            return self.type(text)
        except (ValueError, KeyError):
            kinds = {
                int: "a whole number",
                float: "a number",
                bool: "true or false",
            }
            raise InputError(
                f"{what} takes {kinds[self.type]} as its {self.name}: {text!r} came; "
                f"the default is {self.default!r}."
            ) from None


@dataclass(frozen=True)
class Part:
    """One technique as a recipe may name it.

    Attributes:
        name: in the recipe.
        slug: of its card; "" where it is no technique.
        make: does it; parameters that come from the run are positional-only.
        says: one line for the page of help, where no card has it.
    """

    name: str
    slug: str
    make: Callable[..., Any]
    says: str = ""

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """What may be written after its name, in order."""
        return tuple(
            Argument(p.name, p.annotation, None if p.default is p.empty else p.default)
            for p in inspect.signature(self.make).parameters.values()
            if p.kind is not p.POSITIONAL_ONLY
        )

    @property
    def gist(self) -> str:
        """What it does, in one sentence."""
        return self.says or all_cards()[self.slug].gist

    @property
    def usage(self) -> str:
        """How it is written, with the defaults: ``max_norm:c=3``."""
        return ":".join([self.name, *(f"{a.name}={_text(a.default)}" for a in self.arguments)])


@dataclass(frozen=True)
class Chosen:
    """A part with the arguments that were given to it.

    Attributes:
        part: which one.
        arguments: what was written; what was not is the default.
    """

    part: Part
    arguments: Mapping[str, Any]

    def make(self, *context: Any) -> Any:
        """Do it.

        Args:
            *context: what the run gives to every part of this kind.

        Returns:
            Whatever parts of this kind make.
        """
        return self.part.make(*context, **self.arguments)

    def __str__(self) -> str:
        known = self.part.arguments
        by_position = list(self.arguments) == [a.name for a in known[: len(self.arguments)]]
        words = [
            _text(value) if by_position else f"{name}={_text(value)}"
            for name, value in self.arguments.items()
        ]
        return ":".join([self.part.name, *words])


@dataclass(frozen=True)
class Kind:
    """All parts that one field of a recipe may name.

    Attributes:
        name: the field.
        parts: by name.
        several: whether a comma may follow, and another part.
        family: word that may be dropped from the end of a name.
        example: a context in which every part can be tried, so that a wrong argument is refused when it is read; None
            where that depends on the data.
        aliases: other names.
        required: whether there must be one: "none" is none of the names.
    """

    name: str
    parts: tuple[Part, ...]
    several: bool = False
    family: str = ""
    example: Callable[[], tuple[Any, ...]] | None = tuple
    aliases: Mapping[str, str] = field(default_factory=dict)
    required: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The words that may stand there."""
        return tuple(part.name for part in self.parts) + (() if self.required else ("none",))

    def read(self, text: str) -> tuple[Chosen, ...]:
        """Read what a recipe says.

        Args:
            text: ``none``, or parts with their arguments.

        Returns:
            What was chosen, in order; () for none.

        Raises:
            InputError: the text is no list of parts, or two parts stand where one may.

        Example:
            >>> def keep(seconds: float = 1.0): return seconds
            >>> kind = Kind("rest", (Part("keep", "", keep),))
            >>> kind.read("keep:2")[0].make(), str(kind.read("keep:seconds=2")[0])
            (2.0, 'keep:2')
        """
        words = words_of(text)
        if words in (["none"], [""]) and not self.required:
            return ()
        chosen = tuple(self._one(word) for word in words)
        if len(chosen) > 1 and not self.several:
            raise InputError(f"{self.name} takes one part: {text!r} names {len(chosen)}; choose one of them.")
        names = [choice.part.name for choice in chosen]
        if len(set(names)) < len(names):
            raise InputError(f"{self.name} takes each part once: {text!r} names one twice; leave it out.")
        return chosen

    def _one(self, word: str) -> Chosen:
        name, *given = (piece.strip() for piece in word.split(":"))
        part = self._find(name)
        what = f"{self.name}={part.name}"
        arguments: dict[str, Any] = {}
        for position, piece in enumerate(given):
            key, equals, value = piece.partition("=")
            if not equals:
                if position >= len(part.arguments):
                    raise InputError(
                        f"{what} takes {len(part.arguments)} arguments at most: {word!r} gives {len(given)}; "
                        f"write {part.usage}."
                    )
                argument, value = part.arguments[position], key
            else:
                known = {argument.name: argument for argument in part.arguments}
                if key.strip() not in known:
                    raise UnknownNameError(f"argument of {what}", key.strip(), known)
                argument = known[key.strip()]
            if argument.name in arguments:
                raise InputError(
                    f"{what} takes each argument once: {word!r} gives {argument.name} twice; write {part.usage}."
                )
            arguments[argument.name] = argument.read(value.strip(), what=what)
        missing = [a.name for a in part.arguments if a.default is None and a.name not in arguments]
        if missing:
            raise InputError(f"{what} needs {' and '.join(missing)}: {word!r} came; write {part.usage}.")
        choice = Chosen(part, arguments)
        if self.example is None:
            return choice
        try:
            choice.make(*self.example())
        except InputError:
            raise
        except (ValueError, TypeError) as error:
            raise InputError(f"{what} must be possible: {word!r} came; {error}") from error
        return choice

    def _find(self, name: str) -> Part:
        wanted = name.lower().replace("-", "_")
        wanted = self.aliases.get(wanted, wanted)
        parts = {part.name: part for part in self.parts}
        if wanted not in parts and self.family:
            wanted = wanted.removesuffix(self.family)
        if wanted not in parts:
            by_slug = [part.name for part in self.parts if part.slug == wanted]
            if len(by_slug) != 1:
                raise UnknownNameError(self.name, name, self.names)
            wanted = by_slug[0]
        return parts[wanted]

    def write(self, chosen: tuple[Chosen, ...]) -> str:
        """Write down what was chosen, in one way only, so that equal recipes are equal texts.

        Args:
            chosen: as `read` gave it.

        Returns:
            The text.
        """
        return ",".join(map(str, chosen)) or "none"


def positive(**numbers: float) -> None:
    """Refuse numbers that are not above 0.

    Args:
        **numbers: by the name of the argument.

    Raises:
        ValueError: one is not.
    """
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be above 0: it is {number}.")


def share(**numbers: float) -> None:
    """Refuse numbers that are no share of the run.

    Args:
        **numbers: by the name of the argument.

    Raises:
        ValueError: one is not above 0, or above 1.
    """
    for name, number in numbers.items():
        if not 0 < number <= 1:
            raise ValueError(f"{name} must be a share of the run, above 0 and at most 1: it is {number}.")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    return "?" if value is None else str(value)
