"""Laws of the large-margin loss, example by example, class by class, from the paper's formulas."""

from collections.abc import Iterator
from math import inf

import torch
from torch import Tensor, nn

from vademecum.losses.large_margin import LargeMarginLoss, margin_distance

from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

DEFAULTS = {
    "margin": 1.0, "p": 2.0, "layers": ("input",), "top_k": 1, "aggregate": "max", "scores": "logits",
    "stop_gradient": True, "eps": 1e-6,
}  # fmt: skip


def net(draw: Draw, *, factor: float = 1.0) -> nn.Sequential:
    """Two layers with a tanh between them; parts "0", "1", "2"."""
    inputs, classes = draw.shape[1:]
    model = nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, classes)).to(draw.dtype)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            tensor.copy_(draw.normal(*tensor.shape, std=0.7, name=name.replace(".", "_")))
        for tensor in model[2].parameters():
            tensor.mul_(factor)
    return model


def linear(draw: Draw) -> nn.Linear:
    inputs, classes = draw.shape[1:]
    model = nn.Linear(inputs, classes).to(draw.dtype)
    with torch.no_grad():
        model.weight.copy_(draw.normal(classes, inputs, name="weight"))
        model.bias.copy_(draw.normal(classes, name="bias"))
    return model


def data(draw: Draw) -> tuple[Tensor, Tensor]:
    batch, inputs, classes = draw.shape
    return draw.normal(batch, inputs), draw.integers(batch, high=classes)


def dual_norm(v: Tensor, p: float) -> Tensor:
    """The norm whose unit ball belongs to the p-norm: the largest v . d over ||d||_p = 1."""
    if p == 1:
        return max(abs(a) for a in v)
    if p == inf:
        return sum(abs(a) for a in v)
    q = p / (p - 1)
    return sum(abs(a) ** q for a in v) ** (1 / q)


def ratios(model: nn.Sequential, x: Tensor, y: int, layer: str, a: Arguments, *, eps: float) -> list[Tensor]:
    """(f_y - f_i) over the dual norm, for the competitors of one example, the highest score first."""
    start = 0 if layer == "input" else int(layer) + 1
    h = model[:start](x) if start else x
    h = h if h.requires_grad else h.detach().requires_grad_()
    f = model[start:](h)
    f = f.softmax(0) if a.get("scores") == "softmax" else f
    others = sorted((i for i in range(len(f)) if i != y), key=f.detach().__getitem__, reverse=True)
    found = []
    for i in others[: a["top_k"]]:
        (slope,) = torch.autograd.grad(f[i] - f[y], h, create_graph=True)
        norm = dual_norm(slope, a["p"])
        norm = norm.detach() if a.get("stop_gradient", True) else norm
        found.append((f[y] - f[i]) / (eps + norm))
    return found


def by_the_paper(model: nn.Sequential, x: Tensor, target: Tensor, a: Arguments) -> Tensor:
    model, total = model.double(), torch.zeros((), dtype=torch.float64)
    for layer in a["layers"]:
        for row, y in zip(x.double(), target.tolist()):
            missing = [(a["margin"] - r).relu() for r in ratios(model, row, y, layer, a, eps=a["eps"])]
            total = total + (max(missing) if a["aggregate"] == "max" else sum(missing))
    return total / len(x)


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    model, (x, y) = net(draw), data(draw)
    loss = build(draw)
    yield loss(model, x, y).detach(), by_the_paper(model, x, y, loss.arguments).detach()


def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    """With and without the norm as a constant."""
    model, (x, y) = net(draw), data(draw)
    for stop in (True, False):
        loss = build(draw, stop_gradient=stop)
        model.to(draw.dtype)
        got = torch.autograd.grad(loss(model, x, y), [model[0].weight, model[2].weight])
        want = by_the_paper(model, x, y, {**loss.arguments, "stop_gradient": stop})
        yield from zip(got, torch.autograd.grad(want, [model[0].weight, model[2].weight]))


def kept_margins_cost_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    model, (x, _) = linear(draw), data(draw)
    y = model(x).argmax(1)
    loss = build(draw, margin=1e-6, layers=("input",))(model, x, y)
    yield loss.detach(), torch.zeros(())
    yield torch.autograd.grad(loss, model.weight)[0], torch.zeros_like(model.weight)


