"""Where a net drops, and what."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from vademecum.nn import dropout

from ._grammar import Kind, Part, share

__all__ = ["DROPOUT", "Dropping", "dropping"]


@dataclass(frozen=True)
class Dropping:
    """What dropout adds to a net.

    Attributes:
        units: from the width of a hidden layer to what stands behind its activation.
        maps: from the channels of a stage of convolutions to what stands behind it.
        layer: from a hidden layer to the layer that takes its place.
        ramp: (model, share of the steps that are done) -> None, before each step.
    """

    units: Callable[[int], nn.Module] | None = None
    maps: Callable[[int], nn.Module] | None = None
    layer: Callable[[nn.Module], nn.Module] | None = None
    ramp: Callable[[nn.Module, float], None] | None = None


def dropping(chosen: float | str, num_examples: int) -> Dropping:
    """Read what a recipe says of dropout.

    Args:
        chosen: a probability, or a part with its arguments.
        num_examples: N, of the training part.

    Returns:
        What is added to the net.
    """
    if isinstance(chosen, float):
        return _inverted(num_examples, chosen) if chosen else Dropping()
    parts = DROPOUT.read(chosen)
    return parts[0].make(num_examples) if parts else Dropping()


def _inverted(num_examples: int, /, p: float = 0.5) -> Dropping:
    nn.Dropout(p)
    return Dropping(units=lambda width: nn.Dropout(p))


def _plain(num_examples: int, /, p: float = 0.5) -> Dropping:
    dropout.PlainDropout(p)
    return Dropping(units=lambda width: dropout.PlainDropout(p))


def _gaussian(num_examples: int, /, p: float = 0.5) -> Dropping:
    dropout.GaussianDropout(p)
    return Dropping(units=lambda width: dropout.GaussianDropout(p))


def _spatial(num_examples: int, /, p: float = 0.1) -> Dropping:
    nn.Dropout2d(p)
    return Dropping(maps=lambda channels: nn.Dropout2d(p))


def _concrete(num_examples: int, /, p: float = 0.1, temperature: float = 0.1) -> Dropping:
    dropout.ConcreteDropout(1, p=p, temperature=temperature)
    # The weights' share of the penalty is left to weight decay; a mean loss in nats wants 1/N for the entropy's.
    _, entropy = dropout.concrete_regularizers(num_examples)
    return Dropping(
        units=lambda width: dropout.ConcreteDropout(
            width, p=p, temperature=temperature, dropout_regularizer=entropy
        )
    )


def _targeted(
    num_examples: int, /, gamma: float = 0.5, alpha: float = 0.5, kind: str = "weight", ramp: float = 0.5
) -> Dropping:
    dropout.TargetedDropout(gamma, alpha, kind=kind)
    share(ramp=ramp)

    def rise(model: nn.Module, done: float) -> None:
        now = min(1.0, done / ramp)
        dropout.set_targeted_dropout_(model, gamma, alpha * now)

    return Dropping(
        layer=lambda layer: dropout.targeted_dropout(layer, gamma=gamma, alpha=0.0, kind=kind), ramp=rise
    )


def _weight_drop(num_examples: int, /, p: float = 0.5) -> Dropping:
    dropout.WeightDrop(nn.Linear(1, 1), ["weight"], p=p)
    return Dropping(layer=lambda layer: dropout.WeightDrop(layer, ["weight"], p=p))


DROPOUT = Kind(
    "dropout",
    (
        Part("concrete", "concrete_dropout", _concrete),
        Part("gaussian", "gaussian_dropout", _gaussian),
        Part("inverted", "dropout", _inverted, "Dropout as torch has it; what a bare number means."),
        Part("plain", "dropout", _plain, "Dropout as its paper has it: nothing is scaled until the test."),
        Part("spatial", "spatial_dropout", _spatial),
        Part("targeted", "targeted_dropout", _targeted),
        Part("weight", "weight_drop", _weight_drop),
    ),
    family="_dropout",
    example=lambda: (100,),
)
