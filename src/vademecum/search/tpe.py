r"""Tree-structured Parzen estimator: try where good tries were dense and bad ones were not.

The tries so far are cut into the best share and the rest; a density is laid over each, and the next try is the draw
from the first at which their ratio is largest. It finds a narrow region with fewer tries than random search, and can
be fooled by noise that random search ignores.

$$ x^* = \arg\max_{x \sim l} \frac{l(x)}{g(x)}, \qquad
   l(x) = p(x \mid y > y^*), \qquad g(x) = p(x \mid y \le y^*) $$

Also called: TPE, sequential model-based optimization.
Departures: the densities are Optuna's, with its own share of good tries and its own bandwidths; a failed try counts
    as worse than all others.
Pitfalls: the first ten tries are random, so below some twenty it hardly differs from random search; scores of one
    seed are noisy, and it will crowd around a lucky one; tries that run at the same time do not know of one another.
Laws: none, because the densities are Optuna's; its tests hold that tries stay in the space, follow a generator and
    crowd around the better half.
Claim: none, because Optuna's own tests and the paper's experiments have it.
Peer: Optuna's TPESampler, which it asks; hyperopt's.

References:
    bergstra2011algorithms: section 4, Eq. 2 and 3.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .log_uniform import Prior, Range

__all__ = ["tpe"]


def tpe(
    space: Mapping[str, Prior],
    history: Sequence[tuple[Mapping[str, Any], float | None]],
    *,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Propose the next try.

    Args:
        space: prior by name.
        history: tries so far with their scores, more is better; None for one that failed. The order does not matter.
        generator: where randomness comes from.

    Returns:
        A value for each name.

    Raises:
        ModuleNotFoundError: Optuna is not installed.
        ValueError: the space is empty.

    Example:
        >>> from vademecum.search import parse_prior
        >>> space = {"x": parse_prior("lin:0..1")}
        >>> history = [({"x": i / 40}, -abs(i / 40 - 0.75)) for i in range(40)]
        >>> draw = torch.Generator().manual_seed(0)
        >>> sum(abs(tpe(space, history, generator=draw)["x"] - 0.75) < 0.1 for _ in range(10))
        10
    """
    if not space:
        raise ValueError("a search needs a dimension: the space is empty; name one.")
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "tpe asks Optuna, which is not installed: pip install 'vademecum[search]', or search at random."
        ) from error

    distributions = {name: _distribution(prior) for name, prior in space.items()}
    seed = int(torch.randint(2**31, (), generator=generator))
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, multivariate=False)
        )
        least = min((score for _, score in history if score is not None), default=0.0)
        ordered = sorted(history, key=lambda row: sorted(map(str, row[0].items())))
        study.add_trials([
            optuna.trial.create_trial(
                params=dict(params), distributions=distributions, value=least - 1.0 if score is None else score
            )
            for params, score in ordered
        ])  # fmt: skip
        return dict(study.ask(distributions).params)
    finally:
        optuna.logging.set_verbosity(before)


def _distribution(prior: Prior) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(prior, Range):
        return CategoricalDistribution(prior.options)
    if prior.whole:
        return IntDistribution(int(prior.low), int(prior.high), log=prior.log)
    return FloatDistribution(prior.low, prior.high, log=prior.log)
