"""Laws of layer normalization, from Eq. 3 and 4 of the paper, and of the cells in its supplementary material."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.norm.layer_norm import LayerNorm2d

from ._layer_norm_suites import CELLS
from ._norms import LARGE_MEAN, NORM_ALIASES, normalize
from ._suite import EXACT, IDENTITY, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_paper(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Eq. 3 and 4 over the last dimension, in loops; epsilon is torch's."""
    y = torch.empty_like(x)
    for place in product(*(range(size) for size in x.shape[:-1])):
        a = x[place].tolist()
        mean = sum(a) / len(a)
        variance = sum((v - mean) ** 2 for v in a) / len(a)
        for i, v in enumerate(a):
            y[place][i] = weight[i] * (v - mean) / (variance + eps) ** 0.5 + bias[i]
    return y


def laws(axis: int) -> tuple[Law, ...]:
    """What must hold of a layer normalization over one axis: the last, or the channels of an image."""

    def apart(x: Tensor) -> Tensor:
        return x.movedim(axis, -1)

    def equation(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw).fill(draw, "weight", "bias")
        x = draw.normal(mean=0.5)
        want = by_the_paper(
            apart(x).double(), norm["weight"].double(), norm["bias"].double(), norm.arguments["eps"]
        )
        yield apart(norm(x)), want

    def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw).fill(draw, "weight", "bias")
        x, upstream = draw.normal().requires_grad_(), draw.normal(name="upstream")
        got = torch.autograd.grad((norm(x) * upstream).sum(), [x, norm["weight"], norm["bias"]])
        leaves = [t.detach().double().requires_grad_() for t in (x, norm["weight"], norm["bias"])]
        rows = apart(leaves[0]).reshape(-1, x.shape[axis])
        want = normalize(rows, 1, leaves[1], leaves[2], norm.arguments["eps"])
        loss = (want * apart(upstream).double().reshape(rows.shape)).sum()
        yield from zip(got, torch.autograd.grad(loss, leaves), strict=True)

    def places_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw).fill(draw, "weight", "bias")
        x, other = draw.normal(), draw.normal(name="other")
        want = norm(x)
        changed = apart(other).clone()
        changed[(0,) * (x.dim() - 1)] = apart(x)[(0,) * (x.dim() - 1)]
        yield apart(norm(changed.movedim(-1, axis)))[(0,) * (x.dim() - 1)], apart(want)[(0,) * (x.dim() - 1)]

    def scale(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw).fill(draw, "weight", "bias")
        x = draw.normal()
        yield norm(1e6 * x), norm(1e7 * x)

    def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw)
        x = draw.normal(std=4.0)  # features that lie close together leave no digits
        yield norm(x + 1e4), norm((x + 1e4) - 1e4)

    def evaluation_is_training(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw).fill(draw, "weight", "bias")
        x = draw.normal(mean=2.0)
        trained = norm.train()(x)
        yield norm.eval()(x), trained

    def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
        x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
        yield build(draw)(x), x

    rounded = {**IDENTITY, torch.bfloat16: 5e-2}
    return (
        Law("by_the_paper", r"$$ y = \frac{g}{\sigma} \odot (a - \mu) + b $$", equation, rounded),
        Law("gradient", "The gradients flow through mean and variance.", gradient),
        Law("places_do_not_mix", "An output depends on its own example, and its own time step or pixel, alone.", places_do_not_mix),
        Law("scale_of_a_case", r"$$ y(\delta x) = y(x) $$", scale, {torch.float64: 1e-9}),
        Law("shift_at_a_large_mean", r"$$ y(x + 10^4) = y(x) $$", shift_at_a_large_mean, LARGE_MEAN),
        Law("evaluation_is_training", "The same in evaluation as in training.", evaluation_is_training, EXACT),
        Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
    )  # fmt: skip


class LayerVariant(nn.Module):
    """Layer normalization of the last dimension with one thing wrong."""

    def __init__(self, normalized_shape: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = (
            nn.Parameter(torch.ones(normalized_shape)),
            nn.Parameter(torch.zeros(normalized_shape)),
        )

    def center(self, x: Tensor) -> Tensor:
        return x.mean(-1, keepdim=True)

    def scale(self, x: Tensor) -> Tensor:
        return (x.var(-1, correction=0, keepdim=True) + self.eps).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.center(x)) / self.scale(x) * self.weight + self.bias


