"""Instance normalization makes a net blind to the contrast of an image.

Protocol: the digits, 1297 to train on; a net of two 3 by 3 convolutions (16 and 32 channels), each followed
by a norm ReLU and pooling, then a linear layer; 5 epochs at the learning rate 0.05 with momentum 0.9. The
test images are multiplied by five factors that the training never saw.

Source: Ulyanov, Vedaldi and Lempitsky 2016, section 2 (independence of the contrast of the content image).
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from vademecum.nn import BatchNorm2d, InstanceNorm2d

from ._digits import accuracy, digits, seeded, train
from ._outcome import Outcome

FACTORS = (1.0, 0.5, 0.25, 2.0, 4.0)
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance norm": partial(InstanceNorm2d, affine=True),
    "batch norm": BatchNorm2d,
    "no norm": nn.Identity,
}


def claim(seed: int) -> Outcome:
    """Train nets that differ by their norm, and test them at five contrasts.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for name, norm in NORMS.items():
            net = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), norm(16), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(16, 32, 3, padding=1), norm(32), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(128, 10),
            )  # fmt: skip
            train(net, data.x, data.y, epochs=5, learning_rate=0.05, momentum=0.9)
            for factor in FACTORS:
                measured[f"accuracy, contrast {factor:g}, {name}"] = accuracy(
                    net, factor * data.test_x, data.test_y
                )
    spread = {
        name: max(accuracies) - min(accuracies)
        for name in NORMS
        for accuracies in [[measured[f"accuracy, contrast {factor:g}, {name}"] for factor in FACTORS]]
    }
    return Outcome(
        says="instance normalization removes the contrast of each image, so the net does not depend on it",
        measured=measured,
        holds=spread["instance norm"] < 0.01 and spread["batch norm"] > 0.3 and spread["no norm"] > 0.15,
        expected="over the contrasts the accuracy varies by less than 0.01 with instance norm, by more than 0.3 with "
        "batch norm, by more than 0.15 without a norm",
    )
