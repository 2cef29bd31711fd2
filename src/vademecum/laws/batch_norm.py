"""Laws of batch normalization, from Algorithm 1, Algorithm 2 and section 3 of the paper."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._batch_norm_folding import FOLD, FOLDED
from ._batch_norm_statistics import RECALIBRATE
from ._norms import LARGE_MEAN, NORM_ALIASES, Norm
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

HALF = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 5e-2}
TINY_EPS = {torch.float64: 1e-8, torch.float32: 2e-3}
"""Allowed where a variance without an epsilon stands below the fraction."""


def mini_batch(x: Tensor, channel: int) -> tuple[float, float, int]:
    """Algorithm 1: mean, biased variance and number of a channel's values."""
    values = x[:, channel].flatten().tolist()
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values), len(values)


def by_the_paper(x: Tensor, weight: Tensor, bias: Tensor, *, eps: float) -> Tensor:
    """Algorithm 1, a channel at a time."""
    y = torch.empty_like(x)
    for c in range(x.shape[1]):
        mean, variance, _ = mini_batch(x, c)
        y[:, c] = weight[c] * (x[:, c] - mean) / (variance + eps) ** 0.5 + bias[c]
    return y


def chain_rule(x: Tensor, dy: Tensor, weight: Tensor, *, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The six equations of section 3, a channel at a time, by the paper's names."""
    dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
    for c in range(x.shape[1]):
        mean, variance, m = mini_batch(x, c)
        centered, root = x[:, c] - mean, (variance + eps) ** 0.5
        dx_hat = dy[:, c] * weight[c]
        dvariance = (dx_hat * centered).sum() * -0.5 * root**-3
        dmean = dx_hat.sum() * -1 / root + dvariance * (-2 * centered).sum() / m
        dx[:, c] = dx_hat / root + dvariance * 2 * centered / m + dmean / m
        dweight[c] = (dy[:, c] * centered / root).sum()
        dbias[c] = dy[:, c].sum()
    return dx, dweight, dbias


def closed_form(x: Tensor, dy: Tensor, weight: Tensor, *, eps: float) -> Tensor:
    """The same gradient in one line: what is left of g without its mean and its part along x_hat."""
    dx = torch.empty_like(x)
    for c in range(x.shape[1]):
        mean, variance, _ = mini_batch(x, c)
        x_hat, g = (x[:, c] - mean) / (variance + eps) ** 0.5, weight[c] * dy[:, c]
        dx[:, c] = (g - g.mean() - x_hat * (g * x_hat).mean()) / (variance + eps) ** 0.5
    return dx


def training(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias").train()
    x = draw.normal(mean=0.5)
    wide = (tensor.double() for tensor in (x, norm["weight"], norm["bias"]))
    yield norm(x), by_the_paper(*wide, eps=norm.arguments["eps"])


def running_statistics(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    momentum = norm.arguments["momentum"]
    channels = range(draw.shape[1])
    means, variances = [0.0 for _ in channels], [1.0 for _ in channels]
    for mean in (1.0, -2.0):
        x = draw.normal(mean=mean)
        norm(x)
        for c in channels:
            mu, variance, m = mini_batch(x, c)
            means[c] = (1 - momentum) * means[c] + momentum * mu
            variances[c] = (1 - momentum) * variances[c] + momentum * variance * m / (m - 1)
    yield norm["running_mean"], torch.tensor(means, dtype=torch.float64)
    yield norm["running_var"], torch.tensor(variances, dtype=torch.float64)


def evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias", "running_mean", "running_var").eval()
    names = ("weight", "bias", "running_mean", "running_var")
    weight, bias, mean, variance = (norm[name].detach().double().clone() for name in names)
    x = draw.normal(mean=3.0)
    want = torch.empty_like(x, dtype=torch.float64)
    for c in range(x.shape[1]):
        want[:, c] = weight[c] * (x[:, c] - mean[c]) / (variance[c] + norm.arguments["eps"]) ** 0.5 + bias[c]
    yield norm(x), want
    yield norm["running_mean"], mean
    yield norm["running_var"], variance


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias").train()
    x = draw.normal(mean=0.5).requires_grad_()
    upstream = draw.normal(name="upstream")
    got = torch.autograd.grad((norm(x) * upstream).sum(), [x, norm["weight"], norm["bias"]])
    wide = [tensor.detach().double() for tensor in (x, upstream, norm["weight"])]
    eps = norm.arguments["eps"]
    yield from zip(got, chain_rule(*wide, eps=eps), strict=True)
    yield got[0], closed_form(*wide, eps=eps)


def gradient_leaves_mean_and_scale(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw, eps=1e-12).train()
    x = draw.normal().requires_grad_()
    (dx,) = torch.autograd.grad((norm(x) * draw.normal(name="upstream")).sum(), x)
    for c in range(x.shape[1]):
        mean, variance, _ = mini_batch(x.detach(), c)
        x_hat = (x.detach()[:, c] - mean) / variance**0.5
        yield dx[:, c].sum(), torch.zeros(())
        yield (dx[:, c] * x_hat).sum(), torch.zeros(())


def scale_and_shift_of_the_data(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw, eps=1e-12).train()
    x = draw.normal()
    yield norm(100 * x + 3), norm(x)


def examples_do_not_mix_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "running_mean", "running_var").eval()
    x = draw.normal()
    yield norm(x), torch.cat([norm(one[None]) for one in x])


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x = draw.normal()
    yield norm(x + 1e4), norm((x + 1e4) - 1e4)


def any_memory_layout(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x = draw.normal(*reversed(draw.shape))
    x = x.permute(*reversed(range(x.dim())))
    yield norm(x), norm(x.contiguous())


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
    norm = build(draw)
    for mode in (True, False):
        yield norm.train(mode)(x), x
        yield norm["running_mean"], torch.zeros(x.shape[1])
        yield norm["running_var"], torch.ones(x.shape[1])


class BatchVariant(Norm):
    """Batch normalization with one thing wrong."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps)
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        if not self.uses_the_batch() or self.skips(x):
            return self.affine(
                self.scaled(x, self.spread(self.running_mean, x), self.spread(self.running_var, x))
            )
        mean, variance = self.statistics(x)
        self.remember(mean, variance, x.numel() // x.shape[1])
        return self.affine(self.scaled(x, mean, variance))

    def uses_the_batch(self) -> bool:
        return self.training

    def skips(self, x: Tensor) -> bool:
        return x.numel() == 0

    def dims(self, x: Tensor) -> tuple[int, ...]:
        return (0, *range(2, x.dim()))

    def spread(self, statistic: Tensor, x: Tensor) -> Tensor:
        return statistic.reshape(1, -1, *[1] * (x.dim() - 2))

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.mean(self.dims(x), keepdim=True)
        return mean, (x - mean).square().mean(self.dims(x), keepdim=True)

    def scaled(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return (x - mean) / (variance + self.eps).sqrt()

    def remember(self, mean: Tensor, variance: Tensor, m: int) -> None:
        by_channel = [s.detach().transpose(0, 1).flatten(1).mean(1) for s in (mean, variance)]
        self.update(by_channel[0], by_channel[1] * self.correction(m))

    def correction(self, m: int) -> float:
        return m / (m - 1) if m > 1 else 1.0

    def update(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class MomentumReversed(BatchVariant):
    def update(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean.lerp_(mean, 1 - self.momentum)
        self.running_var.lerp_(variance, 1 - self.momentum)


class BiasedRunningVariance(BatchVariant):
    def correction(self, m: int) -> float:
        return 1.0


class UnbiasedNormalization(BatchVariant):
    def scaled(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        m = x.numel() // x.shape[1] if self.training else 1
        return super().scaled(x, mean, variance * super().correction(m))


class EpsOutsideRoot(BatchVariant):
    def scaled(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return (x - mean) / (variance.sqrt() + self.eps)


class DividesByVariance(BatchVariant):
    def scaled(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return (x - mean) / (variance + self.eps)


class ConstantStatistics(BatchVariant):
    def scaled(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return super().scaled(x, mean.detach(), variance.detach())


class OneExample(BatchVariant):
    def dims(self, x: Tensor) -> tuple[int, ...]:
        return tuple(range(2, x.dim())) or (1,)


class EachPosition(BatchVariant):
    def dims(self, x: Tensor) -> tuple[int, ...]:
        return (0,)


class BatchInEvaluation(BatchVariant):
    def uses_the_batch(self) -> bool:
        return True

    def remember(self, mean: Tensor, variance: Tensor, m: int) -> None:
        if self.training:
            super().remember(mean, variance, m)


class LearnsInEvaluation(BatchVariant):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if not self.training and not self.skips(x):
            self.remember(*self.statistics(x), x.numel() // x.shape[1])
        return y


class Cancels(BatchVariant):
    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = x.mean(self.dims(x), keepdim=True)
        return mean, x.square().mean(self.dims(x), keepdim=True) - mean.square()


class AssumesContiguous(BatchVariant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.as_strided(x.shape, torch.empty(x.shape, device="meta").stride()))


class EmptyPoisons(BatchVariant):
    def skips(self, x: Tensor) -> bool:
        return False


TWINS = (
    Twin("momentum_reversed", MomentumReversed,
         "your momentum weighs the old value, as in TensorFlow; in torch it is the weight of the new one."),
    Twin("biased_running_variance", BiasedRunningVariance,
         "your running variance is the biased one; the estimate for evaluation is times m / (m - 1)."),
    Twin("unbiased_normalization", UnbiasedNormalization,
         "you normalize a training batch by the unbiased variance; only the running estimate is unbiased."),
    Twin("eps_outside_root", EpsOutsideRoot,
         "your epsilon is added to the standard deviation; it belongs under the root."),
    Twin("divides_by_variance", DividesByVariance, "you divide by the variance; divide by its root."),
    Twin("constant_statistics", ConstantStatistics,
         "your gradient takes mean and variance of the batch for constants."),
    Twin("statistics_of_one_example", OneExample,
         "your statistics are each example's own (that is instance normalization); here they run over the batch."),
    Twin("statistics_of_one_position", EachPosition,
         "your statistics are of each position apart; a channel has one mean over batch and space."),
    Twin("batch_in_evaluation", BatchInEvaluation,
         "you normalize by the batch in evaluation; there the running statistics count."),
    Twin("learns_in_evaluation", LearnsInEvaluation,
         "your running statistics move in evaluation."),
    Twin("cancellation", Cancels,
         "your variance is the difference of two large numbers, E[x^2] - E[x]^2: subtract the mean first."),
    Twin("assumes_contiguous", AssumesContiguous,
         "you read the memory as if the input were contiguous."),
    Twin("empty_poisons", EmptyPoisons,
         "an empty batch puts NaN into your running statistics."),
)  # fmt: skip


def suite(part: str, subjects: dict[str, object], *spaces: tuple[int, ...]) -> Suite:
    """Write the suite of one dimension."""

    def shapes(a: Arguments) -> Iterator[tuple[int, ...]]:
        for batch, space in enumerate(spaces, start=2):
            yield (batch, a["num_features"], *space)

    return Suite(
        technique="batch_norm",
        part=part,
        subjects=subjects,
        interface=Interface(
            kind="module",
            arguments=("num_features", "eps", "momentum"),
            parameters={name: lambda a: (a["num_features"],) for name in ("weight", "bias")},
            buffers={
                "running_mean": lambda a: torch.zeros(a["num_features"]),
                "running_var": lambda a: torch.ones(a["num_features"]),
            },
            defaults={"eps": 1e-5, "momentum": 0.1},
            aliases={
                **NORM_ALIASES,
                "num_features": ("num_channels", "channels", "features", "C", "dim"),
                "running_mean": ("moving_mean", "mean", "mu"),
                "running_var": ("moving_var", "moving_variance", "running_variance", "var"),
            },
        ),
        cases=(
            {"num_features": 1, "eps": 1e-5, "momentum": 0.1},
            {"num_features": 3, "eps": 0.1, "momentum": 0.3},
        ),
        shapes=shapes,
        laws=LAWS,
        twins=TWINS,
    )


LAWS = (
    Law("training", r"$$ y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta $$ over batch and space.",
        training, HALF),
    Law("running_statistics",
        r"$$ r \leftarrow (1 - a) r + a \mu, \quad s \leftarrow (1 - a) s + a \frac{m}{m - 1} \sigma^2 $$",
        running_statistics),
    Law("evaluation", "Evaluation uses the running statistics and leaves them as they are.", evaluation),
    Law("gradient",
        r"$$ \partial x = (g - \bar g - \hat x\, \overline{g \hat x}) / \sqrt{\sigma^2 + \epsilon} $$", gradient),
    Law("gradient_leaves_mean_and_scale",
        r"$$ \sum \partial x = 0, \quad \sum \hat x\, \partial x = 0 \quad (\epsilon \to 0) $$",
        gradient_leaves_mean_and_scale, TINY_EPS),
    Law("scale_and_shift_of_the_data", r"$$ y(c x + d) = y(x) \quad (\epsilon \to 0) $$",
        scale_and_shift_of_the_data, TINY_EPS),
    Law("examples_do_not_mix_in_evaluation", "In evaluation the batch mates do not matter.",
        examples_do_not_mix_in_evaluation),
    Law("shift_at_a_large_mean", r"$$ y(x + 10^4) = y(x) $$", shift_at_a_large_mean, LARGE_MEAN),
    Law("any_memory_layout", "The layout in memory does not matter.", any_memory_layout),
    Law("empty_batch", "An empty batch gives an empty batch and leaves the statistics alone.", empty_batch, EXACT),
)  # fmt: skip

SUITES = (
    suite(
        "BatchNorm2d",
        {
            "BatchNorm2d": nn.BatchNorm2d,
            "functional.batch_norm": F.batch_norm,
            "SyncBatchNorm": nn.SyncBatchNorm,
        },
        (1, 1),
        (2, 2),
    ),
    suite("BatchNorm1d", {"BatchNorm1d": nn.BatchNorm1d}, (), (2,)),
    suite("BatchNorm3d", {"BatchNorm3d": nn.BatchNorm3d}, (1, 1, 1), (2, 1, 2)),
    RECALIBRATE,
    FOLD,
    FOLDED,
)
