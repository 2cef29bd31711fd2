r"""Path-SGD: divide each weight's step by how much the paths through it weigh.

A net of rectifiers is unchanged when the weights into a unit are multiplied by a factor and those out of it divided,
but plain descent then goes elsewhere. Path-SGD is steepest descent in the norm of all paths from inputs to outputs,
which such a rescaling leaves as it is, and so is its whole trajectory.

$$ w_e \leftarrow w_e - \frac{\eta}{\kappa_e} \frac{\partial L}{\partial w_e}, \qquad
\kappa_e = \Big( \sum_{\text{paths through } e} \; \prod_{e' \ne e} |w_{e'}|^p \Big)^{2/p} $$

The sum is a product: of the paths from the inputs to the foot of e, by one pass forward with $|w|^p$ on ones, and of
those from its head to the outputs, by one pass back.

Also called: path-normalized descent, path norm.
Departures: a bias is an edge from a further input that is always 1; the paper has none. Where no other path weighs
    anything, $\kappa = 0$, the gradient is 0 as well and the weight stays.
Pitfalls: it scales with the net: rates of SGD do not carry over. Only chains of linear layers and rectifiers are
    taken; fold batch normalization first, and other layers are not invariant.
Claim: from an unbalanced start, one layer's weights times 30 and the next one's divided by it, it ends where it ends
    from a balanced one, while SGD loses more than 20 points.
Peer: none; the authors' code is not packaged.

References:
    neyshabur2015path: section 4, the update and kappa; Algorithm 1.
    neyshabur2015search: the path norm.
"""

from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.sgd import sgd

from ._steps import require_not_negative, require_one_kernel, with_gradients

__all__ = ["PathSGD", "path_coefficients"]

_LINEAR_ON_POSITIVES = (nn.ReLU, nn.LeakyReLU, nn.Identity, nn.Flatten, nn.Dropout, nn.Sequential)


def path_coefficients(model: nn.Module, *, p: float = 2.0) -> dict[Tensor, Tensor]:
    """Measure what the paths through each weight weigh, the weight itself left out.

    A model of other layers is a ValueError.

    Args:
        model: a chain of linear layers and rectifiers.
        p: of the path norm, at least 1.

    Returns:
        kappa by parameter, of the parameter's shape.

    Example:
        Two inputs, one hidden unit, one output: a path through the first layer goes on with the weight 3, one through
        the second comes from 1 and 2.

        >>> model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
        >>> with torch.no_grad():
        ...     _ = model[0].weight.copy_(torch.tensor([[1.0, 2.0]])), model[2].weight.fill_(3.0)
        >>> [kappa.tolist() for kappa in path_coefficients(model).values()]
        [[[9.0, 9.0]], [[5.0]]]
    """
    layers = _layers(model)
    found: dict[Tensor, Tensor] = {}
    for layer, (head, foot) in zip(layers, _factors(layers, p), strict=True):
        found[layer.weight] = torch.outer(head, foot)
        if layer.bias is not None:
            found[layer.bias] = head
    return found


@torch.no_grad()
def _factors(layers: list[nn.Linear], p: float) -> list[tuple[Tensor, Tensor]]:
    """For each layer, what kappa is the product of: (G,) of the paths from its units on, (F,) of those up to it."""
    if not p >= 1:
        raise ValueError(f"p must be at least 1: it is {p}; the paper takes 2.")
    powers = [layer.weight.square() if p == 2 else layer.weight.abs().pow(p) for layer in layers]
    feet = [layers[0].weight.new_ones(layers[0].in_features)]
    for layer, power in zip(layers, powers, strict=True):
        bias = 0.0 if layer.bias is None else layer.bias.abs().pow(p)
        feet.append(power @ feet[-1] + bias)
    heads = [layers[-1].weight.new_ones(layers[-1].out_features)]
    for power in reversed(powers[1:]):
        heads.append(power.T @ heads[-1])
    return [(head.pow(2 / p), foot.pow(2 / p)) for head, foot in zip(reversed(heads), feet, strict=False)]


def _inverse(x: Tensor) -> Tensor:
    """1 / x, and 0 where x is 0."""
    return torch.where(x > 0, 1 / x, 0.0)


