r"""Adam: momentum over RMSProp, with both running means freed of their start at zero.

Each coordinate moves by about the rate, whatever the scale of its gradients, so that one rate suits many nets; that
is why it is the usual first choice. With weight decay take AdamW, where the decay is not divided by the root.

$$ m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 $$

$$ x_t = x_{t-1} - \eta \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon} $$

Also called: AdamW, adaptive moment estimation.
Departures: torch is the paper's Algorithm 1. Course notes leave both corrections out, as `UncorrectedAdam` does: the
    first step is then $(1 - \beta_1) / \sqrt{1 - \beta_2}$ times as long, 3.16 at the defaults. The paper's remark
    with the corrections drawn into the rate has eps before the correction of v, and so another eps. Torch's Adam adds
    weight decay to the gradient; AdamW takes it from the weight, at the rate.
Pitfalls: eps = 1e-8 is nothing in half precision. Where gradients are as small as eps, eps is the rate. A beta2 of
    0.999 remembers a thousand steps: in a shorter run the correction is never done.
Claim: none, because no ranking of optimizers can be asserted; see `sgd`.
Peer: torch (Adam and AdamW are torch's classes).

References:
    kingma2015adam: Algorithm 1, of Adam and UncorrectedAdam.
    loshchilov2019decoupled: Algorithm 2, of AdamW.
"""

from collections.abc import Callable
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam as Adam
from torch.optim import AdamW as AdamW
from torch.optim import Optimizer
from torch.optim.adam import adam
from torch.optim.optimizer import ParamsT

from ._steps import require_below_one, require_not_negative, require_one_kernel, with_gradients

__all__ = ["Adam", "AdamW", "UncorrectedAdam"]


class UncorrectedAdam(Optimizer):
    """Adam without bias correction, for recipes and notes that have none.

    It runs on torch's own kernels, told that infinitely many steps have passed: by then the corrections are 1.

    Args:
        params: parameters or groups, as for any optimizer of torch.
        lr: the learning rate.
        betas: decay of the two running means.
        eps: added to the root.
        foreach: as in torch.optim.Adam.
        fused: as in torch.optim.Adam.

    Raises:
        ValueError: the rate or eps is negative, a beta is not in [0, 1), two kernels are wanted, or, in a step, a
            gradient is sparse.

    Example:
        The first step is 0.1 / sqrt(0.001) times the rate.

        >>> x = torch.tensor([0.0], requires_grad=True)
        >>> optimizer = UncorrectedAdam([x], lr=1.0)
        >>> x.grad = torch.tensor([1.0])
        >>> optimizer.step()
        >>> round(x.item(), 3)
        -3.162
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        require_not_negative(lr=lr, eps=eps)
        require_below_one(beta1=betas[0], beta2=betas[1])
        require_one_kernel(foreach=foreach, fused=fused)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "foreach": foreach, "fused": fused})

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
            params, gradients = with_gradients(group["params"], taker="UncorrectedAdam")
            states = [self.state[p] for p in params]
            for p, state in zip(params, states, strict=True):
                if not state:
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
            adam(
                params,
                gradients,
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                _forever(params, on_device=bool(group["fused"])),
                foreach=group["foreach"],
                fused=group["fused"],
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=0.0,
                eps=group["eps"],
                maximize=False,
            )
        return loss


def _forever(params: list[Tensor], *, on_device: bool) -> list[Tensor]:
    """A count of steps for each parameter that no step can raise; the fused kernel wants it on the device."""
    devices = {p.device if on_device else torch.device("cpu") for p in params}
    count = {device: torch.full((), inf, device=device) for device in devices}
    return [count[p.device if on_device else torch.device("cpu")] for p in params]
