"""One nearest neighbor beats a linear classifier on the digits, and keeps all of the data for it.

Protocol: the digits, 1297 to keep or to train on, 500 to test on. One neighbor by Euclidean distance between pixels;
a linear layer trained for 30 epochs at the learning rate 0.5. Numbers kept are pixels and classes of the examples,
and weights and biases.

Source: the comparison that courses make between an instance-based and a parametric classifier; Cover and Hart 1967 for
the rule.
"""

from vademecum.models import KNearestNeighbors

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Fit both.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies, and the numbers that each keeps.
    """
    with seeded(seed):
        data = digits()
        neighbors = KNearestNeighbors().fit(data.x, data.y)
        linear = train(mlp(64, 10), data.x, data.y, epochs=30, learning_rate=0.5)
    measured = {
        "accuracy, one neighbor": accuracy(neighbors, data.test_x, data.test_y),
        "accuracy, linear": accuracy(linear, data.test_x, data.test_y),
        "numbers kept, one neighbor": float(sum(b.numel() for b in neighbors.buffers())),
        "numbers kept, linear": float(sum(p.numel() for p in linear.parameters())),
    }
    return Outcome(
        says="a nearest-neighbor classifier keeps all data and a linear one a small matrix; here it is more accurate",
        measured=measured,
        holds=measured["accuracy, one neighbor"] > measured["accuracy, linear"] + 0.01
        and measured["numbers kept, one neighbor"] > 100 * measured["numbers kept, linear"],
        expected="one neighbor 0.01 more accurate; more than 100 times as many numbers kept",
    )
