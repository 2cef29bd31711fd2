"""What the laws of the dropouts share: the mask, its share, its shape, and the sum over all masks."""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor, nn

from ._suite import EXACT, Arguments, Build, Draw, Law, Pair, Twin

COUNT = 40_000
"""Draws for the statistical laws: five standard errors of a share are at most 5 / (2 sqrt(40000)) = 0.0125."""

SAMPLED = {torch.float64: 0.0125}

P_ALIASES = {"p": ("rate", "drop", "drop_prob", "drop_rate", "dropout", "dropout_p", "prob")}

Shared = Callable[[Arguments], tuple[int, ...]]
"""From the arguments to the dimensions over which a mask is one and the same."""


def many(draw: Draw, shared: tuple[int, ...]) -> Tensor:
    """Ones, in a shape like the main one with `COUNT` masked numbers that are independent."""
    shape = [2 if d in shared else 4 for d in range(len(draw.shape))]
    free = [d for d in range(len(shape)) if d not in shared]
    shape[free[0]] = COUNT // 4 ** (len(free) - 1)
    return torch.ones(shape, dtype=draw.dtype)


def by_pattern(dropout: Callable[[Tensor], Tensor], x: Tensor, p: float) -> list[tuple[float, Tensor]]:
    """Every mask of K values, with its exact probability and the output under it.

    The masks are found among many rows: with K = 3 and p no nearer to 0 or 1 than 0.2, the rarest of the 8 has a
    probability of 0.008, and is missed among 4096 rows once in 10^14 times.
    """
    rows = dropout(x.expand(4096, len(x)))
    found = []
    for kept in product([False, True], repeat=len(x)):
        same = ((rows != 0) == torch.tensor(kept)).all(1)
        chance = 1.0
        for one in kept:
            chance *= 1 - p if one else p
        found.append((chance, rows[same][0]))
    return found


def evaluation_is_the_identity(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw).eval()(x), x


def kept_values_are_scaled(build: Build, draw: Draw) -> Iterator[Pair]:
    dropout = build(draw).train()
    x = draw.normal(mean=3.0)
    y = dropout(x)
    yield y, torch.where(y == 0, 0.0, x / (1 - draw.arguments["p"]))


