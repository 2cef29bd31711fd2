"""Which parts of a pretrained net train when, and how fast."""

from typing import Any

from torch import nn

from vademecum._core.errors import InputError
from vademecum.regularize import decayed_parameters
from vademecum.train import Plan, carry_out

from .pretrained import body_and_head

__all__ = ["Stages"]


class Stages:
    """Carries a transfer plan out on a net, epoch by epoch.

    Args:
        net: body and head; what does not train at first is frozen.
        plan: what to train, when and how fast.
        epochs: of the whole run.
        weight_decay: of weights; gains and biases go without.

    Attributes:
        groups: parameter groups, each with the ``scale`` of its rate.

    Raises:
        InputError: the plan needs more epochs, or the net has no layer below its head.
    """

    def __init__(self, net: nn.Module, plan: Plan, *, epochs: int, weight_decay: float) -> None:
        decayed = {id(p) for p in decayed_parameters(net).values()}
        try:
            parts, self._unfreezing = carry_out(net, plan, 1.0, epochs=epochs, groups=body_and_head(net))
        except ValueError as error:
            raise InputError(str(error)) from error
        self.groups: list[dict[str, Any]] = []
        for part in parts:
            for decay, chosen in (
                (weight_decay, [p for p in part["params"] if id(p) in decayed]),
                (0.0, [p for p in part["params"] if id(p) not in decayed]),
            ):
                if chosen:
                    self.groups.append({"params": chosen, "weight_decay": decay, "scale": part["lr"]})
        self._epoch = 0

    def enter(self, epoch: int) -> bool:
        """Freeze and thaw as an epoch wants it.

        Args:
            epoch: epochs that are over.

        Returns:
            Whether this changed what trains.
        """
        before = self._unfreezing.trained
        if epoch != self._epoch:
            self._unfreezing.load_state_dict({"epoch": epoch})
            self._epoch = epoch
        return self._unfreezing.trained != before
