"""All that the doctor says of one run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ._finding import Finding


@dataclass(frozen=True)
class Report:
    """Findings with their causes first, and what was not looked at.

    Attributes:
        findings: the causes, gravest and surest first; consequences are folded beneath them. None is "ok".
        checked: ids of the rules that looked.
        not_checked: id of a rule -> because of what it did not look.
        silenced: findings that the user does not want told, with the reason given.
        steps: optimizer steps seen.
        spent: share of the run's time that the doctor took.
        history: what a page of the run shows, as plain numbers and lists.
    """

    findings: tuple[Finding, ...] = ()
    checked: tuple[str, ...] = ()
    not_checked: Mapping[str, str] = field(default_factory=dict)
    silenced: tuple[tuple[Finding, str], ...] = ()
    steps: int = 0
    spent: float = 0.0
    history: Mapping[str, Any] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether there is neither a warning nor an error."""
        return not any(finding.severity in {"warning", "error"} for finding in self.findings)
