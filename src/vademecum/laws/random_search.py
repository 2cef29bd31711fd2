"""Laws of random search: each dimension by its prior, all independent, and N different values on each."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from vademecum.search import Choice, Prior, Range, random_search

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

SPACE: Mapping[str, Prior] = {
    "x": Range(low=0.0, high=1.0),
    "y": Range(low=1e-4, high=1.0, log=True),
    "word": Choice(("a", "b", "c", "d")),
}
DRAWS = 2000
WIDE = 4.0
"""Standard deviations that a right count does not leave in 15,000 tries."""

Tries = tuple[dict[str, Any], ...]


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def outside(count: float, share: float) -> Pair:
    """By how many deviations more than allowed a count of DRAWS differs from its share."""
    deviation = (DRAWS * share * (1 - share)) ** 0.5
    got = torch.tensor(max(0.0, abs(count - DRAWS * share) / deviation - WIDE), dtype=torch.float64)
    return got, torch.zeros_like(got)


def each_by_its_prior(build: Build, draw: Draw) -> Iterator[Pair]:
    tries = build(draw)(SPACE, num_trials=DRAWS, generator=seeded())
    yield outside(sum(t["x"] < 0.25 for t in tries), 0.25)
    yield outside(sum(t["y"] < 1e-2 for t in tries), 0.5)
    for word in "abcd":
        yield outside(sum(t["word"] == word for t in tries), 0.25)


def dimensions_are_independent(build: Build, draw: Draw) -> Iterator[Pair]:
    tries = build(draw)(SPACE, num_trials=DRAWS, generator=seeded())
    yield outside(sum(t["x"] < 0.5 and t["y"] < 1e-2 for t in tries), 0.25)
    yield outside(sum(t["x"] < 0.5 and t["word"] in "ab" for t in tries), 0.25)


def projections_differ(build: Build, draw: Draw) -> Iterator[Pair]:
    count = draw.shape[0]
    tries = build(draw)(SPACE, num_trials=count, generator=seeded())
    got = torch.tensor([len(tries), len({t["x"] for t in tries}), len({t["y"] for t in tries})])
    yield got, torch.full((3,), count)


def the_generator_decides(build: Build, draw: Draw) -> Iterator[Pair]:
    def once(count: int, seed: int) -> torch.Tensor:
        tries = build(draw)(SPACE, num_trials=count, generator=seeded(seed))
        return torch.tensor([[t["x"], t["y"]] for t in tries], dtype=torch.float64)

    torch.manual_seed(draw.shape[0])
    first = once(5, 1)
    torch.manual_seed(draw.shape[0] + 1)
    yield once(5, 1), first
    yield once(3, 1), first[:3]  # more tries go on where fewer stopped
    same = (once(5, 2) == first).double()
    yield same, torch.zeros_like(same)


def grid_like(space: Mapping[str, Prior], *, num_trials: int, generator: torch.Generator) -> Tries:
    tries = random_search(space, num_trials=num_trials, generator=generator)
    return tuple({**t, "x": round(t["x"] * 3) / 3} for t in tries)


def all_from_one_draw(space: Mapping[str, Prior], *, num_trials: int, generator: torch.Generator) -> Tries:
    tries = random_search(space, num_trials=num_trials, generator=generator)
    return tuple({**t, "y": 1e-4 * 1e4 ** t["x"], "word": "abcd"[int(4 * t["x"])]} for t in tries)


def own_stream(space: Mapping[str, Prior], *, num_trials: int, generator: torch.Generator) -> Tries:
    return random_search(space, num_trials=num_trials, generator=torch.default_generator)


def prior_forgotten(space: Mapping[str, Prior], *, num_trials: int, generator: torch.Generator) -> Tries:
    flat = {n: Range(low=p.low, high=p.high) if isinstance(p, Range) else p for n, p in space.items()}
    return random_search(flat, num_trials=num_trials, generator=generator)


SUITES = (
    Suite(
        technique="random_search",
        part="random_search",
        subjects={"random_search": random_search},
        interface=Interface(kind="function", inputs=("space", "num_trials", "generator")),
        cases=({},),
        shapes=lambda a: ((5,), (20,)),
        laws=(
            Law("each_by_its_prior", r"$$ x_j \sim p_j $$", each_by_its_prior, EXACT),
            Law("dimensions_are_independent", r"$$ p(x) = \prod_j p_j(x_j) $$", dimensions_are_independent, EXACT),
            Law("projections_differ", "N tries have N different values on each numeric dimension.", projections_differ, EXACT),
            Law("the_generator_decides", "The same generator gives the same tries, whatever torch's own stream did.", the_generator_decides, EXACT),
        ),
        twins=(
            Twin("grid_like", grid_like, "your tries repeat values: each try draws every dimension anew."),
            Twin("one_draw", all_from_one_draw, "all dimensions follow from one draw; draw each by itself."),
            Twin("own_stream", own_stream, "you draw from torch's own stream; draw from the generator."),
            Twin("prior_forgotten", prior_forgotten, "you draw evenly between the ends; draw from the prior."),
        ),
    ),
)  # fmt: skip
