r"""Momentum schedule: let the momentum change over the steps, as the rate does.

Sutskever raises it as the training settles and lowers it for the last steps; Demon lets it decay to 0; one cycle moves
it against the rate. No one of them won on the digits; what is sure is that momentum at a given rate beats none.

$$ \mu_t = \min(1 - 2^{-1 - \log_2(\lfloor t/250 \rfloor + 1)}, \mu_{\max}) \quad \text{(Sutskever)} $$

$$ \beta_t = \beta_0 \frac{1 - t/T}{(1 - \beta_0) + \beta_0 (1 - t/T)} \quad \text{(Demon)} $$

A constant gradient moves the weights by $\eta / (1 - \mu)$ a step in the end, so changing the momentum alone changes
the length of the steps; `rescale_lr` and `rescaling` keep it.

Also called: Demon, decaying momentum, cyclical momentum.
Departures: the course notes lower the momentum as training goes on; the paper to which they point raises it, and
    lowers it only for the last 1000 updates. Both are here.
Pitfalls: 1/(1 - momentum) is the number of steps that are remembered: with 0.99 a run of 400 steps never gets there.
    A momentum that changes at a constant rate is a schedule of the rate as well.
Claim: on the digits at a rate of 0.02, twelve epochs of any schedule here end more than ten points above no momentum.
Peer: torch's OneCycleLR(cycle_momentum=True, anneal_strategy="linear"), the same figures; torch has no other.

References:
    sutskever2013importance: Eq. 5, sutskever_momentum, and the end of section 3.
    chen2022demon: the decay rule, demon.
    smith2018disciplined: section 4.3, one_cycle_momentum.
"""

from collections.abc import Mapping
from math import log2

from torch.optim import Optimizer

from ._schedule import Schedule, done, require_steps, require_within

__all__ = [
    "MomentumSchedule", "constant_momentum", "demon", "linear_momentum", "one_cycle_momentum", "rescaling",
    "sutskever_momentum",
]  # fmt: skip


def constant_momentum(momentum: float = 0.9) -> Schedule:
    """Keep the momentum.

    Args:
        momentum: at every step.

    Returns:
        The momentum by the number of steps taken.

    Example:
        >>> constant_momentum(0.9)(1000)
        0.9
    """
    _require(momentum=momentum)
    return lambda step: momentum


def linear_momentum(total_steps: int, *, start: float = 0.95, end: float = 0.5) -> Schedule:
    """Move from one momentum to another along a line, and stay there.

    Args:
        total_steps: of the run.
        start: at step 0.
        end: at step total_steps.

    Returns:
        The momentum by the number of steps taken.

    Example:
        >>> [linear_momentum(10, start=0.9, end=0.5)(t) for t in (0, 5, 10)]
        [0.9, 0.7, 0.5]
    """
    require_steps(total_steps=total_steps)
    _require(start=start, end=end)
    return lambda step: start + (end - start) * done(step, total_steps)


def demon(total_steps: int, *, momentum: float = 0.9) -> Schedule:
    """Decay the momentum to 0, so that the total weight of one gradient falls along a line.

    Args:
        total_steps: of the run.
        momentum: at step 0.

    Returns:
        The momentum by the number of steps taken.

    Example:
        Half-way 0.9 has become 0.45 / 0.55.

        >>> [round(demon(10)(t), 4) for t in (0, 5, 10)]
        [0.9, 0.8182, 0.0]
    """
    require_steps(total_steps=total_steps)
    _require(momentum=momentum)

    def at(step: int) -> float:
        left = 1 - done(step, total_steps)
        return momentum * left / ((1 - momentum) + momentum * left)

    return at


