"""At a given number of epochs the rate should grow with the batch.

Protocol: the digits, 1297 to train on; a net of one hidden layer of 64 units with ReLU; plain SGD on the mean loss for
10 epochs, from the rate 0.05 at a batch of 32; then batches of 64, 128 and 256 at the scaled rate and at the old one.

Source: Goyal et al. 2017, section 2.1.
"""

from vademecum.optim import scale_lr

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

BASE, RATE = 32, 0.05


def claim(seed: int) -> Outcome:
    """Train with four sizes of the batch.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    for factor in (1, 2, 4, 8):
        for rule in ("linear", "none"):
            if factor == 1 and rule == "none":
                continue
            with seeded(seed):
                data = digits()
                model = mlp(64, 64, 10)
                rate = scale_lr(RATE, BASE, BASE * factor, rule=rule)
                train(model, data.x, data.y, epochs=10, learning_rate=rate, batch_size=BASE * factor)
                name = f"batch {BASE * factor}, rate {rate:g}"
                measured[f"accuracy, {name}"] = accuracy(model, data.test_x, data.test_y)
    base = measured[f"accuracy, batch {BASE}, rate {RATE:g}"]
    scaled = measured[f"accuracy, batch {4 * BASE}, rate {4 * RATE:g}"]
    kept = measured[f"accuracy, batch {4 * BASE}, rate {RATE:g}"]
    return Outcome(
        says="when the batch is multiplied by k, multiply the rate by k",
        measured=measured,
        holds=base - scaled < 0.03 and base - kept > 0.05,
        expected="a fourfold batch loses less than 3 points at the fourfold rate, more than 5 at the old one",
    )
