r"""Canonical links: the output function that belongs to a loss, so that the gradient is prediction minus target.

What is being predicted chooses the pair: numbers take the identity and half the squared error, yes or no takes the
sigmoid and the binary cross-entropy, one of several classes takes the softmax and the cross-entropy. Each is a
negative log-likelihood of the exponential family with its natural parameter as the activation a, and in each

$$ \frac{\partial E}{\partial a_k} = y_k - t_k, \qquad
\frac{\partial^2 E}{\partial a \partial a^\top} = I, \quad \text{diag}(y_k (1 - y_k)), \quad
\text{diag}(y) - y y^\top $$

so that a sure mistake is never flat, and the second derivative, which Gauss-Newton methods need, is known without
differentiating.

Also called: natural pairing, matching loss, generalized linear model's link.
Departures: none; the book calls the activation function the inverse of the link, and so `canonical` gives that
    inverse, the map from activation to prediction.
Pitfalls: the losses take activations, never predictions: a sigmoid or softmax before them is applied twice. They sum
    over examples and values, as the book does; a mean divides the gradient, and changes what a penalty on the weights
    is worth beside it.
Claim: none, because that gradient, the Hessian and their finiteness are identities, which the laws hold.
Peer: none; torch's losses are inside.

References:
    bishop2006pattern: section 5.2, Eq. 5.11 to 5.25; canonical links in section 4.3.6.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["canonical", "output_hessian"]


def canonical(task: str) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]:
    """Give the output function and the loss that belong to a task.

    Args:
        task: "regression", "binary" (one yes or no an example), "multilabel" (several), or "multiclass".

    Returns:
        The map from activations to predictions, and the loss (activations, target) -> () nats, summed over examples
        and values. Both take (B, K); binary also (B,). The multiclass target is (B,) int64 or (B, K)
        probabilities, every other one has the activations' shape.

    Raises:
        ValueError: the task is unknown.

    Example:
        >>> link, loss = canonical("binary")
        >>> a = torch.tensor([0.0, 2.0], requires_grad=True)
        >>> loss(a, torch.tensor([1.0, 0.0])).backward()
        >>> link(a).detach(), a.grad  # the prediction, and what it is too large by
        (tensor([0.5000, 0.8808]), tensor([-0.5000,  0.8808]))
    """
    if task == "regression":
        return _identity, _half_squared_error
    if task == "multiclass":
        return partial(torch.softmax, dim=-1), partial(F.cross_entropy, reduction="sum")
    if task in {"binary", "multilabel"}:
        return torch.sigmoid, partial(F.binary_cross_entropy_with_logits, reduction="sum")
    raise ValueError(f"task must be regression, binary, multilabel or multiclass: it is {task!r}.")


def output_hessian(activation: Tensor, task: str) -> Tensor:
    """Compute the second derivative of the canonical loss with respect to one example's activations.

    Args:
        activation: (..., K).
        task: as in `canonical`.

    Returns:
        (..., K, K), positive semi-definite; it does not depend on the target.

    Raises:
        ValueError: the activation has no dimension, or the task is unknown.

    Example:
        >>> output_hessian(torch.zeros(2), "multiclass")
        tensor([[ 0.2500, -0.2500],
                [-0.2500,  0.2500]])
    """
    link, _ = canonical(task)
    if not activation.ndim:
        raise ValueError("activation must be (..., K): it has no dimension; unsqueeze it.")
    if task == "regression":
        return torch.ones_like(activation).diag_embed()
    y = link(activation)
    if task == "multiclass":
        return y.diag_embed() - y.unsqueeze(-1) * y.unsqueeze(-2)
    return (y * (1 - y)).diag_embed()


def _identity(activation: Tensor) -> Tensor:
    return activation


def _half_squared_error(activation: Tensor, target: Tensor) -> Tensor:
    if activation.shape != target.shape:
        raise ValueError(
            f"activation and target must have one shape: they are {tuple(activation.shape)} and "
            f"{tuple(target.shape)}, which would be broadcast; squeeze or unsqueeze one of them."
        )
    return 0.5 * F.mse_loss(activation, target, reduction="sum")
