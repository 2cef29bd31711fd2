"""Batch normalization lets a deep sigmoid net learn, and widens the range of learning rates.

Protocol: the digits, 1297 to train on. First, six hidden layers of 64 sigmoids, 30 epochs at the learning
rate 0.1 with momentum 0.9. Then four hidden layers of 64 ReLUs, 8 epochs of plain descent at each of four
learning rates. Each net without and with batch normalization before the activation; torch's own
initialization.

Source: Ioffe and Szegedy 2015, section 4.2 (larger learning rates; the net with sigmoids).
"""

from torch import nn

from vademecum.nn import BatchNorm1d

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

RATES = (0.01, 0.1, 1.0, 3.0)


def claim(seed: int) -> Outcome:
    """Train deep nets without and with batch normalization.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, norm in (("plain", None), ("batch norm", BatchNorm1d)):
            net = mlp(64, *[64] * 6, 10, activation=nn.Sigmoid, norm=norm)
            train(net, data.x, data.y, epochs=30, learning_rate=0.1, momentum=0.9)
            measured[f"accuracy, 6 sigmoid layers, {name}"] = accuracy(net, data.test_x, data.test_y)
        for name, norm in (("plain", None), ("batch norm", BatchNorm1d)):
            for rate in RATES:
                net = mlp(64, *[64] * 4, 10, norm=norm)
                train(net, data.x, data.y, epochs=8, learning_rate=rate)
                measured[f"accuracy, rate {rate:g}, {name}"] = accuracy(net, data.test_x, data.test_y)
    plain, normed = (
        [measured[f"accuracy, rate {rate:g}, {name}"] for rate in RATES] for name in ("plain", "batch norm")
    )
    return Outcome(
        says="nets with saturating activations become trainable, and learning rates far above the plain net's work",
        measured=measured,
        holds=measured["accuracy, 6 sigmoid layers, plain"] < 0.3
        and measured["accuracy, 6 sigmoid layers, batch norm"] > 0.9
        and min(normed) > 0.7
        and max(plain[0], *plain[2:]) < 0.4,
        expected="sigmoid net below 0.3 plain, above 0.9 with batch norm; with it above 0.7 at every learning rate, "
        "without it below 0.4 at 0.01, 1 and 3",
    )
