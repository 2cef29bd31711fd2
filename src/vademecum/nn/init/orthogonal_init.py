r"""Orthogonal initialization: a weight whose rows, or columns, are orthonormal.

A product of orthogonal matrices is orthogonal, so a deep linear net keeps every direction of its input in scale, not
only the average one. Used before recurrent weights and as the start of `data_dependent_init`.

$$ W W^\top = g^2 I \quad\text{or}\quad W^\top W = g^2 I $$

    >>> import torch
    >>> weight = orthogonal_(torch.empty(2, 3), gain=2.0)
    >>> torch.testing.assert_close(weight @ weight.T, 4 * torch.eye(2))

Also called: orthonormal initialization, Saxe initialization.
Departures: none.
Pitfalls: a convolution is flattened to the matrix (C_out, C_in * kernel), which is not the operator that it applies.
    Where a weight has more rows than columns, its variance is g^2 / rows: the mean square per unit falls, the
    norm is kept.
Claim: forty linear layers reach less than half of the loss on the digits that they reach from Gaussian weights
    of the same scale, in the same steps.
Peer: torch (ours is torch's function).

References:
    saxe2014exact: random orthogonal initial conditions in deep linear nets.
"""

from torch.nn.init import orthogonal_ as orthogonal_

__all__ = ["orthogonal_"]
