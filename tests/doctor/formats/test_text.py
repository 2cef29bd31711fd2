from dataclasses import replace

import pytest

from vademecum.doctor._finding import Finding
from vademecum.doctor._report import Report
from vademecum.doctor.formats import as_text


def test_all_of_a_finding(report):
    assert as_text(report) == (
        "error    redundant-softmax  net.act, train.py:3\n"
        "         The softmax is taken twice: with 10 classes the loss cannot fall below 1.461.\n"
        "         cure: Drop the softmax.\n"
        "           - return self.act(x)\n"
        "           + return x\n"
        "         wrong if: The rows do not sum to 1.\n"
        "         leads to lr-too-low  loss: The loss hardly moves.\n"
        "         proof: held-out accuracy 0.41 -> 0.95 with the cure, +0.54 [0.51, 0.57] over 3 seeds, 90 % interval "
        "(the softmax was left out)\n"
        "         see: vade paper bridle1990probabilistic\n"
        "\n"
        "3 rules looked, 1 finding, 1 note (told with verbose), 1 silenced, 3 not checked; 1.4 % of the time\n"
        "not checked  label-shift, missing-causal-mask: no tokens\n"
        "not checked  train-val-overlap: no loader"
    )


def test_verbose_tells_the_rest(report):
    text = as_text(report, verbose=True)
    assert "evidence: classes 10, lowest loss 1.46" in text
    assert "seen first at step 0" in text
    assert "note     missing-seed\n         No random stream is given a seed." in text
    assert "silenced frozen-by-mistake  a.py:1: on purpose" in text
    assert "told with verbose" not in text


def test_a_healthy_run_is_one_line(report):
    healthy = replace(report, findings=report.findings[1:], silenced=())
    assert as_text(healthy) == (
        "3 rules looked, 0 findings, 1 note (told with verbose), 3 not checked; 1.4 % of the time"
    )
    assert as_text(Report()) == "0 rules looked, 0 findings"


def test_no_number_is_lost_to_rounding(cause):
    tiny = replace(cause, evidence={"rate": 1e-7, "share": 0.0, "loss": float("nan"), "big": 12345.6})
    assert "evidence: rate 1e-07, share 0, loss nan, big 1.235e+04" in as_text(Report((tiny,)), verbose=True)


@pytest.mark.parametrize("color", [False, True])
def test_color_changes_no_word(report, color):
    import re

    text = as_text(report, verbose=True, color=color)
    assert ("\x1b" in text) is color
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == as_text(report, verbose=True)


def test_worse_with_the_cure_is_said(cause):
    proof = replace(cause.proof, after=(0.3,), before=(0.5,), low=-0.3, high=-0.1)
    assert "0.5 -> 0.3 with the cure, -0.2 [-0.3, -0.1] over 1 seed," in as_text(
        Report((replace(cause, proof=proof),))
    )


def test_files_are_told_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = Finding("a", "error", "B.", file=str(tmp_path / "src" / "fit.py"), line=2)
    assert as_text(Report((found,))).splitlines()[0] == "error    a  src/fit.py:2"
