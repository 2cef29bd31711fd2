r"""Lipschitz constant: how far a network can move its output when its input moves.

Use it to know what a critic or a robust classifier can do at worst. The exact constant of a network is out of reach;
these two figures enclose it. The bound from above multiplies the constants of the parts of a chain, and may be far
too large; the bound from below is the largest amplification seen at the examples.

$$ \sup_{x \neq y} \frac{\|f(x) - f(y)\|_2}{\|x - y\|_2} \leq \prod_l \mathrm{Lip}(f_l), \qquad
\max_n \sigma\big(J_f(x_n)\big) \leq \sup_{x \neq y} \frac{\|f(x) - f(y)\|_2}{\|x - y\|_2} $$

The constants: the largest singular value of a linear layer, at least that of a convolution on the given size (the
smaller of the kernel's bound and the exact norm of the circular convolution on a size that the kernel cannot wrap
around), the steepest slope of an activation, the largest gain over standard deviation of a batch normalization in
evaluation. Where the windows of a max-pooling overlap, one pixel may be the largest of m of them, and the constant
is the root of m.

Also called: product bound, global Lipschitz bound, local Lipschitz constant.
Departures: none.
Pitfalls: both are for evaluation mode and the Euclidean norm of a whole example. GELU's constant is 1.129, not 1.
    Layer and group normalization have no useful constant, and are refused. At the kink of a ReLU the lower figure
    takes torch's derivative. Power iteration comes from below, which keeps the lower figure a lower one.
Claim: none; that of spectral_norm shows the bound on a critic, that of convolution_norm where it is not 1.
Peer: none in torch.

References:
    miyato2018spectral: the product of the layers' norms, in section 2.
    sedghi2019singular: the norm of a convolution.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, erf, exp, gcd, pi, prod, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from vademecum._torch.modes import evaluating
from vademecum.nn.norm.convolution_norm import convolution_norm
from vademecum.nn.norm.mean_only_batch_norm import MeanOnlyBatchNorm1d, MeanOnlyBatchNorm2d

__all__ = ["LipschitzBound", "lipschitz_bound", "lipschitz_lower_bound"]


@dataclass(frozen=True)
class LipschitzBound:
    """A bound from above on a network's Lipschitz constant.

    Attributes:
        value: the product of the factors.
        factors: each part's constant, by its path.

    Example:
        >>> bound = lipschitz_bound(nn.Sequential(nn.Sigmoid(), nn.Sigmoid()), torch.zeros(1, 2))
        >>> bound.value  # one over 16
        0.0625
    """

    value: float
    factors: Mapping[str, float]


def lipschitz_bound(
    model: nn.Module, x: Tensor, *, constants: Mapping[str, float] | None = None
) -> LipschitzBound:
    """Bound a chain's Lipschitz constant from above by the product of its parts' constants.

    Args:
        model: `nn.Sequential`, nested as you like, of linear layers, convolutions, poolings, batch normalizations,
            activations, dropout; or one of these. It is looked at in evaluation mode.
        x: (B, ...) input, for the sizes that the convolutions meet.
        constants: the constant of each part that is not known here, by its path, such as {"3.attention": 2.0}. What
            is given here goes before what is known.

    Returns:
        The bound, with its factors.

    Raises:
        ValueError: a part has no known constant, or a path names no part of the chain.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Sigmoid())
        >>> _ = model[0].weight.data.copy_(torch.tensor([[0.0, 8.0], [2.0, 0.0]]))
        >>> lipschitz_bound(model, torch.zeros(1, 2))
        LipschitzBound(value=2.0, factors={'0': 8.0, '1': 0.25})
    """
    given = dict(constants or {})
    factors: dict[str, float] = {}

    def walk(part: nn.Module, x: Tensor, path: str) -> Tensor:
        if path not in given and _runs_as(part, nn.Sequential):
            for name, child in part.named_modules(
                remove_duplicate=False
            ):  # named_children leaves out repeated parts
                if name and "." not in name:
                    x = walk(child, x, f"{path}.{name}" if path else name)
            return x
        y: Tensor = part(x.clone())  # a part may work in place
        factors[path] = given.pop(path) if path in given else _constant(part, x, y, path)
        return y

    with torch.no_grad(), evaluating(model):
        walk(model, x, "")
    if given:
        raise ValueError(
            f"constants must name parts of the chain: {sorted(given)} are none; take from {list(factors)}."
        )
    return LipschitzBound(prod(factors.values()), factors)


def lipschitz_lower_bound(
    model: nn.Module, x: Tensor, *, steps: int = 50, generator: torch.Generator | None = None
) -> float:
    """Bound a network's Lipschitz constant from below by its largest amplification at the given examples.

    That is the largest singular value of the Jacobian at each example, by power iteration with products of the
    Jacobian and its transpose; the matrix is never built.

    Args:
        model: maps each example on its own, (B, ...) to (B, ...); any module. It is looked at in evaluation mode.
        x: (B, ...) examples.
        steps: of power iteration; each costs about three backward passes.
        generator: of the directions to start from.

    Returns:
        The largest over the examples, in units of the output by units of the input.

    Raises:
        ValueError: there are no examples, or no steps.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Sigmoid())
        >>> _ = model[0].weight.data.copy_(torch.tensor([[0.0, 8.0], [2.0, 0.0]]))
        >>> round(lipschitz_lower_bound(model, torch.zeros(1, 2)), 4)  # the sigmoid is steepest at 0
        2.0
    """
    if x.dim() == 0 or len(x) == 0 or steps < 1:
        raise ValueError(
            f"there must be examples, and steps to take: x is {tuple(x.shape)}, steps={steps}; give at least 1 of each."
        )
    v = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    with torch.enable_grad(), evaluating(model):
        leaf = x.detach().clone().requires_grad_()
        y: Tensor = model(leaf.clone())  # a part may work in place
        u = torch.zeros_like(y).requires_grad_()
        (back,) = torch.autograd.grad(y, leaf, u, create_graph=True)  # J'u, whose derivative in u is J'

    def stretch(v: Tensor) -> Tensor:
        return torch.autograd.grad(back, u, v / _lengths(v), retain_graph=True)[0]

    for _ in range(steps):
        (v,) = torch.autograd.grad(y, leaf, stretch(v), retain_graph=True)
    return float(torch.linalg.vector_norm(stretch(v).flatten(1), dim=1).max())


def _lengths(v: Tensor) -> Tensor:
    """The length of each example, in a shape that divides it; never zero."""
    return torch.linalg.vector_norm(v.flatten(1), dim=1).clamp_min(1e-30).reshape(-1, *[1] * (v.dim() - 1))


def _runs_as(part: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether it is of a kind and has not been given a forward pass of its own."""
    return isinstance(part, kind) and type(part).forward is kind.forward


