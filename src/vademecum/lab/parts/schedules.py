"""How the learning rate and the momentum run over the steps. Spans are shares of the run, whatever its length."""

from collections.abc import Callable
from math import log

from vademecum import optim

from ._grammar import Kind, Part, positive, share

__all__ = ["MOMENTUM_SCHEDULE", "SCHEDULE"]

Schedule = Callable[[int], float]


def _constant(total_steps: int, /) -> Schedule:
    return lambda step: 1.0


def _cosine(total_steps: int, /, cycles: int = 1, final: float = 0.0) -> Schedule:
    positive(cycles=cycles)
    if cycles == 1:
        return optim.cosine_annealing(total_steps, final=final)
    return optim.cosine_restarts(max(1, -(-total_steps // cycles)), final=final)


def _exponential(total_steps: int, /, final: float = 0.01) -> Schedule:
    share(final=final)
    return optim.exponential_decay(-log(final) / total_steps)


def _inverse_square_root(total_steps: int, /, warmup: float = 0.1) -> Schedule:
    share(warmup=warmup)
    return optim.inverse_square_root(max(1, round(warmup * total_steps)))


def _inverse_time(total_steps: int, /, final: float = 0.05) -> Schedule:
    share(final=final)
    return optim.inverse_time_decay((1 / final - 1) / total_steps)


def _one_cycle(
    total_steps: int, /, pct_start: float = 0.3, initial: float = 0.04, final: float = 4e-6
) -> Schedule:
    return optim.one_cycle(total_steps, pct_start=pct_start, initial=initial, final=final)


def _slanted(total_steps: int, /, cut_frac: float = 0.1, ratio: float = 32.0) -> Schedule:
    return optim.slanted_triangular(total_steps, cut_frac=cut_frac, ratio=ratio)


def _step(total_steps: int, /, every: float = 1 / 3, gamma: float = 0.1) -> Schedule:
    share(every=every)
    return optim.step_decay(max(1, round(every * total_steps)), gamma=gamma)


def _warmup(total_steps: int, /, warmup: float = 0.1, start: float = 0.0) -> Schedule:
    share(warmup=warmup)
    return optim.linear_warmup(max(1, round(warmup * total_steps)), start=start)


SCHEDULE = Kind(
    "schedule",
    (
        Part("constant", "", _constant, "Constant rate: the peak rate at every step."),
        Part("cosine", "cosine_annealing", _cosine),
        Part("exponential", "exponential_decay", _exponential),
        Part("inverse_square_root", "inverse_square_root", _inverse_square_root),
        Part("inverse_time", "inverse_time_decay", _inverse_time),
        Part("one_cycle", "one_cycle", _one_cycle),
        Part("slanted", "slanted_triangular", _slanted),
        Part("step", "step_decay", _step),
        Part("warmup", "linear_warmup", _warmup),
    ),
    example=lambda: (100,),
    required=True,
)


def _linear(momentum: float, total_steps: int, /, end: float = 0.5) -> Schedule:
    return optim.linear_momentum(total_steps, start=momentum, end=end)


def _demon(momentum: float, total_steps: int, /) -> Schedule:
    return optim.demon(total_steps, momentum=momentum)


def _sutskever(momentum: float, total_steps: int, /, rises: int = 20, last: float = 0.1) -> Schedule:
    positive(rises=rises)
    share(last=last)
    return optim.sutskever_momentum(
        total_steps, maximum=momentum, period=max(1, total_steps // rises),
        last=round(last * total_steps), final=min(momentum, 0.9),
    )  # fmt: skip


def _one_cycle_momentum(
    momentum: float, total_steps: int, /, pct_start: float = 0.3, low: float = 0.85
) -> Schedule:
    return optim.one_cycle_momentum(total_steps, pct_start=pct_start, high=max(momentum, low), low=low)


MOMENTUM_SCHEDULE = Kind(
    "momentum_schedule",
    (
        Part("demon", "momentum_schedule", _demon, "Falls to 0, so that the weight of a gradient falls along a line."),
        Part("linear", "momentum_schedule", _linear, "Falls along a line."),
        Part("one_cycle", "momentum_schedule", _one_cycle_momentum, "Runs against the one-cycle rate."),
        Part("sutskever", "momentum_schedule", _sutskever, "Rises to the recipe's momentum; lower at the end."),
    ),
    example=lambda: (0.9, 100),
)  # fmt: skip
