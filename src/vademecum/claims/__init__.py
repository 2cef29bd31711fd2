"""Evidence: for a technique, one small experiment that anybody can run again in at most two minutes.

``claims/<slug>.py`` holds ``claim(seed) -> Outcome``. A claim says that a mechanism is shown at small scale; it
never says that a paper is reproduced. One that does not hold here says so.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from vademecum._core.cards import card
from vademecum._core.errors import InputError, nearest

from ._outcome import Outcome as Outcome

__all__ = ["Outcome", "claimed", "run"]


@cache
def claimed() -> tuple[str, ...]:
    """List the techniques that have a claim.

    Returns:
        Slugs, sorted.
    """
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py")))


def run(slug: str, *, seed: int = 0) -> Outcome:
    """Run a technique's experiment.

    Args:
        slug: of the technique.
        seed: everything random follows from it.

    Returns:
        What was measured, and whether it shows what the paper says.

    Raises:
        InputError: the technique has no claim.
    """
    slug = card(slug).slug
    if slug not in claimed():
        close = nearest(slug, claimed(), count=3)
        raise InputError(
            f"the technique must have a claim: {slug} has none; {'these have: ' + ', '.join(close or claimed())}."
        )
    outcome: Outcome = import_module(f"vademecum.claims.{slug}").claim(seed)
    return outcome
