"""Dropout harms narrow layers and not wide ones.

Protocol: 200 digits to train on; nets with two hidden layers, as they are and with `insert_dropout`: the mean over
three of width 16, and one of width 512; 60 epochs of gradient descent with momentum. Test loss in evaluation mode.

Source: the rule of thumb that dropout goes after large layers; Srivastava et al. 2014, appendix A.1 (the width should
be divided by the share that is kept).
"""

from torch import nn

from vademecum.nn import insert_dropout

from ._digits import accuracy, digits, loss, mlp, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Compare both widths with dropout and without.

    Args:
        seed: of split, initialization, order and masks.

    Returns:
        Test losses in nats per example, and accuracies.
    """
    measured: dict[str, float] = {}
    for width, nets in ((16, 3), (512, 1)):
        for name in ("without", "with dropout"):
            losses, accuracies = [], []
            with seeded(seed):
                data = digits(200)
                for _ in range(nets):
                    net: nn.Module = mlp(64, width, width, 10)
                    if name == "with dropout":
                        net, _ = insert_dropout(net, min_width=width)
                    train(net, data.x, data.y, epochs=60, learning_rate=0.03, momentum=0.9)
                    accuracies.append(accuracy(net, data.test_x, data.test_y))
                    losses.append(loss(net, data.test_x, data.test_y))
            measured[f"accuracy, width {width}, {name}"] = sum(accuracies) / nets
            measured[f"test loss, width {width}, {name}"] = sum(losses) / nets
    narrow, narrow_dropped, wide, wide_dropped = (v for k, v in measured.items() if k.startswith("test loss"))
    return Outcome(
        says="dropout belongs after large layers: a narrow layer has nothing to spare",
        measured=measured,
        holds=wide_dropped < 1.1 * wide and narrow_dropped > 1.25 * narrow,
        expected="with dropout the loss is more than 25 % higher at width 16, and not 10 % higher at width 512",
    )
