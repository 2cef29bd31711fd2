"""Laws of grid search: every combination once, as fine as the number of tries allows."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import torch

from vademecum.search import Choice, Prior, Range, grid_search

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

WORDS = Choice(("a", "b", "c"))
SPACES: tuple[Mapping[str, Prior], ...] = (
    {"x": Range(low=0.0, high=1.0)},
    {"word": WORDS, "x": Range(low=0.0, high=1.0)},
    {"x": Range(low=1.0, high=100.0, log=True), "word": WORDS, "y": Range(low=1, high=40, whole=True)},
)
Tries = tuple[dict[str, Any], ...]


def number(value: object) -> float:
    return float(ord(value)) if isinstance(value, str) else float(value)  # type: ignore[arg-type]


def table(tries: Tries) -> torch.Tensor:
    return torch.tensor([[number(v) for v in t.values()] for t in tries], dtype=torch.float64)


def every_combination_once(build: Build, draw: Draw) -> Iterator[Pair]:
    for space in SPACES:
        tries = build(draw)(space, num_trials=draw.shape[0])
        axes = [list(dict.fromkeys(t[name] for t in tries)) for name in space]
        yield table(tries), table(tuple(dict(zip(space, values)) for values in product(*axes)))


def as_fine_as_allowed(build: Build, draw: Draw) -> Iterator[Pair]:
    allowed = draw.shape[0]
    for space in SPACES:
        words = 3 if "word" in space else 1
        numeric = len(space) - ("word" in space)
        most = max(n for n in range(1, allowed + 1) if words * n**numeric <= allowed)
        tries = build(draw)(space, num_trials=allowed)
        got = torch.tensor([len(tries), *(len({t[n] for t in tries}) for n in space if n != "word")])
        yield got, torch.tensor([words * most**numeric, *[most] * numeric])


def both_ends_are_tried(build: Build, draw: Draw) -> Iterator[Pair]:
    for space in SPACES:
        tries = build(draw)(space, num_trials=draw.shape[0])
        for name, prior in space.items():
            if isinstance(prior, Range):
                values = [t[name] for t in tries]
                yield (
                    torch.tensor([min(values), max(values)], dtype=torch.float64),
                    torch.tensor([prior.low, prior.high], dtype=torch.float64),
                )


def diagonal(space: Mapping[str, Prior], *, num_trials: int) -> Tries:
    """Walks all dimensions at once."""
    tries = grid_search(space, num_trials=num_trials)
    axes = {name: list(dict.fromkeys(t[name] for t in tries)) for name in space}
    return tuple({name: v[i % len(v)] for name, v in axes.items()} for i in range(len(tries)))


def coarse(space: Mapping[str, Prior], *, num_trials: int) -> Tries:
    return grid_search(space, num_trials=max(num_trials // 2, 12))


def without_the_last(space: Mapping[str, Prior], *, num_trials: int) -> Tries:
    inner = {
        name: Range(low=p.low, high=p.low + 0.75 * (p.high - p.low), log=p.log, whole=False)
        if isinstance(p, Range) else p
        for name, p in space.items()
    }  # fmt: skip
    return grid_search(inner, num_trials=num_trials)


SUITES = (
    Suite(
        technique="grid_search",
        part="grid_search",
        subjects={"grid_search": grid_search},
        interface=Interface(kind="function", inputs=("space", "num_trials")),
        cases=({},),
        shapes=lambda a: ((12,), (30,)),
        laws=(
            Law("every_combination_once", r"$$ X_1 \times \dots \times X_d $$", every_combination_once, EXACT),
            Law("as_fine_as_allowed", r"$$ N = \prod_j n_j \le N_{max} $$", as_fine_as_allowed, EXACT),
            Law("both_ends_are_tried", "The least and the greatest value of each range are tried.", both_ends_are_tried, EXACT),
        ),
        twins=(
            Twin("diagonal", diagonal, "you walk all dimensions at once; a grid has every combination."),
            Twin("coarse", coarse, "your grid is coarser than the tries allow."),
            Twin("without_the_last", without_the_last, "your grid stops short of the upper end."),
        ),
    ),
)  # fmt: skip
