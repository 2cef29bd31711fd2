"""What the experiments on label noise share: 500 digits, of whose labels 30 % are drawn at random, and a wide net."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from ._digits import Digits, accuracy, digits, mlp, train

PROTOCOL = {"epochs": 80, "learning_rate": 0.03, "momentum": 0.9}


def noisy_digits(train: int = 500, noise: float = 0.3) -> Digits:
    """Part the digits, and draw a share of the labels to train on at random.

    Args:
        train: examples to train on.
        noise: share of them that get a random label, which may be the right one.

    Returns:
        The digits; the labels of the test part are right.
    """
    data = digits(train)
    drawn = torch.randint(10, data.y.shape)
    return replace(data, y=torch.where(torch.rand(data.y.shape) < noise, drawn, data.y))


def wide(
    after: Callable[[], nn.Module] | None = None, linear: Callable[[int, int], nn.Module] = nn.Linear
) -> nn.Sequential:
    """Build a net with two hidden layers of 256 rectifiers.

    Args:
        after: builds what comes after each activation; nothing where it is None.
        linear: builds the two hidden layers, from their widths.

    Returns:
        The net.
    """

    def activation() -> nn.Module:
        return nn.ReLU() if after is None else nn.Sequential(nn.ReLU(), after())

    net = mlp(64, 256, 256, 10, activation=activation, linear=linear)
    net[-1] = nn.Linear(256, 10)
    return net


def test_error(net: nn.Module, data: Digits) -> float:
    """Train a net by the common protocol, and test it.

    Args:
        net: changed in place.
        data: the digits.

    Returns:
        Share of wrong answers.
    """
    train(net, data.x, data.y, **PROTOCOL)  # type: ignore[arg-type]
    return 1 - accuracy(net, data.test_x, data.test_y)
