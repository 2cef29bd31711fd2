r"""Variable-length backpropagation through time: cut a text into windows of random length.

Use it to train a recurrent language model over many epochs: with windows of one length the same tokens stand at the
windows' ends in every epoch, and are never backpropagated through. The rate of a step goes with its window's length,
so that each token counts alike.

$$ \text{base} = b \text{ with probability } p, \text{ else } b/2; \qquad n = \max(n_{min}, \lfloor z \rfloor), \quad
   z \sim N(\text{base}, s^2); \qquad \eta_n = \eta\, n / b $$

Also called: variable BPTT, randomized sequence length.
Departures: the last window ends with the text, however short.
Pitfalls: carry the state from window to window and detach it. Scale the rate of the one step, not the schedule's.
Claim: none, because what it is for shows in a language model over hundreds of epochs.
Peer: none. The paper's code draws such lengths from NumPy's global stream.

References:
    merity2018regularizing: section 5.1, variable length backpropagation sequences.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch

__all__ = ["Window", "variable_bptt"]


class Window(NamedTuple):
    """A stretch of a text.

    Attributes:
        start: index of its first token.
        stop: index behind its last token.
        rate: factor for the learning rate of its step.

    Example:
        >>> Window(start=0, stop=35, rate=0.5).stop
        35
    """

    start: int
    stop: int
    rate: float


def variable_bptt(
    num_tokens: int,
    *,
    base: int = 70,
    p: float = 0.95,
    std: float = 5.0,
    min_length: int = 5,
    generator: torch.Generator | None = None,
) -> Iterator[Window]:
    """Cut a text into windows, anew in each epoch.

    Args:
        num_tokens: to be predicted: one less than the text has.
        base: mean length of most windows, in tokens.
        p: probability of a window around the base; else it is one around half of it.
        std: deviation of the length, in tokens.
        min_length: of each window but the last.
        generator: of the random numbers.

    Yields:
        Windows that follow each other and cover the text; for ``start:stop`` the targets are one token later.

    Raises:
        ValueError: a length is below 1, or p or std is out of range.

    Example:
        >>> list(variable_bptt(150, p=1.0, std=0.0))
        [Window(start=0, stop=70, rate=1.0), Window(start=70, stop=140, rate=1.0),
         Window(start=140, stop=150, rate=0.14285714285714285)]
    """
    if min(base, min_length) < 1 or num_tokens < 0 or not 0 <= p <= 1 or not std >= 0:
        raise ValueError(
            f"lengths must be at least 1, p from 0 to 1 and std at least 0: num_tokens={num_tokens}, base={base}, "
            f"min_length={min_length}, p={p}, std={std}; the paper takes base=70, p=0.95, std=5."
        )
    start = 0
    while start < num_tokens:
        center = base if float(torch.rand((), generator=generator)) < p else base / 2
        drawn = center + std * float(torch.randn((), generator=generator))
        stop = min(num_tokens, start + max(min_length, int(drawn)))
        yield Window(start, stop, (stop - start) / base)
        start = stop
