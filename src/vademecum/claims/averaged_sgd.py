"""The mean of the weights since the trigger lies much nearer to the minimum than the last weights.

Protocol: 100 coordinates, each a quadratic of curvature 1 whose gradient has noise of deviation 1; the start is at 10,
the rate 1/4; a check every 20 steps, whose loss is the exact one; n = 5; 4000 steps. Without noise the same run checks
the rule: its loss only falls.

Source: Merity et al. 2018, section 4; Polyak and Juditsky 1992.
"""

import torch

from vademecum.optim import NTASGD

from ._digits import seeded
from ._outcome import Outcome

STEPS, CHECK = 4000, 20


def run(noise: float) -> dict[str, float]:
    """Descend, and say when averaging began and where both ended."""
    x = torch.full((100,), 10.0, requires_grad=True)
    optimizer = NTASGD([x], lr=0.25)
    began = float("nan")
    for step in range(STEPS):
        x.grad = x.detach() + noise * torch.randn(100)
        optimizer.step()
        if step % CHECK == CHECK - 1 and optimizer.observe(float(x.detach().square().mean()) / 2):
            began = step + 1.0
    last = float(x.detach().norm())
    with optimizer.averaged():
        mean = float(x.detach().norm())
    return {"trigger at step": began, "distance of the last weights": last, "distance of the mean": mean}


def claim(seed: int) -> Outcome:
    """Run with noise and without.

    Args:
        seed: of the noise.

    Returns:
        Distances to the minimum, and when averaging began.
    """
    with seeded(seed):
        measured = run(1.0)
        still = run(0.0)
    measured["triggered without noise"] = float(still["trigger at step"] == still["trigger at step"])
    return Outcome(
        says="averaging begins when the loss stops falling, and the mean then lies nearer to the minimum",
        measured=measured,
        holds=measured["distance of the mean"] < measured["distance of the last weights"] / 5
        and not measured["triggered without noise"],
        expected="the mean at less than a fifth of the last weights' distance; no trigger while the loss only falls",
    )
