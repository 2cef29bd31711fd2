r"""Snapshot ensemble: the network at the end of each of several cycles of the learning rate, as one ensemble.

Use it where an ensemble is wanted and only one training can be paid for. Each cycle anneals the rate to nearly nothing,
so that the network settles, and then jumps back to the first rate, so that it leaves for another minimum.

$$ \alpha(t) = \frac{\alpha_0}{2} \left( \cos \frac{\pi\, \big( (t - 1) \bmod \lceil T/M \rceil \big)}
   {\lceil T/M \rceil} + 1 \right), \qquad t = 1, \dots, T $$

Also called: SSE, "train 1, get M for free".
Departures: none.
Pitfalls: snapshots are less diverse than nets from different starts, and the first ones are worse: keep the last few.
    With a rate too low to leave the minimum the members are near copies (`disagreement` shows it). A net with batch
    normalization brings each snapshot's own statistics along.
Claim: on 300 digits, five snapshots together have a lower cross-entropy than the last of them, at the same accuracy.
    Against the same training in one cycle the outcome depends on the seed.
Peer: torch's CosineAnnealingWarmRestarts, whose rates the laws find equal where the cycles are whole.

References:
    huang2017snapshot: Eq. 2 and section 3, snapshot ensembling.
    loshchilov2017sgdr: the schedule, there called warm restarts.
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from .ensemble import Ensemble

__all__ = ["Snapshots"]


class Snapshots:
    """Say how high the rate is at each step, and keep the network at the end of each cycle.

    Args:
        steps: T, of the optimizer, in all.
        cycles: M, the snapshots taken.

    Attributes:
        taken: state dicts, oldest first.
        step_count: steps that are over.

    Raises:
        ValueError: there is not at least one step a cycle.

    Example:
        >>> snapshots = Snapshots(steps=6, cycles=2)
        >>> [round(snapshots.factor(step), 2) for step in range(6)]
        [1.0, 0.75, 0.25, 1.0, 0.75, 0.25]
        >>> net = nn.Linear(1, 2)
        >>> [snapshots.step(net) for _ in range(6)]
        [False, False, True, False, False, True]
        >>> len(snapshots.ensemble(net).members)
        2
    """

    def __init__(self, steps: int, cycles: int) -> None:
        if not 1 <= cycles <= steps:
            raise ValueError(
                f"there must be at least one step a cycle: steps={steps}, cycles={cycles}; the paper takes 5 or 6 "
                "cycles."
            )
        self.steps = steps
        self.cycles = cycles
        self.taken: list[dict[str, Tensor]] = []
        self.step_count = 0

    @property
    def period(self) -> int:
        """Steps in a cycle; the last one may have fewer."""
        return math.ceil(self.steps / self.cycles)

    def factor(self, step: int) -> float:
        """Give the share of the first rate, as torch's LambdaLR takes it.

        Args:
            step: of the optimizer, from 0.

        Returns:
            From 1 at the start of a cycle down to nearly 0 at its end.
        """
        return 0.5 * (math.cos(math.pi * (step % self.period) / self.period) + 1)

    def step(self, model: nn.Module) -> bool:
        """Say that an optimizer step is over; keeps the model's state where a cycle ends.

        Args:
            model: as it is after the step.

        Returns:
            Whether a snapshot was taken.
        """
        self.step_count += 1
        ends = self.step_count % self.period == 0 or self.step_count == self.steps
        if ends and self.step_count <= self.steps:
            self.taken.append({name: value.detach().clone() for name, value in model.state_dict().items()})
            return True
        return False

    def ensemble(self, model: nn.Module, *, last: int | None = None, combine: str = "prob") -> Ensemble:
        """Build the ensemble.

        Args:
            model: the network that was trained; left as it is.
            last: how many of the snapshots, the newest; all where None.
            combine: as in `Ensemble`; the paper averages the probabilities.

        Returns:
            The ensemble, in evaluation mode.

        Raises:
            ValueError: there are not so many snapshots.
        """
        count = len(self.taken) if last is None else last
        if not 1 <= count <= len(self.taken):
            raise ValueError(
                f"an ensemble needs snapshots: {count} are wanted and {len(self.taken)} taken; train to the end of a "
                "cycle, or take fewer."
            )
        members = []
        for state in self.taken[-count:]:
            members.append(deepcopy(model))
            members[-1].load_state_dict(state)
        return Ensemble(members, combine=combine).eval()

    def state_dict(self) -> dict[str, Any]:
        """Give what changes while it runs, for a checkpoint.

        Returns:
            The steps that are over and the snapshots.
        """
        return {"step_count": self.step_count, "taken": [dict(state) for state in self.taken]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint.

        Args:
            state: what `state_dict` gave; steps and cycles are those of this object.
        """
        self.step_count = int(state["step_count"])
        self.taken = [dict(taken) for taken in state["taken"]]
