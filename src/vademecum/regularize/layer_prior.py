r"""Layer priors: a Gaussian of its own for each layer's weights and biases, so that units do not matter.

Use it where inputs or targets may come in other units (meters or millimeters), and to see what functions a prior
prefers before there is any data. One decay for all weights treats a net and its exact rewriting for other units
differently; one precision a layer, with the biases left free, does not.

$$ \Omega(w) = \sum_k \frac{\alpha_k}{2} \|w_k\|^2, \qquad p(w) \propto e^{-\Omega(w)} $$

Where inputs become $\tilde x = a x + b$ and targets $\tilde y = c y + d$, the first and last layers are rewritten to

$$ \tilde W_1 = W_1 / a, \quad \tilde b_1 = b_1 - W_1 b / a,
\qquad \tilde W_L = c W_L, \quad \tilde b_L = c\, b_L + d $$

and the penalty stays the same with $\tilde \alpha_1 = a^2 \alpha_1$ and $\tilde \alpha_L = \alpha_L / c^2$.

Also called: consistent Gaussian priors, layer-wise weight decay, automatic relevance determination (a precision an
    input).
Departures: the book prints the factors $a^{1/2}$ and $c^{-1/2}$ below Eq. 5.121; with these the penalty changes, as the
    laws show. The squares are halved and the precisions are those of the weights, not divided by that of the noise.
Pitfalls: a layer that is not named is free, and a prior with free parameters cannot be drawn from. Beside a loss that
    is a mean over N examples of -log p, divide by N.
Claim: with inputs ten times as large a small net of tanh units fits the same function as before where the first
    precision is multiplied by 100 with them, and a visibly different one where it stays.
Peer: none known that rewrites the net; laplace-torch has one precision a layer.

References:
    bishop2006pattern: section 5.5.1, Eq. 5.113-5.123.
    mackay1992practical: section 3, one weight decay for each class of weights.
"""

from collections.abc import Mapping
from copy import deepcopy
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vademecum._torch.modes import evaluating

from ._sums import total, wide

__all__ = ["layer_prior_penalty", "sample_prior", "transform_inputs_outputs"]

Precisions = Mapping[str, float | Tensor]


def layer_prior_penalty(model: nn.Module, precisions: Precisions) -> Tensor:
    """Add up half the squares of named parameters, each times its precision: a negative log prior.

    Args:
        model: holds the parameters.
        precisions: by the name of a parameter, where `*` stands for anything: one over the variance of its values. A
            tensor gives them values of their own, such as (1, F_in) for each input its own.

    Returns:
        () nats, but for the constant of the Gaussians.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.Tanh(), nn.Linear(1, 1))
        >>> for parameter, value in zip(model.parameters(), (2.0, 7.0, 1.0, 7.0)):
        ...     _ = nn.init.constant_(parameter, value)
        >>> layer_prior_penalty(model, {"0.weight": 10.0, "2.weight": 1.0}).item()  # 10 times 2, and a half
        20.5
    """
    named = dict(model.named_parameters())
    return total(
        (precision * wide(named[name]).square()).sum() / 2
        for name, precision in _matched(model, precisions).items()
    )


