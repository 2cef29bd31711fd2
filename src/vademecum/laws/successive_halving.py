"""Laws of successive halving: who goes on, with what budget, and what it costs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from vademecum.search.successive_halving import Halving, Round, successive_halving

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_paper(
    quality: list[float], least: int, most: int, eta: int
) -> tuple[int, list[list[int]], list[int]]:
    """The inner loop of Hyperband: n_k = floor(n eta^-k), r_k = r eta^k."""
    left, rounds, budgets, k = list(range(len(quality))), [], [], 0
    while least * eta**k <= most and len(quality) // eta**k >= 1:
        left = sorted(left, key=lambda c: -quality[c])[: len(quality) // eta**k]
        rounds.append(sorted(left))
        budgets.append(least * eta**k)
        k += 1
    return max(left, key=lambda c: quality[c]), rounds, budgets


def padded(rounds: Sequence[Sequence[int]], width: int) -> torch.Tensor:
    return torch.tensor([[*row, *[-1] * (width - len(row))] for row in rounds])


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    quality = draw.normal(name="quality").tolist()
    asked: dict[int, list[int]] = {}

    def evaluate(candidate: int, budget: int) -> float:
        asked.setdefault(budget, []).append(candidate)
        return quality[candidate]

    found = build(draw)(range(len(quality)), evaluate, **draw.arguments)
    best, rounds, budgets = by_the_paper(quality, **draw.arguments)
    yield torch.tensor([*asked]), torch.tensor(budgets)
    if list(asked) == budgets:
        yield padded([sorted(a) for a in asked.values()], len(quality)), padded(rounds, len(quality))
    yield torch.tensor(found.best), torch.tensor(best)


def the_last_round_decides(build: Build, draw: Draw) -> Iterator[Pair]:
    """What is best with little is not best with much: scores of an earlier round do not count."""
    count = draw.shape[0]

    def evaluate(candidate: int, budget: int) -> float:
        return float(candidate) if budget == draw.arguments["least"] else 100.0 - candidate

    found = build(draw)(range(count), evaluate, **draw.arguments)
    rounds = by_the_paper([float(c) for c in range(count)], **draw.arguments)[1]
    alone = len(rounds) == 1
    survivors = rounds[min(1, len(rounds) - 1)]
    yield torch.tensor(found.best), torch.tensor(max(survivors) if alone else min(survivors))


def what_is_no_number_goes_first(build: Build, draw: Draw) -> Iterator[Pair]:
    count = draw.shape[0]
    found = build(draw)(range(count), lambda c, _: float("nan") if c % 2 else float(-c), **draw.arguments)
    yield torch.tensor(found.best), torch.tensor(0)


def the_cost_is_counted(build: Build, draw: Draw) -> Iterator[Pair]:
    spent = []

    def evaluate(candidate: int, budget: int) -> float:
        spent.append(budget)
        return float(candidate)

    found = build(draw)(range(draw.shape[0]), evaluate, **draw.arguments)
    yield torch.tensor(found.spent), torch.tensor(sum(spent))
    yield torch.tensor(max(spent) <= draw.arguments["most"]), torch.tensor(True)


Evaluate = Callable[[Any, int], float]


def keeps_the_worst(c: Sequence[Any], evaluate: Evaluate, **settings: int) -> Halving[Any]:
    return successive_halving(c, lambda one, budget: -evaluate(one, budget), **settings)


def halves_always(c: Sequence[Any], evaluate: Evaluate, *, least: int, most: int, eta: int) -> Halving[Any]:
    return successive_halving(c, evaluate, least=least, most=most, eta=2 if eta != 2 else 4)


def one_round_more(c: Sequence[Any], evaluate: Evaluate, *, least: int, most: int, eta: int) -> Halving[Any]:
    return successive_halving(c, evaluate, least=least, most=most * eta, eta=eta)


def first_round_decides(c: Sequence[Any], evaluate: Evaluate, **settings: int) -> Halving[Any]:
    first: dict[Any, float] = {}
    return successive_halving(c, lambda one, b: first.setdefault(one, evaluate(one, b)), **settings)


def nan_is_best(c: Sequence[Any], evaluate: Evaluate, **settings: int) -> Halving[Any]:
    def infinite(one: Any, budget: int) -> float:
        score = evaluate(one, budget)
        return score if score == score else float("inf")

    return successive_halving(c, infinite, **settings)


def counts_candidates_alone(c: Sequence[Any], evaluate: Evaluate, **settings: int) -> Halving[Any]:
    found = successive_halving(c, evaluate, **settings)
    return replace(found, rounds=tuple(Round(1, r.candidates, r.scores) for r in found.rounds[:1]))


SUITES = (
    Suite(
        technique="successive_halving",
        part="successive_halving",
        subjects={"successive_halving": successive_halving},
        interface=Interface(kind="function", arguments=("least", "most", "eta"), inputs=("candidates", "evaluate")),
        cases=({"least": 1, "most": 9, "eta": 3}, {"least": 2, "most": 17, "eta": 2}, {"least": 1, "most": 3, "eta": 3}),
        shapes=lambda a: ((9,), (14,)),
        laws=(
            Law("by_the_paper", r"$$ n_k = \lfloor n \eta^{-k} \rfloor, \quad r_k = r \eta^k $$", definition, EXACT),
            Law("the_last_round_decides", "Scores are compared within a round, and the last one decides.", the_last_round_decides, EXACT),
            Law("what_is_no_number_goes_first", "A score that is not a number is worse than all.", what_is_no_number_goes_first, EXACT),
            Law("the_cost_is_counted", r"$$ \sum_k n_k r_k, \quad r_k \le R $$", the_cost_is_counted, EXACT),
        ),
        twins=(
            Twin("keeps_the_worst", keeps_the_worst, "you keep the candidates with the least scores: more is better."),
            Twin("other_factor", halves_always, "your factor is not eta."),
            Twin("one_round_more", one_round_more, "a round has more budget than allowed."),
            Twin("first_round_decides", first_round_decides, "you keep scores of an earlier round; evaluate anew with the larger budget."),
            Twin("nan_is_best", nan_is_best, "a score that is not a number counts as the best."),
            Twin("uncounted", counts_candidates_alone, "what was spent counts the first round alone."),
        ),
    ),
)  # fmt: skip
