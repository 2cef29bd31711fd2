"""Show a fault on a patient: its script with the fault and without it, each run on the spot."""

import difflib
import math
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from .._finding import Finding
from ..patient import patient
from .outcome import Outcome
from .run import Progress, run_script

DEFAULT = "_default"
"""The patient that is shown where none is named: three faults at once."""

WHOLE = 1_000_000
"""Steps: a patient runs to its end, where it prints how good it is."""

_PRINTED = re.compile(r"^(.*?)[\s:=]+([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|-inf)\s*%?$")


@dataclass(frozen=True)
class Demonstration:
    """A patient before and after its cure.

    Attributes:
        name: of the patient.
        wrong: the text with the fault.
        right: the text without it.
        before: what the first came to.
        after: what the second came to.
        measure: what the script prints at its end, such as "held-out accuracy"; "" where it prints no figure.
        figures: that figure before and after, nan where it is missing.
    """

    name: str
    wrong: str
    right: str
    before: Outcome
    after: Outcome
    measure: str
    figures: tuple[float, float]

    @property
    def diff(self) -> str:
        """The lines that differ, with "- " and "+ "."""
        lines = difflib.ndiff(self.wrong.splitlines(), self.right.splitlines())
        return "\n".join(line for line in lines if line[0] in "-+")


def demonstrate(
    name: str = DEFAULT, *, seconds: float = 60, seed: int = 0, progress: Progress | None = None
) -> Demonstration:
    """Run a patient with its fault and without it.

    Args:
        name: id of a rule that has a patient.
        seconds: for each of the two runs.
        seed: added to the seeds that it sets.
        progress: told of the steps now and then.

    Returns:
        Both outcomes, and the figure that they print.
    """
    wrong, right = patient(name)
    with tempfile.TemporaryDirectory(prefix="vade-patient-") as folder:
        outcomes = []
        for text in (wrong, right):
            script = Path(folder, "train.py")
            script.write_text(text, encoding="utf-8")
            outcome = run_script(
                script, steps=WHOLE, seconds=seconds, seed=seed, progress=progress, experiments=False
            )
            found = tuple(_named(finding) for finding in outcome.report.findings)
            outcomes.append(replace(outcome, report=replace(outcome.report, findings=found)))
    figures = [printed(outcome.output) for outcome in outcomes]
    return Demonstration(
        name, wrong, right, outcomes[0], outcomes[1], figures[1][0], (figures[0][1], figures[1][1])
    )


def _named(finding: Finding) -> Finding:
    """A finding by the name of its file alone: the folder is gone when it is read."""
    folded = tuple(_named(each) for each in finding.folded)
    return replace(finding, file=Path(finding.file).name, folded=folded)


def printed(output: str) -> tuple[str, float]:
    r"""The figure that a script prints last.

    Args:
        output: of the script.

    Returns:
        Its name and value; ("", nan) where the last line has none.

    Example:
        >>> printed("epoch 3\nheld-out accuracy: 0.912\n")
        ('held-out accuracy', 0.912)
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    found = _PRINTED.match(lines[-1]) if lines else None
    return (found[1].strip(), float(found[2])) if found else ("", math.nan)
