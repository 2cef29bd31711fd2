"""Laws of cosine annealing, from Eq. 5 of the paper."""

from collections.abc import Callable, Iterator
from math import cos, pi

from vademecum.optim.cosine_annealing import cosine_annealing, cosine_restarts

from ._schedules import CLOSED, column, interface, one, values
from ._suite import Build, Draw, Law, Pair, Suite, Twin

Schedule = Callable[[int], float]


def by_the_paper(now: int, length: int, least: float) -> float:
    return least + (1 - least) * (1 + cos(pi * now / length)) / 2


def equation(build: Build, draw: Draw) -> Iterator[Pair]:
    total, final = draw.arguments["total_steps"], draw.arguments["final"]
    steps = range(total + 1)
    yield values(build, draw, steps), column(by_the_paper(t, total, final) for t in steps)


def it_stays_at_the_end(build: Build, draw: Draw) -> Iterator[Pair]:
    total, final = draw.arguments["total_steps"], draw.arguments["final"]
    yield values(build, draw, (total, total + 1, 2 * total)), column([final] * 3)


def both_halves_are_alike(build: Build, draw: Draw) -> Iterator[Pair]:
    total, final = draw.arguments["total_steps"], draw.arguments["final"]
    steps = range(total + 1)
    yield (
        values(build, draw, steps) + values(build, draw, [total - t for t in steps]),
        column(1 + final for _ in steps),
    )


def cycles_follow_one_another(build: Build, draw: Draw) -> Iterator[Pair]:
    """Each cycle in its turn, walked step by step."""
    a = draw.arguments
    length, now, want = a["first_cycle"], 0, []
    for _ in range(200):
        want.append(by_the_paper(now, length, a["final"]))
        now += 1
        if now == length:
            now, length = 0, length * a["multiplier"]
    yield values(build, draw, range(200)), column(want)


def one_cycle_is_annealing(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    steps = range(a["first_cycle"])
    plain = cosine_annealing(a["first_cycle"], final=a["final"])
    yield values(build, draw, steps), column(plain(t) for t in steps)


def climbs_again(total_steps: int, final: float = 0.0) -> Schedule:
    return lambda t: by_the_paper(t, total_steps, final)


def straight(total_steps: int, final: float = 0.0) -> Schedule:
    return lambda t: final + (1 - final) * (1 - min(t / total_steps, 1))


def quarter(total_steps: int, final: float = 0.0) -> Schedule:
    return lambda t: final + (1 - final) * cos(pi / 2 * min(t / total_steps, 1))


def floor_is_a_bound(total_steps: int, final: float = 0.0) -> Schedule:
    return lambda t: max(final, (1 + cos(pi * min(t / total_steps, 1))) / 2)


def ends_early(total_steps: int, final: float = 0.0) -> Schedule:
    return lambda t: by_the_paper(min(t, total_steps - 1), total_steps - 1, final)


def equal_cycles(first_cycle: int, multiplier: int = 1, final: float = 0.0) -> Schedule:
    return lambda t: by_the_paper(t % first_cycle, first_cycle, final)


def longer_by_the_first(first_cycle: int, multiplier: int = 1, final: float = 0.0) -> Schedule:
    def at(t: int) -> float:
        length = first_cycle
        while t >= length:
            t, length = t - length, length + first_cycle * (multiplier - 1)
        return by_the_paper(t, length, final)

    return at


def reaches_the_end(first_cycle: int, multiplier: int = 1, final: float = 0.0) -> Schedule:
    return lambda t: by_the_paper(t % (first_cycle + 1), first_cycle, final)


def straight_cycles(first_cycle: int, multiplier: int = 1, final: float = 0.0) -> Schedule:
    return lambda t: final + (1 - final) * (1 - t % first_cycle / first_cycle)


SUITES = (
    Suite(
        technique="cosine_annealing",
        part="cosine_annealing",
        subjects={"cosine_annealing": cosine_annealing},
        interface=interface("total_steps", "final", final=0.0),
        cases=({"total_steps": 10, "final": 0.0}, {"total_steps": 37, "final": 0.1}),
        shapes=one,
        laws=(
            Law("by_the_paper", r"$$ f(t) = f_{\min} + \tfrac12 (1 - f_{\min}) (1 + \cos(\pi t / T)) $$", equation, CLOSED),
            Law("it_stays_at_the_end", "After the end the factor is the final one.", it_stays_at_the_end, CLOSED),
            Law("both_halves_are_alike", r"$$ f(t) + f(T - t) = 1 + f_{\min} $$", both_halves_are_alike, CLOSED),
        ),
        twins=(
            Twin("climbs_again", climbs_again, "after the last step your factor climbs again, as torch's does."),
            Twin("straight", straight, "yours falls along a line."),
            Twin("quarter", quarter, "yours is a quarter of a cosine, which is still steep at the end."),
            Twin("floor_is_a_bound", floor_is_a_bound, "you cut the cosine at the final share; it is to end there."),
            Twin("ends_early", ends_early, "you divide by T - 1: the end then comes one step early."),
        ),
    ),
    Suite(
        technique="cosine_annealing",
        part="cosine_restarts",
        subjects={"cosine_restarts": cosine_restarts},
        interface=interface("first_cycle", "multiplier", "final", multiplier=1, final=0.0),
        cases=(
            {"first_cycle": 10, "multiplier": 1, "final": 0.0},
            {"first_cycle": 5, "multiplier": 2, "final": 0.1},
            {"first_cycle": 1, "multiplier": 3, "final": 0.0},
        ),
        shapes=one,
        laws=(
            Law("cycles_follow_one_another", r"$$ T_{i+1} = T_{mult} T_i $$ and each cycle is an annealing.", cycles_follow_one_another, CLOSED),
            Law("one_cycle_is_annealing", "The first cycle is plain annealing.", one_cycle_is_annealing, CLOSED),
        ),
        twins=(
            Twin("equal_cycles", equal_cycles, "your cycles are all of the same length."),
            Twin("longer_by_the_first", longer_by_the_first, "your cycles grow by the first one's length; each is a multiple of the one before."),
            Twin("reaches_the_end", reaches_the_end, "your cycle has a step more: the restart stands in the end's place."),
            Twin("straight", straight_cycles, "yours falls along a line."),
        ),
    ),
)  # fmt: skip