def sample_prior(
    model: nn.Module,
    precisions: Precisions,
    x: Tensor,
    *,
    num_samples: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw functions from the prior, and say what they give for some inputs.

    Args:
        model: says how parameters become a function; its own are not used, and it runs in evaluation mode.
        precisions: as in `layer_prior_penalty`, for every parameter.
        x: (B, ...) inputs.
        num_samples: S, the number of functions.
        generator: of the draw.

    Returns:
        (S, B, ...) outputs, without gradient.

    Raises:
        ValueError: a parameter has no precision, or one of 0.

    Example:
        >>> x = torch.tensor([[1.0]])
        >>> sample_prior(nn.Linear(1, 1), {"*": 1e12}, x, num_samples=3).round(decimals=3).abs().flatten()
        tensor([0., 0., 0.])
    """
    matched = _matched(model, precisions)
    improper = [
        name
        for name, _ in model.named_parameters()
        if name not in matched or not bool(torch.as_tensor(matched[name] > 0).all())
    ]
    if improper:
        raise ValueError(
            f"every parameter must have a positive precision to be drawn: {improper} have none; give them one."
        )
    outputs = []
    with torch.no_grad(), evaluating(model):
        for _ in range(num_samples):
            drawn = {}
            for name, parameter in model.named_parameters():
                noise = torch.empty_like(parameter).normal_(generator=generator)
                drawn[name] = (
                    noise * torch.as_tensor(matched[name], dtype=noise.dtype, device=noise.device).rsqrt()
                )
            outputs.append(functional_call(model, drawn, (x,)))
    return torch.stack(outputs)


def transform_inputs_outputs(
    model: nn.Sequential,
    *,
    a: float | Tensor = 1.0,
    b: float | Tensor = 0.0,
    c: float | Tensor = 1.0,
    d: float | Tensor = 0.0,
) -> nn.Sequential:
    """Rewrite a net for inputs a x + b and outputs c y + d.

    Args:
        model: a chain whose first and last parts are linear layers, but for flattening before and after; left as it is.
        a: of the inputs: a number, or (F,) one for each; not 0.
        b: the same, for their shift.
        c: of the outputs: a number, or (K,) one for each.
        d: the same, for their shift.

    Returns:
        A copy that gives ``c * model(x) + d`` for ``a * x + b``.

    Raises:
        ValueError: the model is no such chain, a is 0 somewhere, or a shift needs a bias that is not there.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
        >>> x = torch.tensor([[0.5]])
        >>> torch.testing.assert_close(transform_inputs_outputs(model, a=10.0, d=1.0)(10 * x), model(x) + 1)
    """
    copy = deepcopy(model)
    parts = (
        [part for part in copy if not isinstance(part, nn.Flatten | nn.Identity)]
        if isinstance(copy, nn.Sequential)
        else []
    )
    if not parts or not isinstance(parts[0], nn.Linear) or not isinstance(parts[-1], nn.Linear):
        inside = ", ".join(type(part).__name__ for part in parts) or type(model).__name__
        raise ValueError(
            f"the model must be an nn.Sequential that begins and ends with nn.Linear: it is {inside}; "
            "transform the layers that meet inputs and outputs by hand."
        )
    first, last = parts[0], parts[-1]
    a, b, c, d = (
        torch.as_tensor(number, dtype=first.weight.dtype, device=first.weight.device)
        for number in (a, b, c, d)
    )
    if not bool((a != 0).all()):
        raise ValueError("a must not be 0: an input would be lost; give the scale of each input.")
    for layer, shift, name in ((first, b, "b"), (last, d, "d")):
        if layer.bias is None and bool((shift != 0).any()):
            raise ValueError(
                f"a shift must have a bias to go into: {name} is not 0, and {layer} has none; add one."
            )
    with torch.no_grad():
        first.weight.div_(a)
        if first.bias is not None:
            first.bias.sub_((first.weight * b).sum(1))
        last.weight.mul_(c.reshape(-1, 1))
        if last.bias is not None:
            last.bias.mul_(c).add_(d)
    return copy


def _matched(model: nn.Module, precisions: Precisions) -> dict[str, float | Tensor]:
    """The precision of each named parameter."""
    found: dict[str, float | Tensor] = {}
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    for pattern, precision in precisions.items():
        names = [name for name in shapes if fnmatchcase(name, pattern)]
        if not names:
            raise ValueError(
                f"each name must match a parameter: {pattern!r} matches none of {list(shapes)}; take names from these."
            )
        if twice := [name for name in names if name in found]:
            raise ValueError(
                f"each parameter must have one precision: {twice} have two; narrow {pattern!r} down."
            )
        if not bool(torch.as_tensor(precision >= 0).all()):
            raise ValueError(
                f"a precision must be at least 0: that of {pattern!r} is {precision}; give 1 / variance."
            )
        for name in names:
            if isinstance(precision, Tensor):
                try:
                    fits = torch.broadcast_shapes(precision.shape, shapes[name]) == shapes[name]
                except RuntimeError:
                    fits = False
                if not fits:
                    raise ValueError(
                        f"a precision must fit its parameter: {tuple(precision.shape)} does not fit {name}, "
                        f"{tuple(shapes[name])}; give one for each input as (1, F)."
                    )
            found[name] = precision
    if not found:
        raise ValueError(
            "there must be a precision: precisions is empty; give {'0.weight': 1.0} or the like."
        )
    return found
