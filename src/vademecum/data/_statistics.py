"""What the fitted scalers share: whom they are fitted on, reading in blocks, and scikit-learn's method names.

`transform`, `fit_transform` and `inverse_transform` are functions of a module; a scaler takes them into its class
as methods, so that all scalers have them alike and there is no base class.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

from torch import Tensor, nn

from .leakage import LeakageError
from .split import View

BLOCK = 1 << 22
"""Numbers read at once: a block takes 32 MiB in float64, whatever the size of the data."""

Data = TypeVar("Data", Tensor, View)


def training_part(x: Tensor | View) -> Tensor:
    """Take what a module is to be fitted on, and refuse what is known to be another part.

    Args:
        x: a tensor, of which nothing is known, or a view.

    Returns:
        The values.

    Raises:
        LeakageError: x is a view of another part than train.
    """
    if not isinstance(x, View):
        return x
    if x.part != "train":
        raise LeakageError(
            f"statistics must come from the training part: {len(x.values)} examples of the {x.part} part "
            'came; fit on parts.view(x, "train") and only transform the others.'
        )
    return x.values


def transform(module: nn.Module, x: Data) -> Data:
    """Apply the fitted module, as scikit-learn names it.

    Args:
        module: fitted.
        x: a tensor, as forward takes it, or a view of any part.

    Returns:
        What forward gives; a view stays a view of the same part.
    """
    return replace(x, values=module(x.values)) if isinstance(x, View) else module(x)


def fit_transform(module: nn.Module, x: Data) -> Data:
    """Fit on the training part and apply to it.

    Args:
        module: not yet fitted.
        x: a tensor, or a view of the training part.

    Returns:
        What transform gives.
    """
    fitted: Any = module
    return transform(fitted.fit(x), x)


def inverse_transform(module: nn.Module, z: Data) -> Data:
    """Undo the transformation, as scikit-learn names it.

    Args:
        module: fitted, with a method ``inverse``.
        z: a tensor, as inverse takes it, or a view of any part.

    Returns:
        What inverse gives; a view stays a view of the same part.
    """
    undo: Any = module.inverse
    return replace(z, values=undo(z.values)) if isinstance(z, View) else undo(z)


def require_tensor(x: object) -> None:
    """Refuse what is no tensor, such as a view where only its values are meant.

    Args:
        x: anything.

    Raises:
        TypeError: x is no tensor.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"x must be a tensor: {type(x).__name__} came; a view goes into transform, an array first into "
            "torch.as_tensor."
        )


def require_shape(x: Tensor, *, dim: int, num_features: int) -> None:
    """Refuse a tensor without the features expected.

    Args:
        x: any tensor.
        dim: the dimension of the features.
        num_features: F, how many there must be.

    Raises:
        ValueError: x has no such dimension, or another number of features.
    """
    require_tensor(x)
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


def require_more_than(correction: int, n: int) -> None:
    """Refuse too few values for a variance.

    Args:
        correction: what is subtracted from their number.
        n: values a feature.

    Raises:
        ValueError: nothing would be left to divide by.
    """
    if n <= correction:
        raise ValueError(
            f"the variance needs more than {correction} values a feature: x has {n}; pass more, or "
            "correction=0."
        )


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
