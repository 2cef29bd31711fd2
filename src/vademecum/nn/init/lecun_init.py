r"""LeCun initialization: a deviation of one over the root of the number of inputs.

For units whose activation is near the identity at the origin (linear, tanh scaled to unit slope, SELU): the sum of
n inputs then has the variance of one input.

$$ \mathrm{Var}\left(\sum_{i=1}^{n} w_i x_i\right) = n\,\mathrm{Var}(w)\,E[x^2], \qquad
\mathrm{Var}(w) = \frac{1}{n} $$

Also called: LeCun normal, LeCun uniform, inverse root, 1/sqrt(n), calibrating the variances.
Departures: none; the paper leaves the form of the distribution open, so both forms stand here.
Pitfalls: rectifiers halve the mean square in each layer: take `he_init` for them. What is kept is the mean square,
    which is the variance only where the inputs are centered. torch's default for Linear and Conv, kaiming_uniform
    with a = sqrt(5), has variance 1/(3n), a third of this.
Claim: behind twenty linear layers the mean square is near 1; with the deviation 0.01 it is 1e-32, with
    sqrt(2/n) 1e6.
Peer: none in torch.nn.init by this name; equal to kaiming_normal_ and kaiming_uniform_ with nonlinearity="linear".

References:
    lecun1998efficient: section 4.6.
"""

from math import sqrt

import torch
from torch import Tensor, nn

__all__ = ["lecun_normal_", "lecun_uniform_"]


def _inputs(tensor: Tensor) -> int:
    if tensor.dim() < 2 or tensor.numel() == 0:
        raise ValueError(
            f"a weight must have an output and an input dimension, and elements: it is {tuple(tensor.shape)}; "
            "for biases use zeros_."
        )
    return tensor[0].numel()


def lecun_normal_(tensor: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight with normal numbers of variance 1 / fan_in.

    Args:
        tensor: (F_out, F_in, ...) weight; filled in place.
        generator: source of the numbers; torch's own where it is None.

    Returns:
        The tensor.

    Example:
        >>> weight = lecun_normal_(torch.empty(1000, 100), generator=torch.Generator().manual_seed(0))
        >>> round(float(weight.std()), 2)
        0.1
    """
    return nn.init.normal_(tensor, 0.0, 1 / sqrt(_inputs(tensor)), generator=generator)


def lecun_uniform_(tensor: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight with numbers from U(-b, b), b = sqrt(3 / fan_in), of variance 1 / fan_in.

    Args:
        tensor: (F_out, F_in, ...) weight; filled in place.
        generator: source of the numbers; torch's own where it is None.

    Returns:
        The tensor.

    Example:
        >>> weight = lecun_uniform_(torch.empty(1000, 300), generator=torch.Generator().manual_seed(0))
        >>> round(float(weight.abs().max()), 2)
        0.1
    """
    bound = sqrt(3 / _inputs(tensor))
    return nn.init.uniform_(tensor, -bound, bound, generator=generator)
