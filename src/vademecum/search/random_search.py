r"""Random search: draw every try anew from the whole space, all dimensions at once.

Of many hyper-parameters few matter, and one does not know which. N random tries put N different values on each
dimension, where a grid of N tries puts N to the power 1/d. It needs no order, so any number of workers can share it.

$$ x_i \sim \prod_j p_j, \quad i = 1 \dots N; \qquad
   P(\text{a try among the best share } q) = 1 - (1 - q)^N $$

Also called: Monte Carlo search, random sampling.
Pitfalls: the best of N validation scores is too good an estimate by as much as N tries can be lucky: test the chosen
    one on other data, once.
Claim: none, because `log_uniform` makes it, and the advantage over a grid is the law of the projections.
Peer: Optuna's RandomSampler, scikit-learn's ParameterSampler.

References:
    bergstra2012random: section 2 and figure 1; 59 tries reach the best 5 % with 95 % probability.
"""

from collections.abc import Mapping
from typing import Any

import torch

from .log_uniform import Prior

__all__ = ["random_search"]


def random_search(
    space: Mapping[str, Prior], *, num_trials: int, generator: torch.Generator
) -> tuple[dict[str, Any], ...]:
    """Draw tries from a space.

    Args:
        space: prior by name.
        num_trials: N.
        generator: where randomness comes from.

    Returns:
        N tries, a value for each name; the first n of N + 1 tries are the N tries.

    Raises:
        ValueError: the space is empty or the number is below 1.

    Example:
        >>> from vademecum.search import parse_prior
        >>> space = {"rate": parse_prior("log:1e-4..1e-1"), "norm": parse_prior("batch,layer")}
        >>> tries = random_search(space, num_trials=100, generator=torch.Generator().manual_seed(0))
        >>> len({t["rate"] for t in tries}), sum(t["rate"] < 1e-3 for t in tries) > 20  # a third are
        (100, True)
    """
    if not space or num_trials < 1:
        raise ValueError(
            f"random search needs a dimension and a try: {len(space)} and {num_trials} came; name at least one each."
        )
    return tuple(
        {name: prior.sample(generator=generator) for name, prior in space.items()} for _ in range(num_trials)
    )
