"""He initialization trains a rectifier net of thirty layers, at which Glorot initialization stalls.

Protocol: the mean square of a standard normal signal behind 20 layers of 256 ReLUs, for two initializations.
Then a net of thirty hidden layers of 128 ReLUs on the digits (1297 to train on), centered and doubled, 8
epochs at the learning rate 0.001 with momentum 0.9.

Source: He et al. 2015, section 2.2 and Figure 3 (a net of 30 layers converges with He and stalls with
Xavier).
"""

from torch.nn.functional import relu

from vademecum.nn import gain, initialize_
from vademecum.theory import mean_square_after

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

WIDTH = 256


def claim(seed: int) -> Outcome:
    """Send a signal through deep nets, and train one.

    Args:
        seed: of weights, split and order.

    Returns:
        Mean squares and test accuracies.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        x, test_x = (2 * (images - data.x.mean(0)) for images in (data.x, data.test_x))
        for name, factor in (("he", gain("relu")), ("glorot", 1.0)):
            after = mean_square_after(20, width=WIDTH, std=factor / WIDTH**0.5, activation=relu)
            measured[f"mean square after 20 layers, {name}"] = float(after[-1])
            net = mlp(64, *[128] * 30, 10)
            initialize_(net, name)
            train(net, x, data.y, epochs=8, learning_rate=0.001, momentum=0.9)
            measured[f"accuracy with 30 layers, {name}"] = accuracy(net, test_x, data.test_y)
    return Outcome(
        says="a rectifier net of 30 layers converges with the factor 2 in the variance, and stalls without it",
        measured=measured,
        holds=0.1 < measured["mean square after 20 layers, he"] < 10
        and measured["mean square after 20 layers, glorot"] < 1e-4
        and measured["accuracy with 30 layers, he"] > 0.7
        and measured["accuracy with 30 layers, glorot"] < 0.3,
        expected="mean square between 0.1 and 10 with He, below 1e-4 with Glorot; accuracy above 0.7 and below 0.3",
    )
