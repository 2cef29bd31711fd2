"""Laws of adaptive instance normalization, from Eq. 5, 6 and 8 of its paper."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.nn.norm.instance_norm import adaptive_instance_norm

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin


def moments(x: Tensor, t: int, i: int) -> tuple[float, float]:
    """Mean and biased variance of image t and channel i, over space."""
    values = x[t, i].flatten().tolist()
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / len(values)


def adaptive_by_the_paper(content: Tensor, style: Tensor, eps: float) -> Tensor:
    """Huang and Belongie, Eq. 5, 6 and 8, in loops."""
    y = torch.empty_like(content)
    for t in range(content.shape[0]):
        for i in range(content.shape[1]):
            (mean, variance), (style_mean, style_variance) = moments(content, t, i), moments(style, t, i)
            y[t, i] = (style_variance + eps) ** 0.5 * (content[t, i] - mean) / (
                variance + eps
            ) ** 0.5 + style_mean
    return y


def pair(draw: Draw) -> tuple[Tensor, Tensor]:
    """Contents, and styles of another size, mean and spread."""
    return draw.normal(name="content"), draw.normal(*draw.shape[:2], 2, 3, mean=3.0, std=2.0, name="style")


def adaptive_equation(build: Build, draw: Draw) -> Iterator[Pair]:
    adain = build(draw)
    content, style = pair(draw)
    yield (
        adain(content, style),
        adaptive_by_the_paper(content.double(), style.double(), adain.arguments["eps"]),
    )


def has_the_style(build: Build, draw: Draw) -> Iterator[Pair]:
    adain = build(draw)
    content, style = pair(draw)
    y = adain(1e6 * content, 1e6 * style) / 1e6  # so large that no epsilon matters
    yield from zip(
        torch.std_mean(y, (2, 3), correction=0), torch.std_mean(style, (2, 3), correction=0), strict=True
    )


def own_style_is_identity(build: Build, draw: Draw) -> Iterator[Pair]:
    content, _ = pair(draw)
    yield build(draw)(content, content), content


def one_style_for_all(build: Build, draw: Draw) -> Iterator[Pair]:
    adain = build(draw)
    content, style = pair(draw)
    yield adain(content, style[:1]), adain(content, style[:1].expand(len(content), -1, -1, -1))


def adaptive_gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    adain = build(draw)
    leaves = [t.requires_grad_() for t in pair(draw)]
    got = torch.autograd.grad(adain(*leaves).pow(3).sum(), leaves)
    content, style = (t.detach().double().requires_grad_() for t in leaves)
    eps, rows, style_rows = adain.arguments["eps"], content.flatten(2), style.flatten(2)
    centered, style_centered = (
        rows - rows.mean(2, keepdim=True),
        style_rows - style_rows.mean(2, keepdim=True),
    )
    ratio = (style_centered.square().mean(2, keepdim=True) + eps) / (
        centered.square().mean(2, keepdim=True) + eps
    )
    want = (centered * ratio.sqrt() + style_rows.mean(2, keepdim=True)).pow(3).sum()
    scale = got[0].abs().max().clamp_min(1.0).double()
    for a, b in zip(got, torch.autograd.grad(want, [content, style]), strict=True):
        yield a / scale, b / scale


def spread(x: Tensor, eps: float, correction: int = 0) -> Tensor:
    return (x.var((2, 3), correction=correction, keepdim=True) + eps).sqrt()


def center(x: Tensor) -> Tensor:
    return x.mean((2, 3), keepdim=True)


def unbiased(content: Tensor, style: Tensor, eps: float) -> Tensor:
    return spread(style, eps, 1) * (content - center(content)) / spread(content, eps, 1) + center(style)


def no_eps_for_the_style(content: Tensor, style: Tensor, eps: float) -> Tensor:
    return spread(style, 0.0) * (content - center(content)) / spread(content, eps) + center(style)


def variance_for_deviation(content: Tensor, style: Tensor, eps: float) -> Tensor:
    return spread(style, eps) ** 2 * (content - center(content)) / spread(content, eps) + center(style)


def no_shift(content: Tensor, style: Tensor, eps: float) -> Tensor:
    return spread(style, eps) * (content - center(content)) / spread(content, eps)


def constant_style(content: Tensor, style: Tensor, eps: float) -> Tensor:
    return adaptive_instance_norm(content, style.detach() + 0 * style, eps=eps)


def keeps_content(content: Tensor, style: Tensor, eps: float) -> Tensor:
    return spread(style, eps) * content / spread(content, eps) + center(style)


def mean_style(content: Tensor, style: Tensor, eps: float) -> Tensor:
    std, mean = spread(style, eps).mean(0, keepdim=True), center(style).mean(0, keepdim=True)
    return std * (content - center(content)) / spread(content, eps) + mean


def demands_equal_batches(content: Tensor, style: Tensor, eps: float) -> Tensor:
    if len(content) != len(style):
        raise ValueError("batches differ")
    return adaptive_instance_norm(content, style, eps=eps)


ADAPTIVE = Suite(
    technique="instance_norm",
    part="adaptive_instance_norm",
    subjects={"adaptive_instance_norm": adaptive_instance_norm},
    interface=Interface(
        kind="function",
        arguments=("eps",),
        inputs=("content", "style"),
        defaults={"eps": 1e-5},
        aliases={"eps": ("epsilon",), "content": ("x", "content_feat"), "style": ("y", "style_feat")},
    ),
    cases=({"eps": 1e-5}, {"eps": 0.1}),
    shapes=lambda a: ((2, 1, 1, 3), (2, 3, 4, 2)),
    laws=(
        Law("by_the_paper", r"$$ \sigma(y) (x - \mu(x)) / \sigma(x) + \mu(y) $$", adaptive_equation),
        Law("has_the_style", "The output has the style's means and standard deviations.", has_the_style, {torch.float64: 1e-9}),
        Law("own_style_is_identity", "An image in its own style is unchanged.", own_style_is_identity),
        Law("one_style_for_all", "One style serves a whole batch.", one_style_for_all),
        Law("gradient", "The gradients flow through the statistics of both.", adaptive_gradient),
    ),
    twins=(
        Twin("unbiased", unbiased, "your standard deviations are the unbiased ones (n - 1); the paper's are biased."),
        Twin("no_eps_for_the_style", no_eps_for_the_style, "your style's variance has no epsilon, so that an image's own style changes it."),
        Twin("variance_for_deviation", variance_for_deviation, "your content is scaled by the style's variance; take its root."),
        Twin("no_shift", no_shift, "your output does not have the style's mean."),
        Twin("keeps_content", keeps_content, "your content keeps its mean; subtract it first."),
        Twin("constant_style", constant_style, "your style's statistics are cut off from the gradient."),
        Twin("mean_style", mean_style, "your styles are averaged over the batch; each image has its own."),
        Twin("demands_equal_batches", demands_equal_batches, "your function cannot give one style to a whole batch."),
    ),
)  # fmt: skip
