"""Laws of principal component analysis."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from vademecum.data.pca import PCA

from ._covariances import correlated, eigen, matrix_of, same_signs, statistics, upright
from ._norms import LARGE_MEAN
from ._scalers import ALIASES, fitted, interface, method
from ._subject import NotCheckableError
from ._suite import Arguments, Build, Draw, Law, Pair, Suite, Twin


def kept(draw: Draw) -> int:
    return draw.arguments["num_components"] or draw.arguments["num_features"]


def by_the_definition(train: Tensor, x: Tensor, k: int) -> Tensor:
    """Project on the k eigenvectors of the covariance with the largest eigenvalues."""
    mean, C = statistics(train.flatten(1))
    U = eigen(C)[1]
    return torch.stack(
        [torch.stack([U[:, j] @ (row - mean) for j in range(k)]) for row in x.flatten(1).double()]
    )


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    train, x = correlated(draw), draw.normal()
    want = by_the_definition(train, x, kept(draw))
    yield same_signs(fitted(build, draw, train)(x), want), want


def uncorrelated_and_in_order(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    z = fitted(build, draw, train)(train)
    variances = eigen(statistics(train.flatten(1))[1])[0]
    yield statistics(z)[1], torch.diag(variances[: kept(draw)])


def orthonormal(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    W = matrix_of(fitted(build, draw, train), train)
    yield W @ W.T, torch.eye(len(W), dtype=W.dtype)


def the_largest_entry_is_positive(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    W = matrix_of(fitted(build, draw, train), train)
    yield W.amax(1), W.abs().amax(1)


def the_variance_is_told(build: Build, draw: Draw) -> Iterator[Pair]:
    train, subject = correlated(draw), build(draw)
    if not hasattr(subject.object, "fit"):
        raise NotCheckableError("it has no method 'fit'")
    subject.object.fit(train)
    yield subject["explained_variance"], eigen(statistics(train.flatten(1))[1])[0][: kept(draw)]


def the_error_is_what_was_dropped(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    pca, undo = method(build, draw, "inverse", "inverse_transform")
    pca.fit(train)
    back = undo(getattr(pca, "transform", pca)(train))
    error = (train.flatten(1) - back).square().sum(1).mean()
    yield error, eigen(statistics(train.flatten(1))[1])[0][kept(draw) :].sum()


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    shifted = train + 1e4
    yield fitted(build, draw, shifted)(shifted), fitted(build, draw, shifted - 1e4)(shifted - 1e4)


class Variant:
    """Principal component analysis with one thing wrong."""

    def __init__(self, num_features: int, num_components: int | None = None) -> None:
        self.num_features, self.k = num_features, num_components or num_features

    def covariance(self, rows: Tensor) -> Tensor:
        return (rows - self.mean).T @ (rows - self.mean) / len(rows)

    def vectors(self, C: Tensor) -> tuple[Tensor, Tensor]:
        values, U = torch.linalg.eigh(C)
        return values.flip(0), upright(U.flip(1))

    def fit(self, train: Tensor) -> "Variant":
        rows = train.flatten(1)
        self.mean = rows.mean(0)
        self.explained_variance, U = self.vectors(self.covariance(rows))
        self.explained_variance = self.explained_variance[: self.k]
        self.components = U.T[: self.k]
        return self

    def __call__(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self.mean) @ self.components.T

    def inverse(self, z: Tensor) -> Tensor:
        return z @ self.components + self.mean


class Uncentered(Variant):
    def covariance(self, rows: Tensor) -> Tensor:
        return rows.T @ rows / len(rows)


class OfTheInput(Variant):
    def __call__(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - x.flatten(1).mean(0)) @ self.components.T


class SmallestFirst(Variant):
    def vectors(self, C: Tensor) -> tuple[Tensor, Tensor]:
        values, U = super().vectors(C)
        return values.flip(0), U.flip(1)


class RowsForColumns(Variant):
    def vectors(self, C: Tensor) -> tuple[Tensor, Tensor]:
        values, U = super().vectors(C)
        return values, U.T


class AnySign(Variant):
    def vectors(self, C: Tensor) -> tuple[Tensor, Tensor]:
        values, U = super().vectors(C)
        return values, U * U.sum(0).sign()


class DividesByNMinusOne(Variant):
    def covariance(self, rows: Tensor) -> Tensor:
        return super().covariance(rows) * len(rows) / (len(rows) - 1)


class OfTheCorrelation(Variant):
    def covariance(self, rows: Tensor) -> Tensor:
        C = super().covariance(rows)
        return C / torch.outer(C.diag(), C.diag()).sqrt()


class Whitens(Variant):
    def __call__(self, x: Tensor) -> Tensor:
        return super().__call__(x) / self.explained_variance.sqrt()


class Cancels(Variant):
    def covariance(self, rows: Tensor) -> Tensor:
        return rows.T @ rows / len(rows) - torch.outer(self.mean, self.mean)


class InverseForgetsMean(Variant):
    def inverse(self, z: Tensor) -> Tensor:
        return z @ self.components


def shapes(arguments: Arguments) -> tuple[tuple[int, ...], ...]:
    F = arguments["num_features"]
    return ((7, F), (9, 1, 2, F // 2)) if F % 2 == 0 else ((7, F),)


SUITES = (
    Suite(
        technique="pca",
        part="PCA",
        subjects={"PCA": PCA},
        interface=replace(
            interface("num_components", num_components=None),
            aliases={
                **ALIASES,
                "num_components": ("n_components", "k"),
                "explained_variance": ("explained_variance_",),
            },
        ),
        cases=(
            {"num_features": 2, "num_components": None},
            {"num_features": 3, "num_components": 2},
            {"num_features": 4, "num_components": 3},
        ),
        shapes=shapes,
        laws=(
            Law("by_the_definition", r"$$ z_j = u_j^T (x - \mu), \quad C u_j = S_j u_j, \quad S_1 \ge S_2 \ge \dots $$", definition),
            Law("uncorrelated_and_in_order", r"$$ \frac1N \sum_n z_n z_n^T = \operatorname{diag}(S_1, \dots, S_k) $$", uncorrelated_and_in_order),
            Law("orthonormal", r"$$ U_k^T U_k = 1 $$", orthonormal),
            Law("the_largest_entry_is_positive", "The sign of a component makes its largest entry by magnitude positive.", the_largest_entry_is_positive),
            Law("the_variance_is_told", "explained_variance holds S, divided by N.", the_variance_is_told),
            Law("the_error_is_what_was_dropped", r"$$ \frac1N \sum_n \|x_n - \hat x_n\|^2 = \sum_{j > k} S_j $$", the_error_is_what_was_dropped),
            Law("shift_at_a_large_mean", r"$$ z(x + 10^4) = z(x) $$", shift_at_a_large_mean, LARGE_MEAN),
        ),
        twins=(
            Twin("uncentered", Uncentered, "you decompose the data without subtracting their mean: the first component points at it."),
            Twin("of_the_input", OfTheInput, "you center new data with their own mean; take that of the training part."),
            Twin("smallest_first", SmallestFirst, "your components ascend, as eigh gives them: the first hold least."),
            Twin("rows_for_columns", RowsForColumns, "you take the rows of the eigenvector matrix; the vectors are its columns."),
            Twin("any_sign", AnySign, "the sign of your components depends on the library; make the largest entry positive."),
            Twin("divides_by_n_minus_one", DividesByNMinusOne, "your variance divides by N - 1; the definition here divides by N."),
            Twin("of_the_correlation", OfTheCorrelation, "you decompose the correlation; standardize first if that is meant."),
            Twin("whitens", Whitens, "you divide by the deviations: that is whitening."),
            Twin("cancellation", Cancels, "your covariance is E[x x^T] - mu mu^T, which cancels: subtract the mean first."),
            Twin("inverse_forgets_mean", InverseForgetsMean, "your inverse does not add the mean."),
        ),
    ),
)  # fmt: skip
