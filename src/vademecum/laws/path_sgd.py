"""Laws of Path-SGD: every path one by one, and the trajectory of a rescaled net."""

from collections.abc import Iterator, Mapping
from itertools import pairwise, product

import torch
from torch import Tensor, nn

from vademecum.optim.path_sgd import PathSGD, path_coefficients

from ._optimizers import interface
from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

HELD = {torch.float64: 1e-10, torch.float32: 2e-4}


def net(draw: Draw, *, bias: bool = True) -> nn.Sequential:
    """A chain with the widths of the draw's shape; no weight is near 0."""
    widths = draw.shape
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        parts += [nn.Linear(fan_in, fan_out, bias=bias), nn.ReLU()]
    model = nn.Sequential(*parts[:-1]).to(draw.dtype)
    with torch.no_grad():
        for p in model.parameters():
            sign = draw.normal(*p.shape, name="sign").sign()
            p.copy_(sign * draw.uniform(*p.shape, low=0.3, high=1.2, name="weight"))
    return model


def layers(model: nn.Sequential) -> list[nn.Linear]:
    return [part for part in model if isinstance(part, nn.Linear)]


def path_by_path(model: nn.Sequential, p: float) -> list[Tensor]:
    """Walk every path: it begins at an input or at a bias and takes one weight in each later layer."""
    chain = layers(model)
    L = len(chain)
    kappa = [
        [torch.zeros_like(t, dtype=torch.float64) for t in (layer.weight, layer.bias)] for layer in chain
    ]
    weights = [layer.weight.detach().double().abs().pow(p).tolist() for layer in chain]
    biases = [layer.bias.detach().double().abs().pow(p).tolist() for layer in chain]
    for begin in range(-1, L):  # -1: at an input, else at the bias of that layer
        first = 0 if begin < 0 else begin + 1
        units = [range(chain[0].in_features)] if begin < 0 else [range(chain[begin].out_features)]
        units += [range(chain[i].out_features) for i in range(first, L)]
        for path in product(*units):
            edges = [(i, (path[i - first + 1], path[i - first])) for i in range(first, L)]
            values = [weights[i][v][u] for i, (v, u) in edges] + (
                [biases[begin][path[0]]] if begin >= 0 else []
            )
            for k in range(len(values)):
                others = 1.0
                for j, value in enumerate(values):
                    others *= value if j != k else 1.0
                if k < len(edges):
                    kappa[edges[k][0]][0][edges[k][1]] += others
                else:
                    kappa[begin][1][path[0]] += others
    return [t.pow(2 / p) for pair in kappa for t in pair]


def every_path(build: Build, draw: Draw) -> Iterator[Pair]:
    model = net(draw)
    found = build(draw)(model)
    want = path_by_path(model, draw.arguments["p"])
    for p, kappa in zip(
        (p for layer in layers(model) for p in (layer.weight, layer.bias)), want, strict=True
    ):
        yield found[p], kappa


def rescaled(model: nn.Sequential, factors: list[Tensor]) -> nn.Sequential:
    """The same function: what leads into a hidden unit times a factor, what leads out of it divided."""
    copy = net_like(model)
    with torch.no_grad():
        chain = layers(copy)
        for here, there, factor in zip(chain, chain[1:], factors, strict=False):
            here.weight.mul_(factor[:, None])
            here.bias.mul_(factor)
            there.weight.div_(factor[None, :])
    return copy


def net_like(model: nn.Sequential) -> nn.Sequential:
    parts: list[nn.Module] = []
    for part in model:
        parts.append(
            nn.Linear(part.in_features, part.out_features) if isinstance(part, nn.Linear) else nn.ReLU()
        )
    copy = nn.Sequential(*parts).to(model[0].weight.dtype)
    copy.load_state_dict(model.state_dict())
    return copy


def hidden_factors(draw: Draw) -> list[Tensor]:
    return [draw.uniform(width, low=0.25, high=4.0, name="factor") for width in draw.shape[1:-1]]


