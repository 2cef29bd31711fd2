"""The mean of the weights that a high constant rate wanders through is better than where it ends.

Protocol: a net with two layers of 64 units and batch normalization on 1297 digits, of whose labels a third are drawn at
random; 15 epochs at the learning rate 0.2, then 25 more with the weights averaged after each; the averaged net's
statistics estimated anew. Cross-entropy and accuracy on the held-out digits, whose labels are right.

Source: Izmailov et al. 2018, Algorithm 1.
"""

import torch

from vademecum.nn import BatchNorm1d, recalibrate
from vademecum.train.weight_averaging import AveragedModel

from ._digits import accuracy, digits, loss, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Average along one training.

    Args:
        seed: of split, labels, initialization and order.

    Returns:
        Cross-entropies in nats, and accuracies.
    """
    with seeded(seed):
        data = digits()
        wrong = torch.rand(len(data.y)) < 1 / 3
        y = torch.where(wrong, torch.randint(10, data.y.shape), data.y)
        net = mlp(64, 64, 64, 10, norm=BatchNorm1d)
        train(net, data.x, y, epochs=15, learning_rate=0.2)
        averaged = AveragedModel(net)
        for _ in range(25):
            train(net, data.x, y, epochs=1, learning_rate=0.2)
            averaged.update_parameters(net)
        recalibrate(averaged, data.x.split(128)[:10])
    test = data.test_x, data.test_y
    measured = {
        "cross-entropy, last weights": loss(net.eval(), *test),
        "cross-entropy, averaged": loss(averaged.eval(), *test),
        "accuracy, last weights": accuracy(net, *test),
        "accuracy, averaged": accuracy(averaged, *test),
    }
    return Outcome(
        says="averaging the weights that a constant rate passes through leads to a better solution than the last ones",
        measured=measured,
        holds=measured["cross-entropy, averaged"] < 0.95 * measured["cross-entropy, last weights"]
        and measured["accuracy, averaged"] > measured["accuracy, last weights"] + 0.02,
        expected="cross-entropy 5 % lower, accuracy higher by more than 0.02",
    )
