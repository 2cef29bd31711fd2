"""Two rings around the origin, and ways to learn that a turn does not change the ring."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.regularize import tangent_penalty

from ._digits import mlp

RADII = (1.0, 2.0)
TRAIN, TEST = 40, 2000
SPREAD = 0.3
"""Deviation of the radius; the rings overlap a little."""


def rings(count: int) -> tuple[Tensor, Tensor]:
    """Draw points of two rings, half of each.

    Args:
        count: of points.

    Returns:
        (N, 2) points and (N,) rings.
    """
    y = torch.arange(count) % 2
    angle = 2 * torch.pi * torch.rand(count)
    radius = torch.tensor(RADII)[y] + SPREAD * torch.randn(count)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), y


def turns(x: Tensor) -> Tensor:
    """The tangent of a rotation, from the right to above.

    Args:
        x: (N, 2) points.

    Returns:
        (N, 1, 2) tangents.
    """
    return torch.stack([-x[:, 1], x[:, 0]], dim=1)[:, None]


class Polar(nn.Module):
    """The radius in place of the point: an architecture that cannot see a turn."""

    def forward(self, x: Tensor) -> Tensor:
        """Measure the radius.

        Args:
            x: (N, 2) points.

        Returns:
            (N, 1) radii.
        """
        return x.norm(dim=1, keepdim=True)


def fit(x: Tensor, y: Tensor, *, strength: float = 0.0, polar: bool = False) -> nn.Module:
    """Train a net of two hidden layers, with the tangents of rotation or on radii.

    Args:
        x: (N, 2) points.
        y: (N,) rings.
        strength: of the tangent penalty.
        polar: whether the net is given the radius alone.

    Returns:
        The net.
    """
    net = mlp(1 if polar else 2, 64, 64, 2, activation=nn.Tanh)
    model = nn.Sequential(Polar(), net) if polar else net
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    tangents = turns(x)
    for _ in range(400):
        loss = F.cross_entropy(model(x), y)
        if strength:
            loss = loss + strength * tangent_penalty(model, x, tangents)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
