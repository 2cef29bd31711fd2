"""Held-out residuals give the noise back; the residuals of a net that has fitted the noise do not.

Protocol: t = sin(3 x) + noise of deviation 0.3 for x uniform in [-1, 1]; a net with one hidden layer of 50 tanh
units, trained by Adam. On 500 points for 600 steps, the precision is computed from 500 others. On 20 points for
4000 steps, it is computed from those 20 and from the 500 others.

Source: Bishop 2006, Eq. 5.17; that maximum likelihood underestimates the variance is its section 1.2.4.
"""

import torch
from torch import Tensor, nn

from vademecum.losses import fit_precision

from ._digits import seeded
from ._outcome import Outcome


def drawn(count: int) -> tuple[Tensor, Tensor]:
    """Draw data.

    Args:
        count: N.

    Returns:
        (N, 1) inputs and (N, 1) targets.
    """
    x = 2 * torch.rand(count, 1) - 1
    return x, (3 * x).sin() + 0.3 * torch.randn(count, 1)


def fitted(x: Tensor, t: Tensor, steps: int) -> nn.Module:
    """Train a net on squared error.

    Args:
        x: (N, 1) inputs.
        t: (N, 1) targets.
        steps: of Adam on all data.

    Returns:
        The net.
    """
    net = nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, 1))
    with torch.no_grad():
        net[0].get_parameter("weight").mul_(10)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        (net(x) - t).square().mean().backward()
        optimizer.step()
    return net


def claim(seed: int) -> Outcome:
    """Fit nets to many and to few points.

    Args:
        seed: of data and initialization.

    Returns:
        Deviations of the noise, as residuals show them.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        test_x, test_t = drawn(500)
        for count, steps in ((500, 600), (20, 4000)):
            x, t = drawn(count)
            net = fitted(x, t, steps)
            with torch.no_grad():
                measured[f"{count} points, held out"] = float(fit_precision(net(test_x), test_t) ** -0.5)
                measured[f"{count} points, their own"] = float(fit_precision(net(x), t) ** -0.5)
    return Outcome(
        says="the precision of the noise is one over the mean squared residual, of data that were not fitted",
        measured=measured,
        holds=abs(measured["500 points, held out"] - 0.3) < 0.03 and measured["20 points, their own"] < 0.25,
        expected="held out within 0.03 of 0.3; less than 0.25 on 20 points that were fitted",
    )
