"""Small noise on the inputs of a fitted net costs its variance times the Jacobian penalty; large noise does not.

Protocol: ten tanh units on 200 points of a smooth function of four inputs, 500 steps of Adam; the targets are then set
to the net's own outputs, so that it fits them exactly, and half the squared error under Gaussian noise of deviation
0.01, 0.05 and 2 (antithetic, 2000 draws a point) is divided by variance times penalty.

Source: Bishop 1995, sections 2 and 3.
"""

import torch
from torch.nn import functional as F

from vademecum.regularize import jacobian_penalty

from ._digits import mlp, seeded
from ._outcome import Outcome

DRAWS = 1000


def claim(seed: int) -> Outcome:
    """Fit, and shake.

    Args:
        seed: of data, weights and noise.

    Returns:
        Ratios of error to variance times penalty.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        x = torch.randn(200, 4)
        y = torch.stack([torch.sin(x[:, 0] + x[:, 1]), x[:, 2] * x[:, 3]], dim=1)
        model = mlp(4, 10, 2, activation=torch.nn.Tanh)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(500):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
        penalty = float(jacobian_penalty(model, x, num_projections=None).detach())
        with torch.no_grad():
            model, x = model.double(), x.double()
            fitted = model(x)
            for std in (0.01, 0.05, 2.0):
                error = 0.0
                for _ in range(DRAWS):
                    noise = std * torch.randn_like(x)
                    for moved in (x + noise, x - noise):
                        error += float((model(moved) - fitted).square().sum() / (2 * len(x))) / (2 * DRAWS)
                measured[f"error over variance times penalty, deviation {std:g}"] = error / (std**2 * penalty)
    small = [measured[f"error over variance times penalty, deviation {std:g}"] for std in (0.01, 0.05)]
    large = measured["error over variance times penalty, deviation 2"]
    return Outcome(
        says="training with small noise is a penalty on first derivatives, where the net fits the mean of its targets",
        measured=measured,
        holds=max(abs(ratio - 1) for ratio in small) < 0.1 and abs(large - 1) > 0.2,
        expected="ratios within 0.1 of 1 for the small deviations, and off by more than 0.2 for a deviation of 2",
    )
