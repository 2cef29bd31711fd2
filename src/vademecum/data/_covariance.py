"""What PCA and whitening share: the covariance, what it costs, and a product that keeps its precision."""

from math import prod

import torch
from torch import Tensor

from ._statistics import blocks, require_more_than, require_tensor

MAX_BYTES = 4 << 30
"""What the matrices of a fit may take unless the user says otherwise; 16384 features do."""


def flat(x: Tensor, num_features: int) -> Tensor:
    """Make one row of each example.

    Args:
        x: (N, ...) with F numbers in each example.
        num_features: F.

    Returns:
        (N, F).

    Raises:
        ValueError: the examples have another number of features.
    """
    require_tensor(x)
    if x.ndim < 2 or prod(x.shape[1:]) != num_features:
        raise ValueError(
            f"each example must have {num_features} features: x is {tuple(x.shape)}, so it has "
            f"{prod(x.shape[1:])} in each of {len(x) if x.ndim else 0}; pass num_features that fits."
        )
    return x.flatten(1)


def require_memory(num_bytes: int, max_bytes: int, *, what: str, remedy: str) -> None:
    """Refuse matrices that are too large before they are made.

    Args:
        num_bytes: what they take.
        max_bytes: what they may take.
        what: they are, in words.
        remedy: what else can be done, as a clause.

    Raises:
        ValueError: they take more.
    """
    if num_bytes > max_bytes:
        raise ValueError(
            f"{what} must fit into max_bytes: they take {num_bytes} bytes ({num_bytes / 2**30:.1f} GiB), "
            f"{max_bytes} are allowed; {remedy}, or raise max_bytes."
        )


def covariance(x: Tensor, *, dim: int, num_features: int, correction: int) -> tuple[int, Tensor, Tensor]:
    """Compute mean and covariance in one pass, block by block, by the pairwise update of `Standardize`.

    Args:
        x: (N, F, ...) with F at `dim`.
        dim: the dimension of the features; all others count examples.
        num_features: F.
        correction: subtracted from the number of examples.

    Returns:
        The number n of examples, float64 (F,) mean and float64 (F, F) covariance.
    """
    n, mean = 0, torch.zeros(num_features, dtype=torch.float64)
    scatter = torch.zeros(num_features, num_features, dtype=torch.float64)
    for block in blocks(x, dim=dim, num_features=num_features):
        n_b, mean_b = len(block), block.mean(dim=0)
        centered, delta = block - mean_b, mean_b - mean
        scatter.addmm_(centered.T, centered).addr_(delta, delta, alpha=n * n_b / (n + n_b))
        mean += delta * (n_b / (n + n_b))
        n += n_b
    require_more_than(correction, n)
    return n, mean, scatter.div_(n - correction)


def product(x: Tensor, matrix: Tensor) -> Tensor:
    """Multiply in the wider of two types, also where autocast would take a narrower one.

    Whitening may multiply a direction by several hundred: what a narrow type rounds away shows there.

    Args:
        x: (N, F).
        matrix: (F, G).

    Returns:
        (N, G).
    """
    dtype = torch.promote_types(x.dtype, matrix.dtype)
    if not torch.amp.is_autocast_available(x.device.type):
        return x.to(dtype) @ matrix.to(dtype)
    with torch.autocast(x.device.type, enabled=False):
        return x.to(dtype) @ matrix.to(dtype)


def upright(components: Tensor) -> Tensor:
    """Choose the sign of each component so that its largest entry by magnitude is positive.

    Args:
        components: (G, F), one a row.

    Returns:
        The same up to signs.

    Example:
        >>> upright(torch.tensor([[0.6, -0.8], [0.8, 0.6]]))
        tensor([[-0.6000,  0.8000],
                [ 0.8000,  0.6000]])
    """
    if not len(components):
        return components
    largest = components.gather(1, components.abs().argmax(dim=1, keepdim=True))
    return components * largest.sign()
