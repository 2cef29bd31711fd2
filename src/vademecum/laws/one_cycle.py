"""Laws of one cycle: where the phases meet, and how the factor goes between."""

from collections.abc import Callable, Iterator
from math import cos, pi

from vademecum.optim.one_cycle import one_cycle

from ._schedules import CLOSED, column, interface, one, values
from ._suite import Build, Draw, Law, Pair, Suite, Twin

Schedule = Callable[[int], float]


def between(a: float, b: float, share: float, anneal: str) -> float:
    """From a to b, along a line or half a cosine."""
    return a + (b - a) * (share if anneal == "linear" else (1 - cos(pi * share)) / 2)


def phases(a: dict) -> list[tuple[float, float, float, float]]:
    """(from, to) in steps and (from, to) in factors."""
    T, p = a["total_steps"], a["pct_start"]
    rise = (0.0, p * T, a["initial"], 1.0)
    if not a["three_phase"]:
        return [rise, (p * T, T, 1.0, a["final"])]
    return [rise, (p * T, 2 * p * T, 1.0, a["initial"]), (2 * p * T, T, a["initial"], a["final"])]


def phase_by_phase(build: Build, draw: Draw) -> Iterator[Pair]:
    a, want = draw.arguments, []
    for t in range(a["total_steps"] + 1):
        for begin, end, first, last in phases(a):
            if begin <= t <= end:
                value = between(first, last, (t - begin) / (end - begin), a["anneal"])
        want.append(value)
    yield values(build, draw, range(a["total_steps"] + 1)), column(want)


def the_ends_and_the_peak(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    places = (0, round(a["pct_start"] * a["total_steps"]), a["total_steps"], 2 * a["total_steps"])
    yield values(build, draw, places), column([a["initial"], 1.0, a["final"], a["final"]])


def a_longer_run_has_the_same_shape(build: Build, draw: Draw) -> Iterator[Pair]:
    T = draw.arguments["total_steps"]
    longer = values(build, draw, range(0, 3 * T + 1, 3), total_steps=3 * T)
    yield longer, values(build, draw, range(T + 1))


def variant(change: Callable[[dict], dict] = dict, *, over: int = 0) -> Callable[..., Schedule]:
    def twin(
        total_steps: int, pct_start: float = 0.3, initial: float = 0.04, final: float = 4e-6, anneal: str = "cosine",
        three_phase: bool = False,
    ) -> Schedule:  # fmt: skip
        given = {
            "total_steps": total_steps, "pct_start": pct_start, "initial": initial, "final": final, "anneal": anneal,
            "three_phase": three_phase,
        }  # fmt: skip
        schedule = one_cycle(**{**given, **change(given)})
        return lambda t: schedule(t + over) if t else schedule(0)

    return twin


SUITES = (
    Suite(
        technique="one_cycle",
        part="one_cycle",
        subjects={"one_cycle": one_cycle},
        interface=interface(
            "total_steps", "pct_start", "initial", "final", "anneal", "three_phase",
            pct_start=0.3, initial=0.04, final=4e-6, anneal="cosine", three_phase=False,
        ),
        cases=(
            {"total_steps": 8, "pct_start": 0.25, "initial": 0.04, "final": 0.0, "anneal": "cosine", "three_phase": False},
            {"total_steps": 40, "pct_start": 0.3, "initial": 0.1, "final": 0.01, "anneal": "linear", "three_phase": False},
            {"total_steps": 20, "pct_start": 0.45, "initial": 0.1, "final": 0.001, "anneal": "linear", "three_phase": True},
        ),
        shapes=one,
        laws=(
            Law("phase_by_phase", "Each phase goes from one share to the next, along a line or half a cosine.", phase_by_phase, CLOSED),
            Law("the_ends_and_the_peak", "It begins at the initial share, meets 1 after pct_start of the steps, and ends and stays at the final share.", the_ends_and_the_peak, CLOSED),
            Law("a_longer_run_has_the_same_shape", "With three times the steps it is the same curve.", a_longer_run_has_the_same_shape, CLOSED),
        ),
        twins=(
            Twin("always_a_cosine", variant(lambda a: {"anneal": "cosine"}), "your anneal is ignored: with \"linear\" the phases are lines."),
            Twin("always_two_phases", variant(lambda a: {"three_phase": False}), "your fall goes to the end at once; in three phases it first meets the initial share."),
            Twin("peak_in_the_middle", variant(lambda a: {"pct_start": 0.49}), "your pct_start is ignored."),
            Twin("ends_where_it_began", variant(lambda a: {"final": a["initial"]}), "your end is the initial share; it is far below."),
            Twin("one_step_ahead", variant(over=1), "your phases end a step early, as torch's do, which counts total_steps - 1 intervals."),
        ),
    ),
)  # fmt: skip
