"""What our optimizers share: the parameters of a step, and the refusal of numbers and gradients that do not fit."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor


def with_gradients(parameters: Iterable[Tensor], *, taker: str) -> tuple[list[Tensor], list[Tensor]]:
    """Those parameters that have a gradient, and their gradients, all of them dense."""
    chosen, gradients = [], []
    for p in parameters:
        gradient = p.grad  # once: with many small tensors these lookups are what a step costs
        if gradient is not None:
            if gradient.is_sparse:
                raise ValueError(
                    f"{taker} takes dense gradients: one of shape {tuple(p.shape)} is sparse; "
                    "build the embedding with sparse=False, or use torch.optim.SGD."
                )
            chosen.append(p)
            gradients.append(gradient)
    return chosen, gradients


def require_not_negative(**numbers: float) -> None:
    """Refuse a number below 0, and one that is none."""
    for name, number in numbers.items():
        if not number >= 0:
            raise ValueError(f"{name} must be at least 0: it is {number}.")


def require_one_kernel(*, foreach: bool | None, fused: bool | None) -> None:
    """Refuse two ways of computing a step at once."""
    if foreach and fused:
        raise ValueError("foreach and fused cannot both be True: choose one, or neither for torch's choice.")


def require_below_one(**numbers: float) -> None:
    """Refuse a share outside [0, 1)."""
    for name, number in numbers.items():
        if not 0 <= number < 1:
            raise ValueError(f"{name} must be at least 0 and below 1: it is {number}.")


def group_of(groups: Iterable[Mapping[str, Any]], parameter: Tensor) -> Mapping[str, Any]:
    """The group of an optimizer in which a parameter stands."""
    for group in groups:
        if any(p is parameter for p in group["params"]):
            return group
    raise ValueError(
        f"the parameter must be one of the optimizer's: one of shape {tuple(parameter.shape)} is not; "
        "pass the tensor that the optimizer was built with."
    )
