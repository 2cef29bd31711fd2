r"""Small random initialization: every weight from a normal distribution with one small deviation, whatever the layer.

It breaks the symmetry between units and serves shallow nets (AlexNet started so). In a deep net each layer
multiplies the mean square of the signal by n times the variance, so that for any width but one it dies or explodes.

$$ w \sim \mathcal{N}(0,\ 0.01^2), \qquad E[y^2] = n \cdot 0.01^2 \cdot E[x^2] $$

Also called: small random numbers, Gaussian initialization.
Departures: none.
Pitfalls: at width 256 a layer keeps 2.6 % of the mean square, a rectified one 1.3 %: after twenty layers nothing is
    left (`theory.activation_variance` measures it).
Claim: one hidden layer learns the digits from it, six do not move.
Peer: torch.nn.init.normal_ with std=0.01 (equal bit for bit).

References:
    krizhevsky2012imagenet: section 5.
"""

import torch
from torch import Tensor, nn

__all__ = ["small_normal_"]


def small_normal_(tensor: Tensor, *, std: float = 0.01, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor with small normal numbers.

    Args:
        tensor: any shape; filled in place.
        std: deviation.
        generator: source of the numbers; torch's own where it is None.

    Returns:
        The tensor.

    Raises:
        ValueError: the deviation is negative.

    Example:
        >>> weight = small_normal_(torch.empty(300, 400), generator=torch.Generator().manual_seed(0))
        >>> round(float(weight.std()), 4)
        0.01
    """
    if std < 0:
        raise ValueError(f"std must not be negative: it is {std}; give a deviation such as 0.01.")
    return nn.init.normal_(tensor, 0.0, std, generator=generator)
