"""Run a user's training script, unchanged, in a process of its own under the eyes of the doctor.

Nothing of the user's is lost: files that the script overwrites are put back, and what it newly makes is taken away.

Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from vademecum.doctor.patient import patient
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = Path(folder, "train.py")
    ...     _ = script.write_text(patient("redundant-softmax")[0], encoding="utf-8")
    ...     outcome = run_script(script, steps=10, experiments=False)
    >>> outcome.ending.kind, [finding.rule for finding in outcome.report.findings]
    ('enough', ['redundant-softmax'])
"""

from .outcome import Ending as Ending
from .outcome import Evaluated as Evaluated
from .outcome import Outcome as Outcome
from .run import run_script as run_script
from .usable import require_training as require_training
