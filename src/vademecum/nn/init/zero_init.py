r"""Zero initialization: all weights zero, which a net never recovers from.

Not for weights: for biases, for the last gain of a residual branch, for the second factor of a low-rank update. Units
of one layer that start equal, with equal outgoing weights, get equal gradients from every example, so they stay
equal under any gradient method, and the layer works as one unit. It is kept here to be seen failing.

$$ w_i = w_j,\ v_i = v_j \quad\Rightarrow\quad
\frac{\partial L}{\partial w_i} = \frac{\partial L}{\partial w_j} $$

    >>> import torch
    >>> hidden, last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)
    >>> for tensor in (*hidden.parameters(), *last.parameters()):
    ...     _ = zeros_(tensor)
    >>> last(torch.sigmoid(hidden(torch.ones(1, 3)))).sum().backward()
    >>> last.weight.grad  # four units, one gradient
    tensor([[0.5000, 0.5000, 0.5000, 0.5000]])

Also called: all-zero initialization, constant initialization, symmetry.
Departures: none.
Pitfalls: any constant does the same as zero. Zeros in the last layer alone are harmless: its rows get different
    gradients, because the targets differ.
Claim: units that start equal are equal to the last bit after training, and a net that starts so does not learn
    the digits.
Peer: torch (ours is torch's function).

References:
    rumelhart1986learning: the remark on symmetry breaking by small random weights.
"""

from torch.nn.init import zeros_ as zeros_

__all__ = ["zeros_"]
