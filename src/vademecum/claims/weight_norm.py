"""Weight normalization with the start from data trains a deep net where the plain net does not move.

Protocol: the digits, 1297 to train on; four hidden layers of 64 ReLUs with torch's own initialization, 8
epochs of plain descent at the learning rate 0.01; plain, weight-normalized, and weight-normalized with the
start from the first 500 examples.

Source: Salimans and Kingma 2016, sections 2 and 3.
"""

from torch import nn

from vademecum.nn import init_weight_norm_, weight_norm

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


def weight_normalized(fan_in: int, fan_out: int) -> nn.Module:
    """Build a linear layer under weight normalization."""
    return weight_norm(nn.Linear(fan_in, fan_out))


def claim(seed: int) -> Outcome:
    """Train three nets.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name in ("plain", "weight norm", "weight norm, start from data"):
            net = mlp(64, *[64] * 4, 10, linear=nn.Linear if name == "plain" else weight_normalized)
            if name.endswith("data"):
                init_weight_norm_(net, data.x[:500])
            train(net, data.x, data.y, epochs=8, learning_rate=0.01)
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="with weight normalization and its start from data the features are in scale, and training is faster",
        measured=measured,
        holds=measured["accuracy, plain"] < 0.3 and measured["accuracy, weight norm, start from data"] > 0.9,
        expected="below 0.3 plain, above 0.9 with weight norm and the start from data",
    )
