"""A deep linear net learns faster from orthogonal weights than from Gaussian weights of the same scale.

Protocol: forty linear layers of width 64 on the digits (1297 to train on), weights orthogonal, or normal with
variance 1 / 64; biases at 0. The condition number of the product of the hidden layers, as initialized; then 2
epochs of plain descent at the learning rate 0.01.

Source: Saxe, McClelland and Ganguli 2014, random orthogonal initial conditions (learning time
that does not grow with the depth).
"""

import torch
from torch import nn

from vademecum.nn import lecun_normal_, orthogonal_

from ._digits import digits, loss, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train deep linear nets from either start.

    Args:
        seed: of split, initialization and order.

    Returns:
        Condition numbers, and training losses in nats.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, fill in (("orthogonal", orthogonal_), ("Gaussian", lecun_normal_)):
            net = mlp(64, *[64] * 40, 10, activation=nn.Identity)
            layers = [layer for layer in net if isinstance(layer, nn.Linear)]
            for layer in layers:
                fill(layer.weight)
                nn.init.zeros_(layer.bias)
            product = torch.linalg.multi_dot([layer.weight.detach().double() for layer in layers[:-1]])
            measured[f"condition number, {name}"] = float(torch.linalg.cond(product))
            train(net, data.x, data.y, epochs=2, learning_rate=0.01)
            measured[f"loss, {name}"] = loss(net, data.x, data.y)
    return Outcome(
        says="deep linear nets learn faster from orthogonal weights than from scaled Gaussian ones",
        measured=measured,
        holds=measured["condition number, orthogonal"] < 1.01
        and measured["condition number, Gaussian"] > 1e6
        and measured["loss, orthogonal"] < measured["loss, Gaussian"] / 2,
        expected="condition number 1 from orthogonal weights and above a million from Gaussian ones; less than half of "
        "their loss",
    )
