"""Clipping the gradient's norm saves a run at a rate at which it would diverge.

Protocol: the digits, 1297 to train on; a net of four hidden layers of 64 units with ReLU, torch's initialization; SGD
with momentum 0.9 at the rate 0.3, batches of 32, 10 epochs; without clipping and with the norm clipped at 1.

Source: Pascanu et al. 2013, section 3.2.
"""

import torch
from torch.nn import functional as F

from vademecum.optim import SGD, clip_grad_norm_

from ._digits import Digits, accuracy, digits, mlp, seeded
from ._outcome import Outcome


def trained(data: Digits, *, clip: float | None) -> float:
    """Train and test."""
    model = mlp(64, 64, 64, 64, 64, 10).train()
    optimizer = SGD(model.parameters(), lr=0.3, momentum=0.9)
    for _ in range(10):
        for chosen in torch.randperm(len(data.x)).split(32):
            optimizer.zero_grad()
            F.cross_entropy(model(data.x[chosen]), data.y[chosen]).backward()
            if clip is not None:
                clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    return accuracy(model, data.test_x, data.test_y)


def claim(seed: int) -> Outcome:
    """Train with and without.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    for name, clip in (("unclipped", None), ("clipped at 1", 1.0)):
        with seeded(seed):
            measured[f"accuracy, {name}"] = trained(digits(), clip=clip)
    return Outcome(
        says="a bound on the norm of the gradient keeps a run with a large rate from diverging",
        measured=measured,
        holds=measured["accuracy, unclipped"] < 0.5 and measured["accuracy, clipped at 1"] > 0.6,
        expected="below 0.5 unclipped, above 0.6 clipped",
    )
