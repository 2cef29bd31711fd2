"""What the laws of the fitted scalers share: how they are called, and one frame for twins."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ._subject import NotCheckableError
from ._suite import Build, Draw, Interface, Pair

ALIASES = {"num_features": ("num_channels", "features", "F", "dim_in")}
INPUTS = ("train", "input")


def interface(*arguments: str, **defaults: object) -> Interface:
    """A function of (train, input); in its place a class, built, fitted with ``fit(train)`` and then called."""
    return Interface("function", (*arguments, "num_features"), INPUTS, defaults=defaults, aliases=ALIASES)


def fitted(build: Build, draw: Draw, train: Tensor, **changed: object) -> Callable[[Tensor], Tensor]:
    """The scaler as a map of new inputs, fitted on the training part."""
    subject = build(draw, **changed)
    scaler = subject.object
    if not hasattr(scaler, "fit"):
        return lambda x: subject(train, x)
    scaler.fit(train)
    return scaler.transform if hasattr(scaler, "transform") else scaler


def method(build: Build, draw: Draw, *names: str) -> tuple[object, Callable[..., Tensor]]:
    """A new scaler and a method of it; the law is not asked where there is none."""
    scaler = build(draw).object
    for name in names:
        if hasattr(scaler, name):
            return scaler, getattr(scaler, name)
    raise NotCheckableError(f"it has no method {names[0]!r}")


def inverse(build: Build, draw: Draw) -> Iterator[Pair]:
    """The inverse undoes the scaling."""
    train, x = draw.normal(mean=3.0, name="train"), draw.normal(mean=3.0)
    scaler, undo = method(build, draw, "inverse", "inverse_transform")
    scaler.fit(train)  # type: ignore[attr-defined]
    scale = getattr(scaler, "transform", scaler)
    yield undo(scale(x)), x  # type: ignore[operator]


def streaming_is_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    """Blocks of unequal size and unequal mean give what the whole gives."""
    train, x = draw.normal(name="train"), draw.normal()
    train = train + torch.arange(len(train), dtype=train.dtype).view(-1, *[1] * (train.ndim - 1))
    scaler, add = method(build, draw, "partial_fit")
    for block in (train[:1], train[1:2], train[2:]):
        add(block)
    scale = getattr(scaler, "transform", scaler)
    yield scale(x), fitted(build, draw, train)(x)  # type: ignore[operator]


def whole_numbers(build: Build, draw: Draw) -> Iterator[Pair]:
    """Pixels of type uint8 are scaled as the same numbers of a floating type are."""
    shape = (5, *draw.shape[1:])
    train, x = draw.integers(*shape, high=256, name="train"), draw.integers(*shape, high=256, name="x")
    train = train.clamp(min=100)  # so that some of x lie below every statistic
    train[0], train[1] = 100, 255  # no feature is constant
    want = fitted(build, draw, train.to(draw.dtype))(x.to(draw.dtype))
    yield fitted(build, draw, train.byte())(x.byte()).to(draw.dtype), want


class Scaler:
    """A frame for twins: two statistics of each feature of dimension 1, collected block by block."""

    def __init__(self, num_features: int) -> None:
        self.num_features = num_features
        self.seen: list[Tensor] = []

    def fit(self, train: Tensor) -> "Scaler":
        return self.partial_fit(train)

    def partial_fit(self, train: Tensor) -> "Scaler":
        self.seen.append(self.rows(train if train.is_floating_point() else train.float()))
        self.first, self.second = self.statistics(torch.cat(self.seen))
        return self

    def rows(self, x: Tensor) -> Tensor:
        return x.movedim(1, -1).reshape(-1, self.num_features)

    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def along(self, statistic: Tensor, x: Tensor) -> Tensor:
        return statistic.reshape(1, -1, *[1] * (x.ndim - 2))
