"""What is minimized."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn import functional as F

from vademecum import losses

from ._grammar import Kind, Part, positive

__all__ = ["LOSS", "Loss"]


@dataclass(frozen=True)
class Loss:
    """A loss of a run.

    Attributes:
        value: (output, y) -> () mean over the batch: what is validated, and trained unless `train` says otherwise.
        train: (model, x, y) -> () where the loss needs more than the output.
        learned: what it learns itself.
        task: "classification" or "regression".
    """

    value: Callable[[Tensor, Tensor], Tensor]
    train: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None
    learned: nn.Module = field(default_factory=nn.Module)
    task: str = "classification"


def _cross_entropy(label_smoothing: float, variance: float, /) -> Loss:
    return Loss(lambda output, y: F.cross_entropy(output, y, label_smoothing=label_smoothing))


def _hinge(
    label_smoothing: float, variance: float, /, kind: str = "weston_watkins", margin: float = 1.0, p: int = 1
) -> Loss:
    hinge = losses.MulticlassHingeLoss(margin=margin, p=p, kind=kind)
    return Loss(hinge)


def _large_margin(
    label_smoothing: float,
    variance: float,
    /,
    margin: float = 1.0,
    cross_entropy: float = 1.0,
    layer: str = "preprocess",
) -> Loss:
    """Margins at the inputs of the net, with the cross-entropy beside them, which alone is validated."""
    apart = losses.LargeMarginLoss(margin=margin, layers=(layer,))
    usual = _cross_entropy(label_smoothing, variance).value

    def train(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return apart(model, x, y) + cross_entropy * usual(model(x), y)

    return Loss(usual, train=train)


def _squared(label_smoothing: float, variance: float, /) -> Loss:
    return Loss(lambda output, y: F.mse_loss(output, y) / variance, task="regression")


def _gaussian(label_smoothing: float, variance: float, /, precision: float = 1.0) -> Loss:
    """In units of the target's deviation, so that a precision of 1 is the noise of always saying the mean."""
    positive(precision=precision)
    likelihood = losses.GaussianPrecisionLoss(precision=precision)
    scale = variance**0.5
    return Loss(
        lambda output, y: likelihood(output / scale, y / scale), learned=likelihood, task="regression"
    )


LOSS = Kind(
    "loss",
    (
        Part("cross_entropy", "softmax_cross_entropy", _cross_entropy),
        Part("gaussian", "gaussian_likelihood", _gaussian),
        Part("hinge", "multiclass_hinge", _hinge),
        Part("large_margin", "large_margin", _large_margin),
        Part("squared", "gaussian_likelihood", _squared, "Squared error, in units of the target's variance."),
    ),
    example=lambda: (0.0, 1.0),
)
