"""Laws of color jitter: the formulas in loops, the hue by the standard library's colorsys, and the ranges."""

import colorsys
from collections.abc import Iterator

import torch
from torch import Tensor

from vademecum.data.color_jitter import ColorJitter, turned_hue

from ._augmentations import (
    COUNT,
    EVERYWHERE,
    ROUNDED,
    SIGMAS,
    call,
    changed,
    everywhere,
    interface,
    truncated,
    uniform_moments,
)
from ._suite import EXACT, Build, Draw, Law, Pair, Suite, Twin

PLAIN = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
TABLE = {torch.float64: 1e-9, torch.float32: 1e-4}


def gray(r: float, g: float, b: float) -> float:
    return 0.299 * r + 0.587 * g + 0.114 * b


def in_loops(x: Tensor, brightness: float, contrast: float, saturation: float) -> Tensor:
    """Brightness, then contrast against the mean gray of the image, then saturation against the pixel's gray."""
    y = x.clone()
    for image in y:
        image *= brightness
        pixels = image.flatten(1).T.tolist()
        mean = sum(gray(*pixel) for pixel in pixels) / len(pixels)
        for i in range(image.shape[1]):
            for j in range(image.shape[2]):
                pixel = [contrast * float(v) + (1 - contrast) * mean for v in image[:, i, j]]
                own = gray(*pixel)
                image[:, i, j] = torch.tensor(
                    [saturation * v + (1 - saturation) * own for v in pixel], dtype=y.dtype
                )
    return y


