"""Laws of instance normalization and of its conditional and adaptive forms, from the papers' equations."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.norm.instance_norm import ConditionalInstanceNorm2d

from ._adaptive_instance_norm import ADAPTIVE, moments
from ._norms import LARGE_MEAN, NORM_ALIASES, Norm, normalize
from ._suite import EXACT, IDENTITY, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_paper(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Ulyanov et al. in loops; weight and bias are (B, C), those of each image's style."""
    y = torch.empty_like(x)
    for t in range(x.shape[0]):
        for i in range(x.shape[1]):
            mean, variance = moments(x, t, i)
            y[t, i] = weight[t, i] * (x[t, i] - mean) / (variance + eps) ** 0.5 + bias[t, i]
    return y


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x = draw.normal(mean=0.5)
    same = [norm[name].double().expand(len(x), -1) for name in ("weight", "bias")]
    yield norm(x), by_the_paper(x.double(), same[0], same[1], norm.arguments["eps"])


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x, upstream = draw.normal().requires_grad_(), draw.normal(name="upstream")
    got = torch.autograd.grad((norm(x) * upstream).sum(), [x, norm["weight"], norm["bias"]])
    leaves = [t.detach().double().requires_grad_() for t in (x, norm["weight"], norm["bias"])]
    want = normalize(leaves[0], x.shape[1], leaves[1], leaves[2], norm.arguments["eps"])
    yield from zip(got, torch.autograd.grad((want * upstream.double()).sum(), leaves), strict=True)


