"""Inputs on unequal scales keep a linear classifier from learning at any learning rate; standardized ones do not.

Protocol: scikit-learn's wine (178 examples, 13 features, 3 classes), 124 to train on; a linear softmax
classifier, 30 epochs in batches of 32, at seven learning rates from 1e-6 to 1. For raw and for standardized
inputs the best test accuracy over the rates is taken, which flatters both alike; and the condition number of
the covariance of the training inputs.

Source: LeCun et al. 1998, section 4.3.
"""

import torch
from torch import nn

from vademecum.data import Standardize

from ._digits import accuracy, seeded, train
from ._outcome import Outcome

RATES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def claim(seed: int) -> Outcome:
    """Train on raw and on standardized inputs.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies and condition numbers.
    """
    from sklearn.datasets import load_wine

    wine = load_wine()
    x, y = torch.from_numpy(wine.data).float(), torch.from_numpy(wine.target).long()
    measured: dict[str, float] = {}
    with seeded(seed):
        order = torch.randperm(len(y))
        fit, test = order[:124], order[124:]
        standardized = Standardize(x.shape[1]).fit(x[fit])(x)
        for name, inputs in (("raw", x), ("standardized", standardized)):
            nets = [
                train(nn.Linear(13, 3), inputs[fit], y[fit], epochs=30, learning_rate=rate) for rate in RATES
            ]
            measured[f"best accuracy, {name}"] = max(accuracy(net, inputs[test], y[test]) for net in nets)
            measured[f"condition number, {name}"] = float(torch.linalg.cond(inputs[fit].double().T.cov()))
    return Outcome(
        says="training is faster where all inputs have mean 0 and about the same variance",
        measured=measured,
        holds=measured["best accuracy, raw"] < 0.85
        and measured["best accuracy, standardized"] > 0.9
        and measured["condition number, raw"] > 1e4 * measured["condition number, standardized"],
        expected="best accuracy below 0.85 raw and above 0.9 standardized; condition number ten thousand times smaller",
    )
