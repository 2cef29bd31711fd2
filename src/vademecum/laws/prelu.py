"""Laws of the parametric rectified linear unit."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

SINGLE = {torch.float32: 1e-7}
"""A slope that was made in float32 keeps that many digits."""


def _by_the_paper(x: Tensor, slopes: Tensor) -> Tensor:
    """Eq. 1 in loops: channels stand in dimension 1; one slope serves all."""
    y = torch.empty_like(x, dtype=torch.float64)
    values = slopes.detach().double().tolist()
    for c in range(x.shape[1]):
        a = values[c if len(values) > 1 else 0]
        column = [max(0.0, v) + a * min(0.0, v) for v in x[:, c].flatten().tolist()]
        y[:, c] = torch.tensor(column, dtype=torch.float64).reshape(x[:, c].shape)
    return y


def _built(build: Build, draw: Draw):
    return build(draw).fill(draw, "weight")


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    act = _built(build, draw)
    x = draw.normal()
    yield act(x), _by_the_paper(x.double(), act["weight"])


def gradient_of_the_slope(build: Build, draw: Draw) -> Iterator[Pair]:
    act = _built(build, draw)
    x, upstream = draw.normal(), draw.normal(name="upstream")
    (got,) = torch.autograd.grad((act(x) * upstream).sum(), [act["weight"]])
    by_channel = torch.tensor(
        [
            sum(v * u for v, u in zip(x[:, c].flatten().tolist(), upstream[:, c].flatten().tolist()) if v < 0)
            for c in range(x.shape[1])
        ],
        dtype=torch.float64,
    )
    yield got, by_channel if act.arguments["num_parameters"] > 1 else by_channel.sum(0, keepdim=True)


def gradient_of_the_input(build: Build, draw: Draw) -> Iterator[Pair]:
    act = _built(build, draw)
    x = draw.normal().requires_grad_()
    (got,) = torch.autograd.grad(act(x).sum(), x)
    per_channel = act["weight"].detach().reshape(1, -1, *[1] * (x.dim() - 2))
    yield got, torch.where(x > 0, torch.ones_like(x), per_channel.expand_as(x))


def starts_at_the_given_slope(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    count = act.arguments["num_parameters"]
    yield act["weight"], torch.full((count,), act.arguments["init"], dtype=draw.dtype)


def slope_zero_is_relu(build: Build, draw: Draw) -> Iterator[Pair]:
    act = build(draw)
    with torch.no_grad():
        act["weight"].zero_()
    x = draw.normal()
    yield act(x), x.clamp(min=0)


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
    yield build(draw)(x), x


class Variant(nn.Module):
    """A parametric rectifier with one thing wrong."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = nn.Parameter(torch.full((num_parameters,), self.first(init)))

    def first(self, init: float) -> float:
        return init

    def slopes(self, x: Tensor) -> Tensor:
        return self.weight.reshape(1, -1, *[1] * (x.dim() - 2))

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=0) + self.slopes(x) * x.clamp(max=0)


class LastDimension(Variant):
    def slopes(self, x: Tensor) -> Tensor:
        return self.weight if self.num_parameters in {1, x.shape[-1]} else self.weight[:1]


class OneSlope(Variant):
    def slopes(self, x: Tensor) -> Tensor:
        return self.weight.mean()


class WrongSide(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return self.slopes(x) * x.clamp(min=0) + x.clamp(max=0)


class ConstantSlope(Variant):
    def slopes(self, x: Tensor) -> Tensor:
        slopes = super().slopes(x)
        return slopes.detach() + 0 * slopes


class MeanGradient(Variant):
    def slopes(self, x: Tensor) -> Tensor:
        slopes = super().slopes(x)
        share = self.num_parameters / x.numel()
        return slopes.detach() * (1 - share) + slopes * share


class OwnStart(Variant):
    def first(self, init: float) -> float:
        return 0.01


class NoGradientBelow(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=0) + self.slopes(x) * x.detach().clamp(max=0)


class RefusesEmpty(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (len(x) / len(x))


class NeverZero(Variant):
    def slopes(self, x: Tensor) -> Tensor:
        return super().slopes(x).clamp(min=0.01)


SUITES = (
    Suite(
        technique="prelu",
        part="PReLU",
        subjects={"PReLU": nn.PReLU},
        interface=Interface(
            kind="module",
            arguments=("num_parameters", "init"),
            parameters={"weight": lambda a: (a["num_parameters"],)},
            defaults={"num_parameters": 1, "init": 0.25},
            aliases={"weight": ("a", "alpha", "slope", "slopes"), "num_parameters": ("channels", "num_channels"), "init": ("a_init",)},
        ),
        cases=({"num_parameters": 1, "init": 0.25}, {"num_parameters": 3, "init": 0.25}, {"num_parameters": 3, "init": 0.1}),
        shapes=lambda a: ((2, 3), (2, 3, 4), (2, 3, 2, 3)),
        laws=(
            Law("by_the_paper", r"$$ f(x_c) = \max(0, x_c) + a_c \min(0, x_c) $$", equation),
            Law("gradient_of_the_slope", r"$$ \partial L / \partial a_c = \sum_{x_c < 0} x_c\, \partial L / \partial f(x_c) $$", gradient_of_the_slope),
            Law("gradient_of_the_input", r"$$ f'(x_c) = 1\ (x_c > 0),\quad a_c\ (x_c < 0) $$", gradient_of_the_input),
            Law("starts_at_the_given_slope", "Every slope starts at the given number; there are as many as channels, or one.", starts_at_the_given_slope, SINGLE),
            Law("slope_zero_is_relu", "With a = 0 it is the rectifier.", slope_zero_is_relu, EXACT),
            Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
        ),
        twins=(
            Twin("last_dimension", LastDimension, "your slopes belong to the last dimension; channels stand in dimension 1."),
            Twin("one_slope", OneSlope, "you use one slope for all channels."),
            Twin("wrong_side", WrongSide, "your slope is on the positive side."),
            Twin("constant_slope", ConstantSlope, "your slope gets no gradient: it is not learned."),
            Twin("mean_gradient", MeanGradient, "your slope's gradient is a mean; the paper's is the sum over positions and examples."),
            Twin("own_start", OwnStart, "your slopes do not start where they are told to."),
            Twin("no_gradient_below", NoGradientBelow, "the input gets no gradient below zero."),
            Twin("never_zero", NeverZero, "your slope is kept away from zero; the paper does not constrain it."),
            Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
        ),
    ),
)  # fmt: skip
