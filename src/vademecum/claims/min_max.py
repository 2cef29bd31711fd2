"""One outlier spoils a range that is fitted on extremes, and not one that is fitted on quantiles.

Protocol: scikit-learn's wine, 124 examples to train on, to which one is added whose features are a thousand
times those of the first; features are scaled to -1..1 by extremes or by the 0.05 quantiles with clipping; a
linear softmax classifier, 30 epochs in batches of 32 at the learning rate 0.1. Extremes without the outlier
are the control.

Source: the practitioner's rule; no paper.
"""

import torch
from torch import nn

from vademecum.data import MinMax

from ._digits import accuracy, seeded, train
from ._outcome import Outcome


def claim(seed: int) -> Outcome:
    """Train on features scaled in three ways.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies.
    """
    from sklearn.datasets import load_wine

    wine = load_wine()
    x, y = torch.from_numpy(wine.data).float(), torch.from_numpy(wine.target).long()
    measured: dict[str, float] = {}
    with seeded(seed):
        order = torch.randperm(len(y))
        fit, test = order[:124], order[124:]
        clean = x[fit], y[fit]
        spoilt = torch.cat([x[fit], 1000 * x[fit[:1]]]), torch.cat([y[fit], y[fit[:1]]])
        for name, quantile, (inputs, classes) in (
            ("extremes, no outlier", 0.0, clean), ("extremes", 0.0, spoilt), ("quantiles", 0.05, spoilt),
        ):  # fmt: skip
            scale = MinMax(x.shape[1], quantile=quantile, clip=quantile > 0).fit(inputs)
            net = train(nn.Linear(13, 3), scale(inputs), classes, epochs=30, learning_rate=0.1)
            measured[f"accuracy, {name}"] = accuracy(net, scale(x[test]), y[test])
    return Outcome(
        says="one outlier takes the whole range, and the other examples are left with none of it",
        measured=measured,
        holds=measured["accuracy, extremes"] < 0.75
        and min(measured["accuracy, extremes, no outlier"], measured["accuracy, quantiles"]) > 0.85,
        expected="with the outlier below 0.75 by extremes and above 0.85 by quantiles, as without it",
    )
