"""Of eight learning rates drawn log-uniformly the best is better than the best of eight drawn uniformly, on average.

Protocol: the digits, 600 to train on and 1197 to choose by; a perceptron of widths 64, 32 and 10; two epochs of
descent with momentum 0.9 in batches of 32. Eight rates between 1e-6 and 10 are drawn log-uniformly and eight
uniformly, and the best accuracy of each eight is taken, which flatters both alike. The mean over twenty repeats counts;
a single repeat may go either way, when a uniform draw happens to fall low.

Source: Bengio 2012, section 3.3; Bergstra and Bengio 2012, section 4 (learning rates drawn geometrically).
"""

from statistics import fmean

import torch

from vademecum.search import Range, random_search

from ._digits import accuracy, digits, mlp, seeded, train
from ._outcome import Outcome

LOW, HIGH, TRIES, REPEATS = 1e-6, 10.0, 8, 20


def claim(seed: int) -> Outcome:
    """Search a learning rate on both scales.

    Args:
        seed: of parts, draws, initialization and order.

    Returns:
        Mean best accuracies.
    """
    scales = {"log-uniform": Range(low=LOW, high=HIGH, log=True), "uniform": Range(low=LOW, high=HIGH)}
    best: dict[str, list[float]] = {name: [] for name in scales}
    draw = torch.Generator().manual_seed(seed)
    with seeded(seed):
        for repeat in range(REPEATS):
            data = digits(600)
            for name, prior in scales.items():
                rates = [t["rate"] for t in random_search({"rate": prior}, num_trials=TRIES, generator=draw)]
                found = []
                for rate in rates:
                    torch.manual_seed(REPEATS * seed + repeat)  # the same start for every rate
                    net = train(mlp(64, 32, 10), data.x, data.y, epochs=2, learning_rate=rate, momentum=0.9)
                    found.append(accuracy(net, data.test_x, data.test_y))
                best[name].append(max(found))
    measured = {f"best of {TRIES}, {name}": fmean(values) for name, values in best.items()}
    gain = measured[f"best of {TRIES}, log-uniform"] - measured[f"best of {TRIES}, uniform"]
    return Outcome(
        says="a learning rate is better searched on a logarithmic scale",
        measured=measured,
        holds=gain > 0.05,
        expected="the mean best accuracy of the log-uniform draws more than 0.05 above that of the uniform ones",
    )
