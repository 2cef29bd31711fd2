r"""RMSProp: divide each step by the root of a running mean of the squared gradients.

A leaky `adagrad`: old gradients are forgotten with the time constant $1/(1-\alpha)$, so that the rate recovers where
the gradients become small.

$$ c_t = \alpha c_{t-1} + (1 - \alpha) g_t^2, \qquad x_t = x_{t-1} - \eta \frac{g_t}{\sqrt{c_t} + \epsilon} $$

Also called: RMSprop, leaky Adagrad.
Departures: the lecture takes alpha = 0.9 and has no eps; torch's default is alpha = 0.99. Torch adds eps outside
    the root; TensorFlow added it inside, where it bounds the step of a coordinate at rest by 1/sqrt(eps) instead of
    1/eps. Torch's weight decay is added to the gradient before it is squared; its momentum acts on the divided
    gradient.
Pitfalls: the mean starts at 0 and is not corrected, so the first step is $\eta / \sqrt{1 - \alpha}$: ten times the
    rate at torch's default.
Claim: after the gradients have become 100 times smaller it is back at 9/10 of its former step within 120 steps at
    alpha = 0.9, where Adagrad still takes less than a twentieth.
Peer: torch (ours is torch's class).

References:
    tieleman2012lecture: lecture 6.5, slide 29.

Example:
    A gradient of 1 at alpha = 0.75: the mean is a quarter, the step twice the rate.

    >>> import torch
    >>> x = torch.tensor([0.0], requires_grad=True)
    >>> optimizer = RMSprop([x], lr=0.1, alpha=0.75)
    >>> x.grad = torch.tensor([1.0])
    >>> optimizer.step()
    >>> round(x.item(), 4)
    -0.2
"""

from torch.optim import RMSprop as RMSprop

__all__ = ["RMSprop"]
