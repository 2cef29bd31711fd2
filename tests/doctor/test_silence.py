"""What a user does not want told: silenced for a reason, counted, and never by accident."""

import json
from dataclasses import replace

import pytest

from vademecum._core.errors import InputError, UnknownNameError
from vademecum.doctor._finding import Finding
from vademecum.doctor._report import Report
from vademecum.doctor.silence import KNOWN, apply, read_baseline, read_ignores, write_baseline

RULES = ("frozen-by-mistake", "lr-zero", "dead-relu")


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "fit.py"
    path.write_text("import torch\nfreeze(net)\nlr = 0\n")
    return path


def at(path, line, rule="frozen-by-mistake", **more):
    return Finding(rule, "warning", "It is frozen.", file=str(path), line=line, **more)


def comment(script, text):
    script.write_text(f"import torch\nfreeze(net)  {text}\nlr = 0\n")


def test_ignore(script, tmp_path):
    report = Report((at(script, 2), at(script, 3, "lr-zero")))
    quiet = apply(report, {"frozen-by-mistake": "random features"}, rules=RULES, root=tmp_path)
    assert [f.rule for f in quiet.findings] == ["lr-zero"]
    assert [(f.rule, why) for f, why in quiet.silenced] == [("frozen-by-mistake", "random features")]
    assert len(report.findings) == 2, "the report is left as it is"


def test_ignore_reaches_what_is_folded(script, tmp_path):
    report = Report((at(script, 2, folded=(at(script, 2, "dead-relu"), at(script, 2, "lr-zero"))),))
    quiet = apply(report, {"dead-relu": "sparse on purpose"}, rules=RULES, root=tmp_path)
    assert [f.rule for f in quiet.findings[0].folded] == ["lr-zero"]
    assert [f.rule for f, _ in quiet.silenced] == ["dead-relu"]


def test_an_unknown_rule_is_said_with_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"'frozen-by-mistakes' is none; did you mean 'frozen-by-mistake'\?"
    ):
        apply(Report(), {"frozen-by-mistakes": "why"}, rules=RULES)


@pytest.mark.parametrize("reason", ["", "  ", None, True])
def test_a_reason_must_be_given(reason):
    with pytest.raises(InputError, match="a rule is ignored for a reason"):
        apply(Report(), {"lr-zero": reason}, rules=RULES)


def test_comment(script, tmp_path):
    comment(script, "# vade: ignore[frozen-by-mistake, lr-zero] random features on purpose")
    quiet = apply(Report((at(script, 2), at(script, 3))), rules=RULES, root=tmp_path)
    assert [f.line for f in quiet.findings] == [3], "only on its line"
    assert quiet.silenced[0][1] == "random features on purpose (comment, fit.py:2)"


def test_a_comment_for_another_rule(script, tmp_path):
    comment(script, "# vade: ignore[lr-zero] warm-up")
    quiet = apply(Report((at(script, 2),)), rules=RULES, root=tmp_path)
    assert [f.rule for f in quiet.findings] == ["frozen-by-mistake"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# vade: ignore[frozen-by-mistake]", "must give its reason"),
        ("# vade: ignore", "must name the rule"),
        ("# vade: ignore[] because", "must name the rule"),
        ("# vade: ignore[frozen-by-mistke] because", "did you mean 'frozen-by-mistake'"),
    ],
)
def test_a_comment_that_silences_nothing_is_said(script, tmp_path, text, said):
    comment(script, text)
    loud = apply(Report((at(script, 2),)), rules=RULES, root=tmp_path)
    assert [f.rule for f in loud.findings] == ["frozen-by-mistake", "unclear-ignore"]
    assert said in loud.findings[1].message
    assert not loud.silenced


def test_sarif_knows_a_comment(script, tmp_path):
    from vademecum.doctor.formats import as_sarif

    comment(script, "# vade: ignore[frozen-by-mistake] on purpose")
    quiet = apply(Report((at(script, 2),)), rules=RULES, root=tmp_path)
    [result] = as_sarif(quiet, root=tmp_path)["runs"][0]["results"]
    assert result["suppressions"][0]["kind"] == "inSource"


