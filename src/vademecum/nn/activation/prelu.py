r"""Parametric rectified linear unit: a leaky rectifier whose slope is learned.

One slope for a whole layer (`num_parameters=1`) or one for each channel. The cost in parameters is nothing beside
the weights.

$$ f(x_c) = \max(0, x_c) + a_c \min(0, x_c), \qquad
\frac{\partial L}{\partial a_c} = \sum_{x_c < 0} x_c \frac{\partial L}{\partial f(x_c)} $$

    >>> import torch
    >>> unit = PReLU()
    >>> unit(torch.tensor([-4.0, -2.0, 3.0])).sum().backward()
    >>> unit.weight.grad  # the sum of what is negative
    tensor([-6.])

Also called: PReLU, parametric rectifier.
Departures: none; the slope starts at 0.25, as in the paper.
Pitfalls: weight decay drags the slopes to zero and so back to the plain rectifier; the paper excludes them, and
    so should your parameter groups. Channels stand in dimension 1.
Claim: none; that a slope below zero revives dead units is shown by that of leaky_relu.
Peer: torch (ours is torch's class).

References:
    he2015delving: Eq. 1, 2 and 3; no weight decay on the slopes in section 2.1.
"""

from torch.nn import PReLU as PReLU

__all__ = ["PReLU"]
