r"""Spatial dropout: leave whole feature maps out, for neighboring pixels tell what a dropped pixel was.

Use it after convolutions, in the place of dropout: there, a value and its neighbors carry nearly the same signal
and get nearly the same gradient, so that dropping single values acts as a lower learning rate and little else.

$$ y_{bchw} = \frac{m_{bc}}{1 - p} x_{bchw}, \qquad m_{bc} \sim \text{Bernoulli}(1 - p) $$

In evaluation it is the identity.

Example:
    >>> import torch
    >>> y = Dropout2d(0.5)(torch.ones(64, 32, 3, 3))
    >>> maps = y.flatten(2)  # each map is all 0 or all 2
    >>> bool((maps == maps[..., :1]).all()), sorted(maps.unique().tolist())
    (True, [0.0, 2.0])

Also called: SpatialDropout, channel dropout, Dropout1d, Dropout2d, Dropout3d.
Departures: none.
Pitfalls: the right class is that of the input's dimensions of space: torch takes a three-dimensional input of
    Dropout2d for (B, C, T), with a warning, and one of Dropout3d that has four dimensions for a single example. Small
    nets have few maps to spare: with 16 of them and p = 0.5 half the capacity is gone.
Claim: none, because the paper's gain is on the localization of joints in large images; its mechanism, one mask for each
    map, is what the laws hold.
Peer: torch (ours are torch's classes).

References:
    tompson2015efficient: section 3.2.
"""

from torch.nn import Dropout1d as Dropout1d
from torch.nn import Dropout2d as Dropout2d
from torch.nn import Dropout3d as Dropout3d

__all__ = ["Dropout1d", "Dropout2d", "Dropout3d"]
