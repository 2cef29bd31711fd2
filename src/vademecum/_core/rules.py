"""The doctor's rules: what the docstring of each says, read from the source without importing it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .cards import PACKAGE, Reference, head
from .errors import UnknownNameError

FOLDER = PACKAGE / "doctor" / "checks"

PATIENTS = PACKAGE / "doctor" / "patients"

_SECTION = re.compile(r"^(Wrong|Right|Fails where|References):[ \t]*(.*)$")
_EQUATION = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """What is known of one rule.

    Attributes:
        name: its id, in kebab case.
        path: its source.
        title: the words before the first colon of the first line.
        gist: the words after it.
        text: the paragraphs below, equations included.
        equations: the LaTeX between double dollar signs.
        wrong: code that has the fault.
        right: the same code without it.
        fails_where: what it cannot see.
        references: the papers or books behind it.
        patient: a script that has the fault and its repair, or None.
    """

    name: str
    path: Path
    title: str
    gist: str
    text: str
    equations: tuple[str, ...]
    wrong: str
    right: str
    fails_where: str
    references: tuple[Reference, ...]
    patient: Path | None

    def to_json(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {
            "rule": self.name, "title": self.title, "gist": self.gist, "text": self.text,
            "equations": list(self.equations), "wrong": self.wrong, "right": self.right,
            "fails_where": self.fails_where, "references": [{"key": r.key, "where": r.where} for r in self.references],
            "patient": self.patient is not None,
        }  # fmt: skip


def parse_rule(docstring: str, path: Path) -> Rule:
    r"""Take the docstring of a rule apart.

    Args:
        docstring: as it stands in the file.
        path: of the file, whose name is the rule's.

    Returns:
        The rule.

    Example:
        >>> text = "Step left out: nothing moves.\n\nWrong:\n    a()\n\nRight:\n    b()"
        >>> rule = parse_rule(text, Path("missing_step.py"))
        >>> rule.name, rule.title, rule.right
        ('missing-step', 'Step left out', 'b()')
    """
    first, _, rest = docstring.partition("\n")
    title, _, gist = first.partition(":")
    parts: dict[str, list[str]] = {"": []}
    section = ""
    for line in rest.splitlines():
        found = _SECTION.match(line)
        if found:
            section = found[1]
            parts[section] = [found[2]] if found[2] else []
        elif section and line.strip() and not line.startswith(" "):
            section = ""
            parts[""].append(line)
        else:
            parts[section].append(line)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(parts[""]).strip())
    name = path.stem.replace("_", "-")
    patient = PATIENTS / path.name
    return Rule(
        name, path, title.strip(), gist.strip(), text, tuple(e.strip() for e in _EQUATION.findall(text)),
        _code(parts.get("Wrong", [])), _code(parts.get("Right", [])),
        " ".join(line.strip() for line in parts.get("Fails where", []) if line.strip()),
        _references(parts.get("References", [])), patient if patient.is_file() else None,
    )  # fmt: skip


def _code(lines: list[str]) -> str:
    """Lines without the four blanks that set them in."""
    return "\n".join(line.removeprefix("    ").rstrip() for line in lines).strip("\n")


def _references(lines: list[str]) -> tuple[Reference, ...]:
    found: list[Reference] = []
    for line in lines:
        key, colon, where = line.strip().partition(":")
        if colon and re.fullmatch(r"[a-z][\w-]*", key):
            found.append(Reference(key, where.strip()))
        elif line.strip() and found:
            last = found.pop()
            found.append(Reference(last.key, f"{last.where} {line.strip()}".strip()))
    return tuple(found)


@cache
def all_rules() -> Mapping[str, Rule]:
    """Read every rule.

    Returns:
        The rules by name, in alphabetical order.

    Example:
        >>> all_rules()["missing-zero-grad"].title
        'Missing zero_grad'
    """
    found = {}
    for path in sorted(FOLDER.glob("[!_]*.py")):
        rule = parse_rule(head(path.read_text(encoding="utf-8")), path)
        if rule.title and rule.gist:  # a helper of several rules has no card
            found[rule.name] = rule
    return found


def rule(name: str) -> Rule:
    """Find a rule.

    Args:
        name: its id; underscores are taken for hyphens.

    Returns:
        The rule.

    Raises:
        UnknownNameError: there is none of that name.
    """
    wanted = name.replace("_", "-").lower()
    if wanted not in all_rules():
        raise UnknownNameError("rule", name, all_rules())
    return all_rules()[wanted]
