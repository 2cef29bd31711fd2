"""Laws of standardization: the definition, and what goes wrong with constants, whole numbers and large means."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.standardize import Standardize

from ._norms import LARGE_MEAN
from ._scalers import Scaler, fitted, interface, inverse, streaming_is_batch, whole_numbers
from ._suite import Build, Draw, Law, Pair, Suite, Twin


def by_the_definition(train: Tensor, x: Tensor) -> Tensor:
    """Mean and deviation of the training part, feature by feature, in loops."""
    z = torch.empty_like(x)
    for f in range(x.shape[1]):
        values = train[:, f].flatten().tolist()
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        z[:, f] = (x[:, f] - mean) / variance**0.5
    return z


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    train, x = draw.normal(mean=0.5, std=2.0, name="train"), draw.normal()
    yield fitted(build, draw, train)(x), by_the_definition(train.double(), x.double())


def constant_gives_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    train = draw.normal(name="train")
    train[:, 0] = 0.1  # no binary fraction: its mean is rounded
    yield fitted(build, draw, train)(train)[:, 0], torch.zeros_like(train[:, 0])


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    train = draw.normal(name="train")
    shifted = train + 1e4
    yield fitted(build, draw, shifted)(shifted), fitted(build, draw, shifted - 1e4)(shifted - 1e4)


class Variant(Scaler):
    """Standardization with one thing wrong."""

    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        deviation = rows.std(0, unbiased=False)
        return rows.mean(0), deviation.where(deviation > 1e-6 * rows.abs().amax(0), 1.0)

    def __call__(self, x: Tensor) -> Tensor:
        return (x - self.along(self.first, x)) / self.along(self.second, x)

    def inverse(self, z: Tensor) -> Tensor:
        return z * self.along(self.second, z) + self.along(self.first, z)


class Unbiased(Variant):
    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.mean(0), rows.std(0, unbiased=len(rows) > 1)


class DividesByVariance(Variant):
    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        mean, deviation = super().statistics(rows)
        return mean, deviation.square()


class DividesByZero(Variant):
    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.mean(0), rows.std(0, unbiased=False)


class OneForAll(Variant):
    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows.mean().expand(self.num_features), rows.std(unbiased=False).expand(self.num_features)


class OfTheInput(Variant):
    def __call__(self, x: Tensor) -> Tensor:
        self.first, self.second = self.statistics(self.rows(x if x.is_floating_point() else x.float()))
        return super().__call__(x)


class Cancels(Variant):
    def statistics(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        variance = rows.square().mean(0) - rows.mean(0).square()
        return rows.mean(0), variance.where(variance > 0, 1.0).sqrt()


class WrapsAround(Variant):
    def __call__(self, x: Tensor) -> Tensor:
        return (x - self.along(self.first.to(x.dtype), x)) / self.along(self.second, x)


class MeanOfMeans(Variant):
    def partial_fit(self, train: Tensor) -> "Scaler":
        self.seen.append(self.rows(train if train.is_floating_point() else train.float()))
        both = [torch.stack(self.statistics(rows)) for rows in self.seen]
        self.first, self.second = torch.stack(both).mean(0)
        return self


class InverseForgetsMean(Variant):
    def inverse(self, z: Tensor) -> Tensor:
        return z * self.along(self.second, z)


SUITES = (
    Suite(
        technique="standardize",
        part="Standardize",
        subjects={"Standardize": Standardize},
        interface=interface(),
        cases=({"num_features": 1}, {"num_features": 2}, {"num_features": 3}),
        shapes=lambda a: ((4, a["num_features"]), (5, a["num_features"], 2, 2)),
        laws=(
            Law("by_the_definition", r"$$ z = (x - \mu) / \sigma, \quad \sigma^2 = \frac1n \sum_i (x_i - \mu)^2 $$", definition),
            Law("constant_gives_zero", "A constant feature gives 0.", constant_gives_zero, {torch.float64: 1e-12, torch.float32: 1e-6}),
            Law("shift_at_a_large_mean", r"$$ z(x + 10^4) = z(x) $$", shift_at_a_large_mean, LARGE_MEAN),
            Law("whole_numbers", "Pixels of type uint8 do not wrap around.", whole_numbers, {torch.float32: 1e-5}),
            Law("streaming_is_batch", "Blocks give what the whole gives.", streaming_is_batch),
            Law("inverse", r"$$ x = \sigma z + \mu $$", inverse),
        ),
        twins=(
            Twin("unbiased_variance", Unbiased, "your variance divides by n - 1; the definition here divides by n."),
            Twin("divides_by_variance", DividesByVariance, "you divide by the variance; divide by its square root."),
            Twin("divides_by_zero", DividesByZero, "a constant feature has no deviation; divide it by 1."),
            Twin("one_for_all", OneForAll, "your statistics run over all features together; each has its own."),
            Twin("of_the_input", OfTheInput, "you compute the statistics of each input anew; take those of the training part."),
            Twin("cancellation", Cancels, "your variance is E[x^2] - E[x]^2, which cancels: subtract the mean first."),
            Twin("wraps_around", WrapsAround, "you subtract in the type of the input; uint8 wraps around."),
            Twin("mean_of_means", MeanOfMeans, "you average the blocks' statistics; weight them by size and add what lies between their means."),
            Twin("inverse_forgets_mean", InverseForgetsMean, "your inverse does not add the mean."),
        ),
    ),
)  # fmt: skip
