r"""Augmentation policy: several augmentations, in order, on whole batches, from one readable line.

`Policy.parse("crop:4,flip,rotate:15,noise:0.05")` is a module that changes batches in training and lets them pass
in evaluation. Every example gets draws of its own; boxes and masks follow the pixels. Steps that only move pixels and
stand beside one another are joined into one map and resampled once, since every resampling blurs:

$$ y = x \circ M^{-1}, \qquad M = M_k \cdots M_2 M_1 $$

The language: steps are separated by commas; `name:value:argument=value`; `0.1..2` is a range; `@0.3` is the probability
for each example; `blur:1|noise:0.1@0.3` takes one of several for each example, with equal shares of what is left where
none is said. `Policy.help()` lists the names.

Also called: data augmentation, transforms, Compose, RandomApply, RandomChoice, OneOf, AugmentationSequential.
Departures: a joined map keeps what an earlier step alone would have cut off and a later one brings back.
Pitfalls: flip and vflip destroy the labels of digits and text; a rotation by half a turn those of 6 and 9. Color steps
    come before standardization, and augmented validation data measure something else. On tables (B, F) only noise
    and drop work. uint8 is rounded after each step; for floating pixels no step clamps.
Claim: none, because each step has its own.
Peer: kornia's AugmentationSequential, which resamples once a step.

References:
    krizhevsky2012imagenet: section 4.1, translations, reflections and colors together.
    simard2003best: section 2, affine and elastic maps together.
"""

from collections.abc import Iterable, Sequence
from inspect import signature

import torch
from torch import Tensor, nn

from vademecum._core.errors import InputError

from ._augment import Augmented, Boxes, packed, probability, require_images, uniform, unpacked
from ._policy_text import ENTRIES, built, read_step, show_step, shown
from ._warp import resampled
from .gaussian_noise import GaussianNoise
from .random_crop import RandomCrop
from .random_flip import RandomHorizontalFlip, RandomVerticalFlip
from .random_resized_crop import RandomResizedCrop
from .random_rotation import RandomRotation
from .random_translation import RandomTranslate

__all__ = ["Augmented", "OneOf", "Policy"]

MAPS = (
    RandomHorizontalFlip, RandomVerticalFlip, RandomCrop, RandomTranslate, RandomRotation, RandomResizedCrop,
)  # fmt: skip
"""What draws an affine map, by its method matrix."""


def augments(step: nn.Module) -> bool:
    """Whether a step follows the grammar of augmentations, one of a user's own included."""
    return {"boxes", "masks", "generator"} <= set(signature(step.forward).parameters)


def perform(step: nn.Module, given: Augmented, generator: torch.Generator | None) -> Augmented:
    """Run one step; a module of another kind, such as a whitener that was fitted, gets the images alone."""
    if augments(step):
        return unpacked(step(given.x, boxes=given.boxes, masks=given.masks, generator=generator))
    return given._replace(x=step(given.x))