def _constant(part: nn.Module, x: Tensor, y: Tensor, path: str) -> float:
    for kinds, constant in _CONSTANTS:
        if any(_runs_as(part, kind) for kind in kinds):
            found = constant(part, x, y)
            if found is not None:
                return float(found)
    raise ValueError(
        f"every part of the chain must have a known constant: {path or 'the model'} ({type(part).__name__}), with an "
        f"input of {tuple(x.shape)}, has none here; give it as constants={{{path!r}: ...}}, or take it apart into an "
        "nn.Sequential."
    )


def _readers(part: Any, x: Tensor) -> int:
    """How many windows of a pooling may hold one pixel."""
    kernel, stride, dilation = (
        _each(getattr(part, name, 1), x) for name in ("kernel_size", "stride", "dilation")
    )
    return prod(ceil(k * gcd(s, d) / s) for k, s, d in zip(kernel, stride, dilation))


def _each(argument: int | tuple[int, ...], x: Tensor) -> tuple[int, ...]:
    """An argument of a pooling, one number for each dimension of space."""
    return argument if isinstance(argument, tuple) else (argument,) * (x.dim() - 2)


def _convolution(part: Any, x: Tensor, y: Tensor) -> float | None:
    """The smaller of two bounds; None for a padding that repeats pixels."""
    if part.padding_mode != "zeros":
        return None
    bound = convolution_norm(part, method="bound")
    if any(stride > 1 for stride in part.stride):
        return float(bound)
    long = [max(sizes) for sizes in zip(x.shape[2:], y.shape[2:])]
    room = tuple(n + d * (k - 1) for n, d, k in zip(long, part.dilation, part.kernel_size))
    return min(float(bound), float(convolution_norm(part, method="fft", input_size=room)))


