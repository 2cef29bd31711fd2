"""One number mends the confidence of a net that has learned noise.

Protocol: 200 digits, a fifth of their labels drawn anew at random; two hidden layers of 128 ReLUs; 60 epochs of
descent at the learning rate 0.05 with momentum 0.9. Of the other 1597 digits 500 fit the temperature; the rest
measure the expected calibration error (15 bins of equal width) and the loss, before and after.

Source: Guo et al. 2017, section 4.2 and table 1.
"""

import torch
from torch import Tensor

from vademecum.losses import cross_entropy, fit_temperature, temperature_scaled

from ._digits import digits, mlp, seeded, train
from ._outcome import Outcome


def calibration_error(scores: Tensor, y: Tensor) -> float:
    """Average how far confidence and accuracy are apart, over 15 bins of confidence.

    Args:
        scores: (N, K) before the softmax.
        y: (N,) classes.

    Returns:
        The expected calibration error, Eq. 3 of the paper.
    """
    confidence, said = scores.softmax(1).max(1)
    excess = confidence - (said == y).float()
    bins = (confidence * 15).long().clamp_max(14)
    return float(torch.zeros(15).index_add(0, bins, excess).abs().sum() / len(y))


def claim(seed: int) -> Outcome:
    """Train a net on noisy labels, and fit its temperature.

    Args:
        seed: of split, noise, initialization and order.

    Returns:
        The temperature, calibration errors, and losses in nats.
    """
    with seeded(seed):
        data = digits(200)
        labels = torch.where(torch.rand(200) < 0.2, torch.randint(10, (200,)), data.y)
        net = mlp(64, 128, 128, 10)
        train(net, data.x, labels, epochs=60, learning_rate=0.05, momentum=0.9)
    with torch.no_grad():
        scores = net(data.test_x)
    temperature = fit_temperature(scores[:500], data.test_y[:500])
    before, y = scores[500:], data.test_y[500:]
    after = temperature_scaled(before, temperature)
    measured = {
        "temperature": temperature,
        "calibration error": calibration_error(before, y),
        "calibration error, scaled": calibration_error(after, y),
        "loss": float(cross_entropy(before, y)),
        "loss, scaled": float(cross_entropy(after, y)),
    }
    return Outcome(
        says="modern networks are overconfident, and a single temperature mends most of it",
        measured=measured,
        holds=temperature > 1
        and measured["calibration error, scaled"] < 0.6 * measured["calibration error"]
        and measured["loss, scaled"] < measured["loss"],
        expected="a temperature above 1, six tenths of the calibration error at most, a smaller loss",
    )
