r"""Weight drop: leave single weights out, one mask for a forward pass, so also for all steps of a sequence.

Use it on the recurrent weights of an LSTM, GRU or RNN: the connections from state to state are regularized without
a change of the layer's code or speed. On the weight of a linear layer it is DropConnect.

$$ \tilde W = \frac{M}{1 - p} \odot W, \qquad M_{ij} \sim \text{Bernoulli}(1 - p) $$

In evaluation the layer uses W.

Also called: DropConnect, weight-dropped LSTM, WD-LSTM.
Departures: Wan et al. draw a mask for each example and, in evaluation, sample from a normal approximation of the
    input of each unit; here, as in Merity et al., a mask serves the batch and evaluation uses the mean weight.
Pitfalls: a mask that is drawn at every step is another technique. The layer's parameters are in `.module`; state
    dicts have that prefix. On a GPU, cuDNN gathers the dropped weights anew in each pass, and says so in a warning.
Claim: on 500 digits with 30 % random labels, weight drop in the two larger layers lowers the test error by more than
    a quarter.
Peer: fastai's WeightDropout (compared by reading): it takes the parameter out of the layer and sets a tensor in its
    place; ours replaces it for the duration of a call.

References:
    wan2013regularization: section 3.
    merity2018regularizing: section 2.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from torch import nn
from torch.func import functional_call

from ._checks import probability

__all__ = ["WeightDrop"]


class WeightDrop(nn.Module):
    """Run a module with some of its weights dropped.

    Args:
        module: any module; it stays whole, as `.module`, and its parameters get the gradients.
        names: of its parameters, such as "weight" or "weight_hh_l0"; for recurrent layers, where it is None, all
            weights from state to state.
        p: probability of dropping a weight.

    Raises:
        ValueError: p is no probability, a name is no parameter, or there are no names.

    Example:
        >>> import torch
        >>> layer = WeightDrop(nn.Linear(4, 1000, bias=False), ["weight"], p=0.5)
        >>> _ = nn.init.ones_(layer.module.weight)
        >>> layer.eval()(torch.ones(1, 4)).unique().tolist()
        [4.0]
        >>> sorted(layer.train()(torch.ones(1, 4)).unique().tolist())  # 2 for each weight that is kept
        [0.0, 2.0, 4.0, 6.0, 8.0]
    """

    def __init__(self, module: nn.Module, names: Iterable[str] | None = None, p: float = 0.5) -> None:
        super().__init__()
        self.p = probability(p)
        present = dict(module.named_parameters())
        if names is None and isinstance(module, nn.RNNBase):
            names = [name for name in present if name.startswith("weight_hh")]
        chosen = (names,) if isinstance(names, str) else tuple(names or ())
        missing = [name for name in chosen if name not in present]
        if missing or not chosen:
            raise ValueError(
                f"names must be parameters of the module: {type(module).__name__} has {', '.join(present) or 'none'}, "
                f"{', '.join(missing) or 'no name'} came; name the weights to drop."
            )
        self.module = module
        self.names = chosen

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"names={self.names}, p={self.p}"

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """Run the module.

        Args:
            *inputs: the module's.
            **keywords: the module's.

        Returns:
            What the module returns.
        """
        if not self.training or self.p == 0:
            return self.module(*inputs, **keywords)
        dropped = {name: nn.functional.dropout(attrgetter(name)(self.module), self.p) for name in self.names}
        return functional_call(self.module, dropped, inputs, keywords)
