"""Momentum crosses a narrow valley in the order of the root of the steps that descent takes.

Protocol: a quadratic in 20 dimensions whose curvatures run from 1 to 100, evenly in their logarithm; a random start.
Descent takes its best constant rate, momentum its best pair of rate and momentum (both follow from the two extreme
curvatures). Counted are the steps to a millionth of the start's distance.

Source: Polyak 1964; Sutskever et al. 2013, section 2.
"""

from collections.abc import Callable

import torch

from vademecum.optim import SGD, VelocitySGD

from ._digits import seeded
from ._outcome import Outcome

CONDITION = 100.0


def steps_of(kind: Callable[..., torch.optim.Optimizer], start: torch.Tensor, **arguments: float) -> float:
    """Count the steps to a millionth of the distance."""
    curvature = torch.logspace(0, 2, len(start), dtype=torch.float64)
    x = start.clone().requires_grad_()
    optimizer = kind([x], **arguments)
    for step in range(1, 10_000):
        x.grad = curvature * x.detach()
        optimizer.step()
        if x.detach().norm() <= 1e-6 * start.norm():
            return float(step)
    return float("inf")


def claim(seed: int) -> Outcome:
    """Count the steps of both.

    Args:
        seed: of the start.

    Returns:
        Steps.
    """
    with seeded(seed):
        start = torch.randn(20, dtype=torch.float64)
    root = CONDITION**0.5
    measured = {
        "steps, descent": steps_of(SGD, start, lr=2 / (1 + CONDITION)),
        "steps, momentum": steps_of(
            VelocitySGD, start, lr=(2 / (1 + root)) ** 2, momentum=((root - 1) / (root + 1)) ** 2
        ),
    }
    return Outcome(
        says="momentum needs the order of the root of the condition in steps, descent that of the condition",
        measured=measured,
        holds=measured["steps, momentum"] < measured["steps, descent"] / 4,
        expected="fewer than a quarter of the steps of descent, at a condition of 100",
    )
