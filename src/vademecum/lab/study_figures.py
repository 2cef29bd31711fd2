"""Figures of comparisons and searches, as elements for a page."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._drawing import FIRST, INK, MUTED, SECOND, canvas, legend, plain_powers, short, to_svg, whole_numbers

__all__ = ["arm_curves", "dots_and_whiskers", "search_dimension", "search_map", "search_progress", "tuning"]

MOST_LETTERS = 26


def dots_and_whiskers(
    slug: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    title: str,
    label: str,
    write: Callable[[float], str] = short,
    zero: bool = False,
) -> str:
    """Draw means with their intervals, one below the other.

    Args:
        slug: prefix of the ids inside, unique on the page.
        rows: ``name``, ``mean``, ``low``, ``high``; ``scores`` are drawn as small dots; ``strong`` marks a row.
        title: what is seen.
        label: name and unit of the horizontal axis.
        write: writes a value for people.
        zero: whether a line stands at 0.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas(height=1.1 + 0.42 * len(rows))
    said = []
    for place, row in enumerate(rows):
        color = SECOND if row.get("strong") else FIRST
        scores = row.get("scores", ())
        axes.scatter(scores, [place + 0.18] * len(scores), s=10, color=MUTED, linewidths=0, alpha=0.8)
        if math.isfinite(row["low"]) and math.isfinite(row["high"]):
            axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=1.8)
            said.append(f"{row['name']}: {write(row['mean'])} ({write(row['low'])} to {write(row['high'])})")
        else:
            said.append(f"{row['name']}: {write(row['mean'])}")
        axes.scatter([row["mean"]], [place], s=36, color=color, linewidths=0, zorder=3)
    if zero:
        axes.axvline(0, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
    axes.set_yticks(range(len(rows)), [_clip(row["name"]) for row in rows])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: write(value))
    axes.set(xlabel=label)
    return to_svg(figure, slug, title, "; ".join(said) + ".")


