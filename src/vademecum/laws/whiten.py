"""Laws of whitening: what all kinds share, what tells them apart, and what becomes of directions without variance."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from vademecum.data.whiten import Whiten

from ._covariances import correlated, eigen, matrix_of, same_signs, statistics, upright
from ._norms import LARGE_MEAN
from ._scalers import ALIASES, fitted, interface, inverse
from ._subject import NotCheckableError
from ._suite import IDENTITY, Arguments, Build, Draw, Law, Pair, Suite, Twin

ROUNDED = {torch.float64: 1e-8, torch.float32: 1e-3}
"""Allowed where a gain of a few hundred has multiplied the rounding of the input."""


def parts_of(train: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, eigenvalues and eigenvectors of the training data."""
    mean, C = statistics(train.flatten(1))
    return mean, *eigen(C)


def by_the_definition(train: Tensor, kind: str, eps: float) -> Tensor:
    """The whitening matrix, element by element."""
    _, S, U = parts_of(train)
    F = len(S)
    if kind == "pca":
        W = [[float(U[i, j] / (S[j] + eps) ** 0.5) for i in range(F)] for j in range(F)]
        return torch.tensor(W, dtype=torch.float64)

    def power(exponent: float) -> list[list[float]]:
        gains = [float(s + eps) ** exponent for s in S]
        u = U.tolist()
        return [[sum(u[i][k] * gains[k] * u[j][k] for k in range(F)) for j in range(F)] for i in range(F)]

    if kind == "zca":
        return torch.tensor(power(-0.5), dtype=torch.float64)
    P = power(-1.0)
    L = [[0.0] * F for _ in range(F)]  # Cholesky of the inverse, row by row
    for i in range(F):
        for j in range(i + 1):
            rest = P[i][j] - sum(L[i][k] * L[j][k] for k in range(j))
            L[i][j] = rest**0.5 if i == j else rest / L[j][j]
    return torch.tensor(L, dtype=torch.float64).T


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    train, x = correlated(draw), draw.normal()
    W = by_the_definition(train, draw.arguments["kind"], draw.arguments["eps"])
    want = ((x.flatten(1).double() - parts_of(train)[0]) @ W.T).view(x.shape)
    got = fitted(build, draw, train)(x)
    yield same_signs(got, want) if draw.arguments["kind"] == "pca" else got, want