def gradient_is_the_factor(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(mean=3.0).requires_grad_()
    y = build(draw).train()(x)
    yield torch.autograd.grad(y.sum(), x)[0], (y / x).detach()


def drawn_anew(build: Build, draw: Draw, shared: Shared) -> Iterator[Pair]:
    dropout, p = build(draw).train(), draw.arguments["p"]
    x = many(draw, shared(draw.arguments))
    both = (dropout(x) == 0) & (dropout(x) == 0)
    yield both.double().mean(), torch.tensor(p * p, dtype=torch.float64)


def share_dropped(build: Build, draw: Draw, shared: Shared) -> Iterator[Pair]:
    y = build(draw).train()(many(draw, shared(draw.arguments)))
    yield (y == 0).double().mean(), torch.tensor(draw.arguments["p"], dtype=torch.float64)


def neighbors_are_independent(build: Build, draw: Draw, shared: Shared) -> Iterator[Pair]:
    over, p = shared(draw.arguments), draw.arguments["p"]
    dropped = build(draw).train()(many(draw, over)) == 0
    for d in range(dropped.dim()):
        if d not in over:
            both = dropped & dropped.roll(1, d)
            yield both.double().mean(), torch.tensor(p * p, dtype=torch.float64)


def one_mask_over(build: Build, draw: Draw, shared: Shared) -> Iterator[Pair]:
    over = shared(draw.arguments)
    kept = (build(draw).train()(many(draw, over)) != 0).double()
    yield kept, kept.amax(over, keepdim=True).expand(kept.shape)


def at_zero_and_one(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw, p=0.0).train()(x), x
    yield build(draw, p=1.0).train()(x), torch.zeros_like(x)


def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
    yield build(draw).train()(x), x


def input_is_untouched(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    before = x.clone()
    build(draw).train()(x)
    yield x, before


def with_shape(
    check: Callable[..., Iterator[Pair]], shared: Shared
) -> Callable[[Build, Draw], Iterator[Pair]]:
    def asked(build: Build, draw: Draw) -> Iterator[Pair]:
        return check(build, draw, shared)

    return asked


def mask_laws(shared: Shared, equation: str = "") -> tuple[Law, ...]:
    """The laws of inverted dropout whose mask is one over some dimensions.

    Args:
        shared: these dimensions.
        equation: says so; "" where there are none.
    """
    laws = [
        Law("evaluation_is_the_identity", r"$$ y = x $$ in evaluation.", evaluation_is_the_identity, EXACT),
        Law("kept_values_are_scaled", r"$$ y \in \{0,\ x / (1 - p)\} $$", kept_values_are_scaled),
        Law("gradient_is_the_factor", r"$$ \partial y / \partial x = m / (1 - p) $$", gradient_is_the_factor),
        Law("share_dropped", r"$$ P(m = 0) = p $$", with_shape(share_dropped, shared), SAMPLED),
        Law("drawn_anew", "Each pass draws anew.", with_shape(drawn_anew, shared), SAMPLED),
        Law("neighbors_are_independent", r"$$ P(m_i = m_j = 0) = p^2 $$", with_shape(neighbors_are_independent, shared), SAMPLED),
        Law("at_zero_and_one", "With p = 0 it is the identity, with p = 1 the output is 0, and a number.", at_zero_and_one, EXACT),
        Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
        Law("input_is_untouched", "The input is not overwritten.", input_is_untouched, EXACT),
    ]  # fmt: skip
    if equation:
        laws.append(Law("one_mask", equation, with_shape(one_mask_over, shared), EXACT))
    return tuple(laws)


class Masked(nn.Module):
    """Inverted dropout, in parts that the twins replace."""

    shared: Shared = staticmethod(lambda a: ())

    def __init__(self, p: float = 0.5, batch_first: bool = False) -> None:
        super().__init__()
        self.p, self.batch_first = p, batch_first

    def dims(self) -> tuple[int, ...]:
        return type(self).shared({"p": self.p, "batch_first": self.batch_first})

    def ones(self, x: Tensor) -> Tensor:
        return x.new_ones([1 if d in self.dims() else size for d, size in enumerate(x.shape)])

    def kept(self, x: Tensor) -> Tensor:
        ones = self.ones(x)
        return (torch.rand_like(ones) >= self.p).to(x.dtype)

    def scale(self) -> float:
        return 1 / (1 - self.p) if self.p < 1 else 0.0

    def factor(self, x: Tensor) -> Tensor:
        return self.kept(x) * self.scale()

    def evaluate(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor(x) if self.training else self.evaluate(x)


def mask_twins(over: Shared, *, wrong: Shared, says: str) -> tuple[Twin, ...]:
    """The twins that `mask_laws` catch.

    Args:
        over: the dimensions over which the mask is one.
        wrong: other dimensions.
        says: what to tell somebody who takes these.
    """

    class Right(Masked):
        shared = staticmethod(over)

    class Unscaled(Right):
        def scale(self) -> float:
            return 1.0

    class Keeps(Right):
        def kept(self, x: Tensor) -> Tensor:
            return (torch.rand_like(self.ones(x)) < self.p).to(x.dtype)

    class DividesByP(Right):
        def scale(self) -> float:
            return 1 / self.p if self.p else 1.0

    class Plain(Unscaled):
        def evaluate(self, x: Tensor) -> Tensor:
            return x * (1 - self.p)

    class AlwaysOn(Right):
        def evaluate(self, x: Tensor) -> Tensor:
            return x * self.factor(x)

    class DrawnOnce(Right):
        def kept(self, x: Tensor) -> Tensor:
            numbers = torch.rand(self.ones(x).shape, generator=torch.Generator().manual_seed(0))
            return (numbers >= self.p).to(x.dtype)

    class GradientOne(Right):
        def forward(self, x: Tensor) -> Tensor:
            return x + (super().forward(x) - x).detach()

    class NotANumber(Right):
        def scale(self) -> float:
            return 1 / (1 - self.p) if self.p < 1 else float("inf")

    class RefusesEmpty(Right):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (len(x) / len(x))

    class InPlace(Right):
        def forward(self, x: Tensor) -> Tensor:
            y = super().forward(x)
            if not x.requires_grad:
                x.copy_(y)
            return y

    class WrongShape(Right):
        shared = staticmethod(wrong)

    return (
        Twin("unscaled", Unscaled, "what is kept is not scaled by 1 / (1 - p) in training."),
        Twin("keeps_with_p", Keeps, "your p is the probability of keeping; here it is that of dropping."),
        Twin(
            "divides_by_p",
            DividesByP,
            "you divide by the probability of dropping; divide by that of keeping.",
        ),
        Twin(
            "plain", Plain, "you scale in evaluation, as the first paper did; this form scales in training."
        ),
        Twin("always_on", AlwaysOn, "you drop in evaluation too."),
        Twin("drawn_once", DrawnOnce, "you use the same mask in every pass."),
        Twin("gradient_one", GradientOne, "the gradient does not pass through your mask."),
        Twin("not_a_number", NotANumber, "with p = 1 you divide 0 by 0."),
        Twin("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
        Twin("in_place", InPlace, "you overwrite your input."),
        Twin("wrong_shape", WrongShape, says),
    )
