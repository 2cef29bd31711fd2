"""Laws of early stopping, from the definition of the best evaluation so far."""

from collections.abc import Iterator, Mapping
from math import inf, nan

import torch

from vademecum.train.early_stopping import EarlyStopping

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_the_definition(values: list[float], patience: int, mode: str, min_delta: float) -> list[list[float]]:
    """After each evaluation: whether it is the best so far, and whether to stop."""
    best, best_step, said = None, -1, []
    for t, value in enumerate(values):
        loss = -value if mode == "max" else value
        improved = loss == loss and loss != inf and (best is None or best - loss > min_delta)
        if improved:
            best, best_step = loss, t
        said.append([float(improved), float(t - best_step >= patience)])
    return said


def told(build: Build, draw: Draw, values: list[float]) -> torch.Tensor:
    stopping = build(draw).object
    return torch.tensor([[float(stopping.step(value)), float(stopping.stop)] for value in values])


def wanted(draw: Draw, values: list[float]) -> torch.Tensor:
    return torch.tensor(by_the_definition(values, **draw.arguments))


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    values = draw.normal(name="values").tolist()
    yield told(build, draw, values), wanted(draw, values)


def a_tie_is_no_improvement(build: Build, draw: Draw) -> Iterator[Pair]:
    values = [1.0] * draw.shape[0]
    yield told(build, draw, values), wanted(draw, values)


def not_a_number_is_no_improvement(build: Build, draw: Draw) -> Iterator[Pair]:
    values = [nan, *draw.normal(name="values").tolist()[:2], *[nan] * draw.shape[0]]
    yield told(build, draw, values), wanted(draw, values)


def the_best_is_remembered(build: Build, draw: Draw) -> Iterator[Pair]:
    values = draw.normal(name="values").tolist()
    stopping = build(draw).object
    for value in values:
        stopping.step(value)
    steps = [t for t, (improved, _) in enumerate(by_the_definition(values, **draw.arguments)) if improved]
    got = torch.tensor([stopping.best, stopping.best_step], dtype=torch.float64)
    yield got, torch.tensor([values[steps[-1]], steps[-1]], dtype=torch.float64)


def a_checkpoint_goes_on(build: Build, draw: Draw) -> Iterator[Pair]:
    values = draw.normal(name="values").tolist()
    half = len(values) // 2
    first, second = build(draw).object, build(draw).object
    for value in values[:half]:
        first.step(value)
    second.load_state_dict(first.state_dict())
    rest = torch.tensor([[float(second.step(value)), float(second.stop)] for value in values[half:]])
    yield rest, wanted(draw, values)[half:]


class CountsInAll(EarlyStopping):
    """Never forgives: an improvement does not start the count again."""

    @property
    def stop(self) -> bool:
        return self.steps - self.improvements >= self.patience

    improvements = 0

    def step(self, value: float) -> bool:
        improved = super().step(value)
        self.improvements += improved
        return improved


class OneTooMany(EarlyStopping):
    @property
    def stop(self) -> bool:
        return self.steps - 1 - self.best_step > self.patience


class Previous(EarlyStopping):
    """Compares with the evaluation before."""

    previous: float | None = None

    def step(self, value: float) -> bool:
        if self.previous is not None:
            self.best = self.previous
        self.previous = value
        return super().step(value)


class TieImproves(EarlyStopping):
    def step(self, value: float) -> bool:
        if value == self.best:
            self.best_step, self.steps = self.steps, self.steps + 1
            return True
        return super().step(value)


class AnythingImproves(EarlyStopping):
    """Asks whether the value is not worse, which is true of what is no number."""

    def step(self, value: float) -> bool:
        if value != value:
            self.best, self.best_step, self.steps = value, self.steps, self.steps + 1
            return True
        return super().step(value)


class AlwaysLess(EarlyStopping):
    def __init__(self, patience: int, *, mode: str = "min", min_delta: float = 0.0) -> None:
        super().__init__(patience, mode="min", min_delta=min_delta)


class NoMargin(EarlyStopping):
    def __init__(self, patience: int, *, mode: str = "min", min_delta: float = 0.0) -> None:
        super().__init__(patience, mode=mode)


class ShowsTheStepAfter(EarlyStopping):
    """Decides rightly, and counts the steps from 1, so that another evaluation's weights are taken back."""

    shift = 0

    def step(self, value: float) -> bool:
        self.best_step -= self.shift
        improved = super().step(value)
        self.shift = 1
        self.best_step += self.shift
        return improved

    @property
    def stop(self) -> bool:
        return self.steps - 1 - (self.best_step - self.shift) >= self.patience

    def state_dict(self) -> dict[str, float]:
        return {**super().state_dict(), "best_step": self.best_step - self.shift}


class ForgetsTheCount(EarlyStopping):
    def load_state_dict(self, state: Mapping[str, float]) -> None:
        super().load_state_dict({**state, "steps": state["best_step"] + 1})


SUITES = (
    Suite(
        technique="early_stopping",
        part="EarlyStopping",
        subjects={"EarlyStopping": EarlyStopping},
        interface=Interface(
            kind="module",
            arguments=("patience", "mode", "min_delta"),
            inputs=("value",),
            defaults={"mode": "min", "min_delta": 0.0},
            aliases={"min_delta": ("delta", "threshold")},
        ),
        cases=(
            {"patience": 1, "mode": "min", "min_delta": 0.0},
            {"patience": 3, "mode": "min", "min_delta": 0.2},
            {"patience": 2, "mode": "max", "min_delta": 0.0},
        ),
        shapes=lambda a: ((4,), (30,)),
        laws=(
            Law("by_the_definition", r"$$ \text{stop at } t \iff t - \arg\min_{t' \le t} E(t') \ge \text{patience} $$", definition, EXACT),
            Law("a_tie_is_no_improvement", "An equal score does not start the count again.", a_tie_is_no_improvement, EXACT),
            Law("not_a_number_is_no_improvement", "What is not a number is never the best.", not_a_number_is_no_improvement, EXACT),
            Law("the_best_is_remembered", "best and best_step are those of the best evaluation, counted from 0.", the_best_is_remembered, EXACT),
            Law("a_checkpoint_goes_on", "From a saved state it goes on as if it had not been stopped.", a_checkpoint_goes_on, EXACT),
        ),
        twins=(
            Twin("counts_in_all", CountsInAll, "your count is not set back by an improvement: patience is counted since the best."),
            Twin("one_too_many", OneTooMany, "you stop one evaluation late: stop when patience evaluations were no better."),
            Twin("against_the_previous", Previous, "you compare with the evaluation before; compare with the best."),
            Twin("tie_improves", TieImproves, "an equal score counts as an improvement, so a plateau never stops."),
            Twin("anything_improves", AnythingImproves, "a score that is not a number counts as the best, and nothing is better than that."),
            Twin("always_less", AlwaysLess, 'your mode is ignored: with "max" more is better.'),
            Twin("no_margin", NoMargin, "your min_delta is ignored."),
            Twin("step_after", ShowsTheStepAfter, "your best_step is one too high: the weights of the evaluation after the best would be taken."),
            Twin("forgets_the_count", ForgetsTheCount, "a loaded state forgets how many evaluations were no better."),
        ),
    ),
)  # fmt: skip
