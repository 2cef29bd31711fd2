r"""Pooling: one number for each window of a map.

The maximum says whether a feature is anywhere in the window, the mean how much of it there is; on feature maps behind
a rectifier the maximum is the usual choice. Between the two stand the p-norm (`LPPool2d`), a learned mixture
(`MixedPool2d`), and a random choice that prefers large values and regularizes (`StochasticPool2d`).

$$ s_{max} = \max_{i \in R} a_i, \qquad s_{avg} = \frac{1}{|R|} \sum_{i \in R} a_i, \qquad
s_{p} = \Big(\sum_{i \in R} a_i^p\Big)^{1/p}, \qquad s_{mix} = \alpha\, s_{max} + (1 - \alpha)\, s_{avg} $$
$$ s_{stoch} = a_l, \quad l \sim p_i = \frac{a_i}{\sum_{k \in R} a_k}; \qquad
\text{in evaluation} \quad s = \sum_{i \in R} p_i a_i $$

Also called: subsampling, max pooling, average pooling, mixed max-average pooling, probabilistic weighting.
Departures: torch's p-norm pooling is the sum's root, without a mean. `MixedPool2d` holds its proportion inside 0 and 1
    by a sigmoid, where the paper learns the proportion itself; it starts at a half.
Pitfalls: average pooling counts the padding's zeros unless count_include_pad=False. torch's p-norm pooling takes no
    absolute value: an odd power of negative values may have a negative sum, whose root is not a number. Stochastic
    pooling is for values that are not negative, as a rectifier gives them. Pooling makes a map indifferent to shifts
    of a pixel or so, not to rotation or scale.
Claim: a small convolutional net with max pooling tests more than 1.5 points above one with average pooling after eight
    epochs on the digits; the lead shrinks with longer training.
Peer: torch (the three that it has are torch's classes); the others: none.

References:
    scherer2010evaluation: the comparison of maximum pooling with subsampling; MaxPool2d, AvgPool2d.
    zeiler2013stochastic: stochastic pooling, and probabilistic weighting at test time; StochasticPool2d.
    lee2016generalizing: mixed max-average pooling; MixedPool2d.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import AvgPool2d as AvgPool2d
from torch.nn import LPPool2d as LPPool2d
from torch.nn import MaxPool2d as MaxPool2d
from torch.nn import functional as F

__all__ = ["AvgPool2d", "LPPool2d", "MaxPool2d", "MixedPool2d", "StochasticPool2d"]


class StochasticPool2d(nn.Module):
    """Pick one value of each window at random, the larger the likelier; in evaluation, their expectation.

    Draws from torch's own stream, as dropout does. A window of zeros gives zero.

    Args:
        kernel_size: of the window, one number or (height, width).
        stride: of the window; its size where it is None.
        padding: zeros on each side, which are never picked beside a positive value.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> pool = StochasticPool2d(2).eval()
        >>> pool(torch.tensor([[[[1.0, 3.0], [0.0, 0.0]]]]))  # 1/4 of 1 and 3/4 of 3
        tensor([[[[2.5000]]]])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.kernel_size = _pair(kernel_size)
        self.stride = self.kernel_size if stride is None else _pair(stride)
        self.padding = _pair(padding)
        if min(*self.kernel_size, *self.stride) < 1 or min(self.padding) < 0:
            raise ValueError(
                f"kernel_size and stride must be at least 1 and padding at least 0: they are {kernel_size}, {stride} "
                f"and {padding}."
            )

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Pool.

        Args:
            input: (..., H, W), nowhere negative.

        Returns:
            (..., H', W').

        Raises:
            ValueError: there is a negative value, or the window does not fit.
        """
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        if input.ndim < 2 or input.shape[-2] + 2 * ph < kh or input.shape[-1] + 2 * pw < kw:
            raise ValueError(
                f"the window must fit into the padded input: it is {kh} by {kw}, the input {tuple(input.shape)} with a "
                f"padding of {ph} and {pw}; take a smaller window."
            )
        if bool((input < 0).any()):
            raise ValueError(
                f"values must not be negative to be probabilities: the least is {float(input.detach().min()):g}; put a "
                "ReLU before the pooling."
            )
        windows = F.pad(input, (pw, pw, ph, ph)).unfold(-2, kh, sh).unfold(-2, kw, sw).flatten(-2)
        total = windows.sum(-1, keepdim=True)  # (..., H', W', 1)
        if not self.training:
            return (windows * (windows / total.masked_fill(total == 0, 1))).sum(-1)
        # The largest of a_i / e_i with exponential e_i is a_i's with the probability a_i / sum a.
        waits = torch.empty_like(windows).exponential_().clamp_min_(torch.finfo(windows.dtype).tiny)
        race = windows.detach() / waits
        return windows.gather(-1, race.argmax(-1, keepdim=True)).squeeze(-1)

    def extra_repr(self) -> str:
        """Name the settings, for print.

        Returns:
            The settings as they are written in a call.
        """
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MixedPool2d(nn.Module):
    """Mix maximum and mean in a learned proportion.

    Args:
        kernel_size: of the window, one number or (height, width).
        stride: of the window; its size where it is None.
        padding: on each side; torch's maximum does not see it, torch's mean counts it as zeros.
        num_channels: C for a proportion a channel; one for the layer where it is None.
        start: the maximum's share at first, between 0 and 1.

    Attributes:
        logit: () or (C, 1, 1) parameter whose sigmoid is the maximum's share.

    Raises:
        ValueError: the share is not between 0 and 1.

    Example:
        >>> pool = MixedPool2d(2, start=0.75)
        >>> pool(torch.tensor([[[[0.0, 4.0], [0.0, 0.0]]]])).detach()  # 3/4 of 4 and 1/4 of 1
        tensor([[[[3.2500]]]])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        *,
        num_channels: int | None = None,
        start: float = 0.5,
    ) -> None:
        super().__init__()
        if not 0 < start < 1:
            raise ValueError(
                f"start must lie between 0 and 1: it is {start}; at the ends use MaxPool2d or AvgPool2d."
            )
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        shape = () if num_channels is None else (num_channels, 1, 1)
        self.logit = nn.Parameter(torch.full(shape, math.log(start / (1 - start))))

    @property
    def share(self) -> Tensor:
        """() or (C, 1, 1) the maximum's share, as it is now."""
        return self.logit.sigmoid()

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Pool.

        Args:
            input: (B, C, H, W) or (C, H, W).

        Returns:
            (B, C, H', W') or (C, H', W').
        """
        largest = F.max_pool2d(input, self.kernel_size, self.stride, self.padding)
        mean = F.avg_pool2d(input, self.kernel_size, self.stride, self.padding)
        return mean + self.share * (largest - mean)

    def extra_repr(self) -> str:
        """Name the settings, for print.

        Returns:
            The settings as they are written in a call.
        """
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
