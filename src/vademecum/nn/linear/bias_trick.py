r"""Bias trick: a one behind every input makes the bias a column of the weights.

One matrix then does what a matrix and a vector did, which shortens derivations and whatever treats weights as one
matrix: whitening, second-order methods, closed-form fits.

$$ W x + b = \begin{bmatrix} W & b \end{bmatrix} \begin{bmatrix} x \\ 1 \end{bmatrix} $$

The gradient of the last column is that of the bias.

Also called: augmented input, dummy input, homogeneous coordinates, intercept column.
Departures: the one stands behind the inputs; the book has it in front.
Pitfalls: a penalty on the weights now shrinks the bias as well, and a scaling of the inputs that is fitted afterwards
    sees a constant column. The two forms have other numbers of units, so a penalty on norms differs too.
Claim: none, because the two forms are equal, which the laws hold.
Peer: none; scikit-learn's fit_intercept does it inside.

References:
    bishop2006pattern: section 5.1, Eq. 5.8 and 5.9, an input clamped at one; section 3.1.
"""

import torch
from torch import Tensor, nn

__all__ = ["augment_bias", "fold_bias", "unfold_bias"]


def augment_bias(x: Tensor) -> Tensor:
    """Put a one behind every input.

    Args:
        x: (..., F) inputs.

    Returns:
        (..., F + 1).

    Raises:
        ValueError: x has no dimension.

    Example:
        >>> augment_bias(torch.tensor([[2.0, 3.0]]))
        tensor([[2., 3., 1.]])
    """
    if not x.ndim:
        raise ValueError("x must be (..., F): it has no dimension; unsqueeze it.")
    return torch.cat([x, x.new_ones(*x.shape[:-1], 1)], dim=-1)


def fold_bias(linear: nn.Linear) -> nn.Linear:
    """Write a layer with its bias as one matrix, for inputs with a one behind them.

    Args:
        linear: (F -> K) with a bias; left as it is.

    Returns:
        (F + 1 -> K) without a bias: ``fold_bias(linear)(augment_bias(x)) == linear(x)``.

    Raises:
        ValueError: the layer has no bias.

    Example:
        >>> linear, x = nn.Linear(3, 2), torch.randn(5, 3)
        >>> torch.testing.assert_close(fold_bias(linear)(augment_bias(x)), linear(x))
    """
    if linear.bias is None:
        raise ValueError(
            f"linear must have a bias to fold: {linear} has none; give its inputs no one either."
        )
    joined = torch.cat([linear.weight.detach(), linear.bias.detach().unsqueeze(1)], dim=1)
    return _with(joined, None).train(linear.training)


def unfold_bias(linear: nn.Linear) -> nn.Linear:
    """Take the last column of a layer's weights out as a bias: undoes `fold_bias`.

    Args:
        linear: (F + 1 -> K) without a bias, for inputs with a one behind them; left as it is.

    Returns:
        (F -> K) with a bias, for the inputs alone.

    Raises:
        ValueError: the layer has a bias already, or no input beside the one.

    Example:
        >>> linear = nn.Linear(3, 2)
        >>> torch.equal(unfold_bias(fold_bias(linear)).bias, linear.bias)
        True
    """
    if linear.bias is not None or linear.in_features < 2:
        raise ValueError(
            f"linear must have no bias and at least two inputs, the last of them the one: it is {linear}; a layer with "
            "a bias is unfolded already."
        )
    weight = linear.weight.detach()
    return _with(weight[:, :-1].clone(), weight[:, -1].clone()).train(linear.training)


def _with(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A layer of the given weights."""
    outputs, inputs = weight.shape
    new = nn.Linear(inputs, outputs, bias=bias is not None, device="meta")
    new.weight = nn.Parameter(weight)
    if bias is not None:
        new.bias = nn.Parameter(bias)
    return new
