"""What the doctor says, and what an experiment looks at."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.optim import Optimizer

SEVERITIES = ("ok", "note", "warning", "error")


@dataclass(frozen=True)
class Proof:
    """The same run with the cure, against the run as it is.

    Attributes:
        measure: what is compared, such as "held-out accuracy"; larger is better.
        before: one figure a seed, of the run as it is.
        after: one figure a seed, of the run with the cure, in the same order of seeds.
        low: lower end of the interval of the mean paired difference.
        high: its upper end.
        level: of the interval, such as 0.9.
        did: what was changed in the second run, in one sentence.
    """

    measure: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    low: float
    high: float
    level: float
    did: str


@dataclass(frozen=True)
class Finding:
    """One thing seen in a training set-up.

    Attributes:
        rule: stable id of the check, in kebab case.
        severity: "ok", "note", "warning" or "error"; "error" only on logical or interventional evidence.
        message: the cause in one sentence, in the user's terms: what was seen, and what it was compared with.
        cure: one thing to try; "" where nothing is wrong.
        where: module path, parameter or column; "" where the whole run is meant.
        evidence: the numbers behind the message.
        reference: a key of ``refs.bib``, or "".
        file: of the user's line that is to be changed, or "".
        line: its number, from 1; 0 where it is not known.
        diff: the cure as lines with "- " and "+ ", or "".
        disproof: what would prove the finding wrong.
        symptom: whether it rests on a threshold of a statistic, not on a fact.
        step: the optimizer step, from 0, at which it was seen first; -1 before training.
        folded: its consequences, which are not told by themselves.
        proof: the run with the cure against the run without, where both were made.
    """

    rule: str
    severity: str
    message: str
    cure: str = ""
    where: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    file: str = ""
    line: int = 0
    diff: str = ""
    disproof: str = ""
    symptom: bool = False
    step: int = -1
    folded: tuple["Finding", ...] = ()
    proof: Proof | None = None


@dataclass(frozen=True)
class Origin:
    """What is known of a case that was taken from a run.

    Attributes:
        optimizer: makes the run's own optimizer, at the largest rate that the run used, for a copy of the case's model;
            None where it cannot be made.
        rows: 0 where the loss can be taken of any number of examples; else of this many only.
        others: whether the model is given more than x with a row for each example; those are cut to the first rows.
        scored: whether the output and the targets are such that right answers can be counted.
        summed: whether the loss adds the examples up.
    """

    optimizer: Callable[[nn.Module], Optimizer] | None = None
    rows: int = 0
    others: bool = False
    scored: bool = True
    summed: bool = False


def every(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Walk over findings and what is folded beneath them, a cause before its consequences."""
    for finding in findings:
        yield finding
        yield from every(finding.folded)


@dataclass(frozen=True)
class Case:
    """What the experiments look at: a model, one batch and the loss.

    Attributes:
        model: the network, as it will be trained.
        x: (B, ...) inputs.
        y: (B,) or (B, ...) targets.
        loss: (output, y) -> () loss, averaged over the batch.
        num_classes: K in classification, 0 in regression.
        origin: what is known of the run that it was taken from, or None.
    """

    model: nn.Module
    x: Tensor
    y: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    num_classes: int = 0
    origin: Origin | None = None
