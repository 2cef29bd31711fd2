"""Adagrad learns a rare feature sooner than descent does.

Protocol: linear regression on streamed examples without noise; ten features are drawn from a normal distribution,
twenty more are 1 in 2 examples of 100 and 0 in the others; every weight should become 1 and starts at 0; batches of 10.
Each optimizer runs at each rate of a grid (factors of 2); counted are the steps after which the rare weights stay
within a tenth of 1, as their root mean square, and each optimizer's best is taken.

Source: Duchi et al. 2011, section 1.
"""

import torch

from vademecum.optim import SGD, Adagrad

from ._digits import seeded
from ._outcome import Outcome

STEPS = 3000
RATES: dict[type[torch.optim.Optimizer], tuple[float, ...]] = {
    SGD: (0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
    Adagrad: (0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
}


def steps_to_learn(kind: type[torch.optim.Optimizer], rate: float, x: torch.Tensor) -> float:
    """Count the steps after which the rare weights stay near 1."""
    w = torch.zeros(x.shape[2], requires_grad=True)
    optimizer = kind([w], lr=rate)  # type: ignore[call-arg]
    last_far = 0
    for step, batch in enumerate(x, start=1):
        error = batch @ (w.detach() - 1)
        w.grad = batch.T @ error / len(batch)
        optimizer.step()
        if not (w.detach()[10:] - 1).square().mean().sqrt() < 0.1:
            last_far = step
    return float(last_far + 1) if last_far < STEPS else float("inf")


def claim(seed: int) -> Outcome:
    """Count the steps of both, each at its best rate.

    Args:
        seed: of the examples.

    Returns:
        Steps.
    """
    with seeded(seed):
        x = torch.cat([torch.randn(STEPS, 10, 10), (torch.rand(STEPS, 10, 20) < 0.02).float()], dim=2)
    measured = {
        f"steps, {kind.__name__}": min(steps_to_learn(kind, rate, x) for rate in rates)
        for kind, rates in RATES.items()
    }
    return Outcome(
        says="a rarely seen feature is learned sooner where each coordinate has a rate of its own",
        measured=measured,
        holds=measured["steps, Adagrad"] < 0.75 * measured["steps, SGD"],
        expected="Adagrad in fewer than three quarters of the steps of descent",
    )
