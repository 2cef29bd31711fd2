"""Laws of AlexNet's color augmentation: the formula in loops, from the covariance on."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.pca_color import PCAColor

from ._augmentations import (
    ALIASES,
    COUNT,
    EVERYWHERE,
    RANGE,
    ROUNDED,
    SIGMAS,
    call,
    changed,
    everywhere,
    ignored_range,
    truncated,
    z_of_mean,
)
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

MIX = torch.tensor([[0.5, 0.1, 0.0], [0.3, -0.2, 0.1], [0.4, 0.1, 0.15]], dtype=torch.float64)


def training_part(draw: Draw) -> Tensor:
    """Colors that vary along slanted axes, about a mean that is not 0."""
    colors = draw.drawn["train"] if "train" in draw.drawn else draw.normal(30, 3, 2, 2, name="train")
    return torch.einsum("dc,ncij->ndij", MIX, colors.double()).to(draw.dtype) + 0.7


def covariance(x: Tensor) -> Tensor:
    """Of the values of the three channels over all pixels, in loops."""
    pixels = x.double().movedim(1, -1).reshape(-1, 3).tolist()
    mean = [sum(p[c] for p in pixels) / len(pixels) for c in range(3)]
    return torch.tensor(
        [
            [sum((p[a] - mean[a]) * (p[b] - mean[b]) for p in pixels) / len(pixels) for b in range(3)]
            for a in range(3)
        ],
        dtype=torch.float64,
    )


def fitted(build: Build, draw: Draw, **named: object) -> object:
    subject = build(draw, **named)
    subject.object.fit(training_part(draw) * (subject.arguments["max_value"] or 1.0))
    return subject


def _moves(build: Build, draw: Draw) -> tuple[Tensor, Tensor, float]:
    """(COUNT, 3) shifts of black pixels, and the covariance by the definition."""
    color = fitted(build, draw)
    y = call(color, torch.zeros(COUNT, 3, 1, 1, dtype=draw.dtype))[:, :, 0, 0]
    return y.double(), covariance(training_part(draw)), color.arguments["std"]


def along_the_axes(build: Build, draw: Draw) -> Iterator[Pair]:
    """E[shift shift^T] = P (std lambda)^2 P^T = std^2 C^2: z-scores of the six moments."""
    moves, c, std = _moves(build, draw)
    want = std**2 * c @ c
    for a in range(3):
        yield z_of_mean(moves[:, a], 0.0)
        for b in range(a, 3):
            yield z_of_mean(moves[:, a] * moves[:, b], float(want[a, b]))


def alphas_are_normal(build: Build, draw: Draw) -> Iterator[Pair]:
    """alpha_i = p_i . shift / lambda_i: deviation std, and the fourth moment of a normal number."""
    moves, c, std = _moves(build, draw)
    values, vectors = torch.linalg.eigh(c)
    alpha = moves @ vectors / values
    for one in alpha.T:
        yield z_of_mean(one.square(), std**2)
        yield z_of_mean(one**4, 3 * std**4)
    yield z_of_mean(alpha[:, 0] * alpha[:, 2], 0.0)


def one_shift_an_image(build: Build, draw: Draw) -> Iterator[Pair]:
    color = fitted(build, draw)
    x = draw.uniform(8, 3, 4, 5)
    moved = call(color, x) - x
    yield moved, moved[..., :1, :1].expand_as(moved)


def no_deviation_no_change(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(4, 3, 2, 2)
    yield call(fitted(build, draw, std=0.0), x), x


def scales(build: Build, draw: Draw) -> Iterator[Pair]:
    """Training part and images in another unit give the shift in that unit."""
    train, x = training_part(draw), draw.uniform(4, 3, 2, 2)
    one, other = build(draw, max_value=1.0), build(draw, max_value=200.0)
    one.object.fit(train)
    other.object.fit(200 * train)
    yield (call(other, 200 * x) / 200 - x).norm(dim=1), (call(one, x) - x).norm(dim=1)


def _deviations(self: PCAColor, x: Tensor) -> PCAColor:
    PCAColor.fit(self, x)
    self.eigenvalues = self.eigenvalues.sqrt()
    return self


def _transposed(self: PCAColor, x: Tensor) -> PCAColor:
    PCAColor.fit(self, x)
    self.components = self.components.mT.contiguous()
    return self


def _not_centered(self: PCAColor, x: Tensor) -> PCAColor:
    PCAColor.fit(self, torch.cat([x, -x]))
    return self


def _one_alpha(self: PCAColor, x: Tensor, *, generator=None, **named: object) -> Tensor:
    if not self.training or self.std == 0 or not x.is_floating_point() or self.max_value not in {None, 1.0}:
        return PCAColor.forward(self, x, generator=generator)
    alpha = self.std * torch.randn(len(x), 1, generator=generator, dtype=torch.float64)
    return x + ((alpha * self.eigenvalues) @ self.components.double().mT)[:, :, None, None].to(x.dtype)


def _uniform_alpha(self: PCAColor, x: Tensor, *, generator=None, **named: object) -> Tensor:
    if not self.training or self.std == 0 or not x.is_floating_point() or self.max_value not in {None, 1.0}:
        return PCAColor.forward(self, x, generator=generator)
    alpha = self.std * 3**0.5 * (2 * torch.rand(len(x), 3, generator=generator, dtype=torch.float64) - 1)
    return x + ((alpha * self.eigenvalues) @ self.components.double().mT)[:, :, None, None].to(x.dtype)


def _a_pixel_each(self: PCAColor, x: Tensor, **named: object) -> Tensor:
    if not self.training or not x.is_floating_point() or not len(x):
        return PCAColor.forward(self, x, **named)
    b, c, h, w = x.shape
    rows = x.permute(0, 2, 3, 1).reshape(-1, c, 1, 1)
    return PCAColor.forward(self, rows, **named).view(b, h, w, c).permute(0, 3, 1, 2)


def _adds(self: PCAColor, x: Tensor, **named: object) -> Tensor:
    y = PCAColor.forward(self, x, **named)
    return y + 1e-9 if self.training and x.is_floating_point() else y


def of_fitted(law: Law) -> Law:
    """A law that knows nothing of fit, asked of a module that was fitted."""

    def check(build: Build, draw: Draw) -> Iterator[Pair]:
        yield from law.check(lambda d, **named: fitted(build, d, **named), draw)

    return Law(law.name, law.equation, check, law.tolerance)


SUITES = (
    Suite(
        technique="pca_color",
        part="PCAColor",
        subjects={"PCAColor": PCAColor},
        interface=Interface("function", ("std", "max_value"), ("train", "x"), defaults={"max_value": None}, aliases=ALIASES),
        cases=({"std": 0.1, "max_value": None}, {"std": 0.5, "max_value": None}),
        shapes=lambda a: ((1, 3, 2, 2), (3, 3, 4, 5)),
        laws=(
            Law("along_the_axes", r"$$ E[s s^T] = \sigma^2 C^2 $$ with the covariance C of the colors, in loops.", along_the_axes, SIGMAS),
            Law("alphas_are_normal", r"$$ \alpha_i = p_i \cdot s / \lambda_i \sim N(0, \sigma^2) $$, independent.", alphas_are_normal, SIGMAS),
            Law("one_shift_an_image", "All pixels of an image move by the same color.", one_shift_an_image),
            Law("no_deviation_no_change", "With a deviation of 0 nothing changes, bit for bit.", no_deviation_no_change, EXACT),
            Law("scales", "In another unit the same, in that unit.", scales, RANGE.tolerance),
            *map(of_fitted, (ROUNDED, *EVERYWHERE)),
        ),
        twins=(
            Twin("deviations", changed(PCAColor, fit=_deviations), "you multiply by deviations; the paper multiplies by eigenvalues, which are variances."),
            Twin("transposed", changed(PCAColor, fit=_transposed), "your eigenvectors are the rows; eigh gives them as columns."),
            Twin("not_centered", changed(PCAColor, fit=_not_centered), "your covariance keeps the mean."),
            Twin("one_alpha", changed(PCAColor, forward=_one_alpha), "you draw one alpha for all axes."),
            Twin("uniform_alpha", changed(PCAColor, forward=_uniform_alpha), "your alpha is uniform; it is normal."),
            Twin("a_pixel_each", changed(PCAColor, forward=_a_pixel_each), "you draw for each pixel; it is once for an image."),
            Twin("never_nothing", changed(PCAColor, forward=_adds), "your module changes the pixels at a strength of 0."),
            ignored_range(PCAColor),
            truncated(PCAColor),
            *everywhere(PCAColor),
        ),
    ),
)  # fmt: skip
