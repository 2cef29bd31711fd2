r"""Stochastic gradient descent: step against the gradient of a batch.

Use it as the plainest optimizer there is; with `momentum` it is still hard to beat on images. On a quadratic of
curvature $\lambda$ the distance to the minimum is multiplied by $1 - \eta \lambda$ at each step, so that the steepest
direction bounds the rate and the flattest one sets the time.

$$ x_{t+1} = x_t - \eta \, g_t, \qquad g_t = \nabla L_t(x_t) $$

Also called: SGD, gradient descent, steepest descent.
Departures: torch's class is momentum and Nesterov's method too, with the rate outside the velocity (see `momentum`)
    and the first velocity equal to the first gradient, undamped. Its weight_decay is added to the gradient before
    momentum sees it, so that the velocity remembers the decay of earlier weights.
Pitfalls: it diverges where the rate exceeds 2 over the largest curvature. A summed loss multiplies the rate by the
    size of the batch (see `batch_scaling`).
Claim: none, because no ranking of optimizers can be asserted: on the digits, each at its best rate, they lie within
    two points of one another.
Peer: torch (ours is torch's class).

References:
    robbins1951stochastic: section 2, the step on a noisy observation.

Example:
    On half of 4 x^2 the rate 1/4 goes to the minimum in one step.

    >>> import torch
    >>> x = torch.tensor([3.0], requires_grad=True)
    >>> optimizer = SGD([x], lr=0.25)
    >>> (2 * x.square()).sum().backward()
    >>> optimizer.step()
    >>> x.item()
    0.0
"""

from torch.optim import SGD as SGD

__all__ = ["SGD"]
