"""Layer normalization lets a deep net learn online, from one example at a time.

Protocol: one pass over 1297 digits, one example a step, at the learning rate 0.01; four hidden layers of 64
ReLUs, without norm, with layer normalization before the activation, and with batch normalization, which
refuses such a step; torch's own initialization.

Source: Ba, Kiros and Hinton 2016, section 1 (online learning) and section 6.6 (small batches).
"""

from vademecum.nn import BatchNorm1d, LayerNorm

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train deep nets on batches of one.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies, and whether batch normalization could take a step.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, norm in (("plain", None), ("layer norm", LayerNorm)):
            net = mlp(64, *[64] * 4, 10, norm=norm)
            train(net, data.x, data.y, epochs=1, learning_rate=0.01, batch_size=1)
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
        net = mlp(64, *[64] * 4, 10, norm=BatchNorm1d)
        try:
            net(data.x[:1])
        except ValueError:
            measured["batch norm takes a step"] = 0.0
        else:
            measured["batch norm takes a step"] = 1.0
    return Outcome(
        says="layer normalization works online, with one example a step, where batch normalization cannot be used",
        measured=measured,
        holds=measured["accuracy, plain"] < 0.3
        and measured["accuracy, layer norm"] > 0.6
        and not measured["batch norm takes a step"],
        expected="below 0.3 plain, above 0.6 with layer norm; batch norm refuses",
    )
