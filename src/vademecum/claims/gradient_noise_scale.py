"""The noise scale from two sizes of batches is that of the exact covariance.

Protocol: linear regression with 5000 examples in 10 dimensions and noise of deviation 1, at weights half-way to the
right ones. The gradient of each example is known, and with it the exact scale; the estimate takes 200 batches of 256,
cut into batches of 16.

Source: McCandlish et al. 2018, appendix A.1.
"""

import torch
from torch import Tensor, nn

from vademecum.theory import gradient_noise_scale

from ._digits import seeded
from ._outcome import Outcome


def half_square(output: Tensor, target: Tensor) -> Tensor:
    """The loss of the regression."""
    return (output - target).square().mean() / 2


def claim(seed: int) -> Outcome:
    """Compare the estimate with the exact figure.

    Args:
        seed: of the data and of the batches.

    Returns:
        Both noise scales, in examples.
    """
    with seeded(seed) as generator:
        x = torch.randn(5000, 10)
        y = x.sum(1, keepdim=True) + torch.randn(5000, 1)
        model = nn.Linear(10, 1, bias=False)
        nn.init.constant_(model.weight, 0.5)
        gradients = ((model(x) - y) * x).detach().double()
        mean = gradients.mean(0)
        exact = float((gradients - mean).square().sum(1).mean() / mean.square().sum())
        found = gradient_noise_scale(
            model, half_square, x, y, small=16, big=256, repeats=200, generator=generator
        )
    measured = {"exact, in examples": exact, "estimated, in examples": found.batch}
    return Outcome(
        says="the squared lengths of the gradients of two sizes of batches give the noise scale",
        measured=measured,
        holds=abs(found.batch / exact - 1) < 0.1,
        expected="within a tenth",
    )