def _average(part: Any, x: Tensor, y: Tensor) -> float:
    """A window's mean has norm 1 / sqrt(pixels); at a border it may be the mean of a single pixel."""
    pixels = prod(_each(part.kernel_size, x))
    if getattr(part, "divisor_override", None):
        return sqrt(_readers(part, x) * pixels) / abs(part.divisor_override)
    uneven = part.ceil_mode or (max(_each(part.padding, x)) > 0 and not part.count_include_pad)
    return sqrt(_readers(part, x) / (1 if uneven else pixels))


def _adaptive_average(part: Any, x: Tensor, y: Tensor) -> float | None:
    """Equal windows that do not overlap, or no answer."""
    spatial = y.dim() - 2
    if any(n % m for n, m in zip(x.shape[-spatial:], y.shape[-spatial:])):
        return None
    return sqrt(y[0, 0].numel() / x[0, 0].numel())


def _batch_norm(part: Any, x: Tensor, y: Tensor) -> float | None:
    if part.running_var is None:
        return None
    gain = (part.running_var + part.eps).rsqrt()
    return float((gain if part.weight is None else gain * part.weight).abs().max())


def _gelu(part: Any, x: Tensor, y: Tensor) -> float:
    """At the root of 2 the slope, cdf(x) + x pdf(x), is greatest; tanh's approximation is a little steeper."""
    return 1.1289931 if part.approximate == "tanh" else (1 + erf(1)) / 2 + exp(-1) / sqrt(pi)


def _fixed(value: float) -> Callable[[Any, Tensor, Tensor], float]:
    return lambda part, x, y: value


_CONSTANTS: tuple[tuple[tuple[type[nn.Module], ...], Callable[[Any, Tensor, Tensor], float | None]], ...] = (
    ((nn.Linear,), lambda part, x, y: float(torch.linalg.matrix_norm(part.weight, 2))),
    (
        (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
        _convolution,
    ),
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), _batch_norm),
    (
        (MeanOnlyBatchNorm1d, MeanOnlyBatchNorm2d),
        lambda part, x, y: None if part.running_mean is None else 1.0,
    ),
    ((nn.Identity, nn.Flatten, nn.Unflatten), _fixed(1.0)),
    ((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout), _fixed(1.0)),
    (
        (nn.ReLU, nn.ReLU6, nn.Tanh, nn.Hardtanh, nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.CELU),
        _fixed(1.0),
    ),
    ((nn.Sigmoid,), _fixed(1 / 4)),
    ((nn.Hardsigmoid,), _fixed(1 / 6)),
    ((nn.Softmax,), _fixed(1 / 2)),
    ((nn.Hardswish,), _fixed(3 / 2)),
    ((nn.SiLU,), _fixed(1.0998394)),
    ((nn.Mish,), _fixed(1.0884982)),
    ((nn.SELU,), _fixed(1.0507009873554805 * 1.6732632423543772)),
    ((nn.ELU,), lambda part, x, y: max(1.0, abs(part.alpha))),
    ((nn.LeakyReLU,), lambda part, x, y: max(1.0, abs(part.negative_slope))),
    ((nn.PReLU,), lambda part, x, y: max(1.0, float(part.weight.abs().max()))),
    ((nn.GELU,), _gelu),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), lambda part, x, y: sqrt(_readers(part, x))),
    ((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _average),
    ((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), _adaptive_average),
)
"""What is known of each kind of part: its constant from the part, its input and its output; None where it has none."""
