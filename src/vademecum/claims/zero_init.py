"""Units that start equal stay equal, so a net that starts at a constant does not learn.

Protocol: the digits, 1297 to train on; two hidden layers of 64 ReLUs whose weights all start at 0, at 0.05,
or by He's rule; biases at 0; 5 epochs at the learning rate 0.05 with momentum 0.9. The spread is the largest
deviation of a first-layer weight over the units, as a share of the largest weight.

Source: Rumelhart, Hinton and Williams 1986 (symmetry breaking).
"""

from torch import nn

from vademecum.nn import initialize_

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train nets whose units start equal.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies, and by how much the units differ after training.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name in ("zero", "constant", "he"):
            net = mlp(64, 64, 64, 10)
            initialize_(net, "he" if name == "he" else "zero")
            for layer in net:
                if isinstance(layer, nn.Linear) and name == "constant":
                    nn.init.constant_(layer.weight, 0.05)
            train(net, data.x, data.y, epochs=5, learning_rate=0.05, momentum=0.9)
            first = net[1].get_parameter("weight").detach()
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
            measured[f"spread of units, {name}"] = float(
                first.std(0).max() / first.abs().max().clamp(min=1e-9)
            )
    return Outcome(
        says="if all weights start equal they stay equal, for the error that reaches them is the same",
        measured=measured,
        holds=max(measured["spread of units, zero"], measured["spread of units, constant"]) < 1e-4
        and measured["accuracy, zero"] < 0.2
        and measured["accuracy, constant"] < 0.5
        and measured["accuracy, he"] > 0.85,
        expected="spread below 1e-4 from a constant; accuracy below 0.2 from 0, 0.5 from 0.05, above 0.85 with He",
    )
