r"""Spectral normalization: divide a weight by its largest singular value.

Use it to bound the Lipschitz constant of a critic or a discriminator. It costs two matrix-vector products a step;
for plain classifiers batch normalization is the usual choice.

$$ \bar W = \frac{W}{\sigma(W)}, \qquad \sigma(W) = \max_{h \neq 0} \frac{\|W h\|_2}{\|h\|_2} $$

The largest singular value comes from one step of power iteration per forward pass, which goes on from where the
step before left off:

$$ v \leftarrow \frac{W^\top u}{\|W^\top u\|}, \qquad u \leftarrow \frac{W v}{\|W v\|}, \qquad
\sigma \approx u^\top W v $$

Each step shrinks the share of the i-th singular vector in u by $(\sigma_i / \sigma_1)^2$. The vectors are constants
for the gradient, which with $G = \partial L / \partial \bar W$ is

$$ \frac{\partial L}{\partial W} = \frac{1}{\sigma} \left( G - \langle G, \bar W \rangle \, u v^\top \right) $$

Also called: SN, spectral norm, SNGAN.
Departures: torch runs 15 steps at construction, and one more as the weight is first read in training mode; the paper
    none. Torch updates u before v, and so is half a step ahead.
Pitfalls: a convolution is treated as the matrix (C_out, C_in*H*W), whose norm is not that of the convolution: a
    normalized convolution may still amplify by as much as the root of the kernel's size (`convolution_norm`). Power
    iteration comes from below, so the norm of the result is a little above 1 until it has converged. In training
    mode every access of the weight is a step, also a second forward pass or a checkpoint's recomputation.
    Residual sums, GELU and batch normalization have Lipschitz constants of their own. A weight of zeros gives 0/0.
Claim: the gradient of a critic that tells two clouds of points apart stays at 1, where the plain critic's grows
    to some hundred thousands.
Peer: torch (ours is torch's function).

References:
    miyato2018spectral: the norm, its use and its gradient in section 2; Algorithm 1 in appendix A.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm as spectral_norm

__all__ = ["power_iteration", "spectral_norm"]


def power_iteration(weight: Tensor, u: Tensor, *, steps: int = 1) -> tuple[Tensor, Tensor]:
    """Approximate the largest singular value, from below, and its left singular vector.

    The gradient of the value flows to the weight as u v^T; the vectors are constants.

    Args:
        weight: (F, G) matrix; further dimensions are counted with G.
        u: (F,) unit vector to start from.
        steps: iterations; 1 in the paper.

    Returns:
        () singular value, in units of the weight, and (F,) vector of length 1. Both are zero for a weight of zeros.

    Raises:
        ValueError: the weight has fewer than two dimensions, u does not fit it, or there are no steps.

    Example:
        >>> power_iteration(torch.diag(torch.tensor([3., 1.])), torch.tensor([1., 0.]))[0]
        tensor(3.)
    """
    if weight.dim() < 2 or u.shape != weight.shape[:1]:
        raise ValueError(
            "the weight must have at least two dimensions, and u one entry for each of its rows: "
            f"weight is {tuple(weight.shape)}, u is {tuple(u.shape)}; start from a random unit vector of that length."
        )
    if steps < 1:
        raise ValueError(f"there must be a step to take: steps={steps}; give at least 1.")
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = F.normalize(matrix.mT @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
    return u @ (matrix @ v), u
