r"""Preprocessing chain: fit several scalers in a row, each on what the one before makes of the training part.

A chain is an ``nn.Sequential``: scale, reduce, whiten, and the network behind them, so that new examples go
through what the training examples went through, and one file saves all. Build and fit a new chain for each fold
of a cross-validation: a chain that has seen the other folds has seen the test.

$$ s_1 = \operatorname{fit}(x_T), \qquad s_{i+1} = \operatorname{fit}\bigl((s_i \circ \dots \circ s_1)(x_T)\bigr) $$

where $x_T$ is the training part.

Also called: pipeline, make_pipeline.
Departures: none.
Pitfalls: what stands between the scalers is applied as it is: put no layer there that is to be trained.
Laws: none, because there is nothing to it but the order; its tests compare it with scikit-learn's Pipeline.
Claim: none, because that of `leakage` shows what fitting outside the folds does.
Peer: scikit-learn's Pipeline.

References:
    hastie2009elements: section 7.10.2, all steps that are fitted belong inside the fold.
    pedregosa2011scikit: the class Pipeline.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ._statistics import refuse_second_fit, training_part
from .split import View

__all__ = ["fit_all"]

Chain = TypeVar("Chain", bound=Iterable[nn.Module])


def fit_all(chain: Chain, x: Tensor | View) -> Chain:
    """Fit every part of a chain that can be fitted, in order.

    Parts without a method ``fit`` are applied as they are; those behind the last part that is fitted, such as the
    network, are not run.

    Args:
        chain: an ``nn.Sequential``, or modules in order, each fitted in place.
        x: the training part, as the first takes it; or a view of it.

    Returns:
        The chain itself.

    Raises:
        ValueError: nothing in the chain can be fitted, something is fitted already, or x is a view of another
            part; nothing is changed then. Where a later part refuses what reaches it, those before it are
            fitted: build the chain anew.

    Example:
        >>> from vademecum.data import PCA, Split, Standardize
        >>> parts = Split(train=torch.tensor([0, 1, 2]), val=torch.tensor([3]), test=torch.tensor([4]))
        >>> x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [2.0, 20.0], [4.0, 40.0]])
        >>> chain = fit_all(nn.Sequential(Standardize(2), PCA(2, 1)), parts.view(x, "train"))
        >>> chain(x[parts.val])  # the mean of the training part
        tensor([[0.]])
    """
    modules = list(chain)
    places = [i for i, module in enumerate(modules) if hasattr(module, "fit")]
    if not places:
        kinds = ", ".join(type(module).__name__ for module in modules) or "no parts"
        raise ValueError(f"a chain must hold something to fit: it has {kinds}; put a scaler into it.")
    for i in places:
        if hasattr(modules[i], "fitted"):
            refuse_second_fit(modules[i])
    x = training_part(x)
    with torch.no_grad():
        for i, module in enumerate(modules[: places[-1] + 1]):
            if i in places:
                scaler: Any = module
                scaler.fit(x)
            if i < places[-1]:
                x = module(x)
    return chain
