"""Laws of temperature scaling: the condition that the best temperature meets, and what it leaves as it is."""

from collections.abc import Iterator
from math import exp, log

import torch
from torch import Tensor

from vademecum.losses.temperature_scaling import fit_temperature, temperature_scaled

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

CLOSE = {torch.float64: 1e-6}


def number(value: float) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def drawn(draw: Draw) -> tuple[Tensor, Tensor]:
    """Scores that are too sure of themselves: classes drawn at a temperature of about 2.5, the first one wrong."""
    scores = draw.normal(std=4.0, name="logits")
    noise = -(-draw.uniform(low=1e-9, high=1.0, name="noise").log()).log()
    target = (scores / 2.5 + noise).argmax(1)
    target[0] = scores[0].argmin()
    return scores, target


def loss(scores: list[list[float]], target: list[int], t: float) -> float:
    """The negative log-likelihood at a temperature, in scalars."""
    total = 0.0
    for row, y in zip(scores, target):
        top = max(row)
        total += log(sum(exp((s - top) / t) for s in row)) - (row[y] - top) / t
    return total / len(target)


def least(build: Build, draw: Draw) -> Iterator[Pair]:
    """Neighbouring temperatures are no better: the golden section of a convex function finds the same one."""
    scores, target = drawn(draw)
    rows, classes = scores.tolist(), target.tolist()
    low, high, golden = log(1e-3), log(1e3), (5**0.5 - 1) / 2
    for _ in range(60):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(rows, classes, exp(a)) < loss(rows, classes, exp(b)) else (a, high)
    yield number(build(draw)(scores, target)), number(exp((low + high) / 2))


def expected_score_is_the_true_one(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    p = (scores / build(draw)(scores, target)).softmax(1)
    yield (p * scores).sum(1).mean(), scores.gather(1, target[:, None]).mean()


def follows_the_scale(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    yield number(build(draw)(1000 * scores, target) / 1000), number(build(draw)(scores, target))


def a_shift_changes_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    scores, target = drawn(draw)
    shifts = 5 * torch.arange(len(scores), dtype=scores.dtype)[:, None]
    yield number(build(draw)(scores + shifts, target)), number(build(draw)(scores, target))


def inverse_of_it(logits, target):
    return 1 / fit_temperature(logits, target)


def one_always(logits, target):
    return 1.0


def by_brier_score(logits, target):
    """Fitted to the squared error of the probabilities."""
    hot = torch.nn.functional.one_hot(target, logits.shape[1])
    grid = torch.linspace(-3, 3, 4001, dtype=torch.float64).exp()
    errors = [float(((logits / t).softmax(1) - hot).square().sum()) for t in grid]
    return float(grid[min(range(len(errors)), key=errors.__getitem__)])


def steps_that_end_early(logits, target):
    """Plain descent with a few steps: it depends on the scale of the scores."""
    t = torch.ones((), dtype=logits.dtype, requires_grad=True)
    for _ in range(20):
        (slope,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits / t, target), t)
        t = (t - 0.1 * slope).detach().requires_grad_()
    return float(t)


def from_probabilities(logits, target):
    """Divides log-probabilities cut at a floor."""
    return fit_temperature(logits.softmax(1).clamp_min(1e-2).log(), target)


def normalized_first(logits, target):
    return fit_temperature(logits / logits.norm(dim=1, keepdim=True), target)


def divided(build: Build, draw: Draw) -> Iterator[Pair]:
    x, t = draw.normal(), draw.arguments["temperature"]
    want = torch.tensor([[s / t for s in row] for row in x.double().tolist()], dtype=torch.float64)
    yield build(draw)(x), want


def ranking_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(std=3.0)
    yield build(draw)(x).argsort(1), x.argsort(1)


def above_one_is_less_sure(build: Build, draw: Draw) -> Iterator[Pair]:
    x, t = draw.normal(std=3.0), draw.arguments["temperature"]
    surer = build(draw)(x).softmax(1).amax(1) - x.softmax(1).amax(1)
    yield surer.sign(), torch.full_like(surer, 0.0 if t == 1 else 1.0 if t < 1 else -1.0)


def multiplied(logits, temperature):
    return logits * temperature


def of_probabilities(logits, temperature):
    return logits.softmax(-1) / temperature


def shifted(logits, temperature):
    return logits - temperature


def turned(logits, temperature):
    return -logits / temperature


SUITES = (
    Suite(
        technique="temperature_scaling",
        part="fit_temperature",
        subjects={"fit_temperature": fit_temperature},
        interface=Interface(
            kind="function", inputs=("logits", "target"),
            aliases={"logits": ("scores", "input"), "target": ("labels", "y")},
        ),
        cases=({},),
        shapes=lambda a: ((12, 3), (60, 5)),
        laws=(
            Law("the_least_loss", r"$$ T^* = \arg\min_T -\sum_i \log \text{softmax}(s_i / T)_{y_i} $$", least, CLOSE),
            Law("expected_score_is_the_true_one", r"$$ \sum_i \sum_k p_{ik} s_{ik} = \sum_i s_{i y_i} $$", expected_score_is_the_true_one, CLOSE),
            Law("follows_the_scale", r"$$ T^*(1000 s) = 1000\, T^*(s) $$", follows_the_scale, CLOSE),
            Law("a_shift_changes_nothing", "A number added to all scores of an example changes nothing.", a_shift_changes_nothing, CLOSE),
        ),
        twins=(
            Twin("inverse", inverse_of_it, "you give 1 / T, by which scores are multiplied."),
            Twin("one_always", one_always, "your temperature is always 1."),
            Twin("by_brier_score", by_brier_score, "you fit the squared error; the paper fits the log-likelihood."),
            Twin("steps_that_end_early", steps_that_end_early, "your descent has not arrived: iterate to a tolerance, from the scores' own scale."),
            Twin("from_probabilities", from_probabilities, "you clip probabilities before their logarithm; take the scores themselves."),
            Twin("normalized_first", normalized_first, "you normalize each row of scores, which takes its confidence away."),
        ),
    ),
    Suite(
        technique="temperature_scaling",
        part="temperature_scaled",
        subjects={"temperature_scaled": temperature_scaled},
        interface=Interface(
            kind="function", arguments=("temperature",), inputs=("logits",),
            aliases={"logits": ("scores", "input", "x"), "temperature": ("T", "tau")},
        ),
        cases=({"temperature": 0.5}, {"temperature": 1.0}, {"temperature": 4.0}),
        shapes=lambda a: ((2, 3), (5, 10)),
        laws=(
            Law("divided", r"$$ s / T $$", divided),
            Law("ranking_stays", "The order of the classes stays.", ranking_stays, EXACT),
            Law("above_one_is_less_sure", "Above 1 the largest probability falls, below 1 it rises.", above_one_is_less_sure, EXACT),
        ),
        twins=(
            Twin("multiplied", multiplied, "you multiply by the temperature; divide."),
            Twin("of_probabilities", of_probabilities, "you scale probabilities; scale the scores before the softmax."),
            Twin("shifted", shifted, "you subtract, which the softmax does not notice; divide."),
            Twin("turned", turned, "the sign of your scores is turned."),
        ),
    ),
)  # fmt: skip
