r"""Monte-Carlo dropout: predict with dropout on, many times, and take mean and spread.

Use it where a net with dropout should say how sure it is. The spread over the masks stands for the spread over nets
that the data allow. It splits the uncertainty of a class in two: what stays in each net, and that the nets disagree.

$$ \bar p = \frac{1}{S} \sum_s p_s, \qquad H[\bar p] = \frac{1}{S} \sum_s H[p_s] + I, \qquad
H[p] = -\sum_k p_k \log p_k $$

The predictive entropy on the left is the mean entropy, which is doubt of the data, and I, which is doubt of the model.
I, the mutual information of class and mask, is zero where all nets agree, however unsure each is.

Also called: MC dropout, test-time dropout, BALD score (for the mutual information).
Departures: the paper's predictive variance of a regression adds the noise of the data, 1 / tau; `std` is the spread
    of the nets alone.
Pitfalls: only dropout may be switched on, not batch normalization with it. `F.dropout` without `training=` in a model
    cannot be switched, `F.dropout(x, training=self.training)` only with the module that calls it. Averaging
    probabilities and averaging logits are two ensembles: the second is a geometric mean.
    The spread is that of the masks: where p is not tuned or learned, its scale means little.
Claim: on the digits one pass with dropout errs more than the mean of many; weight scaling is as good as that mean; and
    the entropy of wrong answers is more than twice that of right ones.
Peer: Baal and TorchUncertainty have it (not run); this one needs no change of the model.

References:
    gal2016dropout: section 4 for the moments.
    gal2016uncertainty: section 3.3 for entropy and mutual information.
    srivastava2014dropout: section 7.5 for weight scaling against averaging.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.modes import evaluating
from vademecum._torch.streams import same_streams

from .concrete_dropout import ConcreteDropout
from .dropout import PlainDropout
from .embedding_dropout import EmbeddingDropout
from .gaussian_dropout import GaussianDropout
from .locked_dropout import LockedDropout
from .targeted_dropout import TargetedDropout
from .weight_drop import WeightDrop

__all__ = ["MonteCarloPrediction", "mc_dropout"]

_DROPOUTS = (
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout,
    PlainDropout, GaussianDropout, ConcreteDropout, LockedDropout, EmbeddingDropout, WeightDrop,
    TargetedDropout,
)  # fmt: skip
_REDUCTIONS = ("probs", "logits", "outputs")


@dataclass(frozen=True)
class MonteCarloPrediction:
    """What the passes say together.

    Attributes:
        mean: (B, K) class probabilities; for "outputs" the mean output, in its shape.
        std: standard deviation over the passes (of the S passes themselves, not an estimate for more) of the class
            probabilities, or of the outputs; in the shape of mean.
        entropy: (B,) of the mean, in nats; None for "outputs".
        mutual_information: (B,) entropy of the mean probabilities minus mean entropy, in nats; None for "outputs".

    Example:
        >>> model = nn.Sequential(nn.Dropout(1.0), nn.Linear(2, 2))  # all is dropped: two passes do not differ
        >>> mc_dropout(model, torch.ones(3, 2), samples=2).std.max().item()
        0.0
    """

    mean: Tensor
    std: Tensor
    entropy: Tensor | None
    mutual_information: Tensor | None


@torch.no_grad()
def mc_dropout(
    model: nn.Module,
    *inputs: Any,
    samples: int,
    reduce: str = "probs",
    generator: torch.Generator | None = None,
) -> MonteCarloPrediction:
    """Predict with dropout on.

    Everything is in evaluation mode, but for the dropout: torch's modules, this family's, and the dropout inside
    torch's recurrent, attention and transformer layers. Every part has its own mode back afterwards.

    Args:
        model: a classifier that returns (B, K, ...) logits; any output of floating-point numbers for "outputs".
        *inputs: the model's.
        samples: S, passes through the model.
        reduce: "probs" averages class probabilities; "logits" averages logits, which gives the renormalized
            geometric mean of the probabilities; "outputs" averages outputs as they are, for regression.
        generator: seeds the masks, and leaves torch's own streams as they were; torch's own where it is None.

    Returns:
        Mean and spread.

    Raises:
        ValueError: samples is below 1, reduce is unknown, the model has no dropout that is switched by its mode, or
            its output has no dimension of classes.
        TypeError: the model returns no tensor of floating-point numbers.

    Example:
        >>> model = nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 2, bias=False)).eval()
        >>> _ = nn.init.zeros_(model[1].weight)  # every net says 1/2, so they agree
        >>> said = mc_dropout(model, torch.ones(1, 1), samples=10)
        >>> said.mean, said.entropy, said.mutual_information  # log 2 nats
        (tensor([[0.5000, 0.5000]]), tensor([0.6931]), tensor([0.]))
    """
    if samples < 1:
        raise ValueError(
            f"there must be a pass: samples={samples}; take at least 1, and some tens for a spread."
        )
    if reduce not in _REDUCTIONS:
        raise ValueError(
            f"reduce must be one of {', '.join(_REDUCTIONS)}: it is {reduce!r}; take one of these."
        )
    with same_streams() if generator is not None else nullcontext(), _dropping(model):
        if generator is not None:
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator, device=generator.device)))
        outputs = [model(*inputs) for _ in range(samples)]
    if not isinstance(outputs[0], Tensor) or not outputs[0].is_floating_point():
        kind = outputs[0].dtype if isinstance(outputs[0], Tensor) else type(outputs[0]).__name__
        raise TypeError(
            f"the model must return a tensor of floating-point numbers: it returns {kind}; wrap it so that it does."
        )
    passes = torch.stack(outputs)  # (S, B, K, ...)
    if reduce != "outputs" and passes.dim() < 3:
        raise ValueError(
            f"a classifier must return (B, K, ...) logits: it returns {tuple(passes.shape[1:])}; "
            'for regression take reduce="outputs".'
        )
    if reduce == "outputs":
        return MonteCarloPrediction(passes.mean(0), _deviation(passes), None, None)
    logs = passes.log_softmax(2)
    probs = logs.exp()
    average = probs.mean(0)
    mean = average if reduce == "probs" else passes.mean(0).softmax(1)
    disagreement = _entropy(average) - _entropy(probs, dim=2).mean(0)  # below 0 by rounding alone
    return MonteCarloPrediction(mean, _deviation(probs), _entropy(mean), disagreement.clamp(min=0))


def _deviation(passes: Tensor) -> Tensor:
    return (passes - passes.mean(0)).square().mean(0).sqrt()  # std() warns where the batch is empty


def _entropy(probs: Tensor, dim: int = 1) -> Tensor:
    return torch.special.entr(probs).sum(dim)


@contextmanager
def _dropping(model: nn.Module) -> Iterator[None]:
    """Switch dropout on, and nothing else."""
    switched = [part for part in model.modules() if _drops(part)]
    if not switched:
        raise ValueError(
            f"the model must hold dropout that its mode switches: {type(model).__name__} holds none; "
            "use torch.nn.Dropout in place of a function."
        )
    with evaluating(model):
        for part in switched:
            part.training = True  # not train(), which would reach the parts inside
        yield


def _drops(part: nn.Module) -> bool:
    if isinstance(part, nn.RNNBase | nn.MultiheadAttention):
        return part.dropout > 0
    # A transformer layer in evaluation takes a path that knows no dropout.
    return isinstance(part, (*_DROPOUTS, nn.TransformerEncoderLayer))