class OneOf(nn.Module):
    """Change each example by one of several augmentations, or by none; nothing in evaluation.

    Args:
        steps: augmentations that keep the size.
        p: their probabilities; where they sum to less than 1, the rest of the examples stay as they are. Equal
            shares that sum to 1 where it is None.

    Raises:
        ValueError: there are no steps, or p does not fit.

    Example:
        >>> from vademecum.data import PixelDrop
        >>> either = OneOf([PixelDrop(1.0), PixelDrop(1.0, fill=7.0)], p=[0.3, 0.2])
        >>> y = either(torch.ones(10_000, 1), generator=torch.Generator().manual_seed(0))
        >>> [round(float((y == value).float().mean()), 1) for value in (0, 7, 1)]
        [0.3, 0.2, 0.5]
    """

    def __init__(self, steps: Iterable[nn.Module], p: Sequence[float] | None = None) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        if not len(self.steps):
            raise ValueError("steps must hold at least one augmentation: there is none; leave OneOf out.")
        shares = [1 / len(self.steps)] * len(self.steps) if p is None else [probability(q) for q in p]
        if len(shares) != len(self.steps) or sum(shares) > 1 + 1e-9:
            raise ValueError(
                f"p must be one probability a step, at most 1 together: it is {p} for {len(self.steps)} steps; "
                "scale them down."
            )
        self.p = tuple(shares)

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Change each example of x (B, ...) by one of the steps in training, with its boxes and masks."""
        if not self.training:
            return packed(x, boxes, masks)
        drawn = uniform((len(x),), (0.0, 1.0), generator)
        bounds = torch.tensor(self.p, dtype=drawn.dtype, device=drawn.device).cumsum(0)
        bounds[-1] = 1.0 if sum(self.p) > 1 - 1e-9 else bounds[-1]
        chosen = torch.searchsorted(bounds, drawn, right=True)
        for number, step in enumerate(self.steps):
            rows = (chosen == number).nonzero().squeeze(1)
            if not len(rows):
                continue
            at = rows.to(x.device)
            part = Augmented(
                x[at],
                None if boxes is None else [boxes[row] for row in rows.tolist()],
                None if masks is None else masks[at],
            )
            part = perform(step, part, generator)
            if part.x.shape[1:] != x.shape[1:]:
                raise ValueError(
                    f"the steps of OneOf must keep the size: {type(step).__name__} made {tuple(part.x.shape[1:])} of "
                    f"{tuple(x.shape[1:])}; let it resize back."
                )
            x = x.index_copy(0, at, part.x)
            if masks is not None and part.masks is not None:
                masks = masks.index_copy(0, at, part.masks)
            if boxes is not None and part.boxes is not None:
                boxes = list(boxes)
                for row, box in zip(rows.tolist(), part.boxes, strict=True):
                    boxes[row] = box
        return packed(x, boxes, masks)

    def extra_repr(self) -> str:
        """Show what the module was made with."""
        return f"p={self.p}"


class Policy(nn.Module):
    """Change batches by several augmentations in order; in evaluation they pass as they are.

    A module that is no augmentation, such as a whitener that was fitted, may stand among the steps: it gets the images
    alone and works in evaluation too.

    Args:
        steps: augmentations, in order.

    Raises:
        TypeError: a step is no module.

    Example:
        >>> policy = Policy.parse("flip@1,translate:0,drop:0.5@0")
        >>> policy(torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[2., 1.]]]])
        >>> str(policy), torch.equal(policy.eval()(torch.eye(2).view(1, 1, 2, 2))[0, 0], torch.eye(2))
        ('flip@1,translate:0,drop:0.5@0', True)
    """

    def __init__(self, steps: Iterable[nn.Module]) -> None:
        super().__init__()
        steps = list(steps)
        for step in steps:
            if not isinstance(step, nn.Module):
                raise TypeError(f"steps must be modules: {step!r} is none; a line is read by Policy.parse.")
        self.steps = nn.ModuleList(steps)

    @classmethod
    def parse(cls, text: str, *, max_value: float | None = None) -> "Policy":
        """Read a policy from a line.

        Args:
            text: such as "crop:4,flip@0.5,blur:0.1..2|noise:0.05"; "" does nothing.
            max_value: full intensity, for noise, shift and pca_color; None takes 255 for uint8 and 1 for floating
                pixels. It belongs to the data and does not stand in the line.

        Returns:
            The policy.

        Raises:
            InputError: a name or an argument cannot be read; the message says the nearest that exists.

        Example:
            >>> Policy.parse("rotat:15")
            Traceback (most recent call last):
            vademecum._core.errors.UnknownNameError: augmentation must be one that exists: 'rotat' is none; did you
            mean 'rotate'?
        """
        steps: list[nn.Module] = []
        for part in text.split(",") if text.strip() else []:
            read = [read_step(one.strip(), max_value=max_value) for one in part.split("|")]
            if len(read) == 1:
                name, values, share = read[0]
                step = built(name, values, part.strip(), p=share)
                if share is not None and not ENTRIES[name].chance:
                    step = OneOf([step], [share])
                steps.append(step)
                continue
            shares = [share for _, _, share in read]
            left = 1 - sum(share for share in shares if share is not None)
            if left < -1e-9:
                raise InputError(
                    f"probabilities of alternatives must sum to at most 1: those of {part.strip()!r} sum to "
                    f"{1 - left:g}; lower them."
                )
            each = max(left, 0.0) / max(1, shares.count(None))
            sure = [built(name, values, part.strip(), p=1.0) for name, values, _ in read]
            steps.append(OneOf(sure, [each if share is None else share for share in shares]))
        return cls(steps)

    @staticmethod
    def help() -> str:
        """List the names of the language, one a line, with their arguments and defaults.

        Returns:
            The lines.

        Example:
            >>> print(Policy.help().splitlines()[0])
            blur          blur with a Gaussian, sigma in pixels [sigma=1]
        """
        lines = []
        for name, entry in ENTRIES.items():
            defaults = [*shown(name), *(["@0.5"] if entry.usual < 1 else [])]
            lines.append(f"{name:<13} {entry.does} [{', '.join(defaults)}]")
        return "\n".join(lines)

    def __str__(self) -> str:
        return ",".join(
            "|".join(show_step(one, share=share) for one, share in zip(step.steps, step.p, strict=True))
            if isinstance(step, OneOf)
            else show_step(step)
            for step in self.steps
        )

    @torch.no_grad()
    def fit(self, x: Tensor) -> "Policy":
        """Measure what the steps need of the training part: colors, the columns of a table, a whitener's statistics.

        A step that works in evaluation too, as a whitener does, is fitted and applied before what follows is fitted.

        Args:
            x: (N, C, H, W) images or (N, F) rows, as they will come.

        Returns:
            The policy itself.
        """
        for step in self.steps:
            for one in step.steps if isinstance(step, OneOf) else [step]:
                if isinstance(one, GaussianNoise) and x.ndim != 2:  # of images it is a share of the intensity
                    continue
                if hasattr(one, "fit") and not getattr(one, "fitted", False):
                    one.fit(x)  # type: ignore[operator]
            if not augments(step):
                x = step(x)
        return self

    def forward(
        self,
        x: Tensor,
        *,
        boxes: Boxes | None = None,
        masks: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor | Augmented:
        """Change a batch.

        Args:
            x: (B, C, H, W) images, floating or uint8, in any range; or (B, F) rows.
            boxes: one (n, 4) floating tensor an example, in pixels x1, y1, x2, y2 from the upper left corner of the
                image. A box that leaves the image keeps its place in the list, with an area of 0.
            masks: (B, H, W) or (B, M, H, W), of any type; resampled by the nearest pixel.
            generator: the source of all draws; torch's own stream on the CPU where it is None.

        Returns:
            The images in the type they came in; with boxes and masks where these came.
        """
        if x.ndim != 2 or boxes is not None or masks is not None:
            require_images(x, boxes, masks)
        given = Augmented(x, boxes, masks)
        steps = list(self.steps)
        while steps:
            run = joined(steps, given.x) if self.training else []
            if run:
                given = moved(run, given, generator)
                del steps[: len(run)]
            else:
                given = perform(steps.pop(0), given, generator)
        return packed(*given)


def moved(run: Sequence[nn.Module], given: Augmented, generator: torch.Generator | None) -> Augmented:
    """Move a batch by the product of the maps of a run, in one resampling."""
    matrices = [
        step.matrix(len(given.x), *given.x.shape[-2:], generator=generator)  # type: ignore[operator]
        for step in run
    ]
    product = matrices[0]
    for matrix in matrices[1:]:
        product = matrix @ product
    mode, fill = next((found for step in run if (found := outside_of(step))), ("border", 0.0))
    return resampled(*given, product, padding_mode=mode, fill=fill)


def outside_of(step: nn.Module) -> tuple[str, float] | None:
    """What a step puts outside; None where it needs nothing from there."""
    return (step.padding_mode, step.fill) if hasattr(step, "padding_mode") else None  # type: ignore[return-value]


def resamples(step: nn.Module) -> bool:
    """Whether a step takes values between the pixels."""
    return isinstance(step, RandomRotation | RandomResizedCrop) or bool(getattr(step, "subpixel", False))


def joined(steps: Sequence[nn.Module], x: Tensor) -> list[nn.Module]:
    """The steps at the beginning that are one map: two or more, one of which resamples; [] where there are none."""
    run: list[nn.Module] = []
    outside: tuple[str, float] | None = None
    for step in steps:
        own = outside_of(step) if isinstance(step, MAPS) else None
        if (
            not isinstance(step, MAPS)
            or not step.training
            or getattr(step, "size", None) is not None
            or (own is not None and outside is not None and own != outside)
        ):
            break
        run.append(step)
        outside = outside if own is None else own
    return run if x.ndim == 4 and len(run) > 1 and any(map(resamples, run)) else []
