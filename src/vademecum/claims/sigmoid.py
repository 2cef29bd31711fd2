"""A deep net of sigmoids does not learn; the same net of tanh units does.

Protocol: the digits, 1297 to train on; six hidden layers of 64 units, started by Glorot's initialization, 5
epochs at the learning rate 0.02 with momentum 0.9.

Source: LeCun et al. 1998, section 4.4 (a sigmoid should be symmetric about the origin).
"""

from vademecum.nn import Sigmoid, Tanh, initialize_

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train a deep net of sigmoids and one of tanh units.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, activation in (("sigmoid", Sigmoid), ("tanh", Tanh)):
            net = mlp(64, *[64] * 6, 10, activation=activation)
            initialize_(net, "glorot")
            train(net, data.x, data.y, epochs=5, learning_rate=0.02, momentum=0.9)
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="a sigmoid that is symmetric about the origin learns faster than one whose outputs are all positive",
        measured=measured,
        holds=measured["accuracy, sigmoid"] < 0.3 and measured["accuracy, tanh"] > 0.85,
        expected="below 0.3 with sigmoids, above 0.85 with tanh",
    )
