"""Laws of mean-only batch normalization, from Eq. 7 and 8 of the paper on weight normalization."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

from vademecum.nn.norm.mean_only_batch_norm import MeanOnlyBatchNorm1d, MeanOnlyBatchNorm2d

from ._norms import LARGE_MEAN
from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin


def means(x: Tensor) -> Tensor:
    """The mean of each channel, in loops over examples and space."""
    totals = [0.0] * x.shape[1]
    for place in product(*map(range, x.shape)):
        totals[place[1]] += float(x[place])
    return torch.tensor([total * x.shape[1] / x.numel() for total in totals], dtype=torch.float64)


def along(values: Tensor, x: Tensor) -> Tensor:
    return values.double().reshape(1, -1, *[1] * (x.dim() - 2))


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "bias").train()
    x = draw.normal(mean=0.5)
    yield norm(x), x.double() - along(means(x), x) + along(norm["bias"], x)


def running_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    a = norm.arguments["momentum"]
    want = torch.zeros(norm.arguments["num_features"], dtype=torch.float64)
    for count in (1, 2, 3):
        x = draw.normal(mean=2.0)
        norm(x)
        want = want + (means(x) - want) * (1 / count if a is None else a)
        yield norm["running_mean"], want


def evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "bias").train()
    norm(draw.normal(mean=2.0))
    held = norm["running_mean"].clone()
    x = draw.normal(name="later")
    yield norm.eval()(x), x.double() - along(held, x) + along(norm["bias"], x)
    yield norm["running_mean"], held


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x, upstream = draw.normal().requires_grad_(), draw.normal(name="upstream")
    to_x, to_bias = torch.autograd.grad((norm(x) * upstream).sum(), [x, norm["bias"]])
    yield to_x, upstream.double() - along(means(upstream), x)
    yield to_bias, means(upstream) * (upstream.numel() / upstream.shape[1])


def scale_passes(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x = draw.normal()
    yield norm(8 * x), 8 * norm(x)


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x = draw.normal()
    yield norm(x + 1e4), norm((x + 1e4) - 1e4)


def batch_norm_apart_from_scale(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x = draw.normal(mean=1.0)
    dims = [0, *range(2, x.dim())]
    full = nn.functional.batch_norm(x, None, None, training=True, eps=1e-13)
    yield norm(x), full * x.std(dims, correction=0, keepdim=True)


class MeanOnly(nn.Module):
    """Mean-only batch normalization for inputs of any shape, for twins."""

    running_mean: Tensor

    def __init__(self, num_features: int, momentum: float | None = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.count = 0

    def dims(self, x: Tensor) -> list[int]:
        return [0, *range(2, x.dim())]

    def mean(self, x: Tensor) -> Tensor:
        return x.mean(self.dims(x))

    def track(self, mean: Tensor) -> None:
        self.count += 1
        new = 1 / self.count if self.momentum is None else self.momentum
        self.running_mean = self.running_mean * (1 - new) + mean.detach() * new

    def use(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.running_mean
        mean = self.mean(x)
        self.track(mean)
        return mean

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1, *[1] * (x.dim() - 2))
        return x - self.use(x).reshape(shape) + self.bias.reshape(shape)


class DividesToo(MeanOnly):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / (x.var(self.dims(x), correction=0, keepdim=True) + 1e-5).sqrt()


class MomentumReversed(MeanOnly):
    def track(self, mean: Tensor) -> None:
        new = 1 - (0.1 if self.momentum is None else self.momentum)
        self.running_mean = self.running_mean * (1 - new) + mean.detach() * new


class ConstantMean(MeanOnly):
    def mean(self, x: Tensor) -> Tensor:
        return super().mean(x).detach()


class SubtractsTheBias(MeanOnly):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) - 2 * self.bias.reshape(1, -1, *[1] * (x.dim() - 2))


class BatchMeanInEvaluation(MeanOnly):
    def use(self, x: Tensor) -> Tensor:
        return super().use(x) if self.training else self.mean(x)


class TracksInEvaluation(MeanOnly):
    def use(self, x: Tensor) -> Tensor:
        held = self.running_mean
        self.track(self.mean(x))
        return self.mean(x) if self.training else held


class OverTheBatchAlone(MeanOnly):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return (
            y - y.mean(0, keepdim=True) + self.bias.reshape(1, -1, *[1] * (x.dim() - 2))
            if self.training
            else y
        )


class RoundsTheMean(MeanOnly):
    def mean(self, x: Tensor) -> Tensor:
        return x.sum(self.dims(x)).half().to(x.dtype) / (x.numel() / x.shape[1])


def suite(part: str, subject: object, shapes: tuple[tuple[int, ...], ...]) -> Suite:
    return Suite(
        technique="mean_only_batch_norm",
        part=part,
        subjects={part: subject},
        interface=Interface(
            kind="module",
            arguments=("num_features", "momentum"),
            parameters={"bias": lambda a: (a["num_features"],)},
            defaults={"momentum": 0.1},
            aliases={"bias": ("beta", "b", "shift"), "num_features": ("channels", "num_channels", "C")},
        ),
        cases=({"num_features": 2, "momentum": 0.1}, {"num_features": 3, "momentum": None}),
        shapes=lambda a: tuple((batch, a["num_features"], *space) for batch, *space in shapes),
        laws=(
            Law("equation", r"$$ y = t - \mu[t] + b $$", equation),
            Law("running_mean", r"$$ \bar\mu \leftarrow (1 - m) \bar\mu + m \mu[t] $$ with torch's m; without one, the plain mean of all batches.", running_mean),
            Law("evaluation", r"In evaluation: $$ y = t - \bar\mu + b $$ and the running mean stays.", evaluation),
            Law("gradient", r"$$ \nabla_t L = \nabla_y L - \mu[\nabla_y L] $$", gradient),
            Law("scale_passes", r"$$ y(8 t) = 8 y(t), \quad b = 0 $$", scale_passes),
            Law("batch_norm_apart_from_scale", "Batch normalization times the standard deviation.", batch_norm_apart_from_scale, {torch.float64: 1e-9}),
            Law("shift_at_a_large_mean", r"$$ y(t + 10^4) = y(t) $$", shift_at_a_large_mean, LARGE_MEAN),
        ),
        twins=(
            Twin("divides_too", DividesToo, "you divide by the standard deviation as well; that is full batch normalization."),
            Twin("momentum_reversed", MomentumReversed, "your momentum weighs the old mean; torch's weighs the new one."),
            Twin("constant_mean", ConstantMean, "your mean is cut off from the gradient."),
            Twin("subtracts_the_bias", SubtractsTheBias, "your bias is subtracted; it is added."),
            Twin("batch_mean_in_evaluation", BatchMeanInEvaluation, "you use the batch's mean in evaluation; the running mean belongs there."),
            Twin("tracks_in_evaluation", TracksInEvaluation, "your running mean moves in evaluation."),
            Twin("loses_digits", RoundsTheMean, "your mean is taken in half precision."),
            Twin("over_the_batch_alone", OverTheBatchAlone, "your mean runs over the batch place by place; it runs over space too."),
        ),
    )  # fmt: skip


SUITES = (
    suite("MeanOnlyBatchNorm1d", MeanOnlyBatchNorm1d, ((2,), (3, 4))),
    suite("MeanOnlyBatchNorm2d", MeanOnlyBatchNorm2d, ((1, 2, 1), (3, 2, 2))),
)
