r"""Locked dropout: one mask for all steps of a sequence, another for each sequence.

Use it on the inputs and outputs of recurrent layers: what is dropped stays dropped from the first step to the last,
so that the state is not disturbed anew at every step. The masks of the recurrent connections are those of the
weights: `WeightDrop`.

$$ y_{tbf} = \frac{m_{bf}}{1 - p} x_{tbf}, \qquad m_{bf} \sim \text{Bernoulli}(1 - p) $$

In evaluation it is the identity.

Also called: variational dropout (another thing than Gaussian dropout with a learned variance, which has the same
    name), variational RNN dropout.
Departures: Gal and Ghahramani drop from the recurrent state as well; Merity et al., as here, leave that to the weights.
Pitfalls: the dimension of time is the first, as in torch's recurrent layers, unless batch_first says otherwise;
    with the wrong one, steps are dropped and sequences share a mask. A sequence that is read in two halves gets two
    masks.
Claim: none, because the papers' gain is perplexity of language models that train for hours.
Peer: fastai's RNNDropout and the LockedDropout of awd-lstm-lm (compared by reading: the same equation).

References:
    gal2016theoretically: section 4.
    merity2018regularizing: section 4.2.
"""

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ._checks import floating, probability

__all__ = ["LockedDropout"]


class LockedDropout(nn.Module):
    """Dropout with one mask for all steps.

    Args:
        p: probability of dropping a feature for the whole sequence.
        batch_first: whether the input is (B, T, ...) and not (T, B, ...).

    Raises:
        ValueError: p is no probability.

    Example:
        >>> import torch
        >>> y = LockedDropout(0.5)(torch.ones(3, 2, 5))  # 3 steps, 2 sequences
        >>> bool((y == y[0]).all()), set(y.unique().tolist()) <= {0.0, 2.0}
        (True, True)
    """

    def __init__(self, p: float = 0.5, *, batch_first: bool = False) -> None:
        super().__init__()
        self.p = probability(p)
        self.batch_first = batch_first

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"p={self.p}, batch_first={self.batch_first}"

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Drop features for all steps.

        Args:
            input: (T, B, ...), or (B, T, ...) with batch_first.

        Returns:
            The same shape.

        Raises:
            TypeError: the input is a packed sequence, or no floating-point tensor.
            ValueError: the input has no dimensions of time, batch and features.
        """
        if isinstance(input, PackedSequence):
            raise TypeError(
                "LockedDropout takes a padded tensor: a PackedSequence came; pack after it, or pad first with "
                "torch.nn.utils.rnn.pad_packed_sequence."
            )
        floating(input, "LockedDropout")
        if input.dim() < 3:
            shape = "(B, T, ...)" if self.batch_first else "(T, B, ...)"
            raise ValueError(
                f"the input must be {shape} with features: it is {tuple(input.shape)}; add the missing dimensions."
            )
        if not self.training:
            return input
        time = int(self.batch_first)
        one = input.new_ones([1 if d == time else size for d, size in enumerate(input.shape)])
        return input * nn.functional.dropout(one, self.p)
