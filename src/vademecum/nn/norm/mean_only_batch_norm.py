r"""Mean-only batch normalization: subtract the batch's mean, leave the scale alone.

Use it behind weight-normalized layers, whose scale is already in hand: the activations stay centered while the
gradient gets less noise from the batch than full batch normalization gives it. Alone it does not fix the scale.

$$ y = t - \mu[t] + b, \qquad \nabla_t L = \nabla_y L - \mu[\nabla_y L] $$

where the means run over the batch, and over space, channel by channel.

Also called: MOBN, mean-only BN.
Departures: none.
Pitfalls: in training the output depends on the batch mates, in evaluation on the running mean. A bias of the layer
    before it is subtracted with the mean: build that layer with bias=False. Where the scale drifts, nothing here
    brings it back.
Claim: on the digits it makes a learning rate work at which the net fails that is weight-normalized and no more.
Peer: none known in torch.

References:
    salimans2016weight: Eq. 7-8 in section 4.
"""

import torch
from torch import Tensor, nn

__all__ = ["MeanOnlyBatchNorm1d", "MeanOnlyBatchNorm2d"]


class _MeanOnlyBatchNorm(nn.Module):
    """What the two have in common; `_dims` are the numbers of dimensions that an input may have."""

    running_mean: Tensor | None
    num_batches_tracked: Tensor | None
    bias: nn.Parameter | None
    _dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        *,
        momentum: float | None = 0.1,
        bias: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        self.register_parameter(
            "bias", nn.Parameter(torch.empty(num_features, device=device, dtype=dtype)) if bias else None
        )
        tracked = torch.empty(num_features, device=device, dtype=dtype) if track_running_stats else None
        self.register_buffer("running_mean", tracked)
        count = torch.empty((), device=device, dtype=torch.long) if track_running_stats else None
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set bias, running mean and count to zero."""
        for tensor in (self.bias, self.running_mean, self.num_batches_tracked):
            if tensor is not None:
                nn.init.zeros_(tensor)

    def forward(self, x: Tensor) -> Tensor:
        """Subtract the mean: the batch's in training, the running one in evaluation.

        Args:
            x: (B, C) or (B, C, ...).

        Returns:
            The shape of x.

        Raises:
            ValueError: x has another shape, or too few values in training.
        """
        if x.dim() not in self._dims or x.shape[1] != self.num_features:
            raise ValueError(
                f"the input must have {' or '.join(map(str, self._dims))} dimensions, and channels as num_features "
                f"says in dimension 1: x is {tuple(x.shape)}, num_features={self.num_features}; reshape one of the two."
            )
        mean = self._batch_mean(x) if self.training or self.running_mean is None else self.running_mean
        shift = mean if self.bias is None else mean - self.bias
        return x - shift.to(x.dtype).reshape(1, -1, *[1] * (x.dim() - 2))

    def _batch_mean(self, x: Tensor) -> Tensor:
        if x.numel() <= x.shape[1]:
            raise ValueError(
                f"a batch's mean needs more than one value per channel: x is {tuple(x.shape)}; "
                "give a larger batch, or call eval() to use the running mean."
            )
        mean = x.mean([0, *range(2, x.dim())])
        if self.training and self.running_mean is not None and self.num_batches_tracked is not None:
            with torch.no_grad():
                self.num_batches_tracked.add_(1)
                weight = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean.detach().to(self.running_mean.dtype), weight)
        return mean

    def extra_repr(self) -> str:
        """The arguments, for the printed module."""
        return (
            f"{self.num_features}, momentum={self.momentum}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class MeanOnlyBatchNorm1d(_MeanOnlyBatchNorm):
    """Mean-only batch normalization of (B, C) or (B, C, T).

    Args:
        num_features: C.
        momentum: the new batch's weight in the running mean, as in torch's batch norms; None takes the plain
            mean of all batches so far.
        bias: learn b.
        track_running_stats: keep a running mean for evaluation; without it, evaluation uses the batch's mean too.
        device: of bias and running mean.
        dtype: of bias and running mean.

    Example:
        >>> norm = MeanOnlyBatchNorm1d(2)
        >>> norm(torch.tensor([[1.0, 10.0], [3.0, 30.0]])).tolist()
        [[-1.0, -10.0], [1.0, 10.0]]
        >>> norm.running_mean.allclose(torch.tensor([0.2, 2.0]))
        True
    """

    _dims = (2, 3)


class MeanOnlyBatchNorm2d(_MeanOnlyBatchNorm):
    """Mean-only batch normalization of (B, C, H, W).

    Args:
        num_features: C.
        momentum: the new batch's weight in the running mean, as in torch's batch norms; None takes the plain
            mean of all batches so far.
        bias: learn b.
        track_running_stats: keep a running mean for evaluation; without it, evaluation uses the batch's mean too.
        device: of bias and running mean.
        dtype: of bias and running mean.

    Example:
        >>> norm = MeanOnlyBatchNorm2d(1)
        >>> norm(torch.tensor([[[[1.0, 2.0, 6.0]]]])).flatten().tolist()
        [-2.0, -1.0, 3.0]
    """

    _dims = (4,)
