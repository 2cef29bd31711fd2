"""The page of a run's findings: what is wrong, since when, and what to do, in one file that opens anywhere."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vademecum._core import refs
from vademecum.doctor import Finding, Report
from vademecum.doctor._finding import every

from ._drawing import FIRST, INK, MUTED, SECOND, canvas, legend, short, to_svg
from .report import environment

__all__ = ["findings_page"]

LOW, HIGH = -6.0, 0.0
"""Ends of the colors of an update ratio's logarithm; about -3 is usual."""


def findings_page(report: Report, *, title: str) -> str:
    """Write the page.

    Args:
        report: of a run, fresh or read again.
        title: of the page, such as the script's name.

    Returns:
        The text of an HTML file with no script and nothing from elsewhere.
    """
    history = report.history
    papers = {f.reference for f in every(report.findings) if f.reference}
    return environment().get_template("findings.html.j2").render({
        "title": title, "report": report, "history": history,
        "counts": {name: sum(f.severity == name for f in report.findings) for name in ("error", "warning", "note")},
        "timeline": _timeline(history, report.findings),
        "updates": _heat(history.get("update_ratio"), _ratio_color), "units": _heat(history.get("units"), _share_color),
        "papers": [refs.paper(key) for key in sorted(papers)], "short": short, "isfinite": math.isfinite,
        "mean": lambda values: sum(values) / len(values),
    })  # fmt: skip


def _timeline(history: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The loss over steps, and beneath it from when to when each finding was open."""
    losses = [(step, value) for step, value in history.get("losses", []) if value is not None]
    if len(losses) < 2:
        return ""
    spans = history.get("spans", {})
    rules = [f.rule for f in every(findings) if f.severity in {"warning", "error"}][:8]
    figure, axes = canvas(height=3.0 + 0.28 * len(rules))
    steps, values = zip(*losses)
    axes.plot(steps, values, color=FIRST, linewidth=1.4, label="training loss")
    validated = [(s, v) for s, v, _ in history.get("evaluations", []) if v is not None]
    if validated:
        axes.plot(
            *zip(*validated), color=SECOND, linewidth=1.4, marker="o", markersize=3, label="without gradients"
        )
    if min(values) > 0 and max(values) / min(values) > 100:
        axes.set_yscale("log")
    low, high = axes.get_ylim()
    transform = axes.get_xaxis_transform()
    for row, rule in enumerate(rules):
        height = -0.2 - 0.09 * (row + 1)
        since = {f.rule: max(f.step, steps[0]) for f in every(findings)}
        for first, last in spans.get(rule, [[since.get(rule, steps[0]), steps[-1]]]):
            axes.plot(
                [first, max(last, first + 0.01 * (steps[-1] - steps[0]))], [height, height], color=SECOND,
                linewidth=5, solid_capstyle="butt", transform=transform, clip_on=False,
            )  # fmt: skip
        axes.text(
            steps[0], height + 0.025, rule, transform=transform, fontsize=8.5, color=INK, va="bottom", clip_on=False,
            parse_math=False,
        )  # fmt: skip
    axes.set_ylim(low, high)
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("loss")
    axes.xaxis.label.set_color(MUTED)
    legend(axes)
    told = "; ".join(f"{rule} from step {spans[rule][0][0]} on" for rule in rules if rule in spans)
    return to_svg(figure, "timeline", "Loss and findings over the run", f"{len(losses)} losses. {told}")


def _heat(table: Mapping[str, Any] | None, color: Any) -> dict[str, Any] | None:
    """Rows of colored cells."""
    if not table or not table["rows"]:
        return None
    rows = [
        (
            name,
            [{"color": color(value), "value": value, "step": s} for s, value in zip(table["steps"], values)],
        )
        for name, values in table["rows"].items()
    ]
    return {"steps": table["steps"], "rows": rows}


def _ratio_color(value: float | None) -> str:
    """Blue where a weight hardly moves, orange where it moves too fast, pale between."""
    if value is None:
        return "none"
    if value <= -3.0:
        strength = min((-3.0 - value) / (-3.0 - LOW), 1.0)
        return f"color-mix(in oklab, var(--first) {round(100 * strength)}%, var(--cell))"
    strength = min((value + 3.0) / (HIGH + 3.0), 1.0)
    return f"color-mix(in oklab, var(--second) {round(100 * strength)}%, var(--cell))"


def _share_color(value: float | None) -> str:
    """Deeper the larger the share."""
    return (
        "none" if value is None else f"color-mix(in oklab, var(--second) {round(100 * value)}%, var(--cell))"
    )
