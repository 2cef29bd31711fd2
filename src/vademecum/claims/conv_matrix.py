"""Shared weights answer for places where they were never trained; a flattened map does not.

Protocol: the digits in the middle of a canvas of 16 by 16 that is closed to a torus, 1297 to train on; 12 epochs at the
learning rate 0.05 with momentum 0.9. Two circular 3 by 3 convolutions (16 and 32 channels), then either the maximum
over all positions, or averages of 4 by 4 that are flattened, and a linear layer. Tested on digits that are rolled by
0, 2, 4 and 8 pixels in each direction.

Source: LeCun et al. 1989, feature maps and weight sharing, and Bishop 2006, section 5.5.6: shared weights make a map
follow its input.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._digits import accuracy, digits, seeded, train
from ._outcome import Outcome

SHIFTS = (0, 2, 4, 8)


def canvas(x: Tensor) -> Tensor:
    """Put digits into the middle of an empty canvas.

    Args:
        x: (N, 1, 8, 8) images.

    Returns:
        (N, 1, 16, 16).
    """
    return F.pad(x, (4, 4, 4, 4))


def net_with(*head: nn.Module) -> nn.Sequential:
    """Build the net.

    Args:
        *head: what follows the maps.

    Returns:
        Two circular convolutions and the head.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, padding_mode="circular"), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, padding_mode="circular"), nn.ReLU(),
        *head,
    )  # fmt: skip


def claim(seed: int) -> Outcome:
    """Train both nets on centered digits, and shift the test digits.

    Args:
        seed: of split, initialization and order.

    Returns:
        Test accuracies by shift.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        x, test_x = canvas(data.x), canvas(data.test_x)
        for name, net in (
            ("global", net_with(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 10))),
            ("flattened", net_with(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(512, 10))),
        ):
            train(net, x, data.y, epochs=12, learning_rate=0.05, momentum=0.9)
            for shift in SHIFTS:
                rolled = torch.roll(test_x, (shift, shift), (2, 3))
                measured[f"{name}, shifted by {shift}"] = accuracy(net, rolled, data.test_y)
    spread = max(abs(measured[f"global, shifted by {s}"] - measured["global, shifted by 0"]) for s in SHIFTS)
    return Outcome(
        says="shared weights make a network follow shifts of its input",
        measured=measured,
        holds=measured["global, shifted by 0"] > 0.8
        and spread <= 0.002
        and measured["flattened, shifted by 2"] < measured["flattened, shifted by 0"] - 0.4,
        expected="above 0.8 and within 0.002 at every shift; 0.4 less for the flattened maps at a shift of 2",
    )
