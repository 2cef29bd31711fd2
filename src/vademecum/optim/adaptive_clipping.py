r"""Adaptive gradient clipping: shorten the gradient of each unit that is long against the unit's own weights.

A step changes a unit by the ratio of its gradient to its weight, times the rate. That ratio is bounded here, unit by
unit, so that the threshold does not depend on rate, batch or depth as a threshold on the norm does. It is what lets
nets without batch normalization be trained in large batches.

$$ G_i \leftarrow \lambda \frac{\|W_i\|^\star}{\|G_i\|} G_i \quad \text{if} \quad
\frac{\|G_i\|}{\|W_i\|^\star} > \lambda, \qquad \|W_i\|^\star = \max(\|W_i\|, \epsilon) $$

where $W_i$ is the row of unit i: all weights that lead into it, a kernel's with its channels and its space.

Also called: AGC, unit-wise clipping.
Departures: none. Vectors, such as biases and gains, are one unit, as in the authors' code.
Pitfalls: leave the last linear layer out, as the paper does (`exclude`). Weights that start at 0 may move by
    $\lambda \epsilon$ only, times the rate. A transposed convolution's units stand in its second dimension; this
    takes the first.
Claim: none, because what it is for, nets without normalization in batches of thousands, is beyond a small experiment.
Peer: timm's adaptive_clip_grad: every law holds of it but the last one, since it leaves nothing out.

References:
    brock2021high: Eq. 3 in section 4; what is left out in 4.1.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["adaptive_clip_gradients_"]


@torch.no_grad()
def adaptive_clip_gradients_(
    parameters: Tensor | Iterable[Tensor],
    *,
    clipping: float = 0.01,
    eps: float = 1e-3,
    exclude: Iterable[Tensor] = (),
) -> None:
    """Clip gradients in place, each unit's against the norm of its weights.

    Args:
        parameters: those without a gradient are left out.
        clipping: the largest ratio of gradient to weight, lambda.
        eps: the least norm that weights count with.
        exclude: parameters to leave alone, such as `model.head.parameters()`.

    Raises:
        ValueError: clipping or eps is not positive, or a gradient is sparse.

    Example:
        The first unit's gradient of 5 is clipped to a hundredth of its weight's norm of 5; the second's is short.

        >>> w = torch.tensor([[3.0, 4.0], [3.0, 4.0]], requires_grad=True)
        >>> w.grad = torch.tensor([[3.0, 4.0], [0.03, 0.0]])
        >>> adaptive_clip_gradients_(w)
        >>> w.grad
        tensor([[0.0300, 0.0400],
                [0.0300, 0.0000]])
    """
    if not clipping > 0 or not eps > 0:
        raise ValueError(
            f"clipping and eps must be positive: clipping={clipping}, eps={eps}; the paper takes 0.01 and 0.001."
        )
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    left_alone = {id(p) for p in exclude}
    for p in given:
        if p.grad is None or id(p) in left_alone:
            continue
        if p.grad.is_sparse:
            raise ValueError(
                f"gradients must be dense to be clipped by unit: one of shape {tuple(p.shape)} is sparse; "
                "build the embedding with sparse=False."
            )
        allowed = clipping * _unit_norm(p).clamp_min_(eps)
        # Where the gradient is no longer than allowed the factor is 1; a gradient of 0 divides by the allowance.
        p.grad.mul_(allowed / torch.maximum(_unit_norm(p.grad), allowed))


def _unit_norm(x: Tensor) -> Tensor:
    """(G, 1, ...) norm of each row, () of a vector."""
    return torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), keepdim=True) if x.ndim > 1 else x.norm()
