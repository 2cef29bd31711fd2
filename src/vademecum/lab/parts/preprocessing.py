"""What is done to the inputs before the net sees them, fitted on the training part alone."""

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from vademecum import data

from ._grammar import Kind, Part

__all__ = ["PREPROCESS", "scalers"]

Shape = Sequence[int]


class AsFloat(nn.Module):
    """Whole-number pixels as floating numbers, and nothing else: what preprocess=none means for images."""

    def forward(self, x: Tensor) -> Tensor:
        """Convert.

        Args:
            x: (B, ...) numbers of any type.

        Returns:
            The same, floating.
        """
        return x if x.is_floating_point() else x.float()


class Chain(nn.Sequential):
    """Several scalers in a row, each fitted on what the one before has made of the training part."""

    def fit(self, x: Tensor | data.View) -> "Chain":
        """Fit them all.

        Args:
            x: (N, ...) the training part, or a view of it.

        Returns:
            The chain itself.
        """
        data.fit_all(self, x)
        return self

    @property
    def out_features(self) -> int | None:
        """How many columns come out, where the last scaler changes their number."""
        return getattr(self[-1], "out_features", None)


def scalers(chosen: str, shape: Shape) -> nn.Module:
    """Make what a recipe says of preprocessing, not yet fitted.

    Args:
        chosen: parts with their arguments.
        shape: (C, H, W) or (F,) of an example.

    Returns:
        A module that takes examples as they come; with a method ``fit`` where there is something to fit.
    """
    modules = [choice.make(shape) for choice in PREPROCESS.read(chosen)]
    if not modules:
        return AsFloat()
    return modules[0] if len(modules) == 1 else Chain(*modules)


def _standardize(shape: Shape, /) -> nn.Module:
    return data.Standardize(shape[0])


def _min_max(shape: Shape, /, clip: bool = False, quantile: float = 0.0) -> nn.Module:
    return data.MinMax(shape[0], clip=clip, quantile=quantile)


def _pca(shape: Shape, /, num_components: float = 0.95) -> nn.Module:
    few = int(num_components) if num_components >= 1 else num_components
    return data.PCA(prod(shape), few)


def _pca_whiten(shape: Shape, /, eps: float = 1e-5, ledoit_wolf: bool = False) -> nn.Module:
    return _whiten(shape, "pca", eps, ledoit_wolf)


def _zca(shape: Shape, /, eps: float = 1e-5, ledoit_wolf: bool = False) -> nn.Module:
    return _whiten(shape, "zca", eps, ledoit_wolf)


def _zca_channels(shape: Shape, /, eps: float = 1e-5) -> nn.Module:
    return data.Whiten(shape[0], "zca", dim=1, eps=eps)


def _whiten(shape: Shape, kind: str, eps: float, ledoit_wolf: bool) -> nn.Module:
    return data.Whiten(prod(shape), kind, eps=eps, shrinkage="ledoit_wolf" if ledoit_wolf else None)


PREPROCESS = Kind(
    "preprocess",
    (
        Part("min_max", "min_max", _min_max),
        Part(
            "pca",
            "pca",
            _pca,
            "Keep principal components: that many, or enough for that share of the variance.",
        ),
        Part("pca_whiten", "whiten", _pca_whiten, "Whiten along the principal components."),
        Part("standardize", "standardize", _standardize),
        Part("zca", "whiten", _zca, "Whiten and stay as near to the data as that allows."),
        Part("zca_channels", "whiten", _zca_channels, "Whiten the channels of images alone."),
    ),
    several=True,
    example=None,
)
