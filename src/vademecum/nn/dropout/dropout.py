r"""Dropout: leave units out at random in training, and use all of them, scaled, in evaluation.

Use it where a net is large for its data or the labels are noisy, after the large fully connected layers; on clean
and easy data it gains little. It exists in two forms of one thing, for a mask m that keeps a unit with
probability 1 - p: the paper's, which scales in evaluation, and the inverted form, which scales in training.

$$ \text{plain: } y = m \odot h \ \text{in training},\ (1 - p) h \ \text{in evaluation}; \qquad
\text{inverted: } y = \frac{m \odot h}{1 - p} \ \text{in training},\ h \ \text{in evaluation} $$

The next layer sees W y: a plain net with weights W is an inverted net with weights (1 - p) W, under the same mask
in training, and in evaluation. `fold_plain_dropout` makes the one into the other.

Evaluation stands for the mean over the $2^K$ masked nets. After a linear map it is that mean. Before a softmax, with
p = 1/2, it is their renormalized geometric mean; through further nonlinear layers it is an approximation. In linear
regression, dropout of inputs is a ridge penalty in the scale of each input:

$$ E_m \|t - (m \odot X) w\|^2 = \|t - (1 - p) X w\|^2 + p (1 - p) \sum_i w_i^2 \sum_n X_{ni}^2 $$

Also called: vanilla dropout, inverted dropout, Bernoulli dropout.
Departures: the paper's p is the probability of keeping; here, as in torch, it is that of dropping. The paper's form
    is `PlainDropout`; torch's `Dropout` is the inverted one. The paper's max-norm constraint and its higher learning
    rates are not part of the layer.
Pitfalls: keep and drop are confused easily. A forgotten `eval()` leaves the masks on. In torch, `F.dropout` drops by
    default, whatever the mode of the model is. Dropout before batch normalization gives its running variance another
    scale than evaluation has. In convolutional maps the neighbors tell what was dropped: drop whole maps.
Claim: on 500 digits with 30 % random labels dropout lowers the test error by more than a quarter; on clean digits it
    gains about two points at most, less than a third of that.
Peer: torch (ours is torch's class; the paper's form is in no library known to us).

References:
    hinton2012improving: PlainDropout, where the idea appeared.
    srivastava2014dropout: section 4; section 9.1 for linear regression; rates in appendix A.4.
    baldi2014dropout: the geometric mean, of which evaluation of PlainDropout is the closed form.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import Dropout as Dropout
from torch.nn.utils.parametrize import is_parametrized

from vademecum._torch.surgery import replaced

from ._checks import floating, probability
from ._flow import LINEAR, Flow, is_relu, is_reshape

__all__ = ["Dropout", "PlainDropout", "fold_plain_dropout"]

_HOMOGENEOUS = (
    nn.LeakyReLU, nn.PReLU, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d,
)  # fmt: skip
"""What lets a positive factor pass: f(a x) = a f(x)."""


class PlainDropout(nn.Module):
    """Dropout as the paper has it: masked and not scaled in training, scaled by 1 - p in evaluation.

    It drops what `torch.nn.Dropout` drops at the same state of torch's random stream.

    Args:
        p: probability of dropping a value.

    Raises:
        ValueError: p is no probability.

    Example:
        >>> x = torch.tensor([2.0, 4.0, 6.0, 8.0])
        >>> PlainDropout(0.25).eval()(x)
        tensor([1.5000, 3.0000, 4.5000, 6.0000])
        >>> y = PlainDropout(0.25)(x)
        >>> bool(((y == x) | (y == 0)).all())
        True
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = probability(p)

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Drop, or scale.

        Args:
            input: any shape.

        Returns:
            The same shape.
        """
        floating(input, "PlainDropout")
        if not self.training:
            return input * (1 - self.p)
        kept = nn.functional.dropout(torch.ones_like(input), self.p) != 0
        return input.where(kept, 0.0)


def fold_plain_dropout(model: nn.Module) -> nn.Module:
    """Make a net with plain dropout into the net with inverted dropout that computes the same.

    Each `PlainDropout` becomes a `torch.nn.Dropout`, and the weights of the layers that read it are scaled by 1 - p.
    The copy computes what the model computes, in training under the same masks and in evaluation, where it now costs
    nothing.

    Args:
        model: left as it is. No branch of its forward pass may depend on the data. Between a `PlainDropout` and the
            linear layers and convolutions that read it there may be only what lets a positive factor pass: ReLU and
            its leaky forms, pooling, reshaping, dropout.

    Returns:
        The copy, in the model's mode.

    Raises:
        ValueError: the model cannot be traced, holds no `PlainDropout`, or the factor cannot be moved into a layer.

    Example:
        >>> model = nn.Sequential(PlainDropout(0.75), nn.Linear(1, 1, bias=False))
        >>> _ = nn.init.constant_(model[1].weight, 8.0)
        >>> new = fold_plain_dropout(model)
        >>> new[0], new[1].weight.item()
        (Dropout(p=0.75, inplace=False), 2.0)
    """
    flow = Flow(model, instead="scale the weights of the next layers by 1 - p yourself.")
    factors: dict[str, float] = {}
    found: dict[str, nn.Module] = {}
    for node, part in flow.calls((PlainDropout,)):
        found[str(node.target)] = nn.Dropout(part.p)
        for layer in _readers(flow, node):
            factors[layer] = factors.get(layer, 1.0) * (1 - part.p)
    if not found:
        raise ValueError(
            f"the model must hold a PlainDropout: {type(model).__name__} calls none; use it as it is."
        )

    def change(path: str, part: nn.Module) -> nn.Module | None:
        return _scaled(part, factors[path]) if path in factors else found.get(path)

    return replaced(model, change)


def _readers(flow: Flow, dropout: fx.Node) -> list[str]:
    """Find the layers that a dropout's output reaches; refuse where something else reads it."""
    layers: list[str] = []
    ahead = [dropout]
    while ahead:
        node = ahead.pop()
        for user in node.users:
            part: Any = flow.part(user)
            if isinstance(part, LINEAR):
                path = str(user.target)
                if flow.uses[path] > 1 or is_parametrized(part):
                    why = "is called more than once" if flow.uses[path] > 1 else "is parametrized"
                    raise ValueError(
                        f"the layer after {flow.name(dropout)} must hold its weight for this place alone: "
                        f"{flow.name(user)} {why}; scale by hand."
                    )
                layers.append(path)
            elif (
                is_relu(user, part)
                or is_reshape(user, part)
                or isinstance(part, (PlainDropout, *_HOMOGENEOUS))
            ):
                ahead.append(user)
            else:
                raise ValueError(
                    f"the factor 1 - p of {flow.name(dropout)} must pass into a linear layer or a convolution: "
                    f"{flow.name(user)} stands between; put the dropout right before the layer."
                )
    return layers


def _scaled(layer: Any, factor: float) -> nn.Module:
    new = deepcopy(layer)
    new.weight = nn.Parameter(layer.weight.detach() * factor, layer.weight.requires_grad)
    return new
