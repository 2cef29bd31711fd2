"""What the experiments share: scikit-learn's digits, plain nets, and a plain training loop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vademecum.data.sources.digits import digits as all_digits


@dataclass(frozen=True)
class Digits:
    """The digits in two parts.

    Attributes:
        x: (N, 1, 8, 8) images to train on, pixels from 0 to 1.
        y: (N,) their digits.
        test_x: (M, 1, 8, 8) images to test on.
        test_y: (M,) their digits.
    """

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Let everything random inside the block follow from a seed; outside it the stream is as before.

    Layers and dropout draw from torch's own stream, so it is this one that is seeded.

    Args:
        seed: of the stream.

    Yields:
        The stream.
    """
    with torch.random.fork_rng(devices=[]):
        yield torch.default_generator.manual_seed(seed)


def digits(train: int = 1297) -> Digits:
    """Part the digits at random.

    Args:
        train: examples to train on; the others are for the test.

    Returns:
        Both parts.
    """
    source = all_digits()
    x, y = source.x / 16, source.y
    order = torch.randperm(len(y))
    return Digits(x[order[:train]], y[order[:train]], x[order[train:]], y[order[train:]])


def mlp(
    *widths: int,
    activation: Callable[[], nn.Module] = nn.ReLU,
    norm: Callable[[int], nn.Module] | None = None,
    linear: Callable[[int, int], nn.Module] = nn.Linear,
) -> nn.Sequential:
    """Build a chain of linear layers, each but the last followed by a norm and an activation.

    Args:
        *widths: from the input to the output.
        activation: builds the activation.
        norm: builds the norm before the activation, from its width; none where it is None.
        linear: builds a layer from its two widths.

    Returns:
        The net; images are flattened first.
    """
    parts: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(widths[:-1]):
        parts += [linear(fan_in, fan_out), *([norm(fan_out)] if norm else []), activation()]
    return nn.Sequential(*parts, linear(*widths[-2:]))


def train(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epochs: int,
    learning_rate: float,
    momentum: float = 0.0,
    batch_size: int = 32,
) -> nn.Module:
    """Train a classifier by stochastic gradient descent on the cross-entropy, in full batches, freshly shuffled.

    Args:
        model: changed in place.
        x: (N, ...) inputs.
        y: (N,) classes.
        epochs: passes over the data.
        learning_rate: of every step.
        momentum: of the descent.
        batch_size: of every step; what is left over at the end of a pass waits for the next shuffle.

    Returns:
        The model, in evaluation mode.
    """
    model.train()
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=learning_rate, momentum=momentum
    )
    for _ in range(epochs):
        for chosen in torch.randperm(len(x)).split(batch_size):
            if len(chosen) == batch_size:
                optimizer.zero_grad()
                F.cross_entropy(model(x[chosen]), y[chosen]).backward()
                optimizer.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Test a classifier, in evaluation mode.

    Args:
        model: left in evaluation mode.
        x: (N, ...) inputs.
        y: (N,) classes.

    Returns:
        Share of right answers.
    """
    return float((model.eval()(x).argmax(1) == y).float().mean())


@torch.no_grad()
def loss(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Measure a classifier's cross-entropy, in the mode that the model is in.

    Args:
        model: any mode.
        x: (N, ...) inputs.
        y: (N,) classes.

    Returns:
        Nats per example.
    """
    return float(F.cross_entropy(model(x), y))
