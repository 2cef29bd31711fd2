r"""Gradient noise scale: the batch size from which on a larger batch hardly helps.

The gradient of a batch is the true one plus noise whose variance falls with the size of the batch. Where the batch is
as large as the noise scale, noise and gradient are of the same length; far below it, twice the batch is worth twice
the rate (see `batch_scaling`), far above, nothing. It grows during training as the gradient becomes small.

$$ \mathcal{B} = \frac{\operatorname{tr} \Sigma}{|G|^2}, \qquad
|\mathcal{G}|^2 = \frac{B_b |G_b|^2 - B_s |G_s|^2}{B_b - B_s}, \qquad
\mathcal{S} = \frac{|G_s|^2 - |G_b|^2}{1/B_s - 1/B_b} $$

The last two are estimates of $|G|^2$ and $\operatorname{tr} \Sigma$ without bias, from the squared lengths of the
gradients of a small and of a big batch.

Also called: simple noise scale, critical batch size, B_simple.
Departures: the estimates are averaged over many pairs of batches before they are divided; of one pair the ratio is
    biased and may be negative.
Pitfalls: it takes the batches to be drawn independently. Layers that mix the batch, such as batch normalization, have
    no gradient by example, and the formula does not hold for them. It is of the moment: late in training it is larger.
Claim: on a linear regression with noise the estimate is within a tenth of the scale computed from the exact
    covariance.
Peer: none that is packaged.

References:
    mccandlish2018empirical: Eq. 2.9; appendix A.1 for the estimates.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["NoiseScale", "gradient_noise_scale", "noise_scale_of"]


@dataclass(frozen=True)
class NoiseScale:
    """Signal and noise of a gradient.

    Attributes:
        squared_gradient: estimate of the squared length of the true gradient.
        trace: estimate of the trace of the covariance of one example's gradient, in the same unit.

    Example:
        >>> NoiseScale(squared_gradient=0.5, trace=8.0).batch
        16.0
    """

    squared_gradient: float
    trace: float

    @property
    def batch(self) -> float:
        """The noise scale, in examples; infinite where no gradient stands out of the noise."""
        return max(self.trace, 0.0) / self.squared_gradient if self.squared_gradient > 0 else float("inf")


def noise_scale_of(small_squared: float, big_squared: float, *, small: int, big: int) -> NoiseScale:
    """Estimate from squared gradient lengths, such as those of each process and of all of them together.

    Args:
        small_squared: squared length of the gradient of a small batch, or the mean of many.
        big_squared: the same for a big batch.
        small: examples of the small batch.
        big: examples of the big batch.

    Returns:
        Signal and noise.

    Raises:
        ValueError: the sizes are not in order.

    Example:
        A gradient of length 1 with a variance of 8: |G|^2 + 8 / B is 5 at B = 2, and 2 at B = 8.

        >>> noise_scale_of(5.0, 2.0, small=2, big=8)
        NoiseScale(squared_gradient=1.0, trace=8.0)
    """
    if not 1 <= small < big:
        raise ValueError(
            f"the batches must be of two sizes, the first smaller: small={small}, big={big}; give them in that order."
        )
    return NoiseScale(
        squared_gradient=(big * big_squared - small * small_squared) / (big - small),
        trace=(small_squared - big_squared) / (1 / small - 1 / big),
    )


def gradient_noise_scale(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    target: Tensor,
    *,
    small: int = 16,
    big: int = 256,
    repeats: int = 32,
    generator: torch.Generator | None = None,
) -> NoiseScale:
    """Measure the noise scale of a model where it stands.

    Each big batch is drawn with replacement and cut into small ones, so the small ones cost nothing but their passes.

    Args:
        model: in the mode that is to be measured; gradients that it holds are left alone.
        loss: of (outputs, targets), a mean over the batch.
        x: (N, ...) inputs.
        target: (N, ...) targets.
        small: examples of a small batch.
        big: examples of a big batch, a multiple of it.
        repeats: big batches.
        generator: chooses the examples.

    Returns:
        Signal and noise, averaged over the batches.

    Raises:
        ValueError: big is no larger multiple of small, repeats is below 1, the numbers of x and targets differ, or
            nothing is to be trained.

    Example:
        The output's gradient is the input, -1 or 3 with equal chances: a length of 1, a variance of 4.

        >>> model, x = nn.Linear(1, 1, bias=False), torch.tensor([[-1.0], [3.0]])
        >>> generator = torch.Generator().manual_seed(0)
        >>> scale = gradient_noise_scale(
        ...     model, lambda y, _: y.mean(), x, x, repeats=400, generator=generator
        ... )
        >>> 3.5 < scale.batch < 4.5
        True
    """
    if small < 1 or big <= small or big % small:
        raise ValueError(
            f"big must be a multiple of small, and larger: small={small}, big={big}; take 16 and 256, say."
        )
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1: it is {repeats}.")
    if len(x) != len(target) or not len(x):
        raise ValueError(
            f"x and target must have the same number of examples, at least 1: they have {len(x)} and {len(target)}."
        )
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("the model must have a parameter to train: none requires a gradient.")
    small_squared = big_squared = 0.0
    for _ in range(repeats):
        chosen = torch.randint(len(x), (big,), generator=generator).to(x.device)
        total = [torch.zeros_like(p) for p in parameters]
        for part in chosen.split(small):
            value = loss(model(x[part]), target[part])
            gradients = torch.autograd.grad(value, parameters, allow_unused=True)
            for i, gradient in enumerate(gradients):
                if gradient is not None:
                    small_squared += float(gradient.double().square().sum()) / (repeats * (big // small))
                    total[i] += gradient.detach() / (big // small)
        big_squared += sum(float(g.double().square().sum()) for g in total) / repeats
    return noise_scale_of(small_squared, big_squared, small=small, big=big)