def scale_of_the_scores(build: Build, draw: Draw) -> Iterator[Pair]:
    """A last layer a thousand times as large buys nothing."""
    state = draw.generator.get_state()
    small, (x, y) = net(draw), data(draw)
    draw.generator.set_state(state)
    large = net(draw, factor=1000.0)
    loss = build(draw, eps=1e-12)
    yield loss(large, x, y).detach(), loss(small, x, y).detach()


class Margin:
    """The loss for a chain of layers, with one thing wrong in each twin."""

    def __init__(
        self, margin=1.0, p=2.0, layers=("input",), top_k=1, aggregate="max", scores="logits",
        stop_gradient=True, eps=1e-6,
    ) -> None:  # fmt: skip
        self.margin, self.p, self.layers, self.top_k, self.eps = margin, p, layers, top_k, eps
        self.aggregate, self.scores, self.stop_gradient = aggregate, scores, stop_gradient

    def dual(self) -> float:
        return inf if self.p == 1 else 1.0 if self.p == inf else self.p / (self.p - 1)

    def rivals(self, f: Tensor, y: Tensor) -> Tensor:
        return f.detach().scatter(1, y[:, None], -inf).topk(self.top_k).indices

    def norm(self, slope: Tensor) -> Tensor:
        return torch.linalg.vector_norm(slope, self.dual(), dim=1)

    def hinge(self, ratio: Tensor) -> Tensor:
        return (self.margin - ratio).relu()

    def slope(self, f: Tensor, i: Tensor, y: Tensor, h: Tensor) -> Tensor:
        gap = f.gather(1, y[:, None]) - f.gather(1, i[:, None])
        return torch.autograd.grad(gap.sum(), h, create_graph=True)[0]

    def __call__(self, model, x, y):
        total = 0
        for layer in self.layers:
            start = 0 if layer == "input" else int(layer) + 1
            h = model[:start](x) if start else x.detach().requires_grad_()
            f = model[start:](h) if isinstance(model, nn.Sequential) else model(h)
            f = f.softmax(1) if self.scores == "softmax" else f
            missing = []
            for i in self.rivals(f, y).unbind(1):
                norm = self.norm(self.slope(f, i, y, h))
                gap = (f.gather(1, y[:, None]) - f.gather(1, i[:, None])).squeeze(1)
                missing.append(self.hinge(gap / (self.eps + (norm.detach() if self.stop_gradient else norm))))
            stacked = torch.stack(missing, 1)
            total = total + (stacked.amax(1) if self.aggregate == "max" else stacked.sum(1)).mean()
        return total


class SameNorm(Margin):
    def dual(self) -> float:
        return self.p


class TrueClassCompetes(Margin):
    def rivals(self, f: Tensor, y: Tensor) -> Tensor:
        return f.detach().topk(self.top_k).indices

    def norm(self, slope: Tensor) -> Tensor:
        return torch.linalg.vector_norm(slope, 2, dim=1).clamp_min(1e-3)


class NormOfTheBatch(Margin):
    def norm(self, slope: Tensor) -> Tensor:
        return super().norm(slope).mean().expand(len(slope))


class RawScores(Margin):
    def norm(self, slope: Tensor) -> Tensor:
        return torch.ones(len(slope), dtype=slope.dtype) + 0 * slope.sum()


class OneGradient(Margin):
    def slope(self, f: Tensor, i: Tensor, y: Tensor, h: Tensor) -> Tensor:
        return torch.autograd.grad(f.gather(1, y[:, None]).sum(), h, create_graph=True)[0]


class NoHinge(Margin):
    def hinge(self, ratio: Tensor) -> Tensor:
        return self.margin - ratio


class AlwaysConstant(Margin):
    def norm(self, slope: Tensor) -> Tensor:
        return super().norm(slope).detach()


def fixed(value: object) -> property:
    """An attribute that takes no other value."""
    return property(lambda self: value, lambda self, other: None)


class NeverConstant(Margin):
    stop_gradient = fixed(False)


class AlwaysWorst(Margin):
    aggregate = fixed("max")


class InputAlone(Margin):
    layers = fixed(("input",))


class LogitsAlways(Margin):
    scores = fixed("logits")


