"""Smoothing makes a classifier less sure and its plain loss worse, and does not make it less accurate.

Protocol: the digits, 1297 to train on; two hidden layers of 64 ReLUs; 6 epochs at the learning rate 0.05 with
momentum 0.9, on plain targets and on targets smoothed by 0.1. Both are tested on plain targets.
A plain net that goes on until it is overconfident loses part of its lead, or all of it: see the log.

Source: Vaswani et al. 2017, section 5.4: it "hurts perplexity, as the model learns to be more unsure".
"""

import torch
from torch import Tensor, nn

from vademecum.losses import cross_entropy, smoothed_target

from ._digits import accuracy, digits, loss, mlp, seeded
from ._outcome import Outcome


def fit(net: nn.Module, x: Tensor, y: Tensor, label_smoothing: float) -> None:
    """Train on smoothed targets.

    Args:
        net: changed in place.
        x: (N, ...) inputs.
        y: (N,) classes.
        label_smoothing: probability given away.
    """
    targets = smoothed_target(y, 10, label_smoothing=label_smoothing)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(6):
        for chosen in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            cross_entropy(net(x[chosen]), targets[chosen]).backward()
            optimizer.step()


def claim(seed: int) -> Outcome:
    """Train with and without smoothing.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test losses in nats on plain targets, mean confidences, accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, label_smoothing in (("plain", 0.0), ("smoothed", 0.1)):
            net = mlp(64, 64, 64, 10)
            fit(net, data.x, data.y, label_smoothing)
            with torch.no_grad():
                confidence = net(data.test_x).softmax(1).amax(1).mean()
            measured[f"loss, {name}"] = loss(net, data.test_x, data.test_y)
            measured[f"confidence, {name}"] = float(confidence)
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="smoothing hurts perplexity, because the network is less sure, but not accuracy",
        measured=measured,
        holds=measured["loss, smoothed"] > measured["loss, plain"] + 0.025
        and measured["confidence, smoothed"] < measured["confidence, plain"] - 0.06
        and measured["accuracy, smoothed"] > measured["accuracy, plain"] - 0.02,
        expected="0.025 nats more on plain targets, 0.06 less confidence, at most 0.02 less accuracy",
    )
