r"""Nesterov momentum: take the gradient where the velocity is about to carry you.

The correction comes one step earlier than with `momentum`, which damps the overshoot and stands a larger momentum. On
smooth convex functions it is the method of the optimal order; in nets the gain is small.

$$ v_{t+1} = \mu v_t - \eta \nabla L(x_t + \mu v_t), \qquad x_{t+1} = x_t + v_{t+1} $$

An optimizer gets its gradients where the parameters are, so torch keeps the look-ahead point
$y_t = x_t + \mu v_t$ in the parameters:

$$ y_{t+1} = y_t - \mu v_t + (1 + \mu) v_{t+1} $$

`without_lookahead` reads x from it.

Also called: NAG, Nesterov's accelerated gradient.
Departures: torch's parameters are y, not x; its rate stands outside the velocity (see `momentum`), so that torch is
    the method above while the rate is constant. `VelocitySGD(nesterov=True)` is so at any rate. Sutskever's momentum
    changes from step to step; both classes look ahead with the momentum of the step that is done.
Pitfalls: a model is evaluated and saved at y unless one asks for x; the difference is $\mu v$, which fades with the
    rate. Batch norm's running statistics were gathered at y.
Claim: none, because no ranking of optimizers can be asserted; see `sgd`.
Peer: torch's SGD(nesterov=True), the same after the change of variables.

References:
    nesterov1983method: the method for smooth convex functions.
    sutskever2013importance: Eq. 3 and 4.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.optim import Optimizer

from .momentum import velocity

__all__ = ["without_lookahead"]


@contextmanager
def without_lookahead(optimizer: Optimizer) -> Iterator[None]:
    """Let the parameters be x inside the block, and the look-ahead point again after it.

    Enter it before a scheduler changes the rate or the momentum of the step that was taken last. Do not step inside.

    Args:
        optimizer: a `VelocitySGD` or torch's SGD, with nesterov=True in at least one group.

    Yields:
        Nothing.

    Raises:
        ValueError: no group looks ahead.

    Example:
        The first velocity is -1; the look-ahead goes half of it further.

        >>> x = torch.tensor([0.0], requires_grad=True)
        >>> optimizer = torch.optim.SGD([x], lr=1.0, momentum=0.5, nesterov=True)
        >>> x.grad = torch.tensor([1.0])
        >>> optimizer.step()
        >>> with without_lookahead(optimizer):
        ...     print(x.item())
        -1.0
        >>> x.item()
        -1.5
    """
    groups = [group for group in optimizer.param_groups if group.get("nesterov")]
    if not groups:
        raise ValueError(
            f"the optimizer must look ahead: no group of this {type(optimizer).__name__} has nesterov=True; "
            "its parameters are x already."
        )
    saved = [(p, p.detach().clone()) for group in groups for p in group["params"]]
    with torch.no_grad():
        for group in groups:
            for p in group["params"]:
                p.sub_(velocity(optimizer, p), alpha=group["momentum"])
    try:
        yield
    finally:
        with torch.no_grad():
            for p, lookahead in saved:
                p.copy_(lookahead)
