"""Laws of gradual unfreezing: which layers train in which epoch."""

from collections.abc import Iterator
from math import inf

import torch
from torch import Tensor, nn

from vademecum.train.discriminative import layer_groups
from vademecum.train.freeze import freeze, thaw
from vademecum.train.gradual_unfreezing import GradualUnfreezing

from ._finetuning import moved, optimizers, small_net, state, steps
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

LAYERS = (("0", "1"), ("3", "4"), ("6",))


def training(model: nn.Module) -> Tensor:
    """For each layer, whether all of its parameters train, or none."""
    flags = []
    for layer in LAYERS:
        own = [p.requires_grad for path in layer for p in model.get_submodule(path).parameters()]
        flags.append(float(all(own)) if all(own) or not any(own) else 0.5)
    return torch.tensor(flags)


def one_more_each_epoch(build: Build, draw: Draw) -> Iterator[Pair]:
    model, every = small_net(draw), draw.arguments["every"]
    unfreezing = build(draw)(model)
    for epoch in range(3 * every + 2):
        count = min(3, 1 + epoch // every)
        yield training(model), torch.tensor([float(3 - k <= count) for k in range(3)])
        unfreezing.step()


def frozen_layers_rest(build: Build, draw: Draw) -> Iterator[Pair]:
    """By an optimizer over everything: what is frozen rests, what is thawed moves, statistics included."""
    model, x, every = small_net(draw), draw.normal(), draw.arguments["every"]
    unfreezing = build(draw)(model)
    optimizer = optimizers(model)[0]
    for epoch in range(3 * every):
        count = min(3, 1 + epoch // every)
        before = [state(model, *layer) for layer in LAYERS]
        steps(model.train(), optimizer, x)
        for k, held in enumerate(before):
            yield moved(model, held), torch.full((len(held),), float(3 - k <= count))
        unfreezing.step()


def a_checkpoint_goes_on(build: Build, draw: Draw) -> Iterator[Pair]:
    model, other = small_net(draw), small_net(draw)
    first = build(draw)(model)
    for _ in range(draw.arguments["every"]):
        first.step()
    second = build(draw)(other)
    second.load_state_dict(first.state_dict())
    yield training(other), training(model)
    for unfreezing in (first, second):
        for _ in range(draw.arguments["every"]):
            unfreezing.step()
    yield training(other), training(model)


def a_layer_can_rest_for_good(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    unfreezing = build(draw)(model, at=[0, 2, inf])
    for epoch in range(5):
        yield training(model), torch.tensor([0.0, float(epoch >= 2), 1.0])
        unfreezing.step()


def right(model, every=1, at=None):
    return GradualUnfreezing(model, every=every, at=at)


class Written:
    """Right, or with one thing wrong: a row of epochs, and a thaw when each has come."""

    late = 0
    lowest_first = False
    weights_alone = False
    chain = False
    remembers = True

    def __init__(self, model, every=1, at=None):
        self.model, self.groups, self.epoch = model, layer_groups(model), 0
        self.at = [every * k for k in range(3)] if at is None else list(at)
        if not self.lowest_first:
            self.at.reverse()
        self.set()

    def set(self):
        freeze(self.model, norm_stats="update" if self.weights_alone else "freeze")
        now = [k for k, start in enumerate(self.at) if start + (self.late if start else 0) <= self.epoch]
        for k in [min(now)] if self.chain else now:
            thaw(self.model, *self.groups[k])

    def step(self):
        self.epoch += 1
        self.set()

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        if self.remembers:
            self.epoch = state["epoch"]
        self.set()


def with_(**wrong):
    return type("Twin", (Written,), wrong)


def from_class(cls):
    return lambda model, every=1, at=None: cls(model, every=every, at=at)


def ignores_at(model, every=1, at=None):
    return GradualUnfreezing(model, every=every)


SUITES = (
    Suite(
        technique="gradual_unfreezing",
        part="GradualUnfreezing",
        subjects={"GradualUnfreezing": right},
        interface=Interface(kind="function", arguments=("every",), inputs=("model",), defaults={"every": 1},
                            aliases={"every": ("epochs", "interval")}),
        cases=({"every": 1}, {"every": 2}),
        shapes=lambda a: ((5, 2),),
        laws=(
            Law("one_more_each_epoch", "After k epochs exactly k + 1 layers train, the highest ones.", one_more_each_epoch, EXACT),
            Law("frozen_layers_rest", r"$$ \theta^l(t) = \theta^l(0), \ \mu^l(t) = \mu^l(0) \text{ until layer l is thawed} $$", frozen_layers_rest, EXACT),
            Law("a_checkpoint_goes_on", "From a saved state it goes on as if it had not been stopped.", a_checkpoint_goes_on, EXACT),
            Law("a_layer_can_rest_for_good", "An epoch can be named for each layer, infinity among them.", a_layer_can_rest_for_good, EXACT),
        ),
        twins=(
            Twin("lowest_first", from_class(with_(lowest_first=True)), "you begin at the input; the head is the first to train."),
            Twin("one_late", from_class(with_(late=1)), "every thaw comes an epoch late."),
            Twin("weights_alone", from_class(with_(weights_alone=True)), "the running statistics of frozen layers go on."),
            Twin("chain", from_class(with_(chain=True)), "only the newest layer trains; those above it go on training too."),
            Twin("forgets_the_epoch", from_class(with_(remembers=False)), "a loaded state begins with the head alone again."),
            Twin("ignores_at", ignores_at, "the epochs that were named for each layer are ignored."),
        ),
    ),
)  # fmt: skip
