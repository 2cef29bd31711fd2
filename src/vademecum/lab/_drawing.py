"""How a figure becomes a part of a page: matplotlib draws in sentinel colors, which are exchanged for CSS variables.

One drawing serves light, dark and print. Text stays text. The same numbers give the same bytes.
"""

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = [
    "FIRST", "INK", "MUTED", "RULE", "SECOND", "canvas", "legend", "plain_powers", "short", "to_svg", "whole_numbers",
]  # fmt: skip

# Any six digits would do, as long as matplotlib never writes them by itself.
INK, MUTED, RULE, FIRST, SECOND = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", FIRST: "--first", SECOND: "--second"}
_MINUS = "\N{MINUS SIGN}"


def short(value: float) -> str:
    """Three significant digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", _MINUS)


def canvas(*, height: float = 3.4) -> tuple["Figure", "Axes"]:
    """Make an empty figure in the page's style, 360 units wide: full size on a phone, two side by side on a screen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.0, height), layout="constrained")
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=MUTED, linewidth=0.8)
    axes.grid(color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.locator_params(nbins=6)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=10.5, length=3, width=0.8)
    axes.tick_params(which="minor", length=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(
            color=INK, size=11, parse_math=False
        )  # a dollar sign in a column's name is a dollar sign
    return figure, axes


def legend(axes: "Axes") -> None:
    """Stand above the axes, where no line can run through it."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, frameon=False, fontsize=10.5, labelcolor=INK,
        handlelength=1.8, columnspacing=1.2, borderaxespad=0.2, handletextpad=0.5,
    )  # fmt: skip


def plain_powers(axis: "Axis") -> None:
    """Write powers of ten as numbers, and nothing between them."""
    axis.set_major_formatter(lambda value, _: short(value).replace(f"e{_MINUS}0", f"e{_MINUS}"))
    axis.set_minor_formatter(lambda value, _: "")


def whole_numbers(axes: "Axes", *, vertical: bool = False) -> None:
    """Label whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis = axes.yaxis if vertical else axes.xaxis
    axis.set_major_locator(MaxNLocator(nbins=7, integer=True))


def to_svg(figure: "Figure", slug: str, title: str, text: str) -> str:
    """Write a figure as an element for the page: no prolog, no fixed size, no date, no id used elsewhere."""
    from matplotlib import rc_context

    out = io.StringIO()
    # A name in a script that matplotlib's own font lacks is still written as text: the page's font shows it.
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none", "svg.hashsalt": slug}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None}
        )
    drawn = out.getvalue()
    view = re.search(r'viewBox="[^"]+"', drawn)
    assert view is not None, "matplotlib writes a viewBox"
    drawn = re.sub(r".*?<svg[^>]*>", "", drawn, count=1, flags=re.DOTALL)
    drawn = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    for color, variable in _VARIABLES.items():
        drawn = drawn.replace(color, f"var({variable})")
    used = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', drawn))
    drawn = re.sub(r' id="([^"]+)"', lambda m: f' id="{slug}-{m[1]}"' if m[1] in used else "", drawn)
    drawn = drawn.replace('xlink:href="#', f'href="#{slug}-').replace("url(#", f"url(#{slug}-")
    # The page's own font; two decimals of a pixel; texts stay as they are.
    drawn = re.sub(
        r"font(-family)?: ([\d.]+px )?['A-Za-z][^;\"]*;?",
        lambda m: f"font-size: {m[2]};" if m[2] else "",
        drawn,
    )
    drawn = re.sub(r"\s*\n\s*", " ", drawn)
    drawn = re.sub(
        r' (?:d|x|y|points|transform)="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), drawn
    )
    drawn = re.sub(r' transform="rotate\(-0 [^"]*"|<defs>\s*</defs>', "", drawn)
    label = quoteattr(f"{title}. {text}")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {view[0]} role="img" aria-label={label}>'
    return f"{head}<title>{escape(title)}</title><desc>{escape(text)}</desc>{drawn.strip()}"
