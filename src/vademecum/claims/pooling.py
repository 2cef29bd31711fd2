"""The maximum of a window is worth more than its mean behind a rectifier.

Protocol: the digits, 1297 to train on; two 3 by 3 convolutions (8 and 16 channels), each followed by ReLU and a pooling
of 2 by 2, then a linear layer, started by He's rule; 8 epochs at the learning rate 0.05 with momentum 0.9. Only the
pooling differs.

Source: Scherer et al. 2010: maximum pooling beats subsampling by averages.
"""

from torch import nn

from vademecum.nn import AvgPool2d, MaxPool2d, initialize_

from ._digits import accuracy, digits, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train with both poolings.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, pool in (("max", MaxPool2d(2)), ("average", AvgPool2d(2))):
            net = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), pool,
                nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), pool,
                nn.Flatten(), nn.Linear(64, 10),
            )  # fmt: skip
            initialize_(net, example=data.x)
            train(net, data.x, data.y, epochs=8, learning_rate=0.05, momentum=0.9)
            measured[f"accuracy, {name} pooling"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="maximum pooling is superior to subsampling",
        measured=measured,
        holds=measured["accuracy, max pooling"] > measured["accuracy, average pooling"] + 0.015,
        expected="max pooling 0.015 more accurate",
    )
