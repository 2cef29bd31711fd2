"""Rectified units die at a large learning rate: they end below zero for every example, and stay there.

Protocol: the digits, 1297 to train on; two hidden layers of 64 ReLUs, 5 epochs with momentum 0.9 at the
learning rates 0.05 and 0.5. A unit counts as dead if no training example makes it positive.

Source: the practitioner's rule on dying ReLUs; the unit is that of Nair and Hinton 2010.
"""

import torch
from torch import nn

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


@torch.no_grad()
def dead(net: nn.Sequential, x: torch.Tensor) -> float:
    """Share of rectified units that are positive for no example."""
    silent = []
    for part in net:
        x = part(x)
        if isinstance(part, nn.ReLU):
            silent.append((x <= 0).all(0))
    return float(torch.cat(silent).float().mean())


def claim(seed: int) -> Outcome:
    """Train at a moderate and at a large learning rate.

    Args:
        seed: of split, initialization and order.

    Returns:
        Shares of dead units, and test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for rate in (0.05, 0.5):
            net = mlp(64, 64, 64, 10)
            train(net, data.x, data.y, epochs=5, learning_rate=rate, momentum=0.9)
            measured[f"dead units, rate {rate:g}"] = dead(net, data.x)
            measured[f"accuracy, rate {rate:g}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="a large step can put a unit where no example makes it positive; it has no gradient there and stays dead",
        measured=measured,
        holds=measured["dead units, rate 0.05"] < 0.1
        and measured["dead units, rate 0.5"] > 0.4
        and measured["accuracy, rate 0.05"] > 0.85,
        expected="dead units below 0.1 at the rate 0.05, where the accuracy is above 0.85; above 0.4 at the rate 0.5",
    )
