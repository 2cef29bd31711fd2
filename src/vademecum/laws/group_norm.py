"""Laws of group normalization, from Eq. 7 and 8 of the paper."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._norms import LARGE_MEAN, NORM_ALIASES, Norm, normalize
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_paper(x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Eq. 7 and 8 in loops: the set S_i of pixels with the same example and floor(c / (C/G))."""
    y = torch.empty_like(x)
    channels = x.shape[1]
    for b in range(x.shape[0]):
        for g in range(groups):
            members = [c for c in range(channels) if c // (channels // groups) == g]
            values = [v for c in members for v in x[b, c].flatten().tolist()]
            mean = sum(values) / len(values)
            variance = sum((v - mean) ** 2 for v in values) / len(values)
            for c in members:
                y[b, c] = weight[c] * (x[b, c] - mean) / (variance + eps) ** 0.5 + bias[c]
    return y


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x = draw.normal(mean=0.5)
    a = norm.arguments
    yield (
        norm(x),
        by_the_paper(x.double(), a["num_groups"], norm["weight"].double(), norm["bias"].double(), a["eps"]),
    )


def one_group_is_layer_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw, num_groups=1)
    x = draw.normal()
    yield norm(x), F.layer_norm(x, x.shape[1:], eps=norm.arguments["eps"])


def a_group_a_channel_is_instance_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw, num_groups=draw.arguments["num_channels"])
    x = draw.normal(*draw.shape, 3)  # one value more than a channel holds alone
    yield norm(x), F.instance_norm(x, eps=norm.arguments["eps"])


def examples_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x = draw.normal()
    yield norm(x), torch.cat([norm(one[None]) for one in x])


