"""Which finding explains which: one cause is one message, its consequences are folded beneath it."""

from collections.abc import Iterable
from dataclasses import replace

from ._finding import Finding

EXPLAINS: dict[str, frozenset[str]] = {
    rule: frozenset(consequences.split())
    for rule, consequences in {
        # data
        "unscaled-input": "saturated-activation dead-relu exploding-gradient initial-loss lr-too-high lr-too-low "
        "non-finite labels-mismatched class-imbalance",
        "tiny-input": "lr-too-low vanishing-gradient labels-mismatched class-imbalance poor-init",
        "unscaled-target": "initial-loss exploding-gradient lr-too-high lr-too-low dead-relu labels-mismatched "
        "poor-init",
        "constant-input": "labels-mismatched duplicated-rows class-imbalance train-val-overlap "
        "input-ignored capacity-too-small repeated-batch",
        "mostly-unknown-tokens": "constant-input labels-mismatched duplicated-rows train-val-overlap repeated-batch",
        "single-class": "class-imbalance unused-outputs unshuffled-data initial-loss",
        "ignore-index-collision": "class-imbalance",
        "labels-out-of-range": "wrong-layout lr-too-high initial-loss",
        "input-mutated": "train-val-mismatch unscaled-input tiny-input overfitting",
        "unshuffled-data": "overfitting class-imbalance labels-mismatched lr-too-high",
        "repeated-batch": "overfitting duplicated-rows single-class class-imbalance train-val-overlap",
        "train-val-overlap": "duplicated-rows",
        "train-val-mismatch": "overfitting",
        "target-leak": "initial-loss",
        "labels-mismatched": "overfitting lr-too-low capacity-too-small class-imbalance",
        "initial-loss": "lr-too-high",
        "class-imbalance": "labels-mismatched",
    }.items()
}
"""rule -> rules that it explains, directly; what those explain follows."""

RANK = {"error": 0, "warning": 1, "note": 2, "ok": 3}


def fold(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Keep the causes and fold what they explain beneath them.

    Args:
        findings: in any order; those that are "ok" are left out.

    Returns:
        The causes: gravest first, facts before symptoms, then the earlier before the later. A finding that several
        causes explain stands under the first.

    Example:
        >>> cause = Finding("unscaled-input", "warning", "...")
        >>> after = Finding("saturated-activation", "warning", "...", symptom=True)
        >>> [(f.rule, [g.rule for g in f.folded]) for f in fold([after, cause])]
        [('unscaled-input', ['saturated-activation'])]
    """
    found = sorted(
        (finding for finding in findings if finding.severity != "ok"),
        key=lambda f: (RANK[f.severity], f.symptom, f.step),
    )
    present = {finding.rule for finding in found}
    roots = [f for f in found if not any(f.rule in explained(rule) for rule in present if rule != f.rule)]
    roots = roots or found[:1]
    taken: set[int] = {id(f) for f in roots}
    told = []
    for root in roots:
        under = [f for f in found if id(f) not in taken and f.rule in explained(root.rule)]
        taken.update(id(f) for f in under)
        told.append(replace(root, folded=root.folded + tuple(under)))
    return tuple(told)


def explained(rule: str) -> frozenset[str]:
    """All rules that a rule explains, directly or through others."""
    seen: set[str] = set()
    waiting = list(EXPLAINS.get(rule, ()))
    while waiting:
        now = waiting.pop()
        if now not in seen:
            seen.add(now)
            waiting.extend(EXPLAINS.get(now, ()))
    return frozenset(seen - {rule})
