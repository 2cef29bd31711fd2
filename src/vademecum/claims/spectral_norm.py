"""Spectral normalization bounds the gradient of a critic, which otherwise grows without end.

Protocol: a critic of two hidden layers of 64 ReLUs learns to give one cloud of points in the plane high
values and another one low values, for 300 steps of Adam at the learning rate 0.01: nothing in that loss stops
it from growing. The length of its gradient is measured at 2000 points around the clouds.

Source: Miyato et al. 2018, sections 2 and 2.1 (the product of the layers' norms bounds the Lipschitz
constant).
"""

import torch
from torch import Tensor, nn

from vademecum.nn import spectral_norm

from ._digits import mlp, seeded
from ._outcome import Outcome


def normalized(fan_in: int, fan_out: int) -> nn.Module:
    """Build a linear layer under spectral normalization."""
    return spectral_norm(nn.Linear(fan_in, fan_out))


def steepest(critic: nn.Module, points: Tensor) -> float:
    """Measure the longest gradient of the critic."""
    points = points.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(critic.eval()(points).sum(), points)
    return float(slopes.norm(dim=1).max())


def claim(seed: int) -> Outcome:
    """Train a critic without and with spectral normalization.

    Args:
        seed: of the clouds and the initialization.

    Returns:
        Lengths of gradients, and what the critic makes of the distance of the two clouds' means.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        high, low = torch.randn(256, 2) + torch.tensor([1.0, 0.0]), torch.randn(256, 2)
        points = 2 * torch.randn(2000, 2)
        for name, linear in (("plain", nn.Linear), ("spectral norm", normalized)):
            critic = mlp(2, 64, 64, 1, linear=linear)
            optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)
            for _ in range(300):
                optimizer.zero_grad()
                (critic(low).mean() - critic(high).mean()).backward()
                optimizer.step()
            measured[f"longest gradient, {name}"] = steepest(critic, points)
            with torch.no_grad():
                measured[f"difference of the means, {name}"] = float(critic(high).mean() - critic(low).mean())
    return Outcome(
        says="with every layer spectrally normalized, the critic's Lipschitz constant is at most 1",
        measured=measured,
        holds=measured["longest gradient, spectral norm"] < 1.01
        and measured["difference of the means, spectral norm"] > 0.1
        and measured["longest gradient, plain"] > 100,
        expected="longest gradient below 1.01 with spectral norm, while the critic still tells the clouds apart by "
        "more than 0.1; above 100 plain",
    )
