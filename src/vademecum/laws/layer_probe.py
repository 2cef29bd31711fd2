"""Laws of a layer's features."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vademecum.train.layer_probe import LayerFeatures

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def convolutional(draw: Draw) -> nn.Sequential:
    channels = draw.shape[1]
    net = nn.Sequential(
        nn.Conv1d(channels, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(3 * (draw.shape[2] - 1), 2)
    )
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(draw.normal(*p.shape, name=name))
    return net.to(draw.dtype)


def what_the_layer_gives(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x = convolutional(draw), draw.normal()
    want = x
    for path, part in net.named_children():
        want = part(want)
        yield build(draw)(net, path)(x), want.reshape(len(x), -1)


def live(build: Build, draw: Draw) -> Iterator[Pair]:
    """After a step of training the features are those of the new weights."""
    net, x = convolutional(draw), draw.normal()
    features = build(draw)(net, "0")
    features(x)
    with torch.no_grad():
        net[0].weight.mul_(2.0)
        net[0].bias.mul_(2.0)
    yield features(x), conv(net[0], x)


def conv(layer: nn.Conv1d, x: Tensor) -> Tensor:
    """Eq. of a convolution without padding, in loops."""
    out = torch.zeros(len(x), 3, x.shape[2] - 1, dtype=x.dtype)
    for t in range(x.shape[2] - 1):
        for o in range(3):
            out[:, o, t] = (x[:, :, t : t + 2] * layer.weight[o]).sum((1, 2)) + layer.bias[o]
    return out.flatten(1)


def gradients_go_through(build: Build, draw: Draw) -> Iterator[Pair]:
    net, x = convolutional(draw), draw.normal()
    build(draw)(net, "1")(x).sum().backward()
    want = torch.autograd.grad(net[:2](x).sum(), net[0].weight)[0]
    yield torch.zeros_like(want) if net[0].weight.grad is None else net[0].weight.grad, want


def the_net_is_as_before(build: Build, draw: Draw) -> Iterator[Pair]:
    """Calls of the net itself change nothing in what was asked for before."""
    net, x = convolutional(draw), draw.normal()
    count = []
    for part in net:
        own = type(part).register_forward_hook
        part.register_forward_hook = lambda *a, part=part, own=own, **k: (
            count.append(1) or counted(own(part, *a, **k), count)
        )
    build(draw)(net, "0")(x)
    yield torch.tensor(len(count)), torch.tensor(0)


def counted(handle, count):
    """A handle that takes one off the count when it is removed."""
    remove = handle.remove
    handle.remove = lambda: (remove(), count.pop())
    return handle


class Written(nn.Module):
    """Right, or with one thing wrong."""

    flat, detach, keeps, cache, before = True, False, False, False, False

    def __init__(self, model, layer):
        super().__init__()
        self.model, self.layer, self.memory = model, layer, None

    def forward(self, x):
        if self.cache and self.memory is not None:
            return self.memory
        seen = []
        part = self.model.get_submodule(self.layer)
        handle = part.register_forward_hook(
            lambda _, inputs, output: seen.append(inputs[0] if self.before else output)
        )
        self.model(x)
        if not self.keeps:
            handle.remove()
        found = seen[-1].detach() if self.detach else seen[-1]
        self.memory = found.flatten(1) if self.flat else found
        return self.memory


def with_(**wrong):
    cls = type("Twin", (Written,), wrong)
    return lambda model, layer: cls(model, layer)


SUITES = (
    Suite(
        technique="layer_probe",
        part="LayerFeatures",
        subjects={"LayerFeatures": lambda model, layer: LayerFeatures(model, layer)},
        interface=Interface(kind="function", inputs=("model", "layer")),
        cases=({},),
        shapes=lambda a: ((2, 1, 3), (4, 2, 5)),
        laws=(
            Law("what_the_layer_gives", r"$$ f(x) = h_l(h_{l-1}(\dots h_1(x))) $$, flattened.", what_the_layer_gives),
            Law("live", "The features are those of the weights as they are now.", live),
            Law("gradients_go_through", "What is frozen is said by freezing, not by the features.", gradients_go_through),
            Law("the_net_is_as_before", "No hook is left behind.", the_net_is_as_before, EXACT),
        ),
        twins=(
            Twin("its_input", with_(before=True), "you take what goes into the layer; take what comes out."),
            Twin("maps", with_(flat=False), "maps are not flattened: a linear layer needs (B, F)."),
            Twin("caches", with_(cache=True), "you keep the features of older weights."),
            Twin("detaches", with_(detach=True), "no gradient goes through."),
            Twin("leaves_hooks", with_(keeps=True), "each call leaves a hook on the network."),
        ),
    ),
)  # fmt: skip
