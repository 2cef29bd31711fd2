r"""Gradual unfreezing: train the head alone, then thaw one layer an epoch, from the head down.

Use it to fine-tune a trained network on little data: by the time a lower layer moves, what lies above it no longer
sends it the gradient of random weights.

$$ \text{in epoch } k = 0, 1, \dots \text{ the layers } L, L - 1, \dots, L - k \text{ train, the others are frozen} $$

Also called: ULMFiT's unfreezing, chain-thaw in a variant that trains one layer at a time.
Departures: frozen layers stop their running statistics and other buffers too (see `freeze`), of which the paper's LSTM
    has none.
Pitfalls: build the optimizer over all parameters, as `discriminative_groups` does: one that was built over those that
    train at first never sees the others. A schedule goes on while layers are thawed, so the last ones start low.
    Distributed training must be told that some parameters get no gradient.
Claim: none of its own: `freeze_first` measures what freezing does to a small net.
Peer: none.

References:
    howard2018universal: section 3.3, gradual unfreezing.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from .discriminative import layer_groups
from .freeze import freeze, thaw

__all__ = ["GradualUnfreezing"]


class GradualUnfreezing:
    """Freeze all layers but the head, and thaw them one by one as epochs pass.

    Args:
        model: changed in place: everything in the groups is frozen at once, but for what trains in epoch 0.
        groups: as in `layer_groups`, from the input to the head; what stands in none is left alone.
        every: epochs from one thaw to the next.
        at: in its place, the epoch from which on each group trains, counted from the head down: at least one of
            them 0, ``math.inf`` for never.
        norm_stats: as in `freeze`.

    Attributes:
        groups: the layers, from the input to the head.
        at: the epoch from which on each layer trains, in the order of the groups.
        epoch: epochs that are over.

    Raises:
        ValueError: every is below 1, or there is not one epoch for each group.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 1))
        >>> unfreezing = GradualUnfreezing(model)
        >>> for epoch in range(3):
        ...     print([layer.weight.requires_grad for layer in model])
        ...     unfreezing.step()  # at the end of the epoch
        [False, False, True]
        [False, True, True]
        [True, True, True]
    """

    def __init__(
        self,
        model: nn.Module,
        groups: Iterable[str | Sequence[str]] | None = None,
        *,
        every: int = 1,
        at: Sequence[float] | None = None,
        norm_stats: str = "freeze",
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1: it is {every}; 1 thaws a layer an epoch.")
        self.groups = layer_groups(model, groups)
        if at is None:
            at = [every * depth for depth in range(len(self.groups))]
        if len(at) != len(self.groups) or not any(start <= 0 for start in at):
            raise ValueError(
                f"at must name an epoch for each of the {len(self.groups)} groups, from the head down, one of them "
                f"0: it is {list(at)}; take math.inf for a layer that stays frozen."
            )
        self.at = tuple(reversed(at))
        self.epoch = 0
        self._model = model
        self._norm_stats = norm_stats
        self._set()

    @property
    def trained(self) -> tuple[int, ...]:
        """Indices of the groups that train now."""
        return tuple(number for number, start in enumerate(self.at) if start <= self.epoch)

    def step(self) -> None:
        """Say that an epoch is over; thaws what is due then."""
        self.epoch += 1
        for group, start in zip(self.groups, self.at):
            if self.epoch - 1 < start <= self.epoch:
                thaw(self._model, *group)

    def state_dict(self) -> dict[str, int]:
        """Give what changes while it runs, for a checkpoint.

        Returns:
            The epochs that are over.
        """
        return {"epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from a checkpoint: freezes and thaws as after so many epochs.

        Args:
            state: what `state_dict` gave; groups and epochs are those of this object.
        """
        self.epoch = int(state["epoch"])
        self._set()

    def _set(self) -> None:
        frozen = [path for group, start in zip(self.groups, self.at) if start > self.epoch for path in group]
        if frozen:
            freeze(self._model, *frozen, norm_stats=self._norm_stats)
        for group, start in zip(self.groups, self.at):
            if start <= self.epoch < math.inf:
                thaw(self._model, *group)
