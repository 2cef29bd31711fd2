"""Laws of weight normalization from section 2 of the paper, and of its start from data."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import register_parametrization

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weight_norm_start import START, lengths_and_directions


def parts(v: Tensor, dim: int | None) -> list[tuple[tuple[int, ...], ...]]:
    """The places of v that share a length: one list for each slice along dim, or one of all."""
    places = list(product(*map(range, v.shape)))
    if dim is None:
        return [tuple(places)]
    return [tuple(place for place in places if place[dim] == i) for i in range(v.shape[dim])]


def by_the_paper(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """Eq. 2, w = g v / |v|, vector by vector."""
    w = torch.empty(v.shape, dtype=torch.float64)
    for length, places in zip(g.flatten().tolist(), parts(v, dim), strict=True):
        norm = sum(v[place].item() ** 2 for place in places) ** 0.5
        for place in places:
            w[place] = length * v[place].item() / norm
    return w


def built(build: Build, draw: Draw) -> tuple[Any, Tensor, Tensor]:
    """A normalized linear layer with drawn g and v."""
    layer = build(draw)(nn.Linear(draw.shape[1], draw.shape[0], bias=False).to(draw.dtype))
    g, v = lengths_and_directions(layer)
    with torch.no_grad():
        g.copy_(draw.uniform(g.numel(), low=-2.0, high=2.0, name="g").reshape(g.shape))
        v.copy_(draw.normal(*v.shape, name="v"))
    return layer, g, v


def applied(layer: Any) -> Tensor:
    """The weight by what the layer does to unit vectors."""
    return layer(torch.eye(layer.in_features, dtype=next(layer.parameters()).dtype)).T


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, g, v = built(build, draw)
    yield applied(layer), by_the_paper(g, v, draw.arguments["dim"])


def equation_of_kernels(build: Build, draw: Draw) -> Iterator[Pair]:
    for conv in (nn.Conv1d(2, 3, 2), nn.ConvTranspose1d(2, 3, 2)):
        conv = build(draw)(conv.to(draw.dtype))
        g, v = lengths_and_directions(conv)
        with torch.no_grad():
            g.copy_(draw.uniform(g.numel(), low=0.5, high=2.0, name="g").reshape(g.shape))
            v.copy_(draw.normal(*v.shape, name="v"))
        conv(torch.ones(1, 2, 3, dtype=draw.dtype))
        yield conv.weight, by_the_paper(g, v, draw.arguments["dim"])


def starts_where_it_stood(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = nn.Linear(draw.shape[1], draw.shape[0], bias=False).to(draw.dtype)
    with torch.no_grad():
        layer.weight.copy_(draw.normal(name="weight"))
    before = layer.weight.detach().clone()
    yield applied(build(draw)(layer)), before


def gradients(layer: Any, g: Tensor, v: Tensor, upstream: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad((applied(layer) * upstream).sum(), [g, v])


def closed_forms(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, g, v = built(build, draw)
    upstream = draw.normal(name="upstream")
    to_g, to_v = gradients(layer, g, v, upstream)
    w = by_the_paper(g, v, draw.arguments["dim"])
    want_g, want_v = [], torch.empty_like(w)
    for length, places in zip(g.flatten().tolist(), parts(v, draw.arguments["dim"]), strict=True):
        norm = sum(v[place].item() ** 2 for place in places) ** 0.5
        want_g.append(sum(upstream[place].item() * v[place].item() for place in places) / norm)
        inner = sum(w[place].item() * upstream[place].item() for place in places) / length**2  # |w| = |g|
        for place in places:
            want_v[place] = length / norm * (upstream[place].item() - w[place].item() * inner)
    yield to_g, torch.tensor(want_g, dtype=torch.float64).reshape(g.shape)
    yield to_v, want_v


def orthogonal(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, g, v = built(build, draw)
    _, to_v = gradients(layer, g, v, draw.normal(name="upstream"))
    along = [
        sum((to_v[place] * v[place]).item() for place in places) for places in parts(v, draw.arguments["dim"])
    ]
    yield torch.tensor(along), torch.zeros(len(along))


def descent_lengthens(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, g, v = built(build, draw)
    _, to_v = gradients(layer, g, v, draw.normal(name="upstream"))
    after = v.detach() - 0.3 * to_v
    for places in parts(v, draw.arguments["dim"]):
        index = tuple(torch.tensor(places).T)
        c = 0.3 * to_v[index].norm() / v[index].norm()
        yield after[index].norm(), (1 + c**2).sqrt() * v.detach()[index].norm()


def length_of_v_has_no_effect(build: Build, draw: Draw) -> Iterator[Pair]:
    layer, _, v = built(build, draw)
    before = applied(layer).detach()
    with torch.no_grad():
        v.mul_(0.01)
    yield applied(layer), before


class Normalized(nn.Module):
    """g v / |v| as a parametrization, for twins."""

    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def norm(self, v: Tensor) -> Tensor:
        if self.dim is None:
            return v.norm()
        return v.norm(dim=[d for d in range(v.dim()) if d != self.dim], keepdim=True)

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return g * v / self.norm(v)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self.norm(weight).detach(), weight


class WrongDimension(Normalized):
    def norm(self, v: Tensor) -> Tensor:
        if self.dim is None:
            return v.norm()
        return (
            v.norm(dim=self.dim, keepdim=True)
            .mean()
            .expand([n if d == self.dim else 1 for d, n in enumerate(v.shape)])
        )


class ConstantNorm(Normalized):
    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return g * v / self.norm(v).detach()


class ForgetsLength(Normalized):
    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return v / self.norm(v) + 0 * g


class ForgetsDivision(Normalized):
    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return g * v

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(self.norm(weight)), weight


class SquaredNorm(Normalized):
    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return g * v / self.norm(v).square()


class StartsAtOne(Normalized):
    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(self.norm(weight)), weight


class LogarithmicLength(Normalized):
    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        return g.exp() * v / self.norm(v)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self.norm(weight).detach().log(), weight


def applying(kind: type[Normalized]) -> Callable[..., nn.Module]:
    def twin(module: nn.Module, dim: int | None = 0) -> nn.Module:
        register_parametrization(module, "weight", kind(dim), unsafe=True)
        return module

    return twin


SUITES = (
    Suite(
        technique="weight_norm",
        part="weight_norm",
        subjects={"weight_norm": weight_norm},
        interface=Interface(kind="function", inputs=("module",), arguments=("dim",), defaults={"dim": 0}),
        cases=({"dim": 0}, {"dim": 1}, {"dim": None}),
        shapes=lambda a: ((2, 2), (3, 2)),
        laws=(
            Law("equation", r"$$ w = g \, v / \|v\| $$", equation),
            Law("equation_of_kernels", "The same for kernels: the length runs over all dimensions but dim.", equation_of_kernels),
            Law("starts_where_it_stood", r"At first v = w and g = |w|: the layer computes what it did.", starts_where_it_stood),
            Law("closed_forms", r"$$ \nabla_g L = \frac{\nabla_w L \cdot v}{\|v\|}, \quad \nabla_v L = \frac{g}{\|v\|} \left(I - \frac{w w^\top}{\|w\|^2}\right) \nabla_w L $$", closed_forms),
            Law("orthogonal", r"$$ \nabla_v L \cdot v = 0 $$", orthogonal),
            Law("descent_lengthens", r"$$ \|v - \eta \nabla_v L\| = \sqrt{1 + c^2} \, \|v\|, \quad c = \eta \|\nabla_v L\| / \|v\| $$", descent_lengthens),
            Law("length_of_v_has_no_effect", r"$$ w(g, c v) = w(g, v), \quad c > 0 $$", length_of_v_has_no_effect),
        ),
        twins=(
            Twin("wrong_dimension", applying(WrongDimension), "your length runs over dim; it runs over all dimensions but dim."),
            Twin("constant_norm", applying(ConstantNorm), "your gradient takes |v| for a constant, so that v grows along itself."),
            Twin("forgets_length", applying(ForgetsLength), "your weight has length 1: g is not applied."),
            Twin("forgets_division", applying(ForgetsDivision), "your v is not divided by its length."),
            Twin("squared_norm", applying(SquaredNorm), "you divide by the square of the length."),
            Twin("starts_at_one", applying(StartsAtOne), "your g starts at 1: the layer no longer computes what it did."),
            Twin("logarithmic_length", applying(LogarithmicLength), "your g is the logarithm of the length; the paper's is the length itself."),
        ),
    ),
    START,
)  # fmt: skip
