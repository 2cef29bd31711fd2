r"""Glorot initialization: a variance between what the forward and what the backward signal wants.

For linear, tanh and sigmoid layers. The forward signal is kept by Var(w) = 1 / fan_in, the gradient by 1 / fan_out;
the paper takes the harmonic mean of the two.

$$ \mathrm{Var}(w) = \frac{2}{n_{in} + n_{out}}, \qquad
w \sim U\left(-\frac{\sqrt 6}{\sqrt{n_{in} + n_{out}}},\ \frac{\sqrt 6}{\sqrt{n_{in} + n_{out}}}\right) $$

    >>> import torch
    >>> weight = xavier_uniform_(torch.empty(200, 400), generator=torch.Generator().manual_seed(0))
    >>> round(float(weight.abs().max()), 3)  # sqrt(6 / 600)
    0.1

Also called: Xavier initialization, normalized initialization.
Departures: none; the normal form with the same variance is torch's addition.
Pitfalls: torch counts fan_out as shape[0] times the kernel, which ignores groups (too large for grouped and depthwise
    convolutions), and has the fans of transposed convolutions the wrong way round, which only matters where the two
    are weighed differently; `initialize_` counts both right. For rectifiers take `he_init`.
Claim: through ten layers of tanh on the digits activations and gradients keep more than half of their
    deviation; with the heuristic that it replaced less than a hundredth.
Peer: torch (ours are torch's functions).

References:
    glorot2010understanding: Eq. 12 and 16.
"""

from torch.nn.init import xavier_normal_ as xavier_normal_
from torch.nn.init import xavier_uniform_ as xavier_uniform_

__all__ = ["xavier_normal_", "xavier_uniform_"]
