r"""Soft weight sharing: a mixture of Gaussians as the prior on weights, learned beside them, that groups them.

Use it to compress a trained net: retrain it beside the mixture, then set each weight to the mean of its component. With
one component fixed at 0 most weights fall there, and the rest share a few values.

$$ \Omega(w) = -\sum_i \ln \sum_{j=1}^{J} \pi_j\, \mathcal{N}(w_i \mid \mu_j, \sigma_j^2), \qquad
\gamma_j(w) = \frac{\pi_j \mathcal{N}(w \mid \mu_j, \sigma_j^2)}{\sum_k \pi_k \mathcal{N}(w \mid \mu_k, \sigma_k^2)} $$

A weight is pulled toward each component by its responsibility: $\partial \Omega / \partial w_i =
\sum_j \gamma_j(w_i) (w_i - \mu_j) / \sigma_j^2$. One component at 0 is weight decay of strength $1 / \sigma^2$.

Also called: mixture-of-Gaussians prior, quantization by clustering.
Departures: the variances are learned as logarithms and the shares as a softmax (as in Bishop); Ullrich et al. merge
    components that have come close before they quantize, which is not done here. Their Gamma prior on the precisions
    is `precision_prior`, off unless asked for.
Pitfalls: the penalty is a sum over weights, in nats: beside a loss that is a mean over N examples its strength is of
    the order of 1/N. A component that holds equal weights collapses to width 0 and the penalty runs to minus infinity:
    give a `precision_prior`, or stop early. The mixture's parameters go into the optimizer too, with a learning rate of
    their own. Gains and biases are not penalized and stay unquantized, as `decay_groups` says.
Claim: a small net on the digits, retrained beside 16 components and one at 0, is left with at most 17 distinct
    weights, more than 70 % of them 0, and loses fewer than 5 points of accuracy.
Peer: none maintained; the authors' tutorial in Keras was not run.

References:
    nowlan1992simplifying: the mixture and its gradients.
    ullrich2017soft: sections 3-4, the component at 0, the Gamma prior and the quantization.
    bishop2006pattern: Eq. 5.136-5.147.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .decay_groups import decayed_parameters

__all__ = ["CompressedSize", "SoftWeightSharing"]


@dataclass(frozen=True)
class CompressedSize:
    """What quantized weights would take, as counts and bits; its text is one line.

    Attributes:
        num_weights: how many weights there are.
        num_values: distinct values among them.
        share_of_zeros: from 0 to 1.
        bits: entropy of the values, times the number of weights, and 32 for each value in the code book: what an
            arithmetic coder comes to.
        ratio: 32 bits a weight over that.

    Example:
        >>> print(CompressedSize(num_weights=1000, num_values=2, share_of_zeros=0.5, bits=1064.0, ratio=30.1))
        1000 weights, 2 values, 50.0 % zeros, 1064 bits: 30.1 times smaller than float32
    """

    num_weights: int
    num_values: int
    share_of_zeros: float
    bits: float
    ratio: float

    def __str__(self) -> str:
        return (
            f"{self.num_weights} weights, {self.num_values} values, {100 * self.share_of_zeros:.1f} % zeros, "
            f"{self.bits:.0f} bits: {self.ratio:.1f} times smaller than float32"
        )


class SoftWeightSharing(nn.Module):
    """A learned mixture of Gaussians over the weights of a model.

    Args:
        model: its weights say where the components start: means evenly over their range, each as wide as the
            distance between two, equal shares. It is not kept.
        num_components: components that are learned, beside the one at 0.
        zero_share: the fixed share of one more component, whose mean stays 0; None for no such component.
        precision_prior: shape and rate of a Gamma prior on each precision, whose negative log is added; None for none.
        skip_embeddings: as in `decay_groups`.
        skip: as in `decay_groups`.

    Attributes:
        mean: (J,) means of the learned components.
        log_variance: (J,) logarithms of their variances; (J + 1,) with that of the component at 0 first.
        logits: (J,) their shares before the softmax.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> layer = nn.Linear(4, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.02, -0.01, 0.97, 1.02]]))
        >>> prior = SoftWeightSharing(layer, num_components=1, zero_share=0.5)
        >>> _ = nn.init.constant_(prior.mean, 1.0), nn.init.constant_(prior.log_variance, -4.0)
        >>> prior.quantize_(layer).num_values
        2
        >>> layer.weight.data
        tensor([[0., 0., 1., 1.]])
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        num_components: int = 16,
        zero_share: float | None = 0.99,
        precision_prior: tuple[float, float] | None = None,
        skip_embeddings: bool = True,
        skip: Iterable[str] = (),
    ) -> None:
        super().__init__()
        if num_components < 1 or (zero_share is not None and not 0 < zero_share < 1):
            raise ValueError(
                f"there must be a component, and the share of the one at 0 within (0, 1): num_components="
                f"{num_components}, zero_share={zero_share}; zero_share=None leaves it out."
            )
        if precision_prior is not None and not min(precision_prior) > 0:
            raise ValueError(
                f"shape and rate must be positive: precision_prior={precision_prior}; give (shape, rate)."
            )
        self.zero_share, self.precision_prior = zero_share, precision_prior
        self.skip_embeddings, self.skip = skip_embeddings, (skip,) if isinstance(skip, str) else tuple(skip)
        weights = self._weights(model).detach()
        low, high = float(weights.min()), float(weights.max())
        spacing = (high - low) / max(num_components - 1, 1) or 1.0
        means = torch.linspace(low, high, num_components) if num_components > 1 else torch.zeros(1)
        self.mean = nn.Parameter(means.to(weights))
        widths = num_components + (zero_share is not None)
        self.log_variance = nn.Parameter(torch.full_like(weights[:1].expand(widths), 2 * math.log(spacing)))
        self.logits = nn.Parameter(torch.zeros_like(self.mean))

    def forward(self, model: nn.Module) -> Tensor:
        """Measure the weights' negative log prior.

        Args:
            model: holds the weights; as many as there are.

        Returns:
            () nats, summed over weights, to be multiplied by a strength; its gradient reaches weights and mixture.

        """
        penalty = -torch.logsumexp(self._log_joint(self._weights(model)), dim=1).sum()
        if self.precision_prior is not None:
            shape, rate = self.precision_prior
            log_precision = -self.log_variance
            penalty = penalty - ((shape - 1) * log_precision - rate * log_precision.exp()).sum()
        return penalty

    def responsibilities(self, weights: Tensor) -> Tensor:
        """Say which component has brought forth a weight.

        Args:
            weights: (...) any shape.

        Returns:
            (..., J) shares that sum to 1; the component at 0 first, where there is one.
        """
        return torch.softmax(self._log_joint(weights.flatten()), dim=1).unflatten(0, weights.shape)

    @torch.no_grad()
    def quantize_(self, model: nn.Module) -> CompressedSize:
        """Set each weight to the mean of its most responsible component.

        Args:
            model: its weights are changed in place.

        Returns:
            What they take now.
        """
        means, _, _ = self._mixture()
        for weight in self._parameters_of(model):
            chosen = self._log_joint(weight.flatten()).argmax(dim=1)
            weight.copy_(means[chosen].reshape(weight.shape))
        return self.compressed_size(model)

    @torch.no_grad()
    def compressed_size(self, model: nn.Module) -> CompressedSize:
        """Count the distinct weights and what they would take.

        Args:
            model: after `quantize_`; before it nearly every weight is a value of its own.

        Returns:
            Counts and bits.
        """
        weights = self._weights(model)
        values, counts = weights.unique(return_counts=True)
        share = counts.double() / len(weights)
        bits = float(-(counts * share.log2()).sum()) + 32 * len(values)
        return CompressedSize(
            num_weights=len(weights),
            num_values=len(values),
            share_of_zeros=float((weights == 0).double().mean()),
            bits=bits,
            ratio=32 * len(weights) / bits,
        )

    def _parameters_of(self, model: nn.Module) -> list[nn.Parameter]:
        found = decayed_parameters(model, skip_embeddings=self.skip_embeddings, skip=self.skip)
        return list(found.values())

    def _weights(self, model: nn.Module) -> Tensor:
        return torch.cat([weight.flatten() for weight in self._parameters_of(model)])

    def _mixture(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means, log variances and log shares of all components, the one at 0 first."""
        log_shares = torch.log_softmax(self.logits, dim=0)
        if self.zero_share is None:
            return self.mean, self.log_variance, log_shares
        zero = self.mean.new_zeros(1)
        log_shares = torch.cat([zero + math.log(self.zero_share), log_shares + math.log1p(-self.zero_share)])
        return torch.cat([zero, self.mean]), self.log_variance, log_shares

    def _log_joint(self, weights: Tensor) -> Tensor:
        """(N, J) log of share times density."""
        means, log_variances, log_shares = self._mixture()
        squares = (weights[:, None] - means).square() * torch.exp(-log_variances)
        return log_shares - (squares + log_variances + math.log(2 * math.pi)) / 2

    def extra_repr(self) -> str:
        """Show what the mixture was made with.

        Returns:
            The words between the brackets.
        """
        return f"num_components={len(self.mean)}, zero_share={self.zero_share}"
