"""Small random weights start a shallow net and not a deep one.

Protocol: the digits, 1297 to train on; one and six hidden layers of 64 ReLUs with weights from N(0, 0.01^2)
or by He's rule, 8 epochs at the learning rate 0.05 with momentum 0.9.

Source: the practitioner's rule; Krizhevsky et al. 2012, section 5, starts so.
"""

from vademecum.nn import initialize_

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train shallow and deep nets.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for depth in (1, 6):
            for policy in ("small", "he"):
                net = mlp(64, *[64] * depth, 10)
                initialize_(net, policy)
                train(net, data.x, data.y, epochs=8, learning_rate=0.05, momentum=0.9)
                measured[f"accuracy, {depth} hidden, {policy}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="small random numbers break the symmetry and do for small nets, but the signal of a deep net dies",
        measured=measured,
        holds=measured["accuracy, 1 hidden, small"] > 0.85
        and measured["accuracy, 6 hidden, small"] < 0.3
        and measured["accuracy, 6 hidden, he"] > 0.85,
        expected="above 0.85 with one hidden layer, below 0.3 with six, where He's rule gives above 0.85",
    )
