r"""Logistic sigmoid: squash a number into (0, 1).

For gates and for the probability of one of two classes. Between hidden layers it starves the gradient: its slope is
at most 1/4, so that L layers pass back at most 4^{-L} of it times the weights' norms.

$$ \sigma(x) = \frac{1}{1 + e^{-x}}, \qquad \sigma' = \sigma (1 - \sigma) \le \tfrac14, \qquad
\sigma(-x) = 1 - \sigma(x) $$

    >>> import torch
    >>> x = torch.tensor(0.0, requires_grad=True)
    >>> Sigmoid()(x).backward()
    >>> x.grad
    tensor(0.2500)

Also called: logistic function, expit.
Departures: none.
Pitfalls: it saturates: beyond |x| = 4.6 the slope is under 0.01. Its outputs are all positive, so that the gradients
    of all weights into one unit of the next layer have one sign for each example. Take logsigmoid, not
    log(sigmoid): the latter is minus infinity where the sigmoid underflows.
Claim: six layers of sigmoids do not learn the digits, six of tanh do.
Peer: torch (ours is torch's class).

References:
    lecun1998efficient: section 4.4, why a sigmoid should be symmetric about the origin.
"""

from torch.nn import Sigmoid as Sigmoid

__all__ = ["Sigmoid"]
