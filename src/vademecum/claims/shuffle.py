"""A network learns nothing from digits that come class after class, and learns them shuffled.

Protocol: scikit-learn's digits, 1297 to train on, sorted by class; a network 64-64-10 with ReLU, 10 epochs in
batches of 32 at the learning rate 0.1 with momentum 0.9, from the same initial weights. The order is kept; or
shuffled once; or shuffled in every epoch; or shuffled in every epoch and stratified. Smaller steps forget less:
without momentum the sorted digits are learned to 0.42 to 0.48 (seeds 0 to 2 and 10 to 12), still half of the rest.

Source: LeCun et al. 1998, section 4.2. The paper argues for shuffling, and does not compare one order for all
epochs with a new one in each.
"""

import torch
from torch.nn import functional as F

from vademecum.data import adjacent_equal, epoch_order

from ._digits import accuracy, digits, mlp, seeded
from ._outcome import Outcome

ORDERS = {"sorted": "none", "one order": "once", "reshuffled": "reshuffle", "stratified": "stratified"}


def claim(seed: int) -> Outcome:
    """Train on the same digits in four orders.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies, and how sorted the sorted order is.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        by_class = data.y.argsort(stable=True)
        x, y = data.x[by_class], data.y[by_class]
        start = mlp(64, 64, 10).state_dict()
        measured["z of equal neighbors, sorted"] = adjacent_equal(y).z
        for name, mode in ORDERS.items():
            net = mlp(64, 64, 10)
            net.load_state_dict(start)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
            labels = y if mode == "stratified" else None
            for epoch in range(10):
                for chosen in epoch_order(len(y), epoch, seed=seed, mode=mode, y=labels).split(32):
                    optimizer.zero_grad()
                    F.cross_entropy(net(x[chosen]), y[chosen]).backward()
                    optimizer.step()
            measured[f"accuracy, {name}"] = accuracy(net, data.test_x, data.test_y)
    reshuffled = measured["accuracy, reshuffled"]
    return Outcome(
        says="examples must be shuffled, so that successive ones rarely belong to the same class",
        measured=measured,
        holds=measured["accuracy, sorted"] < 0.3
        and reshuffled > 0.93
        and abs(measured["accuracy, one order"] - reshuffled) < 0.03
        and abs(measured["accuracy, stratified"] - reshuffled) < 0.03,
        expected="sorted below 0.3, reshuffled above 0.93, and one order and stratified within 0.03 of that",
    )
