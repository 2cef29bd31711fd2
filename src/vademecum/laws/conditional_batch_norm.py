"""Laws of conditional batch normalization, from section 3 of the paper."""

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.norm.conditional_batch_norm import (
    ConditionalBatchNorm1d,
    ConditionalBatchNorm2d,
    ConditionalBatchNorm3d,
)

from ._batch_to_conditional import CONVERSION
from ._norms import LARGE_MEAN, NORM_ALIASES
from ._subject import Subject
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_class(a: Arguments) -> bool:
    return a["num_conditions"] is not None


def by_embedding(a: Arguments) -> bool:
    return a["condition_features"] is not None


def either(a: Arguments) -> bool:
    return by_class(a) or by_embedding(a)


def draw_condition(draw: Draw) -> Tensor:
    if by_class(draw.arguments):
        return draw.integers(draw.shape[0], high=draw.arguments["num_conditions"], name="condition")
    return draw.normal(draw.shape[0], draw.arguments["condition_features"], name="condition")


def shaken(norm: Subject, draw: Draw) -> Subject:
    """Give every parameter, also of networks inside, another value."""
    with torch.no_grad():
        for name, parameter in cast(nn.Module, norm.object).named_parameters():
            parameter.copy_(draw.uniform(*parameter.shape, low=-1.0, high=1.0, name=name))
    return norm


def by_the_paper(x: Tensor, condition: Tensor, weight: Tensor, bias: Tensor, *, eps: float) -> Tensor:
    """A channel at a time: one mean and variance for all, gain and bias by each example's class."""
    y = torch.empty_like(x)
    for c in range(x.shape[1]):
        values = x[:, c].flatten().tolist()
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        for b, k in enumerate(condition.tolist()):
            y[b, c] = weight[k, c] * (x[b, c] - mean) / (variance + eps) ** 0.5 + bias[k, c]
    return y


def in_tensors(x: Tensor, condition: Tensor, weight: Tensor, bias: Tensor, *, eps: float) -> Tensor:
    """The same for gradients: one-hot classes times tables."""
    dims, space = [0, *range(2, x.dim())], [1] * (x.dim() - 2)
    hot = F.one_hot(condition, len(weight)).to(weight.dtype)
    centered = x - x.mean(dims, keepdim=True)
    x_hat = centered / (centered.square().mean(dims, keepdim=True) + eps).sqrt()
    return (hot @ weight).reshape(*x.shape[:2], *space) * x_hat + (hot @ bias).reshape(*x.shape[:2], *space)


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias").train()
    x, condition = draw.normal(mean=0.5), draw_condition(draw)
    weight, bias = (norm[name].detach().double() for name in ("weight", "bias"))
    yield norm(x, condition), by_the_paper(x.double(), condition, weight, bias, eps=norm.arguments["eps"])


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias").train()
    x, condition = draw.normal().requires_grad_(), draw_condition(draw)
    upstream = draw.normal(name="upstream")
    given = [x, norm["weight"], norm["bias"]]
    got = torch.autograd.grad((norm(x, condition) * upstream).sum(), given)
    wide, weight, bias = (t.detach().double().requires_grad_() for t in given)
    y = in_tensors(wide, condition, weight, bias, eps=norm.arguments["eps"])
    want = torch.autograd.grad((y * upstream.double()).sum(), [wide, weight, bias])
    yield from zip(got, want, strict=True)


def starts_as_batch_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x, condition = draw.normal(mean=0.5), draw_condition(draw)
    yield norm(x, condition), F.batch_norm(x, None, None, training=True, eps=norm.arguments["eps"])


def one_running_statistic_for_all(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x, condition = draw.normal(mean=0.5), draw_condition(draw)
    norm(x, condition)
    eps, momentum = norm.arguments["eps"], norm.arguments["momentum"]
    mean, variance = torch.zeros(x.shape[1], dtype=x.dtype), torch.ones(x.shape[1], dtype=x.dtype)
    F.batch_norm(x, mean, variance, training=True, momentum=momentum, eps=eps)
    other = draw.normal(name="other")
    yield norm.eval()(other, condition), F.batch_norm(other, mean, variance, eps=eps)


def one_class_is_batch_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw, num_conditions=1).fill(draw, "weight", "bias").train()
    x = draw.normal()
    weight, bias = norm["weight"][0], norm["bias"][0]
    want = F.batch_norm(x, None, None, weight, bias, training=True, eps=norm.arguments["eps"])
    yield norm(x, torch.zeros(len(x), dtype=torch.int64)), want


def each_condition_apart_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = shaken(build(draw), draw).eval()
    x, condition = draw.normal(), draw_condition(draw)
    apart = [norm(one[None], its[None]) for one, its in zip(x, condition, strict=True)]
    yield norm(x, condition), torch.cat(apart)