def rescaling_scales_it_inversely(build: Build, draw: Draw) -> Iterator[Pair]:
    """Kappa times the squared weight does not change."""
    model, factors = net(draw), hidden_factors(draw)
    other = rescaled(model, factors)
    here, there = build(draw)(model), build(draw)(other)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        yield there[q] * q.detach().square(), here[p] * p.detach().square()


def trained(
    build: Build, draw: Draw, model: nn.Sequential, x: Tensor, y: Tensor, steps: int = 5
) -> nn.Sequential:
    optimizer = build(draw, model=model).object
    for _ in range(steps):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
    return model


def data(draw: Draw) -> tuple[Tensor, Tensor]:
    return draw.normal(6, draw.shape[0], name="x"), draw.normal(6, draw.shape[-1], name="y")


def steps_by_the_paper(build: Build, draw: Draw) -> Iterator[Pair]:
    model, (x, y) = net(draw), data(draw)
    params = [p for layer in layers(model) for p in (layer.weight, layer.bias)]
    optimizer = build(draw, model=model).object
    for _ in range(3):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        kappa = path_by_path(model, draw.arguments["p"])
        want = [
            p.detach().double() - draw.arguments["lr"] * p.grad.double() / k
            for p, k in zip(params, kappa, strict=True)
        ]
        optimizer.step()
        yield from zip((p.detach().clone() for p in params), want, strict=True)


def a_rescaled_net_takes_the_same_way(build: Build, draw: Draw) -> Iterator[Pair]:
    model, factors, (x, y) = net(draw), hidden_factors(draw), data(draw)
    other = rescaled(model, factors)
    trained(build, draw, other, x, y)
    trained(build, draw, model, x, y)
    yield other(x), model(x)
    for p, q in zip(rescaled(model, factors).parameters(), other.parameters(), strict=True):
        yield q.detach(), p.detach()


def a_dead_end_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    """No path leaves a layer before a last layer of zeros: kappa and gradient are 0, and the step is too."""
    model, (x, y) = net(draw), data(draw)
    with torch.no_grad():
        layers(model)[-1].weight.zero_()
    first = layers(model)[0].weight
    before = first.detach().clone()
    trained(build, draw, model, x, y, steps=1)
    yield first.detach(), before


def by_autograd(model: nn.Module, p: float = 2.0, *, power: float | None = None) -> dict[Tensor, Tensor]:
    """The derivative of the path sum by |w|^p, in one pass back."""
    chain = layers(model)
    powers = [(layer.weight.detach().abs().pow(p), layer.bias.detach().abs().pow(p)) for layer in chain]
    leaves = [t.requires_grad_() for pair in powers for t in pair]
    h = leaves[0].new_ones(chain[0].in_features)
    for weight, bias in powers:
        h = weight @ h + bias
    found = torch.autograd.grad(h.sum(), leaves)
    params = [q for layer in chain for q in (layer.weight, layer.bias)]
    return {q: k.pow(2 / p if power is None else power) for q, k in zip(params, found, strict=True)}


def no_biases(model: nn.Module, p: float = 2.0) -> dict[Tensor, Tensor]:
    chain = layers(model)
    saved = [layer.bias.detach().clone() for layer in chain]
    with torch.no_grad():
        for layer in chain:
            layer.bias.zero_()
        found = path_coefficients(model, p=p)
        for layer, bias in zip(chain, saved, strict=True):
            layer.bias.copy_(bias)
    return found


def with_the_weight(model: nn.Module, p: float = 2.0) -> dict[Tensor, Tensor]:
    return {q: kappa * q.detach().square() for q, kappa in path_coefficients(model, p=p).items()}


def by_the_root(model: nn.Module, p: float = 2.0) -> dict[Tensor, Tensor]:
    return by_autograd(model, p, power=1 / p)


