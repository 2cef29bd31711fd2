"""A report as SARIF 2.1.0, which code hosts and editors show beside the lines."""

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .._finding import Finding
from .._fingerprint import fingerprint, relative
from .._report import Report
from .plain import _plain
from .text import _proof

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_IN_SOURCE = re.compile(r"\(comment, .*:\d+\)$")


def as_sarif(
    report: Report, *, helps: Mapping[str, str] | None = None, root: Path | None = None
) -> dict[str, Any]:
    """Write a report as a SARIF log with one run.

    Args:
        report: what the doctor says.
        helps: id of a rule -> what it looks for, and what to do; where it is missing, the finding's own cure stands in.
        root: the folder from which files count; None: the working folder.

    Returns:
        The log as plain values.

    Example:
        >>> log = as_sarif(Report((Finding("lr-zero", "error", "The rate is 0.", file="fit.py", line=3),)))
        >>> result = log["runs"][0]["results"][0]
        >>> result["ruleId"], result["level"], result["locations"][0]["physicalLocation"]["region"]
        ('lr-zero', 'error', {'startLine': 3})
    """
    root = root or Path.cwd()
    all_of_it = [(finding, "") for finding in report.findings] + list(report.silenced)
    ids = sorted({*report.checked, *(one.rule for one, _ in all_of_it)})
    driver = {
        "name": "vademecum",
        "rules": [
            _rule(rule, [one for one, _ in all_of_it if one.rule == rule], (helps or {}).get(rule, ""))
            for rule in ids
        ],
    }
    if number := _version():
        driver["version"] = number
    seen: dict[str, int] = {}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {
                                "level": "note",
                                "message": {"text": f"{rule} was not checked: {reason}"},
                                "properties": {"rule": rule},
                            }
                            for rule, reason in report.not_checked.items()
                        ],
                    }
                ],
                "results": [_result(one, reason, ids, root, seen) for one, reason in all_of_it],
            }
        ],
    }


def _version() -> str:
    try:
        return version("vademecum")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return ""


def _rule(rule: str, found: list[Finding], help_text: str) -> dict[str, Any]:
    words = rule.replace("-", " ")
    first = found[0] if found else None
    if not help_text and first is not None:
        help_text = " ".join(
            part for part in (first.cure, f"Wrong if: {first.disproof}" if first.disproof else "") if part
        )
    if first is not None and first.reference:
        help_text += f" See: {first.reference}."
    level = _level(first.severity) if first is not None else "warning"
    return {
        "id": rule,
        "name": "".join(word.capitalize() for word in words.split()),
        "shortDescription": {"text": f"{words.capitalize()}."},
        "help": {
            "text": help_text.strip()
            or f"{words.capitalize()}: the doctor looked for it and did not find it."
        },
        "defaultConfiguration": {"level": level},
    }


def _level(severity: str) -> str:
    return "none" if severity == "ok" else severity


def _result(
    finding: Finding, reason: str, ids: list[str], root: Path, seen: dict[str, int]
) -> dict[str, Any]:
    name = fingerprint(finding, root)
    seen[name] = seen.get(name, 0) + 1  # two equal lines in one function are two findings
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": _level(finding.severity),
        "kind": "pass" if finding.severity == "ok" else "fail",
        "message": {"text": _message(finding)},
        "partialFingerprints": {"vademecum/v1": f"{name}:{seen[name]}"},
    }
    if location := _location(finding, root):
        result["locations"] = [location]
    facts = {
        "evidence": _plain(finding.evidence),
        "diff": finding.diff,
        "folded": [one.rule for one in finding.folded],
    }
    if facts := {key: value for key, value in facts.items() if value}:
        result["properties"] = facts
    if reason:
        kind = "inSource" if _IN_SOURCE.search(reason) else "external"
        result["suppressions"] = [{"kind": kind, "justification": reason}]
    return result


def _message(finding: Finding) -> str:
    parts = [finding.message]
    parts += [f"Cure: {finding.cure}"] if finding.cure else []
    parts += [f"Wrong if: {finding.disproof}"] if finding.disproof else []
    parts += [f"Proof: {_proof(finding.proof)}."] if finding.proof is not None else []
    return " ".join(parts)


def _location(finding: Finding, root: Path) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if finding.file:
        path = relative(finding.file, root)
        if Path(path).is_absolute():
            place = {"uri": Path(path).as_uri()}
        else:
            place = {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
        location["physicalLocation"] = {"artifactLocation": place}
        if finding.line:
            location["physicalLocation"]["region"] = {"startLine": finding.line}
    if finding.where:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.where}]
    return location
