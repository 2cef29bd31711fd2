"""What is added to the loss, or done to the weights after a step. Weights of penalties stand beside a mean loss."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vademecum import regularize

from ._grammar import Kind, Part, positive
from ._heads import head_of

__all__ = ["REGULARIZE", "Regularizer"]


@dataclass(frozen=True)
class Regularizer:
    """One regularizer of a run.

    Attributes:
        penalty: (model, x, output) -> () to be added to the loss.
        project: (model, rate) -> None, after each step at this rate.
        learned: what it learns itself.
        handles: of what was hung into the model.
    """

    penalty: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None
    project: Callable[[nn.Module, float], None] | None = None
    learned: nn.Module = field(default_factory=nn.Module)
    handles: tuple[RemovableHandle, ...] = ()


def _of_weights(measure: Callable[[nn.Module], Tensor], weight: float) -> Regularizer:
    positive(weight=weight)
    return Regularizer(lambda model, x, output: weight * measure(model))


def _l1(model: nn.Module, /, weight: float = 1e-5) -> Regularizer:
    return _of_weights(regularize.l1_penalty, weight)


def _l2(model: nn.Module, /, weight: float = 1e-4) -> Regularizer:
    return _of_weights(regularize.l2_penalty, weight)


def _elastic(model: nn.Module, /, weight: float = 1e-5, l1_ratio: float = 0.5) -> Regularizer:
    return _of_weights(lambda model: regularize.elastic_penalty(model, l1_ratio=l1_ratio), weight)


def _prox_l1(model: nn.Module, /, weight: float = 1e-4) -> Regularizer:
    positive(weight=weight)
    return Regularizer(project=lambda model, rate: regularize.prox_l1_(model, rate * weight))


def _max_norm(model: nn.Module, /, c: float = 3.0) -> Regularizer:
    positive(c=c)
    return Regularizer(project=lambda model, rate: regularize.project_max_norm_(model, c))


def _orthogonality(model: nn.Module, /, weight: float = 1e-4, double: bool = False) -> Regularizer:
    return _of_weights(lambda model: regularize.orthogonality_penalty(model, double=double), weight)


def _spectral_isometry(model: nn.Module, /, weight: float = 1e-2) -> Regularizer:
    return _of_weights(regularize.spectral_isometry_penalty, weight)


def _jacobian(model: nn.Module, /, weight: float = 1e-3) -> Regularizer:
    positive(weight=weight)
    return Regularizer(lambda model, x, output: weight * regularize.jacobian_penalty(*_at_net(model, x)))


def _tangent(model: nn.Module, /, weight: float = 1e-3) -> Regularizer:
    positive(weight=weight)

    def penalty(model: nn.Module, x: Tensor, output: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError(
                f"tangent propagation moves images: an example has {tuple(x.shape[1:])}; take regularize=jacobian."
            )
        net, inputs = _at_net(model, x)
        return weight * regularize.tangent_penalty(net, inputs, regularize.image_tangents(inputs))

    return Regularizer(penalty)


def _path_norm(model: nn.Module, /, weight: float = 1e-4) -> Regularizer:
    positive(weight=weight)
    return Regularizer(lambda model, x, output: weight * regularize.path_norm(*_at_net(model, x[:1])))


def _soft_weight_sharing(
    model: nn.Module, /, weight: float = 1e-4, num_components: int = 16, zero_share: float = 0.99
) -> Regularizer:
    positive(weight=weight)
    prior = regularize.SoftWeightSharing(model, num_components=num_components, zero_share=zero_share)
    return Regularizer(lambda model, x, output: weight * prior(model), learned=prior)


def _activation(model: nn.Module, /, alpha: float = 1e-3) -> Regularizer:
    """Penalize what the last layer is given, which is what dropout has left of the last hidden layer."""
    positive(alpha=alpha)
    head = head_of(model)
    if head is None:
        raise ValueError("an activation penalty needs a linear layer at the end: the model has none.")
    given: list[Tensor] = []
    handle = head.register_forward_pre_hook(
        lambda layer, inputs: given.append(inputs[0]) if layer.training else None
    )

    def penalty(model: nn.Module, x: Tensor, output: Tensor) -> Tensor:
        hidden = given[-1]
        given.clear()
        return regularize.activation_penalty(hidden, alpha)

    return Regularizer(penalty, handles=(handle,))


def _at_net(model: nn.Module, x: Tensor) -> tuple[nn.Module, Tensor]:
    """The trained part of the model, and what it is given: preprocessing is no business of a regularizer."""
    with torch.no_grad():
        return model.get_submodule("net"), model.get_submodule("preprocess")(x)


def _example() -> tuple[nn.Module]:
    return (nn.Sequential(nn.Linear(2, 2)),)


REGULARIZE = Kind(
    "regularize",
    (
        Part("activation", "activation_penalty", _activation),
        Part("elastic", "elastic_penalty", _elastic),
        Part("jacobian", "jacobian_penalty", _jacobian),
        Part("l1", "l1_penalty", _l1),
        Part("l2", "weight_decay", _l2),
        Part("max_norm", "max_norm", _max_norm),
        Part("orthogonality", "orthogonality", _orthogonality),
        Part("path_norm", "path_norm", _path_norm),
        Part("prox_l1", "l1_penalty", _prox_l1, "L1 by its proximal step, which gives weights of exactly 0."),
        Part("soft_weight_sharing", "soft_weight_sharing", _soft_weight_sharing),
        Part(
            "spectral_isometry", "orthogonality", _spectral_isometry, "Keep each layer from changing lengths."
        ),
        Part("tangent", "tangent_propagation", _tangent),
    ),
    several=True,
    example=_example,
)
