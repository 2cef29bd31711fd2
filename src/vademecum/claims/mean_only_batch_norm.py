"""Mean-only batch normalization behind weight normalization widens the range of learning rates.

Protocol: the digits, 1297 to train on; four hidden layers of 64 ReLUs, 8 epochs of plain descent at the
learning rates 0.01 and 0.2; weight-normalized with the start from data, without and with mean-only batch
normalization before the activation.

Source: Salimans and Kingma 2016, section 4.
"""

from torch import nn

from vademecum.nn import MeanOnlyBatchNorm1d, init_weight_norm_, weight_norm

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

RATES = (0.01, 0.2)


def weight_normalized(fan_in: int, fan_out: int) -> nn.Module:
    """Build a linear layer under weight normalization."""
    return weight_norm(nn.Linear(fan_in, fan_out))


def claim(seed: int) -> Outcome:
    """Train a net at two learning rates.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, norm in (("weight norm", None), ("with means", MeanOnlyBatchNorm1d)):
            for rate in RATES:
                net = mlp(64, *[64] * 4, 10, linear=weight_normalized, norm=norm)
                init_weight_norm_(net, data.x[:500])
                train(net, data.x, data.y, epochs=8, learning_rate=rate)
                measured[f"accuracy, rate {rate:g}, {name}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="weight normalization with mean-only batch normalization trains as batch normalization does",
        measured=measured,
        holds=measured["accuracy, rate 0.01, weight norm"] > 0.7
        and measured["accuracy, rate 0.2, weight norm"] < 0.4
        and min(measured[f"accuracy, rate {rate:g}, with means"] for rate in RATES) > 0.9,
        expected="with the means subtracted above 0.9 at both rates; without them above 0.7 at 0.01, below 0.4 at 0.2",
    )
