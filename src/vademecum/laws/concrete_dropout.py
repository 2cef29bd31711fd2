"""Laws of concrete dropout, from the distribution of the relaxed mask and the entropy of Eq. 4."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.concrete_dropout import ConcreteDropout

from ._concrete_dropout_layer import LAYER, REGULARIZERS, entropy
from ._dropouts import COUNT, SAMPLED, empty_batch, evaluation_is_the_identity, input_is_untouched
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def masks(build: Build, draw: Draw) -> Tensor:
    """Find the mask z from the output for ones, which is (1 - z) / (1 - p)."""
    a = draw.arguments
    space = (2,) if a["spatial"] else ()
    x = torch.ones(COUNT // a["num_features"], a["num_features"], *space, dtype=draw.dtype)
    return (1 - build(draw).train()(x) * (1 - a["p"])).detach()


def distribution(build: Build, draw: Draw) -> Iterator[Pair]:
    """P(z <= c) = P(log u/(1-u) <= t log c/(1-c) - log p/(1-p)), and a logistic number is below y with sigmoid(y)."""
    z, a = masks(build, draw), draw.arguments
    for c in (0.02, 0.5, 0.98):
        y = a["temperature"] * math.log(c / (1 - c)) - math.log(a["p"] / (1 - a["p"]))
        yield (z <= c).double().mean(), torch.tensor(1 / (1 + math.exp(-y)), dtype=torch.float64)


def a_half_is_passed_with_p(build: Build, draw: Draw) -> Iterator[Pair]:
    yield (masks(build, draw) > 0.5).double().mean(), torch.tensor(draw.arguments["p"], dtype=torch.float64)


def each_its_own(build: Build, draw: Draw) -> Iterator[Pair]:
    z, p = masks(build, draw), draw.arguments["p"]
    drops = z > 0.5
    want = torch.tensor(p * p, dtype=torch.float64)
    yield (drops & drops.roll(1, 0)).double().mean(), want
    yield (drops & drops.roll(1, 1)).double().mean(), want
    yield (drops & (masks(build, draw) > 0.5)).double().mean(), want
    if draw.arguments["spatial"]:
        yield z, z[..., :1].expand(z.shape)


def gradient_of_the_logit(build: Build, draw: Draw) -> Iterator[Pair]:
    """dz/dlogit = z (1 - z) / t, and 1 / (1 - p) has the derivative p / (1 - p)."""
    layer, p, t = build(draw).train(), draw.arguments["p"], draw.arguments["temperature"]
    x = draw.normal(*draw.shape, mean=3.0)
    y = layer(x)
    z = 1 - y.detach() * (1 - p) / x
    want = x * (-z * (1 - z) / t + (1 - z) * p) / (1 - p)
    upstream = draw.normal(*draw.shape, name="upstream")
    yield torch.autograd.grad((y * upstream).sum(), layer["p_logit"])[0], (want * upstream).sum()


def penalty(build: Build, draw: Draw) -> Iterator[Pair]:
    a, module = draw.arguments, build(draw).object
    want = -a["dropout_regularizer"] * a["num_features"] * entropy(a["p"])
    got = module.penalty()
    yield got, torch.tensor(want, dtype=torch.float64)
    slope = (
        a["dropout_regularizer"] * a["num_features"] * math.log(a["p"] / (1 - a["p"])) * a["p"] * (1 - a["p"])
    )
    yield torch.autograd.grad(got, module.p_logit)[0], torch.tensor(slope, dtype=torch.float64)


def far_logits(build: Build, draw: Draw) -> Iterator[Pair]:
    for logit in (-200.0, 200.0):
        layer = build(draw).train()
        with torch.no_grad():
            layer["p_logit"].fill_(logit)
        x = draw.normal()
        zero = torch.zeros((), dtype=draw.dtype)
        yield layer(x) * 0, x * 0
        yield layer.object.penalty(), zero


class Variant(nn.Module):
    """Concrete dropout, in parts that the twins replace."""

    def __init__(
        self,
        num_features: int,
        p: float = 0.1,
        temperature: float = 0.1,
        spatial: bool = False,
        dropout_regularizer: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_features, self.temperature, self.spatial = num_features, temperature, spatial
        self.dropout_regularizer = dropout_regularizer
        self.p_logit = nn.Parameter(torch.tensor(p, dtype=torch.float64).logit())

    def noise(self, x: Tensor) -> Tensor:
        ones = x[(..., *[slice(0, 1)] * (x.dim() - 2))] if self.spatial else x
        return torch.rand_like(ones).logit()

    def logit(self) -> Tensor:
        return self.p_logit

    def mask(self, x: Tensor) -> Tensor:
        return ((self.logit() + self.noise(x)) / self.temperature).sigmoid()

    def scale(self) -> Tensor:
        return 1 / (-self.p_logit).sigmoid()

    def evaluate(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 - self.mask(x)) * self.scale() if self.training else self.evaluate(x)

    def negative_entropy(self) -> Tensor:
        a = self.p_logit
        return a.sigmoid() * nn.functional.logsigmoid(a) + (-a).sigmoid() * nn.functional.logsigmoid(-a)

    def penalty(self) -> Tensor:
        return self.dropout_regularizer * self.num_features * self.negative_entropy()


class Multiplies(Variant):
    def mask(self, x: Tensor) -> Tensor:
        return ((self.logit() + self.noise(x)) * self.temperature).sigmoid()


class Keeps(Variant):
    def mask(self, x: Tensor) -> Tensor:
        return 1 - super().mask(x)


class HalfNoise(Variant):
    def noise(self, x: Tensor) -> Tensor:
        return torch.rand_like(super().noise(x)).log()


class OneForAll(Variant):
    def noise(self, x: Tensor) -> Tensor:
        return super().noise(x)[:1].expand_as(super().noise(x))


class EachPixel(Variant):
    def noise(self, x: Tensor) -> Tensor:
        return torch.rand_like(x).logit()


class Unscaled(Variant):
    def scale(self) -> Tensor:
        return torch.ones_like(self.p_logit)


class CutScale(Variant):
    def scale(self) -> Tensor:
        return super().scale().detach()


class CutMask(Variant):
    def logit(self) -> Tensor:
        return self.p_logit.detach()


class AlwaysOn(Variant):
    def evaluate(self, x: Tensor) -> Tensor:
        return x * (1 - self.mask(x)) * self.scale()


class Logarithms(Variant):
    def negative_entropy(self) -> Tensor:
        p = self.p_logit.sigmoid()
        return p * p.log() + (1 - p) * (1 - p).log()


class PositiveEntropy(Variant):
    def negative_entropy(self) -> Tensor:
        return -super().negative_entropy()


class ForgetsWidth(Variant):
    def penalty(self) -> Tensor:
        return self.dropout_regularizer * self.negative_entropy()


class RefusesEmpty(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (len(x) / len(x))


class InPlace(Variant):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        x.copy_(y.detach())
        return y


def shapes(a: Arguments) -> tuple[tuple[int, ...], ...]:
    return ((2, a["num_features"], 3), (3, a["num_features"], 2, 2)) if a["spatial"] else ((2, a["num_features"]), (2, 3, a["num_features"]))  # fmt: skip


SUITES = (
    Suite(
        technique="concrete_dropout",
        part="ConcreteDropout",
        subjects={"ConcreteDropout": ConcreteDropout},
        interface=Interface(
            kind="module",
            arguments=("num_features", "p", "temperature", "spatial", "dropout_regularizer"),
            parameters={"p_logit": lambda a: ()},
            aliases={"p": ("p_init", "init"), "p_logit": ("logit",), "temperature": ("t", "temp")},
        ),
        cases=(
            {"num_features": 2, "p": 0.3, "temperature": 0.1, "spatial": False, "dropout_regularizer": 0.5},
            {"num_features": 4, "p": 0.1, "temperature": 0.5, "spatial": True, "dropout_regularizer": 0.1},
        ),
        shapes=shapes,
        laws=(
            Law("distribution", r"$$ P(\tilde z \le c) = \text{sigmoid}(t \log \tfrac{c}{1 - c} - \log \tfrac{p}{1 - p}) $$", distribution, SAMPLED),
            Law("a_half_is_passed_with_p", r"$$ P(\tilde z > 1/2) = p $$ at every temperature.", a_half_is_passed_with_p, SAMPLED),
            Law("each_its_own", "Examples, features and passes have their own masks; the places of a map have one.", each_its_own, SAMPLED),
            Law("gradient_of_the_logit", r"$$ \frac{\partial y}{\partial \text{logit}} = \frac{x}{1 - p} \left( -\frac{\tilde z (1 - \tilde z)}{t} + (1 - \tilde z) p \right) $$", gradient_of_the_logit, {torch.float64: 1e-5}),
            Law("penalty", r"$$ K (p \log p + (1 - p) \log(1 - p)), \qquad \text{slope } K \log\tfrac{p}{1 - p}\, p (1 - p) $$", penalty, {torch.float64: 1e-6}),
            Law("far_logits", "Where p is next to 0 or 1 all is finite.", far_logits),
            Law("evaluation_is_the_identity", r"$$ y = x $$ in evaluation.", evaluation_is_the_identity, EXACT),
            Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
            Law("input_is_untouched", "The input is not overwritten.", input_is_untouched, EXACT),
        ),
        twins=(
            Twin("multiplies_by_temperature", Multiplies, "you multiply by the temperature; divide by it."),
            Twin("keeps_with_p", Keeps, "your p is the probability of keeping; here it is that of dropping."),
            Twin("half_of_the_noise", HalfNoise, "your noise is log u; it is log u - log(1 - u)."),
            Twin("one_for_all", OneForAll, "one mask serves your whole batch."),
            Twin("each_pixel", EachPixel, "you drop single places of a map; in the spatial form a map has one mask."),
            Twin("unscaled", Unscaled, "what is kept is not divided by 1 - p."),
            Twin("scale_without_gradient", CutScale, "the gradient does not pass through 1 / (1 - p)."),
            Twin("mask_without_gradient", CutMask, "the gradient does not pass through the mask: p is not learned from the data."),
            Twin("always_on", AlwaysOn, "you drop in evaluation too."),
            Twin("logarithms_of_p", Logarithms, "your entropy is not a number where p is rounded to 0 or 1: use the logit."),
            Twin("positive_entropy", PositiveEntropy, "your entropy has the wrong sign: it is to be high, so it is subtracted from the loss."),
            Twin("forgets_width", ForgetsWidth, "your entropy counts one input; there are K."),
            Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
            Twin("in_place", InPlace, "you overwrite your input."),
        ),
    ),
    LAYER,
    REGULARIZERS,
)  # fmt: skip
