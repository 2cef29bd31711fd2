"""Plain descent brings a linear model nearer to its solution on whitened inputs than on standardized ones.

Protocol: scikit-learn's diabetes (442 examples, 10 features, two of them nearly one), 300 to train on; inputs and
targets standardized, or the inputs whitened after that by ZCA; a linear model of the mean squared error, from
zero, 100 epochs of plain descent in batches of 32, at the best of seven learning rates from 0.001 to 0.3 for each.
The gap is the training error above that of the least-squares solution, which can be computed; and the error on the
other 142 examples, where the gap is too small to matter.

Source: LeCun et al. 1998, section 4.3, decorrelated inputs. On the digits a softmax classifier trains no faster at
the default epsilon: the log has the figures.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.data import Standardize, Whiten

from ._digits import seeded
from ._outcome import Outcome

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3)


def descend(x: Tensor, y: Tensor, learning_rate: float) -> nn.Linear:
    """Fit a linear model by plain descent on the mean squared error."""
    model = nn.Linear(x.shape[1], 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    for _ in range(100):
        for chosen in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            F.mse_loss(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
    return model


@torch.no_grad()
def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Mean squared error; infinite where the descent diverged."""
    found = float(F.mse_loss(model(x), y))
    return found if found == found else float("inf")


def claim(seed: int) -> Outcome:
    """Descend on standardized and on whitened inputs.

    Args:
        seed: of split and order.

    Returns:
        Gaps to the least-squares solution, errors on new examples, and condition numbers.
    """
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    x, y = torch.from_numpy(data.data).float(), torch.from_numpy(data.target).float()[:, None]
    measured: dict[str, float] = {}
    with seeded(seed):
        order = torch.randperm(len(y))
        fit, test = order[:300], order[300:]
        x, y = Standardize(10).fit(x[fit])(x), Standardize(1).fit(y[fit])(y)
        design = torch.cat([x[fit], torch.ones(300, 1)], dim=1).double()
        solution = torch.linalg.lstsq(design, y[fit].double()).solution
        least = float((design @ solution - y[fit]).square().mean())
        for name, inputs in (("standardized", x), ("whitened", Whiten(10).fit(x[fit])(x))):
            models = [descend(inputs[fit], y[fit], rate) for rate in RATES]
            best = min(models, key=lambda model: error(model, inputs[fit], y[fit]))
            measured[f"gap, {name}"] = error(best, inputs[fit], y[fit]) - least
            measured[f"error on new examples, {name}"] = error(best, inputs[test], y[test])
            measured[f"condition number, {name}"] = float(torch.linalg.cond(inputs[fit].double().T.cov()))
    return Outcome(
        says="descent on a quadratic error is slowed by the ratio of the inputs' largest variance to the smallest",
        measured=measured,
        holds=measured["gap, whitened"] < 0.1 * measured["gap, standardized"],
        expected="gap to the least-squares solution ten times smaller on whitened inputs",
    )