def exact_for_a_linear_model(build: Build, draw: Draw) -> Iterator[Pair]:
    model, (x, y) = linear(draw), data(draw)
    a = draw.arguments
    w, b = model.weight.detach().double(), model.bias.detach().double()
    want = []
    for row, t in zip(x.double(), y.tolist()):
        f = [float(w[k] @ row + b[k]) for k in range(len(b))]
        others = sorted((k for k in range(len(f)) if k != t), key=lambda k: f[k], reverse=True)[: a["top_k"]]
        want.append([(f[t] - f[k]) / float(dual_norm(w[t] - w[k], a["p"])) for k in others])
    yield build(draw)(model, x, y), torch.tensor(want, dtype=torch.float64)


def steepest(v: Tensor, p: float) -> Tensor:
    """The step of p-norm 1 along which v rises fastest."""
    if p == 1:
        place = v.abs().argmax()
        return torch.zeros_like(v).scatter(0, place, v[place].sign())
    return v.sign() if p == inf else v / v.norm()


def the_step_lands_on_the_boundary(build: Build, draw: Draw) -> Iterator[Pair]:
    model, (x, y) = linear(draw), data(draw)
    w = model.weight.detach()
    distances = build(draw, top_k=1)(model, x, y)
    for row, t, d in zip(x, y.tolist(), distances):
        scores = model(row).detach()
        rival = max((k for k in range(len(scores)) if k != t), key=lambda k: float(scores[k]))
        there = model(row - d * steepest(w[t] - w[rival], draw.arguments["p"])).detach()
        yield there[t], there[rival]


def first_order(build: Build, draw: Draw) -> Iterator[Pair]:
    model, (x, y) = net(draw), data(draw)
    got = build(draw, layer="1")(model, x, y)
    model = model.double()
    want = [
        torch.stack(ratios(model, r, t, "1", draw.arguments, eps=0.0)) for r, t in zip(x.double(), y.tolist())
    ]
    yield got, torch.stack(want).detach()


def the_sign_says_who_wins(build: Build, draw: Draw) -> Iterator[Pair]:
    model, (x, y) = net(draw), data(draw)
    right = model(x).argmax(1) == y
    yield (build(draw)(model, x, y)[:, 0] > 0).double(), right.double()


class Distance:
    """Distances for a chain of layers, with one thing wrong in each twin."""

    q = staticmethod(lambda p: inf if p == 1 else 1.0 if p == inf else p / (p - 1))

    def __init__(self, p=2.0, top_k=1, layer="input") -> None:
        self.p, self.top_k, self.layer = p, top_k, layer

    def __call__(self, model, x, y):
        start = 0 if self.layer == "input" else int(self.layer) + 1
        h = (model[:start](x) if start else x).detach().requires_grad_()
        f = model[start:](h) if isinstance(model, nn.Sequential) else model(h)
        found = []
        for i in f.detach().scatter(1, y[:, None], -inf).topk(self.top_k).indices.unbind(1):
            gap = (f.gather(1, y[:, None]) - f.gather(1, i[:, None])).squeeze(1)
            slope = torch.autograd.grad(gap.sum(), h, retain_graph=True)[0]
            found.append(self.finish(gap.detach(), torch.linalg.vector_norm(slope, self.q(self.p), dim=1)))
        return torch.stack(found, 1)

    def finish(self, gap: Tensor, norm: Tensor) -> Tensor:
        return gap / norm


class SameNormDistance(Distance):
    q = staticmethod(lambda p: p)


class Unsigned(Distance):
    def finish(self, gap: Tensor, norm: Tensor) -> Tensor:
        return (gap / norm).abs()


class ScoresAlone(Distance):
    def finish(self, gap: Tensor, norm: Tensor) -> Tensor:
        return gap


class Turned(Distance):
    def finish(self, gap: Tensor, norm: Tensor) -> Tensor:
        return -gap / norm


class OfTheInput(Distance):
    layer = fixed("input")


CLOSE = {torch.float64: 1e-9, torch.float32: 2e-4}

