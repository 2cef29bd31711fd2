"""JSON, SARIF and workflow commands."""

import json
from dataclasses import replace
from math import inf, isnan, nan

import pytest

from vademecum._core.errors import InputError
from vademecum.doctor._finding import Finding
from vademecum.doctor._report import Report
from vademecum.doctor.formats import as_github, as_json, as_sarif, from_json


def test_json_comes_back(report):
    text = json.dumps(as_json(report), allow_nan=False)
    again = from_json(json.loads(text))
    assert again == replace(report, history={"loss": [2.3, 2.2], "rate": [0.1, 0.1]})
    assert again.findings[0].proof == report.findings[0].proof
    assert again.findings[0].folded == report.findings[0].folded


def test_json_has_numbers_that_json_does_not_have(cause):
    wild = replace(
        cause,
        evidence={"loss": nan, "up": inf, "down": -inf},
        proof=replace(cause.proof, after=(nan, 1.0, 2.0)),
    )
    text = json.dumps(as_json(Report((wild,), history={"loss": [1.0, nan]})), allow_nan=False)
    again = from_json(json.loads(text))
    assert isnan(again.findings[0].evidence["loss"])
    assert again.findings[0].evidence["up"] == inf
    assert again.findings[0].evidence["down"] == -inf
    assert isnan(again.findings[0].proof.after[0])
    assert isnan(again.history["loss"][1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "one that vademecum wrote"),
        ({"version": 9}, "version 1: 9 came"),
        ({"findings": [{"rule": "a"}]}, "must be whole"),
        ({"findings": [{"rule": "a", "severity": "awful", "message": ""}]}, "no severity 'awful'"),
        ({"findings": [{"rule": "a", "severity": "note", "message": "", "size": 3}]}, "no field 'size'"),
        ({"findings": 3}, "must be whole"),
        ({"spent": "much"}, "must be whole"),
    ],
)
def test_json_that_is_no_report(report, change, said):
    with pytest.raises(InputError, match=said):
        from_json({**as_json(report), **change})
    with pytest.raises(InputError, match="one that vademecum wrote"):
        from_json([])


def test_sarif_is_whole(report, tmp_path):
    log = json.loads(json.dumps(as_sarif(report, root=tmp_path), allow_nan=False))
    assert log["version"] == "2.1.0"
    [run] = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [
        "frozen-by-mistake",
        "lr-zero",
        "missing-seed",
        "redundant-softmax",
    ]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"].endswith(".") for rule in rules)
    assert "Drop the softmax." in rules[3]["help"]["text"]
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        assert set(result["partialFingerprints"]) == {"vademecum/v1"}
    first = run["results"][0]
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "train.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3},
            },
            "logicalLocations": [{"fullyQualifiedName": "net.act"}],
        }
    ]
    assert first["properties"]["folded"] == ["lr-too-low"]
    assert "suppressions" not in first
    assert "locations" not in run["results"][1], "a finding without a place has none"
    assert run["results"][2]["suppressions"] == [{"kind": "external", "justification": "on purpose"}]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[0]["message"]["text"] == "label-shift was not checked: no tokens"
    assert len(notes) == 3


def test_sarif_takes_the_rule_s_own_help(report):
    rules = as_sarif(report, helps={"lr-zero": "The rate is 0 in a group."})["runs"][0]["tool"]["driver"][
        "rules"
    ]
    assert rules[1]["help"] == {"text": "The rate is 0 in a group."}


def test_sarif_fingerprints_stay_when_lines_move(tmp_path):
    script = tmp_path / "fit.py"

    def prints(text, *lines):
        script.write_text(text)
        found = tuple(Finding("a", "error", "B.", file=str(script), line=line, where="f") for line in lines)
        return [
            r["partialFingerprints"]["vademecum/v1"]
            for r in as_sarif(Report(found), root=tmp_path)["runs"][0]["results"]
        ]

    [first] = prints("x = 1\n", 1)
    assert prints("import torch\n\n    x  =  1  # vade: ignore[b] c\n", 3) == [first]
    assert prints("x = 2\n", 1) != [first]
    assert len(set(prints("x = 1\nx = 1\n", 1, 2))) == 2, "two findings are two"


def test_sarif_paths(tmp_path):
    def place(file):
        log = as_sarif(Report((Finding("a", "error", "B.", file=file, line=1),)), root=tmp_path)
        return log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]

    assert place(str(tmp_path / "my code" / "a#1.py")) == {
        "uri": "my%20code/a%231.py",
        "uriBaseId": "%SRCROOT%",
    }
    assert place("/elsewhere/a.py") == {"uri": "file:///elsewhere/a.py"}


def test_workflow_commands(report):
    first, second = as_github(report).splitlines()
    assert first == (
        "::error file=train.py,line=3,title=redundant-softmax (net.act)::The softmax is taken twice: with 10 classes the loss "
        "cannot fall below 1.461.%0Acure: Drop the softmax.%0A- return self.act(x)%0A+ return x"
    )
    assert second == "::notice title=missing-seed::No random stream is given a seed."
    assert as_github(Report()) == ""


def test_workflow_commands_are_escaped():
    found = Finding("a", "warning", "50 % of x::y,\r\nz", file="odd,na:me%.py", line=1)
    assert (
        as_github(Report((found,)))
        == "::warning file=odd%2Cna%3Ame%25.py,line=1,title=a::50 %25 of x::y,%0D%0Az"
    )
