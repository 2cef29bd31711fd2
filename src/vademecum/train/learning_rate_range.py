r"""Learning-rate range test: raise the rate from far too low to too high, and read off where learning sets in.

A copy of the model takes one step at each of a geometric row of rates. The loss is flat while the rate is too low,
falls, and at last explodes. Proposed is the rate from which on the smoothed loss has made a tenth of its fall: fast
enough to learn, and well below what breaks.

$$ \eta_t = \eta_{low} \left( \frac{\eta_{high}}{\eta_{low}} \right)^{t/(T-1)}, \qquad
   \eta^* = \min \{ \eta_t : \bar L_0 - \bar L_t \ge \tfrac{1}{10} (\bar L_0 - \min \bar L) \} $$

Also called: LR range test, learning-rate finder.
Departures: the paper raises the rate linearly over several epochs and reads the accuracy by eye, to find the two
    bounds of a cycle. Of the usual rules for one rate, the steepest point and a tenth of the minimum's rate move with
    the end of the curve, which is noise and divergence; the foot of the fall hardly does.
Pitfalls: the curve is that of the first steps, so it holds for the start of training, this batch size, optimizer and
    weight decay; the loss at a rate also carries the progress made at the rates before it; where the loss does not
    fall, nothing can be read off, and the optimizer's own rate is kept.
Laws: none, because the choice is a rule of thumb; its tests compare it with a sweep.
Claim: on the digits, the proposed rate for AdamW trains about as well as the best of a sweep over four powers of ten.
Peer: none.

References:
    smith2017cyclical: section 3.3.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import fmean, median

from torch import Tensor, nn
from torch.optim import Optimizer

from .._torch.streams import same_streams

__all__ = ["RangeTest", "learning_rate_range"]

SHARE = 0.1
"""The part of the whole fall that marks where learning sets in."""

DIVERGED = 4.0
"""The test ends where the loss has risen above its least value by this many times its first one."""

CLEAR = 3.0
"""A fall is clear where it is this many times the usual difference between two neighbouring losses; the smoothed
curve of pure noise falls by one to two of them."""


@dataclass(frozen=True)
class RangeTest:
    """What the test saw.

    Attributes:
        rates: (T,) the rates tried, ascending.
        losses: (T,) loss of the batch before the step at each rate.
        smoothed: (T,) the losses averaged over their neighbours.
        chosen: the rate to train with.
        reason: why, in one sentence.

    Example:
        >>> RangeTest(rates=(0.1, 0.2), losses=(1.0, 0.5), smoothed=(0.75, 0.75), chosen=0.1, reason="...").chosen
        0.1
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    chosen: float
    reason: str


def learning_rate_range(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    make_optimizer: Callable[[nn.Module], Optimizer],
    *,
    low: float = 1e-6,
    high: float = 0.1,
    steps: int = 80,
) -> RangeTest:
    """Propose a learning rate for a model, on a copy of it.

    Args:
        model: as it will be trained; left as it is, as are the random streams.
        loss: (output, y) -> () loss, averaged over the batch.
        batches: pairs (x, y); gone through again from the start where there are fewer than the steps.
        make_optimizer: makes the optimizer of the model it is given. Where its parameter groups have different
            rates, their ratios are kept.
        low: the first rate.
        high: the last rate.
        steps: rates tried, and so steps taken at most.

    Returns:
        The curve, the chosen rate and the reason.

    Raises:
        ValueError: the rates do not ascend from above 0, there are fewer than ten steps, or there is no batch.

    Example:
        >>> import torch
        >>> from torch.nn.functional import mse_loss
        >>> model, x = nn.Linear(1, 1), torch.linspace(-1, 1, 32).unsqueeze(1)
        >>> before = model.weight.clone()
        >>> test = learning_rate_range(
        ...     model, mse_loss, [(x, 3 * x + 1)], lambda m: torch.optim.SGD(m.parameters()), low=1e-4, high=10.)
        >>> 1e-3 < test.chosen < 1, torch.equal(model.weight, before)
        (True, True)
    """
    if not 0 < low < high:
        raise ValueError(
            f"the rates must ascend from above 0: low={low}, high={high}; take low=1e-6, high=0.1."
        )
    if steps < 10:
        raise ValueError(f"steps must be at least 10 for a curve: it is {steps}; the usual 80 cost little.")
    with same_streams():
        copy = deepcopy(model).train()
        optimizer = make_optimizer(copy)
        own = max(float(group["lr"]) for group in optimizer.param_groups)
        shares = [float(group["lr"]) / own if own > 0 else 1.0 for group in optimizer.param_groups]
        rates, losses = [], []
        for step, (x, y) in enumerate(islice(_again(batches), steps)):
            rate = low * (high / low) ** (step / (steps - 1))
            for group, share in zip(optimizer.param_groups, shares):
                group["lr"] = rate * share
            optimizer.zero_grad()
            value = loss(copy(x), y)
            if not math.isfinite(value.item()):
                break
            rates.append(rate)
            losses.append(value.item())
            if _diverged(losses):
                break
            value.backward()
            optimizer.step()
    smoothed = _smooth(losses)
    chosen, reason = _choose(rates, losses, smoothed, own=own)
    return RangeTest(tuple(rates), tuple(losses), tuple(smoothed), chosen, reason)


def _again(batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through the batches again and again; an iterator that can be read once is an error when it is empty."""
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ValueError(
                "batches must give pairs (x, y) as often as they are gone through: they gave none; pass a list of "
                "them or a DataLoader, not an iterator."
            )


def _diverged(losses: list[float]) -> bool:
    """Say whether three losses in a row are far above the best three."""
    means = [fmean(losses[i : i + 3]) for i in range(len(losses) - 2)]
    if not means:
        return False
    first, best, last = means[0], min(means), means[-1]
    return last - best > DIVERGED * max(abs(first), first - best)


def _smooth(losses: list[float]) -> list[float]:
    """Take the median of five neighbours, which drops single bad batches, then the mean of five."""
    medians = [median(losses[max(0, i - 2) : i + 3]) for i in range(len(losses))]
    return [fmean(medians[max(0, i - 2) : i + 3]) for i in range(len(medians))]


def _choose(
    rates: list[float], losses: list[float], smoothed: list[float], *, own: float
) -> tuple[float, str]:
    """Find the foot of the fall; the optimizer's own rate where there is none."""
    if len(losses) < 10:
        return (
            own,
            f"The loss exploded after {len(losses)} steps, too few for a curve: the optimizer's own rate is kept.",
        )
    start, least = smoothed[0], min(smoothed)
    fall, scatter = start - least, median(abs(b - a) for a, b in pairwise(losses))
    if fall <= CLEAR * scatter or fall <= 0.01 * abs(start):
        return own, (
            f"The loss never clearly fell (by {fall:.3g} at most, with {scatter:.3g} between neighbouring batches): "
            "the optimizer's own rate is kept."
        )
    bottom = smoothed.index(least)
    foot = max(i for i in range(bottom) if start - smoothed[i] < SHARE * fall) + 1
    return rates[foot], (
        f"From {rates[foot]:.2g} on, the smoothed loss has made a tenth of its fall from {start:.3g} to {least:.3g}."
    )
