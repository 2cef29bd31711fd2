"""With wrong labels, training on after the best validation loss makes the test error worse.

Protocol: a net with 128 hidden units on 300 digits, 30 % of whose labels are drawn at random, as are those of 100 more
for the validation; 100 epochs at the learning rate 0.1, momentum 0.9. The weights of the epoch at which `EarlyStopping`
with a patience of 20 stops, that is of its best epoch, against those of the last epoch; test error on the other
digits, whose labels are right.

Source: Prechelt 1998; Bishop 2006, section 5.5.2.
"""

import torch

from vademecum.train.early_stopping import EarlyStopping

from ._digits import accuracy, digits, loss, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train with and without stopping.

    Args:
        seed: of split, labels, initialization and order.

    Returns:
        The best epoch, validation losses in nats and test errors.
    """
    with seeded(seed):
        data = digits(400)
        wrong = torch.rand(400) < 0.3
        y = torch.where(wrong, torch.randint(10, (400,)), data.y)
        net = mlp(64, 128, 10)
        stopping, stopped = EarlyStopping(20), False
        best, best_error = float("inf"), 1.0
        for _ in range(100):
            train(net, data.x[:300], y[:300], epochs=1, learning_rate=0.1, momentum=0.9)
            validation = loss(net, data.x[300:], y[300:])
            error = 1 - accuracy(net, data.test_x, data.test_y)
            if not stopped and stopping.step(validation):
                best, best_error = validation, error
            stopped = stopped or stopping.stop
    measured = {
        "best epoch": stopping.best_step + 1.0,
        "validation loss, stopped": best,
        "validation loss, last epoch": validation,
        "test error, stopped": best_error,
        "test error, last epoch": error,
    }
    return Outcome(
        says="the validation error falls and rises again; the weights where it is least are better than the last",
        measured=measured,
        holds=stopped and best_error < error - 0.04 and best < 0.8 * validation,
        expected="it stops; test error lower by more than 0.04, validation loss by more than a fifth",
    )
