"""Laws of Gaussian noise: the distribution, by moments at a fixed count, and what it is a share of."""

from collections.abc import Iterator
from math import pi, sqrt

import torch
from torch import Tensor, nn

from vademecum.data.gaussian_noise import GaussianNoise

from ._augmentations import (
    EVERYWHERE,
    RANGE,
    ROUNDED,
    SIGMAS,
    call,
    changed,
    everywhere,
    ignored_range,
    interface,
    oblong,
    truncated,
    z_of_mean,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def _noise(build: Build, draw: Draw) -> tuple[Tensor, float]:
    """(40, 3, 20, 20): what was added to 0.5."""
    noise = build(draw)
    x = torch.full((40, 3, 20, 20), 0.5, dtype=draw.dtype)
    return call(noise, x) - x, noise.arguments["std"]


def moments(build: Build, draw: Draw) -> Iterator[Pair]:
    noise, std = _noise(build, draw)
    yield z_of_mean(noise, 0.0)
    yield z_of_mean(noise.square(), std**2)
    yield z_of_mean(noise.abs(), std * sqrt(2 / pi))  # a uniform one of the same variance has sqrt(3)/2 std


def independent(build: Build, draw: Draw) -> Iterator[Pair]:
    noise, _ = _noise(build, draw)
    yield z_of_mean(noise[:, 0] * noise[:, 1], 0.0)
    yield z_of_mean(noise[..., 1:] * noise[..., :-1], 0.0)


def added(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform()
    noise = build(draw)
    yield call(noise, x + 2) - 2, call(noise, x)


def no_deviation_no_noise(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, std=0.0), x), x


def columns_have_their_own(build: Build, draw: Draw) -> Iterator[Pair]:
    noise = build(draw)
    scale = torch.tensor([1.0, 100.0], dtype=draw.dtype)
    noise.object.fit(draw.normal(50, 2, name="train") * scale)
    added = call(noise, torch.zeros(4000, 2, dtype=draw.dtype)) / noise.arguments["std"]
    for column, drawn in enumerate((draw.drawn["train"] * scale).T):
        yield z_of_mean(added[:, column].square(), float(drawn.var(correction=0)))


def _scaled(factor: float) -> type[nn.Module]:
    def forward(self: GaussianNoise, x: Tensor, **named: object) -> Tensor:
        return x + factor * (GaussianNoise.forward(self, x, **named) - x)

    return changed(GaussianNoise, forward=forward)


def _variance(
    self: GaussianNoise, std: float = 0.1, *, p: float = 1.0, max_value: float | None = None
) -> None:
    GaussianNoise.__init__(self, std**2, p=p, max_value=max_value)


def _uniform(
    self: GaussianNoise, x: Tensor, *, generator: torch.Generator | None = None, **named: object
) -> Tensor:
    y = GaussianNoise.forward(self, x, generator=generator)
    if not self.training or self.std == 0 or x.ndim == 2:
        return y
    noise = (torch.rand(x.shape, generator=generator, dtype=torch.float64) * 2 - 1).to(x.dtype) * 3**0.5
    return x + noise * self.std if self.max_value is None and x.is_floating_point() else y


def _one_for_all_channels(self: GaussianNoise, x: Tensor, **named: object) -> Tensor:
    noise = GaussianNoise.forward(self, x, **named) - x
    return x + noise[:, :1].expand_as(x) if x.ndim == 4 else x + noise


def _multiplied(self: GaussianNoise, x: Tensor, **named: object) -> Tensor:
    y = GaussianNoise.forward(self, x, **named)
    return x + (y - x) * 2 * x if x.is_floating_point() and x.ndim == 4 else y


def _added_at_zero(self: GaussianNoise, x: Tensor, **named: object) -> Tensor:
    return GaussianNoise.forward(self, x, **named) + (1e-6 if self.training and x.is_floating_point() else 0)


def _no_columns(self: GaussianNoise, x: Tensor) -> GaussianNoise:
    return self


SUITES = (
    Suite(
        technique="gaussian_noise",
        part="GaussianNoise",
        subjects={"GaussianNoise": GaussianNoise},
        interface=interface("std", "max_value", max_value=None),
        cases=({"std": 0.1, "max_value": None}, {"std": 0.5, "max_value": None}),
        shapes=oblong,
        laws=(
            Law("moments", r"$$ E[y - x] = 0,\ E[(y - x)^2] = \sigma^2,\ E|y - x| = \sigma \sqrt{2 / \pi} $$", moments, SIGMAS),
            Law("independent", "Channels and neighbours have noise of their own.", independent, SIGMAS),
            Law("added", "The noise does not depend on the pixel.", added),
            Law("no_deviation_no_noise", "With a deviation of 0 nothing changes, bit for bit.", no_deviation_no_noise, EXACT),
            Law("columns_have_their_own", "After fit, a column's noise is in units of its deviation.", columns_have_their_own, SIGMAS),
            RANGE,
            ROUNDED,
            *EVERYWHERE,
        ),
        twins=(
            Twin("variance_for_std", changed(GaussianNoise, __init__=_variance), "you take std for the variance, or square it."),
            Twin("twice_the_noise", _scaled(2.0), "your noise is twice as strong as said."),
            Twin("uniform_noise", changed(GaussianNoise, forward=_uniform), "your noise is uniform; it is normal."),
            Twin("one_for_all_channels", changed(GaussianNoise, forward=_one_for_all_channels), "your channels share their noise."),
            Twin("multiplied", changed(GaussianNoise, forward=_multiplied), "your noise is multiplied with the pixel; it is added."),
            Twin("never_nothing", changed(GaussianNoise, forward=_added_at_zero), "your module changes the pixels at a strength of 0."),
            Twin("no_columns", changed(GaussianNoise, fit=_no_columns), "your columns share one deviation; each has its own."),
            ignored_range(GaussianNoise),
            truncated(GaussianNoise),
            *everywhere(GaussianNoise),
        ),
    ),
)  # fmt: skip
