"""Reports and outcomes as JSON, for files and between processes: no pickle is read."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from .._finding import Finding, Proof
from .._report import Report
from .outcome import Ending, Evaluated


def report_to_json(report: Report) -> dict[str, Any]:
    """Write a report as plain values.

    Args:
        report: any.

    Returns:
        Values that ``json`` can write and `report_from_json` reads.

    Example:
        >>> report = Report((Finding("dead-units", "warning", "All are dead."),), ("dead-units",))
        >>> report_from_json(report_to_json(report)) == report
        True
    """
    made = {each.name: getattr(report, each.name) for each in fields(report)}
    made["findings"] = [asdict(finding) for finding in report.findings]
    made["silenced"] = [[asdict(finding), why] for finding, why in report.silenced]
    return {name: _plain(value) for name, value in made.items()}


def report_from_json(values: Mapping[str, Any]) -> Report:
    """Read a report.

    Args:
        values: as `report_to_json` wrote them; what it does not know is left out.

    Returns:
        The report.

    Raises:
        ValueError: it is no report.
    """
    if not isinstance(values, Mapping) or not isinstance(values.get("findings"), list):
        raise ValueError("a report must have a list of findings: write one with --format json.")
    try:
        given = _known(Report, values)
        given["findings"] = tuple(_finding(value) for value in values["findings"])
        given["silenced"] = tuple((_finding(value), why) for value, why in values.get("silenced", ()))
        given["checked"] = tuple(values.get("checked", ()))
        return Report(**given)
    except (TypeError, KeyError) as error:
        raise ValueError(f"a report must be whole: {error}; write it again with --format json.") from None


def ending_from_json(values: Mapping[str, Any]) -> Ending:
    """Read how a run ended."""
    return Ending(**{**values, "stack": tuple(values["stack"])})


def evaluated_from_json(values: Mapping[str, Any]) -> Evaluated:
    """Read the figures of an evaluation."""
    return Evaluated(**values)


def plain(value: Any) -> Any:
    """Turn tuples, mappings, tensors of one value and NumPy's numbers into what JSON knows."""
    return _plain(value)


def _finding(values: Mapping[str, Any]) -> Finding:
    given = _known(Finding, values)
    given["folded"] = tuple(_finding(value) for value in values.get("folded", ()))
    if values.get("proof") is not None:
        proof = _known(Proof, values["proof"])
        given["proof"] = Proof(**{**proof, "before": tuple(proof["before"]), "after": tuple(proof["after"])})
    return Finding(**given)


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a dataclass has a place for."""
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):
        return _plain(value.item())
    return str(value)
