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

from ._rules import Number, Parts, Policies, Text
from .combinations import refuse_impossible
from .parts import (
    AVERAGE,
    CLIP,
    DROPOUT,
    ENSEMBLE,
    LOSS,
    MOMENTUM_SCHEDULE,
    OPTIMIZER,
    PREPROCESS,
    REGULARIZE,
    SCHEDULE,
    Chosen,
)

__all__ = ["Recipe"]


NORMS = ("batch", "group", "instance", "layer", "weight", "none")
INITS = (*POLICIES, "torch")
ORDERS = ("reshuffle", "stratified", "once", "none")
SCENARIOS = ("auto", "small_similar", "large_similar", "small_different", "large_different")


def _field(default: Any, rule: Number | Text | Parts | Policies, meaning: str) -> Any:
    return field(default=default, metadata={"rule": rule, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything needed to repeat a run.

    Raises:
        InputError: a value has the wrong type or lies outside what its field allows.

    Example:
        >>> recipe = Recipe(norm="group_norm", dropout=0, regularize="max_norm:c=3")
        >>> recipe.norm, recipe.dropout, recipe.regularize
        ('group', 0.0, 'max_norm:3')
        >>> Recipe.from_toml(recipe.to_toml()) == recipe
        True
        >>> recipe.changed({"lerning_rate": 0.1})
        Traceback (most recent call last):
        vademecum._core.errors.UnknownNameError: recipe field must be one that exists: 'lerning_rate' is none; did you mean 'learning_rate'?
    """  # noqa: E501

    # Data
    data: str = _field("digits", Text(empty=False), "'digits', a folder of images, or a table's file")
    target: str = _field("", Text(), "column to predict; '' lets the reader of the data choose")
    group: str = _field("", Text(), "column whose equal values stay in one part")
    time: str = _field("", Text(), "column by which the parts follow one another")
    image_size: int | str = _field(
        "auto", Number(4, 4096, whole=True, words=("auto",)), "side of the images, pixels"
    )
    val_fraction: float = _field(
        0.15, Number(0, 1, open_low=True, open_high=True), "share that steers the training"
    )
    test_fraction: float = _field(
        0.2, Number(0, 1, open_low=True, open_high=True), "share that is looked at once"
    )
    preprocess: str = _field("standardize", Parts(PREPROCESS), "scaling, fitted on the training part alone")
    augment: str = _field("none", Policies(), "changes of the training examples that keep their label")
    order: str = _field("reshuffle", Text(ORDERS), "of the examples in each epoch")
    # Net
    model: str = _field(
        "auto", Text(empty=False), "'mlp', 'cnn', FILE:FUNCTION; auto: cnn for images, mlp for tables"
    )
    norm: str = _field("batch", Text(NORMS, "_norm"), "normalization inside the net")
    activation: str = _field("relu", Text(tuple(ACTIVATIONS)), "nonlinearity inside the net")
    init: str = _field("he", Text(INITS, "_init"), "initial weights; 'torch' leaves them as torch makes them")
    dropout: float | str = _field(
        0.25,
        Parts(DROPOUT, Number(0, 1, open_high=True)),
        "probability of dropping a unit, or a kind of dropout",
    )
    pretrained: str = _field("", Text(), "a run, or a safetensors file, from whose weights it starts")
    scenario: str = _field("auto", Text(SCENARIOS), "how much of a pretrained net is trained again")
    # Loss
    loss: str = _field("auto", Parts(LOSS, words=("auto",)), "what is minimized; auto: by the task")
    label_smoothing: float = _field(
        0.0, Number(0, 1, open_high=True), "share of the target spread over all classes"
    )
    temperature: float | str = _field(
        1.0,
        Number(0, 1e3, open_low=True, words=("auto",)),
        "divides the scores; auto: fitted on the validation part",
    )
    regularize: str = _field("none", Parts(REGULARIZE), "what is added to the loss, or done to the weights")
    weight_decay: float = _field(
        0.01, Number(0, 10), "of weights alone: decoupled in adamw, an L2 gradient elsewhere"
    )
    # Step
    optimizer: str = _field("adamw", Parts(OPTIMIZER), "who takes the steps")
    learning_rate: float | str = _field(
        "auto", Number(0, 100, open_low=True, words=("auto",)), "peak rate; auto runs a range test"
    )
    momentum: float = _field(0.9, Number(0, 1, open_high=True), "of sgd and nesterov; adam's first beta")
    schedule: str = _field("one_cycle", Parts(SCHEDULE), "how the rate runs over the steps")
    momentum_schedule: str = _field("none", Parts(MOMENTUM_SCHEDULE), "how the momentum runs over the steps")
    clip: str = _field("none", Parts(CLIP), "what is done to the gradient before the step")
    batch_size: int = _field(32, Number(1, 2**24, whole=True), "examples a step, over all processes together")
    accumulate: int = _field(
        1, Number(1, 2**16, whole=True), "parts in which a batch goes through the net, to save memory"
    )
    # Run
    epochs: int = _field(30, Number(1, 1_000_000, whole=True), "passes over the training part at most")
    patience: int = _field(
        10, Number(0, 1_000_000, whole=True), "epochs without a better one before it stops; 0 never"
    )
    average: str = _field(
        "none", Parts(AVERAGE), "average of the weights over the steps, in place of the last"
    )
    ensemble: int | str = _field(
        1, Parts(ENSEMBLE, Number(1, 100, whole=True)), "networks that answer together"
    )
    seed: int = _field(0, Number(0, 2**63 - 1, whole=True), "where all randomness comes from")
    checkpoint_seconds: float = _field(
        30.0, Number(0, float("inf")), "at most so long between two checkpoints"
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            rule = f.metadata["rule"]
            kept = rule.check(value)
            if kept is None:
                if isinstance(value, str) and isinstance(rule, Text) and rule.options:
                    raise UnknownNameError(f.name, value, rule.options)
                raise InputError(f"{f.name} must be {rule.allowed}: {value!r} came; {f.metadata['meaning']}.")
            object.__setattr__(self, f.name, kept)
        if self.val_fraction + self.test_fraction >= 1:
            raise InputError(
                "val_fraction and test_fraction must leave something to train on: they are "
                f"{self.val_fraction:g} and {self.test_fraction:g}; keep their sum below 1."
            )
        refuse_impossible(self)

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """Say for every field what it means and what it may be.

        Returns:
            One sentence by field name.
        """
        return {f.name: f"{f.metadata['meaning']}: {f.metadata['rule'].allowed}" for f in fields(cls)}

    def chosen(self) -> list[Chosen]:
        """List the techniques that the recipe names, with their arguments."""
        found: list[Chosen] = []
        for f in fields(self):
            rule, value = f.metadata["rule"], getattr(self, f.name)
            if isinstance(rule, Parts) and isinstance(value, str) and value not in rule.words:
                found += rule.kind.read(value)
        return found

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

        Example:
            >>> recipe = Recipe().with_settings(["norm=group", "learning_rate=3e-4", "clip=norm:0.5"])
            >>> recipe.norm, recipe.learning_rate, recipe.clip
            ('group', 0.0003, 'norm:0.5')
        """
        return self.changed(self.settings(settings))

    @classmethod
    def settings(cls, settings: Iterable[str]) -> dict[str, Any]:
        """Read settings as they are written on the command line.

        Args:
            settings: ``name=value`` each.

        Returns:
            Values by field name, not yet checked.

        Raises:
            InputError: a setting has no ``=``.
            UnknownNameError: there is no such field.
        """
        rules = {f.name: f.metadata["rule"] for f in fields(cls)}
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
        return values

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
