r"""Leaky rectified linear unit: the rectifier with a small slope below zero.

Use it where units of a rectifier net die: the slope below zero is never zero, so a gradient always comes back.

$$ f(x) = x \ \text{for}\ x \ge 0, \qquad f(x) = a x \ \text{for}\ x < 0, \qquad a = 0.01 $$

which is max(x, a x) for every slope below one.

    >>> import torch
    >>> LeakyReLU(0.1)(torch.tensor([-30.0, 30.0]))
    tensor([-3., 30.])

Also called: LReLU, leaky rectifier.
Departures: none.
Pitfalls: some papers (xu2015empirical) write x / a with a large a; their a is the reciprocal of this slope. With
    a slope above one, max(x, a x) is another function. In place with a negative slope, torch refuses the gradient.
Claim: from a start at which every ReLU is dead, the slope 0.2 learns the digits; 0.01 does not in ten epochs.
Peer: torch (ours is torch's class).

References:
    maas2013rectifier: section 2.
    he2015delving: the gain that keeps a signal, sqrt(2 / (1 + a^2)), Eq. 15.
"""

from torch.nn import LeakyReLU as LeakyReLU

__all__ = ["LeakyReLU"]