def evaluation_is_training(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x = draw.normal(mean=2.0)
    trained = norm.train()(x)
    yield norm.eval()(x), trained


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x = draw.normal()
    yield norm(x + 1e4), norm((x + 1e4) - 1e4)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x = draw.normal().requires_grad_()
    upstream = draw.normal(name="upstream")
    a = norm.arguments
    got = torch.autograd.grad((norm(x) * upstream).sum(), [x, norm["weight"], norm["bias"]])
    leaves = [t.detach().double().requires_grad_() for t in (x, norm["weight"], norm["bias"])]
    reference = normalize(leaves[0], a["num_groups"], leaves[1], leaves[2], a["eps"])
    want = torch.autograd.grad((reference * upstream.double()).sum(), leaves)
    yield from zip(got, want, strict=True)


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
    yield build(draw)(x), x


class GroupVariant(Norm):
    """Group normalization with one thing wrong."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5) -> None:
        super().__init__(num_channels, eps)
        self.num_groups = num_groups

    def groups(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], self.num_groups, -1)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.groups(x)
        return self.affine(self.scaled(rows - rows.mean(-1, keepdim=True), rows).reshape(x.shape))

    def scaled(self, centered: Tensor, rows: Tensor) -> Tensor:
        return centered / (rows.var(-1, unbiased=False, keepdim=True) + self.eps).sqrt()


class UnbiasedVariance(GroupVariant):
    def scaled(self, centered: Tensor, rows: Tensor) -> Tensor:
        return centered / (rows.var(-1, unbiased=rows.shape[-1] > 1, keepdim=True) + self.eps).sqrt()


class EpsOutsideRoot(GroupVariant):
    def scaled(self, centered: Tensor, rows: Tensor) -> Tensor:
        return centered / (rows.var(-1, unbiased=False, keepdim=True).sqrt() + self.eps)


class Cancels(GroupVariant):
    def scaled(self, centered: Tensor, rows: Tensor) -> Tensor:
        variance = rows.square().mean(-1, keepdim=True) - rows.mean(-1, keepdim=True).square()
        return centered / (variance + self.eps).sqrt()


class Interleaved(GroupVariant):
    def forward(self, x: Tensor) -> Tensor:
        order = torch.arange(x.shape[1]).reshape(-1, self.num_groups).T.flatten()
        mixed = without_affine(x[:, order], self.num_groups, self.eps)
        return self.affine(mixed[:, order.argsort()])


def without_affine(x: Tensor, groups: int, eps: float) -> Tensor:
    ones, zeros = x.new_ones(x.shape[1]), x.new_zeros(x.shape[1])
    return normalize(x, groups, ones, zeros, eps)


class OverTheBatch(GroupVariant):
    def forward(self, x: Tensor) -> Tensor:
        rows = self.groups(x).transpose(0, 1)
        flat = rows.reshape(self.num_groups, -1)
        if flat.numel() == 0:
            return x
        y = (flat - flat.mean(-1, keepdim=True)) / (
            flat.var(-1, unbiased=False, keepdim=True) + self.eps
        ).sqrt()
        return self.affine(y.reshape(rows.shape).transpose(0, 1).reshape(x.shape))


class ConstantStatistics(GroupVariant):
    def forward(self, x: Tensor) -> Tensor:
        rows = self.groups(x)
        mean, variance = (
            rows.mean(-1, keepdim=True).detach(),
            rows.var(-1, unbiased=False, keepdim=True).detach(),
        )
        return self.affine(((rows - mean) / (variance + self.eps).sqrt()).reshape(x.shape))


class NothingInEvaluation(GroupVariant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if self.training else self.affine(x)


class RefusesEmpty(GroupVariant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(len(x), -1).reshape(x.shape))


class ForgetsGroups(GroupVariant):
    def groups(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], 1, -1)


SUITES = (
    Suite(
        technique="group_norm",
        part="GroupNorm",
        subjects={"GroupNorm": nn.GroupNorm, "functional.group_norm": F.group_norm},
        interface=Interface(
            kind="module",
            arguments=("num_groups", "num_channels", "eps"),
            parameters={"weight": lambda a: (a["num_channels"],), "bias": lambda a: (a["num_channels"],)},
            defaults={"eps": 1e-5},
            aliases={**NORM_ALIASES, "num_groups": ("groups", "G", "n_groups"), "num_channels": ("channels", "num_features", "C", "dim")},
        ),
        cases=(
            {"num_groups": 1, "num_channels": 2, "eps": 1e-5},
            {"num_groups": 2, "num_channels": 4, "eps": 1e-5},
            {"num_groups": 3, "num_channels": 6, "eps": 0.1},
        ),
        shapes=lambda a: ((2, a["num_channels"], 2), (3, a["num_channels"], 3, 2)),
        laws=(
            Law("by_the_paper", r"$$ y_{bc} = \gamma_c (x_{bc} - \mu_{bg}) / \sqrt{\sigma^2_{bg} + \epsilon} + \beta_c $$", equation),
            Law("gradient", "The gradients flow through mean and variance.", gradient),
            Law("one_group_is_layer_norm", "With G = 1 it is layer normalization over channels and space.", one_group_is_layer_norm),
            Law("a_group_a_channel_is_instance_norm", "With G = C it is instance normalization.", a_group_a_channel_is_instance_norm),
            Law("examples_do_not_mix", "An example's output does not depend on its batch mates.", examples_do_not_mix),
            Law("evaluation_is_training", "The same in evaluation as in training.", evaluation_is_training, EXACT),
            Law("shift_at_a_large_mean", r"$$ y(x + 10^4) = y(x) $$", shift_at_a_large_mean, LARGE_MEAN),
            Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
        ),
        twins=(
            Twin("unbiased_variance", UnbiasedVariance, "your variance is the unbiased one (divides by n - 1); the paper's is biased."),
            Twin("eps_outside_root", EpsOutsideRoot, "your epsilon is added to the standard deviation; it belongs under the root."),
            Twin("cancellation", Cancels, "your variance is the difference of two large numbers, E[x^2] - E[x]^2: subtract the mean first."),
            Twin("interleaved_groups", Interleaved, "your groups take every G-th channel; a group is C/G channels that stand together."),
            Twin("over_the_batch", OverTheBatch, "your statistics run over the batch as well; each example has its own."),
            Twin("constant_statistics", ConstantStatistics, "your mean and variance are cut off from the gradient."),
            Twin("nothing_in_evaluation", NothingInEvaluation, "your layer does not normalize in evaluation; there are no running statistics here."),
            Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
            Twin("forgets_groups", ForgetsGroups, "your statistics run over all channels; each group has its own."),
        ),
    ),
)  # fmt: skip
