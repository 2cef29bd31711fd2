"""The figures of an optimizer's step: gradients as it uses them, weights before it, and how far they moved."""

import math
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from . import sketches
from .figures import SAMPLE, strided
from .record import Look


def begins(
    look: Look, optimizer: torch.optim.Optimizer, known: Mapping[str, Tensor], left: dict[str, float]
) -> None:
    """Note what a step is about to use.

    Args:
        look: is filled in.
        optimizer: that steps.
        known: name -> parameter of it.
        left: name -> norm of the gradient that stood before the backward pass; those of the step are taken out.
    """
    look.rates = tuple(float(group["lr"]) for group in optimizer.param_groups if "lr" in group)
    if any(name in left for name in known):
        look.leftover = math.hypot(*(left.pop(name, 0.0) for name in known))
    look.grad_norm |= sketches.norms({name: p.grad for name, p in known.items() if p.grad is not None})
    look.weight_norm |= sketches.norms(known)
    look.wiped += tuple(
        name for name in known if look.raw_norm.get(name, 0.0) > 0 and not look.grad_norm.get(name, 0.0) > 0
    )


def ends(
    look: Look, parameters: Mapping[str, Tensor], before: Mapping[str, Tensor], felt: Collection[str]
) -> None:
    """Note how far a step has moved the weights.

    Args:
        look: is filled in.
        parameters: name -> parameter.
        before: name -> strided sample of its value before the step.
        felt: names of parameters whose gradient was not zero at the places of the sample.
    """
    moved = {name: strided(parameters[name], SAMPLE) - old for name, old in before.items()}
    size, change = sketches.norms(before), sketches.norms(moved)
    look.ratio |= {name: change[name] / size[name] for name in change if size.get(name, 0.0) > 0}
    look.unchanged += tuple(name for name in change if change[name] == 0 and name in felt)
    look.still |= {
        name: float((delta == 0).float().mean()) for name, delta in moved.items() if delta.element_size() < 4
    }