def _layers(model: nn.Module) -> list[nn.Linear]:
    """The linear layers in their order, after everything else was refused."""
    if not isinstance(model, nn.Sequential | nn.Linear):
        raise ValueError(
            f"the model must be a chain, nn.Sequential: it is a {type(model).__name__}, whose paths cannot be read."
        )
    layers = []
    for name, part in model.named_modules(remove_duplicate=False):
        if isinstance(part, nn.Linear):
            layers.append(part)
        elif not isinstance(part, _LINEAR_ON_POSITIVES):
            raise ValueError(
                f"the model must hold linear layers and rectifiers only: {name!r} is a {type(part).__name__}; fold "
                "normalization into the layer before it, or take another optimizer."
            )
    if not layers:
        raise ValueError("the model must hold a linear layer: it holds none.")
    parameters = [p for layer in layers for p in layer.parameters()]
    if len({id(p) for p in parameters}) < len(parameters):
        raise ValueError(
            "no weight may be shared: one stands in two layers, and its paths would be counted as two weights'; "
            "give each layer its own."
        )
    for first, second in pairwise(layers):
        if first.out_features != second.in_features:
            raise ValueError(
                f"each linear layer must take what the one before gives: {first.out_features} features meet "
                f"{second.in_features}; nothing may stand between them that changes their number."
            )
    return layers


class PathSGD(Optimizer):
    """Descent in the path norm, for chains of linear layers and rectifiers.

    Args:
        model: an nn.Sequential of linear layers and rectifiers; all its parameters are trained.
        lr: the learning rate.
        p: of the path norm.
        foreach: as in torch.optim.SGD.
        fused: as in torch.optim.SGD.

    Raises:
        ValueError: the rate is negative, p is below 1, two kernels are wanted, or the model's paths cannot be read.

    Example:
        A net and its rescaled copy take the same step: 1 - 1 * 2 / 4 here, twice that there.

        >>> for scale in (1.0, 2.0):
        ...     model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
        ...     with torch.no_grad():
        ...         _ = model[0].weight.fill_(scale), model[2].weight.fill_(2 / scale)
        ...     optimizer = PathSGD(model, lr=1.0)
        ...     model(torch.ones(1, 1)).sum().backward()
        ...     optimizer.step()
        ...     print(model[0].weight.item())
        0.5
        1.0
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float,
        *,
        p: float = 2.0,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        require_not_negative(lr=lr)
        require_one_kernel(foreach=foreach, fused=fused)
        self._chain = _layers(model)
        _factors(self._chain, p)
        parameters = chain.from_iterable(layer.parameters() for layer in self._chain)
        super().__init__(parameters, {"lr": lr, "p": p, "foreach": foreach, "fused": fused})

    def __getstate__(self) -> dict[str, Any]:
        # Torch copies and pickles its own parts only.
        return {**super().__getstate__(), "_chain": self._chain}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take the parameters of the chain, once; others have no paths.

        Args:
            param_group: of the constructor.

        Raises:
            ValueError: there is a group already.
        """
        if self.param_groups:
            raise ValueError(
                "PathSGD takes the parameters of its model and no others; give them an optimizer of their own."
            )
        super().add_param_group(param_group)

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
        (group,) = self.param_groups
        # kappa has two factors, and so a gradient is divided by it without another matrix.
        divisors: dict[Tensor, tuple[Tensor, Tensor | None]] = {}
        for layer, (head, foot) in zip(self._chain, _factors(self._chain, group["p"]), strict=True):
            divisors[layer.weight] = (_inverse(head)[:, None], _inverse(foot))
            if layer.bias is not None:
                divisors[layer.bias] = (_inverse(head), None)
        params, gradients = with_gradients(group["params"], taker="PathSGD")
        steps = []
        for p, gradient in zip(params, gradients, strict=True):
            by_head, by_foot = divisors[p]
            step = gradient * by_head
            steps.append(step if by_foot is None else step.mul_(by_foot))
        sgd(
            params, steps, [None] * len(params), lr=group["lr"], weight_decay=0.0, momentum=0.0, dampening=0.0,
            nesterov=False, maximize=False, foreach=group["foreach"], fused=group["fused"],
        )  # fmt: skip
        return loss
