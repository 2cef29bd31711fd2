"""A leaky rectifier recovers from a start at which every rectifier is dead.

Protocol: the digits, 1297 to train on; two hidden layers of 64 units whose weights start at N(0, 0.1^2) and
whose biases start at -1.5, so that nothing is positive; 10 epochs at the learning rate 0.1 with momentum 0.9.
With the slope 0.01 the way back is longer than that; it is measured and not asserted.

Source: Maas, Hannun and Ng 2013, section 2 (a gradient also where the unit is not active).
"""

from functools import partial

from torch import nn

from vademecum.nn import LeakyReLU, ReLU, small_normal_

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

SLOPES = (0.01, 0.2)


def claim(seed: int) -> Outcome:
    """Train nets of dead units.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    units = {"ReLU": ReLU} | {f"slope {slope:g}": partial(LeakyReLU, slope) for slope in SLOPES}
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, activation in units.items():
            net = mlp(64, 64, 64, 10, activation=activation)
            for layer in net:
                if isinstance(layer, nn.Linear):
                    small_normal_(layer.weight, std=0.1)
                    nn.init.constant_(layer.bias, -1.5)
            train(net, data.x, data.y, epochs=10, learning_rate=0.1, momentum=0.9)
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="a leaky rectifier has a gradient where a rectifier has none, so that its units cannot die",
        measured=measured,
        holds=measured["accuracy, ReLU"] < 0.25 and measured["accuracy, slope 0.2"] > 0.75,
        expected="below 0.25 with ReLU, above 0.75 with the slope 0.2",
    )
