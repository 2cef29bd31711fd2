r"""Adagrad: divide each coordinate's step by the root of the sum of its squared gradients.

Use it where features are sparse: a coordinate that is rarely touched keeps a large step until it is, while a frequent
one has long slowed down.

$$ c_t = c_{t-1} + g_t^2, \qquad x_t = x_{t-1} - \eta \frac{g_t}{\sqrt{c_t} + \epsilon} $$

Also called: AdaGrad, adaptive subgradient method.
Departures: the paper gives no figure for eps, which it adds to the root as torch does; course notes take 1e-8, torch's
    default is 1e-10. In torch the sum may start at an initial_accumulator_value above 0, weight decay is added to the
    gradient before it is squared, and lr_decay divides the rate by a further $1 + t \cdot$ lr_decay.
Pitfalls: the rate only falls; a net that is not convex may stop before it arrives. The first step is the rate times
    the sign of the gradient, however small that is.
Claim: weights whose features appear in 2 examples of 100 are learned to within a tenth in fewer than three quarters
    of the steps of descent, each at its best rate of a grid.
Peer: torch (ours is torch's class).

References:
    duchi2011adaptive: section 1.1, the update with the diagonal matrix.

Example:
    Gradients of 3 and then 4: steps of 1, and of 4 / sqrt(9 + 16).

    >>> import torch
    >>> x = torch.tensor([0.0], requires_grad=True)
    >>> optimizer = Adagrad([x], lr=1.0)
    >>> for gradient in (3.0, 4.0):
    ...     x.grad = torch.tensor([gradient])
    ...     optimizer.step()
    ...     print(round(x.item(), 4))
    -1.0
    -1.8
"""

from torch.optim import Adagrad as Adagrad

__all__ = ["Adagrad"]
