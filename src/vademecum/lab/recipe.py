"""The recipe: everything that must be known to repeat a run, as one flat, frozen dataclass.

Each field is one choice and checks itself. A technique is named by its slug; the family's word may be dropped,
so that ``norm=group`` and ``norm=group_norm`` are the same recipe.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from vademecum._core.errors import InputError, UnknownNameError
from vademecum.nn.activation import ACTIVATIONS
from vademecum.nn.init import POLICIES

__all__ = ["Recipe"]


@dataclass(frozen=True)
class _Number:
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
class _Text:
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


def _field(default: Any, rule: _Number | _Text, meaning: str) -> Any:
    return field(default=default, metadata={"rule": rule, "meaning": meaning})


NORMS = ("batch", "group", "instance", "layer", "none")
INITS = (*POLICIES, "torch")
OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("constant", "cosine", "one_cycle")
PREPROCESSES = ("min_max", "none", "standardize")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything needed to repeat a run.

    Raises:
        InputError: a value has the wrong type or lies outside what its field allows.

    Example:
        >>> recipe = Recipe(norm="group_norm", dropout=0)
        >>> recipe.norm, recipe.dropout
        ('group', 0.0)
        >>> Recipe.from_toml(recipe.to_toml()) == recipe
        True
        >>> recipe.changed({"lerning_rate": 0.1})
        Traceback (most recent call last):
        vademecum._core.errors.UnknownNameError: recipe field must be one that exists: 'lerning_rate' is none; did you mean 'learning_rate'?
    """  # noqa: E501

    data: str = _field("digits", _Text(empty=False), "'digits', a folder of images, or a table's file")
    target: str = _field("", _Text(), "column to predict; '' lets the reader of the data choose")
    group: str = _field("", _Text(), "column whose equal values stay in one part")
    time: str = _field("", _Text(), "column by which the parts follow one another")
    model: str = _field(
        "auto", _Text(empty=False), "'mlp', 'cnn', FILE:FUNCTION; auto: cnn for images, mlp for tables"
    )
    norm: str = _field("batch", _Text(NORMS, "_norm"), "normalization inside the net")
    activation: str = _field("relu", _Text(tuple(ACTIVATIONS)), "nonlinearity inside the net")
    init: str = _field(
        "he", _Text(INITS, "_init"), "initial weights; 'torch' leaves them as torch makes them"
    )
    dropout: float = _field(0.25, _Number(0, 1, open_high=True), "probability of dropping a unit")
    preprocess: str = _field("standardize", _Text(PREPROCESSES), "scaling, fitted on the training part alone")
    image_size: int | str = _field(
        "auto", _Number(4, 4096, whole=True, words=("auto",)), "side of the images, pixels"
    )
    optimizer: str = _field("adamw", _Text(OPTIMIZERS), "who takes the steps")
    learning_rate: float | str = _field(
        "auto", _Number(0, 100, open_low=True, words=("auto",)), "peak rate; auto runs a range test"
    )
    schedule: str = _field("one_cycle", _Text(SCHEDULES), "how the rate runs over the epochs")
    momentum: float = _field(0.9, _Number(0, 1, open_high=True), "of sgd; adamw's first beta")
    weight_decay: float = _field(0.01, _Number(0, 10), "decoupled in adamw, an L2 gradient in sgd")
    label_smoothing: float = _field(
        0.0, _Number(0, 1, open_high=True), "share of the target spread over all classes"
    )
    batch_size: int = _field(
        32, _Number(1, 2**24, whole=True), "examples a step, over all processes together"
    )
    epochs: int = _field(30, _Number(1, 1_000_000, whole=True), "passes over the training part at most")
    patience: int = _field(
        10, _Number(0, 1_000_000, whole=True), "epochs without a better one before it stops; 0 never"
    )
    val_fraction: float = _field(
        0.15, _Number(0, 1, open_low=True, open_high=True), "share that steers the training"
    )
    test_fraction: float = _field(
        0.2, _Number(0, 1, open_low=True, open_high=True), "share that is looked at once"
    )
    seed: int = _field(0, _Number(0, 2**63 - 1, whole=True), "where all randomness comes from")
    checkpoint_seconds: float = _field(
        30.0, _Number(0, float("inf")), "at most so long between two checkpoints"
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            rule = f.metadata["rule"]
            kept = rule.check(value)
            if kept is None:
                if isinstance(value, str) and isinstance(rule, _Text) and rule.options:
                    raise UnknownNameError(f.name, value, rule.options)
                raise InputError(f"{f.name} must be {rule.allowed}: {value!r} came; {f.metadata['meaning']}.")
            object.__setattr__(self, f.name, kept)
        if self.val_fraction + self.test_fraction >= 1:
            raise InputError(
                "val_fraction and test_fraction must leave something to train on: they are "
                f"{self.val_fraction:g} and {self.test_fraction:g}; keep their sum below 1."
            )

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """Say for every field what it means and what it may be.

        Returns:
            One sentence by field name.
        """
        return {f.name: f"{f.metadata['meaning']}: {f.metadata['rule'].allowed}" for f in fields(cls)}

    def changed(self, settings: Mapping[str, Any]) -> "Recipe":
        """Copy the recipe with some fields changed.

        Args:
            settings: new values by field name.

        Returns:
            The copy.

        Raises:
            UnknownNameError: there is no such field.
        """
        names = [f.name for f in fields(self)]
        for name in settings:
            if name not in names:
                raise UnknownNameError("recipe field", name, names)
        return replace(self, **settings)

    def with_settings(self, settings: Iterable[str]) -> "Recipe":
        """Copy the recipe with fields changed as on the command line.

        Args:
            settings: ``name=value`` each.

        Returns:
            The copy.

        Raises:
            InputError: a setting has no ``=``.
            UnknownNameError: there is no such field.

        Example:
            >>> recipe = Recipe().with_settings(["norm=group", "learning_rate=3e-4"])
            >>> recipe.norm, recipe.learning_rate
            ('group', 0.0003)
        """
        rules = {f.name: f.metadata["rule"] for f in fields(self)}
        values = {}
        for setting in settings:
            name, equals, text = setting.partition("=")
            name = name.strip().replace("-", "_")
            if not equals:
                raise InputError(
                    f"a setting must read name=value: {setting!r} came; write for example norm=group."
                )
            if name not in rules:
                raise UnknownNameError("recipe field", name, rules)
            values[name] = rules[name].read(text.strip())
        return self.changed(values)

    def to_toml(self) -> str:
        """Write the recipe down, with the meaning of each field beside it.

        Returns:
            The text of a TOML file.
        """
        # A basic string of TOML and a string of JSON differ in nothing but the character U+007F.
        lines = [
            (
                f"{f.name} = "
                + json.dumps(getattr(self, f.name), ensure_ascii=False).replace("\x7f", "\\u007f")
            )
            + f"  # {f.metadata['meaning']}"
            for f in fields(self)
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, text: str) -> "Recipe":
        """Read a recipe; fields that are not named keep their defaults.

        Args:
            text: of a TOML file.

        Returns:
            The recipe.

        Raises:
            InputError: the text is no TOML, or a field is none of a recipe's.
        """
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(
                f'a recipe must be a TOML file: {error}; write lines such as norm = "group".'
            ) from error
        return cls().changed(values)
