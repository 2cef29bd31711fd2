r"""Gaussian error linear unit: weigh the input by the chance that a standard normal lies below it.

Smooth where the rectifier has a corner, slightly negative left of zero; the usual choice in transformers. There
are three forms in use, and a net must be run with the one that it was trained with: exact (BERT), tanh (GPT-2) and
sigmoid (CLIP).

$$ f(x) = x\,\Phi(x) = \tfrac{x}{2}\left(1 + \mathrm{erf}\tfrac{x}{\sqrt 2}\right), \qquad
f_{tanh}(x) = \tfrac{x}{2}\left(1 + \tanh\left(\sqrt{2/\pi}\,(x + 0.044715 x^3)\right)\right), \qquad
f_{sigmoid}(x) = x\,\sigma(1.702 x) $$

Also called: GELU, quick GELU.
Departures: none. torch's `GELU(approximate="none" | "tanh")` has two of the forms; `SigmoidGELU` is the third.
Pitfalls: weights trained with one form and run with another. The tanh form is at most 4.8e-4 off the exact one, the
    sigmoid form 2.1e-2; errors add up over the layers. It is not monotone: its minimum is -0.16997 at -0.75179.
Claim: in eight layers on the digits not worse than ReLU by more than 0.02; the paper's gain is within the noise
    there.
Peer: torch (ours is torch's class; torch has no sigmoid form).

References:
    hendrycks2016gaussian: section 2.
"""

import torch
from torch import Tensor, nn
from torch.nn import GELU as GELU

__all__ = ["GELU", "SigmoidGELU"]


class SigmoidGELU(nn.Module):
    """The sigmoid form of GELU, x * sigmoid(1.702 x), which needs no error function.

    Example:
        >>> SigmoidGELU()(torch.tensor([-100.0, 0.0, 100.0])).tolist()
        [-0.0, 0.0, 100.0]
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Weigh the input.

        Args:
            input: any shape.

        Returns:
            The same shape.
        """
        return input * torch.sigmoid(1.702 * input)
