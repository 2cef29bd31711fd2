r"""Gaussian likelihood: regression whose noise has a precision of its own.

Squared error is the negative log-likelihood of a Gaussian whose noise is left out. With the noise in it, the loss is
in nats, can be compared between models and added to others, and the network's error bar is part of its answer. The
precision $\beta$ is fixed, computed from residuals (`fit_precision`), learned beside the weights
(`GaussianPrecisionLoss`), or an output of the network that varies with x (torch's `GaussianNLLLoss`).

$$ -\ln p(t \mid x) = \frac{\beta}{2} (y(x) - t)^2 - \frac{1}{2} \ln \beta + \frac{1}{2} \ln 2\pi, \qquad
\frac{1}{\beta_{ML}} = \frac{1}{NK} \sum_{n,k} (y_{nk} - t_{nk})^2 $$

Also called: noise precision, homoscedastic and heteroscedastic regression, Gaussian NLL.
Departures: the mean over all values, as torch's losses have it, where the book has their sum. `GaussianNLLLoss` takes
    a variance, and leaves the constant out unless ``full=True``.
Pitfalls: on the training data of a net that has fitted the noise the precision comes out too high: take residuals of
    held-out data. The precision is learned as its logarithm, and the better the mean fits the larger its gradient
    becomes; with a large learning rate it runs away. `GaussianNLLLoss` holds the variance above its eps.
Claim: with noise of deviation 0.3 the held-out residuals of a net give it back within 0.03, and the residuals of 20
    training points that a large net has fitted give less than 0.25.
Peer: torch's `GaussianNLLLoss` and `torch.distributions.Normal`, equal (laws and tests).

References:
    bishop2006pattern: Eq. 5.12 to 5.17; section 5.6 for a variance that varies with x. fit_precision: Eq. 5.17.
    nix1994estimating: the variance as an output of the network; GaussianNLLLoss.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import GaussianNLLLoss as GaussianNLLLoss

__all__ = ["GaussianNLLLoss", "GaussianPrecisionLoss", "fit_precision", "gaussian_nll"]


def gaussian_nll(
    input: Tensor,  # noqa: A002 - torch's name
    target: Tensor,
    *,
    precision: float | Tensor = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Measure the nats that predictions need for the targets, under noise of a given precision.

    Args:
        input: predicted means, any shape.
        target: the same shape.
        precision: one over the variance of the noise; a tensor is broadcast over the shape, may be learned, and is
            not checked.
        reduction: "mean" over all values, "sum", or "none".

    Returns:
        () nats per value, their sum, or the input's shape with "none".

    Raises:
        ValueError: the shapes differ, there is no value to take the mean of, the precision is a number that is not
            positive, or the reduction is unknown.

    Example:
        >>> y, t = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])
        >>> gaussian_nll(y, t, reduction="none")  # 0.9189 is ln(2 pi) / 2; an error of 2 costs 2 more
        tensor([0.9189, 2.9189])
    """
    _same_shape(input, target)
    if not isinstance(precision, Tensor) and not precision > 0:
        raise ValueError(f"precision must be positive: it is {precision}; it is one over the variance.")
    beta = torch.as_tensor(precision, dtype=input.dtype, device=input.device)
    losses = 0.5 * (beta * (input - target).square() - beta.log() + math.log(2 * math.pi))
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction != "mean":
        raise ValueError(f'reduction must be "mean", "sum" or "none": it is {reduction!r}.')
    if not losses.numel():
        raise ValueError(
            f"a mean needs at least one value: the input is {tuple(input.shape)}; leave empty batches out."
        )
    return losses.mean()


def fit_precision(input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - torch's name
    """Compute the precision under which the residuals are most likely.

    Args:
        input: predicted means, any shape; of held-out data.
        target: the same shape.

    Returns:
        () precision, in 1 / units squared; cut off from the gradient.

    Raises:
        ValueError: the shapes differ, there is no value, or every residual is 0.

    Example:
        >>> fit_precision(torch.tensor([0.0, 0.0]), torch.tensor([0.5, -0.5]))  # 1 / 0.25
        tensor(4.)
    """
    _same_shape(input, target)
    variance = (input.detach() - target.detach()).square().mean() if input.numel() else torch.zeros(())
    if not bool(variance > 0):
        raise ValueError(
            f"residuals must not all be 0: {input.numel()} values have the mean square {float(variance):g}, which is "
            "no finite precision; take held-out data."
        )
    return 1 / variance


class GaussianPrecisionLoss(nn.Module):
    """The negative log-likelihood with one precision for all values, learned as its logarithm.

    Its parameter belongs into the optimizer beside the network's.

    Args:
        precision: at the start.

    Attributes:
        log_precision: () its logarithm, the parameter.

    Raises:
        ValueError: the precision is not positive.

    Example:
        >>> loss = GaussianPrecisionLoss(precision=4.0)
        >>> y, t = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 1.5])
        >>> loss(y, t).backward()  # 4 is the best precision for these residuals
        >>> loss.log_precision.grad.abs() < 1e-6
        tensor(True)
    """

    def __init__(self, *, precision: float = 1.0) -> None:
        super().__init__()
        if not precision > 0:
            raise ValueError(f"precision must be positive: it is {precision}; it is one over the variance.")
        self.log_precision = nn.Parameter(torch.tensor(math.log(precision)))

    @property
    def precision(self) -> Tensor:
        """() the precision, as it is now."""
        return self.log_precision.exp()

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Measure the nats per value.

        Args:
            input: predicted means, any shape.
            target: the same shape.

        Returns:
            () nats per value.
        """
        return gaussian_nll(input, target, precision=self.precision)


def _same_shape(input: Tensor, target: Tensor) -> None:  # noqa: A002 - torch's name
    if input.shape != target.shape:
        raise ValueError(
            f"input and target must have one shape: they are {tuple(input.shape)} and {tuple(target.shape)}, which "
            "would be broadcast; squeeze or unsqueeze one of them."
        )
