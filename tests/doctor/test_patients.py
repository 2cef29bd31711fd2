import sys
from pathlib import Path

import pytest

from vademecum.doctor.patient import patient, patients

sys.path.insert(0, str(Path(__file__).parent))
from observe import observe


@pytest.mark.parametrize("name", patients())
def test_the_patient_is_told_and_the_healed_is_not(name, tmp_path):
    wrong, right = patient(name)
    report, _ = observe(wrong, tmp_path)
    told = [finding.rule for finding in report.findings]
    assert told[:1] == [name], (told, dict(report.not_checked))
    report, _ = observe(right, tmp_path)
    loud = [(f.rule, f.message) for f in report.findings if f.severity in {"warning", "error"}]
    assert not loud
