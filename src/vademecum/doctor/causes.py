"""Which finding explains which: one cause is one message, its consequences are folded beneath it."""

from collections.abc import Iterable
from dataclasses import replace

from ._finding import Finding

EXPLAINS: dict[str, frozenset[str]] = {
    "unscaled-input": frozenset({"saturated-activation"}),
    # graph
    "redundant-softmax": frozenset({"vanishing-gradient", "lr-too-low"}),
    "redundant-sigmoid": frozenset({"vanishing-gradient", "lr-too-low"}),
    "missing-log-softmax": frozenset({"diverging-loss", "lr-too-high"}),
    "missing-output-activation": frozenset({"non-finite", "dead-relu"}),
    "wrong-softmax-dim": frozenset({"batch-mixing", "missing-causal-mask"}),
    "single-logit-softmax": frozenset(
        {"input-ignored", "constant-output", "vanishing-gradient", "wrong-softmax-dim"}
    ),
    "output-range": frozenset({"dead-relu", "saturated-activation", "vanishing-gradient"}),
    "broadcast-mismatch": frozenset({"constant-output", "input-ignored", "labels-mismatched"}),
    "nondifferentiable-output": frozenset({"loss-detached", "parameters-not-updated", "vanishing-gradient"}),
    "loss-detached": frozenset({"detached-part", "parameters-not-updated", "missing-step"}),
    "unregistered-layers": frozenset({"optimizer-wrong-parameters", "detached-part"}),
    "flipped-loss-sign": frozenset(
        {"diverging-loss", "lr-too-high", "exploding-gradient", "labels-mismatched"}
    ),
    "symmetric-init": frozenset(
        {"input-ignored", "constant-output", "dead-relu", "poor-init", "vanishing-gradient"}
    ),
    # probes
    "input-ignored": frozenset({"constant-output", "labels-mismatched", "vanishing-gradient"}),
    "missing-causal-mask": frozenset({"overfitting"}),
    "batchnorm-stale-statistics": frozenset({"overfitting"}),
    "dead-relu": frozenset({"input-ignored"}),
    "saturated-activation": frozenset({"input-ignored"}),
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
