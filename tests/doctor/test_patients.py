import sys
from pathlib import Path

import pytest

from vademecum.doctor.patient import patient, patients

sys.path.insert(0, str(Path(__file__).parent))
from observe import LISTENS, observe

NEEDS_VALIDATION = {"overfitting"}
"""Patients whose fault shows in what is computed without gradients alone."""


@pytest.mark.parametrize("name", patients())
def test_the_patient_is_told_and_the_healed_is_not(name, tmp_path):
    if name in NEEDS_VALIDATION and not LISTENS:
        pytest.skip("losses without gradients are not heard")
    wrong, right = patient(name)
    report, _ = observe(wrong, tmp_path)
    told = [finding.rule for finding in report.findings]
    # what a rule says may stand beneath its cause, and nothing else may stand first
    first = {told[0], *(each.rule for each in report.findings[0].folded)} if told else set()
    assert name in first, (told, dict(report.not_checked))
    report, _ = observe(right, tmp_path)
    loud = [(f.rule, f.message) for f in report.findings if f.severity in {"warning", "error"}]
    assert not loud
