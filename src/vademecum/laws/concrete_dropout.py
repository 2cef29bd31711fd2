"""Laws of concrete dropout, from the distribution of the relaxed mask and the divergence of Eq. 3 and 4."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.concrete_dropout import (
    ConcreteDropout,
    ConcreteDropoutLayer,
    concrete_regularizers,
)

from ._dropouts import COUNT, SAMPLED, empty_batch, evaluation_is_the_identity, input_is_untouched
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


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


# ------------------------------------------------------------------------------------------ the layer


class Linear(ConcreteDropoutLayer):
    """The layer's form, from plain numbers."""

    def __init__(
        self, in_features: int, out_features: int, num_examples: int, length_scale: float, p: float
    ) -> None:
        weight, entropy = concrete_regularizers(num_examples, length_scale=length_scale)
        super().__init__(
            nn.Linear(in_features, out_features), weight_regularizer=weight, dropout_regularizer=entropy, p=p
        )


def divergence(build: Build, draw: Draw) -> Iterator[Pair]:
    """Eq. 3 and 4 over N, with the paper's M: the layer holds W = (1 - p) M."""
    a, module = draw.arguments, build(draw).object
    p, l = a["p"], a["length_scale"]  # noqa: E741 - the paper's letter
    M = module.layer.weight.double() / (1 - p)
    squares = sum(m * m for m in M.flatten().tolist())
    want = (l**2 * (1 - p) / 2 * squares - a["in_features"] * entropy(p)) / a["num_examples"]
    yield module.penalty(), torch.tensor(want, dtype=torch.float64)


def evaluation_is_the_layer(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, x = build(draw).eval(), draw.normal()
    inner = layer.object.layer
    yield layer(x), x @ inner.weight.T + inner.bias


def drops_inputs(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = build(draw).train()
    inner = layer.object.layer
    y = layer(torch.zeros(3, draw.arguments["in_features"], dtype=draw.dtype))
    yield y, inner.bias.expand(3, -1)


class LinearVariant(Linear):
    """With something wrong in the penalty."""

    def __init__(
        self, in_features: int, out_features: int, num_examples: int, length_scale: float, p: float
    ) -> None:
        super().__init__(in_features, out_features, num_examples, length_scale, p)
        self.weight_regularizer, self.dropout.dropout_regularizer = self.factors(num_examples, length_scale)

    def factors(self, n: int, l: float) -> tuple[float, float]:  # noqa: E741
        return l**2 / (2 * n), 1 / n


class ForgetsN(LinearVariant):
    def factors(self, n: int, l: float) -> tuple[float, float]:  # noqa: E741
        return l**2 / 2, 1.0


class Doubled(LinearVariant):
    def factors(self, n: int, l: float) -> tuple[float, float]:  # noqa: E741
        return l**2 / n, 2 / n


class PlainDecay(LinearVariant):
    def penalty(self) -> Tensor:
        return self.weight_regularizer * self.layer.weight.square().sum() + self.dropout.penalty()


class MultipliesKeep(LinearVariant):
    def penalty(self) -> Tensor:
        return (
            self.weight_regularizer * self.layer.weight.square().sum() * (1 - self.p) + self.dropout.penalty()
        )


class OutputWidth(LinearVariant):
    def penalty(self) -> Tensor:
        self.dropout.num_features, width = self.layer.out_features, self.dropout.num_features
        total = super().penalty()
        self.dropout.num_features = width
        return total


class DropsOutputs(LinearVariant):
    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y * (torch.rand_like(y) >= 0.5) if self.training else y


class OnInEvaluation(LinearVariant):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(nn.functional.dropout(x, 0.5))


def regularizers(build: Build, draw: Draw) -> Iterator[Pair]:
    """The mean squared error is 2 / tau times the mean negative log-likelihood tau / 2 * error^2 + constant."""
    a, function = draw.arguments, build(draw)
    got = function()
    scale = 1.0 if a["precision"] is None else 2 / a["precision"]
    want = [scale * a["length_scale"] ** 2 / (2 * a["num_examples"]), scale / a["num_examples"]]
    yield torch.tensor(got), torch.tensor(want)


def forgets_precision(num_examples: int, length_scale: float, precision: float | None) -> tuple[float, float]:
    return length_scale**2 / (2 * num_examples), 1 / num_examples


def times_precision(num_examples: int, length_scale: float, precision: float | None) -> tuple[float, float]:
    scale = 1.0 if precision is None else precision / 2
    return scale * length_scale**2 / (2 * num_examples), scale / num_examples


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
    Suite(
        technique="concrete_dropout",
        part="ConcreteDropoutLayer",
        subjects={"ConcreteDropoutLayer": Linear},
        interface=Interface(
            kind="module", arguments=("in_features", "out_features", "num_examples", "length_scale", "p")
        ),
        cases=(
            {"in_features": 2, "out_features": 3, "num_examples": 10, "length_scale": 2.0, "p": 0.3},
            {"in_features": 5, "out_features": 2, "num_examples": 4, "length_scale": 0.5, "p": 0.1},
        ),
        shapes=lambda a: ((2, a["in_features"]), (2, 3, a["in_features"])),
        laws=(
            Law("divergence", r"$$ \frac{1}{N} \left( \frac{l^2 (1 - p)}{2} \|M\|^2 - K H(p) \right), \qquad W = (1 - p) M $$", divergence, {torch.float64: 1e-6}),
            Law("evaluation_is_the_layer", r"$$ y = W x + b $$ in evaluation.", evaluation_is_the_layer),
            Law("drops_inputs", "Inputs are dropped: with inputs of 0 the output is the bias.", drops_inputs, EXACT),
        ),
        twins=(
            Twin("forgets_n", ForgetsN, "your penalty is not divided by the number of examples."),
            Twin("doubled", Doubled, "your penalty fits a loss that is twice the negative log-likelihood."),
            Twin("plain_decay", PlainDecay, "your weights are not divided by 1 - p: dropping more must cost more."),
            Twin("multiplies_by_keep", MultipliesKeep, "you take the W of the layer for the paper's M: W = (1 - p) M."),
            Twin("output_width", OutputWidth, "your K counts outputs; what is dropped are inputs."),
            Twin("drops_outputs", DropsOutputs, "you drop outputs, with their bias; the inputs are dropped."),
            Twin("always_on", OnInEvaluation, "you drop in evaluation too."),
        ),
    ),
    Suite(
        technique="concrete_dropout",
        part="concrete_regularizers",
        subjects={"concrete_regularizers": concrete_regularizers},
        interface=Interface(kind="function", inputs=(), arguments=("num_examples", "length_scale", "precision")),
        cases=(
            {"num_examples": 100, "length_scale": 2.0, "precision": None},
            {"num_examples": 10, "length_scale": 0.5, "precision": 4.0},
        ),
        shapes=lambda a: ((1,),),
        laws=(
            Law("regularizers", r"$$ \frac{l^2}{2N}, \frac{1}{N}; \qquad \text{for a mean squared error } \frac{l^2}{\tau N}, \frac{2}{\tau N} $$", regularizers, {torch.float64: 1e-6}),
        ),
        twins=(
            Twin("forgets_precision", forgets_precision, "you forget the precision."),
            Twin("times_precision", times_precision, "you multiply by tau / 2; the squared error is 2 / tau times the negative log-likelihood."),
        ),
    ),
)  # fmt: skip
