"""The deliberate experiments on one case, within a budget of seconds, and their findings in a report."""

import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ._finding import Case, Finding
from ._probe import first, seconds_of_a_step
from ._report import Report
from .causes import fold
from .experiments.accumulation import accumulation
from .experiments.batch_independence import batch_independence
from .experiments.gradient_check import gradient_check
from .experiments.gradients import gradients
from .experiments.initial_loss import initial_loss
from .experiments.input_baseline import input_baseline
from .experiments.overfit_small import overfit_small
from .experiments.rates import rates
from .experiments.time_independence import time_independence
from .experiments.train_eval import train_eval
from .recording.record import NotCheckedError

SECONDS = 15.0
"""For all experiments of a run together."""

EACH = 3.0
"""For one of them."""

FEWEST = 40
"""Steps below which training a copy says nothing."""

PARTS = re.compile(r"\bparts\.\d+(\.|\b)")
"""What a replay puts before the path of a model's part."""

LOUD = frozenset({"warning", "error"})


@dataclass(frozen=True)
class Trials:
    """What the experiments came to.

    Attributes:
        findings: other than "ok".
        fine: id of an experiment -> what it found to be in order.
        not_checked: id of an experiment -> because of what it was not made.
    """

    findings: tuple[Finding, ...] = ()
    fine: Mapping[str, str] = field(default_factory=dict)
    not_checked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        run: ``f(case, **steps) -> list[Finding]``.
        passes: forward and backward passes of a batch that it usually takes.
        steps: name of the argument by which it is made shorter, or "".
        most: its steps as a rule.
        examples: to which the batch is cut, 0 for all.
    """

    run: Callable[..., list[Finding]]
    passes: int
    steps: str = ""
    most: int = 0
    examples: int = 0

    @property
    def rule(self) -> str:
        """Its id."""
        run = self.run.func if isinstance(self.run, partial) else self.run
        return run.__name__.replace("_", "-")


EXPERIMENTS = (
    Experiment(initial_loss, 2),
    Experiment(gradients, 5),
    Experiment(batch_independence, 2),
    Experiment(time_independence, 2),
    Experiment(accumulation, 2),
    Experiment(gradient_check, 14, examples=32),
    Experiment(train_eval, 60, "passes", 60),
    Experiment(rates, 100, "steps", 100),
    Experiment(partial(overfit_small, own_rate=True), 300, "steps", 200, examples=20),
    Experiment(input_baseline, 150, "steps", 200, examples=64),
)
"""In the order in which they are made: what costs least first."""


def trials(case: Case, *, seconds: float = SECONDS) -> Trials:
    """Make the experiments on a case.

    Args:
        case: left as it is.
        seconds: for all of them; what does not fit is made shorter, or not at all.

    Returns:
        What they came to.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> x, y = torch.eye(8), torch.arange(8) % 4
        >>> made = trials(Case(nn.Linear(8, 4), x, y, nn.CrossEntropyLoss(), num_classes=4), seconds=300)
        >>> made.findings, sorted(made.not_checked)
        ((), ['time-independence'])
    """
    end = time.monotonic() + seconds
    found: list[Finding] = []
    fine: dict[str, str] = {}
    because: dict[str, str] = {}
    costs: dict[int, float] = {}
    for experiment in EXPERIMENTS:
        rule, left = experiment.rule, min(EACH, end - time.monotonic())
        try:
            own = first(case, experiment.examples) if experiment.examples else case
            if len(own.x) not in costs:
                costs[len(own.x)] = min(seconds_of_a_step(own), seconds_of_a_step(own))
            steps = _steps(experiment, costs[len(own.x)], left)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                said = experiment.run(case, **steps)
        except NotCheckedError as reason:
            because[rule] = str(reason)
        except Exception as error:  # the doctor never ends a user's run
            text = str(error).splitlines()[0] if str(error) else ""
            because[rule] = f"it failed inside the doctor ({type(error).__name__}: {text})"
        else:
            if steps.get("steps", experiment.most) < experiment.most and any(
                f.severity != "ok" for f in said
            ):
                because[rule] = f"it came to nothing in the {steps['steps']} steps for which there was time"
                continue
            found += [_in_the_users_names(finding) for finding in said if finding.severity != "ok"]
            fine |= {
                finding.rule: PARTS.sub("", finding.message) for finding in said if finding.severity == "ok"
            }
            if not said:
                because[rule] = "the output has no row for each example"
    return Trials(tuple(found), fine, because)


def _in_the_users_names(finding: Finding) -> Finding:
    """Without the names that a replay gives to the models that it is made of."""
    where = PARTS.sub("", finding.where)
    return replace(
        finding, message=PARTS.sub("", finding.message), cure=PARTS.sub("", finding.cure), where=where
    )


def _steps(experiment: Experiment, cost: float, left: float) -> dict[str, int]:
    """The steps that fit into the seconds left."""
    fit = left / max(cost * experiment.passes, 1e-9)
    if fit >= 1:
        return {experiment.steps: experiment.most} if experiment.steps else {}
    steps = int(fit * experiment.most)
    if not experiment.steps or steps < FEWEST:
        raise NotCheckedError(
            f"there was no time for it: a step takes {cost:.2g} s, and {max(left, 0):.1f} s were left"
        )
    return {experiment.steps: steps}


def joined(report: Report, made: Trials, *, learns: bool) -> Report:
    """A report with the findings of the experiments.

    Args:
        report: of the run.
        made: on a copy, of its first step.
        learns: whether the run learns; then what an experiment finds is a note.

    Returns:
        The report: where the run has a cause already, what the experiments find stands beneath it.

    Example:
        >>> made = Trials((Finding("overfit-small", "error", "20 examples were not learned by heart."),))
        >>> [f.severity for learns in (True, False) for f in joined(Report(), made, learns=learns).findings]
        ['note', 'error']
    """
    told, found = (
        list(report.findings),
        [
            replace(finding, severity="note") if learns and finding.severity in LOUD else finding
            for finding in made.findings
        ],
    )
    if told and told[0].severity in LOUD:
        told[0], found = replace(told[0], folded=(*told[0].folded, *found)), []
    checked = {finding.rule for finding in made.findings} | set(made.fine)
    return replace(
        report, findings=fold([*told, *found]),
        checked=(*report.checked, *sorted(checked - set(report.checked))),
        not_checked={**report.not_checked, **made.not_checked},
        history={**report.history, "experiments": dict(made.fine)},
    )  # fmt: skip
