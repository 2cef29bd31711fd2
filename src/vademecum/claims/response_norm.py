"""Local response normalization does not help at small scale.

Protocol: the digits, 1297 to train on; a net of two 3 by 3 convolutions (16 and 32 channels), each followed
by ReLU, the paper's response normalization or nothing, and pooling, then a linear layer; 5 epochs at the
learning rate 0.05 with momentum 0.9; mean over two starts. The layer divides all activities by 2^0.75 or
more, which slows such a short training.

Source: Krizhevsky et al. 2012, section 3.3 (a gain of 1.4 and 1.2 points); Simonyan and Zisserman 2015,
section 4.1 (none).
"""

from collections.abc import Callable

from torch import nn

from vademecum.nn import alexnet_response_norm

from ._digits import accuracy, digits, seeded, train
from ._outcome import Outcome

STARTS = 2


def claim(seed: int) -> Outcome:
    """Train without and with response normalization.

    Args:
        seed: of splits, initializations and orders.

    Returns:
        Mean test accuracies.
    """
    kinds: dict[str, Callable[[], nn.Module]] = {"plain": nn.Identity, "response norm": alexnet_response_norm}
    measured = {f"accuracy, {name}": 0.0 for name in kinds}
    with seeded(seed):
        for _ in range(STARTS):
            data = digits()
            for name, norm in kinds.items():
                net = nn.Sequential(
                    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), norm(), nn.MaxPool2d(2),
                    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), norm(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(128, 10),
                )  # fmt: skip
                train(net, data.x, data.y, epochs=5, learning_rate=0.05, momentum=0.9)
                measured[f"accuracy, {name}"] += accuracy(net, data.test_x, data.test_y) / STARTS
    gain = measured["accuracy, response norm"] - measured["accuracy, plain"]
    return Outcome(
        says="response normalization lowers the error by more than a point",
        measured=measured | {"gain": gain},
        holds=gain > 0.01,
        expected="a gain above 0.01",
    )
