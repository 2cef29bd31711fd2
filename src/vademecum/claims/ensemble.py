"""An ensemble of small nets is better than one of them, and not than one net of their size.

Protocol: eight nets with 8 hidden units and one with 64, from different starts, on the same 600 digits (40 epochs at
the learning rate 0.1, momentum 0.9); accuracy and cross-entropy on the other 1197: of a member on average, of the
ensemble (mean of the probabilities), of the large net.

Source: Hansen and Salamon 1990; Krogh and Vedelsby 1995.
"""

from statistics import fmean

from vademecum.train.ensemble import Ensemble, disagreement

from ._digits import accuracy, digits, loss, mlp, seeded, train
from ._outcome import Outcome

MEMBERS, HIDDEN, LARGE = 8, 8, 64


def claim(seed: int) -> Outcome:
    """Train members and one large net.

    Args:
        seed: of split, initialization and order.

    Returns:
        Accuracies, cross-entropies in nats, and the members' disagreement.
    """
    with seeded(seed):
        data = digits(600)
        *members, large = (
            train(mlp(64, hidden, 10), data.x, data.y, epochs=40, learning_rate=0.1, momentum=0.9)
            for hidden in [HIDDEN] * MEMBERS + [LARGE]
        )
    together = Ensemble(members).eval()
    test = data.test_x, data.test_y
    measured = {
        "accuracy, member": fmean(accuracy(member, *test) for member in members),
        "accuracy, ensemble": accuracy(together, *test),
        "accuracy, large net": accuracy(large, *test),
        "cross-entropy, member": fmean(loss(member, *test) for member in members),
        "cross-entropy, ensemble": loss(together, *test),
        "cross-entropy, large net": loss(large, *test),
        "disagreement of two members": float(disagreement(together.outputs(data.test_x))),
    }
    return Outcome(
        says="an ensemble errs less than its members, by as much as they disagree",
        measured=measured,
        holds=measured["accuracy, ensemble"] > measured["accuracy, member"] + 0.01
        and measured["cross-entropy, ensemble"] < 0.8 * measured["cross-entropy, member"]
        and measured["accuracy, ensemble"] < measured["accuracy, large net"] + 0.005,
        expected="accuracy 0.01 above the mean member's, cross-entropy a fifth lower; not 0.005 above the large net",
    )
