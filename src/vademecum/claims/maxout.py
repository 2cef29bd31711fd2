"""Maxout under dropout is level with ReLU at equal parameters.

Protocol: the digits, 900 to train on and 897 to test on; two hidden layers of 64 maxout units with two pieces (17290
parameters) or of 99 ReLUs (17335), dropout of 0.2 on the input and 0.5 on the hidden units, 30 epochs at the learning
rate 0.02 with momentum 0.9; mean over three starts.

Source: Goodfellow et al. 2013, section 4 (better than rectifiers with dropout) and section 8.
"""

from torch import nn

from vademecum.nn import Maxout

from ._digits import accuracy, digits, seeded, train
from ._outcome import Outcome

STARTS = 3


def nets() -> dict[str, nn.Module]:
    """Build both nets."""
    def chain(first: nn.Module, second: nn.Module, width: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), first, nn.Dropout(0.5), second, nn.Dropout(0.5),
                             nn.Linear(width, 10))
    return {
        "ReLU": chain(
            nn.Sequential(nn.Linear(64, 99), nn.ReLU()), nn.Sequential(nn.Linear(99, 99), nn.ReLU()), 99
        ),
        "maxout": chain(Maxout(64, 64, 2), Maxout(64, 64, 2), 64),
    }


def claim(seed: int) -> Outcome:
    """Train both nets.

    Args:
        seed: of splits, initializations, orders and dropout.

    Returns:
        Mean test accuracies.
    """
    measured = {"accuracy, ReLU": 0.0, "accuracy, maxout": 0.0}
    with seeded(seed):
        for _ in range(STARTS):
            data = digits(900)
            for name, net in nets().items():
                train(net, data.x, data.y, epochs=30, learning_rate=0.02, momentum=0.9)
                measured[f"accuracy, {name}"] += accuracy(net, data.test_x, data.test_y) / STARTS
    return Outcome(
        says="with dropout, maxout is better than rectifiers",
        measured=measured,
        holds=False,
        expected="maxout not below ReLU by more than 0.02, and ReLU above 0.9",
    )
