"""What the fitted scalers share: reading data in blocks, and the bookkeeping of what was fitted."""

from collections.abc import Iterator

from torch import Tensor, nn

BLOCK = 1 << 22
"""Numbers read at once: a block takes 32 MiB in float64, whatever the size of the data."""


def require_shape(x: Tensor, *, dim: int, num_features: int) -> None:
    """Refuse a tensor without the features expected.

    Args:
        x: any tensor.
        dim: the dimension of the features.
        num_features: F, how many there must be.

    Raises:
        ValueError: x has no such dimension, or another number of features.
    """
    if not -x.ndim <= dim < x.ndim or x.ndim < 2:
        raise ValueError(
            f"x must have a dimension {dim} beside that of the examples: x is {tuple(x.shape)}; reshape it."
        )
    if x.shape[dim] != num_features:
        raise ValueError(
            f"x must have {num_features} features in dimension {dim}: x is {tuple(x.shape)}, so it has "
            f"{x.shape[dim]}; pass num_features and dim that fit."
        )


def blocks(x: Tensor, *, dim: int, num_features: int) -> Iterator[Tensor]:
    """Walk over the data in blocks of float64 on the CPU.

    Args:
        x: at least two dimensions, of any type, on any device.
        dim: the dimension of the features.
        num_features: F, its size.

    Yields:
        (n, F) values, all finite.

    Raises:
        ValueError: x has another shape, holds no example, or a value that is not finite.
    """
    require_shape(x, dim=dim, num_features=num_features)
    if x.numel() == 0:
        raise ValueError(
            f"statistics need at least one example: x is {tuple(x.shape)}; pass the training part."
        )
    along = 0 if dim % x.ndim else 1
    for part in x.detach().split(max(1, BLOCK * x.shape[along] // x.numel()), dim=along):
        block = part.cpu().double().movedim(dim, -1).reshape(-1, num_features)
        if not bool(block.isfinite().all()):
            feature = int((~block.isfinite()).any(dim=0).nonzero()[0])
            raise ValueError(
                f"x must be finite: feature {feature} holds NaN or infinite values; impute them first (see "
                "TableEncoder) or remove them."
            )
        yield block


def beside(statistic: Tensor, x: Tensor, *, dim: int) -> Tensor:
    """Shape a statistic so that it lies along the features of x.

    Args:
        statistic: (F,) one value a feature.
        x: the tensor that it is to meet.
        dim: the dimension of the features.

    Returns:
        The statistic with F at `dim` and 1 elsewhere.

    Example:
        >>> import torch
        >>> beside(torch.zeros(3), torch.zeros(2, 3, 4, 4), dim=1).shape
        torch.Size([1, 3, 1, 1])
    """
    shape = [1] * x.ndim
    shape[dim] = -1
    return statistic.view(shape)


def floating(x: Tensor, like: Tensor) -> Tensor:
    """Take whole numbers to the type of the statistics; uint8 would wrap around when the mean is subtracted.

    Args:
        x: any type.
        like: the statistics.

    Returns:
        x itself where it is floating.
    """
    return x if x.is_floating_point() else x.to(like.dtype)


def require_fitted(module: nn.Module) -> None:
    """Refuse to use statistics that were never fitted.

    Args:
        module: with an attribute ``fitted``.

    Raises:
        ValueError: the module was neither fitted nor loaded.
    """
    if not module.fitted:
        name = type(module).__name__
        raise ValueError(
            f"{name} must be fitted before it is used: it holds no statistics; call fit(x) with the "
            "training part."
        )


def refuse_second_fit(module: nn.Module) -> None:
    """Refuse to fit what is fitted: the statistics of the training part would be lost without a word.

    Args:
        module: with an attribute ``fitted``.

    Raises:
        ValueError: the module is fitted.
    """
    if module.fitted:
        name = type(module).__name__
        raise ValueError(
            f"{name} must be fitted once: it holds statistics already; make a new {name} for other data."
        )


def resume(module: nn.Module, _: object) -> None:
    """Hook for after ``load_state_dict``: the module takes up what it has loaded.

    Args:
        module: with a method ``resume``.
    """
    module.resume()  # type: ignore[operator]
