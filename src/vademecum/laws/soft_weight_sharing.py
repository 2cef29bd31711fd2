"""Laws of soft weight sharing: the mixture and its four gradients in loops, and the quantizer."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.regularize.soft_weight_sharing import SoftWeightSharing

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import filled


def setting(build: Build, draw: Draw, **changed: Any) -> tuple[Any, nn.Module]:
    """A prior with drawn components, and a layer with drawn weights."""
    layer = filled(draw, nn.Linear(draw.shape[1], draw.shape[0]))
    prior = build(draw, model=layer, **changed).object
    with torch.no_grad():
        for name in ("mean", "log_variance", "logits"):
            parameter = getattr(prior, name)
            parameter.copy_(0.7 * draw.normal(*parameter.shape, name=name))
    return prior, layer


def components(prior: Any) -> tuple[list[float], list[float], list[float]]:
    """Means, variances and shares as numbers, the one at 0 first."""
    exponentials = [math.exp(logit) for logit in prior.logits.tolist()]
    shares = [e / sum(exponentials) for e in exponentials]
    means, variances = prior.mean.tolist(), [math.exp(v) for v in prior.log_variance.tolist()]
    if prior.zero_share is not None:
        means, shares = (
            [0.0, *means],
            [prior.zero_share, *((1 - prior.zero_share) * share for share in shares)],
        )
    return means, variances, shares


def joint(w: float, prior: Any) -> list[float]:
    """Share times density, component by component."""
    return [
        share * math.exp(-((w - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
        for mean, variance, share in zip(*components(prior), strict=True)
    ]


def responsibilities(w: float, prior: Any) -> list[float]:
    parts = joint(w, prior)
    return [part / sum(parts) for part in parts]


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw)
    want = -sum(math.log(sum(joint(w, prior))) for w in layer.weight.flatten().tolist())
    yield prior(layer), torch.tensor(want, dtype=draw.dtype)


def four_gradients(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw)
    at = [layer.weight, prior.mean, prior.log_variance, prior.logits]
    got = torch.autograd.grad(prior(layer), at)
    means, variances, shares = components(prior)
    skip = len(means) - len(prior.mean)  # the component at 0 learns its width alone
    d_weight, d_mean = [], [0.0] * len(means)
    d_log_variance, d_logit = [0.0] * len(means), [0.0] * len(means)
    for w in layer.weight.flatten().tolist():
        gammas = responsibilities(w, prior)
        learned = sum(gammas[skip:])
        d_weight.append(sum(g * (w - m) / v for g, m, v in zip(gammas, means, variances, strict=True)))
        for j, (g, m, v) in enumerate(zip(gammas, means, variances, strict=True)):
            d_mean[j] += g * (m - w) / v
            d_log_variance[j] += 0.5 * g * (1 - (w - m) ** 2 / v)
            d_logit[j] += shares[j] / sum(shares[skip:]) * learned - g
    wants = (
        torch.tensor(d_weight, dtype=torch.float64).view_as(layer.weight),
        d_mean[skip:],
        d_log_variance,
        d_logit[skip:],
    )
    yield from ((g, torch.as_tensor(want, dtype=torch.float64)) for g, want in zip(got, wants, strict=True))


def one_at_zero_is_weight_decay(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw, num_components=1, zero_share=None)
    nn.init.zeros_(prior.mean)
    (got,) = torch.autograd.grad(prior(layer), layer.weight)
    yield got, layer.weight / prior.log_variance.exp()


def components_may_change_places(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw, num_components=3, zero_share=None)
    before = prior(layer)
    with torch.no_grad():
        for parameter in (prior.mean, prior.log_variance, prior.logits):
            parameter.copy_(parameter[[2, 0, 1]])
    yield prior(layer), before


def shares_of_responsibility(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw)
    want = [[responsibilities(w, prior) for w in row] for row in layer.weight.tolist()]
    yield prior.responsibilities(layer.weight), torch.tensor(want, dtype=torch.float64)


def far_weights_stay_finite(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw, num_components=1, zero_share=None)
    nn.init.constant_(layer.weight, 1e3)
    nn.init.zeros_(prior.log_variance)
    nn.init.zeros_(prior.mean)
    want = layer.weight.numel() * (1e6 / 2 + math.log(2 * math.pi) / 2)
    yield prior(layer) / want, torch.ones((), dtype=draw.dtype)


def gamma_prior(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw)
    with_prior, _ = setting(build, draw, precision_prior=(3.0, 0.5))
    with_prior.load_state_dict(prior.state_dict())
    log_density = [2.0 * -v - 0.5 * math.exp(-v) for v in prior.log_variance.tolist()]
    yield with_prior(layer) - prior(layer), torch.tensor(-sum(log_density), dtype=draw.dtype)


def quantized_to_the_most_responsible(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, layer = setting(build, draw)
    means, _, _ = components(prior)
    want = []
    for w in layer.weight.flatten().tolist():
        gammas = responsibilities(w, prior)
        want.append(means[gammas.index(max(gammas))])
    bias = layer.bias.detach().clone()
    prior.quantize_(layer)
    yield layer.weight.flatten(), torch.tensor(want, dtype=torch.float64)
    yield layer.bias, bias


def size_by_counting(build: Build, draw: Draw) -> Iterator[Pair]:
    prior, _ = setting(build, draw)
    layer = nn.Linear(4, 2).to(draw.dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 2.0, 3.0]]))
    size = prior.compressed_size(layer)
    bits = 4 * 1 + 2 * 2 + 2 * 3 + 4 * 32  # -log2 of a half, a fourth and two eighths; four values
    got = [size.num_weights, size.num_values, size.share_of_zeros, size.bits, size.ratio]
    yield torch.tensor(got), torch.tensor([8.0, 4.0, 0.5, bits, 8 * 32 / bits])


class Variant(SoftWeightSharing):
    """One thing wrong."""

    def weights(self, model: nn.Module) -> Tensor:
        return model.weight.flatten()


class Densities(Variant):
    def forward(self, model: nn.Module) -> Tensor:
        return -torch.log(self._log_joint(self.weights(model)).exp().sum(1)).sum()


class Mean(Variant):
    def forward(self, model: nn.Module) -> Tensor:
        return super().forward(model) / self.weights(model).numel()


class ForgetsWidths(Variant):
    def forward(self, model: nn.Module) -> Tensor:
        log_joint = self._log_joint(self.weights(model)) + self.log_variance / 2
        return -torch.logsumexp(log_joint, 1).sum()


class Hardest(Variant):
    def forward(self, model: nn.Module) -> Tensor:
        return -self._log_joint(self.weights(model)).amax(1).sum()


class FixedMixture(Variant):
    def _mixture(self) -> tuple[Tensor, Tensor, Tensor]:
        means, log_variances, log_shares = (part.detach() + 0 * part for part in super()._mixture())
        return means, log_variances, log_shares


class FirstCounts(Variant):
    def forward(self, model: nn.Module) -> Tensor:
        return super().forward(model) + 0.1 * self.mean[0]


class DensitiesAsShares(Variant):
    def responsibilities(self, weights: Tensor) -> Tensor:
        return self._log_joint(weights.flatten()).exp().unflatten(0, weights.shape)


class IgnoresPrior(Variant):
    def __init__(self, model: nn.Module, *, precision_prior: Any = None, **keywords: Any) -> None:
        super().__init__(model, **keywords)


class PriorOnVariances(Variant):
    def forward(self, model: nn.Module) -> Tensor:
        if self.precision_prior is None:
            return super().forward(model)
        shape, rate = self.precision_prior
        kept, self.precision_prior = self.precision_prior, None
        penalty = (
            super().forward(model) - ((shape - 1) * self.log_variance - rate * self.log_variance.exp()).sum()
        )
        self.precision_prior = kept
        return penalty


class NearestMean(Variant):
    def quantize_(self, model: nn.Module) -> Any:
        means, _, _ = self._mixture()
        with torch.no_grad():
            model.weight.copy_(means[(model.weight[..., None] - means).abs().argmin(-1)])


class BlendsMeans(Variant):
    def quantize_(self, model: nn.Module) -> Any:
        means, _, _ = self._mixture()
        with torch.no_grad():
            model.weight.copy_(self.responsibilities(model.weight) @ means)


class CountsBiases(Variant):
    def compressed_size(self, model: nn.Module) -> Any:
        size = super().compressed_size(model)
        return type(size)(
            size.num_weights + model.bias.numel(), size.num_values, size.share_of_zeros, size.bits, size.ratio
        )


SUITES = (
    Suite(
        technique="soft_weight_sharing",
        part="SoftWeightSharing",
        subjects={"SoftWeightSharing": SoftWeightSharing},
        interface=Interface(kind="function", arguments=("num_components", "zero_share"), inputs=("model",)),
        cases=({"num_components": 2, "zero_share": None}, {"num_components": 3, "zero_share": 0.6}),
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("definition", r"$$ \Omega = -\sum_i \ln \sum_j \pi_j \mathcal{N}(w_i \mid \mu_j, \sigma_j^2) $$", definition),
            Law("four_gradients", r"$$ \frac{\partial \Omega}{\partial w_i} = \sum_j \gamma_j \frac{w_i - \mu_j}{\sigma_j^2}, \quad \frac{\partial \Omega}{\partial \mu_j} = \sum_i \gamma_j \frac{\mu_j - w_i}{\sigma_j^2}, \quad \frac{\partial \Omega}{\partial \ln \sigma_j^2} = \sum_i \frac{\gamma_j}{2} \Big(1 - \frac{(w_i - \mu_j)^2}{\sigma_j^2}\Big), \quad \frac{\partial \Omega}{\partial \eta_j} = \sum_i (\pi_j - \gamma_j) $$", four_gradients),
            Law("one_at_zero_is_weight_decay", r"$$ J = 1, \mu = 0: \; \partial \Omega / \partial w = w / \sigma^2 $$", one_at_zero_is_weight_decay),
            Law("components_may_change_places", "The order of the components does not matter.", components_may_change_places),
            Law("shares_of_responsibility", r"$$ \gamma_j = \pi_j \mathcal{N}_j / \sum_k \pi_k \mathcal{N}_k $$", shares_of_responsibility),
            Law("far_weights_stay_finite", "A weight a thousand deviations away has a finite penalty.", far_weights_stay_finite),
            Law("gamma_prior", r"$$ -\sum_j \left[(a - 1) \ln \sigma_j^{-2} - b\, \sigma_j^{-2}\right] $$", gamma_prior),
            Law("quantized_to_the_most_responsible", "Each weight becomes the mean of its most responsible component; biases stay.", quantized_to_the_most_responsible),
            Law("size_by_counting", "Entropy times weights, and 32 bits for each value.", size_by_counting),
        ),
        twins=(
            Twin("densities", Densities, "your densities underflow far from every component; add in logarithms."),
            Twin("mean", Mean, "your penalty is a mean over weights; it is a sum."),
            Twin("forgets_widths", ForgetsWidths, "your Gaussians lack the factor 1/sigma, so that widths grow for nothing."),
            Twin("hardest", Hardest, "your weights belong to one component each; all of them pull."),
            Twin("fixed_mixture", FixedMixture, "your mixture is not learned."),
            Twin("first_counts", FirstCounts, "your first component is not as the others."),
            Twin("densities_as_shares", DensitiesAsShares, "your responsibilities do not add up to 1."),
            Twin("ignores_prior", IgnoresPrior, "your prior on the precisions is ignored."),
            Twin("prior_on_variances", PriorOnVariances, "your Gamma prior is on variances; it is on precisions."),
            Twin("nearest_mean", NearestMean, "you quantize to the nearest mean; a wide, common component reaches further."),
            Twin("blends_means", BlendsMeans, "you quantize to a blend of means, which shares nothing."),
            Twin("counts_biases", CountsBiases, "you count what is not quantized."),
        ),
    ),
)  # fmt: skip
