"""Laws of adaptive gradient clipping, from Eq. 3 of the paper, unit by unit."""

from collections.abc import Callable, Iterator
from math import sqrt

import torch
from torch import Tensor

from vademecum.optim.adaptive_clipping import adaptive_clip_gradients_

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def units(x: Tensor) -> list[list[float]]:
    """The rows of a matrix or kernel; a vector is one unit."""
    return x.double().flatten(1).tolist() if x.ndim > 1 else [x.double().tolist()]


def length(values: list[float]) -> float:
    return sqrt(sum(value * value for value in values))


def by_the_paper(weight: Tensor, gradient: Tensor, clipping: float, eps: float) -> Tensor:
    want = []
    for w, g in zip(units(weight), units(gradient), strict=True):
        scale = max(length(w), eps)
        ratio = length(g) / scale
        want += [v * clipping * scale / length(g) if ratio > clipping else v for v in g]
    return torch.tensor(want, dtype=torch.float64).reshape(gradient.shape)


def drawn(draw: Draw, *, weight: float = 1.0, gradient: float = 1.0) -> Tensor:
    p = draw.normal(std=weight, name="weight").requires_grad_()
    p.grad = draw.normal(std=gradient, name="gradient")
    return p


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    for weight, gradient in ((1.0, 1.0), (1.0, a["clipping"]), (0.0, 1.0)):
        p = drawn(draw, weight=weight, gradient=gradient)
        want = by_the_paper(p.detach(), p.grad, a["clipping"], a["eps"])
        build(draw)([p])
        yield p.grad, want


def a_short_gradient_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    p = drawn(draw, gradient=0.0)
    p.grad = 0.9 * draw.arguments["clipping"] * p.detach()
    before = p.grad.clone()
    build(draw)([p])
    yield p.grad, before
    p.grad = torch.zeros_like(p)
    build(draw)([p])
    yield p.grad, torch.zeros_like(p)


def weight_and_gradient_scale_together(build: Build, draw: Draw) -> Iterator[Pair]:
    p = drawn(draw, weight=10.0, gradient=10.0)
    q = (16 * p.detach()).requires_grad_()
    q.grad = 16 * p.grad
    build(draw)([p, q])
    yield q.grad / 16, p.grad


def what_is_left_out_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    p, head = drawn(draw), drawn(draw)
    before = head.grad.clone()
    want = by_the_paper(p.detach(), p.grad, draw.arguments["clipping"], draw.arguments["eps"])
    build(draw)([p, head], exclude=[head])
    yield head.grad, before
    yield p.grad, want


def variant(
    norm: Callable[[Tensor], Tensor] | None = None,
    *,
    always: bool = False,
    no_floor: bool = False,
    excludes: bool = True,
    of_gradient: bool = False,
) -> Callable[..., None]:
    """Adaptive clipping with one thing wrong."""

    def rows(x: Tensor) -> Tensor:
        return x.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.ndim - 1)) if x.ndim > 1 else x.norm()

    measure = norm or rows

    def twin(
        parameters: list[Tensor], clipping: float = 0.01, eps: float = 1e-3, exclude: tuple = ()
    ) -> None:
        left_out = {id(p) for p in exclude} if excludes else set()
        for p in parameters:
            if id(p) not in left_out:
                w, g = measure(p.detach()), measure(p.grad)
                w = w if no_floor else w.clamp(min=eps)
                allowed = clipping * (torch.ones_like(w) if of_gradient else w)
                factor = allowed / g.clamp(min=1e-30)
                p.grad.mul_(factor if always else factor.clamp(max=1))

    return twin


def columns(x: Tensor) -> Tensor:
    return x.norm(dim=0, keepdim=True) if x.ndim > 1 else x.norm()


SUITES = (
    Suite(
        technique="adaptive_clipping",
        part="adaptive_clip_gradients_",
        subjects={"adaptive_clip_gradients_": adaptive_clip_gradients_},
        interface=Interface(
            "function", ("clipping", "eps"), ("parameters",), defaults={"clipping": 0.01, "eps": 1e-3},
            aliases={"clipping": ("clip_factor", "lambda_", "clip")},
        ),
        cases=({"clipping": 0.01, "eps": 1e-3}, {"clipping": 0.5, "eps": 0.1}),
        shapes=lambda a: ((3,), (3, 2), (4, 3, 2, 2)),
        laws=(
            Law("by_the_paper", r"$$ G_i \leftarrow \lambda \|W_i\|^\star G_i / \|G_i\| \text{ if } \|G_i\| > \lambda \|W_i\|^\star $$", equation, {torch.float64: 1e-12, torch.float32: 1e-5}),
            Law("a_short_gradient_stays", "What is below the threshold stays, bit for bit, and so does 0.", a_short_gradient_stays, {**EXACT, torch.float32: 0.0}),
            Law("weight_and_gradient_scale_together", r"$$ \hat G(a W, a G) = a \hat G(W, G) $$ above the floor.", weight_and_gradient_scale_together, {torch.float64: 1e-12}),
            Law("what_is_left_out_stays", "Excluded parameters keep their gradients.", what_is_left_out_stays, {torch.float64: 1e-12}),
        ),
        twins=(
            Twin("columns", variant(columns), "your units are columns: a unit is a row, the weights that lead into it."),
            Twin("whole_tensors", variant(torch.Tensor.norm), "you clip each tensor as a whole; clip each unit."),
            Twin("always", variant(always=True), "you scale short gradients up."),
            Twin("no_floor", variant(no_floor=True), "weights of 0 can never move: count them with eps at least."),
            Twin("not_relative", variant(of_gradient=True), "your threshold does not follow the weight."),
            Twin("excludes_nothing", variant(excludes=False), "what is to be left out is clipped too."),
        ),
    ),
)  # fmt: skip
