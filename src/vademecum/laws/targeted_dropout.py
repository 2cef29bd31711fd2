"""Laws of targeted dropout, from the definition of the smallest weights and units, and of the pruning that it is for."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.targeted_dropout import TargetedDropout, prune_, targeted_ramp

from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

SAMPLED = {torch.float64: 0.0125}
"""Five standard errors of a share among 40,000 draws."""


def smallest(rows: list[list[float]], share: float, kind: str, per: str) -> list[list[bool]]:
    """Mark the floor(share * d) smallest, by sorting, in loops."""
    if kind == "unit":
        lengths = [sum(w * w for w in row) ** 0.5 for row in rows]
        order = sorted(range(len(rows)), key=lambda o: lengths[o])[: round(share * len(rows) - 0.5 + 1e-6)]
        return [[o in order] * len(row) for o, row in enumerate(rows)]
    groups = [[(o, i) for i in range(len(rows[0]))] for o in range(len(rows))]
    if per == "tensor":
        groups = [[place for group in groups for place in group]]
    marked = set()
    for group in groups:
        group.sort(key=lambda place: abs(rows[place[0]][place[1]]))
        marked |= set(group[: round(share * len(group) - 0.5 + 1e-6)])
    return [[(o, i) in marked for i in range(len(row))] for o, row in enumerate(rows)]


def marks(weight: Tensor, share: float, a: Arguments) -> Tensor:
    """The same for a weight with any dimension of outputs."""
    rows = weight.movedim(a.get("dim", 0), 0)
    flat = smallest(rows.flatten(1).tolist(), share, a["kind"], a["per"])
    return torch.tensor(flat).reshape(rows.shape).movedim(0, a.get("dim", 0))


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


class Variant(nn.Module):
    """Targeted dropout, in parts that the twins replace."""

    def __init__(
        self, gamma: float, alpha: float, kind: str = "weight", per: str = "output", dim: int = 0
    ) -> None:
        super().__init__()
        self.gamma, self.alpha, self.kind, self.per, self.dim = gamma, alpha, kind, per, dim

    def size(self, w: Tensor) -> Tensor:
        return w.detach().abs()

    def length(self, rows: Tensor) -> Tensor:
        return rows.norm(dim=1)

    def outputs(self) -> int:
        return self.dim

    def count(self, d: int) -> int:
        return int(self.gamma * d + 1e-9)

    def at_risk(self, w: Tensor) -> Tensor:
        rows = self.size(w).movedim(self.outputs(), 0)
        if self.kind == "unit":
            lengths = self.length(rows.flatten(1))
            low = torch.zeros_like(lengths, dtype=torch.bool)
            low[lengths.argsort(stable=True)[: self.count(len(lengths))]] = True
            marked = low.reshape(-1, *[1] * (rows.dim() - 1)).expand(rows.shape)
        else:
            flat = rows.reshape(1, -1) if self.per == "tensor" else rows.flatten(1)
            order = flat.argsort(1, stable=True).argsort(1)
            marked = (order < self.count(flat.shape[1])).reshape(rows.shape)
        return marked.movedim(0, self.outputs())

    def chance(self, w: Tensor) -> Tensor:
        shape = [n if self.kind == "weight" or d == self.outputs() else 1 for d, n in enumerate(w.shape)]
        return torch.rand(shape) < self.alpha

    def scale(self) -> float:
        return 1.0

    def evaluate(self, w: Tensor) -> Tensor:
        return w

    def forward(self, w: Tensor) -> Tensor:
        if not self.training:
            return self.evaluate(w)
        return torch.where(self.at_risk(w) & self.chance(w), 0.0, w * self.scale())


class Largest(Variant):
    def size(self, w: Tensor) -> Tensor:
        return -w.detach().abs()

    def length(self, rows: Tensor) -> Tensor:
        return -rows.norm(dim=1)


class Signed(Variant):
    def size(self, w: Tensor) -> Tensor:
        return w.detach()

    def length(self, rows: Tensor) -> Tensor:
        return rows.sum(1)


class SumOfMagnitudes(Variant):
    def length(self, rows: Tensor) -> Tensor:
        return rows.sum(1)


class OtherDimension(Variant):
    def outputs(self) -> int:
        return 1 - self.dim


class WholeTensor(Variant):
    def __init__(self, *args: object, **keywords: object) -> None:
        super().__init__(*args, **keywords)
        self.per = "tensor" if self.per == "output" else "output"


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


# ------------------------------------------------------------------------------------------ pruning


def net(draw: Draw) -> nn.Sequential:
    model = nn.Sequential(
        nn.Conv2d(2, 5, 2), nn.BatchNorm2d(5), nn.ConvTranspose2d(5, 3, 2), nn.Flatten(), nn.Linear(12, 7)
    ).to(draw.dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(draw.normal(*parameter.shape, name=name))
    return model


def smallest_are_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    a, model = draw.arguments, net(draw)
    before = deepcopy(model)
    masks = build(draw)(model)
    for path in ("0", "2", "4"):
        old = before.get_submodule(path).weight
        gone = marks(old, a["fraction"], {**a, "dim": int(path == "2")})
        yield model.get_submodule(path).weight, torch.where(gone, 0.0, old)
        yield masks[path].double(), (~gone).double()


def all_else_is_kept(build: Build, draw: Draw) -> Iterator[Pair]:
    model = net(draw)
    before = deepcopy(model.state_dict())
    build(draw)(model)
    for name, tensor in model.state_dict().items():
        if name not in {"0.weight", "2.weight", "4.weight"}:
            yield tensor, before[name]


def pruning(
    kind_of: type[Variant] = Variant,
    *,
    biases: bool = False,
    outputs: Callable[[nn.Module], int] | None = None,
) -> Callable[..., dict[str, Tensor]]:
    """Prune, with something wrong."""

    @torch.no_grad()
    def prune(model: nn.Module, fraction: float, kind: str, per: str) -> dict[str, Tensor]:
        masks = {}
        for path, part in model.named_modules():
            if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                dim = outputs(part) if outputs else int(isinstance(part, nn.ConvTranspose2d))
                gone = kind_of(fraction, 1.0, kind, per, dim).at_risk(part.weight)
                part.weight.masked_fill_(gone, 0.0)
                masks[path] = ~gone
                if biases:
                    part.bias.zero_()
        return masks

    return prune


class RoundsUp(Variant):
    def count(self, d: int) -> int:
        return -int(-self.gamma * d // 1)


# ------------------------------------------------------------------------------------------ the ramp


def ramp(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    half = a["steps"] / 2
    if a["step"] <= half:
        gamma = 0.95 * a["gamma"] * a["step"] / half
    elif a["step"] <= 2 * half:
        gamma = 0.95 * a["gamma"] + 0.05 * a["gamma"] * (a["step"] - half) / half
    else:
        gamma = a["gamma"]
    alpha = a["alpha"] * a["step"] / a["steps"] if a["step"] <= a["steps"] else a["alpha"]
    yield torch.tensor(build(draw)(), dtype=torch.float64), torch.tensor([gamma, alpha], dtype=torch.float64)


def straight(step: int, gamma: float, alpha: float, steps: int) -> tuple[float, float]:
    share = min(1.0, step / steps)
    return gamma * share, alpha * share


def endless(step: int, gamma: float, alpha: float, steps: int) -> tuple[float, float]:
    return targeted_ramp(step, gamma=gamma, alpha=alpha, steps=steps)[0], alpha * step / steps


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
    Suite(
        technique="targeted_dropout",
        part="prune_",
        subjects={"prune_": prune_},
        interface=Interface(kind="function", inputs=("model",), arguments=("fraction", "kind", "per")),
        cases=(
            {"fraction": 0.5, "kind": "weight", "per": "output"},
            {"fraction": 0.7, "kind": "weight", "per": "tensor"},
            {"fraction": 0.45, "kind": "unit", "per": "output"},
        ),
        shapes=lambda a: ((1,),),
        laws=(
            Law("smallest_are_zero", r"The $$ \lfloor \gamma d \rfloor $$ smallest are 0, the others as they were; the masks say which.", smallest_are_zero, EXACT),
            Law("all_else_is_kept", "Biases and norms are as they were.", all_else_is_kept, EXACT),
        ),
        twins=(
            Twin("largest", pruning(Largest), "you prune the largest."),
            Twin("signed", pruning(Signed), "you compare values; compare magnitudes."),
            Twin("biases", pruning(biases=True), "you prune biases."),
            Twin("first_dimension", pruning(outputs=lambda part: 0), "the outputs of a transposed convolution are the second dimension of its weight."),
            Twin("whole_tensor", pruning(WholeTensor), "you rank in the whole tensor where each output is to be ranked by itself, or the reverse."),
            Twin("rounds_up", pruning(RoundsUp), "you round the number up."),
        ),
    ),
    Suite(
        technique="targeted_dropout",
        part="targeted_ramp",
        subjects={"targeted_ramp": targeted_ramp},
        interface=Interface(kind="function", inputs=(), arguments=("step", "gamma", "alpha", "steps")),
        cases=tuple(
            {"step": step, "gamma": 0.8, "alpha": 0.6, "steps": 100} for step in (0, 25, 50, 80, 100, 1000)
        ),
        shapes=lambda a: ((1,),),
        laws=(
            Law("ramp", "Gamma rises to 95 % in the first half and to all in the second; alpha rises throughout.", ramp),
        ),
        twins=(
            Twin("straight", straight, "your gamma rises in one line; it has 95 % of its height at half time."),
            Twin("endless", endless, "your alpha goes on to rise after the last step."),
        ),
    ),
)  # fmt: skip
