"""Laws of Shake-Shake: what the forward pass mixes, how the backward pass shares out, and what is kept between them."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.shake_shake import ShakeShake, shake_shake

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

COUNT = 20_000
SAMPLED = {torch.float64: 0.0177}
"""Five standard errors of a share of one half among 20,000; those of the other means here are smaller."""


def alphas(build: Build, draw: Draw, **changed: object) -> tuple[Tensor, Tensor]:
    """Alpha and beta of each of many examples: branches of 1 and 0 show alpha, the gradient of the first shows beta."""
    x1 = torch.ones(COUNT, 2, dtype=draw.dtype).requires_grad_()
    x2 = torch.zeros(COUNT, 2, dtype=draw.dtype).requires_grad_()
    y = build(draw, **changed)(x1, x2)
    beta, rest = torch.autograd.grad(y.sum(), [x1, x2])
    assert torch.allclose(beta + rest, torch.ones_like(beta), atol=1e-6)
    return y.detach(), beta


def forward_mixes(build: Build, draw: Draw) -> Iterator[Pair]:
    """Mix by alpha x1 + (1 - alpha) x2 with one alpha for all numbers of an example."""
    x1, x2 = draw.normal(), draw.normal(mean=5.0)
    y = build(draw)(x1, x2)
    for one, first, second in zip(y, x1, x2, strict=True):
        alpha = ((one - second) / (first - second)).flatten()[0]
        yield one, alpha * first + (1 - alpha) * second


def one_number_an_example(build: Build, draw: Draw) -> Iterator[Pair]:
    for numbers in alphas(build, draw):
        yield numbers, numbers[:, :1].expand(numbers.shape)


def alpha_is_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    alpha = alphas(build, draw)[0][:, 0]
    zero = torch.zeros((), dtype=draw.dtype)
    if draw.arguments["forward"] == "even":
        yield alpha, torch.full_like(alpha, 0.5)
    elif draw.arguments["level"] == "batch":
        yield alpha, alpha[:1].expand(alpha.shape)
        shake = build(draw)
        draws = torch.stack([shake(torch.ones(1, 1), torch.zeros(1, 1))[0, 0] for _ in range(400)])
        yield ((draws.mean() - 0.5).abs() - 0.073).clamp(min=0), zero.float()  # 5 * 0.29 / sqrt(400)
    else:
        yield alpha.mean(), zero + 0.5
        for bound in (0.25, 0.5, 0.75):
            yield (alpha < bound).double().mean(), zero + bound
        centered = alpha - 0.5
        yield (centered * centered.roll(1, 0)).mean(), zero


def mean_and_variance(build: Build, draw: Draw) -> Iterator[Pair]:
    """E = (F1 + F2) / 2 and Var = (F1 - F2)^2 / 12 over the draws of one example."""
    f1, f2 = draw.uniform(1, name="f1"), draw.uniform(1, low=1.0, high=2.0, name="f2")
    y = build(draw)(f1.expand(COUNT, 1), f2.expand(COUNT, 1))
    yield y.mean(), ((f1 + f2) / 2)[0]
    yield y.var(), ((f1 - f2).square() / 12)[0]


def gradients_share_out(build: Build, draw: Draw) -> Iterator[Pair]:
    x1, x2 = draw.normal().requires_grad_(), draw.normal().requires_grad_()
    upstream = draw.normal(name="upstream")
    g1, g2 = torch.autograd.grad(build(draw)(x1, x2), [x1, x2], upstream)
    yield g1 + g2, upstream
    for one, up in zip(g1, upstream, strict=True):
        beta = (one / up).flatten()[0]
        yield one, beta * up


def beta_by_its_form(build: Build, draw: Draw) -> Iterator[Pair]:
    alpha, beta = (numbers[:, 0] for numbers in alphas(build, draw))
    zero = torch.zeros((), dtype=draw.dtype)
    form, level = draw.arguments["backward"], draw.arguments["level"]
    if form == "even":
        yield beta, torch.full_like(beta, 0.5)
    elif form == "keep":
        yield beta, alpha
    elif level == "image":
        yield beta.mean(), zero + 0.5
        yield (beta < 0.25).double().mean(), zero + 0.25
        yield ((alpha - 0.5) * (beta - 0.5)).mean(), zero
        yield ((beta - 0.5) * (beta - 0.5).roll(1, 0)).mean(), zero
    else:
        yield beta, beta[:1].expand(beta.shape)
        yield ((alpha[0] - beta[0]).abs() < 1e-4).double(), zero  # another draw


def evaluation_is_even(build: Build, draw: Draw) -> Iterator[Pair]:
    x1, x2 = draw.normal().requires_grad_(), draw.normal().requires_grad_()
    y = build(draw, training=False)(x1, x2)
    yield y, (x1 + x2) / 2
    for grad in torch.autograd.grad(y.sum(), [x1, x2]):
        yield grad, torch.full_like(grad, 0.5)


def nothing_is_kept(build: Build, draw: Draw) -> Iterator[Pair]:
    """Between the passes at most one number for each example is stored."""
    kept: list[Tensor] = []
    x1, x2 = draw.normal().requires_grad_(), draw.normal().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        build(draw)(x1, x2)
    over = max(0, sum(t.numel() for t in kept) - len(x1))
    yield torch.tensor(over), torch.tensor(0)


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
    yield build(draw)(x, x), x


def inputs_are_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    x1, x2 = draw.normal(), draw.normal()
    before = x1.clone(), x2.clone()
    build(draw)(x1, x2)
    yield x1, before[0]
    yield x2, before[1]


Numbers = Callable[[Tensor, str, str, str], tuple[Tensor, Tensor]]


def right(x: Tensor, forward: str, backward: str, level: str) -> tuple[Tensor, Tensor]:
    shape = [len(x) if level == "image" else 1, *[1] * (x.dim() - 1)]
    alpha, other, even = torch.rand(shape), torch.rand(shape), torch.full(shape, 0.5)
    alpha = alpha if forward == "shake" else even
    return alpha, {"shake": other, "even": even, "keep": alpha}[backward]


def mixing(
    numbers: Numbers = right,
    *,
    stores: bool = False,
    swaps: bool = False,
    evaluates: Callable[[Tensor, Tensor], Tensor] = lambda a, b: (a + b) / 2,
    both: Callable[[Tensor], Tensor] = lambda alpha: 1 - alpha,
    in_place: bool = False,
    fails: bool = False,
) -> Callable[..., Tensor]:
    """Shake, with something wrong."""

    class Mix(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x1, x2, alpha, beta):
            ctx.save_for_backward(beta, *((x1, x2) if stores else ()))
            return alpha * x1 + both(alpha) * x2

        @staticmethod
        def backward(ctx, g):
            beta = ctx.saved_tensors[0]
            return ((1 - beta) * g, beta * g, None, None) if swaps else (beta * g, (1 - beta) * g, None, None)

    def shake(
        x1: Tensor, x2: Tensor, *, forward: str = "shake", backward: str = "shake", level: str = "image",
        training: bool = True,
    ) -> Tensor:  # fmt: skip
        if fails:
            x1 = x1 * (len(x1) / len(x1))
        if not training:
            return evaluates(x1, x2)
        alpha, beta = (n.to(x1.dtype) for n in numbers(x1, forward, backward, level))
        y = Mix.apply(x1, x2, alpha, beta)
        if in_place and not x1.requires_grad:
            x1.copy_(y)
        return y

    return shake


def keeps_alpha(x: Tensor, forward: str, backward: str, level: str) -> tuple[Tensor, Tensor]:
    return right(x, forward, "keep" if backward == "shake" else backward, level)


def ignores_keep(x: Tensor, forward: str, backward: str, level: str) -> tuple[Tensor, Tensor]:
    return right(x, forward, "shake", level)


def always_batch(x: Tensor, forward: str, backward: str, level: str) -> tuple[Tensor, Tensor]:
    return right(x, forward, backward, "batch")


def always_image(x: Tensor, forward: str, backward: str, level: str) -> tuple[Tensor, Tensor]:
    return right(x, forward, backward, "image")


def each_number(x: Tensor, forward: str, backward: str, level: str) -> tuple[Tensor, Tensor]:
    return (torch.rand_like(x), torch.rand_like(x)) if x.numel() else right(x, forward, backward, level)


def coin(x: Tensor, forward: str, backward: str, level: str) -> tuple[Tensor, Tensor]:
    alpha, beta = right(x, forward, backward, level)
    return (alpha.round(), beta.round()) if forward == "shake" else (alpha, beta)


# ------------------------------------------------------------------------------------------ the module


class Branches(ShakeShake):
    """Two linear branches, from plain numbers."""

    def __init__(self, features: int, forward: str, backward: str, level: str) -> None:
        super().__init__(
            nn.Linear(features, features), nn.Linear(features, features), forward=forward, backward=backward, level=level
        )  # fmt: skip


def module_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    mix, x = build(draw).eval(), draw.normal()
    yield mix(x), (mix.object.first(x) + mix.object.second(x)) / 2


def module_in_training(build: Build, draw: Draw) -> Iterator[Pair]:
    mix, x = build(draw).train(), draw.normal()
    first, second = mix.object.first(x), mix.object.second(x)
    y = mix(x)
    alpha = ((y - second) / (first - second)).mean(1, keepdim=True)
    yield y, alpha * first + (1 - alpha) * second
    even = draw.arguments["forward"] == "even"
    yield ((alpha - 0.5).abs().max() < 1e-4).double(), torch.tensor(float(even), dtype=torch.float64)


class ModuleAlwaysEven(Branches):
    def forward(self, x: Tensor) -> Tensor:
        return (self.first(x) + self.second(x)) / 2


class ModuleAlwaysShakes(Branches):
    def forward(self, x: Tensor) -> Tensor:
        return shake_shake(self.first(x), self.second(x))


class ModuleSums(Branches):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


FORMS = (("shake", "shake", "image"), ("shake", "keep", "image"), ("shake", "even", "batch"), ("even", "shake", "image"), ("even", "even", "image"), ("shake", "shake", "batch"))  # fmt: skip

SUITES = (
    Suite(
        technique="shake_shake",
        part="shake_shake",
        subjects={"shake_shake": shake_shake},
        interface=Interface(
            kind="function",
            inputs=("x1", "x2"),
            arguments=("forward", "backward", "level", "training"),
            defaults={"training": True},
        ),
        cases=tuple(
            {"forward": forward, "backward": backward, "level": level, "training": True}
            for forward, backward, level in FORMS
        ),
        shapes=lambda a: ((2, 3), (3, 2, 2, 2)),
        laws=(
            Law("forward_mixes", r"$$ y = \alpha F_1 + (1 - \alpha) F_2 $$", forward_mixes, {torch.float64: 1e-9}),
            Law("one_number_an_example", "All numbers of an example have one alpha and one beta.", one_number_an_example, EXACT),
            Law("alpha_is_uniform", r"$$ \alpha \sim U(0, 1) $$ for each image or for the batch; 1/2 for even.", alpha_is_uniform, SAMPLED),
            Law("mean_and_variance", r"$$ E[y] = \tfrac12 (F_1 + F_2), \quad \mathrm{Var}[y] = \tfrac{1}{12} (F_1 - F_2)^2 $$", mean_and_variance, {torch.float64: 0.025}, cases=lambda a: a["forward"] == "shake" and a["level"] == "image"),
            Law("gradients_share_out", r"$$ \nabla_{F_1} L = \beta \nabla_y L, \quad \nabla_{F_2} L = (1 - \beta) \nabla_y L $$", gradients_share_out, {torch.float64: 1e-9}),
            Law("beta_by_its_form", "Beta is drawn apart from alpha, or is alpha, or is 1/2.", beta_by_its_form, SAMPLED),
            Law("evaluation_is_even", r"$$ y = \tfrac12 (F_1 + F_2) $$ in evaluation.", evaluation_is_even),
            Law("nothing_is_kept", "For the backward pass at most a number for each example is stored, and no activation.", nothing_is_kept, EXACT),
            Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
            Law("inputs_are_untouched", "The branches' outputs are not overwritten.", inputs_are_untouched, EXACT),
        ),
        twins=(
            Twin("keeps_alpha", mixing(keeps_alpha), "your beta is alpha: that is the form shake-keep."),
            Twin("ignores_the_backward_form", mixing(ignores_keep), "you draw beta whatever the form says."),
            Twin("one_for_the_batch", mixing(always_batch), "one draw serves your whole batch; at the level of images each has its own."),
            Twin("one_for_each_image", mixing(always_image), "each image has its own draw; at the level of the batch there is one."),
            Twin("each_number", mixing(each_number), "you draw for each number; an example has one alpha."),
            Twin("coin", mixing(coin), "your alpha is 0 or 1; it is uniform."),
            Twin("swaps", mixing(swaps=True), "your backward pass gives each branch the other's share."),
            Twin("sums_in_evaluation", mixing(evaluates=lambda a, b: a + b), "in evaluation you add the branches; their mean is wanted."),
            Twin("second_is_whole", mixing(both=torch.ones_like), "your second branch is not weighed by 1 - alpha."),
            Twin("stores_activations", mixing(stores=True), "you store the branches' outputs for the backward pass, which needs beta alone."),
            Twin("refuses_empty", mixing(fails=True), "your function fails on an empty batch."),
            Twin("in_place", mixing(in_place=True), "you overwrite the output of a branch."),
        ),
    ),
    Suite(
        technique="shake_shake",
        part="ShakeShake",
        subjects={"ShakeShake": Branches},
        interface=Interface(kind="module", arguments=("features", "forward", "backward", "level")),
        cases=tuple(
            {"features": 3, "forward": forward, "backward": backward, "level": level}
            for forward, backward, level in FORMS[:4]
        ),
        shapes=lambda a: ((2, a["features"]), (4, a["features"])),
        laws=(
            Law("module_in_evaluation", r"$$ y = \tfrac12 (F_1(x) + F_2(x)) $$ in evaluation.", module_in_evaluation),
            Law("module_in_training", r"$$ y = \alpha F_1(x) + (1 - \alpha) F_2(x) $$ in training, in the form that was asked for.", module_in_training, {torch.float64: 1e-8}),
        ),
        twins=(
            Twin("always_even", ModuleAlwaysEven, "your module does not shake in training."),
            Twin("always_shakes", ModuleAlwaysShakes, "your module shakes in evaluation too."),
            Twin("sums", ModuleSums, "your module adds the branches; it mixes them."),
        ),
    ),
)  # fmt: skip
