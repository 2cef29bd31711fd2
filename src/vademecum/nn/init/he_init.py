r"""He initialization: a variance that makes up for what the activation takes away.

A rectifier passes half of the mean square, so the weights get twice the variance; a leaky one with slope a passes
(1 + a^2) / 2. `gain` is the same reckoning for any activation.

$$ \mathrm{Var}(w) = \frac{g^2}{n_{in}}, \qquad g = \frac{1}{\sqrt{E[f(z)^2]}},\ z \sim \mathcal{N}(0, 1), \qquad
g_{ReLU} = \sqrt 2, \qquad g_{leaky} = \sqrt{\frac{2}{1 + a^2}} $$

Also called: Kaiming initialization, MSRA initialization.
Departures: `gain` measures E[f(z)^2] for activations that the paper does not treat. torch's `calculate_gain` agrees
    for the rectifiers, but takes 5/3 for tanh, 1 for sigmoid and 3/4 for SELU, which are rules of thumb: the gains
    that keep the mean square are 1.5925, 1.8462 and 1.0000.
Pitfalls: torch's layers do not start so: their default is kaiming_uniform with a = sqrt(5), of variance 1/(3 n), with
    which a rectifier net loses five sixths of the mean square in each layer. torch's fan_in of a transposed
    convolution is its fan_out; `initialize_` counts it right. A stride is not counted: a transposed convolution of
    stride 2 sums a quarter of its kernel at each place, so its output is weaker. For GELU, SiLU and Mish the mean
    square that is kept is an unstable balance: a layer raises a departure from 1 to the power 1.14, 1.17 or 1.08. After
    twenty layers of width 512 we measured a mean square near 10 for GELU and 250 for SiLU: normalize such nets.
Claim: thirty layers of ReLUs learn the digits from it, and do not move from Glorot's start.
Peer: torch (ours are torch's functions; torch has no measured gain).

References:
    he2015delving: Eq. 10 for rectifiers, Eq. 15 with a slope; section 2.2.
"""

from collections.abc import Callable
from math import pi, sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.init import kaiming_normal_ as kaiming_normal_
from torch.nn.init import kaiming_uniform_ as kaiming_uniform_

from vademecum._torch.modes import evaluating
from vademecum.nn.activation import Maxout, Maxout2d, PaperRReLU, activation

__all__ = ["gain", "kaiming_normal_", "kaiming_uniform_"]


def _normal_quadrature() -> tuple[Tensor, Tensor]:
    """Nodes and weights for E[g(z)], z ~ N(0, 1): 20 Gauss-Legendre nodes in each half unit of [-12, 12]."""
    # The corners of activations stand at whole numbers (0, 1, 3, 6): at the ends of panels, where they do no harm.
    nodes, weights = np.polynomial.legendre.leggauss(20)
    middles = np.arange(-12, 12, 0.5)[:, None] + 0.25
    z = torch.from_numpy((middles + 0.25 * nodes).flatten())
    density = torch.exp(-z.square() / 2) / sqrt(2 * pi)
    return z, torch.from_numpy(np.tile(0.25 * weights, len(middles))) * density


def _mean_square(function: Callable[[Tensor], Tensor]) -> float:
    z, weights = _normal_quadrature()
    with torch.no_grad():
        values = function(z)
    came = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
    if came != z.shape:
        raise ValueError(
            f"the activation must act on each number by itself: for {tuple(z.shape)} it gave {came}; "
            "pass an elementwise function."
        )
    return float((values.double().square() * weights).sum())


def gain(act: str | nn.Module | Callable[[Tensor], Tensor]) -> float:
    """Compute the factor that an activation's weights need so that the mean square of the signal is kept.

    Args:
        act: an elementwise activation: its name, a module or a function. Random slopes are averaged over, learned
            slopes taken as they are; another random module is measured in evaluation mode. Of a maxout layer, the
            maximum of its pieces counts.

    Returns:
        1 / sqrt(E[f(z)^2]) for a standard normal z.

    Raises:
        ValueError: the function is not elementwise, or E[f(z)^2] is zero or not finite.

    Example:
        >>> round(gain("relu"), 6), round(gain(nn.LeakyReLU(1.0)), 6), round(gain(torch.abs), 6)
        (1.414214, 1.0, 1.0)
        >>> round(gain("tanh"), 4), round(nn.init.calculate_gain("tanh"), 4)
        (1.5925, 1.6667)
    """
    if isinstance(act, str):
        act = activation(act)
    if isinstance(act, nn.PReLU):
        mean_square = (1 + float(act.weight.detach().double().square().mean())) / 2
    elif isinstance(act, nn.RReLU):
        mean_square = (1 + (act.lower**2 + act.lower * act.upper + act.upper**2) / 3) / 2
    elif isinstance(act, PaperRReLU):
        mean_square = (1 + 1 / (act.lower * act.upper)) / 2  # E[1 / a^2] for a ~ U(lower, upper)
    elif isinstance(act, Maxout | Maxout2d):
        mean_square = _mean_square_of_maximum(act.pieces)
    elif isinstance(act, nn.Module):
        with evaluating(act):
            mean_square = _mean_square(act)
    else:
        mean_square = _mean_square(act)
    if not 0 < mean_square < float("inf"):
        raise ValueError(
            f"an activation's mean square must be positive and finite: for a standard normal it is {mean_square}; "
            "choose the deviation of these weights yourself."
        )
    return 1 / sqrt(mean_square)


def _mean_square_of_maximum(pieces: int) -> float:
    """E[max(z_1 .. z_k)^2]; the maximum has density k * phi * Phi^(k - 1)."""
    z, weights = _normal_quadrature()
    return float((z.square() * pieces * torch.special.ndtr(z) ** (pieces - 1) * weights).sum())
