"""Laws of the Gaussian likelihood, from its density."""

from collections.abc import Iterator
from math import exp, log, pi, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.losses.gaussian_likelihood import (
    GaussianNLLLoss,
    GaussianPrecisionLoss,
    fit_precision,
    gaussian_nll,
)

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

ALIASES = {"input": ("mean", "prediction", "y", "x"), "target": ("t",)}


def of_the_density(y: Tensor, t: Tensor, variance: Tensor) -> Tensor:
    """The mean of -ln N(t | y, variance), value by value."""
    values = zip(y.flatten().tolist(), t.flatten().tolist(), variance.flatten().tolist(), strict=True)
    losses = [-log(exp(-((a - b) ** 2) / (2 * v)) / sqrt(2 * pi * v)) for a, b, v in values]
    return torch.tensor(sum(losses) / len(losses), dtype=torch.float64)


def drawn(draw: Draw) -> tuple[Tensor, Tensor]:
    return draw.normal(name="input"), draw.normal(name="target")


def variance_of(draw: Draw) -> Tensor:
    return torch.full(draw.shape, 1 / draw.arguments["precision"], dtype=torch.float64)


def density(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    yield build(draw)(y, t), of_the_density(y.double(), t.double(), variance_of(draw))


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    y.requires_grad_()
    (got,) = torch.autograd.grad(build(draw)(y, t), y)
    yield got, draw.arguments["precision"] * (y.detach() - t).double() / y.numel()


def rescales_squared_error(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    loss = build(draw)
    half = draw.arguments["precision"] / 2
    yield loss(y, t) - loss(t, t), half * F.mse_loss(y.double(), t.double())


def is_torchs(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    want = nn.GaussianNLLLoss(full=True)(y.double(), t.double(), variance_of(draw))
    yield build(draw)(y, t), want


def half(input, target, precision=1.0):
    return 0.5 * precision * (input - target).square().mean()


def as_variance(input, target, precision=1.0):
    return gaussian_nll(input, target, precision=1 / precision)


def as_deviation(input, target, precision=1.0):
    return gaussian_nll(input, target, precision=precision**2)


def whole_logarithm(input, target, precision=1.0):
    return gaussian_nll(input, target, precision=precision) - 0.5 * log(precision)


def constant_left_out(input, target, precision=1.0):
    return gaussian_nll(input, target, precision=precision) - 0.5 * log(2 * pi)


def summed(input, target, precision=1.0):
    return gaussian_nll(input, target, precision=precision, reduction="sum")


def no_half(input, target, precision=1.0):
    return (
        gaussian_nll(input, target, precision=precision) + 0.5 * precision * (input - target).square().mean()
    )


def mean_residual(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    squares = [(a - b) ** 2 for a, b in zip(y.double().flatten().tolist(), t.double().flatten().tolist())]
    yield build(draw)(y, t), torch.tensor(len(squares) / sum(squares), dtype=torch.float64)


def most_likely(build: Build, draw: Draw) -> Iterator[Pair]:
    """The likelihood has no slope there."""
    y, t = (v.double() for v in drawn(draw))
    beta = torch.as_tensor(build(draw)(y, t), dtype=torch.float64).requires_grad_()
    loss = nn.GaussianNLLLoss(full=True)(y, t, (1 / beta).expand(y.shape))
    yield torch.autograd.grad(loss, beta)[0], torch.zeros((), dtype=torch.float64)


def residuals_of_any_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    """A constant error is noise as well: nothing is centered."""
    t = draw.normal(name="target")
    yield build(draw)(t + 2, t), torch.tensor(0.25, dtype=torch.float64)


def centered(input, target):
    return 1 / (input - target).var(correction=0)


def unbiased(input, target):
    return (input.numel() - 1) / (input - target).square().sum()


def its_inverse(input, target):
    return (input - target).square().mean()


def of_the_sum(input, target):
    return len(input) / (input - target).square().sum()


def of_the_deviation(input, target):
    return 1 / (input - target).square().mean().sqrt()


def learned(build: Build, draw: Draw) -> Iterator[Pair]:
    """L-BFGS on the loss's own parameter arrives at the closed form."""
    y, t = drawn(draw)
    loss = build(draw).object
    optimizer = torch.optim.LBFGS(
        loss.parameters(),
        max_iter=100,
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(y, t)
        value.backward()
        return value

    optimizer.step(closure)
    yield loss.precision.detach(), 1 / (y - t).double().square().mean()


def starts_at_its_precision(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    yield build(draw)(y, t), of_the_density(y.double(), t.double(), variance_of(draw))


class Learned(nn.Module):
    """A learned precision with one thing wrong."""

    def __init__(self, *, precision: float = 1.0) -> None:
        super().__init__()
        self.log_precision = nn.Parameter(torch.tensor(log(precision)))

    @property
    def precision(self) -> Tensor:
        return self.log_precision.exp()

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return gaussian_nll(input, target, precision=self.precision)


class Unweighted(Learned):
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return gaussian_nll(input, target) - 0.5 * self.log_precision


class StartsAtOne(Learned):
    def __init__(self, *, precision: float = 1.0) -> None:
        super().__init__(precision=1.0)


class LearnsTheVariance(Learned):
    @property
    def precision(self) -> Tensor:
        return (-self.log_precision).exp()


class CutOff(Learned):
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return gaussian_nll(input, target, precision=self.precision.detach()) + 0 * self.log_precision


def heteroscedastic(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    variance = draw.uniform(low=0.3, high=2.0, name="var")
    yield build(draw)(y, t, variance), of_the_density(y.double(), t.double(), variance.double())


def variance_gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    y, t = drawn(draw)
    variance = draw.uniform(low=0.3, high=2.0, name="var").requires_grad_()
    (got,) = torch.autograd.grad(build(draw)(y, t, variance), variance)
    v = variance.detach().double()
    yield got, 0.5 * (1 / v - (y - t).double().square() / v.square()) / v.numel()


class Torchs(nn.GaussianNLLLoss):
    def __init__(self, full: bool = True) -> None:
        super().__init__(full=full)


class NotFull(Torchs):
    def forward(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return F.gaussian_nll_loss(input, target, var)


class OfDeviations(Torchs):
    def forward(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return super().forward(input, target, var.square())


class VarianceCut(Torchs):
    def forward(self, input: Tensor, target: Tensor, var: Tensor) -> Tensor:
        return F.gaussian_nll_loss(input, target, var.detach(), full=True) + 0 * var.sum()


PRECISIONS = ({"precision": 1.0}, {"precision": 4.0}, {"precision": 0.3})
SHAPES = ((3,), (4, 2))

SUITES = (
    Suite(
        technique="gaussian_likelihood",
        part="gaussian_nll",
        subjects={"gaussian_nll": gaussian_nll},
        interface=Interface(
            kind="function", arguments=("precision",), inputs=("input", "target"), defaults={"precision": 1.0},
            aliases={**ALIASES, "precision": ("beta", "lam")},
        ),
        cases=PRECISIONS,
        shapes=lambda a: SHAPES,
        laws=(
            Law("the_density", r"$$ -\ln \mathcal{N}(t \mid y, \beta^{-1}) $$", density),
            Law("gradient", r"$$ \partial L / \partial y = \beta (y - t) / n $$", gradient),
            Law("rescales_squared_error", "What depends on y is the squared error times $$ \\beta / 2 $$.", rescales_squared_error),
            Law("is_torchs", "It is torch's GaussianNLLLoss with full=True.", is_torchs),
        ),
        twins=(
            Twin("half_the_square", half, "you leave out what does not depend on y: then the precision cannot be fitted."),
            Twin("as_variance", as_variance, "you take the precision for a variance, its inverse."),
            Twin("as_deviation", as_deviation, "you square the precision; it is one over the variance already."),
            Twin("whole_logarithm", whole_logarithm, "half of the logarithm of the precision is wanted."),
            Twin("constant_left_out", constant_left_out, "the constant ln(2 pi) / 2 is missing."),
            Twin("summed", summed, "your loss is the sum over the values; the mean is wanted."),
            Twin("no_half", no_half, "the squared error has a factor of a half."),
        ),
    ),
    Suite(
        technique="gaussian_likelihood",
        part="fit_precision",
        subjects={"fit_precision": fit_precision},
        interface=Interface(kind="function", inputs=("input", "target"), aliases=ALIASES),
        cases=({},),
        shapes=lambda a: SHAPES,
        laws=(
            Law("the_mean_residual", r"$$ 1 / \beta = \frac{1}{NK} \sum_{nk} (y_{nk} - t_{nk})^2 $$", mean_residual),
            Law("most_likely", "There the likelihood has no slope.", most_likely),
            Law("residuals_of_any_mean", "A constant error counts.", residuals_of_any_mean),
        ),
        twins=(
            Twin("centered", centered, "you center the residuals; the predictions are the means already."),
            Twin("unbiased", unbiased, "you divide by n - 1; maximum likelihood divides by n."),
            Twin("its_inverse", its_inverse, "you give the variance; the precision is its inverse."),
            Twin("of_the_sum", of_the_sum, "you divide by the examples alone; divide by examples times values."),
            Twin("of_the_deviation", of_the_deviation, "you give one over the deviation; the precision is one over its square."),
        ),
    ),
    Suite(
        technique="gaussian_likelihood",
        part="GaussianPrecisionLoss",
        subjects={"GaussianPrecisionLoss": GaussianPrecisionLoss},
        interface=Interface(
            kind="module", arguments=("precision",), inputs=("input", "target"), defaults={"precision": 1.0},
            aliases={"precision": ("beta",)},
        ),
        cases=PRECISIONS,
        shapes=lambda a: SHAPES,
        laws=(
            Law("starts_at_its_precision", r"$$ -\ln \mathcal{N}(t \mid y, \beta^{-1}) $$", starts_at_its_precision, {torch.float64: 1e-6, torch.float32: 1e-5}),
            Law("learned", "Learned, it is the closed form.", learned, {torch.float64: 1e-6}),
        ),
        twins=(
            Twin("unweighted", Unweighted, "the squared error is not multiplied by the precision, which then grows without end."),
            Twin("starts_at_one", StartsAtOne, "your precision starts at 1, whatever was asked."),
            Twin("learns_the_variance", LearnsTheVariance, "your parameter is the logarithm of the variance."),
            Twin("cut_off", CutOff, "the precision is cut off from the gradient."),
        ),
        inputs=drawn,
    ),
    Suite(
        technique="gaussian_likelihood",
        part="GaussianNLLLoss",
        subjects={"GaussianNLLLoss": GaussianNLLLoss},
        interface=Interface(
            kind="function", arguments=("full",), inputs=("input", "target", "var"), defaults={"full": True},
            aliases={**ALIASES, "var": ("variance",)},
        ),
        cases=({"full": True},),
        shapes=lambda a: SHAPES,
        laws=(
            Law("the_density", r"$$ -\ln \mathcal{N}(t \mid y, \sigma^2) $$, a variance for each value", heteroscedastic),
            Law("variance_gradient", r"$$ \partial L / \partial \sigma^2 = (1 / \sigma^2 - (y - t)^2 / \sigma^4) / 2n $$", variance_gradient),
        ),
        twins=(
            Twin("not_full", NotFull, "the constant ln(2 pi) / 2 is missing: full=True."),
            Twin("of_deviations", OfDeviations, "you take the variances for deviations."),
            Twin("variance_cut", VarianceCut, "the variance is cut off from the gradient."),
        ),
    ),
)  # fmt: skip
