r"""Rectified linear unit: pass what is positive, give zero for the rest.

The default of hidden layers. It costs one comparison, keeps its slope of one however large the input grows,
and makes half of the activations exactly zero. `NoisyReLU` is the paper's stochastic unit: it adds noise whose
variance is the logistic sigmoid of the input before rectifying. `stepped_sigmoids` is the paper's reason: a unit
that stands for infinitely many binary units with one weight vector and biases shifted by one is nearly softplus,
and softplus is nearly the rectifier.

$$ f(x) = \max(0, x), \qquad \sum_{i=1}^{\infty} \sigma(x - i + 0.5) \approx \log(1 + e^x), \qquad
f_{noisy}(x) = \max\left(0,\; x + \mathcal{N}(0, \sigma(x))\right) $$

Also called: ReLU, rectifier, NReLU, noisy ReLU.
Departures: `NoisyReLU` is noisy in training mode and plain in evaluation mode; the paper's units are noisy while
    the restricted Boltzmann machine samples. The derivative at 0 is taken to be 0, as torch does.
Pitfalls: a unit whose input is negative for every example has no gradient and stays dead. In place
    (`inplace=True`) it overwrites a tensor that another part of the net may still need. The mean of `NoisyReLU` is
    not softplus: 0.41 below it at x = 0.
Claim: on the digits a tenfold learning rate leaves nine tenths of the units dead, where fewer than one in ten
    were.
Peer: torch (ours is torch's class; torch has no noisy form).

References:
    nair2010rectified: section 2, stepped sigmoid units and their noisy rectified approximation.
"""

import torch
from torch import Tensor, nn
from torch.nn import ReLU as ReLU

__all__ = ["NoisyReLU", "ReLU", "stepped_sigmoids"]


class NoisyReLU(nn.Module):
    """The rectifier with noise of variance sigmoid(x) in training; plain in evaluation.

    Args:
        generator: source of the noise, on the input's device; torch's own where it is None.

    Example:
        >>> unit = NoisyReLU(generator=torch.Generator().manual_seed(0))
        >>> noisy = unit(torch.zeros(10_000))
        >>> round(float((noisy > 0).float().mean()), 1)  # half of the noise is positive
        0.5
        >>> unit.eval()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.generator = generator

    def __deepcopy__(self, memo: dict[int, object]) -> "NoisyReLU":
        """Copy the unit with a generator in the same state: torch's generators cannot be deep-copied."""
        copy = NoisyReLU(generator=None if self.generator is None else self.generator.clone_state())
        return copy.train(self.training)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Rectify.

        Args:
            input: any shape.

        Returns:
            The same shape, nowhere negative.
        """
        if not self.training:
            return input.relu()
        noise = torch.empty_like(input).normal_(generator=self.generator)
        deviation = input.detach().sigmoid().sqrt()  # the paper's sigmoid(x) is the variance
        return (input + deviation * noise).relu()


def stepped_sigmoids(input: Tensor, *, count: int = 100) -> Tensor:  # noqa: A002 - torch's name
    """Sum logistic sigmoids whose biases fall in steps of one: the paper's way from binary units to softplus.

    Args:
        input: any shape; the sum is near softplus as long as the input stays well below `count`.
        count: how many sigmoids; infinitely many in the paper.

    Returns:
        The same shape, between 0 and `count`.

    Raises:
        ValueError: the count is not positive.

    Example:
        >>> x = torch.tensor([-2.0, 0.0, 5.0])
        >>> stepped_sigmoids(x)
        tensor([0.1226, 0.6826, 5.0064])
        >>> nn.functional.softplus(x)
        tensor([0.1269, 0.6931, 5.0067])
    """
    if count < 1:
        raise ValueError(f"count must be positive: it is {count}; give the number of sigmoids to sum.")
    steps = torch.arange(count, dtype=input.dtype, device=input.device)
    return torch.sigmoid(input.unsqueeze(-1) - steps - 0.5).sum(-1)  # (..., count) -> (...)
