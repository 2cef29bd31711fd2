"""A finding at a place in the text."""

import ast
from collections.abc import Mapping
from pathlib import PurePath

from .._finding import Finding
from ._program import Function, Program, ancestors, tree_of


def finding(
    program: Program,
    node: ast.AST,
    rule: str,
    severity: str,
    message: str,
    *,
    cure: str,
    disproof: str,
    swap: tuple[ast.AST, str] | None = None,
    diff: str = "",
    evidence: Mapping[str, float] | None = None,
    reference: str = "",
) -> Finding:
    """Make a finding.

    Args:
        program: what was read.
        node: the place.
        rule: its id.
        severity: "note", "warning" or "error".
        message: the cause.
        cure: what to try.
        disproof: what would prove it wrong.
        swap: a node and the text that cures it, from which the diff is made.
        diff: the diff, where it is made otherwise.
        evidence: numbers behind the message.
        reference: a key of ``refs.bib``.

    Returns:
        The finding.
    """
    if swap is not None:
        diff = _swapped(program, *swap)
    return Finding(
        rule, severity, message, cure=cure, where=where(program, node), evidence=dict(evidence or {}),
        reference=reference, file=program.files[tree_of(program, node)], line=getattr(node, "lineno", 0), diff=diff,
        disproof=disproof,
    )  # fmt: skip


def where(program: Program, node: ast.AST) -> str:
    """The class and function around a node, such as ``Net.forward``."""
    names = [a.name for a in (node, *ancestors(program, node)) if isinstance(a, Function | ast.ClassDef)]
    return ".".join(reversed(names))


def place(program: Program, node: ast.AST, seen_from: ast.AST) -> str:
    """Where a node stands, for a sentence about another: its line, and its file where that is another one."""
    files = [program.files[tree_of(program, one)] for one in (node, seen_from)]
    return (
        f"{'' if files[0] == files[1] else f'{PurePath(files[0]).name}, '}line {getattr(node, 'lineno', 0)}"
    )


def line(program: Program, node: ast.AST) -> str:
    """The text of the line on which a node begins."""
    lines, number = program.lines[tree_of(program, node)], getattr(node, "lineno", 0)
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _swapped(program: Program, node: ast.AST, new: str) -> str:
    """The line of a node with another text in its place; "" where it stands on several lines."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    if not first or first != last:
        return ""
    old = program.lines[tree_of(program, node)][first - 1]
    code = old.encode()  # columns are counted in bytes
    start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    cured = code[:start].decode() + new + code[end:].decode()
    return f"- {old.strip()}\n+ {cured.strip()}" if cured.strip() else f"- {old.strip()}"