def group_norm_of_channels(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x = draw.normal()
    yield norm(x), F.group_norm(x, x.shape[1], eps=norm.arguments["eps"])


def contrast(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x = draw.normal()
    sizes = (*x.shape[:2], *[1] * (x.dim() - 2))
    yield norm(1e6 * x), norm(1e6 * x * draw.uniform(*sizes, low=1.0, high=9.0, name="contrast"))


def images_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x = draw.normal()
    yield norm(x), torch.cat([norm(one[None]) for one in x])


def shift_at_a_large_mean(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw)
    x = draw.normal()
    yield norm(x + 1e4), norm((x + 1e4) - 1e4)


def evaluation_is_training(build: Build, draw: Draw) -> Iterator[Pair]:
    norm = build(draw).fill(draw, "weight", "bias")
    x = draw.normal(mean=2.0)
    trained = norm.train()(x)
    yield norm.eval()(x), trained


class InstanceVariant(Norm):
    """Instance normalization with one thing wrong."""

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__(num_features, eps)

    def rows(self, x: Tensor) -> Tensor:
        return x.flatten(2)

    def scale(self, rows: Tensor) -> Tensor:
        return (rows.var(-1, correction=0, keepdim=True) + self.eps).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        rows = self.rows(x)
        return self.affine(((rows - rows.mean(-1, keepdim=True)) / self.scale(rows)).reshape(x.shape))


class UnbiasedVariance(InstanceVariant):
    def scale(self, rows: Tensor) -> Tensor:
        return (rows.var(-1, correction=1, keepdim=True) + self.eps).sqrt()


class EpsOutsideRoot(InstanceVariant):
    def scale(self, rows: Tensor) -> Tensor:
        return rows.var(-1, correction=0, keepdim=True).sqrt() + self.eps


class Cancels(InstanceVariant):
    def scale(self, rows: Tensor) -> Tensor:
        return (rows.square().mean(-1, keepdim=True) - rows.mean(-1, keepdim=True).square() + self.eps).sqrt()


class ConstantScale(InstanceVariant):
    def scale(self, rows: Tensor) -> Tensor:
        return super().scale(rows).detach()


class AllChannels(InstanceVariant):
    def rows(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class OverTheBatch(InstanceVariant):
    def forward(self, x: Tensor) -> Tensor:
        return (
            super()
            .forward(x.transpose(0, 1).flatten(1)[None])
            .reshape(x.shape[1], x.shape[0], *x.shape[2:])
            .transpose(0, 1)
        )

    def affine(self, y: Tensor) -> Tensor:
        return y * self.weight[:, None] + self.bias[:, None]


class TracksStatistics(InstanceVariant):
    mean: Tensor
    variance: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__(num_features, eps)
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("variance", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        y = F.instance_norm(
            x, self.mean.clone(), self.variance.clone(), use_input_stats=self.training, eps=self.eps
        )
        return self.affine(y)


def plain(part: str, layer: type[nn.Module], space: int) -> Suite:
    """The suite of one of torch's layers, for maps of one, two or three dimensions."""
    return Suite(
        technique="instance_norm",
        part=part,
        subjects={part: layer, "functional.instance_norm": F.instance_norm},
        interface=Interface(
            kind="module",
            arguments=("num_features", "eps", "affine"),
            parameters={"weight": lambda a: (a["num_features"],), "bias": lambda a: (a["num_features"],)},
            defaults={"eps": 1e-5, "affine": True},
            aliases={**NORM_ALIASES, "num_features": ("num_channels", "channels", "C", "dim")},
        ),
        cases=({"num_features": 2, "eps": 1e-5, "affine": True}, {"num_features": 3, "eps": 0.1, "affine": True}),
        shapes=lambda a: ((2, a["num_features"], 3, *[1] * (space - 1)), (3, a["num_features"], 4, *[2] * (space - 1))),
        laws=(
            Law("by_the_paper", r"$$ y_{tijk} = \gamma_i (x_{tijk} - \mu_{ti}) / \sqrt{\sigma^2_{ti} + \epsilon} + \beta_i $$", equation, {**IDENTITY, torch.bfloat16: 5e-2}),
            Law("gradient", "The gradients flow through mean and variance.", gradient),
            Law("group_norm_of_channels", "It is group normalization with a group for each channel.", group_norm_of_channels),
            Law("contrast", "The contrast of each channel of each image does not matter.", contrast, {torch.float64: 1e-9}),
            Law("images_do_not_mix", "An image's output does not depend on its batch mates.", images_do_not_mix),
            Law("shift_at_a_large_mean", r"$$ y(x + 10^4) = y(x) $$", shift_at_a_large_mean, LARGE_MEAN),
            Law("evaluation_is_training", "The same in evaluation as in training.", evaluation_is_training, EXACT),
        ),
        twins=(
            Twin("unbiased_variance", UnbiasedVariance, "your variance is the unbiased one (divides by n - 1); the paper's is biased."),
            Twin("eps_outside_root", EpsOutsideRoot, "your epsilon is added to the standard deviation; it belongs under the root."),
            Twin("cancellation", Cancels, "your variance is the difference of two large numbers, E[x^2] - E[x]^2: subtract the mean first."),
            Twin("constant_scale", ConstantScale, "your standard deviation is cut off from the gradient."),
            Twin("all_channels", AllChannels, "your statistics run over all channels; each has its own."),
            Twin("over_the_batch", OverTheBatch, "your statistics run over the batch; each image has its own."),
            Twin("tracks_statistics", TracksStatistics, "your layer uses running statistics in evaluation (track_running_stats); leave them off."),
        ),
    )  # fmt: skip


def styled(build: Build, draw: Draw):
    """A conditional layer with filled parameters, images, and a style for each."""
    norm = build(draw).fill(draw, "weight", "bias")
    return (
        norm,
        draw.normal(mean=0.5),
        draw.integers(draw.shape[0], high=draw.arguments["num_styles"], name="style"),
    )


def conditional_equation(build: Build, draw: Draw) -> Iterator[Pair]:
    norm, x, style = styled(build, draw)
    rows = [torch.stack([norm[name].double()[s] for s in style.tolist()]) for name in ("weight", "bias")]
    yield norm(x, style), by_the_paper(x.double(), rows[0], rows[1], norm.arguments["eps"])


def one_hot_is_index(build: Build, draw: Draw) -> Iterator[Pair]:
    norm, x, style = styled(build, draw)
    yield norm(x, F.one_hot(style, draw.arguments["num_styles"]).to(x.dtype)), norm(x, style)


def blending_is_linear(build: Build, draw: Draw) -> Iterator[Pair]:
    norm, x, _ = styled(build, draw)
    shares = draw.uniform(len(x), draw.arguments["num_styles"], name="shares")
    pure = [norm(x, torch.full((len(x),), s)) for s in range(draw.arguments["num_styles"])]
    yield norm(x, shares), sum(shares[:, s, None, None, None] * one for s, one in enumerate(pure))


def only_its_style_learns(build: Build, draw: Draw) -> Iterator[Pair]:
    norm, x, _ = styled(build, draw)
    last = draw.arguments["num_styles"] - 1
    upstream = draw.normal(name="upstream")
    got = torch.autograd.grad(
        (norm(x, torch.full((len(x),), last)) * upstream).sum(), [norm["weight"], norm["bias"]]
    )
    standardized = F.instance_norm(x, eps=norm.arguments["eps"])
    for gradient, factor in zip(got, (standardized, torch.ones_like(x)), strict=True):
        want = torch.zeros_like(gradient)
        want[last] = (upstream * factor).sum((0, 2, 3))
        yield gradient, want


def each_image_its_style(build: Build, draw: Draw) -> Iterator[Pair]:
    norm, x, style = styled(build, draw)
    alone = [norm(x[t : t + 1], style[t : t + 1]) for t in range(len(x))]
    yield norm(x, style), torch.cat(alone)


def conditional_empty(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
    yield build(draw)(x, torch.zeros(0, dtype=torch.int64)), x


class ConditionalVariant(nn.Module):
    """Conditional instance normalization with one thing wrong."""

    def __init__(self, num_features: int, num_styles: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_styles, num_features))
        self.bias = nn.Parameter(torch.zeros(num_styles, num_features))

    def shares(self, style: Tensor) -> Tensor:
        return (
            style if style.is_floating_point() else F.one_hot(style, len(self.weight)).to(self.weight.dtype)
        )

    def standardized(self, x: Tensor) -> Tensor:
        return F.instance_norm(x, eps=self.eps)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        shares = self.shares(style)
        return (
            self.standardized(x) * (shares @ self.weight)[..., None, None]
            + (shares @ self.bias)[..., None, None]
        )


class BatchStatistics(ConditionalVariant):
    def standardized(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, training=True, eps=self.eps) if len(x) else x


class FirstStyle(ConditionalVariant):
    def shares(self, style: Tensor) -> Tensor:
        return super().shares(style)[:1].expand(len(style), -1)


class StrongestStyle(ConditionalVariant):
    def shares(self, style: Tensor) -> Tensor:
        return super().shares(style.argmax(1) if style.is_floating_point() else style)


class Softmax(ConditionalVariant):
    def shares(self, style: Tensor) -> Tensor:
        return style.softmax(1) if style.is_floating_point() else super().shares(style)


class OnePlus(ConditionalVariant):
    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return super().forward(x, style) + self.standardized(x)


class AllStylesLearn(ConditionalVariant):
    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        leak = self.bias.sum() + self.weight.sum()
        return super().forward(x, style) + (leak - leak.detach())


class RefusesEmpty(ConditionalVariant):
    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return super().forward(x.reshape(len(x), -1).reshape(x.shape), style)


def conditional_shapes(a: Arguments) -> tuple[tuple[int, ...], ...]:
    return ((2, a["num_features"], 1, 3), (4, a["num_features"], 3, 2))


SUITES = (
    plain("InstanceNorm2d", nn.InstanceNorm2d, 2),
    plain("InstanceNorm1d", nn.InstanceNorm1d, 1),
    plain("InstanceNorm3d", nn.InstanceNorm3d, 3),
    Suite(
        technique="instance_norm",
        part="ConditionalInstanceNorm2d",
        subjects={"ConditionalInstanceNorm2d": ConditionalInstanceNorm2d},
        interface=Interface(
            kind="module",
            arguments=("num_features", "num_styles", "eps"),
            inputs=("input", "style"),
            parameters={name: lambda a: (a["num_styles"], a["num_features"]) for name in ("weight", "bias")},
            defaults={"eps": 1e-5},
            aliases={**NORM_ALIASES, "num_features": ("num_channels", "channels", "C"), "num_styles": ("n_styles", "num_classes", "S")},
        ),
        cases=({"num_features": 2, "num_styles": 2, "eps": 1e-5}, {"num_features": 3, "num_styles": 4, "eps": 0.1}),
        shapes=conditional_shapes,
        laws=(
            Law("by_the_paper", r"$$ z = \gamma_s (x - \mu) / \sigma + \beta_s $$", conditional_equation, {**IDENTITY, torch.bfloat16: 5e-2}),
            Law("one_hot_is_index", "Blending weights of 0 and 1 are the style itself.", one_hot_is_index),
            Law("blending_is_linear", "A blend of styles is the same blend of the outputs.", blending_is_linear),
            Law("only_its_style_learns", "The gradient reaches the rows of the styles in use, and no other.", only_its_style_learns),
            Law("each_image_its_style", "An image's output does not depend on its batch mates or their styles.", each_image_its_style),
            Law("empty_batch", "An empty batch gives an empty batch.", conditional_empty, EXACT),
        ),
        twins=(
            Twin("batch_statistics", BatchStatistics, "your statistics run over the batch; that is conditional batch normalization."),
            Twin("strongest_style", StrongestStyle, "your layer takes the strongest style in place of a blend."),
            Twin("first_style", FirstStyle, "your whole batch gets the first image's style."),
            Twin("softmax", Softmax, "your blending weights go through a softmax; they are meant as they are."),
            Twin("one_plus", OnePlus, "your gain is 1 + weight; here the weight is the gain and starts at 1."),
            Twin("all_styles_learn", AllStylesLearn, "your gradient reaches styles that are not in the batch."),
            Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
        ),
        inputs=lambda draw: (draw.normal(), draw.integers(draw.shape[0], high=draw.arguments["num_styles"], name="style")),
    ),
    ADAPTIVE,
)  # fmt: skip