def test_baseline(script, tmp_path):
    path = tmp_path / "baseline.json"
    write_baseline(Report((at(script, 2),)), path, root=tmp_path)
    known = read_baseline(path)
    quiet = apply(
        Report((at(script, 2), at(script, 3, "lr-zero"))), baseline=known, rules=RULES, root=tmp_path
    )
    assert [f.rule for f in quiet.findings] == ["lr-zero"], "what is new is told"
    assert quiet.silenced == ((at(script, 2), KNOWN),)
    assert list(tmp_path.glob("*.partial")) == []


def test_a_baseline_survives_lines_added_above(script, tmp_path):
    path = tmp_path / "baseline.json"
    write_baseline(Report((at(script, 2),)), path, root=tmp_path)
    script.write_text("import torch\nimport numpy\n\n  freeze( net )\n")
    assert apply(Report((at(script, 4),)), baseline=read_baseline(path), rules=RULES, root=tmp_path).healthy
    script.write_text("import torch\nfreeze(other)\n")
    assert not apply(
        Report((at(script, 2),)), baseline=read_baseline(path), rules=RULES, root=tmp_path
    ).healthy


def test_a_baseline_counts(script, tmp_path):
    script.write_text("freeze(net)\nfreeze(net)\n")
    path = tmp_path / "baseline.json"
    write_baseline(Report((at(script, 1),)), path, root=tmp_path)
    two = apply(
        Report((at(script, 1), at(script, 2))), baseline=read_baseline(path), rules=RULES, root=tmp_path
    )
    assert len(two.findings) == len(two.silenced) == 1


def test_a_baseline_reads_alike_from_either_kind_of_path(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_baseline(Report((at(script, 2),)), tmp_path / "baseline.json")
    known = read_baseline(tmp_path / "baseline.json")
    assert apply(Report((at("fit.py", 2),)), baseline=known, rules=RULES).healthy
    assert str(tmp_path) not in (tmp_path / "baseline.json").read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "JSON file that can be read"),
        ("[]", "that vademecum wrote"),
        ('{"format": "vademecum baseline", "version": 7}', "version 1: .* has 7"),
        ('{"format": "vademecum baseline", "version": 1}', "must have a fingerprint"),
        ('{"format": "vademecum baseline", "version": 1, "findings": [{}]}', "must have a fingerprint"),
    ],
)
def test_what_is_no_baseline(tmp_path, text, said):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_baseline(path)
    with pytest.raises(InputError, match="can be read"):
        read_baseline(tmp_path / "none.json")


def test_the_baseline_s_file_is_sorted(script, tmp_path):
    report = Report((at(script, 3, "lr-zero"), at(script, 2)))
    write_baseline(report, tmp_path / "a.json", root=tmp_path)
    write_baseline(replace(report, findings=report.findings[::-1]), tmp_path / "b.json", root=tmp_path)
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    rows = json.loads((tmp_path / "a.json").read_text())["findings"]
    assert rows[0]["code"] == "freeze(net)"


def test_pyproject(tmp_path):
    path = tmp_path / "pyproject.toml"
    assert read_ignores(path) == {}
    path.write_text('[tool.vademecum.doctor]\nignore = {lr-zero = "warm-up", dead-relu = "sparse"}\n')
    assert read_ignores(path) == {"lr-zero": "warm-up", "dead-relu": "sparse"}
    path.write_text("[tool.other]\n")
    assert read_ignores(path) == {}


@pytest.mark.parametrize(
    "text",
    ["[tool", '[tool.vademecum.doctor]\nignore = ["lr-zero"]', "[tool.vademecum.doctor.ignore]\nlr-zero = 3",
     "[tool]\nvademecum = 3"],
)  # fmt: skip
def test_pyproject_that_is_wrong(tmp_path, text):
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"pyproject\.toml"):
        read_ignores(path)
