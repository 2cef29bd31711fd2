"""Findings that a user has seen and does not want told again, each with a reason; they stay countable.

Three ways: ``ignore`` (from a call or ``pyproject.toml``), a comment on the line, and a baseline of what is known.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from .._core.errors import InputError, UnknownNameError
from ._finding import Finding
from ._fingerprint import fingerprint, relative, source_line
from ._report import Report

__all__ = ["apply", "read_baseline", "read_ignores", "write_baseline"]

_COMMENT = re.compile(r"#\s*vade:\s*ignore(?:\[([^\]]*)\])?\s*(.*)$")
_VERSION = 1
KNOWN = "known: it stands in the baseline"
"""The reason given for what a baseline silences."""


def apply(
    report: Report,
    ignore: Mapping[str, str] | None = None,
    baseline: Mapping[str, int] | None = None,
    *,
    rules: Collection[str],
    root: Path | None = None,
) -> Report:
    """Take out of a report what the user does not want told.

    A comment ``# vade: ignore[rule] reason`` on the line of a finding silences it, too. One without a reason, or for
    a rule that is none, does not, and a note says so.

    Args:
        report: left as it is.
        ignore: id of a rule -> why its findings are right as they are; a rule that is none, or an empty reason, is an
            `InputError`.
        baseline: fingerprint -> how often it is known; as `read_baseline` gives it.
        rules: ids of all rules that there are.
        root: the folder from which files count; None: the working folder.

    Returns:
        The report with those findings under ``silenced``, each with its reason.

    Example:
        >>> report = Report((Finding("frozen-by-mistake", "warning", "The first layer is frozen."),))
        >>> quiet = apply(report, {"frozen-by-mistake": "random features"}, rules=("frozen-by-mistake",))
        >>> quiet.healthy, len(quiet.silenced)
        (True, 1)
    """
    ignore, root = _checked(ignore or {}, rules), (root or Path.cwd())
    left = Counter(baseline or {})
    told: list[Finding] = []
    silenced = list(report.silenced)
    for finding in report.findings:
        why, notes = _why(finding, ignore, rules, root)
        known = fingerprint(finding, root)
        if why is None and left[known] > 0:
            left[known] -= 1
            why = KNOWN
        if why is not None:
            silenced.append((finding, why))
            continue
        folded = []
        for consequence in finding.folded:
            reason, _ = _why(consequence, ignore, rules, root)
            if reason is None:
                folded.append(consequence)
            else:
                silenced.append((consequence, reason))
        told += [replace(finding, folded=tuple(folded)), *notes]
    return replace(report, findings=tuple(told), silenced=tuple(silenced))


def _checked(ignore: Mapping[str, str], rules: Collection[str]) -> Mapping[str, str]:
    for rule, reason in ignore.items():
        if rule not in rules:
            raise UnknownNameError("rule to ignore", rule, rules)
        if not isinstance(reason, str) or not reason.strip():
            raise InputError(
                f"a rule is ignored for a reason: {rule!r} came with {reason!r}; say in a few words why it is "
                "right here."
            )
    return ignore


def _why(
    finding: Finding, ignore: Mapping[str, str], rules: Collection[str], root: Path
) -> tuple[str | None, list[Finding]]:
    """The reason to be silent about a finding, None where there is none, and what is wrong with its line's comment."""
    if finding.rule in ignore:
        return ignore[finding.rule], []
    found = _COMMENT.search(source_line(finding, root))
    if found is None:
        return None, []
    named = [word.strip() for word in (found[1] or "").split(",") if word.strip()]
    reason = found[2].strip()
    place = f"{relative(finding.file, root)}:{finding.line}"
    unknown = [word for word in named if word not in rules]
    if unknown:
        return None, [_unclear(finding, str(UnknownNameError("rule to ignore", unknown[0], rules)))]
    if not named:
        return None, [
            _unclear(finding, "a comment that silences must name the rule, and this one names none.")
        ]
    if finding.rule not in named:
        return None, []
    if not reason:
        return None, [
            _unclear(finding, "a comment that silences must give its reason, and this one gives none.")
        ]
    return f"{reason} (comment, {place})", []


def _unclear(finding: Finding, what: str) -> Finding:
    return Finding(
        "unclear-ignore", "note", f"{what[0].upper()}{what[1:]}",
        cure=f"Write `# vade: ignore[{finding.rule}] why it is right here`.",
        where=finding.where, file=finding.file, line=finding.line,
    )  # fmt: skip


def read_ignores(path: Path) -> dict[str, str]:
    """Read the rules to ignore from a ``pyproject.toml``: its table ``[tool.vademecum.doctor.ignore]``.

    Args:
        path: of the file; one that is not there ignores nothing.

    Returns:
        Id of a rule -> reason; `apply` checks both.

    Raises:
        InputError: the file is no TOML, or the table is none.
    """
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            found: object = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} must be a TOML file that can be read: {error}.") from None
    for key in ("tool", "vademecum", "doctor", "ignore"):
        found = found.get(key, {}) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(reason, str) for reason in found.values()):
        raise InputError(
            f"{path}: ignore of [tool.vademecum.doctor] must be a table of reasons: {found!r} came; write for example "
            'ignore = {frozen-by-mistake = "random features on purpose"}.'
        )
    return dict(found)


def write_baseline(report: Report, path: Path, *, root: Path | None = None) -> None:
    """Write down what a report finds, so that only what is new is told from now on.

    Args:
        report: its findings are written, not those that are silenced.
        path: of the JSON file; the lines are sorted, so that a change reads well.
        root: the folder from which files count; None: the working folder.
    """
    root = root or Path.cwd()
    rows = [
        {
            "rule": finding.rule,
            "file": relative(finding.file, root) if finding.file else "",
            "where": finding.where,
            "code": source_line(finding, root).strip(),
            "fingerprint": fingerprint(finding, root),
        }
        for finding in report.findings
    ]
    rows.sort(key=lambda row: (row["file"], row["rule"], row["where"], row["code"]))
    value = {"format": "vademecum baseline", "version": _VERSION, "findings": rows}
    partial = path.with_name(path.name + ".partial")  # a file under its own name is always whole
    partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_baseline(path: Path) -> dict[str, int]:
    """Read a baseline.

    Args:
        path: of the file.

    Returns:
        Fingerprint -> how many findings have it.

    Raises:
        InputError: the file is not there, or is no baseline of this version.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(
            f"the baseline must be a JSON file that can be read: {path}: {error}; write it anew."
        ) from None
    if not isinstance(value, dict) or value.get("format") != "vademecum baseline":
        raise InputError(f"the baseline must be a file that vademecum wrote: {path} is none; write it anew.")
    if value.get("version") != _VERSION:
        raise InputError(
            f"the baseline must have version {_VERSION}: {path} has {value.get('version')!r}; write it anew with "
            "this version."
        )
    rows = value.get("findings")
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("fingerprint"), str) for row in rows
    ):
        raise InputError(
            f"each finding of the baseline must have a fingerprint: {path} has one without; write it anew."
        )
    return dict(Counter(row["fingerprint"] for row in rows))
