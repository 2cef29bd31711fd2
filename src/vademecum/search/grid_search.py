r"""Grid search: try every combination of evenly spaced values.

It is right for one dimension, for words, and where a picture of the whole space is wanted. Beyond two dimensions its
tries are spent on repeating the same few values of the dimension that matters.

$$ \{x_{1,1}, \dots, x_{1,n_1}\} \times \dots \times \{x_{d,1}, \dots, x_{d,n_d}\}, \qquad N = \prod_j n_j $$

Also called: factorial design, parameter sweep.
Departures: the numbers of values are chosen here: as many for each numeric dimension as keep the product within the
    number of tries; words are all tried.
Pitfalls: with d dimensions a grid of N tries has N to the power 1/d values of each.
Claim: none, because random_search shows what it lacks.
Peer: scikit-learn's ParameterGrid, Optuna's GridSampler.

References:
    bergstra2012random: section 1, the definition and its cost.
"""

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

from .log_uniform import Choice, Prior

__all__ = ["grid_search"]


def grid_search(space: Mapping[str, Prior], *, num_trials: int) -> tuple[dict[str, Any], ...]:
    """List the tries of the finest even grid that has no more than a number of tries.

    Args:
        space: prior by name; the last one changes fastest.
        num_trials: N at most.

    Returns:
        The tries, a value for each name.

    Raises:
        ValueError: the space is empty, or its words alone have more combinations.

    Example:
        >>> from vademecum.search import parse_prior
        >>> space = {"norm": parse_prior("batch,layer"), "rate": parse_prior("log:0.001..0.1")}
        >>> [t["rate"] for t in grid_search(space, num_trials=7) if t["norm"] == "layer"]
        [0.001, 0.01, 0.1]
    """
    words = prod(len(p.options) for p in space.values() if isinstance(p, Choice))
    numeric = sum(not isinstance(p, Choice) for p in space.values())
    if not space or words > num_trials:
        raise ValueError(
            f"a grid needs a dimension, and a try for each combination of words: {len(space)} dimensions with {words} "
            f"combinations and {num_trials} tries came; allow more tries."
        )
    num = 1
    while numeric and words * (num + 1) ** numeric <= num_trials:
        num += 1
    return tuple(dict(zip(space, values)) for values in product(*(p.grid(num) for p in space.values())))
