"""GELU is not worse than ReLU in a deep net.

Protocol: the digits, 900 to train on and 897 to test on; eight hidden layers of 64 units started by He's
initialization, 16 epochs at the learning rate 0.02 with momentum 0.9; mean over four starts. At this scale a
difference between the two is within the noise, so only the lack of a loss is claimed, not the paper's gain.

Source: Hendrycks and Gimpel 2016, section 3.
"""

from vademecum.nn import GELU, ReLU, initialize_

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

STARTS = 4


def claim(seed: int) -> Outcome:
    """Train deep nets of either unit.

    Args:
        seed: of splits, initializations and orders.

    Returns:
        Mean test accuracies.
    """
    measured = {"accuracy, ReLU": 0.0, "accuracy, GELU": 0.0}
    with seeded(seed):
        for _ in range(STARTS):
            data = digits(900)
            for name, activation in (("ReLU", ReLU), ("GELU", GELU)):
                net = mlp(64, *[64] * 8, 10, activation=activation)
                initialize_(net, "he", example=data.x)
                train(net, data.x, data.y, epochs=16, learning_rate=0.02, momentum=0.9)
                measured[f"accuracy, {name}"] += accuracy(net, data.test_x, data.test_y) / STARTS
    return Outcome(
        says="GELU matches or exceeds ReLU",
        measured=measured,
        holds=measured["accuracy, GELU"] > measured["accuracy, ReLU"] - 0.02
        and measured["accuracy, ReLU"] > 0.85,
        expected="GELU not below ReLU by more than 0.02, and ReLU above 0.85",
    )
