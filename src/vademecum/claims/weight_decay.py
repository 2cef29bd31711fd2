"""Along the strength of decoupled decay the test error on noisy labels falls, and rises again.

Protocol: 500 digits, 30 % of whose labels are redrawn; 64-128-10 with ReLU, AdamW at 0.003 for 60 epochs in batches of
32, its decay at 0, 0.1, 1, 3 and 10 on the weights alone; tested on the other digits with their right labels.

Source: Krogh and Hertz 1992 (decay against static noise on the targets); Loshchilov and Hutter 2019 (decoupled).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.regularize import decay_groups

from ._digits import accuracy, digits, mlp, seeded
from ._outcome import Outcome

STRENGTHS = (0.0, 0.1, 1.0, 3.0, 10.0)


def noisy(y: Tensor, share: float) -> Tensor:
    """Redraw a share of the labels.

    Args:
        y: (N,) classes of ten.
        share: to be redrawn; a tenth of these fall on the right class again.

    Returns:
        (N,) classes.
    """
    return torch.where(torch.rand(len(y)) < share, torch.randint(10, y.shape), y)


def fit(x: Tensor, y: Tensor, weight_decay: float) -> nn.Module:
    """Train with AdamW.

    Args:
        x: (N, 1, 8, 8) images.
        y: (N,) classes.
        weight_decay: of the weights.

    Returns:
        The net.
    """
    model = mlp(64, 128, 10)
    optimizer = torch.optim.AdamW(decay_groups(model, weight_decay), lr=3e-3)
    for _ in range(60):
        for chosen in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
    return model


def claim(seed: int) -> Outcome:
    """Train at five strengths.

    Args:
        seed: of the data and the nets.

    Returns:
        Test errors.
    """
    errors: dict[float, float] = {}
    with seeded(seed):
        data = digits(500)
        y = noisy(data.y, 0.3)
        for strength in STRENGTHS:
            errors[strength] = 1 - accuracy(fit(data.x, y, strength), data.test_x, data.test_y)
    best = min(errors.values())
    return Outcome(
        says="weight decay suppresses what fits the noise of the targets, until it suppresses the rest as well",
        measured={f"test error, decay {strength:g}": error for strength, error in errors.items()},
        holds=best < 0.8 * errors[0.0] and errors[10.0] > 1.5 * best,
        expected="the least error below four fifths of that without decay, and half as much again at a decay of 10",
    )
