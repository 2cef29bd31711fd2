"""Run a suite against an object: measure, find the smallest failing input, name the pitfall."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vademecum._core.errors import InputError

from ._subject import NotCheckableError, Target
from ._suite import Arguments, Draw, Law, Pair, Suite, Twin

HOLDS, BROKEN, NOT_CHECKED = "holds", "broken", "not checked"


@dataclass(frozen=True)
class Counterexample:
    """The smallest input found for which a law is broken.

    Attributes:
        arguments: with which the object was built.
        dtype: of the inputs.
        inputs: what was drawn, by name.
        got: what the object gave; None where it raised.
        want: what is right; None where the object raised.
    """

    arguments: Arguments
    dtype: torch.dtype
    inputs: Mapping[str, Tensor]
    got: Tensor | None
    want: Tensor | None


@dataclass(frozen=True)
class Verdict:
    """What became of one law.

    Attributes:
        law: the law.
        outcome: "holds", "broken" or "not checked".
        dtype: the precision in which it was worst.
        measured: the error there.
        allowed: the error allowed there.
        reason: why it is broken or was not checked, where a figure does not say it.
        counterexample: of a broken law.
        looks_like: the pitfall of the twin that gives the same wrong answer.
    """

    law: Law
    outcome: str
    dtype: torch.dtype | None = None
    measured: float = 0.0
    allowed: float = 0.0
    reason: str = ""
    counterexample: Counterexample | None = None
    looks_like: str = ""


@dataclass(frozen=True)
class _Run:
    """One law at one case, shape, precision and simplicity."""

    law: Law
    arguments: Arguments
    shape: tuple[int, ...]
    dtype: torch.dtype
    decimals: int | None = None

    def draw(self) -> Draw:
        seed = zlib.crc32(f"{self.law.name} {sorted(self.arguments.items(), key=str)} {self.shape}".encode())
        return Draw(self.arguments, self.shape, self.dtype, seed=seed, decimals=self.decimals)


@dataclass(frozen=True)
class _Outcome:
    run: _Run
    draw: Draw
    pairs: tuple[Pair, ...]
    error: float
    reason: str = ""

    @property
    def ratio(self) -> float:
        allowed = self.run.law.tolerance[self.run.dtype]
        if self.error <= allowed:
            return 0.0 if allowed == 0 else self.error / allowed
        return float("inf") if allowed == 0 else self.error / allowed


def distance(got: Tensor, want: Tensor) -> tuple[float, str]:
    """Measure how far two tensors are apart.

    Args:
        got: any shape.
        want: the same shape, if all is well.

    Returns:
        The largest |got - want| / max(1, |want|), infinite where shapes or non-finite places differ;
        and the reason where it is infinite.

    Example:
        >>> distance(torch.tensor([1.0, 101.0]), torch.tensor([1.0, 100.0]))
        (0.01, '')
    """
    if not isinstance(got, Tensor):
        return float("inf"), f"gave {type(got).__name__}, a tensor is wanted"
    if got.shape != want.shape:
        return float("inf"), f"shape {tuple(got.shape)}, {tuple(want.shape)} is wanted"
    if want.numel() == 0:
        return 0.0, ""
    a, b = got.detach().double(), want.detach().double()
    finite = a.isfinite() & b.isfinite()
    same = (a == b) | (a.isnan() & b.isnan())
    if bool((~finite & ~same).any()):
        return float("inf"), "not finite where a finite number is wanted, or the reverse"
    gaps = torch.where(finite, (a - b).abs() / b.abs().clamp_min(1.0), torch.zeros_like(a))
    return float(gaps.max()), ""


def _perform(target: Target, run: _Run) -> _Outcome | None:
    """Run one check; None where the law cannot be asked."""
    draw = run.draw()
    pairs: list[Pair] = []
    worst, reason = 0.0, ""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            for got, want in run.law.check(target.build, draw):
                pairs.append((got, want))
                error, why = distance(got, want)
                if error > worst:
                    worst, reason = error, why
        except (NotCheckableError, InputError):
            raise
        except Exception as error:
            return _Outcome(run, draw, tuple(pairs), float("inf"), f"raised {type(error).__name__}: {error}")
    if not pairs:
        return None
    return _Outcome(run, draw, tuple(pairs), worst, reason)


def _runs(suite: Suite, law: Law, target: Target) -> Iterator[_Run]:
    cases: Sequence[Arguments] = target.cases(list(suite.cases))
    for arguments in cases:
        if law.cases is None or law.cases(arguments):
            for shape in suite.shapes(arguments):
                for dtype in law.tolerance:
                    yield _Run(law, arguments, tuple(shape), dtype)


def judge(suite: Suite, law: Law, target: Target, *, explain: bool = True) -> Verdict:
    """Ask one law of one object.

    Args:
        suite: to which the law belongs.
        law: what must hold.
        target: the object under test.
        explain: look for the simplest counterexample and for the twin that it resembles.

    Returns:
        The verdict, with the figure measured.
    """
    outcomes: list[_Outcome] = []
    refused = "no case of the suite fits this object"
    for run in _runs(suite, law, target):
        try:
            outcome = _perform(target, run)
        except NotCheckableError as reason:
            refused = str(reason)
            continue
        if outcome is not None:
            outcomes.append(outcome)
            if outcome.ratio > 1 and not explain:
                break
    if not outcomes:
        return Verdict(law, NOT_CHECKED, reason=refused)
    worst = max(outcomes, key=lambda o: o.ratio)
    dtype = worst.run.dtype
    measured, allowed = worst.error, law.tolerance[dtype]
    if worst.ratio <= 1:
        return Verdict(law, HOLDS, dtype, measured, allowed)
    if not explain:
        return Verdict(law, BROKEN, dtype, measured, allowed, worst.reason)
    smallest = _simplest(target, [o for o in outcomes if o.ratio > 1])
    return Verdict(
        law, BROKEN, dtype, measured, allowed, smallest.reason, _counterexample(smallest), _resemblance(suite, smallest)
    )  # fmt: skip


def _size(outcome: _Outcome) -> int:
    return sum(tensor.numel() for tensor in outcome.draw.drawn.values())


def _simplest(target: Target, failures: list[_Outcome]) -> _Outcome:
    """Take the smallest failing input and round its numbers as far as the law stays broken."""
    smallest = min(failures, key=_size)
    for decimals in (0, 1, 2):
        run = smallest.run
        try:
            rounded = _perform(target, _Run(run.law, run.arguments, run.shape, run.dtype, decimals))
        except NotCheckableError:
            break
        if rounded is not None and rounded.ratio > 1 and rounded.reason == smallest.reason:
            return rounded
    return smallest


def _counterexample(outcome: _Outcome) -> Counterexample:
    got = want = None
    if outcome.pairs and not outcome.reason.startswith("raised"):
        got, want = max(outcome.pairs, key=lambda pair: distance(*pair)[0])
    return Counterexample(outcome.run.arguments, outcome.run.dtype, outcome.draw.drawn, got, want)


def _resemblance(suite: Suite, failure: _Outcome) -> str:
    """Find the twin that gives the same wrong answers to the same question."""
    if failure.reason.startswith("raised") or not failure.pairs:
        return ""
    allowed = 10 * max(failure.run.law.tolerance[failure.run.dtype], 1e-9)
    for twin in suite.twins:
        try:
            same = _perform(target_of(suite, twin), failure.run)
        except (NotCheckableError, InputError):
            continue
        if same is None or same.ratio <= 1 or len(same.pairs) != len(failure.pairs):
            continue
        if all(
            distance(a, b)[0] <= allowed for (a, _), (b, _) in zip(failure.pairs, same.pairs, strict=True)
        ):
            return twin.pitfall
    return ""


def target_of(suite: Suite, thing: Twin | object) -> Target:
    """Wrap a twin, or any object, for a suite."""
    return Target(thing.build if isinstance(thing, Twin) else thing, suite.interface)
