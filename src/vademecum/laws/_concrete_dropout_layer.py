"""Laws of a layer with concrete dropout: the divergence of Eq. 3 and 4, and the factors of its parts."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.concrete_dropout import ConcreteDropoutLayer, concrete_regularizers

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


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


LAYER = Suite(
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
)  # fmt: skip

REGULARIZERS = Suite(
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
)  # fmt: skip
