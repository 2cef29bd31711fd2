"""The first loss shows a last layer that is too large, and a softmax before the loss slows learning down.

Protocol: the digits, 1297 to train on; two hidden layers of 64 ReLUs started by He's rule. The loss of the
fresh net is compared with ln 10, also with the last layer's weights times 20. Then 5 epochs of plain descent
at the learning rate 0.1, without and with a softmax in front of the loss, which has one of its own.

Source: the practitioner's rule of the initial loss; Bridle 1990 for the loss.
"""

from torch import nn

from vademecum.losses import expected_initial_loss
from vademecum.nn import initialize_

from ._digits import accuracy, digits, loss, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Measure first losses, and train with one softmax and with two.

    Args:
        seed: of split, initialization and order.

    Returns:
        Losses in nats above the expected one, and test accuracies.
    """
    measured: dict[str, float] = {}
    expected = expected_initial_loss(10)
    with seeded(seed):
        data = digits()
        net = mlp(64, 64, 64, 10)
        initialize_(net, example=data.x)
        measured["first loss above ln 10"] = loss(net, data.x, data.y) - expected
        net[-1].get_parameter("weight").data.mul_(20)
        measured["first loss above ln 10, last layer x 20"] = loss(net, data.x, data.y) - expected
        for name, tail in (("one softmax", nn.Identity()), ("two", nn.Softmax(1))):
            net = nn.Sequential(mlp(64, 64, 64, 10), tail)
            initialize_(net, example=data.x)
            train(net, data.x, data.y, epochs=5, learning_rate=0.1)
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="a fresh classifier's loss is ln K; softmax belongs into the loss, once",
        measured=measured,
        holds=abs(measured["first loss above ln 10"]) < 0.4
        and measured["first loss above ln 10, last layer x 20"] > 2
        and measured["accuracy, one softmax"] > measured["accuracy, two"] + 0.1,
        expected="within 0.4 nats of ln 10, above it by more than 2 with the large layer; one softmax better by 0.1",
    )
