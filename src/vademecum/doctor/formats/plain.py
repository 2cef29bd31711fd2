"""A report as plain values for programs, and read again."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from math import isfinite
from typing import Any

from ..._core.errors import InputError
from .._finding import SEVERITIES, Finding, Proof
from .._report import Report

_FORMAT, _VERSION = "vademecum report", 1
_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""JSON has no such numbers; they are written as these words."""


def as_json(report: Report) -> dict[str, Any]:
    """Write a report as plain values.

    Args:
        report: what the doctor says.

    Returns:
        Dictionaries, lists, texts and numbers, all of which JSON has; ``from_json`` reads them again.

    Example:
        >>> value = as_json(Report((Finding("lr-zero", "error", "The rate is 0."),)))
        >>> value["healthy"], value["findings"][0]["rule"]
        (False, 'lr-zero')
    """
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "healthy": report.healthy,
        "findings": [_plain(asdict(finding)) for finding in report.findings],
        "silenced": [{"finding": _plain(asdict(one)), "reason": reason} for one, reason in report.silenced],
        "checked": list(report.checked),
        "not_checked": dict(report.not_checked),
        "steps": report.steps,
        "spent": _plain(report.spent),
        "history": _plain(report.history),
    }


def from_json(value: Mapping[str, Any]) -> Report:
    """Read a report that `as_json` wrote.

    Args:
        value: what was written.

    Returns:
        The report.

    Raises:
        InputError: it is no report of this version.

    Example:
        >>> report = Report((Finding("lr-zero", "error", "The rate is 0.", evidence={"lr": 0.0}),), steps=3)
        >>> from_json(as_json(report)) == report
        True
    """
    if not isinstance(value, Mapping) or value.get("format") != _FORMAT:
        raise InputError(
            "a saved report must be one that vademecum wrote: this value is none; save it as JSON anew."
        )
    if value.get("version") != _VERSION:
        raise InputError(
            f"a saved report must have version {_VERSION}: {value.get('version')!r} came; check the run anew."
        )
    try:
        return Report(
            findings=tuple(_finding(one) for one in value["findings"]),
            checked=tuple(value["checked"]),
            not_checked=dict(value["not_checked"]),
            silenced=tuple((_finding(one["finding"]), str(one["reason"])) for one in value["silenced"]),
            steps=int(value["steps"]),
            spent=float(_read(value["spent"])),
            history=_read(value["history"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"a saved report must be whole: {type(error).__name__} {error} came up in it; check the run anew."
        ) from None


def _plain(value: Any) -> Any:
    """Tuples as lists, numbers that JSON does not have as words."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _read(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_read(inner) for inner in value]
    return _NUMBERS.get(value, value) if isinstance(value, str) else value


def _finding(value: Mapping[str, Any]) -> Finding:
    known = {field.name for field in fields(Finding)}
    if unknown := set(value) - known:
        raise ValueError(f"a finding has no field {sorted(unknown)[0]!r}")
    if value["severity"] not in SEVERITIES:
        raise ValueError(f"no severity {value['severity']!r}")
    proof = value.get("proof")
    rest = {key: inner for key, inner in value.items() if key not in {"evidence", "folded", "proof"}}
    return Finding(
        **rest,
        evidence=_read(value.get("evidence", {})),
        folded=tuple(_finding(one) for one in value.get("folded", ())),
        proof=None if proof is None else _proof(proof),
    )


def _proof(value: Mapping[str, Any]) -> Proof:
    read = _read(dict(value))
    return Proof(**{**read, "before": tuple(read["before"]), "after": tuple(read["after"])})