class Variant(torch.optim.Optimizer):
    """Path-SGD with one thing wrong."""

    def __init__(self, model: nn.Module, lr: float, p: float = 2.0) -> None:
        self.model = model
        super().__init__(model.parameters(), {"lr": lr, "p": p})

    def kappa(self) -> Mapping[Tensor, Tensor]:
        return path_coefficients(self.model, p=self.param_groups[0]["p"])

    @torch.no_grad()
    def step(self, closure: object = None) -> None:
        kappa = self.kappa()
        for p in self.param_groups[0]["params"]:
            p.sub_(self.param_groups[0]["lr"] * self.divided(p.grad, kappa[p]))

    def divided(self, g: Tensor, kappa: Tensor) -> Tensor:
        return torch.where(kappa > 0, g / kappa, 0)


class Plain(Variant):
    def divided(self, g: Tensor, kappa: Tensor) -> Tensor:
        return g


class ByTheRoot(Variant):
    def divided(self, g: Tensor, kappa: Tensor) -> Tensor:
        return super().divided(g, kappa.sqrt())


class DividesByZero(Variant):
    def divided(self, g: Tensor, kappa: Tensor) -> Tensor:
        return g / kappa


class EpsBreaksIt(Variant):
    def divided(self, g: Tensor, kappa: Tensor) -> Tensor:
        return g / (kappa + 0.1)


class OnlyOnce(Variant):
    first: Mapping[Tensor, Tensor] | None = None

    def kappa(self) -> Mapping[Tensor, Tensor]:
        self.first = self.first or super().kappa()
        return self.first


CASES = ({"lr": 0.05, "p": 2.0}, {"lr": 0.01, "p": 1.0}, {"lr": 0.01, "p": 3.0})

SUITES = (
    Suite(
        technique="path_sgd",
        part="path_coefficients",
        subjects={"path_coefficients": path_coefficients, "by_autograd": by_autograd},
        interface=Interface("function", ("p",), ("model",), defaults={"p": 2.0}),
        cases=({"p": 2.0}, {"p": 1.0}, {"p": 3.0}),
        shapes=lambda a: ((1, 2, 1), (3, 4, 3, 2)),
        laws=(
            Law("every_path", r"$$ \kappa_e = (\sum_{\text{paths through } e} \prod_{e' \ne e} |w_{e'}|^p)^{2/p} $$ path by path.", every_path, {torch.float64: 1e-10, torch.float32: 1e-4}),
            Law("rescaling_scales_it_inversely", r"$$ \kappa_e w_e^2 $$ does not change when a hidden unit is rescaled.", rescaling_scales_it_inversely, {torch.float64: 1e-10}),
        ),
        twins=(
            Twin("no_biases", no_biases, "paths that begin at a bias are left out."),
            Twin("with_the_weight", with_the_weight, "the weight itself is in the product; leave it out."),
            Twin("by_the_root", by_the_root, "your exponent is 1/p; it is 2/p, or a rescaling changes the step."),
        ),
    ),
    Suite(
        technique="path_sgd",
        part="PathSGD",
        subjects={"PathSGD": PathSGD},
        interface=interface("lr", "p", p=2.0),
        cases=CASES,
        shapes=lambda a: ((1, 2, 1), (3, 4, 3, 2)),
        laws=(
            Law("by_the_paper", r"$$ w_e \leftarrow w_e - \frac{\eta}{\kappa_e} \frac{\partial L}{\partial w_e} $$", steps_by_the_paper, HELD),
            Law("a_rescaled_net_takes_the_same_way", "A net with rescaled hidden units stays the rescaled net after five steps.", a_rescaled_net_takes_the_same_way, {torch.float64: 1e-8}),
            Law("a_dead_end_stays", "Where no path goes on, nothing moves and nothing becomes NaN.", a_dead_end_stays, {torch.float64: 0.0}),
        ),
        twins=(
            Twin("plain", Plain, "yours is plain descent: a rescaled net goes elsewhere."),
            Twin("by_the_root", ByTheRoot, "you divide by the root of kappa."),
            Twin("divides_by_zero", DividesByZero, "where kappa is 0 so is the gradient; 0 / 0 is NaN."),
            Twin("eps", EpsBreaksIt, "your eps in the denominator is not rescaled, and breaks the invariance."),
            Twin("only_once", OnlyOnce, "kappa is that of the start; it changes with the weights."),
        ),
    ),
)  # fmt: skip
