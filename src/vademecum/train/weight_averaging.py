r"""Weight averaging: the mean of the weights that training passes through, as one network.

Use it at the end of a training: with a high constant rate the weights wander around a minimum, and their mean lies
nearer to its middle than any of them. It costs a copy of the weights and nothing at test time. A moving average
(`get_ema_avg_fn`) does the same all along.

$$ \theta_{SWA} = \frac{1}{n} \sum_{i=1}^{n} \theta_i, \qquad
   \theta_{EMA} \leftarrow \beta\, \theta_{EMA} + (1 - \beta)\, \theta $$

The first update copies the weights; both formulas hold from the second on.

Also called: SWA, stochastic weight averaging, EMA, Polyak-Ruppert averaging, `AveragedModel`.
Departures: torch's `update_bn` estimates the statistics of batch normalization with dropout switched on, which
    evaluation does not have. It is not taken over: `vademecum.nn.recalibrate` estimates what evaluation sees.
Pitfalls: the averaged network's running statistics fit none of its weights until they are estimated anew (example
    below); with `use_buffers=True` they are averaged instead, which the paper does not do. SWA averages only once a run
    has settled: average weights of the first epochs and the mean is of the way there. Weights of different runs have no
    mean worth having.
Claim: on the digits with a third of the labels wrong, at a high constant rate, the averaged net has a lower test
    cross-entropy than the last iterate, and is no less accurate.
Peer: none.

References:
    izmailov2018averaging: Algorithm 1, with the pass that recomputes the statistics of batch normalization.
    polyak1992acceleration: averaging of the iterates.

Example:
    >>> import torch
    >>> from vademecum.nn import recalibrate
    >>> net = torch.nn.Sequential(torch.nn.BatchNorm1d(1), torch.nn.Linear(1, 1))
    >>> averaged = AveragedModel(net)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = torch.nn.init.constant_(net[1].weight, value)
    ...     averaged.update_parameters(net)
    >>> averaged.module[1].weight.item()
    3.0
    >>> recalibrate(averaged, [torch.tensor([[0.0], [2.0]])])
    >>> averaged.module[0].running_mean.item()
    1.0
"""

from torch.optim.swa_utils import (
    SWALR,
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
)

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
]
