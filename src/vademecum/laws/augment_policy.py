"""Laws of policies: what a line means, and that maps which are joined do what they did one after another."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from vademecum.data.augment_policy import OneOf, Policy

from ._augmentations import COUNT, call, extent, nothing, scene, seeded, share
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

SMOOTH = 1.5e-2
"""Two resamplings of the smooth pictures below differ from one by their blur: at most h^2/8 of the second
derivative, (2 pi / 24)^2 / 8 = 0.009, for each resampling more."""


def smooth(count: int) -> Tensor:
    """(count, 2, 32, 32) waves of 24 pixels."""
    t = torch.arange(32, dtype=torch.float64) * (2 * torch.pi / 24)
    return torch.stack([t.sin()[:, None] * t.cos(), t.cos()[:, None] + t.sin()]).div(2).repeat(count, 1, 1, 1)


def apart(policy: nn.Module, x: Tensor, seed: int) -> Tensor:
    """The steps one after another, with the draws that the policy makes."""
    generator = seeded(seed)
    for step in policy.train().steps:
        x = step(x, generator=generator)
    return x


def one_after_another(build: Build, draw: Draw) -> Iterator[Pair]:
    policy = build(draw, text="translate:1,drop:0.2,shift:0.3,vflip,translate:2,noise:0.1")
    x = draw.uniform(8, *draw.shape[1:])
    yield call(policy, x, seed=4), apart(policy.object, x, 4)


def joined_maps(build: Build, draw: Draw) -> Iterator[Pair]:
    for text in (
        "rotate:20,translate:3",
        "flip,rotate:20",
        "crop:3,flip,rotate:10,vflip",
        "resized_crop:0.7..0.9,rotate:10",
    ):
        policy = build(draw, text=text)
        x = smooth(16)
        got, want = call(policy, x, seed=4), apart(policy.object, x, 4)
        yield got[..., 12:20, 12:20], want[..., 12:20, 12:20]  # away from what came from outside


def joined_maps_blur_once(build: Build, draw: Draw) -> Iterator[Pair]:
    """Noise loses variance in every resampling: three turns by 10 degrees leave less than one by 30."""
    x = draw.normal(16, 1, 24, 24)
    once = call(build(draw, text="rotate:30..30"), x)[..., 8:16, 8:16].var()
    thrice = call(build(draw, text="rotate:10..10,rotate:10..10,rotate:10..10"), x)[..., 8:16, 8:16].var()
    yield thrice, once


def alternatives(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.full((COUNT, 1, 2, 2), 5.0, dtype=torch.float64)
    y = call(build(draw, text="drop:1:1|drop:1:2@0.5|drop:1:3@0.2"), x)[:, 0, 0, 0]
    for value, p in ((1.0, 0.3), (2.0, 0.5), (3.0, 0.2)):
        yield share(y == value, p)
    y = call(build(draw, text="drop:1:1@0.25|drop:1:2@0.25"), x)[:, 0, 0, 0]
    for value, p in ((1.0, 0.25), (2.0, 0.25), (5.0, 0.5)):
        yield share(y == value, p)


def probabilities(build: Build, draw: Draw) -> Iterator[Pair]:
    x = torch.arange(4.0, dtype=torch.float64).view(1, 1, 2, 2).repeat(COUNT, 1, 1, 1)
    for text, p in (("flip", 0.5), ("flip@0.2", 0.2), ("rotate:90..90@0.3", 0.3), ("drop:1:9@0.4", 0.4)):
        y = call(build(draw, text=text), x)
        yield share((y - x).abs().flatten(1).amax(1) > 0.5, p)


def written_as_read(build: Build, draw: Draw) -> Iterator[Pair]:
    lines = (
        "crop:4,flip,rotate:15,color:0.2,noise:0.05,drop,blur:1.5,elastic,pca_color,translate:3",
        "blur:0.1..2|noise:0.2@0.3,color:0.2:0.1:hue=0.05,flip@0.25,elastic:sigma=3",
        "resized_crop:0.5..1,drop:0.2@0.5,vflip@1,rotate:-5..30,shift:0.3",
    )
    for line in lines:
        said = str(build(draw, text=line).object)
        again = str(build(draw, text=said).object)
        yield nothing(torch.tensor(float(said != again)))
        for word in ("0.05", "0.25", "0.1..2", "-5..30", "hue=0.05"):
            yield nothing(torch.tensor(float((word in line) and (word not in said))))


def boxes_and_masks_through(build: Build, draw: Draw) -> Iterator[Pair]:
    x, boxes, masks = scene()
    for text in ("translate:2,flip,vflip", "rotate:10,translate:1", "translate:1|flip@0.5"):
        got = call(build(draw, text=text), x, boxes=boxes, masks=masks)
        for image, box, mask in zip(*got, strict=True):
            yield nothing(box[0] - extent(image[0]))
            yield nothing(((mask == 7) ^ (image[0] > 0.5)).double().mean() * 20)


def evaluation_passes(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.uniform()
    yield build(draw, text="rotate:20,translate:2,noise:0.5,blur:1|drop:0.5").eval()(x), x


class Variant(Policy):
    """A policy with one thing wrong."""

    @classmethod
    def read(cls, text: str) -> "Variant":
        return cls(Policy.parse(text).steps)


class Backwards(Variant):
    def forward(self, x: Tensor, **named: object) -> object:
        return Policy(reversed(list(self.steps))).train(self.training)(x, **named)


class WrongProduct(Variant):
    """Multiplies the maps in the wrong order: the last is applied first."""

    def forward(self, x: Tensor, *, generator: torch.Generator | None = None, **named: object) -> object:
        from vademecum.data._warp import resampled
        from vademecum.data.augment_policy import joined

        if not self.training or len(joined(list(self.steps), x)) != len(self.steps):
            return Policy.forward(self, x, generator=generator, **named)
        product = torch.eye(3, dtype=torch.float64)
        for step in self.steps:
            product = product @ step.matrix(len(x), *x.shape[-2:], generator=generator)
        return resampled(x, None, None, product.expand(len(x), 3, 3))[0]


class Apart(Variant):
    def forward(
        self, x: Tensor, *, generator: torch.Generator | None = None, boxes=None, masks=None
    ) -> object:
        if boxes is not None:
            return Policy.forward(self, x, boxes=boxes, masks=masks, generator=generator)
        for step in self.steps:
            x = step(x, generator=generator)
        return x


class OneForTheBatch(Variant):
    def forward(self, x: Tensor, *, generator: torch.Generator | None = None, **named: object) -> object:
        steps = []
        for step in self.steps:
            if isinstance(step, OneOf) and self.training:
                pick = torch.rand((), generator=generator, dtype=torch.float64) >= torch.tensor(
                    step.p
                ).cumsum(0)
                steps += list(step.steps)[int(pick.sum()) : int(pick.sum()) + 1]
            else:
                steps.append(step)
        return Policy(steps).train(self.training)(x, generator=generator, **named)


class Always(Variant):
    """Every step is taken by every example."""

    @classmethod
    def read(cls, text: str) -> "Variant":
        return cls(
            Policy.parse("".join(part.partition("@")[0] + "," for part in text.split(",")).strip(",")).steps
        )


class ForgetsBoxes(Variant):
    def forward(
        self, x: Tensor, *, boxes=None, masks=None, generator: torch.Generator | None = None
    ) -> object:
        y = Policy.forward(self, x, boxes=boxes, masks=masks, generator=generator)
        return y if boxes is None else y._replace(boxes=boxes)


class InEvaluation(Variant):
    def forward(self, x: Tensor, **named: object) -> object:
        self.train()
        return Policy.forward(self, x, **named)


class Rounds(Variant):
    def __str__(self) -> str:
        return Policy.__str__(self).replace("0.05", "0.1")


def reads(variant: type) -> Callable[[str], nn.Module]:
    def parse(text: str) -> nn.Module:
        return variant.read(text)

    return parse


def ours(text: str) -> nn.Module:
    return Policy.parse(text)


SUITES = (
    Suite(
        technique="augment_policy",
        part="Policy",
        subjects={"Policy.parse": ours},
        interface=Interface("module", ("text",), ("x",)),
        cases=({"text": ""},),
        shapes=lambda a: ((1, 1, 4, 4), (3, 3, 7, 9)),
        laws=(
            Law("one_after_another", "The steps are taken in order.", one_after_another, EXACT),
            Law("joined_maps", r"$$ x \circ M_1^{-1} \circ M_2^{-1} = x \circ (M_2 M_1)^{-1} $$ on smooth pictures.", joined_maps, {torch.float64: SMOOTH}),
            Law("joined_maps_blur_once", "Three turns by 10 degrees are one by 30: noise keeps the variance that one leaves.", joined_maps_blur_once, {torch.float64: 1e-9}),
            Law("alternatives", "One of several for each example, with the shares that are said.", alternatives, {torch.float64: 5.0}),
            Law("probabilities", "A step is taken by each example with its probability.", probabilities, {torch.float64: 5.0}),
            Law("boxes_and_masks_through", "Boxes and masks follow through all steps.", boxes_and_masks_through, {torch.float64: 1.0}),
            Law("written_as_read", "A policy that is written and read again is the same.", written_as_read, EXACT),
            Law("evaluation_passes", "In evaluation the batch passes bit for bit.", evaluation_passes, EXACT),
        ),
        twins=(
            Twin("backwards", reads(Backwards), "you take the last step first."),
            Twin("wrong_product", reads(WrongProduct), "you multiply the maps in the wrong order: M_2 M_1 applies M_1 first."),
            Twin("apart", reads(Apart), "you resample once a step, and every resampling blurs."),
            Twin("one_for_the_batch", reads(OneForTheBatch), "you choose one alternative for the whole batch; each example has its own."),
            Twin("always", reads(Always), "you ignore the probabilities."),
            Twin("forgets_boxes", reads(ForgetsBoxes), "your boxes do not follow the pixels."),
            Twin("in_evaluation", reads(InEvaluation), "you change the batch in evaluation too."),
            Twin("rounds", reads(Rounds), "your line loses digits."),
        ),
    ),
)  # fmt: skip
