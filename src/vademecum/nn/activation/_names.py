"""From the name of an activation, as it stands in a recipe, to its module."""

from collections.abc import Callable, Mapping

from torch import nn

from vademecum._core.errors import InputError, UnknownNameError

from .gelu import GELU, SigmoidGELU
from .leaky_relu import LeakyReLU
from .prelu import PReLU
from .relu import NoisyReLU, ReLU
from .rrelu import PaperRReLU, RReLU
from .sigmoid import Sigmoid
from .tanh import ScaledTanh, Tanh

ACTIVATIONS: Mapping[str, Callable[..., nn.Module]] = {
    "elu": nn.ELU,
    "gelu": GELU,
    "identity": nn.Identity,
    "leaky_relu": LeakyReLU,
    "mish": nn.Mish,
    "noisy_relu": NoisyReLU,
    "paper_rrelu": PaperRReLU,
    "prelu": PReLU,
    "relu": ReLU,
    "rrelu": RReLU,
    "scaled_tanh": ScaledTanh,
    "selu": nn.SELU,
    "sigmoid": Sigmoid,
    "sigmoid_gelu": SigmoidGELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": Tanh,
}
"""Elementwise activations by name: the techniques' slugs, their variants in snake case, and torch's common others."""


def activation(name: str, **arguments: object) -> nn.Module:
    """Make an elementwise activation from its name.

    Args:
        name: a key of `ACTIVATIONS`; hyphens are taken for underscores, `leaky` for `leaky_relu`.
        **arguments: of the class, such as ``negative_slope=0.2``.

    Returns:
        A new module.

    Raises:
        UnknownNameError: there is no such activation; the message names the nearest.
        InputError: it is no elementwise one.

    Example:
        >>> from torch import tensor
        >>> activation("leaky_relu", negative_slope=0.5)(tensor([-4.0, 4.0]))
        tensor([-2., 4.])
        >>> activation("gleu")
        Traceback (most recent call last):
        vademecum._core.errors.UnknownNameError: ...: 'gleu' is none; did you mean 'gelu'?
    """
    wanted = name.lower().replace("-", "_")
    if wanted in {"maxout", "maxout2d"}:
        raise InputError(
            f"an activation by name acts on each number by itself: {name!r} has weights of its own; "
            "put Maxout in the place of the linear layer and its activation."
        )
    found = ACTIVATIONS.get(wanted, ACTIVATIONS.get(f"{wanted}_relu"))
    if found is None:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return found(**arguments)
