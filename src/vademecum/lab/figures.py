"""Figures of a run's report: inline SVG whose colors follow the page, and PNG triplets of saliency maps.

How a drawing follows the colors of its page stands in ``_drawing``.
"""

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ._drawing import FIRST, MUTED, SECOND, canvas, legend, plain_powers, short, to_svg, whole_numbers
from .evaluate import Evaluation, wilson

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["against", "learning_curves", "range_test", "reliability", "residuals", "saliency_png"]

PANEL = 112  # pixels on each side of one panel of a saliency triplet
_GUTTER, _BAR = 8, 10


def learning_curves(
    slug: str,
    epochs: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    *,
    title: str,
    label: str,
    best: int | None = None,
) -> str:
    """Draw one or two figures of merit over the epochs.

    Args:
        slug: prefix of the ids inside, unique on the page.
        epochs: E numbers of epochs.
        curves: E values for each name; "training" is dashed. NaN leaves a gap.
        title: what is seen.
        label: name and unit of the vertical axis.
        best: the epoch whose weights were kept, to be marked.

    Returns:
        An ``<svg>`` element.

    Example:
        >>> curves = {"validation": [0.5, 0.25]}
        >>> svg = learning_curves("loss", [1, 2], curves, title="Loss", label="nats", best=2)
        >>> 'aria-label="Loss. validation: 0.5 at epoch 1, 0.25 at epoch 2. Epoch 2 was kept."' in svg
        True
    """
    figure, axes = canvas()
    said = []
    # Two decades or more: on a linear axis the end of training would be a flat line.
    values = [v for curve in curves.values() for v in curve if math.isfinite(v)]
    if values and min(values) > 0 and max(values) > 30 * min(values):
        axes.set_yscale("log")
        plain_powers(axes.yaxis)
    for name, curve in curves.items():
        training = name == "training"
        axes.plot(
            epochs, curve, color=MUTED if training else FIRST, linestyle=(0, (4, 2)) if training else "-",
            linewidth=1.3 if training else 1.8, label=name, marker="o" if len(epochs) == 1 else None,
        )  # fmt: skip
        if len(epochs):
            said.append(
                f"{name}: {short(curve[0])} at epoch {epochs[0]}, {short(curve[-1])} at epoch {epochs[-1]}."
            )
    if best is not None and best in epochs:
        axes.axvline(best, color=SECOND, linewidth=1.0, linestyle=(0, (1, 2)), label=f"epoch {best} kept")
        said.append(f"Epoch {best} was kept.")
    whole_numbers(axes)
    axes.set(xlabel="epoch", ylabel=label)
    legend(axes)
    return to_svg(figure, slug, title, " ".join(said))


