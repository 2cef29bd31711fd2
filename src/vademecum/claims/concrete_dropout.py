"""The learned probability of dropping falls as the data grow.

Protocol: y = 2x + 8 + noise, with x and noise standard normal; 100 and 10,000 examples. A net of three hidden layers of
128 rectifiers predicts mean and log-variance, with concrete dropout at each of its four layers (length scale 1e-4, p is
0.1 at the start); 1000 steps of Adam in batches of at most 256. The learned p of the inputs of the second and the third
hidden layer is averaged.

Source: Gal, Hron and Kendall 2017, section 4.1, Figure 1 (more data, less epistemic uncertainty).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vademecum.nn import ConcreteDropoutLayer, concrete_dropout_penalty, insert_concrete_dropout

from ._digits import seeded
from ._outcome import Outcome

STEPS = 1000


def likelihood(output: Tensor, y: Tensor) -> Tensor:
    """Average the negative log-likelihood of a normal distribution, in nats and up to a constant."""
    mean, log_variance = output.unbind(1)
    return (0.5 * (-log_variance).exp() * (y - mean) ** 2 + 0.5 * log_variance).mean()


def learned(num_examples: int) -> float:
    """Train on some examples, and give the mean p of the hidden layers' inputs."""
    x = torch.randn(num_examples, 1)
    y = (2 * x + 8 + torch.randn(num_examples, 1))[:, 0]
    parts: list[nn.Module] = []
    for fan_in, fan_out in pairwise((1, 128, 128, 128)):
        parts += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    plain = nn.Sequential(*parts, nn.Linear(128, 2))
    net = insert_concrete_dropout(plain, num_examples=num_examples, length_scale=1e-4)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(STEPS):
        chosen = torch.randint(num_examples, (min(256, num_examples),))
        optimizer.zero_grad()
        (likelihood(net(x[chosen]), y[chosen]) + concrete_dropout_penalty(net)).backward()
        optimizer.step()
    layers = [part for part in net.modules() if isinstance(part, ConcreteDropoutLayer)]
    return float(torch.stack([layer.p.detach() for layer in layers[1:3]]).mean())


def claim(seed: int) -> Outcome:
    """Compare what is learned from few and from many examples.

    Args:
        seed: of data, initialization, order and masks.

    Returns:
        Learned probabilities.
    """
    measured: dict[str, float] = {}
    for num_examples in (100, 10_000):
        with seeded(seed):
            measured[f"p of the hidden layers, {num_examples} examples"] = learned(num_examples)
    few, many = measured.values()
    return Outcome(
        says="the probability of dropping is learned, and falls as the data grow",
        measured=measured,
        holds=many < few / 2,
        expected="with 10,000 examples less than half of what it is with 100",
    )