def sutskever_momentum(
    total_steps: int, *, maximum: float = 0.99, period: int = 250, last: int = 1000, final: float = 0.9
) -> Schedule:
    """Raise the momentum with the steps, up to a maximum, and lower it for the last ones.

    Args:
        total_steps: of the run.
        maximum: 0.9, 0.99, 0.995 or 0.999 in the paper.
        period: steps between two rises.
        last: steps at the end with the final momentum; 0 for none.
        final: momentum of those.

    Returns:
        The momentum by the number of steps taken.

    Raises:
        ValueError: a count is out of its range, or a momentum is not in [0, 1).

    Example:
        >>> [round(sutskever_momentum(5000)(t), 4) for t in (0, 250, 500, 4500)]
        [0.5, 0.75, 0.8333, 0.9]
    """
    require_steps(total_steps=total_steps, period=period)
    _require(maximum=maximum, final=final)
    if not 0 <= last <= total_steps:
        raise ValueError(
            f"last must be from 0 to total_steps={total_steps}: it is {last}; shorten it for a short run."
        )

    def at(step: int) -> float:
        if step >= total_steps - last:
            return final
        return min(1 - 2 ** (-1 - log2(step // period + 1)), maximum)

    return at


def one_cycle_momentum(
    total_steps: int, *, pct_start: float = 0.3, high: float = 0.95, low: float = 0.85
) -> Schedule:
    """Move the momentum against the rate of `one_cycle`: down while the rate rises, and up again.

    Args:
        total_steps: of the run.
        pct_start: share of the steps in which the rate rises.
        high: at both ends.
        low: where the rate is highest.

    Returns:
        The momentum by the number of steps taken.

    Raises:
        ValueError: pct_start is not between 0 and 1, or a momentum is not in [0, 1).

    Example:
        >>> [round(one_cycle_momentum(10, pct_start=0.5)(t), 4) for t in (0, 5, 10)]
        [0.95, 0.85, 0.95]
    """
    require_steps(total_steps=total_steps)
    _require(high=high, low=low)
    if not 0 < pct_start < 1:
        raise ValueError(f"pct_start must lie between 0 and 1: it is {pct_start}; the default is 0.3.")

    def at(step: int) -> float:
        share = done(step, total_steps)
        away = share / pct_start if share < pct_start else (1 - share) / (1 - pct_start)
        return high + (low - high) * away

    return at


def rescaling(momentum: Schedule) -> Schedule:
    """Turn a momentum schedule into factors of the rate that keep rate / (1 - momentum).

    Args:
        momentum: the schedule.

    Returns:
        (1 - momentum now) / (1 - momentum at step 0), for LambdaLR, or to multiply another schedule with.

    Example:
        >>> round(rescaling(linear_momentum(10, start=0.9, end=0.5))(10), 4)
        5.0
    """
    at_start = 1 - momentum(0)
    return lambda step: (1 - momentum(step)) / at_start


class MomentumSchedule:
    """Set the momentum of an optimizer before each step: that of SGD, or the first beta of Adam.

    Args:
        optimizer: its groups have "momentum" or "betas"; all are set to the same momentum.
        schedule: the momentum by the number of steps taken.
        rescale_lr: set the rate too, so that rate / (1 - momentum) stays what it is now. Where something else sets
            the rate, leave this off and multiply its factors by `rescaling` instead.

    Attributes:
        last_step: steps taken.

    Raises:
        ValueError: a group has no momentum.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
        >>> schedule = MomentumSchedule(optimizer, demon(10))
        >>> for _ in range(5):
        ...     optimizer.step()
        ...     schedule.step()
        >>> round(optimizer.param_groups[0]["momentum"], 4)
        0.8182
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule, *, rescale_lr: bool = False) -> None:
        for group in optimizer.param_groups:
            if "momentum" not in group and "betas" not in group:
                raise ValueError(
                    f"every group must have momentum or betas: one of this {type(optimizer).__name__} has "
                    f"{', '.join(sorted(set(group) - {'params'}))}; take SGD with momentum, or Adam."
                )
        self.optimizer, self.schedule = optimizer, schedule
        self._rates = [float(group["lr"]) for group in optimizer.param_groups] if rescale_lr else None
        self.last_step = 0
        self._set()

    def step(self) -> None:
        """Count a step, and set the momentum of the next."""
        self.last_step += 1
        self._set()

    def _set(self) -> None:
        momentum = self.schedule(self.last_step)
        for group in self.optimizer.param_groups:
            if "momentum" in group:
                group["momentum"] = momentum
            else:
                group["betas"] = (momentum, *group["betas"][1:])
        if self._rates is not None:
            factor = rescaling(self.schedule)(self.last_step)
            for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
                group["lr"] = rate * factor

    def state_dict(self) -> dict[str, object]:
        """Give what changes while it runs, for a checkpoint.

        Returns:
            Steps taken, and the rates that are rescaled.
        """
        return {"last_step": self.last_step, "rates": self._rates}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from a checkpoint, and set the momentum of its next step.

        Args:
            state: what `state_dict` gave; the schedule is that of this object.
        """
        self.last_step = int(state["last_step"])  # type: ignore[call-overload]
        self._rates = list(state["rates"]) if state["rates"] is not None else None  # type: ignore[call-overload]
        self._set()


def _require(**momenta: float) -> None:
    for name, momentum in momenta.items():
        if momentum >= 1:
            raise ValueError(f"{name} must be below 1: it is {momentum}; 1 never forgets a gradient.")
    require_within(0, 1, **momenta)