def arm_curves(
    slug: str,
    runs: Sequence[Sequence[float]],
    *,
    reference: Sequence[float],
    title: str,
    label: str,
    limits: tuple[float, float],
) -> str:
    """Draw the curves of one arm, a thin line for each seed, over the baseline's mean.

    Args:
        slug: prefix of the ids inside, unique on the page.
        runs: one curve for each seed; they may end at different epochs.
        reference: the baseline's mean curve; may be empty.
        title: what is seen.
        label: name and unit of the vertical axis.
        limits: of the vertical axis, the same for all arms.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas(height=2.7)
    for place, run in enumerate(runs):
        axes.plot(
            range(1, len(run) + 1), run, color=FIRST, linewidth=1.1, alpha=0.75,
            label="each seed" if place == 0 else None, marker="o" if len(run) == 1 else None, markersize=4,
        )  # fmt: skip
    if len(reference):
        axes.plot(
            range(1, len(reference) + 1), reference, color=MUTED, linewidth=1.4, linestyle=(0, (4, 2)),
            label="mean of the baseline",
        )  # fmt: skip
    axes.set_ylim(*limits)
    axes.set(xlabel="epoch", ylabel=label)
    whole_numbers(axes)
    legend(axes)
    ends = [run[-1] for run in runs if run]
    text = f"{len(ends)} seeds end between {short(min(ends))} and {short(max(ends))}." if ends else ""
    return to_svg(figure, slug, title, text)


def tuning(
    slug: str, tries: Sequence[Mapping[str, Any]], *, chosen: float | None, title: str, label: str
) -> str:
    """Draw the validation score against the learning rate.

    Args:
        slug: prefix of the ids inside, unique on the page.
        tries: ``learning_rate`` and ``validation``, which is None where it failed or is missing.
        chosen: the rate that was taken.
        title: what is seen.
        label: name and unit of the vertical axis.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas(height=2.7)
    there = [t for t in tries if t["validation"] is not None]
    axes.plot(
        [t["learning_rate"] for t in there], [t["validation"] for t in there], color=FIRST, linewidth=1.4, marker="o",
        markersize=4, label="tries",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(tries[0]["learning_rate"] / 1.5, tries[-1]["learning_rate"] * 1.5)
    plain_powers(axes.xaxis)
    text = f"{len(there)} of {len(tries)} rates came out."
    if chosen is not None:
        axes.axvline(
            chosen, color=SECOND, linewidth=1.2, linestyle=(0, (1, 2)), label=f"chosen: {short(chosen)}"
        )
        text += f" Chosen: {short(chosen)}."
    axes.set(xlabel="learning rate", ylabel=label)
    legend(axes)
    return to_svg(figure, slug, title, text)


def search_dimension(
    slug: str, values: Sequence[Any], scores: Sequence[float], prior: Any, *, best: int, name: str, label: str
) -> str:
    """Draw the score against one dimension of the searched space.

    Args:
        slug: prefix of the ids inside, unique on the page.
        values: of the dimension, one for each try.
        scores: on validation.
        prior: of the dimension.
        best: place of the best try.
        name: of the dimension.
        label: name and unit of the vertical axis.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas(height=3.0)
    where = _axis(axes.xaxis, values, prior)
    _limit(axes.set_xlim, prior)
    axes.scatter(where, scores, s=22, color=FIRST, alpha=0.75, linewidths=0, label="tries")
    axes.scatter([where[best]], [scores[best]], s=70, color=SECOND, linewidths=0, zorder=3, label="best")
    axes.set(xlabel=name, ylabel=label)
    legend(axes)
    text = f"{len(values)} tries; the best, {short(scores[best])}, at {_said(values[best])}."
    return to_svg(figure, slug, f"Score against {name}", text)


def search_map(
    slug: str,
    values: tuple[Sequence[Any], Sequence[Any]],
    scores: Sequence[float],
    priors: tuple[Any, Any],
    *,
    best: int,
    names: tuple[str, str],
) -> str:
    """Draw the searched plane of two dimensions; the area of a dot goes with the rank of its score.

    Args:
        slug: prefix of the ids inside, unique on the page.
        values: of both dimensions, one for each try.
        scores: on validation.
        priors: of both dimensions.
        best: place of the best try.
        names: of both dimensions.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas(height=4.0)
    x, y = (_axis(axis, v, p) for axis, v, p in zip((axes.xaxis, axes.yaxis), values, priors))
    _limit(axes.set_xlim, priors[0])
    _limit(axes.set_ylim, priors[1])
    order = sorted(range(len(scores)), key=scores.__getitem__)
    area = [0.0] * len(scores)
    for rank, place in enumerate(order):
        area[place] = 8 + 130 * (rank / max(1, len(order) - 1)) ** 2
    axes.scatter(x, y, s=area, color=FIRST, alpha=0.6, linewidths=0, label="tries; area: rank")
    axes.scatter([x[best]], [y[best]], s=area[best], color=SECOND, linewidths=0, zorder=3, label="best")
    axes.set(xlabel=names[0], ylabel=names[1])
    legend(axes)
    text = f"The best of {len(scores)} tries stands at {_said(values[0][best])} and {_said(values[1][best])}."
    return to_svg(figure, slug, f"The searched plane of {names[0]} and {names[1]}", text)


def search_progress(slug: str, scores: Sequence[float], *, label: str) -> str:
    """Draw every try in order, and the best so far.

    Args:
        slug: prefix of the ids inside, unique on the page.
        scores: on validation, in the order of the tries; NaN where one failed.
        label: name and unit of the vertical axis.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas(height=3.0)
    best, so_far = [], -math.inf
    for score in scores:
        so_far = max(so_far, score) if math.isfinite(score) else so_far
        best.append(so_far if math.isfinite(so_far) else math.nan)
    numbers = range(1, len(scores) + 1)
    axes.scatter(numbers, scores, s=18, color=FIRST, alpha=0.75, linewidths=0, label="tries")
    axes.step(numbers, best, where="post", color=SECOND, linewidth=1.4, label="best so far")
    whole_numbers(axes)
    axes.set(xlabel="try", ylabel=label)
    legend(axes)
    return to_svg(figure, slug, "Score of each try", f"The best of {len(scores)} tries has {short(so_far)}.")


def _axis(axis: Any, values: Sequence[Any], prior: Any) -> list[float]:
    """Put a dimension on an axis, on the scale on which it was drawn."""
    if hasattr(prior, "options"):
        axis.set_ticks(range(len(prior.options)), [_clip(option) for option in prior.options])
        return [float(prior.options.index(value)) for value in values]
    if prior.log:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        plain_powers(axis)
    return [float(value) for value in values]


def _limit(limit: Callable[[float, float], Any], prior: Any) -> None:
    """Show the whole range, with a little room."""
    if hasattr(prior, "options"):
        limit(-0.5, len(prior.options) - 0.5)
    elif prior.log:
        room = (prior.high / prior.low) ** 0.04
        limit(prior.low / room, prior.high * room)
    else:
        room = 0.04 * (prior.high - prior.low)
        limit(prior.low - room, prior.high + room)


def _clip(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"


def _said(value: Any) -> str:
    return value if isinstance(value, str) else short(value)
