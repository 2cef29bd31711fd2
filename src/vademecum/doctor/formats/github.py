"""A report as workflow commands, which GitHub shows beside the lines of a pull request."""

from pathlib import Path

from .._finding import Finding
from .._fingerprint import relative
from .._report import Report

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def as_github(report: Report, *, root: Path | None = None) -> str:
    """Write a report as workflow commands, one line a finding; what is silenced is left out.

    Args:
        report: what the doctor says.
        root: the folder from which files count; None: the working folder.

    Returns:
        The lines; "" where nothing was found.

    Example:
        >>> found = Finding("lr-zero", "error", "The rate of group 0 is 0.", cure="Set lr.", file="fit.py", line=3)
        >>> print(as_github(Report((found,))))
        ::error file=fit.py,line=3,title=lr-zero::The rate of group 0 is 0.%0Acure: Set lr.
    """
    root = root or Path.cwd()
    return "\n".join(_command(finding, root) for finding in report.findings if finding.severity in _COMMANDS)


def _command(finding: Finding, root: Path) -> str:
    properties = {}
    if finding.file:
        properties["file"] = relative(finding.file, root)
        if finding.line:
            properties["line"] = str(finding.line)
    where = f" ({finding.where})" if finding.where else ""
    properties["title"] = finding.rule + where
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    body = "\n".join(
        part
        for part in (finding.message, f"cure: {finding.cure}" if finding.cure else "", finding.diff)
        if part
    )
    return f"::{_COMMANDS[finding.severity]} {said}::{_data(body)}"


def _data(text: str) -> str:
    """Escape what ends a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape what ends a property, too."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