def gain_times_x_hat_and_bias(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = shaken(build(draw), draw).eval()
    x, condition = draw.normal(mean=0.5), draw_condition(draw)
    eps = norm.arguments["eps"]
    bias = norm(torch.zeros_like(x), condition)  # running statistics as at the start: mean 0, variance 1
    gain = norm(torch.full_like(x, (1 + eps) ** 0.5), condition) - bias
    x_hat = F.batch_norm(x, None, None, training=True, eps=eps)
    yield norm.train()(x, condition), gain * x_hat + bias


def conditions_differ(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = shaken(build(draw), draw).eval()
    x = draw.normal(1, *draw.shape[1:])
    one = draw.normal(1, draw.arguments["condition_features"], name="one")
    differ = (norm(x, one) - norm(x, -one)).abs().amax() > 1e-3
    yield differ, torch.tensor(True)


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).train()
    x, condition = draw.normal() + 1e4, draw_condition(draw)
    yield norm(x, condition), norm(x - 1e4, condition)


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x, condition = draw.normal()[:0], draw_condition(draw)[:0]
    yield build(draw).eval()(x, condition), x


class ConditionalVariant(nn.Module):
    """Conditional batch normalization with one thing wrong."""

    def __init__(
        self,
        num_features: int,
        num_conditions: int | None = None,
        condition_features: int | None = None,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.eps, self.by_class = eps, num_conditions is not None
        rows = (num_conditions,) if num_conditions is not None else ()
        self.norm = nn.BatchNorm1d(num_features, eps, momentum, affine=False)
        self.weight = nn.Parameter(torch.ones(*rows, num_features))
        self.bias = nn.Parameter(torch.zeros(*rows, num_features))
        self.change = None if self.by_class else nn.Linear(condition_features or 0, 2 * num_features)
        if self.change is not None:
            nn.init.zeros_(self.change.weight)
            nn.init.zeros_(self.change.bias)
        self.prepare()

    def prepare(self) -> None:
        pass

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = (self.spread(t, x) for t in self.gain_and_bias(self.seen(condition)))
        return self.combined(self.normalized(x, condition), gain, bias)

    def spread(self, t: Tensor, x: Tensor) -> Tensor:
        return t.reshape(*t.shape, *[1] * (x.dim() - 2))

    def seen(self, condition: Tensor) -> Tensor:
        return condition

    def gain_and_bias(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        if self.change is None:
            return self.weight[condition], self.bias[condition]
        gain, bias = self.change(condition).chunk(2, dim=1)
        return self.weight + gain, self.bias + bias

    def normalized(self, x: Tensor, condition: Tensor) -> Tensor:
        return self.norm(x if x.dim() == 2 else x.flatten(2)).reshape(x.shape)

    def combined(self, x_hat: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        return gain * x_hat + bias


class GainAtZero(ConditionalVariant):
    def prepare(self) -> None:
        nn.init.zeros_(self.weight)


class StartsAnywhere(ConditionalVariant):
    def prepare(self) -> None:
        if self.change is not None:
            nn.init.constant_(self.change.weight, 0.1)


class Ignored(ConditionalVariant):
    def seen(self, condition: Tensor) -> Tensor:
        return torch.zeros_like(condition)


class FirstForAll(ConditionalVariant):
    def seen(self, condition: Tensor) -> Tensor:
        return condition[:1].expand(condition.shape) if len(condition) else condition


class ApartInTraining(ConditionalVariant):
    def normalized(self, x: Tensor, condition: Tensor) -> Tensor:
        y = super().normalized(x, condition)
        if not self.training:
            return y
        dims, parts = [0, *range(2, x.dim())], []
        for b in range(len(x)):
            mates = x[[k for k in range(len(x)) if torch.equal(condition[k], condition[b])]]
            centered = x[b : b + 1] - mates.mean(dims, keepdim=True)
            parts.append(centered / (mates.var(dims, unbiased=False, keepdim=True) + self.eps).sqrt())
        return torch.cat(parts)


class StatisticsOfTheFirstClass(ConditionalVariant):
    def normalized(self, x: Tensor, condition: Tensor) -> Tensor:
        y = super().normalized(x, condition)
        if self.training:  # one more update, by the mates of the first example alone
            mates = x[[k for k in range(len(x)) if torch.equal(condition[k], condition[0])]]
            super().normalized(torch.cat([mates, mates]), condition)
        return y


class ShiftsBeforeScaling(ConditionalVariant):
    def combined(self, x_hat: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        return gain * (x_hat + bias)


class BatchInEvaluation(ConditionalVariant):
    def normalized(self, x: Tensor, condition: Tensor) -> Tensor:
        dims = [0, *range(2, x.dim())]
        if len(x) == 0:
            return x
        return (x - x.mean(dims, keepdim=True)) / (
            x.var(dims, unbiased=False, keepdim=True) + self.eps
        ).sqrt()


class Cancels(ConditionalVariant):
    def normalized(self, x: Tensor, condition: Tensor) -> Tensor:
        if not self.training:
            return super().normalized(x, condition)
        super().normalized(x, condition)
        dims = [0, *range(2, x.dim())]
        mean = x.mean(dims, keepdim=True)
        return (x - mean) / (x.square().mean(dims, keepdim=True) - mean.square() + self.eps).sqrt()


class RefusesEmpty(ConditionalVariant):
    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x[0].numel()  # asks the first example for its size
        return super().forward(x, condition)


LAWS = (
    Law("by_the_paper", r"$$ y_{bc} = \gamma_{k_b c} \frac{x_{bc} - \mu_c}{\sqrt{\sigma^2_c + \epsilon}} + \beta_{k_b c} $$",
        equation, cases=by_class),
    Law("gradient", "Each class's gain and bias learn from its own examples; the input through shared statistics.",
        gradient, cases=by_class),
    Law("starts_as_batch_norm", "At the start, under every condition: plain batch normalization.",
        starts_as_batch_norm, cases=either),
    Law("one_running_statistic_for_all", "All conditions share the running statistics.",
        one_running_statistic_for_all, cases=either),
    Law("one_class_is_batch_norm", "With one class it is batch normalization.",
        one_class_is_batch_norm, cases=by_class),
    Law("each_condition_apart_in_evaluation", "In evaluation, each example comes out as if alone with its condition.",
        each_condition_apart_in_evaluation, cases=either),
    Law("gain_times_x_hat_and_bias", r"$$ y = (\gamma + \Delta\gamma(e))\, \hat x + \beta + \Delta\beta(e) $$",
        gain_times_x_hat_and_bias, {torch.float64: 1e-9, torch.float32: 1e-4}, cases=either),
    Law("conditions_differ", "Another embedding gives another output.", conditions_differ, EXACT, cases=by_embedding),
    Law("shift_at_a_large_mean", r"$$ y(x + 10^4) = y(x) $$", shift_at_a_large_mean, LARGE_MEAN, cases=either),
    Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT, cases=either),
)  # fmt: skip

TWINS = (
    Twin("gain_at_zero", GainAtZero, "your gains start at 0, and so does the output; they start at 1."),
    Twin("starts_anywhere", StartsAnywhere, "your predicted changes are not zero at the start."),
    Twin("ignored", Ignored, "the condition has no effect."),
    Twin("first_for_all", FirstForAll, "you take the first example's condition for the whole batch."),
    Twin("apart_in_training", ApartInTraining,
         "your statistics are of each class apart; they run over the whole batch."),
    Twin("statistics_of_the_first_class", StatisticsOfTheFirstClass,
         "your running statistics are updated once for a class; once for the whole batch is right."),
    Twin("shifts_before_scaling", ShiftsBeforeScaling, "your gain multiplies the bias as well."),
    Twin("batch_in_evaluation", BatchInEvaluation,
         "you normalize by the batch in evaluation; there the running statistics count."),
    Twin("cancellation", Cancels,
         "your variance is the difference of two large numbers, E[x^2] - E[x]^2: subtract the mean first."),
    Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
)  # fmt: skip


def suite(layer: type[nn.Module], *spaces: tuple[int, ...]) -> Suite:
    """Write the suite of one dimension."""

    def shapes(a: Arguments) -> Iterator[tuple[int, ...]]:
        for batch, space in enumerate(spaces, start=3):
            yield (batch, a["num_features"], *space)

    def size(a: Arguments) -> tuple[int, ...]:
        return (a["num_conditions"], a["num_features"]) if by_class(a) else (a["num_features"],)

    return Suite(
        technique="conditional_batch_norm",
        part=layer.__name__,
        subjects={layer.__name__: layer},
        interface=Interface(
            kind="module",
            arguments=("num_features", "num_conditions", "condition_features", "eps", "momentum"),
            inputs=("input", "condition"),
            parameters={"weight": size, "bias": size},
            defaults={"num_conditions": None, "condition_features": None, "eps": 1e-5, "momentum": 0.1},
            aliases={
                **NORM_ALIASES,
                "num_features": ("num_channels", "channels", "features", "C", "dim"),
                "num_conditions": ("num_classes", "n_classes", "classes"),
                "condition_features": ("condition_dim", "cond_dim", "embedding_dim"),
            },
        ),
        cases=(
            {
                "num_features": 1,
                "num_conditions": 2,
                "condition_features": None,
                "eps": 1e-5,
                "momentum": 0.1,
            },
            {"num_features": 3, "num_conditions": 3, "condition_features": None, "eps": 0.1, "momentum": 0.3},
            {
                "num_features": 2,
                "num_conditions": None,
                "condition_features": 4,
                "eps": 1e-3,
                "momentum": 0.1,
            },
        ),
        shapes=shapes,
        inputs=lambda draw: (draw.normal(), draw_condition(draw)),
        laws=LAWS,
        twins=TWINS,
    )


SUITES = (
    suite(ConditionalBatchNorm2d, (1, 1), (2, 2)),
    suite(ConditionalBatchNorm1d, (), (2,)),
    suite(ConditionalBatchNorm3d, (1, 1, 1), (2, 1, 2)),
    CONVERSION,
)
