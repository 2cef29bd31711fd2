r"""Activation penalty: prefer small hidden states (AR), and states that change slowly (TAR).

Use it in recurrent language models beside dropout. Weight decay holds the parameters down; these two hold the states
down, which is where a recurrent net wanders.

$$ \mathrm{AR} = \alpha\, \overline{(m \odot h)^2}, \qquad
\mathrm{TAR} = \beta\, \overline{(h_{t+1} - h_t)^2} $$

where m is the dropout mask of the last layer's output h, already divided by its rate of keeping, and the bar a mean
over time, batch and units. AR takes the output after dropout, TAR the one before it. Both are added as they are to a
cross-entropy that is a mean over tokens.

Also called: AR, TAR, activity regularization, temporal activation regularization, slowness.
Departures: the papers write an L2 norm; their code takes the mean of squares, and so does this.
Pitfalls: the defaults belong to the mean; with a sum, or a mean of norms, they are far too strong or too weak. Given
    (B, T, F), TAR needs dim=1. Padding counts as states: cut it off first.
Claim: none, because what they gain is tenths of a perplexity in a model that is trained for days.
Peer: none runs; the means are those of the paper's code (salesforce/awd-lstm-lm), as a test writes them out.

References:
    merity2018regularizing: section 4.6, AR and TAR, and the coefficients in section 5.
    merity2017revisiting: Eq. 1 and 2, where both were proposed.
"""

from torch import Tensor

__all__ = ["activation_penalty", "temporal_activation_penalty"]


def activation_penalty(dropped: Tensor, alpha: float = 2.0) -> Tensor:
    """Penalize the size of activations (AR).

    Args:
        dropped: (T, B, F), or any shape: the last layer's output after dropout.
        alpha: the strength.

    Returns:
        () alpha times the mean square over everything.

    Raises:
        ValueError: there is no activation.

    Example:
        >>> import torch
        >>> activation_penalty(torch.tensor([[[3.0, 0.0]], [[0.0, 1.0]]])).item()  # twice the mean of 9, 0, 0, 1
        5.0
    """
    if dropped.numel() == 0:
        raise ValueError(
            f"the activations must hold a value: they are {tuple(dropped.shape)}; skip the penalty for empty batches."
        )
    return alpha * dropped.square().mean()


def temporal_activation_penalty(raw: Tensor, beta: float = 1.0, *, dim: int = 0) -> Tensor:
    """Penalize the change of activations from one step to the next (TAR).

    Args:
        raw: (T, B, F), or any shape: the last layer's output before dropout.
        beta: the strength.
        dim: which dimension is time.

    Returns:
        () beta times the mean square of all differences; 0 where there is but one step.

    Raises:
        ValueError: there is no activation.

    Example:
        >>> import torch
        >>> temporal_activation_penalty(torch.tensor([[[0.0]], [[1.0]], [[4.0]]])).item()  # the mean of 1 and 9
        5.0
    """
    if raw.dim() == 0 or raw.numel() == 0:
        raise ValueError(
            f"activations must have a dimension of time and hold a value: they are {tuple(raw.shape)}; give (T, B, F)."
        )
    if raw.shape[dim] == 1:
        return raw.new_zeros(())
    return beta * raw.diff(dim=dim).square().mean()
