r"""Saliency map: how strongly each input changes the score of a class.

One backward pass ranks the inputs by the size of the gradient. It is the cheapest explanation and the noisiest; it
says what the score is sensitive to, not what it was made of.

$$ M = \left| \frac{\partial S_c(x)}{\partial x} \right| $$

Also called: vanilla gradient, sensitivity map, input gradient.
Departures: the result has the shape of x; the paper's maximum over the color channels is ``reduce="max"``.
Pitfalls: take the score before the softmax, since the gradient of a probability also says how to make the other
    classes less likely, and vanishes where the network is sure; a saturated unit hides an input that matters.
    cuDNN has no gradient for recurrent layers in evaluation mode: run those on the CPU.
Claim: none yet.
Peer: none.

References:
    simonyan2014deep: section 3.1.
"""

import torch
from torch import Tensor, nn

from .._torch.modes import evaluating

__all__ = ["saliency"]


def saliency(
    model: nn.Module, x: Tensor, target: Tensor | int | None = None, *, reduce: str | None = None
) -> Tensor:
    """Map how strongly each input changes a score.

    The model runs in evaluation mode and is then as before: modes, gradients and what requires gradients. Works
    with frozen parameters and inside ``torch.no_grad()``.

    Args:
        model: x -> (B, K) scores, or (B,) or (B, 1) values in regression.
        x: (B, ...) floating-point inputs.
        target: (B,) class of each example, or one class for all; the class with the highest score where None.
        reduce: None, or "max" for the maximum over dimension 1 (the channels), as the paper has it.

    Returns:
        Shape of x, or (B, 1, ...) with ``reduce="max"``: at least 0, in score per unit of x.

    Raises:
        TypeError: x is not floating-point.
        ValueError: the output is not one row of scores an example, a target is none of its columns, reduce is
            unknown, or the score does not depend on x.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> with torch.no_grad():
        ...     _ = model.weight.copy_(torch.tensor([[1., -2.], [0., 3.]]))
        >>> saliency(model, torch.ones(1, 2), 0)
        tensor([[1., 2.]])
    """
    if not x.is_floating_point():
        raise TypeError(
            f"x must be floating-point to have a gradient: it is {x.dtype}; pass x.float(), scaled as in training."
        )
    if reduce not in {None, "max"}:
        raise ValueError(f'reduce must be None or "max": it is {reduce!r}; take "max" for one map an image.')
    if reduce == "max" and x.ndim < 3:
        raise ValueError(
            f'reduce="max" must have channels: x is {tuple(x.shape)}; leave it out for (B, F) inputs.'
        )
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        leaf = x.detach().clone().requires_grad_()
        # A copy, so that the first layer may work in place.
        score = _score(model(leaf.clone()), leaf, target)
        gradient = None
        if score.requires_grad:
            (gradient,) = torch.autograd.grad(score.sum(), leaf, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "the score must depend on x: no gradient reached it; look for detach(), .data, .numpy() or a cast to "
            "integers in the model's forward."
        )
    strength = gradient.abs()
    return strength.amax(1, keepdim=True) if reduce == "max" else strength


def _score(output: Tensor, x: Tensor, target: Tensor | int | None) -> Tensor:
    """Pick one number an example: (B, K) scores -> (B,) scores."""
    scores = output.unsqueeze(1) if output.ndim == 1 else output
    if scores.ndim != 2 or len(scores) != len(x):
        raise ValueError(
            f"the output must be one row of scores an example: x is {tuple(x.shape)} and the output "
            f"{tuple(output.shape)}; pool or pick what is to be explained first."
        )
    if target is None:
        return scores.amax(1)
    index = torch.as_tensor(target, device=scores.device).expand(len(scores))
    if index.is_floating_point() or bool(((index < 0) | (index >= scores.shape[1])).any()):
        raise ValueError(
            f"target must be classes from 0 to {scores.shape[1] - 1}: the output is {tuple(output.shape)}, the target "
            f"{target}; pass one int, or (B,) int64."
        )
    return scores.gather(1, index.long().unsqueeze(1)).squeeze(1)
