"""Calibrating each layer on one batch starts deep nets whatever their activation.

Protocol: twelve hidden layers of 64 units, of ReLU, of tanh and of maxout with two pieces, on the digits
(1297 to train on); torch's own initialization, and the same net after orthogonal weights and `calibrate_` on
the first 256 examples; 8 epochs at the learning rate 0.01 with momentum 0.9.

Source: Mishkin and Matas 2016, section 3, Algorithm 1, and section 4.
"""

from torch import nn

from vademecum.nn import Maxout, ReLU, Tanh, initialize_

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

DEPTH = 12


def nets() -> dict[str, nn.Module]:
    """Build the nets."""
    maxout = nn.Sequential(nn.Flatten(), *[Maxout(64, 64, 2) for _ in range(DEPTH)], nn.Linear(64, 10))
    return {
        "ReLU": mlp(64, *[64] * DEPTH, 10, activation=ReLU),
        "tanh": mlp(64, *[64] * DEPTH, 10, activation=Tanh),
        "maxout": maxout,
    }


def claim(seed: int) -> Outcome:
    """Train deep nets from either start.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        for start in ("torch", "calibrated"):
            for name, net in nets().items():
                if start == "calibrated":
                    initialize_(net, "data_dependent", example=data.x[:256])
                train(net, data.x, data.y, epochs=8, learning_rate=0.01, momentum=0.9)
                measured[f"accuracy, {name}, {start}"] = accuracy(net, data.test_x, data.test_y)
    return Outcome(
        says="unit variance at every layer's output, measured on data, lets very deep nets learn with any activation",
        measured=measured,
        holds=all(
            (figure < 0.3) if key.endswith("torch") else (figure > 0.7) for key, figure in measured.items()
        ),
        expected="above 0.7 calibrated, below 0.3 with torch's own start, for each activation",
    )