SUITES = (
    Suite(
        technique="large_margin",
        part="LargeMarginLoss",
        subjects={"LargeMarginLoss": LargeMarginLoss},
        interface=Interface(
            kind="function", arguments=tuple(DEFAULTS), inputs=("model", "x", "target"), defaults=DEFAULTS,
            aliases={"margin": ("gamma",), "p": ("norm", "dist_norm"), "aggregate": ("maximum", "loss_type")},
        ),
        cases=(
            DEFAULTS,
            {**DEFAULTS, "p": 1, "top_k": 2, "aggregate": "sum"},
            {**DEFAULTS, "p": inf, "top_k": 2, "layers": ("input", "0")},
            {**DEFAULTS, "margin": 3.0, "scores": "softmax", "layers": ("1",)},
        ),
        shapes=lambda a: ((2, 2, 3), (6, 4, 4)),
        laws=(
            Law("by_the_paper", r"$$ \sum_\ell \mathcal{A}_{i \ne y} \max(0, \gamma + (f_i - f_y) / (\epsilon + \|\nabla f_i - \nabla f_y\|_q)) $$", equation, CLOSE),
            Law("gradient", "The norm is a constant in the backward pass, or it is not.", gradient, CLOSE),
            Law("kept_margins_cost_nothing", "No loss and no gradient where every distance is above the margin.", kept_margins_cost_nothing, EXACT, cases=lambda a: a["scores"] == "logits"),
            Law("scale_of_the_scores", "Scores a thousand times as large change nothing.", scale_of_the_scores, CLOSE, cases=lambda a: a["scores"] == "logits"),
        ),
        twins=(
            Twin("same_norm", SameNorm, "you divide by the p-norm of the gradient; a distance in the p-norm needs the dual one."),
            Twin("true_class_competes", TrueClassCompetes, "the true class is among its own competitors: leave it out before ranking."),
            Twin("norm_of_the_batch", NormOfTheBatch, "you average the gradient's norm over the batch; each example has its own."),
            Twin("raw_scores", RawScores, "your margin is one of scores, which a larger last layer buys: divide by the gradient's norm."),
            Twin("one_gradient", OneGradient, "you take the gradient of one score; take that of the difference."),
            Twin("no_hinge", NoHinge, "your loss goes on below 0: a kept margin costs nothing."),
            Twin("always_constant", AlwaysConstant, "the norm is always a constant in your backward pass."),
            Twin("never_constant", NeverConstant, "the norm is never a constant in your backward pass."),
            Twin("always_worst", AlwaysWorst, "your aggregation is always the maximum."),
            Twin("input_alone", InputAlone, "you look at the input, whatever layers were asked for."),
            Twin("logits_always", LogitsAlways, "your scores are logits, whatever was asked."),
        ),
    ),
    Suite(
        technique="large_margin",
        part="margin_distance",
        subjects={"margin_distance": margin_distance},
        interface=Interface(
            kind="function", arguments=("p", "top_k", "layer"), inputs=("model", "x", "target"),
            defaults={"p": 2.0, "top_k": 1, "layer": "input"},
        ),
        cases=(
            {"p": 2.0, "top_k": 1, "layer": "input"},
            {"p": 1, "top_k": 2, "layer": "input"},
            {"p": inf, "top_k": 2, "layer": "input"},
        ),
        shapes=lambda a: ((2, 2, 3), (6, 4, 4)),
        laws=(
            Law("exact_for_a_linear_model", r"$$ d = (f_y - f_i) / \|w_y - w_i\|_q $$", exact_for_a_linear_model, CLOSE),
            Law("the_step_lands_on_the_boundary", "Moved by d in the steepest direction, both scores are equal.", the_step_lands_on_the_boundary, CLOSE),
            Law("first_order", r"$$ d = (f_y - f_i) / \|\nabla_h f_y - \nabla_h f_i\|_q $$ in a hidden layer", first_order, CLOSE),
            Law("the_sign_says_who_wins", "Positive where the true class has the highest score.", the_sign_says_who_wins, EXACT),
        ),
        twins=(
            Twin("same_norm", SameNormDistance, "you divide by the p-norm of the gradient; take the dual one."),
            Twin("unsigned", Unsigned, "a distance on the wrong side is negative."),
            Twin("scores_alone", ScoresAlone, "you give a difference of scores; divide by the gradient's norm."),
            Twin("turned", Turned, "your sign is turned: positive is on the right side."),
            Twin("of_the_input", OfTheInput, "you measure in the input, whatever layer was asked for."),
        ),
    ),
)  # fmt: skip
