"""Laws of weight drop, asked of a linear layer, whose dropped weight is its output for the unit vectors."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.weight_drop import WeightDrop

from ._dropouts import P_ALIASES, SAMPLED
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


class Linear(WeightDrop):
    """Weight drop of a linear layer, from plain numbers."""

    def __init__(self, in_features: int, out_features: int, p: float) -> None:
        super().__init__(nn.Linear(in_features, out_features), ["weight"], p)
        nn.init.uniform_(self.module.weight, 1.0, 2.0)  # nowhere 0, so that what is dropped is seen


def dropped_weight(layer: nn.Module, dtype: torch.dtype) -> Tensor:
    """W~ of one pass: the outputs for the unit vectors, less the bias."""
    eye = torch.eye(layer.object.module.in_features, dtype=dtype)
    return (layer(eye) - layer.object.module.bias).T


def evaluation_is_the_layer(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, x = build(draw).eval(), draw.normal()
    yield layer(x), x @ layer.object.module.weight.T + layer.object.module.bias


def kept_weights_are_scaled(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = build(draw).train()
    got = dropped_weight(layer, draw.dtype)
    scaled = layer.object.module.weight / (1 - draw.arguments["p"])
    yield got, torch.where(got.abs() < 0.5, 0.0, scaled)


def share_dropped(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, p = build(draw, in_features=200, out_features=200).train(), draw.arguments["p"]
    first, second = ((dropped_weight(layer, draw.dtype).abs() < 0.5).double() for _ in range(2))
    square = torch.tensor(p * p, dtype=torch.float64)
    yield first.mean(), torch.tensor(p, dtype=torch.float64)
    yield (first * second).mean(), square
    yield (first * first.roll(1, 0)).mean(), square
    yield (first * first.roll(1, 1)).mean(), square


def one_mask_for_the_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = build(draw).train()
    y = layer(torch.ones(6, draw.arguments["in_features"], dtype=draw.dtype))
    yield y, y[:1].expand(y.shape)


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    """Of y = sum over the unit vectors: each weight gets its factor; the bias, which is not dropped, one for each."""
    layer = build(draw).train()
    weight, bias = layer.object.module.weight, layer.object.module.bias
    y = layer(torch.eye(draw.arguments["in_features"], dtype=draw.dtype))
    got = torch.autograd.grad(y.sum(), [weight, bias])
    yield got[0], ((y - bias).T / weight).detach()
    yield got[1], torch.full_like(bias, draw.arguments["in_features"])


def weights_are_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = build(draw).train()
    before = layer.object.module.weight.detach().clone()
    layer(draw.normal())
    yield layer.object.module.weight, before


class Variant(Linear):
    """Weight drop, in parts that the twins replace."""

    def dropped(self) -> Tensor:
        return nn.functional.dropout(self.module.weight, self.p)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.dropped() if self.training else self.module.weight
        return nn.functional.linear(x, weight, self.module.bias)


class Unscaled(Variant):
    def dropped(self) -> Tensor:
        return super().dropped() * (1 - self.p)


class Keeps(Variant):
    def dropped(self) -> Tensor:
        mask = torch.rand_like(self.module.weight) < self.p
        return self.module.weight * mask / (1 - self.p)


class DropsInputs(Variant):
    def dropped(self) -> Tensor:
        return self.module.weight * nn.functional.dropout(torch.ones_like(self.module.weight[:1]), self.p)


class DropsOutputs(Variant):
    def dropped(self) -> Tensor:
        return self.module.weight * nn.functional.dropout(torch.ones_like(self.module.weight[:, :1]), self.p)


class EachExample(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([super(EachExample, self).forward(row) for row in x])


class AlwaysOn(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.dropped(), self.module.bias)


class DrawnOnce(Variant):
    def dropped(self) -> Tensor:
        numbers = torch.rand(self.module.weight.shape, generator=torch.Generator().manual_seed(0))
        return self.module.weight * (numbers >= self.p) / (1 - self.p)


class CutOff(Variant):
    def dropped(self) -> Tensor:
        return self.module.weight + (super().dropped() - self.module.weight).detach()


class ForGood(Variant):
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.module.weight.copy_(self.dropped())
        return nn.functional.linear(x, self.module.weight, self.module.bias)


SUITES = (
    Suite(
        technique="weight_drop",
        part="WeightDrop",
        subjects={"WeightDrop": Linear},
        interface=Interface(kind="module", arguments=("in_features", "out_features", "p"), aliases=P_ALIASES),
        cases=(
            {"in_features": 2, "out_features": 3, "p": 0.5},
            {"in_features": 6, "out_features": 4, "p": 0.2},
        ),
        shapes=lambda a: ((2, a["in_features"]), (3, a["in_features"])),
        laws=(
            Law("evaluation_is_the_layer", r"$$ y = W x + b $$ in evaluation.", evaluation_is_the_layer),
            Law("kept_weights_are_scaled", r"$$ \tilde W_{ij} \in \{0,\ W_{ij} / (1 - p)\} $$", kept_weights_are_scaled, {torch.float64: 1e-10}),
            Law("share_dropped", r"$$ P(M_{ij} = 0) = p $$, apart for weights and passes.", share_dropped, SAMPLED),
            Law("one_mask_for_the_batch", "The examples of a batch see the same weights.", one_mask_for_the_batch, EXACT),
            Law("gradient", r"$$ \nabla_W L = \frac{M}{1 - p} \odot \nabla_{\tilde W} L $$", gradient, {torch.float64: 1e-10}),
            Law("weights_are_untouched", "The layer's weights are as they were.", weights_are_untouched, EXACT),
        ),
        twins=(
            Twin("unscaled", Unscaled, "what is kept is not scaled by 1 / (1 - p)."),
            Twin("keeps_with_p", Keeps, "your p is the probability of keeping; here it is that of dropping."),
            Twin("drops_inputs", DropsInputs, "you drop whole inputs: that is dropout; single weights are dropped."),
            Twin("drops_outputs", DropsOutputs, "you drop whole outputs; single weights are dropped."),
            Twin("each_example", EachExample, "each example has its own mask; one serves the batch."),
            Twin("always_on", AlwaysOn, "you drop in evaluation too."),
            Twin("drawn_once", DrawnOnce, "you use the same mask in every pass."),
            Twin("gradient_one", CutOff, "the gradient does not pass through your mask."),
            Twin("for_good", ForGood, "you overwrite the weights: what is dropped never comes back."),
        ),
    ),
)  # fmt: skip
