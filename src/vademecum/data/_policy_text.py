"""The language of policies: which augmentations there are, and how one is read and written."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from vademecum._core.errors import InputError, UnknownNameError

from .color_jitter import ColorJitter
from .color_shift import ColorShift
from .elastic_deformation import ElasticDeformation
from .gaussian_blur import GaussianBlur
from .gaussian_noise import GaussianNoise
from .pca_color import PCAColor
from .pixel_drop import PixelDrop
from .random_crop import RandomCrop
from .random_flip import RandomHorizontalFlip, RandomVerticalFlip
from .random_resized_crop import RandomResizedCrop
from .random_rotation import RandomRotation
from .random_translation import RandomTranslate

Value = float | tuple[float, float] | None


@dataclass(frozen=True)
class Entry:
    """One name of the language.

    Attributes:
        build: the class.
        does: what it does, in a few words.
        arguments: its arguments in order, with their defaults; None stands for "as the first".
        ranges: arguments that may be a range.
        ranged: whether it takes max_value.
        chance: the argument that is the probability for an example; "" where there is none.
    """

    build: Callable[..., nn.Module]
    does: str
    arguments: Mapping[str, Value]
    ranges: tuple[str, ...] = ()
    ranged: bool = False
    chance: str = "p"

    @property
    def usual(self) -> float:
        """The probability where none is said."""
        return 0.5 if not self.arguments else 1.0


ENTRIES: Mapping[str, Entry] = {
    "blur": Entry(GaussianBlur, "blur with a Gaussian, sigma in pixels", {"sigma": 1.0}, ("sigma",)),
    "color": Entry(
        ColorJitter, "factors for brightness, contrast, saturation; hue in turns (1 or 3 channels)",
        {"brightness": 0.2, "contrast": None, "saturation": None, "hue": 0.0},
        ("brightness", "contrast", "saturation", "hue"),
    ),
    "crop": Entry(RandomCrop, "pad by pixels and cut the old size at random", {"padding": 4}, chance=""),
    "drop": Entry(PixelDrop, "set a share of the pixels to a value", {"p": 0.1, "fill": 0.0}, chance=""),
    "elastic": Entry(ElasticDeformation, "smooth random field, in pixels", {"alpha": 34.0, "sigma": 4.0}),
    "flip": Entry(RandomHorizontalFlip, "mirror left to right (not for digits or text)", {}),
    "noise": Entry(GaussianNoise, "normal noise, share of full intensity", {"std": 0.1}, ("std",), ranged=True),
    "pca_color": Entry(PCAColor, "AlexNet's colors; needs fit", {"std": 0.1}, ranged=True),
    "resized_crop": Entry(
        RandomResizedCrop, "cut a share of the area and scale it back",
        {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}, ("scale", "ratio"), chance="",
    ),
    "rotate": Entry(RandomRotation, "turn by up to so many degrees", {"degrees": 15.0}, ("degrees",)),
    "shift": Entry(ColorShift, "shift each channel, share of full intensity", {"max_shift": 0.1}, ranged=True),
    "translate": Entry(RandomTranslate, "move by up to so many whole pixels", {"max_shift": 2}),
    "vflip": Entry(RandomVerticalFlip, "mirror upside down (not for digits or text)", {}),
}  # fmt: skip


def read_value(text: str, whole: str, *, ranges: bool) -> Value:
    """Read "0.5" or "0.1..2".

    Returns:
        A number, or two.

    Raises:
        InputError: it is no number, or a range where none is allowed.
    """
    parts = text.split("..")
    try:
        numbers = [int(part) if re.fullmatch(r"[+-]?\d+", part) else float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) == 2 and ranges:
        return numbers[0], numbers[1]
    raise InputError(
        f"an argument must be a number{', or a range as 0.1..2' if ranges else ''}: {text!r} in {whole!r} is none; "
        "write name:number."
    )


def read_step(text: str, *, max_value: float | None) -> tuple[str, dict[str, object], float | None]:
    """Read "name:value:argument=value@probability".

    Args:
        text: one step.
        max_value: full intensity, for those that take it.

    Returns:
        The name, its keywords, and the probability where one is said.

    Raises:
        UnknownNameError: the name, or an argument's, does not exist.
        InputError: an argument cannot be read or comes twice.
    """
    body, at, odds = text.partition("@")
    name, *given = (part.strip() for part in body.split(":"))
    if name not in ENTRIES:
        raise UnknownNameError("augmentation", name, ENTRIES)
    entry = ENTRIES[name]
    values: dict[str, object] = {}
    order = list(entry.arguments)
    for position, item in enumerate(given):
        label, equals, value = item.rpartition("=")
        if equals and label not in entry.arguments:
            raise UnknownNameError(f"argument of {name}", label, entry.arguments)
        if not equals and position >= len(order):
            raise InputError(
                f"{name} takes {len(order) or 'no'} argument{'s' * (len(order) != 1)}: {text!r} gives {len(given)}; "
                f"{'write ' + usage(name) if order else 'a probability is written ' + name + '@0.5'}."
            )
        label = label or order[position]
        if label in values:
            raise InputError(f"an argument must come once: {text!r} gives {label} twice; take one out.")
        values[label] = read_value(value, text, ranges=label in entry.ranges)
    first = next(iter(entry.arguments), None)
    for label, default in entry.arguments.items():
        values.setdefault(label, values[first] if default is None and first else default)
    if entry.ranged:
        values["max_value"] = max_value
    if not at:
        return name, values, None
    share = read_value(odds, text, ranges=False)
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        raise InputError(
            f"a probability must be from 0 to 1: {text!r} has {odds}; write {name}@0.5 for every second."
        )
    return name, values, float(share)


def built(name: str, values: Mapping[str, object], text: str, *, p: float | None = None) -> nn.Module:
    """Make a step, with a probability for each example where it takes one.

    Returns:
        The step.

    Raises:
        InputError: its arguments are refused; the message says where they stand.
    """
    entry = ENTRIES[name]
    chance = {} if p is None or not entry.chance else {entry.chance: p}
    try:
        return entry.build(**values, **chance)
    except (ValueError, TypeError) as reason:
        raise InputError(f"{text!r}: {reason}") from reason


def show_value(value: object) -> str:
    """Write a number or a range as `read_value` reads it."""
    if isinstance(value, tuple):
        return "..".join(show_value(one) for one in value)
    text = repr(value)
    return text.removesuffix(".0")


def show_step(step: nn.Module, *, share: float | None = None) -> str:
    """Write a step as `read_step` reads it, without what is at its default.

    Args:
        step: one of the classes of the language.
        share: its probability among alternatives.

    Returns:
        The text.

    Raises:
        ValueError: the language has no word for it, or for one of its settings.
    """
    found = [(name, entry) for name, entry in ENTRIES.items() if type(step) is entry.build]
    if not found:
        raise ValueError(
            f"only augmentations have a word: {type(step).__name__} is none; write such a policy in Python."
        )
    name, entry = found[0]
    first = next(iter(entry.arguments), None)
    parts: list[str] = []
    skipped = False
    for label, default in entry.arguments.items():
        value = getattr(step, label)
        usual = getattr(step, first) if default is None and first else default
        if value == usual and label != first:
            skipped = True
        else:
            parts.append(f"{label}={show_value(value)}" if skipped else show_value(value))
    own = getattr(step, entry.chance) if entry.chance else 1.0
    line = ":".join([name, *parts])
    _, values, _ = read_step(line, max_value=None)
    again = built(name, values, line, p=own)
    unsaid = [key for key, value in settings(step).items() if settings(again)[key] != value]
    if unsaid or (share is not None and own != 1):
        raise ValueError(
            f"a line says only what Policy.help() lists: {unsaid[0] if unsaid else 'p'} of {step} cannot be said; "
            "write such a policy in Python."
        )
    if share is None and own != entry.usual:
        share = own
    return line + ("" if share is None else f"@{show_value(share)}")


def settings(step: nn.Module) -> dict[str, object]:
    """What a step was made with; max_value belongs to the data."""
    return {
        key: value
        for key, value in vars(step).items()
        if not key.startswith("_") and key not in {"training", "fitted", "max_value"}
    }


def shown(name: str) -> list[str]:
    """The arguments of a name with their defaults, for people."""
    arguments = ENTRIES[name].arguments
    first = next(iter(arguments), "")
    words = []
    for label, default in arguments.items():
        pair = default if isinstance(default, tuple) else (default,)
        words.append(f"{label}={first if default is None else '..'.join(f'{one:.3g}' for one in pair)}")
    return words


def usage(name: str) -> str:
    """One name with its arguments and their defaults, as it may be written."""
    return ":".join([name, *shown(name)])
