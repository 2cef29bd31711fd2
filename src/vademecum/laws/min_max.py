"""Laws of min-max scaling."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.min_max import MinMax

from ._scalers import Scaler, fitted, interface, inverse, streaming_is_batch, whole_numbers
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin


def by_the_definition(train: Tensor, x: Tensor, ends: tuple[float, float]) -> Tensor:
    """The smallest and the largest training value of each feature, in loops."""
    z = torch.empty_like(x)
    for f in range(x.shape[1]):
        values = train[:, f].flatten().tolist()
        low, high = min(values), max(values)
        z[:, f] = ends[0] + (ends[1] - ends[0]) * (x[:, f] - low) / (high - low)
    return z


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    train, x = draw.normal(mean=0.5, std=2.0, name="train"), draw.normal()
    ends = draw.arguments["feature_range"]
    yield fitted(build, draw, train)(x), by_the_definition(train.double(), x.double(), ends)


def extremes_land_on_the_ends(build: Build, draw: Draw) -> Iterator[Pair]:
    train = draw.normal(name="train")
    z = fitted(build, draw, train, feature_range=(-1.0, 1.0))(train).movedim(1, 0).flatten(1)
    yield z.amin(1), torch.full_like(z[:, 0], -1.0)
    yield z.amax(1), torch.full_like(z[:, 0], 1.0)


def constant_gives_the_lower_end(build: Build, draw: Draw) -> Iterator[Pair]:
    train = draw.normal(name="train")
    train[:, 0] = 0.1
    z = fitted(build, draw, train)(train)[:, 0]
    yield z, torch.full_like(z, draw.arguments["feature_range"][0])


class Variant(Scaler):
    """Min-max scaling with one thing wrong."""

    def __init__(self, num_features: int, feature_range: tuple[float, float] = (-1.0, 1.0)) -> None:
        super().__init__(num_features)
        self.feature_range = feature_range

    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.amin(0), rows.amax(0)

    def width(self) -> Tensor:
        return (self.second - self.first).where(self.second > self.first, 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        a, b = self.feature_range
        return a + (x - self.along(self.first, x)) / self.along(self.width(), x) * (b - a)

    def inverse(self, z: Tensor) -> Tensor:
        a, b = self.feature_range
        return self.along(self.first, z) + (z - a) / (b - a) * self.along(self.width(), z)


class AlwaysZeroToOne(Variant):
    def __init__(self, num_features: int, feature_range: tuple[float, float] = (-1.0, 1.0)) -> None:
        super().__init__(num_features, (0.0, 1.0))


class DividesByZero(Variant):
    def width(self) -> Tensor:
        return self.second - self.first


class WithEpsilon(Variant):
    def width(self) -> Tensor:
        return self.second - self.first + 1e-8


class OneForAll(Variant):
    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.amin().expand(self.num_features), rows.amax().expand(self.num_features)


class OfTheInput(Variant):
    def __call__(self, x: Tensor) -> Tensor:
        self.first, self.second = self.statistics(self.rows(x))
        return super().__call__(x)


class WrapsAround(Variant):
    def __call__(self, x: Tensor) -> Tensor:
        a, b = self.feature_range
        return a + (x - self.along(self.first.to(x.dtype), x)) / self.along(self.width(), x) * (b - a)


class LastBlockOnly(Variant):
    def partial_fit(self, train: Tensor) -> "Scaler":
        self.seen.clear()
        return super().partial_fit(train)


class InverseForgetsMinimum(Variant):
    def inverse(self, z: Tensor) -> Tensor:
        a, b = self.feature_range
        return (z - a) / (b - a) * self.along(self.width(), z)


SUITES = (
    Suite(
        technique="min_max",
        part="MinMax",
        subjects={"MinMax": MinMax},
        interface=interface("feature_range", feature_range=(-1.0, 1.0)),
        cases=(
            {"num_features": 1, "feature_range": (-1.0, 1.0)},
            {"num_features": 2, "feature_range": (0.0, 1.0)},
            {"num_features": 3, "feature_range": (-3.0, 5.0)},
        ),
        shapes=lambda a: ((4, a["num_features"]), (5, a["num_features"], 2, 2)),
        laws=(
            Law("by_the_definition", r"$$ z = a + (b - a) (x - x_{\min}) / (x_{\max} - x_{\min}) $$", definition),
            Law("extremes_land_on_the_ends", "The training extremes map to -1 and 1 exactly.", extremes_land_on_the_ends, EXACT),
            Law("constant_gives_the_lower_end", "A constant feature gives a.", constant_gives_the_lower_end),
            Law("whole_numbers", "Pixels of type uint8 do not wrap around.", whole_numbers, {torch.float32: 1e-5}),
            Law("streaming_is_batch", "Blocks give what the whole gives.", streaming_is_batch),
            Law("inverse", r"$$ x = x_{\min} + (z - a) (x_{\max} - x_{\min}) / (b - a) $$", inverse),
        ),
        twins=(
            Twin("always_zero_to_one", AlwaysZeroToOne, "you map to [0, 1] whatever the range asked for."),
            Twin("divides_by_zero", DividesByZero, "a constant feature has no width; divide it by 1."),
            Twin("with_epsilon", WithEpsilon, "you add an epsilon to the width, so that the largest value misses the end."),
            Twin("one_for_all", OneForAll, "your extremes run over all features together; each has its own."),
            Twin("of_the_input", OfTheInput, "you take the extremes of each input anew; take those of the training part."),
            Twin("wraps_around", WrapsAround, "you subtract in the type of the input; uint8 wraps around."),
            Twin("last_block_only", LastBlockOnly, "each block replaces what was seen before; keep the extremes of all."),
            Twin("inverse_forgets_minimum", InverseForgetsMinimum, "your inverse does not add the smallest value."),
        ),
    ),
)  # fmt: skip
