"""Laws of batch scaling: the two rules, and what they keep."""

from collections.abc import Iterator
from math import sqrt

import torch

from vademecum.optim.batch_scaling import scale_lr

from ._schedules import CLOSED, column, one
from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

SIZES = ((1, 8), (32, 32), (256, 8192), (128, 16))


def scaled(build: Build, draw: Draw, *sizes: tuple[int, int]) -> torch.Tensor:
    scale = build(draw)
    return column(scale(0.1, *pair) for pair in sizes or SIZES)


def the_rule(build: Build, draw: Draw) -> Iterator[Pair]:
    rules = {"linear": lambda k: k, "sqrt": sqrt, "none": lambda k: 1.0}
    yield scaled(build, draw), column(0.1 * rules[draw.arguments["rule"]](b / a) for a, b in SIZES)


def there_and_back(build: Build, draw: Draw) -> Iterator[Pair]:
    scale = build(draw)
    yield column(scale(scale(0.1, a, b), b, a) for a, b in SIZES), column(0.1 for _ in SIZES)


def the_linear_rule_is_a_summed_loss(build: Build, draw: Draw) -> Iterator[Pair]:
    """A step on the mean over B at the scaled rate is a step on the sum at one rate for all B."""
    x = draw.normal(64, name="examples")
    for batch in (8, 64):
        step = build(draw)(0.1, 1, batch) * x[:batch].mean()
        yield step, 0.1 * x[:batch].sum()


def the_root_keeps_the_noise(build: Build, draw: Draw) -> Iterator[Pair]:
    """Variance of a step, of noise with variance 1 in each example's gradient."""
    scale = build(draw)
    yield column(scale(0.1, a, b) ** 2 / b for a, b in SIZES), column(0.01 / a for a, _ in SIZES)


def upside_down(lr: float, base_batch: int, batch: int, rule: str = "linear") -> float:
    return scale_lr(lr, batch, base_batch, rule=rule)


def always_linear(lr: float, base_batch: int, batch: int, rule: str = "linear") -> float:
    return scale_lr(lr, base_batch, batch)


def always_the_root(lr: float, base_batch: int, batch: int, rule: str = "linear") -> float:
    return scale_lr(lr, base_batch, batch, rule="sqrt")


def only_up(lr: float, base_batch: int, batch: int, rule: str = "linear") -> float:
    return max(lr, scale_lr(lr, base_batch, batch, rule=rule))


SUITES = (
    Suite(
        technique="batch_scaling",
        part="scale_lr",
        subjects={"scale_lr": scale_lr},
        interface=Interface("function", ("rule",), ("lr", "base_batch", "batch"), defaults={"rule": "linear"}),
        cases=({"rule": "linear"}, {"rule": "sqrt"}, {"rule": "none"}),
        shapes=one,
        laws=(
            Law("the_rule", r"$$ \eta_0 B / B_0, \quad \eta_0 \sqrt{B / B_0}, \quad \eta_0 $$", the_rule, CLOSED),
            Law("there_and_back", "Scaling to a batch and back gives the rate again.", there_and_back, CLOSED),
            Law("the_linear_rule_is_a_summed_loss", r"$$ \eta \frac{1}{B} \sum_i g_i = \eta_0 \sum_i g_i $$ from a batch of 1.", the_linear_rule_is_a_summed_loss, CLOSED, cases=lambda a: a["rule"] == "linear"),
            Law("the_root_keeps_the_noise", r"$$ \eta^2 / B = \eta_0^2 / B_0 $$", the_root_keeps_the_noise, CLOSED, cases=lambda a: a["rule"] == "sqrt"),
        ),
        twins=(
            Twin("upside_down", upside_down, "you multiply by the old batch over the new one; the rate grows with the batch."),
            Twin("always_linear", always_linear, "your rule is ignored; Adam wants the root."),
            Twin("always_the_root", always_the_root, "your rule is ignored; SGD wants the ratio itself."),
            Twin("only_up", only_up, "your rate does not fall with a smaller batch."),
        ),
    ),
)  # fmt: skip
