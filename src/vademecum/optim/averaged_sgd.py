r"""Averaged SGD, triggered: plain descent until the validation loss stops improving, then the mean of all that follows.

At a constant rate descent ends up jumping about the minimum; the mean of its places lies much nearer. The one question
is when to begin, and here the validation loss answers: when it is worse than the best but for the last n checks.

$$ \text{trigger at check } t: \quad t > n \;\land\; v_t > \min_{l \le t - n - 1} v_l, \qquad
\bar w_K = \frac{1}{K - T + 1} \sum_{i=T}^{K} w_i $$

where checks count from 0 and T is the number of steps done at the trigger.

Also called: NT-ASGD, ASGD, Polyak-Ruppert averaging.
Departures: the rule is that of the authors' code, min over all checks but the last n. Torch's ASGD leaves the first of
    the iterates out of the mean (it sets the mean to the second), lets the rate decay and has another default decay of
    the weights; it has no trigger.
Pitfalls: evaluate inside `averaged()`, or the jumping weights are what one measures. The rule compares with all but the
    last n checks, not with the last n. Batch norm's statistics belong to the weights that jump: estimate them again
    for the mean. It is kept in the weights' own type, and in bfloat16 it soon stops moving.
Claim: on a noisy quadratic the mean ends at less than a fifth of the last iterate's distance to the minimum, and
    without noise, where the loss only falls, nothing is triggered.
Peer: torch's ASGD, with the first iterate left out.

References:
    polyak1992acceleration: the mean of all iterates.
    merity2018regularizing: Algorithm 1; n = 5.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT
from torch.optim.sgd import sgd
from torch.optim.swa_utils import get_swa_multi_avg_fn

from ._steps import require_not_negative, require_one_kernel, with_gradients

__all__ = ["NTASGD"]

_average = get_swa_multi_avg_fn()


class NTASGD(Optimizer):
    """Descent that begins to average its weights when the validation loss stops improving.

    Before the trigger it is torch's SGD without momentum, bit for bit, and so are its steps afterwards.

    Args:
        params: parameters or groups, as for any optimizer of torch.
        lr: the learning rate; it stays constant in the paper.
        n: the latest checks that are left out of the comparison.
        weight_decay: times the weights, added to the gradient.
        foreach: as in torch.optim.SGD.
        fused: as in torch.optim.SGD.

    Raises:
        ValueError: the rate or the decay is negative, n is below 1, two kernels are wanted, or, in a step, a gradient
            is sparse.

    Example:
        The third loss is worse than the first, which is the best but for the last one.

        >>> x = torch.tensor([4.0], requires_grad=True)
        >>> optimizer = NTASGD([x], lr=1.0, n=1)
        >>> [optimizer.observe(loss) for loss in (1.0, 2.0, 3.0)]
        [False, False, True]
        >>> x.grad = torch.tensor([2.0])
        >>> optimizer.step()
        >>> with optimizer.averaged():
        ...     print(x.item())  # the mean of 4 and 2
        3.0
        >>> x.item()
        2.0
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        *,
        n: int = 5,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        require_not_negative(lr=lr, weight_decay=weight_decay)
        require_one_kernel(foreach=foreach, fused=fused)
        if n < 1:
            raise ValueError(f"n must be at least 1: it is {n}; the paper takes 5.")
        # Losses and count stand in the groups, and so go into the state_dict with everything else.
        defaults = {
            "lr": lr, "n": n, "weight_decay": weight_decay, "foreach": foreach, "fused": fused,
            "losses": (), "num_averaged": 0,
        }  # fmt: skip
        super().__init__(params, defaults)

    @property
    def triggered(self) -> bool:
        """Whether averaging has begun."""
        return bool(self.param_groups[0]["num_averaged"])

    def observe(self, loss: float) -> bool:
        """Take the validation loss of the latest check, and begin to average if it is time.

        Args:
            loss: less is better; the paper checks once an epoch.

        Returns:
            Whether this loss has triggered it; never a second time.

        Raises:
            ValueError: the loss is not a number.
        """
        if loss != loss:
            raise ValueError("the loss must be a number: it is NaN; the run has diverged, lower the rate.")
        first = self.param_groups[0]
        losses, n = first["losses"], first["n"]
        now = not self.triggered and len(losses) > n and loss > min(losses[:-n])
        for group in self.param_groups:
            group["losses"] = (*losses, float(loss))
            if now:
                self._begin(group)
        return now

    def _begin(self, group: dict[str, Any]) -> None:
        group["num_averaged"] = 1
        for p in group["params"]:
            self.state[p]["average"] = p.detach().clone()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, as in any optimizer; where averaging has begun, theirs begins now.

        Args:
            param_group: "params", and numbers that are to differ.
        """
        super().add_param_group(param_group)
        if len(self.param_groups) > 1 and self.triggered:
            self._begin(self.param_groups[-1])

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of descent, and let the weights that it gives into the mean.

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
            params, gradients = with_gradients(group["params"], taker="NTASGD")
            sgd(
                params, gradients, [None] * len(params), lr=group["lr"], weight_decay=group["weight_decay"],
                momentum=0.0, dampening=0.0, nesterov=False, maximize=False, foreach=group["foreach"],
                fused=group["fused"],
            )  # fmt: skip
            if group["num_averaged"]:
                means = [self.state[p]["average"] for p in group["params"]]
                _average(means, group["params"], group["num_averaged"])
                group["num_averaged"] += 1
        return loss

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the parameters be the mean inside the block, and the last weights again after it.

        Before the trigger they stay what they are. Do not step inside.

        Yields:
            Nothing.
        """
        saved = [(p, p.detach().clone()) for p in self.state if "average" in self.state[p]]
        with torch.no_grad():
            for p, _ in saved:
                p.copy_(self.state[p]["average"])
        try:
            yield
        finally:
            with torch.no_grad():
                for p, last in saved:
                    p.copy_(last)
