"""Samplers: what they refuse, and what the laws of `tpe` would be if its densities were ours."""

import math
import sys

import pytest
import torch

from vademecum.search import grid_search, parse_prior, random_search, successive_halving, tpe

SPACE = {
    "rate": parse_prior("log:1e-5..1"), "width": parse_prior("int:1..9"), "norm": parse_prior("batch,layer"),
}  # fmt: skip


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tries(count: int):
    """A history whose best rates lie around 1e-3."""
    drawn = random_search(SPACE, num_trials=count, generator=seeded(1))
    return [(t, -abs(math.log10(t["rate"]) + 3) + (t["norm"] == "layer")) for t in drawn]


def test_tpe_crowds_around_the_better_half() -> None:
    history, draw = tries(40), seeded()
    proposed = [tpe(SPACE, history, generator=draw) for _ in range(20)]
    near = sum(1e-4 < t["rate"] < 1e-2 for t in proposed)
    by_chance = 20 * 2 / 5
    assert near > by_chance + 3 * (20 * 2 / 5 * 3 / 5) ** 0.5
    assert sum(t["norm"] == "layer" for t in proposed) > 10


def test_tpe_follows_the_generator_and_not_the_order_of_the_history() -> None:
    history = tries(20)
    first = tpe(SPACE, history, generator=seeded(3))
    torch.manual_seed(99)
    assert tpe(SPACE, history[::-1], generator=seeded(3)) == first
    assert tpe(SPACE, history, generator=seeded(4)) != first


def test_tpe_stays_in_the_space_from_the_first_try_on() -> None:
    for count in (0, 1, 30):
        found = tpe(SPACE, tries(count) if count else [], generator=seeded(count))
        assert list(found) == list(SPACE)
        assert all(prior.density(found[name]) > 0 for name, prior in SPACE.items())


def test_tpe_avoids_what_failed() -> None:
    history = [(t, None if t["rate"] > 1e-3 else 0.0) for t, _ in tries(40)]
    draw = seeded()
    assert sum(tpe(SPACE, history, generator=draw)["rate"] < 1e-3 for _ in range(20)) >= 18


def test_tpe_without_optuna_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"vademecum\[search\]"):
        tpe(SPACE, [], generator=seeded())


def test_the_history_is_not_changed() -> None:
    history = tries(5)
    before = [(dict(t), score) for t, score in history]
    tpe(SPACE, history, generator=seeded())
    assert history == before


def test_59_random_tries_reach_the_best_twentieth() -> None:
    # Bergstra and Bengio: 1 - 0.95^59 = 0.951. 400 searches scatter by 1.1 %.
    draw, reached = seeded(), 0
    space = {"x": parse_prior("lin:0..1"), "y": parse_prior("lin:0..1")}
    for _ in range(400):
        found = random_search(space, num_trials=59, generator=draw)
        reached += any(t["x"] * 0.2 > 0.19 for t in found)
    assert abs(reached / 400 - (1 - 0.95**59)) < 4 * 0.011


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: random_search({}, num_trials=1, generator=seeded()), "a dimension and a try"),
        (lambda: random_search(SPACE, num_trials=0, generator=seeded()), "a dimension and a try"),
        (lambda: grid_search({}, num_trials=1), "a dimension"),
        (lambda: grid_search(SPACE, num_trials=1), "allow more tries"),
        (lambda: tpe({}, [], generator=seeded()), "a dimension"),
        (lambda: successive_halving([], lambda c, b: 0.0, least=1, most=9), "a candidate"),
        (lambda: successive_halving([1], lambda c, b: 0.0, least=9, most=1), "least <= most"),
        (lambda: successive_halving([1], lambda c, b: 0.0, least=1, most=9, eta=1), "eta"),
    ],
)
def test_what_cannot_be_searched_is_refused(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call()
