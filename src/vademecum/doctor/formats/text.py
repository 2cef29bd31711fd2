"""A report as text for people: one line where all is well, else causes, cures and proofs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from .._finding import Finding, Proof
from .._fingerprint import relative
from .._report import Report
from ._numbers import short, signed

_COLORS = {"error": "31", "warning": "33", "note": "36", "ok": "32"}
_INDENT = " " * 9


def as_text(report: Report, *, verbose: bool = False, color: bool = False) -> str:
    """Write a report for people.

    A healthy run is one line. Notes, evidence and the silenced are told only where more is wanted.

    Args:
        report: what the doctor says.
        verbose: whether to tell notes, evidence, what was silenced and what was not looked at, too.
        color: whether to use a terminal's colors.

    Returns:
        The text, without a newline at its end.

    Example:
        >>> healthy = Report(checked=("lr-zero", "dead-relu"), not_checked={"label-shift": "no tokens"}, spent=0.014)
        >>> print(as_text(healthy))
        2 rules looked, 0 findings, 1 not checked; 1.4 % of the time
        >>> found = Finding("lr-zero", "error", "The rate of group 0 is 0.", cure="Set lr.", file="fit.py", line=3)
        >>> print(as_text(Report((found,), checked=("lr-zero",))))
        error    lr-zero  fit.py:3
                 The rate of group 0 is 0.
                 cure: Set lr.
        <BLANKLINE>
        1 rule looked, 1 finding
    """
    told = [finding for finding in report.findings if verbose or finding.severity in {"warning", "error"}]
    blocks = ["\n".join(_finding(finding, verbose, color)) for finding in told]
    if verbose and report.silenced:
        blocks.append("\n".join(f"silenced {_head(one)}: {reason}" for one, reason in report.silenced))
    blocks.append(_summary(report, verbose))
    if report.not_checked and (verbose or not report.healthy):
        blocks[-1] += "".join(f"\nnot checked  {line}" for line in _not_checked(report))
    return "\n\n".join(blocks)


def _finding(finding: Finding, verbose: bool, color: bool) -> Iterator[str]:
    word = f"{finding.severity:<9}"
    yield (_style(word, f"1;{_COLORS[finding.severity]}") if color else word) + _head(finding, color)
    yield _INDENT + finding.message
    if verbose and finding.evidence:
        facts = ", ".join(
            f"{name.replace('_', ' ')} {short(value)}" for name, value in finding.evidence.items()
        )
        yield f"{_INDENT}evidence: {facts}"
    if verbose and finding.step >= 0:
        yield f"{_INDENT}seen first at step {finding.step}"
    if finding.cure:
        yield f"{_INDENT}cure: {finding.cure}"
    yield from (f"{_INDENT}  {_change(line) if color else line}" for line in finding.diff.splitlines())
    if finding.disproof:
        yield f"{_INDENT}wrong if: {finding.disproof}"
    yield from (f"{_INDENT}leads to {_head(one)}: {one.message}" for one in finding.folded)
    if finding.proof is not None:
        yield f"{_INDENT}proof: {_proof(finding.proof)}"
    if finding.reference:
        yield f"{_INDENT}see: vade paper {finding.reference}"


def _head(finding: Finding, color: bool = False) -> str:
    rule = _style(finding.rule, "1") if color else finding.rule
    return "  ".join(part for part in (rule, place(finding)) if part)


def place(finding: Finding) -> str:
    """Where a finding is, as one would look it up.

    Args:
        finding: what was found.

    Returns:
        Module and line of the file, such as ``trunk.0, train.py:12``; "" where the whole run is meant.
    """
    line = f":{finding.line}" if finding.line else ""
    return ", ".join(
        part
        for part in (finding.where, f"{relative(finding.file, Path.cwd())}{line}" if finding.file else "")
        if part
    )


def _proof(proof: Proof) -> str:
    change = fmean(proof.after) - fmean(proof.before)
    seeds = f"{len(proof.before)} seed{'s' if len(proof.before) != 1 else ''}"
    return (
        f"{proof.measure} {short(fmean(proof.before))} -> {short(fmean(proof.after))} with the cure, {signed(change)} "
        f"[{short(proof.low)}, {short(proof.high)}] over {seeds}, {short(100 * proof.level)} % interval"
        + (f" ({proof.did.rstrip('.')})" if proof.did else "")
    )


def _summary(report: Report, verbose: bool) -> str:
    notes = sum(finding.severity == "note" for finding in report.findings)
    found = sum(finding.severity in {"warning", "error"} for finding in report.findings)
    parts = [_count(len(report.checked), "rule") + " looked", _count(found, "finding")]
    if notes:
        parts.append(_count(notes, "note") + ("" if verbose else " (told with verbose)"))
    if report.silenced:
        parts.append(f"{len(report.silenced)} silenced")
    if report.not_checked:
        parts.append(f"{len(report.not_checked)} not checked")
    return ", ".join(parts) + (f"; {100 * report.spent:.1f} % of the time" if report.spent else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _not_checked(report: Report) -> Sequence[str]:
    """One line a reason, with the rules that it kept from looking."""
    reasons: dict[str, list[str]] = {}
    for rule, reason in report.not_checked.items():
        reasons.setdefault(reason, []).append(rule)
    return [f"{', '.join(rules)}: {reason}" for reason, rules in reasons.items()]


def _change(line: str) -> str:
    return _style(line, {"-": "31", "+": "32"}.get(line[:1], "0"))


def _style(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"