class RootMeanSquare(LayerVariant):
    def center(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def scale(self, x: Tensor) -> Tensor:
        return (x.square().mean(-1, keepdim=True) + self.eps).sqrt()


class Centers(LayerVariant):
    def scale(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


class UnbiasedVariance(LayerVariant):
    def scale(self, x: Tensor) -> Tensor:
        return (x.var(-1, correction=1, keepdim=True) + self.eps).sqrt()


class EpsOutsideRoot(LayerVariant):
    def scale(self, x: Tensor) -> Tensor:
        return x.var(-1, correction=0, keepdim=True).sqrt() + self.eps


class StdPlusEps(LayerVariant):
    def scale(self, x: Tensor) -> Tensor:
        return x.std(-1, keepdim=True) + self.eps


class Cancels(LayerVariant):
    def scale(self, x: Tensor) -> Tensor:
        return (x.square().mean(-1, keepdim=True) - x.mean(-1, keepdim=True).square() + self.eps).sqrt()


class ConstantStatistics(LayerVariant):
    def forward(self, x: Tensor) -> Tensor:
        return (x - self.center(x).detach()) / self.scale(x).detach() * self.weight + self.bias


class OverAllFeatures(LayerVariant):
    def center(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(1, x.dim())), keepdim=True)

    def scale(self, x: Tensor) -> Tensor:
        return (x.var(tuple(range(1, x.dim())), correction=0, keepdim=True) + self.eps).sqrt()


class OverTheBatch(LayerVariant):
    def center(self, x: Tensor) -> Tensor:
        return x.mean(0, keepdim=True)

    def scale(self, x: Tensor) -> Tensor:
        return (x.var(0, correction=0, keepdim=True) + self.eps).sqrt()


class NothingInEvaluation(LayerVariant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if self.training else x * self.weight + self.bias


class RefusesEmpty(LayerVariant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(len(x), -1).reshape(x.shape))


TWINS = (
    ("over_all_features", OverAllFeatures, "your statistics run over time or space as well; only the features are meant here."),
    ("over_the_batch", OverTheBatch, "your statistics run over the batch; that is batch normalization."),
    ("root_mean_square", RootMeanSquare, "your layer does not subtract the mean; that is RMS normalization."),
    ("only_centers", Centers, "your layer does not divide by the standard deviation."),
    ("unbiased_variance", UnbiasedVariance, "your variance is the unbiased one (divides by n - 1); the paper's is biased."),
    ("eps_outside_root", EpsOutsideRoot, "your epsilon is added to the standard deviation; it belongs under the root."),
    ("std_plus_eps", StdPlusEps, "your layer divides by std() + eps: that deviation is the unbiased one (n - 1), and epsilon belongs under the root."),
    ("cancellation", Cancels, "your variance is the difference of two large numbers, E[x^2] - E[x]^2: subtract the mean first."),
    ("constant_statistics", ConstantStatistics, "your mean and variance are cut off from the gradient."),
    ("nothing_in_evaluation", NothingInEvaluation, "your layer does not normalize in evaluation; there are no running statistics here."),
    ("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
)  # fmt: skip


def channels_first(variant: type[LayerVariant]) -> type[LayerVariant]:
    """The same over the channels of an image."""

    class ChannelsFirst(variant):  # type: ignore[misc, valid-type]
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.movedim(1, -1)).movedim(-1, 1)

    return ChannelsFirst


class LastDimension(LayerVariant):
    """Forgets that the channels stand first; runs only where the image is as wide as it has channels."""


def functional_layer_norm(
    input: Tensor, normalized_shape: int, weight: Tensor, bias: Tensor, eps: float
) -> Tensor:
    return F.layer_norm(input, (normalized_shape,), weight, bias, eps)


def width(a: Arguments) -> int:
    """The number of features; an instance of torch's shows it as a tuple."""
    shape = a["normalized_shape"]
    return shape if isinstance(shape, int) else shape[-1]


LAYER = Suite(
    technique="layer_norm",
    part="LayerNorm",
    subjects={"LayerNorm": nn.LayerNorm, "functional.layer_norm": functional_layer_norm},
    interface=Interface(
        kind="module",
        arguments=("normalized_shape", "eps"),
        parameters={"weight": lambda a: (width(a),), "bias": lambda a: (width(a),)},
        defaults={"eps": 1e-5},
        aliases={
            **NORM_ALIASES,
            "normalized_shape": ("num_features", "features", "dim", "hidden_size", "d_model", "size"),
        },
    ),
    cases=({"normalized_shape": 3, "eps": 1e-5}, {"normalized_shape": 5, "eps": 0.1}),
    shapes=lambda a: ((2, width(a)), (2, 3, width(a))),
    laws=laws(-1),
    twins=tuple(Twin(*twin) for twin in TWINS),
)

IMAGES = Suite(
    technique="layer_norm",
    part="LayerNorm2d",
    subjects={"LayerNorm2d": LayerNorm2d},
    interface=Interface(
        kind="module",
        arguments=("num_channels", "eps"),
        parameters={"weight": lambda a: (a["num_channels"],), "bias": lambda a: (a["num_channels"],)},
        defaults={"eps": 1e-5},
        aliases={
            **NORM_ALIASES,
            "num_channels": ("normalized_shape", "channels", "num_features", "dim", "C"),
        },
    ),
    cases=({"num_channels": 3, "eps": 1e-5}, {"num_channels": 4, "eps": 0.1}),
    shapes=lambda a: (
        (2, a["num_channels"], 1, a["num_channels"]),
        (3, a["num_channels"], 3, a["num_channels"]),
    ),
    laws=laws(1),
    twins=(
        *(Twin(name, channels_first(variant), pitfall) for name, variant, pitfall in TWINS),
        Twin(
            "last_dimension",
            LastDimension,
            "your statistics run over the last dimension, the width; the channels stand second.",
        ),
    ),
)

SUITES = (LAYER, IMAGES, *CELLS)
