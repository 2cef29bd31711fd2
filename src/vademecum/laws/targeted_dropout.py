"""Laws of targeted dropout, from the definition of the smallest weights and units, and of the pruning that it is for."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.nn.dropout.targeted_dropout import TargetedDropout

from ._pruning import PRUNING, RAMP
from ._smallest_weights import Largest, Signed, SumOfMagnitudes, Variant, WholeTensor, marks
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

SAMPLED = {torch.float64: 0.0125}
"""Five standard errors of a share among 40,000 draws."""


def all_at_risk(build: Build, draw: Draw) -> Iterator[Pair]:
    """With alpha = 1 what is at risk is dropped."""
    w = draw.normal()
    gone = marks(w, draw.arguments["gamma"], draw.arguments)
    yield build(draw, alpha=1.0).train()(w), torch.where(gone, 0.0, w)


def equal_weights_are_at_risk(build: Build, draw: Draw) -> Iterator[Pair]:
    w = torch.ones(draw.shape, dtype=draw.dtype)
    gone = marks(w, draw.arguments["gamma"], draw.arguments).double().sum()
    yield (build(draw, alpha=1.0).train()(w) == 0).double().sum(), gone


def share_dropped(build: Build, draw: Draw) -> Iterator[Pair]:
    """Among weights, or units, at risk the share alpha is dropped; of the others none."""
    a, drop = draw.arguments, build(draw).train()
    w = draw.normal()
    gone = marks(w, a["gamma"], a)
    passes = torch.stack([drop(w) == 0 for _ in range(600)]).double()
    unit = passes.movedim(1 + a["dim"], 1).flatten(2)  # (S, F, d)
    at_risk = gone.movedim(a["dim"], 0).flatten(1)
    if at_risk.any():
        deviation = (a["alpha"] * (1 - a["alpha"]) / 600) ** 0.5
        shares = unit.mean(0)[at_risk]
        bound = torch.full_like(shares, 5 * deviation)
        yield (shares - a["alpha"]).abs().maximum(bound), bound
    yield unit[:, ~at_risk], torch.zeros_like(unit[:, ~at_risk])


def independent(build: Build, draw: Draw) -> Iterator[Pair]:
    """Weights are dropped apart from one another, the weights of a unit together; passes apart."""
    a, drop = draw.arguments, build(draw, gamma=1.0).train()
    w = torch.ones(200, 200, dtype=draw.dtype)
    first, second = drop(w) == 0, drop(w) == 0
    square = torch.tensor(a["alpha"] ** 2, dtype=torch.float64)
    if a["kind"] == "unit":
        rows = first.movedim(a["dim"], 0)
        yield rows.double(), rows[:, :1].expand(rows.shape).double()
    else:
        yield (first & second).double().mean(), square
        yield (first & first.roll(1, 0)).double().mean(), square
        yield (first & first.roll(1, 1)).double().mean(), square


def kept_as_they_are(build: Build, draw: Draw) -> Iterator[Pair]:
    w = draw.normal()
    y = build(draw).train()(w)
    yield y, torch.where(y == 0, 0.0, w)


def evaluation_is_the_identity(build: Build, draw: Draw) -> Iterator[Pair]:
    w = draw.normal()
    yield build(draw).eval()(w), w


def gradient_is_the_mask(build: Build, draw: Draw) -> Iterator[Pair]:
    w = draw.normal().requires_grad_()
    y = build(draw).train()(w)
    yield torch.autograd.grad(y.sum(), w)[0], (y != 0).to(y.dtype)


def input_is_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    w = draw.normal()
    before = w.clone()
    build(draw).train()(w)
    yield w, before


class OtherDimension(Variant):
    def outputs(self) -> int:
        return 1 - self.dim


class Strict(Variant):
    def at_risk(self, w: Tensor) -> Tensor:
        if self.kind == "unit" or self.per == "tensor" or self.gamma == 1:
            return super().at_risk(w)
        rows = self.size(w).movedim(self.dim, 0)
        flat = rows.flatten(1)
        threshold = flat.sort(1).values[:, self.count(flat.shape[1])][:, None]
        return (flat < threshold).reshape(rows.shape).movedim(0, self.dim)


class Rescaled(Variant):
    def scale(self) -> float:
        return 1 / (1 - self.gamma * self.alpha) if self.gamma * self.alpha < 1 else 1.0


class SwapsShares(Variant):
    def __init__(
        self, gamma: float, alpha: float, kind: str = "weight", per: str = "output", dim: int = 0
    ) -> None:
        super().__init__(alpha, gamma, kind, per, dim)


class UnitsInPieces(Variant):
    def chance(self, w: Tensor) -> Tensor:
        return torch.rand(w.shape) < self.alpha


class AllAtRisk(Variant):
    def at_risk(self, w: Tensor) -> Tensor:
        return torch.ones_like(w, dtype=torch.bool) if self.alpha < 1 else super().at_risk(w)


class PrunesInEvaluation(Variant):
    def evaluate(self, w: Tensor) -> Tensor:
        return torch.where(self.at_risk(w), 0.0, w)


class DrawnOnce(Variant):
    def chance(self, w: Tensor) -> Tensor:
        shape = super().chance(w).shape
        return torch.rand(shape, generator=torch.Generator().manual_seed(1)) < self.alpha


class GradientOne(Variant):
    def forward(self, w: Tensor) -> Tensor:
        return w + (super().forward(w) - w).detach()


class InPlace(Variant):
    def forward(self, w: Tensor) -> Tensor:
        y = super().forward(w)
        if not w.requires_grad:
            w.copy_(y)
        return y


SUITES = (
    Suite(
        technique="targeted_dropout",
        part="TargetedDropout",
        subjects={"TargetedDropout": TargetedDropout},
        interface=Interface(
            kind="module",
            arguments=("gamma", "alpha", "kind", "per", "dim"),
            inputs=("weight",),
            defaults={"kind": "weight", "per": "output", "dim": 0},
            aliases={"gamma": ("targ_rate", "targeted_percentage"), "alpha": ("drop_rate",)},
        ),
        cases=(
            {"gamma": 0.5, "alpha": 0.3, "kind": "weight", "per": "output", "dim": 0},
            {"gamma": 0.7, "alpha": 0.6, "kind": "weight", "per": "tensor", "dim": 0},
            {"gamma": 0.5, "alpha": 0.3, "kind": "unit", "per": "output", "dim": 0},
            {"gamma": 0.4, "alpha": 0.6, "kind": "weight", "per": "output", "dim": 1},
        ),
        shapes=lambda a: ((4, 6), (3, 10, 2)),
        laws=(
            Law("all_at_risk", r"With alpha = 1 exactly the $$ \lfloor \gamma d \rfloor $$ smallest are dropped.", all_at_risk, EXACT),
            Law("equal_weights_are_at_risk", "So many are at risk also where all are equal.", equal_weights_are_at_risk, EXACT),
            Law("share_dropped", r"$$ P(m = 1) = \alpha $$ where at risk, and 0 elsewhere.", share_dropped, {torch.float64: 1e-9}),
            Law("independent", "Weights, and passes, are independent; the weights of a unit are dropped together.", independent, SAMPLED),
            Law("kept_as_they_are", "What is kept is not rescaled.", kept_as_they_are, EXACT),
            Law("gradient_is_the_mask", r"$$ \partial \tilde w / \partial w = 1 - m $$", gradient_is_the_mask, EXACT),
            Law("evaluation_is_the_identity", "In evaluation nothing is dropped.", evaluation_is_the_identity, EXACT),
            Law("input_is_untouched", "The weight is not overwritten.", input_is_untouched, EXACT),
        ),
        twins=(
            Twin("largest", Largest, "you drop the largest; the smallest are at risk."),
            Twin("signed", Signed, "you compare values; compare magnitudes."),
            Twin("sum_of_magnitudes", SumOfMagnitudes, "the length of your unit is the sum of its magnitudes; it is the root of the sum of squares."),
            Twin("other_dimension", OtherDimension, "you take inputs for outputs; torch's weights have outputs first, those of transposed convolutions second."),
            Twin("whole_tensor", WholeTensor, "you rank in the whole tensor where each output is to be ranked by itself, or the reverse."),
            Twin("strict_threshold", Strict, "you compare with a threshold: where weights are equal, none is at risk."),
            Twin("rescaled", Rescaled, "you rescale what is kept; nothing is rescaled here."),
            Twin("swaps_shares", SwapsShares, "you take gamma for alpha."),
            Twin("units_in_pieces", UnitsInPieces, "you draw for each weight of a unit; a unit is dropped as a whole."),
            Twin("all_at_risk", AllAtRisk, "all of your weights are at risk: that is ordinary dropout of weights."),
            Twin("prunes_in_evaluation", PrunesInEvaluation, "you prune in evaluation by yourself."),
            Twin("drawn_once", DrawnOnce, "you use the same mask in every pass."),
            Twin("gradient_one", GradientOne, "the gradient does not pass through your mask."),
            Twin("in_place", InPlace, "you overwrite the weight: what is dropped never comes back."),
        ),
    ),
    PRUNING,
    RAMP,
)  # fmt: skip
