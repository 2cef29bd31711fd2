"""A rate that falls as one over the steps averages noise away; a constant one stays at a distance.

Protocol: 200 coordinates, each a quadratic of curvature 1 whose gradient has noise of deviation 1; all start at 1; the
first rate is 1/2, and the decay k = 1/2 makes the rate 1/t in the end; 20000 steps. The slope is that of a line
through the logarithms of step and mean squared distance, from step 200 on.

Source: Robbins and Monro 1951.
"""

import torch

from vademecum.optim import SGD, inverse_time_decay

from ._digits import seeded
from ._outcome import Outcome

STEPS, RATE = 20_000, 0.5


def squared_distances(noise: torch.Tensor, *, k: float) -> torch.Tensor:
    """(STEPS,) mean squared distance to the minimum after each step."""
    x = torch.ones(noise.shape[1], requires_grad=True)
    optimizer = SGD([x], lr=RATE)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, inverse_time_decay(k))
    found = []
    for gradient_noise in noise:
        x.grad = x.detach() + gradient_noise
        optimizer.step()
        scheduler.step()
        found.append(x.detach().square().mean())
    return torch.stack(found)


def slope(distances: torch.Tensor) -> float:
    """Of a line through the logarithms, at 50 places evenly far apart in them."""
    steps = torch.logspace(2.3, 4.3, 50).long().clamp(max=STEPS)
    a, b = steps.double().log(), distances[steps - 1].double().log()
    a = a - a.mean()
    return float((a * b).sum() / a.square().sum())


def claim(seed: int) -> Outcome:
    """Follow both.

    Args:
        seed: of the noise.

    Returns:
        Slopes and last distances.
    """
    with seeded(seed):
        noise = torch.randn(STEPS, 200)
    measured: dict[str, float] = {}
    for name, k in (("constant", 0.0), ("1/t", RATE)):
        distances = squared_distances(noise, k=k)
        measured[f"slope, {name}"] = slope(distances)
        measured[f"squared distance at the end, {name}"] = float(distances[-100:].mean())
    return Outcome(
        says="with rates of the order of 1/t the squared distance falls as 1/t; at a constant rate it stays",
        measured=measured,
        holds=-1.15 < measured["slope, 1/t"] < -0.85 and abs(measured["slope, constant"]) < 0.1,
        expected="a slope from -1.15 to -0.85 with decay, within 0.1 of 0 without",
    )
