r"""Hyperbolic tangent: squash a number into (-1, 1), symmetrically about zero.

The sigmoid to take between hidden layers, if one must be taken: its outputs are centered. `ScaledTanh` is LeCun's
variant, stretched so that it passes through (1, 1) and (-1, -1) and keeps unit variance near there.

$$ \tanh(x) = 2\sigma(2x) - 1, \qquad \tanh' = 1 - \tanh^2, \qquad f_{scaled}(x) = 1.7159 \tanh(\tfrac23 x) $$

Also called: tanh, hyperbolic tangent, LeCun's tanh.
Departures: none.
Pitfalls: it saturates as the logistic sigmoid does. torch's `calculate_gain("tanh")` is 5/3, a rule of thumb; the
    gain that keeps the mean square of a standard normal is 1.5925 (`vademecum.nn.init.gain`).
Claim: none; that six layers of tanh learn where six of sigmoids do not is shown by that of sigmoid.
Peer: torch (ours is torch's class; torch has no scaled form).

References:
    lecun1998efficient: section 4.4.
"""

import torch
from torch import Tensor, nn
from torch.nn import Tanh as Tanh

__all__ = ["ScaledTanh", "Tanh"]


class ScaledTanh(nn.Module):
    """LeCun's tanh, 1.7159 tanh(2x/3), for which f(1) = 1 and f(-1) = -1 to four digits.

    Example:
        >>> ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0, 50.0]))
        tensor([-1.0000, 0.0000, 1.0000, 1.7159])
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Squash the input.

        Args:
            input: any shape.

        Returns:
            The same shape, within (-1.7159, 1.7159).
        """
        return 1.7159 * torch.tanh(input * (2 / 3))