def range_test(
    slug: str,
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    *,
    chosen: float | None,
) -> str:
    """Draw the loss against a learning rate that rises from batch to batch.

    Args:
        slug: prefix of the ids inside, unique on the page.
        rates: the rates tried, rising.
        losses: the loss of each batch.
        smoothed: the same, smoothed; may be empty.
        chosen: the rate that was taken.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas()
    axes.plot(rates, losses, color=MUTED, linewidth=0.9, label="each batch")
    shown = losses
    if len(smoothed):
        axes.plot(rates, smoothed, color=FIRST, linewidth=1.8, label="smoothed")
        shown = smoothed
    axes.set_xscale("log")
    axes.set_xlim(rates[0], rates[-1])
    plain_powers(axes.xaxis)
    finite = [v for v in shown if math.isfinite(v)]
    text = ""
    if finite:
        low, first = min(finite), finite[0]
        # The loss explodes at the end of the test; what matters lies not far above its first value.
        span = max(first - low, 1e-12)
        axes.set_ylim(low - 0.15 * span, first + 0.6 * span)
        where = rates[list(shown).index(low)]
        text = f"The loss falls from {short(first)} to {short(low)} at a rate of {short(where)}."
    if chosen is not None:
        axes.axvline(
            chosen, color=SECOND, linewidth=1.2, linestyle=(0, (1, 2)), label=f"chosen: {short(chosen)}"
        )
        text += f" The rate chosen is {short(chosen)}."
    axes.set(xlabel="learning rate", ylabel="loss")
    legend(axes)
    return to_svg(figure, slug, "Loss against learning rate", text.strip())


def reliability(slug: str, evaluation: Evaluation) -> str:
    """Draw how often the model was right against how sure it said it was.

    Args:
        slug: prefix of the ids inside, unique on the page.
        evaluation: of a classification.

    Returns:
        An ``<svg>`` element; the bars are 95 % Wilson intervals.
    """
    figure, axes = canvas(height=4.4)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)), label="as sure as right")
    said = []
    for confidence, accuracy, count in evaluation.reliability:
        axes.plot([confidence] * 2, wilson(round(accuracy * count), count), color=FIRST, linewidth=1.0)
        said.append(f"{count} examples: {confidence:.0%} sure, {accuracy:.0%} right")
    most = max((n for _, _, n in evaluation.reliability), default=1)
    axes.scatter(
        [c for c, _, _ in evaluation.reliability], [a for _, a, _ in evaluation.reliability],
        s=[16 + 110 * n / most for _, _, n in evaluation.reliability],
        color=FIRST, linewidths=0, zorder=3, clip_on=False, label="bins; area: examples",
    )  # fmt: skip
    axes.set(xlabel="probability said", ylabel="fraction right", xlim=(0, 1), ylim=(0, 1))
    legend(axes)
    return to_svg(figure, slug, "Fraction right against probability said", "; ".join(said) + ".")


def against(slug: str, true: Sequence[float], said: Sequence[float], *, target: str) -> str:
    """Draw predictions against the true values.

    Args:
        slug: prefix of the ids inside, unique on the page.
        true: N values.
        said: N predictions.
        target: name and unit of what is predicted.

    Returns:
        An ``<svg>`` element.
    """
    figure, axes = canvas(height=4.4)
    low, high = min(*true, *said), max(*true, *said)
    axes.plot([low, high], [low, high], color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)), label="right")
    area = min(24.0, max(5.0, 5000 / len(true)))  # many dots are drawn smaller
    axes.scatter(true, said, s=area, color=FIRST, alpha=0.6, linewidths=0, label="test examples")
    axes.set(xlabel=f"true {target}", ylabel=f"predicted {target}")
    legend(axes)
    text = f"{len(true)} examples; true values from {short(min(true))} to {short(max(true))}, "
    text += f"predictions from {short(min(said))} to {short(max(said))}."
    return to_svg(figure, slug, "Predicted against true", text)


def residuals(slug: str, true: Sequence[float], said: Sequence[float], *, target: str) -> str:
    """Draw how far the predictions lie from the true values, as a histogram.

    Args:
        slug: prefix of the ids inside, unique on the page.
        true: N values.
        said: N predictions.
        target: name and unit of what is predicted.

    Returns:
        An ``<svg>`` element.
    """
    import numpy as np

    figure, axes = canvas(height=4.4)
    errors = np.asarray(said, dtype=float) - np.asarray(true, dtype=float)
    axes.hist(
        errors, bins=min(40, max(5, round(math.sqrt(len(errors))))), color=FIRST, edgecolor="none", rwidth=0.9
    )
    axes.axvline(0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)), label="right")
    axes.axvline(errors.mean(), color=SECOND, linewidth=1.2, label=f"mean error {short(errors.mean())}")
    axes.set(xlabel=f"predicted minus true {target}", ylabel="examples")
    whole_numbers(axes, vertical=True)
    legend(axes)
    low, middle, high = np.percentile(errors, [5, 50, 95])
    text = f"Half of the errors lie below {short(middle)}, "
    text += f"nine in ten between {short(low)} and {short(high)}."
    return to_svg(figure, slug, "Residuals", text)


def saliency_png(image: Tensor, heat: Tensor) -> bytes:
    r"""Draw an image, its saliency map and the one over the other, side by side, with the map's color scale.

    The map keeps sign and scale: red is positive, blue negative, white zero, full color at the largest
    magnitude; the scale of a map without negative values ends at white. Of several channels the one of
    largest magnitude is shown. The file's text field ``Description`` holds the map's range and its peak.

    Args:
        image: (C, H, W) uint8 or float; its own range is stretched to black and white.
        heat: (C, H, W) or (H, W) map, in units of the score per unit of input.

    Returns:
        The bytes of a PNG; gutters are transparent.

    Raises:
        ValueError: the map does not lie over the image.

    Example:
        >>> png = saliency_png(torch.zeros(1, 8, 8), torch.eye(8)[None])
        >>> png[:4]
        b'\x89PNG'
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if image.ndim != 3 or heat.shape[-2:] != image.shape[-2:] or heat.ndim not in {2, 3}:
        raise ValueError(
            f"heat must lie over the image: image {tuple(image.shape)}, heat {tuple(heat.shape)}; "
            "pass (C, H, W) and a map of the same height and width."
        )
    flat = _signed_peak(heat.detach().cpu().double())
    pixels = image.detach().cpu().double()
    pixels = (pixels - pixels.min()) / (pixels.max() - pixels.min()).clamp_min(1e-12)
    pixels = pixels if len(pixels) == 3 else pixels.mean(0, keepdim=True).expand(3, -1, -1)
    flat, low, high = flat / (flat.abs().max() or 1.0), float(flat.min()), float(flat.max())
    colors, strength = _diverging(flat), flat.abs()
    # Over the image the hue tells the sign and the opacity the size.
    overlay = pixels.mean(0) * (1 - strength) + _diverging(flat.sign()) * strength

    height, width = flat.shape
    zoom = PANEL / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    scale = torch.linspace(1, -1 if low < 0 else 0, size[1], dtype=flat.dtype)
    bar = _diverging(scale[:, None].expand(-1, _BAR))
    sheet = Image.new("RGBA", (3 * (size[0] + _GUTTER) + _BAR, size[1]))
    # Enlarged pixels keep their edges; a large image is averaged down.
    method = Image.Resampling.NEAREST if zoom >= 1 else Image.Resampling.BOX
    for place, part in enumerate((pixels, colors, overlay)):
        sheet.paste(_picture(part).resize(size, method), (place * (size[0] + _GUTTER), 0))
    sheet.paste(_picture(bar), (3 * (size[0] + _GUTTER), 0))

    row, column = divmod(int(flat.abs().argmax()), width)
    peak = f"strongest in row {row + 1}, column {column + 1}"
    notes = PngInfo()
    notes.add_text("Description", f"map from {short(low)} to {short(high)}, {peak}")
    out = io.BytesIO()
    sheet.save(out, format="PNG", pnginfo=notes, optimize=True)
    return out.getvalue()


def _picture(colors: Tensor) -> "Image":
    """(3, H, W) in [0, 1] as an 8-bit image."""
    from PIL import Image

    return Image.fromarray((colors.permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous().numpy())


def _signed_peak(heat: Tensor) -> Tensor:
    """(C, H, W) -> (H, W): the entry of largest magnitude, with its sign."""
    if heat.ndim == 2:
        return heat
    return heat.gather(0, heat.abs().argmax(0, keepdim=True))[0]


def _diverging(values: Tensor) -> Tensor:
    """Color values in [-1, 1]: (H, W) -> (3, H, W), blue over white to red."""
    ends = torch.tensor([[0.13, 0.30, 0.68], [1.0, 1.0, 1.0], [0.70, 0.09, 0.12]], dtype=values.dtype)
    end = torch.where(values[None] < 0, ends[0, :, None, None], ends[2, :, None, None])
    return ends[1, :, None, None] + (end - ends[1, :, None, None]) * values.abs()
