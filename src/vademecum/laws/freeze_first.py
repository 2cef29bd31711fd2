"""Laws of freezing the body first."""

from collections.abc import Iterator

import torch

from vademecum.train.freeze import freeze, thaw
from vademecum.train.freeze_first import freeze_first
from vademecum.train.gradual_unfreezing import GradualUnfreezing

from ._finetuning import BODY, HEAD, moved, optimizers, small_net, state, steps
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from .gradual_unfreezing import training


def the_body_rests_first(build: Build, draw: Draw) -> Iterator[Pair]:
    """Bit for bit, statistics included; the head moves all the time."""
    model, x, epochs = small_net(draw), draw.normal(), draw.arguments["epochs"]
    unfreezing = build(draw)(model, HEAD)
    optimizer = optimizers(model)[0]
    for epoch in range(epochs + 2):
        body, head = state(model, *BODY), state(model, HEAD)
        steps(model.train(), optimizer, x)
        yield moved(model, body), torch.full((len(body),), float(epoch >= epochs))
        yield moved(model, head), torch.ones(len(head))
        unfreezing.step()


def the_head_is_found(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    build(draw)(model)
    yield training(model), torch.tensor([0.0, 0.0, 1.0])


def any_part_can_be_new(build: Build, draw: Draw) -> Iterator[Pair]:
    """A parameter too: its neighbors in the same module are frozen."""
    model = small_net(draw)
    build(draw)(model, "3.bias", HEAD)
    flags = [p.requires_grad for p in model.parameters()]
    want = [name == "3.bias" or name.startswith("6.") for name, _ in model.named_parameters()]
    yield torch.tensor(flags), torch.tensor(want)


def gradually_if_asked(build: Build, draw: Draw) -> Iterator[Pair]:
    model, epochs = small_net(draw), draw.arguments["epochs"]
    unfreezing = build(draw)(model, HEAD, then="gradual")
    for epoch in range(epochs + 3):
        yield training(model), torch.tensor([float(epoch >= epochs + 1), float(epoch >= epochs), 1.0])
        unfreezing.step()


def one_longer(model, *new, epochs=1, then="all"):
    return freeze_first(model, *new, epochs=epochs + 1, then=then)


def whole_modules(model, *new, epochs=1, then="all"):
    new = tuple(path.split(".")[0] for path in new)
    return freeze_first(model, *new, epochs=epochs, then=then)


def always_at_once(model, *new, epochs=1, then="all"):
    return freeze_first(model, *new, epochs=epochs)


def head_asked_for(model, *new, epochs=1, then="all"):
    if not new:
        return GradualUnfreezing(model, [""], at=[0])
    return freeze_first(model, *new, epochs=epochs, then=then)


class WeightsAlone:
    def __init__(self, model, *new, epochs=1, then="all"):
        self.inner = freeze_first(model, *new, epochs=epochs, then=then, norm_stats="update")

    def step(self):
        self.inner.step()


class FreezesTheHead:
    """Freezes what is new, and trains the body on its random answers."""

    def __init__(self, model, *new, epochs=1, then="all"):
        self.model, self.left = model, epochs
        freeze(model, *new)

    def step(self):
        self.left -= 1
        if not self.left:
            thaw(self.model)


SUITES = (
    Suite(
        technique="freeze_first",
        part="freeze_first",
        subjects={"freeze_first": freeze_first},
        interface=Interface(kind="function", arguments=("epochs",), inputs=("model",), defaults={"epochs": 1},
                            aliases={"epochs": ("frozen_epochs",)}),
        cases=({"epochs": 1}, {"epochs": 2}),
        shapes=lambda a: ((5, 2),),
        laws=(
            Law("the_body_rests_first", r"$$ \theta_{body}(t) = \theta_{body}(0) \text{ for } t < T_f $$ and not after.", the_body_rests_first, EXACT),
            Law("the_head_is_found", "Without a name the last layer is the new one.", the_head_is_found, EXACT),
            Law("any_part_can_be_new", "New is what is named, be it one parameter.", any_part_can_be_new, EXACT),
            Law("gradually_if_asked", "Then one layer an epoch, from the head down.", gradually_if_asked, EXACT),
        ),
        twins=(
            Twin("one_longer", one_longer, "the body rests one epoch too long."),
            Twin("whole_modules", whole_modules, "a module is taken for new as a whole, though one of its parameters is."),
            Twin("always_at_once", always_at_once, "you thaw at once though it was to be layer by layer."),
            Twin("head_asked_for", head_asked_for, "without a name nothing is frozen; the last layer is the new one."),
            Twin("weights_alone", lambda model, *new, epochs=1, then="all": WeightsAlone(model, *new, epochs=epochs, then=then), "the running statistics of the frozen body go on."),
            Twin("freezes_the_head", lambda model, *new, epochs=1, then="all": FreezesTheHead(model, *new, epochs=epochs), "you freeze what is new and train the body; it is the other way round."),
        ),
    ),
)  # fmt: skip
