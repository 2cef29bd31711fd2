"""On few examples a linear probe is better than fine-tuning everything; on like data it is not the top layer's.

Protocol: a net of two convolutions (16 and 32 channels, each with ReLU, the first with pooling) and a layer of 64 units
is trained on the digits 0 to 4. Few examples of two new tasks: the digits 5 to 9, which are like, five a class;
and patches of 8 by 8 pixels from scikit-learn's two sample photos, to be told apart by photo, which are unlike, ten a
class. Accuracy on the others, mean over four draws: of logistic regression on the top features and on those of the
second convolution, of fine-tuning everything, and of the same net from scratch (150 steps of all examples at the
learning rate 0.03, momentum 0.9).

Source: the four scenarios of the CS231n notes on transfer learning; Yosinski et al. 2014.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.train.layer_probe import features

from ._digits import accuracy, digits, seeded, train
from ._outcome import Outcome

DRAWS, STEPS = 4, 150
EACH = {"like": 5, "unlike": 10}
TOP, MIDDLE = "7", "4"


def net_for(classes: int) -> nn.Sequential:
    """Build the net."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, classes),
    )  # fmt: skip


def patches(count: int) -> tuple[Tensor, Tensor]:
    """Cut gray patches at random places of two photos."""
    from sklearn.datasets import load_sample_images

    found = []
    for photo in load_sample_images().images:
        gray = torch.tensor(photo).float().mean(2) / 255
        tiles = gray.unfold(0, 8, 8).unfold(1, 8, 8).reshape(-1, 1, 8, 8)
        found.append(tiles[torch.randperm(len(tiles))[:count]])
    return torch.cat(found), torch.arange(2).repeat_interleave(count)


def probe(net: nn.Module, layer: str, x: Tensor, y: Tensor, test_x: Tensor, test_y: Tensor) -> float:
    """Fit logistic regression on the features of a layer, and test it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with torch.no_grad():
        fitted, tested = (features(net.eval(), part, [layer])[layer].numpy() for part in (x, test_x))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(fitted, y.numpy())
    return float(classifier.score(tested, test_y.numpy()))


def tuned(net: nn.Sequential, x: Tensor, y: Tensor) -> nn.Module:
    """Train all of a net."""
    optimizer = torch.optim.SGD(net.train().parameters(), lr=0.03, momentum=0.9)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net


def claim(seed: int) -> Outcome:
    """Transfer to a like and to an unlike task.

    Args:
        seed: of split, initialization, order and the examples drawn.

    Returns:
        Accuracies on the new tasks.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        old = data.y < 5
        source = net_for(5)
        train(source, data.x[old], data.y[old], epochs=10, learning_rate=0.05, momentum=0.9)
        x, y = torch.cat([data.x, data.test_x]), torch.cat([data.y, data.test_y])
        tasks = {"like": (x[y >= 5], y[y >= 5] - 5), "unlike": patches(1000)}
        for task, (x, y) in tasks.items():
            classes = int(y.max()) + 1
            for _ in range(DRAWS):
                order = torch.randperm(len(y))
                few = torch.cat([order[y[order] == k][: EACH[task]] for k in range(classes)])
                rest = order[~torch.isin(order, few)]
                cut = x[few], y[few], x[rest], y[rest]
                own = net_for(classes)
                transferred = deepcopy(source)
                transferred[-1] = deepcopy(own[-1])
                for name, value in {
                    "top layer": probe(source, TOP, *cut),
                    "middle layer": probe(source, MIDDLE, *cut),
                    "fine-tuned": accuracy(tuned(transferred, *cut[:2]), *cut[2:]),
                    "from scratch": accuracy(tuned(own, *cut[:2]), *cut[2:]),
                }.items():
                    key = f"accuracy, {task}, {name}"
                    measured[key] = measured.get(key, 0.0) + value / DRAWS
    like, unlike = (
        [value for key, value in measured.items() if key.startswith(f"accuracy, {task}")] for task in tasks
    )
    top, middle, fine, _ = like
    return Outcome(
        says="on few examples a linear classifier on a trained net's features suits better than fine-tuning everything",
        measured=measured,
        holds=middle > fine + 0.02 and max(unlike[:2]) > unlike[2] - 0.01 and middle > top + 0.05,
        expected="like: middle probe above fine-tuning by 0.02, and above the top one by 0.05, against the rule; "
        "unlike: the better probe not below fine-tuning by 0.01",
    )
