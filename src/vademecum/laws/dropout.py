"""Laws of dropout in both forms: the mask, the sum over all masked nets, linear regression, and how the two forms are one."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.dropout.dropout import PlainDropout, fold_plain_dropout

from ._dropouts import (
    P_ALIASES,
    SAMPLED,
    Masked,
    by_pattern,
    drawn_anew,
    empty_batch,
    gradient_is_the_factor,
    input_is_untouched,
    mask_laws,
    mask_twins,
    neighbors_are_independent,
    share_dropped,
    with_shape,
)
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def nothing(a: Arguments) -> tuple[int, ...]:
    return ()


def mean_of_all_nets(build: Build, draw: Draw) -> Iterator[Pair]:
    dropout, x, w = build(draw), draw.normal(3, mean=2.0), draw.normal(2, 3, name="w")
    nets = by_pattern(dropout.train(), x, draw.arguments["p"])
    yield sum(chance * (w @ y) for chance, y in nets), w @ dropout.eval()(x)


def geometric_mean_of_all_nets(build: Build, draw: Draw) -> Iterator[Pair]:
    dropout, x = build(draw, p=0.5), draw.normal(3, mean=2.0)
    w, b = draw.normal(4, 3, name="w"), draw.normal(4, name="b")
    nets = by_pattern(dropout.train(), x, 0.5)
    product = torch.ones(4, dtype=draw.dtype)
    for _, y in nets:
        product = product * (w @ y + b).softmax(0) ** (1 / len(nets))
    yield product / product.sum(), (w @ dropout.eval()(x) + b).softmax(0)


def linear_regression(build: Build, draw: Draw) -> Iterator[Pair]:
    """Section 9.1: the expected square is that of the mean net and a ridge penalty, with the squares of each input."""
    dropout, p = build(draw), draw.arguments["p"]
    X, w, t = draw.normal(2, 3, mean=2.0), draw.normal(3, name="w"), draw.normal(2, name="t")
    expected = torch.zeros((), dtype=draw.dtype)
    for x, target in zip(X, t, strict=True):
        for chance, y in by_pattern(dropout.train(), x, p):
            expected = expected + chance * (target - y @ w) ** 2
    mean = dropout.eval()(X)
    scale = (mean / X)[0, 0]  # 1 - p of the plain form, 1 of the inverted
    ridge = p / (1 - p) * scale**2 * sum(w[i] ** 2 * (X[:, i] ** 2).sum() for i in range(3))
    yield expected, (t - mean @ w).square().sum() + ridge


ENSEMBLE = (
    Law("mean_of_all_nets", r"$$ \sum_m P(m)\, W y_m = W y_{\text{evaluation}} $$", mean_of_all_nets),
    Law("geometric_mean_of_all_nets", r"With p = 1/2 $$ \textstyle\prod_m \text{softmax}(W y_m + b)^{2^{-K}} \propto \text{softmax}(W y_{\text{evaluation}} + b) $$", geometric_mean_of_all_nets),
    Law("linear_regression", r"$$ E\|t - (m \odot X) w\|^2 = \|t - (1 - p) X w\|^2 + p (1 - p) \sum_i w_i^2 \sum_n X_{ni}^2 $$", linear_regression),
)  # fmt: skip


# ------------------------------------------------------------------------------------------ the plain form


def evaluation_scales(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw).eval()(x), (1 - draw.arguments["p"]) * x


def training_masks(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(mean=3.0)
    y = build(draw).train()(x)
    yield y, torch.where(y == 0, 0.0, x)


def plain_is_inverted(build: Build, draw: Draw) -> Iterator[Pair]:
    """A plain net with weights W is an inverted net with weights (1 - p) W, under the same mask and in evaluation."""
    plain, p = build(draw), draw.arguments["p"]
    x, w = draw.normal(mean=3.0), draw.normal(draw.shape[-1], 2, name="w")
    y = plain.train()(x)
    inverted = (y != 0) * x / (1 - p)
    yield y @ w, inverted @ ((1 - p) * w)
    yield plain.eval()(x) @ w, x @ ((1 - p) * w)


class Plain(Masked):
    """The plain form, in parts that the twins replace."""

    def scale(self) -> float:
        return 1.0

    def evaluate(self, x: Tensor) -> Tensor:
        return (1 - self.p) * x


class NeverScaled(Plain):
    def evaluate(self, x: Tensor) -> Tensor:
        return x


class ScalesByP(Plain):
    def evaluate(self, x: Tensor) -> Tensor:
        return self.p * x


class ScaledTwice(Plain):
    def scale(self) -> float:
        return 1 / (1 - self.p)


class PlainKeeps(Plain):
    def kept(self, x: Tensor) -> Tensor:
        return (torch.rand_like(x) < self.p).to(x.dtype)


class PlainOnce(Plain):
    def kept(self, x: Tensor) -> Tensor:
        numbers = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
        return (numbers >= self.p).to(x.dtype)


class PlainRows(Plain):
    shared = staticmethod(lambda a: (0,))


class PlainGradient(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return x + (super().forward(x) - x).detach()


class PlainEmpty(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (len(x) / len(x))


class PlainInPlace(Plain):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if not x.requires_grad:
            x.copy_(y)
        return y


# ------------------------------------------------------------------------------------------ folding


def plain_net(draw: Draw) -> nn.Sequential:
    p = draw.arguments["p"]
    maps = nn.Sequential(
        nn.Conv2d(1, 4, 2), PlainDropout(p), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(4, 4, 1), nn.LeakyReLU(),
        PlainDropout(p), nn.Flatten(), PlainDropout(p / 2), nn.Linear(16, 3), nn.Tanh(),
    )  # fmt: skip
    model = maps.to(draw.dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(draw.normal(*parameter.shape, name=name))
    return model


def images(draw: Draw) -> Tensor:
    return draw.normal(draw.shape[0], 1, 5, 5)


def same_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = plain_net(draw), images(draw)
    yield build(draw)(model).eval()(x), model.eval()(x)


def same_in_training(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = plain_net(draw).train(), images(draw)
    new = build(draw)(model)
    outputs = []
    for net in (new, model):
        torch.manual_seed(3)
        outputs.append(net(x))
    yield outputs[0], outputs[1]


def model_is_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    model = plain_net(draw)
    before = deepcopy(model)
    build(draw)(model)
    yield from zip(model.parameters(), before.parameters(), strict=True)


def folding(
    factor: Callable[[float], float] = lambda p: 1 - p, *, bias: bool = False, new: Callable[[float], nn.Module] = nn.Dropout,
    copy: bool = True,
) -> Callable[[nn.Sequential], nn.Sequential]:  # fmt: skip
    """Fold the net above, with something wrong."""

    def fold(model: nn.Sequential) -> nn.Sequential:
        model = deepcopy(model) if copy else model
        scale = 1.0
        for i, part in enumerate(model):
            if isinstance(part, PlainDropout):
                scale *= factor(part.p)
                model[i] = new(part.p)
            elif isinstance(part, nn.Linear | nn.Conv2d):
                with torch.no_grad():
                    part.weight.mul_(scale)
                    if bias:
                        part.bias.mul_(scale)
                scale = 1.0
        return model

    return fold


SHAPES = ((3,), (2, 5), (2, 3, 4))

SUITES = (
    Suite(
        technique="dropout",
        part="Dropout",
        subjects={"Dropout": nn.Dropout, "functional.dropout": F.dropout},
        interface=Interface(kind="module", arguments=("p",), defaults={"p": 0.5}, aliases=P_ALIASES),
        cases=({"p": 0.5}, {"p": 0.2}),
        shapes=lambda a: SHAPES,
        laws=(*mask_laws(nothing), *ENSEMBLE),
        twins=mask_twins(nothing, wrong=lambda a: (0,), says="one mask serves your whole batch; each value has its own."),
    ),
    Suite(
        technique="dropout",
        part="PlainDropout",
        subjects={"PlainDropout": PlainDropout},
        interface=Interface(kind="module", arguments=("p",), defaults={"p": 0.5}, aliases=P_ALIASES),
        cases=({"p": 0.5}, {"p": 0.2}),
        shapes=lambda a: SHAPES,
        laws=(
            Law("evaluation_scales", r"$$ y = (1 - p) x $$ in evaluation.", evaluation_scales),
            Law("training_masks", r"$$ y \in \{0,\ x\} $$ in training.", training_masks, EXACT),
            Law("plain_is_inverted", r"$$ W (m \odot x) = (1 - p) W \, \frac{m \odot x}{1 - p}, \qquad W (1 - p) x = (1 - p) W \, x $$", plain_is_inverted),
            Law("gradient_is_the_factor", r"$$ \partial y / \partial x = m $$", gradient_is_the_factor),
            Law("share_dropped", r"$$ P(m = 0) = p $$", with_shape(share_dropped, nothing), SAMPLED),
            Law("drawn_anew", "Each pass draws anew.", with_shape(drawn_anew, nothing), SAMPLED),
            Law("neighbors_are_independent", r"$$ P(m_i = m_j = 0) = p^2 $$", with_shape(neighbors_are_independent, nothing), SAMPLED),
            Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
            Law("input_is_untouched", "The input is not overwritten.", input_is_untouched, EXACT),
            *ENSEMBLE,
        ),
        twins=(
            Twin("never_scaled", NeverScaled, "you scale neither in training nor in evaluation: the next layer sees more than it was trained on."),
            Twin("scales_by_p", ScalesByP, "you scale by the probability of dropping; scale by that of keeping."),
            Twin("scaled_twice", ScaledTwice, "you scale in training and in evaluation."),
            Twin("keeps_with_p", PlainKeeps, "your p is the probability of keeping; here it is that of dropping."),
            Twin("drawn_once", PlainOnce, "you use the same mask in every pass."),
            Twin("one_mask", PlainRows, "one mask serves your whole batch; each value has its own."),
            Twin("gradient_one", PlainGradient, "the gradient does not pass through your mask."),
            Twin("refuses_empty", PlainEmpty, "your layer fails on an empty batch."),
            Twin("in_place", PlainInPlace, "you overwrite your input."),
        ),
    ),
    Suite(
        technique="dropout",
        part="fold_plain_dropout",
        subjects={"fold_plain_dropout": fold_plain_dropout},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({"p": 0.5}, {"p": 0.2}),
        shapes=lambda a: ((2,), (5,)),
        laws=(
            Law("same_in_evaluation", "The copy computes what the net with plain dropout computes in evaluation.", same_in_evaluation),
            Law("same_in_training", "And in training, under the same masks.", same_in_training),
            Law("model_is_untouched", "The model is left as it is.", model_is_untouched, EXACT),
        ),
        twins=(
            Twin("forgets_weights", folding(lambda p: 1.0), "you replace the layer and leave the weights as they were."),
            Twin("divides", folding(lambda p: 1 / (1 - p)), "you divide by 1 - p: inverted dropout gives more than plain dropout, so the weights shrink."),
            Twin("scales_biases", folding(bias=True), "you scale the biases: they do not pass through the dropout."),
            Twin("no_dropout", folding(new=lambda p: nn.Identity()), "your copy does not drop in training."),
            Twin("in_place", folding(copy=False), "you change the model that was given."),
        ),
    ),
)  # fmt: skip