def formulas(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform()
    for b, c, s in ((1.3, 1.0, 1.0), (1.0, 0.6, 1.0), (1.0, 1.0, 1.7), (0.7, 1.4, 0.2)):
        fixed = {"brightness": (b, b), "contrast": (c, c), "saturation": (s, s), "hue": 0.0}
        yield call(build(draw, **fixed), x), in_loops(x.double(), b, c, s)


def hue(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform()
    x[..., 0, 0] = 0.5  # gray has no hue and stays
    for turn in (0.2, -0.45, 0.5):
        want = torch.empty(x.shape, dtype=torch.float64)
        for b in range(x.shape[0]):
            for i in range(x.shape[2]):
                for j in range(x.shape[3]):
                    h, s, v = colorsys.rgb_to_hsv(*x[b, :, i, j].double().tolist())
                    want[b, :, i, j] = torch.tensor(
                        colorsys.hsv_to_rgb((h + turn) % 1, s, v), dtype=torch.float64
                    )
        yield call(build(draw, **{**PLAIN, "hue": (turn, turn)}), x), want


def no_silent_clamp(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform() * 50
    fixed = {"brightness": (2.0, 2.0), "contrast": (1.5, 1.5), "saturation": (1.5, 1.5), "hue": 0.0}
    yield call(build(draw, **fixed), x), in_loops(x.double(), 2.0, 1.5, 1.5)


def factors_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    b, c, s = (draw.arguments[name] for name in ("brightness", "contrast", "saturation"))
    color = torch.tensor([0.6, 0.3, 0.2], dtype=draw.dtype).view(1, 3, 1, 1).repeat(COUNT, 1, 1, 1)
    y = call(build(draw, **{**PLAIN, "brightness": b}), color)
    yield from uniform_moments(y[:, 0] / 0.6, 1 - b, 1 + b)
    y = call(build(draw, **{**PLAIN, "saturation": s}), color)
    yield from uniform_moments((y[:, 0] - y[:, 1]) / 0.3, 1 - s, 1 + s)
    steps = torch.tensor([0.2, 0.6], dtype=draw.dtype).repeat(COUNT, 3, 1, 1)
    y = call(build(draw, **{**PLAIN, "contrast": c}), steps)
    yield from uniform_moments((y[..., 1] - y[..., 0])[:, 0] / 0.4, 1 - c, 1 + c)


def turns_are_uniform(build: Build, draw: Draw) -> Iterator[Pair]:
    """Red, turned: green rises from 0 to 1 over the first sixth of a turn, blue over the last."""
    red = torch.tensor([1.0, 0.0, 0.0], dtype=draw.dtype).view(1, 3, 1, 1).repeat(COUNT, 1, 1, 1)
    y = call(build(draw, **{**PLAIN, "hue": 0.1}), red)[:, :, 0, 0]
    yield from uniform_moments((y[:, 1] - y[:, 2]) / 6, -0.1, 0.1)


def nothing_changes_at_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal()
    yield call(build(draw, **PLAIN), x), x


def _with(**helpers: object) -> type:
    """The formulas one after another, with one of them wrong."""

    def forward(self: ColorJitter, x: Tensor, **named: object) -> object:
        if not self.training:
            return x
        b, c, s, h = self._bounds
        generator = named.get("generator")
        draws = [
            low + (high - low) * torch.rand(len(x), generator=generator, dtype=torch.float64)
            for low, high in (b, c, s, h)
        ]
        y = x.double()
        factors = [d.view(-1, 1, 1, 1) for d in draws]
        weights = torch.tensor(helpers.get("weights", (0.299, 0.587, 0.114)), dtype=y.dtype).view(1, 3, 1, 1)
        y = y + factors[0] - 1 if "added" in helpers else y * factors[0]
        if "clamps" in helpers:
            y = y.clamp(max=1)
        mean = (y * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
        mean = helpers["mean"](y) if "mean" in helpers else mean
        y = factors[1] * y + (1 - factors[1]) * mean
        own = (y * weights).sum(1, keepdim=True)
        y = factors[2] * y + (1 - factors[2]) * own
        turn = helpers["turn"](draws[3]) if "turn" in helpers else draws[3]
        if (
            helpers.get("keep", True)
            and not bool((turn != 0).any())
            and all(bool((d == 1).all()) for d in draws[:3])
        ):
            return x
        y = turned_hue(y, turn)
        return y.to(x.dtype) if x.is_floating_point() else y.round().clamp(0, 255).to(x.dtype)

    return changed(ColorJitter, forward=forward)


def _one_side(self: ColorJitter, *given: object, **named: object) -> None:
    ColorJitter.__init__(self, *given, **named)
    self._bounds = [(max(low, 1.0), high) if low < 1 < high else (low, high) for low, high in self._bounds]


SUITES = (
    Suite(
        technique="color_jitter",
        part="ColorJitter",
        subjects={"ColorJitter": ColorJitter},
        interface=interface("brightness", "contrast", "saturation", "hue"),
        cases=({"brightness": 0.2, "contrast": 0.4, "saturation": 0.3, "hue": 0.1},),
        shapes=lambda a: ((1, 3, 2, 2), (3, 3, 4, 5)),
        laws=(
            Law("formulas", r"$$ f x,\quad f x + (1 - f) \overline{g(x)},\quad f x + (1 - f) g(x) $$", formulas, TABLE),
            Law("hue", "The hue turns as in the standard library's HSV; gray stays.", hue, TABLE),
            Law("no_silent_clamp", "Floating pixels are not clamped.", no_silent_clamp, TABLE),
            Law("factors_are_uniform", r"$$ f \sim U(1 - s, 1 + s) $$", factors_are_uniform, SIGMAS),
            Law("turns_are_uniform", r"$$ \text{turn} \sim U(-h, h) $$", turns_are_uniform, SIGMAS),
            Law("nothing_changes_at_zero", "At a strength of 0 nothing changes, bit for bit.", nothing_changes_at_zero, EXACT),
            ROUNDED,
            *EVERYWHERE,
        ),
        twins=(
            Twin("added_brightness", _with(added=True), "you add to the brightness; it is a factor."),
            Twin("contrast_about_half", _with(mean=lambda y: torch.full_like(y[:, :1, :1, :1], 0.5)), "your contrast turns about 0.5; it turns about the image's mean gray."),
            Twin("contrast_by_channel", _with(mean=lambda y: y.mean((2, 3), keepdim=True)), "your contrast turns about each channel's mean, which takes color away."),
            Twin("equal_weights", _with(weights=(1 / 3, 1 / 3, 1 / 3)), "your gray is the plain mean of the channels."),
            Twin("hue_in_degrees", _with(turn=lambda t: t / 360), "you take the turn for degrees."),
            Twin("hue_backwards", _with(turn=lambda t: -t), "your hue turns backwards."),
            Twin("clamps", _with(clamps=True), "you clamp between the steps."),
            Twin("never_nothing", _with(keep=False), "you go through HSV and back at a strength of 0."),
            Twin("only_brighter", changed(ColorJitter, __init__=_one_side), "your factors lie above 1 only."),
            truncated(ColorJitter),
            *everywhere(ColorJitter),
        ),
    ),
)  # fmt: skip
