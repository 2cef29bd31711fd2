"""Who takes the steps, and what is done to the gradients before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from vademecum import optim

from ._grammar import Kind, Part, positive
from ._heads import head_of

__all__ = ["CLIP", "OPTIMIZER", "RATES", "Rates"]

Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class Rates:
    """Where an optimizer's learning rate is looked for.

    Attributes:
        low: first rate of the range test.
        usual: where the range test sees nothing.
        high: last rate of the range test.
    """

    low: float
    usual: float
    high: float


_ADAPTIVE, _PLAIN = Rates(1e-4, 1e-3, 0.1), Rates(1e-3, 0.03, 1.0)
RATES = {
    "adagrad": Rates(1e-3, 1e-2, 1.0),
    "adam": _ADAPTIVE,
    "adamw": _ADAPTIVE,
    "averaged_sgd": _PLAIN,
    "nesterov": _PLAIN,
    "path_sgd": _PLAIN,
    "rmsprop": _ADAPTIVE,
    "sgd": _PLAIN,
    "uncorrected_adam": _ADAPTIVE,
}
"""By the name of the optimizer."""


def _fused(groups: Groups) -> bool:
    """One kernel for all parameters instead of several operations for each; CPU and CUDA have it."""
    return all(
        p.device.type in {"cpu", "cuda"} and p.is_floating_point()
        for group in groups
        for p in group["params"]
    )


def _sgd(model: nn.Module, groups: Groups, rate: float, momentum: float, /) -> Optimizer:
    return optim.SGD(groups, lr=rate, momentum=momentum, fused=_fused(groups))


def _nesterov(model: nn.Module, groups: Groups, rate: float, momentum: float, /) -> Optimizer:
    return optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=_fused(groups))


def _adagrad(
    model: nn.Module, groups: Groups, rate: float, momentum: float, /, eps: float = 1e-10
) -> Optimizer:
    return optim.Adagrad(groups, lr=rate, eps=eps)


def _rmsprop(
    model: nn.Module, groups: Groups, rate: float, momentum: float, /, alpha: float = 0.99, eps: float = 1e-8
) -> Optimizer:
    return optim.RMSprop(groups, lr=rate, alpha=alpha, eps=eps)


def _adam(
    model: nn.Module, groups: Groups, rate: float, momentum: float, /, beta2: float = 0.999, eps: float = 1e-8
) -> Optimizer:
    return optim.Adam(groups, lr=rate, betas=(momentum, beta2), eps=eps, fused=_fused(groups))


def _adamw(
    model: nn.Module, groups: Groups, rate: float, momentum: float, /, beta2: float = 0.999, eps: float = 1e-8
) -> Optimizer:
    return optim.AdamW(groups, lr=rate, betas=(momentum, beta2), eps=eps, fused=_fused(groups))


def _uncorrected_adam(
    model: nn.Module, groups: Groups, rate: float, momentum: float, /, beta2: float = 0.999, eps: float = 1e-8
) -> Optimizer:
    return optim.UncorrectedAdam(groups, lr=rate, betas=(momentum, beta2), eps=eps)


def _averaged_sgd(model: nn.Module, groups: Groups, rate: float, momentum: float, /, n: int = 5) -> Optimizer:
    return optim.NTASGD(groups, lr=rate, n=n, fused=_fused(groups))


def _path_sgd(model: nn.Module, groups: Groups, rate: float, momentum: float, /, p: float = 2.0) -> Optimizer:
    return optim.PathSGD(getattr(model, "net", model), lr=rate, p=p)


def _example() -> tuple[nn.Module, Groups, float, float]:
    model = nn.Linear(2, 2)
    return model, [{"params": list(model.parameters())}], 0.1, 0.9


OPTIMIZER = Kind(
    "optimizer",
    (
        Part("adagrad", "adagrad", _adagrad),
        Part("adam", "adam", _adam),
        Part("adamw", "adam", _adamw, "Adam with decay that is decoupled from the gradient."),
        Part("averaged_sgd", "averaged_sgd", _averaged_sgd),
        Part("nesterov", "nesterov", _nesterov),
        Part("path_sgd", "path_sgd", _path_sgd),
        Part("rmsprop", "rmsprop", _rmsprop),
        Part("sgd", "momentum", _sgd, "Gradient descent with the recipe's momentum; momentum=0 is plain."),
        Part(
            "uncorrected_adam", "adam", _uncorrected_adam, "Adam without its correction for the first steps."
        ),
    ),
    example=_example,
    aliases={"momentum": "sgd", "nt_asgd": "averaged_sgd"},
    required=True,
)

Clip = Callable[[nn.Module, Sequence[Tensor]], object]


def _norm(max_norm: float = 1.0) -> Clip:
    positive(max_norm=max_norm)
    return lambda model, parameters: optim.clip_grad_norm_(parameters, max_norm)


def _value(clip_value: float = 0.1) -> Clip:
    positive(clip_value=clip_value)
    return lambda model, parameters: optim.clip_grad_value_(parameters, clip_value)


def _unit(per_layer: bool = False) -> Clip:
    return lambda model, parameters: optim.normalize_gradients_(parameters, per_layer=per_layer)


def _adaptive(clipping: float = 0.01, eps: float = 1e-3) -> Clip:
    positive(clipping=clipping, eps=eps)

    def clip(model: nn.Module, parameters: Sequence[Tensor]) -> None:
        head = head_of(model)  # the paper leaves the last layer alone
        spared = [] if head is None else list(head.parameters())
        optim.adaptive_clip_gradients_(parameters, clipping=clipping, eps=eps, exclude=spared)

    return clip


CLIP = Kind(
    "clip",
    (
        Part("adaptive", "adaptive_clipping", _adaptive),
        Part("norm", "gradient_clipping", _norm, "Shorten the gradient to a norm where it is longer."),
        Part("unit", "gradient_clipping", _unit, "Give the gradient the norm 1, of each layer by itself if asked to."),
        Part("value", "gradient_clipping", _value, "Cut each entry of the gradient off."),
    ),
)  # fmt: skip
