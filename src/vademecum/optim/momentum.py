r"""Momentum: step along a velocity that remembers past gradients.

A ball rolls down a valley: gradients that agree add up to $1/(1-\mu)$ times one step, those that alternate cancel. On
a quadratic of condition $\kappa$ the time falls from the order of $\kappa$ steps to that of $\sqrt\kappa$.

$$ v_{t+1} = \mu v_t - \eta_t g_t, \qquad x_{t+1} = x_t + v_{t+1} $$

That is the classical form, with the rate inside the velocity; `VelocitySGD` takes it. Torch keeps a sum of gradients
and has the rate outside:

$$ b_{t+1} = \mu b_t + g_t, \qquad x_{t+1} = x_t - \eta_t b_{t+1} $$

With $v_t = -\eta_{t-1} b_t$ one turns into the other: the classical form is torch's with $\mu \eta_{t-1} / \eta_t$ in
the place of $\mu$. They are the same while the rate is constant. Where it drops tenfold, torch's whole velocity drops
tenfold at once, while the classical one fades over the next steps.

Also called: heavy ball, Polyak's method, classical momentum, MomentumSGD.
Departures: Polyak writes the velocity as the last difference of x, which is the classical form. In torch the rate
    stands outside. Weight decay is added to the gradient and so multiplied by the rate, as in AlexNet.
Pitfalls: a recipe of one form, with its drops of the rate, is another recipe in the other form. Raising the momentum
    at an unchanged rate raises the length of the steps (see `momentum_schedule`).
Claim: on a quadratic of condition 100, both at their best constants, it needs less than a quarter of the steps of
    descent to come within a millionth of the start's distance.
Peer: torch's SGD(momentum=), the same while the rate is constant, another trajectory after a drop.

References:
    polyak1964some: the two-step method, as its heavy ball.
    sutskever2013importance: Eq. 1 and 2.
    krizhevsky2012imagenet: section 5, VelocitySGD with its decay inside.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT
from torch.optim.sgd import sgd

from ._steps import group_of, require_below_one, require_not_negative, require_one_kernel, with_gradients

__all__ = ["VelocitySGD", "velocity"]


class VelocitySGD(Optimizer):
    """Momentum in the classical form: a change of the rate leaves the velocity as it is.

    It runs on torch's own kernels by the change of variables of the card. At a rate of 0 the parameters coast: the
    velocity still fades and still moves them.

    Args:
        params: parameters or groups, as for any optimizer of torch.
        lr: the learning rate, a number; each step reads it anew.
        momentum: share of the velocity that is kept.
        nesterov: take the gradient at the look-ahead point, which is then what the parameters hold (see `nesterov`).
        weight_decay: times the weights, added to the gradient.
        foreach: as in torch.optim.SGD.
        fused: as in torch.optim.SGD.

    Raises:
        ValueError: the rate or the decay is negative, the momentum is not in [0, 1), two kernels are wanted, or, in a
            step, a gradient is sparse.

    Example:
        After a tenfold drop of the rate the velocity of -1 is still there: -0.5 of it, and -0.1 for the new gradient.

        >>> x = torch.tensor([0.0], requires_grad=True)
        >>> optimizer = VelocitySGD([x], lr=1.0, momentum=0.5)
        >>> for rate in (1.0, 0.1):
        ...     optimizer.param_groups[0]["lr"] = rate
        ...     x.grad = torch.tensor([1.0])
        ...     optimizer.step()
        ...     velocity(optimizer, x)
        tensor([-1.])
        tensor([-0.6000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        momentum: float = 0.9,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        require_not_negative(lr=lr, weight_decay=weight_decay)
        require_below_one(momentum=momentum)
        require_one_kernel(foreach=foreach, fused=fused)
        defaults = {
            "lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay,
            "foreach": foreach, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step.

        Args:
            closure: computes the loss and its gradients anew.

        Returns:
            What the closure gave; None without one.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            # The buffer b stands for the velocity -rate * b. Parameters whose last rate was the same go together.
            params, gradients = with_gradients(group["params"], taker="VelocitySGD")
            states = [self.state[p] for p in params]
            rates = [state.get("rate") for state in states]
            for before in set(rates):
                alike = [i for i, rate in enumerate(rates) if rate == before]
                self._step(
                    group,
                    before,
                    [params[i] for i in alike],
                    [gradients[i] for i in alike],
                    [states[i] for i in alike],
                )
        return loss

    def _step(
        self,
        group: dict[str, Any],
        before: float | None,
        params: list[Tensor],
        gradients: list[Tensor],
        states: list[dict[str, Any]],
    ) -> None:
        rate, momentum, nesterov = float(group["lr"]), group["momentum"], group["nesterov"]
        decay = group["weight_decay"]
        if rate == 0:
            if before is None:
                return  # there is no velocity yet
            rate, decay, gradients = before, 0.0, [torch.zeros_like(p) for p in params]
        buffers: list[Tensor | None] = [state.get("momentum_buffer") for state in states]
        started = before is not None
        if momentum == 0:  # torch then keeps no buffer, but the next step may want one: start it anew
            buffers, momentum, nesterov, started = [None] * len(params), 1.0, False, False
        elif before is not None and before != rate:
            if nesterov:  # the look-ahead goes by the momentum itself
                for buffer in buffers:
                    if buffer is not None:
                        buffer.mul_(before / rate)
            else:
                momentum *= before / rate
        sgd(
            params, gradients, buffers, lr=rate, momentum=momentum, nesterov=nesterov, weight_decay=decay,
            dampening=0.0, maximize=False, foreach=group["foreach"], fused=group["fused"],
        )  # fmt: skip
        if not started or before != rate:
            for state, buffer in zip(states, buffers, strict=True):
                state["momentum_buffer"], state["rate"] = buffer, rate


def velocity(optimizer: Optimizer, parameter: Tensor) -> Tensor:
    """Read the velocity of the classical form from an optimizer of either form.

    For torch's SGD it is that at the rate which the group holds now; read it before a scheduler changes the rate.

    Args:
        optimizer: a `VelocitySGD`, or torch's SGD with momentum.
        parameter: one of its parameters.

    Returns:
        The shape of the parameter, the last step without a look-ahead; 0 before the first step.

    Raises:
        ValueError: the optimizer has no momentum, or the parameter is not one of its own.

    Example:
        >>> x = torch.tensor([0.0], requires_grad=True)
        >>> optimizer = torch.optim.SGD([x], lr=0.5, momentum=0.9)
        >>> x.grad = torch.tensor([1.0])
        >>> optimizer.step()
        >>> velocity(optimizer, x)
        tensor([-0.5000])
    """
    group = group_of(optimizer.param_groups, parameter)
    if "momentum" not in group or not isinstance(optimizer, VelocitySGD | torch.optim.SGD):
        raise ValueError(
            f"the optimizer must be a VelocitySGD or a torch.optim.SGD: it is a {type(optimizer).__name__}; "
            "others keep no velocity."
        )
    state = optimizer.state.get(parameter, {})
    buffer = state.get("momentum_buffer")
    if buffer is None:
        return torch.zeros_like(parameter, requires_grad=False)
    return -float(state.get("rate", group["lr"])) * buffer