def the_equation_of_all_kinds(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    W = matrix_of(fitted(build, draw, train), train).double()
    C = statistics(train.flatten(1))[1]
    one = torch.eye(len(C), dtype=C.dtype)
    yield W.T @ W @ (C + draw.arguments["eps"] * one), one


def the_variances_become_one(build: Build, draw: Draw) -> Iterator[Pair]:
    """Of z: S / (S + eps) along the eigenvectors for ZCA, along the axes for PCA."""
    train = correlated(draw)
    _, S, U = parts_of(train)
    z = fitted(build, draw, train, eps=0.1)(train)
    white = torch.diag(S / (S + 0.1))
    yield statistics(z.flatten(1))[1], white if draw.arguments["kind"] == "pca" else U @ white @ U.T


def symmetric(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    W = matrix_of(fitted(build, draw, train), train)
    yield W, W.T


def triangular(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    W = matrix_of(fitted(build, draw, train), train)
    yield W, W.triu()
    yield W.diag(), W.diag().abs()


def closest_to_the_data(build: Build, draw: Draw) -> Iterator[Pair]:
    """No rotation of what ZCA gives, which would be as white, lies nearer to the centered data."""
    train = correlated(draw)
    centered = train.flatten(1) - train.flatten(1).mean(0)
    z = fitted(build, draw, train)(train).flatten(1)
    F = z.shape[1]
    away = (z - centered).square().sum()
    for turned in range(20):
        Q = torch.linalg.qr(draw.normal(F, F, name=f"rotation {turned}"))[0]
        nearer = (away - (z @ Q.T - centered).square().sum()).clamp_min(0)
        yield nearer, torch.zeros_like(nearer)


def a_null_direction_stays_empty(build: Build, draw: Draw) -> Iterator[Pair]:
    """A feature that does not vary, and two that are one, give nothing where there was nothing."""
    train = correlated(draw).flatten(1)
    train[:, 0] = 0.1
    flat = train.view(draw.shape)
    z = fitted(build, draw, flat)(flat).flatten(1)
    S = parts_of(flat)[1]
    yield statistics(z)[1].trace(), (S / (S + draw.arguments["eps"])).sum()
    if draw.arguments["kind"] == "zca":
        yield z[:, 0], torch.zeros_like(z[:, 0])


def the_gain_is_told(build: Build, draw: Draw) -> Iterator[Pair]:
    train, whiten = correlated(draw), build(draw).object
    for name in ("fit", "largest_gain", "condition_number"):
        if not hasattr(type(whiten), name) and not hasattr(whiten, name):
            raise NotCheckableError(f"it has no {name!r}")
    whiten.fit(train)
    W = matrix_of(whiten, train)
    gains = torch.linalg.svdvals(W)
    yield torch.tensor(whiten.largest_gain, dtype=torch.float64), gains[0]
    yield torch.tensor(whiten.condition_number, dtype=torch.float64).sqrt(), gains[0] / gains[-1]


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    train = correlated(draw)
    shifted = train + 1e4
    a, b = fitted(build, draw, shifted, eps=0.1), fitted(build, draw, shifted - 1e4, eps=0.1)
    yield a(shifted), b(shifted - 1e4)


class Variant:
    """Whitening with one thing wrong."""

    largest_gain, condition_number = 0.0, 0.0

    def __init__(self, num_features: int, kind: str = "zca", eps: float = 1e-5) -> None:
        self.num_features, self.kind, self.eps = num_features, kind, eps

    def covariance(self, rows: Tensor) -> Tensor:
        return (rows - self.mean).T @ (rows - self.mean) / len(rows)

    def gains(self, S: Tensor) -> Tensor:
        return 1 / (S + self.eps).sqrt()

    def matrix(self, C: Tensor) -> Tensor:
        S, U = torch.linalg.eigh(C)
        S, U = S.clamp_min(0).flip(0), upright(U.flip(1))
        if self.kind == "zca":
            return U * self.gains(S) @ U.T
        if self.kind == "pca":
            return (U * self.gains(S)).T
        return torch.linalg.cholesky(U * self.gains(S).square() @ U.T).T

    def fit(self, train: Tensor) -> "Variant":
        rows = train.flatten(1)
        self.mean = rows.mean(0)
        C = self.covariance(rows)
        self.W = self.matrix(C)
        S = torch.linalg.eigvalsh(C).clamp_min(0) + self.eps
        self.largest_gain, self.condition_number = float(S[0]) ** -0.5, float(S[-1] / S[0])
        return self

    def __call__(self, x: Tensor) -> Tensor:
        return ((x.flatten(1) - self.mean) @ self.W.T).view(x.shape)

    def inverse(self, z: Tensor) -> Tensor:
        return (torch.linalg.solve(self.W, z.flatten(1).T).T + self.mean).view(z.shape)


class DividesByVariance(Variant):
    def gains(self, S: Tensor) -> Tensor:
        return 1 / (S + self.eps)


class EpsilonOutside(Variant):
    def gains(self, S: Tensor) -> Tensor:
        return 1 / (S.sqrt() + self.eps)


class NoEpsilon(Variant):
    def gains(self, S: Tensor) -> Tensor:
        return 1 / S.sqrt()


class NotRotatedBack(Variant):
    def matrix(self, C: Tensor) -> Tensor:
        self.kind = "pca" if self.kind == "zca" else self.kind
        return super().matrix(C)


class AlwaysZCA(Variant):
    def matrix(self, C: Tensor) -> Tensor:
        self.kind = "zca"
        return super().matrix(C)


class CholeskyOfTheCovariance(Variant):
    """Whitens as well, by the inverse of the lower factor of C: another matrix."""

    def matrix(self, C: Tensor) -> Tensor:
        if self.kind != "cholesky":
            return super().matrix(C)
        one = torch.eye(len(C), dtype=C.dtype)
        return torch.linalg.inv(torch.linalg.cholesky(C + self.eps * one))


class FeatureByFeature(Variant):
    def covariance(self, rows: Tensor) -> Tensor:
        return super().covariance(rows).diag().diag()


class DividesByNMinusOne(Variant):
    def covariance(self, rows: Tensor) -> Tensor:
        return super().covariance(rows) * len(rows) / (len(rows) - 1)


class OfTheInput(Variant):
    def __call__(self, x: Tensor) -> Tensor:
        self.mean = x.flatten(1).mean(0)
        return super().__call__(x)


class Cancels(Variant):
    def covariance(self, rows: Tensor) -> Tensor:
        return rows.T @ rows / len(rows) - torch.outer(self.mean, self.mean)


class GainOfTheLargest(Variant):
    def fit(self, train: Tensor) -> "Variant":
        super().fit(train)
        self.largest_gain *= self.condition_number**-0.5
        return self


class InverseIsTheTranspose(Variant):
    def inverse(self, z: Tensor) -> Tensor:
        return (z.flatten(1) @ self.W + self.mean).view(z.shape)


def shapes(arguments: Arguments) -> tuple[tuple[int, ...], ...]:
    F = arguments["num_features"]
    return ((9, F), (10, 1, 2, F // 2)) if F % 2 == 0 else ((9, F),)


def only(*kinds: str):
    return lambda a: a["kind"] in kinds


SUITES = (
    Suite(
        technique="whiten",
        part="Whiten",
        subjects={"Whiten": Whiten},
        interface=replace(
            interface("kind", "eps", kind="zca", eps=1e-5),
            aliases={**ALIASES, "kind": ("method",), "eps": ("epsilon",)},
        ),
        cases=tuple(
            {"num_features": F, "kind": kind, "eps": 1e-5} for kind in ("zca", "pca", "cholesky") for F in (2, 3, 4)
        ),
        shapes=shapes,
        laws=(
            Law("by_the_definition", r"$$ W = U (S + \epsilon)^{-1/2} U^T, \; (S + \epsilon)^{-1/2} U^T, \text{ or } L^T \text{ with } L L^T = (C + \epsilon)^{-1} $$", definition, ROUNDED),
            Law("the_equation_of_all_kinds", r"$$ W^T W = (C + \epsilon)^{-1} $$", the_equation_of_all_kinds, ROUNDED),
            Law("the_variances_become_one", r"$$ \operatorname{Cov} z = U \operatorname{diag}(S / (S + \epsilon)) U^T $$", the_variances_become_one, ROUNDED, only("zca", "pca")),
            Law("symmetric", r"$$ W = W^T \text{ for ZCA} $$", symmetric, {torch.float64: 1e-10}, only("zca")),
            Law("triangular", "W is upper triangular for Cholesky, with a positive diagonal.", triangular, {torch.float64: 1e-10}, only("cholesky")),
            Law("closest_to_the_data", r"$$ \|z - (x - \mu)\| \le \|Q z - (x - \mu)\| \text{ for every rotation } Q $$", closest_to_the_data, {torch.float64: 1e-8}, only("zca")),
            Law("a_null_direction_stays_empty", "Where the training part does not vary, it stays at 0.", a_null_direction_stays_empty, {torch.float64: 1e-6}),
            Law("the_gain_is_told", r"$$ \|W\|_2 = (S_{\min} + \epsilon)^{-1/2} $$", the_gain_is_told, {torch.float64: 1e-8}),
            Law("shift_at_a_large_mean", r"$$ z(x + 10^4) = z(x) $$", shift_at_a_large_mean, LARGE_MEAN),
            Law("inverse", r"$$ x = W^{-1} z + \mu $$", inverse, {torch.float64: IDENTITY[torch.float64], torch.float32: 1e-4}),
        ),
        twins=(
            Twin("divides_by_variance", DividesByVariance, "you divide by the eigenvalues; divide by their roots."),
            Twin("epsilon_outside", EpsilonOutside, "your epsilon stands outside the root, where it hardly helps."),
            Twin("no_epsilon", NoEpsilon, "a direction without variance is divided by zero; add epsilon."),
            Twin("not_rotated_back", NotRotatedBack, "your ZCA is not rotated back: that is PCA whitening."),
            Twin("always_zca", AlwaysZCA, "your kind is ignored."),
            Twin("cholesky_of_the_covariance", CholeskyOfTheCovariance, "your Cholesky factor is that of the covariance; the paper's is that of its inverse."),
            Twin("feature_by_feature", FeatureByFeature, "you only standardize: the features stay correlated."),
            Twin("divides_by_n_minus_one", DividesByNMinusOne, "your covariance divides by N - 1; the definition here divides by N."),
            Twin("of_the_input", OfTheInput, "you center new data with their own mean; take that of the training part."),
            Twin("cancellation", Cancels, "your covariance is E[x x^T] - mu mu^T, which cancels: subtract the mean first."),
            Twin("gain_of_the_largest", GainOfTheLargest, "the largest gain is that of the smallest variance."),
            Twin("inverse_is_the_transpose", InverseIsTheTranspose, "your inverse is the transpose, but a whitening matrix is no rotation."),
        ),
    ),
)  # fmt: skip
