"""Laws of virtual batch normalization, from section 3.4 of the paper and the moments in the authors' code."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from vademecum.nn.norm.virtual_batch_norm import VirtualBatchNorm

from ._norms import LARGE_MEAN, NORM_ALIASES, Norm
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._virtual_batch_net import NET, in_one_batch


def with_itself(a: Arguments) -> bool:
    return a["combine"] == "include_self"


def draw_reference(draw: Draw) -> Tensor:
    return draw.normal(4, *draw.shape[1:], mean=1.0, std=2.0, name="reference")


def moments(values: list[float]) -> tuple[float, float]:
    return sum(values) / len(values), sum(v * v for v in values) / len(values)


def by_the_paper(x: Tensor, reference: Tensor, weight: Tensor, bias: Tensor, *, a: Arguments) -> Tensor:
    """An example and a channel at a time: first and second moments, weighed n to 1."""
    y = torch.empty_like(x)
    n = len(reference)
    for b in range(x.shape[0]):
        for c in range(x.shape[1]):
            mean, second = moments(reference[:, c].flatten().tolist())
            if a["combine"] == "include_self":
                own_mean, own_second = moments(x[b, c].flatten().tolist())
                mean = (n * mean + own_mean) / (n + 1)
                second = (n * second + own_second) / (n + 1)
            y[b, c] = weight[c] * (x[b, c] - mean) / (second - mean**2 + a["eps"]) ** 0.5 + bias[c]
    return y


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x, reference = draw.normal(), draw_reference(draw)
    wide = [t.detach().double() for t in (x, reference, norm["weight"], norm["bias"])]
    yield norm(x, reference), by_the_paper(*wide, a=norm.arguments)


def batch_statistics_of_both(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x, reference = draw.normal(), draw_reference(draw)
    eps = norm.arguments["eps"]
    both = [
        F.batch_norm(torch.cat([reference, one[None]]), None, None, training=True, eps=eps)[-1:] for one in x
    ]
    yield norm(x, reference), torch.cat(both)


def a_large_reference_decides_alone(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x, reference = draw.normal(), draw_reference(draw)
    one, zero, alone = torch.ones(1), torch.zeros(1), {**norm.arguments, "combine": "reference_only"}
    want = in_one_batch(x, reference, one, zero, a=alone)
    yield norm(x, reference.repeat(10_000, *[1] * (x.dim() - 1))), want


def one_against_one(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x, reference = draw.normal(*draw.shape[:2]), draw.normal(1, draw.shape[1], name="reference")
    half = (x - reference) / 2
    yield norm(x, reference), half / (half.square() + norm.arguments["eps"]).sqrt()


def examples_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x, reference = draw.normal(), draw_reference(draw)
    yield norm(x, reference), torch.cat([norm(one[None], reference) for one in x])


def evaluation_is_training(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x, reference = draw.normal(), draw_reference(draw)
    trained = norm.train()(x, reference)
    yield norm.eval()(x, reference), trained


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x, reference = draw.normal().requires_grad_(), draw_reference(draw).requires_grad_()
    upstream = draw.normal(name="upstream")
    given = [x, reference, norm["weight"], norm["bias"]]
    got = torch.autograd.grad((norm(x, reference) * upstream).sum(), given)
    leaves = [t.detach().double().requires_grad_() for t in given]
    y = in_one_batch(*leaves, a=norm.arguments)
    yield from zip(got, torch.autograd.grad((y * upstream.double()).sum(), leaves), strict=True)


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x, reference = draw.normal() + 1e4, draw_reference(draw) + 1e4
    yield norm(x, reference), norm(x - 1e4, reference - 1e4)


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
    yield build(draw)(x, draw_reference(draw)), x


class VirtualVariant(Norm):
    """Virtual batch normalization with one thing wrong."""

    def __init__(self, num_features: int, eps: float = 1e-5, combine: str = "include_self") -> None:
        super().__init__(num_features, eps)
        self.combine = combine

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        space = range(2, x.dim())
        n = self.count(reference)
        mean, variance = self.moments(reference, (0, *space))
        if self.combine == "include_self" and self.includes():
            own_mean, own_variance = self.moments(x, self.own(x)) if self.own(x) else (x, torch.zeros_like(x))
            mean, variance = self.combined(n, mean, variance, own_mean, own_variance)
        return self.affine(self.scaled(x - mean, variance))

    def count(self, reference: Tensor) -> int:
        return len(reference)

    def includes(self) -> bool:
        return True

    def own(self, x: Tensor) -> tuple[int, ...]:
        return tuple(range(2, x.dim()))

    def moments(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean = x.mean(dims, keepdim=True)
        return mean, (x - mean).square().mean(dims, keepdim=True)

    def combined(self, n: int, mean: Tensor, variance: Tensor, m: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        between = n * (m - mean).square() / (n + 1) ** 2
        return (n * mean + m) / (n + 1), (n * variance + v) / (n + 1) + between

    def scaled(self, centered: Tensor, variance: Tensor) -> Tensor:
        return centered / (variance + self.eps).sqrt()


class ReferenceOnly(VirtualVariant):
    def includes(self) -> bool:
        return False


class OnlyWhenTrained(VirtualVariant):
    def includes(self) -> bool:
        return self.training


class HalfAndHalf(VirtualVariant):
    def count(self, reference: Tensor) -> int:
        return 1


class CountsPositions(VirtualVariant):
    def count(self, reference: Tensor) -> int:
        return reference.numel() // reference.shape[1]


class WholeBatch(VirtualVariant):
    def own(self, x: Tensor) -> tuple[int, ...]:
        return (0, *range(2, x.dim())) if len(x) else ()


class ForgetsBetween(VirtualVariant):
    def combined(self, n: int, mean: Tensor, variance: Tensor, m: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return (n * mean + m) / (n + 1), (n * variance + v) / (n + 1)


class ConstantReference(VirtualVariant):
    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        return super().forward(x, reference.detach())


class UnbiasedVariance(VirtualVariant):
    def moments(self, x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        mean, variance = super().moments(x, dims)
        m = x.numel() // x.shape[1]
        return mean, variance * m / (m - 1) if dims[0] == 0 else variance


class EpsOutsideRoot(VirtualVariant):
    def scaled(self, centered: Tensor, variance: Tensor) -> Tensor:
        return centered / (variance.sqrt() + self.eps)


class Cancels(VirtualVariant):
    def combined(self, n: int, mean: Tensor, variance: Tensor, m: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        both = (n * mean + m) / (n + 1)
        second = (n * (variance + mean.square()) + v + m.square()) / (n + 1)
        return both, second - both.square()


class RefusesEmpty(VirtualVariant):
    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        x[0].numel()  # asks the first example for its size
        return super().forward(x, reference)


TWINS = (
    Twin("reference_only", ReferenceOnly, "you leave the example out of the statistics; it counts as one more."),
    Twin("only_when_trained", OnlyWhenTrained, "you leave the example out in evaluation; there is one way for both."),
    Twin("half_and_half", HalfAndHalf, "you weigh example and reference alike; the reference counts n times."),
    Twin("counts_positions", CountsPositions,
         "you weigh the reference by its pixels and the example as one; both have that many pixels an example."),
    Twin("whole_batch", WholeBatch, "you add the whole batch to the reference; only the example itself belongs."),
    Twin("forgets_between", ForgetsBetween,
         "you average the variances, but the distance between example and reference adds to them."),
    Twin("constant_reference", ConstantReference, "your reference gives no gradient; its statistics are functions too."),
    Twin("unbiased_variance", UnbiasedVariance, "your reference variance is the unbiased one (divides by n - 1)."),
    Twin("eps_outside_root", EpsOutsideRoot,
         "your epsilon is added to the standard deviation; it belongs under the root."),
    Twin("cancellation", Cancels,
         "your variance is the difference of two large numbers, E[x^2] - E[x]^2: combine centered parts."),
    Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
)  # fmt: skip

LAYER = Suite(
    technique="virtual_batch_norm",
    part="VirtualBatchNorm",
    subjects={"VirtualBatchNorm": VirtualBatchNorm},
    interface=Interface(
        kind="module",
        arguments=("num_features", "eps", "combine"),
        inputs=("input", "reference"),
        parameters={name: lambda a: (a["num_features"],) for name in ("weight", "bias")},
        defaults={"eps": 1e-5, "combine": "include_self"},
        aliases={**NORM_ALIASES, "num_features": ("num_channels", "channels", "features", "C", "dim")},
    ),
    cases=(
        {"num_features": 1, "eps": 1e-5, "combine": "include_self"},
        {"num_features": 3, "eps": 0.1, "combine": "include_self"},
        {"num_features": 2, "eps": 1e-3, "combine": "reference_only"},
    ),
    shapes=lambda a: ((2, a["num_features"]), (3, a["num_features"], 2, 2)),
    inputs=lambda draw: (draw.normal(), draw_reference(draw)),
    laws=(
        Law("by_the_paper", r"$$ \mu = \frac{n \mu_r + \bar x}{n + 1}, \quad q = \frac{n q_r + \overline{x^2}}{n + 1}, "
            r"\quad y = \gamma \frac{x - \mu}{\sqrt{q - \mu^2 + \epsilon}} + \beta $$", equation),
        Law("batch_statistics_of_both", "An example comes out as in one batch with the reference.",
            batch_statistics_of_both, cases=with_itself),
        Law("one_against_one", r"$$ y = d / \sqrt{d^2 + \epsilon}, \quad d = (x - r) / 2 $$ for one reference example.",
            one_against_one, cases=with_itself),
        Law("a_large_reference_decides_alone", r"$$ n \to \infty: \quad \mu = \mu_r, \quad \sigma^2 = \sigma^2_r $$",
            a_large_reference_decides_alone, {torch.float64: 1e-3}),
        Law("examples_do_not_mix", "An example's output does not depend on its batch mates.", examples_do_not_mix),
        Law("evaluation_is_training", "The same in evaluation as in training.", evaluation_is_training, EXACT),
        Law("gradient", "The gradient flows through the statistics, into the reference too.", gradient),
        Law("shift_at_a_large_mean", r"$$ y(x + 10^4, r + 10^4) = y(x, r) $$", shift_at_a_large_mean, LARGE_MEAN),
        Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
    ),
    twins=TWINS,
)  # fmt: skip

SUITES = (LAYER, NET)
