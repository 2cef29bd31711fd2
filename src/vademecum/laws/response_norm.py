"""Laws of local response normalization, from section 3.3 of the paper, and of torch's reading of it."""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.norm.response_norm import alexnet_response_norm

from ._suite import EXACT, IDENTITY, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_paper(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """The paper's equation in loops: the sum runs from max(0, i - n/2) to min(N - 1, i + n/2)."""
    y = torch.empty_like(x)
    channels = x.shape[1]
    for b, i, *place in product(*(range(length) for length in x.shape)):
        window = range(max(0, i - size // 2), min(channels - 1, i + size // 2) + 1)
        total = sum(float(x[(b, j, *place)]) ** 2 for j in window)
        y[(b, i, *place)] = x[(b, i, *place)] / (k + alpha * total) ** beta
    return y


def vectorized(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """The same with a matrix that says who is whose neighbor, for gradients."""
    channel = torch.arange(x.shape[1])
    neighbors = ((channel[:, None] - channel).abs() <= size // 2).to(x.dtype)
    return x / (k + alpha * torch.einsum("ij,bj...->bi...", neighbors, x.square())) ** beta


def laws(per_channel: bool) -> tuple[Law, ...]:
    """What must hold; `per_channel` is torch's reading, in which alpha is divided by the window's size."""

    def terms(a: Arguments) -> tuple[int, float, float, float]:
        return a["size"], a["alpha"] / a["size"] if per_channel else a["alpha"], a["beta"], a["k"]

    def equation(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw)
        x = draw.normal(mean=0.5, std=2.0)
        yield norm(x), by_the_paper(x.double(), *terms(norm.arguments))

    def gradient(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw)
        x, upstream = draw.normal(std=2.0).requires_grad_(), draw.normal(name="upstream")
        (got,) = torch.autograd.grad((norm(x) * upstream).sum(), x)
        leaf = x.detach().double().requires_grad_()
        yield (
            got,
            torch.autograd.grad((vectorized(leaf, *terms(norm.arguments)) * upstream.double()).sum(), leaf)[
                0
            ],
        )

    def alone_in_its_window(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw)
        size, alpha, beta, k = terms(norm.arguments)
        x = torch.zeros(1, 4 * size + 1, *draw.shape[2:], dtype=draw.dtype)
        x[:, 2 * size] = draw.normal(*draw.shape[2:], std=2.0)
        middle = x[:, 2 * size]
        yield norm(x)[:, 2 * size], middle / (k + alpha * middle.square()) ** beta

    def order_of_channels(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw)
        x = draw.normal(std=2.0)
        yield norm(x.flip(1)), norm(x).flip(1)

    def places_do_not_mix(build: Build, draw: Draw) -> Iterator[Pair]:
        norm = build(draw)
        x = draw.normal(std=2.0)
        rows = (
            x.flatten(2).transpose(1, 2).reshape(-1, x.shape[1], *[1] * (x.dim() - 2))
        )  # each pixel an example
        y = norm(rows).reshape(len(x), -1, x.shape[1]).transpose(1, 2).reshape(x.shape)
        yield norm(x), y

    def empty_batch(build: Build, draw: Draw) -> Iterator[Pair]:
        x = torch.zeros(0, *draw.shape[1:], dtype=draw.dtype)
        yield build(draw)(x), x

    share = r"\frac{\alpha}{n}" if per_channel else r"\alpha"
    return (
        Law("by_the_paper", rf"$$ b_i = a_i / (k + {share} \sum_j a_j^2)^\beta $$", equation, {**IDENTITY, torch.float32: 1e-4}),
        Law("gradient", "The gradient flows through the sum of squares.", gradient, {**IDENTITY, torch.float32: 1e-4}),
        Law("alone_in_its_window", "A channel without active neighbors is damped by itself alone.", alone_in_its_window),
        Law("order_of_channels", "Neighbors above count as those below.", order_of_channels, {torch.float64: 1e-12}),
        Law("places_do_not_mix", "Each pixel is on its own.", places_do_not_mix),
        Law("empty_batch", "An empty batch gives an empty batch.", empty_batch, EXACT),
    )  # fmt: skip


class Variant(nn.Module):
    """Local response normalization with one thing wrong; alpha is the paper's."""

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def sum(self, squares: Tensor) -> Tensor:
        return self.window(squares, self.size // 2, self.size // 2)

    def window(self, squares: Tensor, below: int, above: int) -> Tensor:
        channel = torch.arange(squares.shape[1])
        apart = channel - channel[:, None]
        return torch.einsum(
            "ij,bj...->bi...", ((-below <= apart) & (apart <= above)).to(squares.dtype), squares
        )

    def forward(self, x: Tensor) -> Tensor:
        return x / (self.k + self.alpha * self.sum(x.square())) ** self.beta


class HalfTheWindow(Variant):
    def sum(self, squares: Tensor) -> Tensor:
        return self.window(squares, self.size // 2, 0)


class WholeSizeEachSide(Variant):
    def sum(self, squares: Tensor) -> Tensor:
        return self.window(squares, self.size, self.size)


class NotSquared(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return x / (self.k + self.alpha * self.sum(x.abs())) ** self.beta


class MeanOfTheCutWindow(Variant):
    def sum(self, squares: Tensor) -> Tensor:
        return super().sum(squares) / super().sum(torch.ones_like(squares)) * self.size


class WrapsAround(Variant):
    def sum(self, squares: Tensor) -> Tensor:
        reach = range(-(self.size // 2), self.size // 2 + 1)
        return torch.stack([squares.roll(step, 1) for step in reach]).sum(0)


class InSpace(Variant):
    def sum(self, squares: Tensor) -> Tensor:
        reach = range(-(self.size // 2), self.size // 2 + 1)
        return torch.stack([squares.roll(step, -1) for step in reach]).sum(0)


class ConstantSum(Variant):
    def sum(self, squares: Tensor) -> Tensor:
        return super().sum(squares).detach()


class RefusesEmpty(Variant):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(len(x), -1).reshape(x.shape))


def reads_alpha(variant: type[Variant], *, per_channel: bool) -> Callable[..., nn.Module]:
    """A twin under the paper's or torch's reading of alpha."""

    class Reads(variant):  # type: ignore[misc, valid-type]
        def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
            super().__init__(size, alpha / size if per_channel else alpha, beta, k)

    return Reads


TWINS = (
    ("half_the_window", HalfTheWindow, "your window reaches down only; it is centered on the channel."),
    ("whole_size_each_side", WholeSizeEachSide, "your window reaches n to each side; it reaches n / 2."),
    ("not_squared", NotSquared, "your sum is of absolute values; it is of squares."),
    ("mean_of_the_cut_window", MeanOfTheCutWindow, "your sum is rescaled at the first and last channels; the window is just cut off there."),
    ("wraps_around", WrapsAround, "your window wraps around from the last channel to the first."),
    ("in_space", InSpace, "your window runs over space; it runs over channels."),
    ("constant_sum", ConstantSum, "your sum of squares is cut off from the gradient."),
    ("refuses_empty", RefusesEmpty, "your layer fails on an empty batch."),
)  # fmt: skip


def suite(part: str, kind: str, subjects: dict[str, object], alpha_twin: Twin, *, per_channel: bool) -> Suite:
    """The suite of one reading of alpha."""
    return Suite(
        technique="response_norm",
        part=part,
        subjects=subjects,
        interface=Interface(
            kind=kind,
            arguments=("size", "alpha", "beta", "k"),
            aliases={"input": ("x",), "size": ("n", "local_size", "depth_radius"), "k": ("bias",)},
        ),
        cases=(
            {"size": 3, "alpha": 0.5, "beta": 1.0, "k": 1.0},
            {"size": 5, "alpha": 0.1, "beta": 0.75, "k": 2.0},
        ),
        shapes=lambda a: ((2, a["size"] + 1, 2), (2, a["size"] + 2, 2, 3)),
        laws=laws(per_channel),
        twins=(
            alpha_twin,
            *(
                Twin(name, reads_alpha(variant, per_channel=per_channel), pitfall)
                for name, variant, pitfall in TWINS
            ),
        ),
    )


SUITES = (
    suite(
        "alexnet_response_norm",
        "module",
        {"alexnet_response_norm": alexnet_response_norm},
        Twin("divides_alpha", nn.LocalResponseNorm, "your alpha is divided by the window's size, as torch's is; the paper's is not."),
        per_channel=False,
    ),
    suite(
        "LocalResponseNorm",
        "function",
        {"LocalResponseNorm": nn.LocalResponseNorm, "functional.local_response_norm": F.local_response_norm},
        Twin("paper_alpha", Variant, "your alpha is the paper's; torch's is divided by the window's size."),
        per_channel=True,
    ),
)  # fmt: skip
