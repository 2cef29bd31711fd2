r"""Min-max scaling: map the smallest and largest training value of each feature to the ends of a range.

Use it where a bounded input is wanted, for instance before a saturating unit. One outlier squeezes all other
values together; then take quantiles in place of the extremes, or `standardize`.

$$ z = a + (b - a) \, \frac{x - x_{\min}}{x_{\max} - x_{\min}} $$

Also called: MinMaxScaler, rescaling, normalization to [-1, 1].
Departures: with ``quantile=q`` the q and 1-q quantiles stand for the extremes.
    A constant feature maps to the lower end, as in scikit-learn.
Pitfalls: new data may lie outside the range; clip=True cuts them off, which cannot be undone.
    A single outlier sets the scale.
Claim: on wine one outlier leaves a linear classifier near chance where extremes are fitted, and does no harm
    where quantiles are.
Peer: scikit-learn's MinMaxScaler.

References:
    pedregosa2011scikit: the estimator MinMaxScaler.
"""

import numpy as np
import torch
from torch import Tensor, nn

from . import _statistics as shared
from ._statistics import (
    beside,
    blocks,
    floating,
    refuse_second_fit,
    require_fitted,
    require_shape,
    resume,
    training_part,
)
from .split import View

__all__ = ["MinMax"]


class MinMax(nn.Module):
    """Scale each feature, or each channel of images, to a range, with extremes that were fitted.

    Args:
        num_features: F, or C for images.
        dim: the dimension of the features; extremes run over all others.
        feature_range: where the smallest and the largest training value go.
        clip: cut off what lies outside.
        quantile: the share of values to disregard at either end, below 0.5; 0 takes the extremes.
        device: of the buffers.
        dtype: of the buffers.

    Attributes:
        low: (F,) smallest training value, in units of the input.
        high: (F,) largest training value.
        count: () values seen for each feature.
        fitted: whether there are statistics.

    Raises:
        ValueError: the range is empty, or the quantile is not in [0, 0.5).

    Example:
        >>> scale = MinMax(2).fit(torch.tensor([[0.0, 10.0], [1.0, 30.0]]))
        >>> scale(torch.tensor([[0.5, 10.0], [2.0, 20.0]]))
        tensor([[ 0., -1.],
                [ 3.,  0.]])
    """

    low: Tensor
    high: Tensor
    count: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        dim: int = 1,
        feature_range: tuple[float, float] = (-1.0, 1.0),
        clip: bool = False,
        quantile: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not feature_range[0] < feature_range[1]:
            raise ValueError(
                f"feature_range must go from a smaller to a larger number: it is {feature_range}; swap the "
                "ends."
            )
        if not 0 <= quantile < 0.5:
            raise ValueError(f"quantile must be in [0, 0.5): it is {quantile}; try 0.01.")
        self.num_features = num_features
        self.dim = dim
        self.feature_range = feature_range
        self.clip = clip
        self.quantile = quantile
        self.fitted = False
        self.register_buffer("low", torch.zeros(num_features, device=device, dtype=dtype))
        self.register_buffer("high", torch.ones(num_features, device=device, dtype=dtype))
        self.register_buffer("count", torch.zeros((), device=device, dtype=torch.int64))
        self.register_load_state_dict_post_hook(resume)

    def resume(self) -> None:
        """Take note, after the buffers were loaded, whether they hold statistics."""
        self.fitted = int(self.count) > 0

    def fit(self, x: Tensor | View) -> "MinMax":
        """Find the extremes, or quantiles, of the training part.

        Args:
            x: (N, F, ...) with F at `dim`; of any type; or a view of the training part.

        Returns:
            The module itself.

        """
        refuse_second_fit(self)
        x = training_part(x)
        if not self.quantile:
            return self.partial_fit(x)
        rows = np.concatenate(
            [block.numpy() for block in blocks(x, dim=self.dim, num_features=self.num_features)]
        )
        ends = np.quantile(rows, [self.quantile, 1 - self.quantile], axis=0)
        return self._keep(torch.from_numpy(ends[0]), torch.from_numpy(ends[1]), len(rows))

    def partial_fit(self, x: Tensor | View) -> "MinMax":
        """Add a block of the training part; the order of the blocks does not matter.

        Args:
            x: (n, F, ...) with F at `dim`; of any type; or a view out of the training part.

        Returns:
            The module itself.

        Raises:
            ValueError: quantiles are wanted, which need all data at once; or x has another shape, is empty,
                is not finite, or is a view of another part.
        """
        x = training_part(x)
        if self.quantile:
            raise ValueError(
                f"quantiles need all data at once: quantile={self.quantile}; use fit, or quantile=0."
            )
        count = int(self.count)
        low, high = (self.low.cpu().double(), self.high.cpu().double()) if self.fitted else (None, None)
        for block in blocks(x, dim=self.dim, num_features=self.num_features):
            least, most = block.amin(dim=0), block.amax(dim=0)
            low = least if low is None else low.minimum(least)
            high = most if high is None else high.maximum(most)
            count += len(block)
        assert low is not None  # blocks refuses an empty x
        assert high is not None
        return self._keep(low, high, count)

    def _keep(self, low: Tensor, high: Tensor, count: int) -> "MinMax":
        self.low.copy_(low)
        self.high.copy_(high)
        self.count.fill_(count)
        self.fitted = True
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Scale.

        Args:
            x: (B, F, ...) with F at `dim`; of any type.

        Returns:
            The same shape, in the range for values like those of the training part; in the type of x where
            that is floating.

        """
        x, low, width = self._ready(x)
        a, b = self.feature_range
        z = a + (x - low) / width * (b - a)
        return (z.clamp(a, b) if self.clip else z).to(x.dtype)

    def inverse(self, z: Tensor) -> Tensor:
        """Undo the scaling; what was clipped stays lost.

        Args:
            z: (B, F, ...) with F at `dim`.

        Returns:
            The same shape, in units of the input.

        """
        z, low, width = self._ready(z)
        a, b = self.feature_range
        return (low + (z - a) / (b - a) * width).to(z.dtype)

    def _ready(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The input as floating numbers, the lower end, and the width, 1 where it is zero."""
        require_fitted(self)
        require_shape(x, dim=self.dim, num_features=self.num_features)
        width = self.high - self.low
        width = width.where(width > 0, 1.0)
        return floating(x, self.low), beside(self.low, x, dim=self.dim), beside(width, x, dim=self.dim)

    transform = shared.transform
    fit_transform = shared.fit_transform
    inverse_transform = shared.inverse_transform

    def extra_repr(self) -> str:
        """Show what the module was made with.

        Returns:
            The words between the brackets.
        """
        return (
            f"{self.num_features}, dim={self.dim}, feature_range={self.feature_range}, fitted={self.fitted}"
        )
