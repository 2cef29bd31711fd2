"""Laws of pooling: windows in loops; the random choice by its frequencies."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.nn.conv.pooling import AvgPool2d, LPPool2d, MaxPool2d, MixedPool2d, StochasticPool2d

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def windows(x: Tensor, k: int, s: int) -> tuple[list[list[float]], tuple[int, ...]]:
    """The values of every window, row by row, and the shape of the output."""
    batch, channels, height, width = x.shape
    rows, columns = (height - k) // s + 1, (width - k) // s + 1
    found = [
        [float(x[b, c, i * s + u, j * s + v]) for u in range(k) for v in range(k)]
        for b in range(batch) for c in range(channels) for i in range(rows) for j in range(columns)
    ]  # fmt: skip
    return found, (batch, channels, rows, columns)


def by_window(x: Tensor, a, function) -> Tensor:
    found, shape = windows(x.double(), a["kernel_size"], a["stride"])
    return torch.tensor([function(w) for w in found], dtype=torch.float64).reshape(shape)


def mean(w: list[float]) -> float:
    return sum(w) / len(w)


def expectation(w: list[float]) -> float:
    return sum(v * v for v in w) / sum(w) if sum(w) else 0.0


def positive(draw: Draw) -> tuple[Tensor, ...]:
    return (draw.normal().relu(),)


def maximum(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(mean=-1.0)
    yield build(draw)(x), by_window(x, draw.arguments, max)


def average(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield build(draw)(x), by_window(x, draw.arguments, mean)


def p_norm(build: Build, draw: Draw) -> Iterator[Pair]:
    x, p = draw.uniform(), draw.arguments["norm_type"]
    yield build(draw)(x), by_window(x, draw.arguments, lambda w: sum(v**p for v in w) ** (1 / p))


def mixture(build: Build, draw: Draw) -> Iterator[Pair]:
    pool, x = build(draw), draw.normal(mean=-1.0)
    share = draw.arguments["start"]
    yield pool(x), by_window(x, draw.arguments, lambda w: share * max(w) + (1 - share) * mean(w))


def mixture_gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    """The proportion learns from how much larger the maximum is than the mean."""
    pool, x = build(draw), draw.normal()
    upstream = draw.normal(*pool(x).shape, name="upstream")
    (got,) = torch.autograd.grad((pool(x) * upstream).sum(), pool["logit"])
    share = draw.arguments["start"]
    gap = by_window(x, draw.arguments, lambda w: max(w) - mean(w))
    yield got.sum(), (upstream.double() * gap).sum() * share * (1 - share)


def expected_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    (x,) = positive(draw)
    yield build(draw).eval()(x), by_window(x, draw.arguments, expectation)


def picks_one_of_the_window(build: Build, draw: Draw) -> Iterator[Pair]:
    (x,) = positive(draw)
    picked = build(draw).train()(x).double()
    found, shape = windows(x.double(), draw.arguments["kernel_size"], draw.arguments["stride"])
    nearest = [min(w, key=lambda v, p=p: abs(v - p)) for w, p in zip(found, picked.flatten().tolist())]
    yield picked, torch.tensor(nearest, dtype=torch.float64).reshape(shape)


def as_often_as_its_share(build: Build, draw: Draw) -> Iterator[Pair]:
    """Of 4000 draws from one window each value is picked within 5 deviations of its share."""
    size, count = draw.arguments["kernel_size"], 4000
    window = torch.arange(1.0, size * size + 1).reshape(1, 1, size, size)
    picked = build(draw).train()(window.expand(count, 1, size, size).to(draw.dtype)).flatten().double()
    for value in window.flatten().tolist():
        share = value / float(window.sum())
        z = ((picked == value).double().mean() - share) / (share * (1 - share) / count) ** 0.5
        yield z.clamp(-5, 5), z


def windows_draw_for_themselves(build: Build, draw: Draw) -> Iterator[Pair]:
    """Two windows agree as often as chance has it: sum p_i^2, within 5 deviations."""
    size, count = draw.arguments["kernel_size"], 4000
    window = torch.arange(1.0, size * size + 1).reshape(1, 1, size, size).to(draw.dtype)
    x = torch.cat([window.expand(count, 1, size, size)] * 2, 1)
    picked = build(draw).train()(x)
    first, second = picked[:, 0].flatten(), picked[:, 1].flatten()
    shares = window.flatten().double() / window.double().sum()
    agree = float(shares.square().sum())
    z = ((first == second).double().mean() - agree) / (agree * (1 - agree) / count) ** 0.5
    yield z.clamp(-5, 5), z


def zeros_give_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.arguments["kernel_size"]
    x = torch.zeros(1, 1, size, size, dtype=draw.dtype)
    yield build(draw).train()(x), torch.zeros(1, 1, 1, 1)
    yield build(draw).eval()(x), torch.zeros(1, 1, 1, 1)


def the_gradient_goes_to_what_was_picked(build: Build, draw: Draw) -> Iterator[Pair]:
    size = draw.arguments["kernel_size"]
    x = draw.uniform(3, 2, size, size, low=0.1).requires_grad_()
    y = build(draw).train()(x)
    yield torch.autograd.grad(y.sum(), x)[0], (x.detach() == y.detach()).double()


class Plain(nn.Module):
    """A pooling with one thing wrong; the windows stand in the last dimension."""

    def __init__(self, kernel_size, stride=None, norm_type=2.0, start=0.5) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.norm_type, self.start = kernel_size, stride, norm_type, start
        self.logit = nn.Parameter(torch.tensor(start).logit())

    def windows(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size, self.stride
        return x.unfold(-2, k, s).unfold(-2, k, s).flatten(-2)


class OfSizes(Plain):
    """The largest in size, whatever its sign."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.windows(x)
        return w.gather(-1, w.abs().argmax(-1, keepdim=True)).squeeze(-1)


