"""Mean-only batch normalization behind weight normalization widens the range of learning rates.

Protocol: the digits, 1297 to train on; four hidden layers of 64 ReLUs, 8 epochs of plain descent at each of three
learning rates: plain, weight-normalized with the start from data, and that with mean-only batch normalization as well.

Source: Salimans and Kingma 2016, section 4.
"""

from torch import nn

from vademecum.nn import MeanOnlyBatchNorm1d, init_weight_norm_, weight_norm

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

RATES = (0.01, 0.1, 1.0)


def weight_normalized(fan_in: int, fan_out: int) -> nn.Module:
    """Build a linear layer under weight normalization."""
    return weight_norm(nn.Linear(fan_in, fan_out))


def claim(seed: int) -> Outcome:
    """Train a net at three learning rates.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    kinds = {"plain": (nn.Linear, None), "weight norm": (weight_normalized, None),
             "with means": (weight_normalized, MeanOnlyBatchNorm1d)}  # fmt: skip
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, (linear, norm) in kinds.items():
            for rate in RATES:
                net = mlp(64, *[64] * 4, 10, linear=linear, norm=norm)
                if name != "plain":
                    init_weight_norm_(net, data.x[:500])
                train(net, data.x, data.y, epochs=8, learning_rate=rate)
                measured[f"accuracy, rate {rate:g}, {name}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(says="x", measured=measured, holds=False, expected="x")
