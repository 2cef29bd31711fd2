"""Laws of linear warm-up: a line up to the full rate, times whatever comes with it."""

from collections.abc import Callable, Iterator

from vademecum.optim.linear_warmup import linear_warmup

from ._schedules import CLOSED, column, interface, one, values
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

Schedule = Callable[[int], float]


def halving(t: int) -> float:
    return 0.5 ** (t / 10)


def equal_rises(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    value, want = a["start"], []
    for t in range(a["warmup_steps"] + 20):
        want.append(value if t < a["warmup_steps"] else 1.0)
        value += (1 - a["start"]) / a["warmup_steps"]
    yield values(build, draw, range(a["warmup_steps"] + 20)), column(want)


def the_full_rate_from_the_end_on(build: Build, draw: Draw) -> Iterator[Pair]:
    w = draw.arguments["warmup_steps"]
    yield values(build, draw, (w, w + 1, 100 * w)), column([1.0] * 3)


def times_what_comes_with_it(build: Build, draw: Draw) -> Iterator[Pair]:
    steps = range(draw.arguments["warmup_steps"] + 20)
    yield values(build, draw, steps, then=halving), values(build, draw, steps) * column(map(halving, steps))


def forgets_the_start(warmup_steps: int, start: float = 0.0, then: Schedule | None = None) -> Schedule:
    return linear_warmup(warmup_steps, then=then)


def goes_on_rising(warmup_steps: int, start: float = 0.0, then: Schedule | None = None) -> Schedule:
    return lambda t: (start + (1 - start) * t / warmup_steps) * (then(t) if then else 1.0)


def begins_the_next_anew(warmup_steps: int, start: float = 0.0, then: Schedule | None = None) -> Schedule:
    warm = linear_warmup(warmup_steps, start=start)
    return lambda t: warm(t) * (then(max(t - warmup_steps, 0)) if then else 1.0)


def geometric(warmup_steps: int, start: float = 0.0, then: Schedule | None = None) -> Schedule:
    return lambda t: max(start, 1e-3) ** max(1 - t / warmup_steps, 0) * (then(t) if then else 1.0)


SUITES = (
    Suite(
        technique="linear_warmup",
        part="linear_warmup",
        subjects={"linear_warmup": linear_warmup},
        interface=interface("warmup_steps", "start", start=0.0),
        cases=({"warmup_steps": 1, "start": 0.0}, {"warmup_steps": 10, "start": 0.25}, {"warmup_steps": 7, "start": 0.0}),
        shapes=one,
        laws=(
            Law("equal_rises", r"$$ f(t) = f_0 + (1 - f_0) t / w $$", equal_rises, CLOSED),
            Law("the_full_rate_from_the_end_on", r"$$ f(t) = 1, \quad t \ge w $$", the_full_rate_from_the_end_on, EXACT),
            Law("times_what_comes_with_it", r"$$ f(t) g(t) $$ at the same t.", times_what_comes_with_it, CLOSED),
        ),
        twins=(
            Twin("forgets_the_start", forgets_the_start, "your start is ignored."),
            Twin("goes_on_rising", goes_on_rising, "your rate rises beyond the full one."),
            Twin("begins_the_next_anew", begins_the_next_anew, "what comes with it counts from the end of the warm-up; here both count the same steps."),
            Twin("geometric", geometric, "your rise multiplies; it adds."),
        ),
    ),
)  # fmt: skip