class StrideForgotten(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, self.kernel_size)


class ZeroFloor(Plain):
    """Starts the search from 0."""

    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x).amax(-1).relu()


class Summed(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x).sum(-1)


class PositiveMean(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x).relu().mean(-1)


class MeanOfPowers(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x).pow(self.norm_type).mean(-1).pow(1 / self.norm_type)


class NoRoot(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return self.windows(x).pow(self.norm_type).sum(-1)


class AlwaysHalf(Plain):
    def forward(self, x: Tensor) -> Tensor:
        w = self.windows(x)
        return 0.5 * (w.amax(-1) + w.mean(-1)) + 0 * self.logit


class Exchanged(Plain):
    def forward(self, x: Tensor) -> Tensor:
        w = self.windows(x)
        return w.amax(-1) + self.logit.sigmoid() * (w.mean(-1) - w.amax(-1))


class NotSquashed(Plain):
    def forward(self, x: Tensor) -> Tensor:
        w = self.windows(x)
        return w.mean(-1) + self.logit * (w.amax(-1) - w.mean(-1))


class ShareCut(Plain):
    def forward(self, x: Tensor) -> Tensor:
        w = self.windows(x)
        return w.mean(-1) + self.logit.sigmoid().detach() * (w.amax(-1) - w.mean(-1)) + 0 * self.logit


class Stochastic(Plain):
    """Stochastic pooling with one thing wrong."""

    def shares(self, w: Tensor) -> Tensor:
        return w / w.sum(-1, keepdim=True).clamp_min(1e-30)

    def pick(self, w: Tensor) -> Tensor:
        race = self.shares(w).detach() / torch.empty_like(w).exponential_()
        return w.gather(-1, race.argmax(-1, keepdim=True)).squeeze(-1)

    def evaluate(self, w: Tensor) -> Tensor:
        return (self.shares(w) * w).sum(-1)

    def forward(self, x: Tensor) -> Tensor:
        w = self.windows(x)
        return self.pick(w) if self.training else self.evaluate(w)


class Uniform(Stochastic):
    def pick(self, w: Tensor) -> Tensor:
        return w.gather(-1, torch.rand_like(w).argmax(-1, keepdim=True)).squeeze(-1)


class Softmaxed(Stochastic):
    def shares(self, w: Tensor) -> Tensor:
        return w.softmax(-1)


class MeanInEvaluation(Stochastic):
    def evaluate(self, w: Tensor) -> Tensor:
        return w.mean(-1)


class ExpectationInTraining(Stochastic):
    def pick(self, w: Tensor) -> Tensor:
        return self.evaluate(w)


class OneDrawForAll(Stochastic):
    """The same exponentials for every window of an example."""

    def pick(self, w: Tensor) -> Tensor:
        noise = torch.empty(len(w), *[1] * (w.ndim - 2), w.shape[-1], dtype=w.dtype).exponential_()
        return w.gather(-1, (w / noise).argmax(-1, keepdim=True)).squeeze(-1)


class NotANumber(Stochastic):
    def shares(self, w: Tensor) -> Tensor:
        return w / w.sum(-1, keepdim=True)


class StraightThrough(Stochastic):
    """The gradient of the expectation."""

    def pick(self, w: Tensor) -> Tensor:
        expected = self.evaluate(w)
        return expected + (super().pick(w) - expected).detach()


def suite(part: str, subject: type, cases, laws, twins, *, arguments=(), aliases=(), **more) -> Suite:
    return Suite(
        technique="pooling",
        part=part,
        subjects={part: subject},
        interface=Interface(
            kind="module", arguments=(*arguments, "kernel_size", "stride"),
            aliases={"kernel_size": ("k", "size"), "stride": ("s",), **dict(aliases)}, **more.pop("interface", {}),
        ),
        cases=cases,
        shapes=lambda a: ((1, 1, 3, 3), (2, 3, 7, 5)),
        laws=laws,
        twins=twins,
        **more,
    )  # fmt: skip


SIZES = ({"kernel_size": 2, "stride": 2}, {"kernel_size": 3, "stride": 1}, {"kernel_size": 2, "stride": 3})

SUITES = (
    suite("MaxPool2d", MaxPool2d, SIZES,
        (Law("maximum", r"$$ \max_{i \in R} a_i $$", maximum, EXACT),),
        (
            Twin("of_sizes", OfSizes, "you take the value of largest size, whatever its sign."),
            Twin("stride_forgotten", StrideForgotten, "your stride is ignored."),
            Twin("zero_floor", ZeroFloor, "your search starts from 0: a window of negative values gives a negative one."),
        ),
    ),
    suite("AvgPool2d", AvgPool2d, SIZES,
        (Law("average", r"$$ \frac{1}{|R|} \sum_{i \in R} a_i $$", average),),
        (
            Twin("summed", Summed, "you sum; the mean is wanted."),
            Twin("positive_mean", PositiveMean, "you average positive values alone."),
        ),
    ),
    suite("LPPool2d", LPPool2d, tuple({"norm_type": p, **size} for p, size in zip((2.0, 3.0, 1.0), SIZES)),
        (Law("p_norm", r"$$ (\sum_{i \in R} a_i^p)^{1/p} $$", p_norm),),
        (
            Twin("mean_of_powers", MeanOfPowers, "you take the mean of the powers; torch takes their sum."),
            Twin("no_root", NoRoot, "the root is missing."),
        ),
        arguments=("norm_type",), aliases={"norm_type": ("p",)}.items(), inputs=positive,
    ),
    suite("MixedPool2d", MixedPool2d, tuple({"start": start, **size} for start, size in zip((0.25, 0.5, 0.9), SIZES)),
        (
            Law("mixture", r"$$ \alpha \max_i a_i + (1 - \alpha) \frac{1}{|R|} \sum_i a_i $$", mixture, {torch.float64: 1e-6, torch.float32: 1e-5}),
            Law("gradient", r"$$ \partial s / \partial \alpha = s_{max} - s_{avg} $$, through the sigmoid", mixture_gradient, {torch.float64: 1e-6, torch.float32: 1e-5}),
        ),
        (
            Twin("always_half", AlwaysHalf, "your proportion is always a half."),
            Twin("exchanged", Exchanged, "the shares of maximum and mean are exchanged."),
            Twin("not_squashed", NotSquashed, "your proportion may leave 0 and 1."),
            Twin("share_cut", ShareCut, "the proportion is cut off from the gradient."),
        ),
        arguments=("start",),
        interface={"parameters": {"logit": lambda a: ()}},
    ),
    suite("StochasticPool2d", StochasticPool2d, SIZES,
        (
            Law("expected_in_evaluation", r"$$ \sum_i p_i a_i, \quad p_i = a_i / \sum_k a_k $$", expected_in_evaluation),
            Law("picks_one_of_the_window", "In training it gives one of the window's values.", picks_one_of_the_window, EXACT),
            Law("as_often_as_its_share", "Each value is picked with the probability $$ a_i / \\sum_k a_k $$.", as_often_as_its_share, EXACT),
            Law("windows_draw_for_themselves", "Each window draws for itself.", windows_draw_for_themselves, EXACT),
            Law("zeros_give_zero", "A window of zeros gives zero, in both modes.", zeros_give_zero, EXACT),
            Law("the_gradient_goes_to_what_was_picked", "The gradient goes to what was picked.", the_gradient_goes_to_what_was_picked, EXACT),
        ),
        (
            Twin("uniform", Uniform, "every value is picked equally often; the larger ones are wanted more often."),
            Twin("softmaxed", Softmaxed, "your probabilities are a softmax; they are the values over their sum."),
            Twin("mean_in_evaluation", MeanInEvaluation, "you average in evaluation; weight each value by its probability."),
            Twin("expectation_in_training", ExpectationInTraining, "you do not draw in training."),
            Twin("one_draw_for_all", OneDrawForAll, "all windows share one draw."),
            Twin("not_a_number", NotANumber, "a window of zeros is divided by 0."),
            Twin("straight_through", StraightThrough, "the gradient is that of the expectation; it goes to the picked value alone."),
        ),
        inputs=positive,
    ),
)  # fmt: skip
