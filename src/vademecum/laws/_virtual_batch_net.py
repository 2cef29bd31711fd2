"""Laws of a net with virtual batch normalization: two passes, and nothing kept between them."""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from vademecum.nn.norm.virtual_batch_norm import VirtualBatchNet, VirtualBatchNorm, reference_batch

from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin

EPS = 1e-3


def in_one_batch(x: Tensor, reference: Tensor, weight: Tensor, bias: Tensor, *, a: Arguments) -> Tensor:
    """Batch normalization of the reference and one example: what happens to the example."""
    itself = a["combine"] == "include_self"
    sets = [torch.cat([reference, one[None]]) if itself else reference for one in x]
    dims = [0, *range(2, x.dim())]
    shape = (1, -1, *[1] * (x.dim() - 2))
    rows = []
    for one, both in zip(x, sets, strict=True):
        centered = both - both.mean(dims, keepdim=True)
        root = (centered.square().mean(dims, keepdim=True) + a["eps"]).sqrt()
        rows.append((one[None] - both.mean(dims, keepdim=True)) / root)
    return torch.cat(rows) * weight.reshape(shape) + bias.reshape(shape)


def make_net(draw: Draw) -> tuple[nn.Module, Tensor, Tensor]:
    width = draw.shape[1]
    first, second = VirtualBatchNorm(3, eps=EPS), VirtualBatchNorm(2, eps=EPS)
    model = nn.Sequential(nn.Linear(width, 3), first, nn.Tanh(), nn.Linear(3, 2), second).to(draw.dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(draw.uniform(*parameter.shape, low=-1.0, high=1.5, name=name))
    return model, draw.normal(), draw.normal(5, width, mean=0.5, name="reference")


def two_passes(x: Tensor, reference: Tensor, tensors: list[Tensor]) -> Tensor:
    """What the net gives: the reference by its own statistics, each example by both."""
    for number in (0, 4):
        weight, bias, gain, shift = tensors[number : number + 4]
        if number:
            x, reference = x.tanh(), reference.tanh()
        x, reference = x @ weight.T + bias, reference @ weight.T + bias
        x, reference = (
            in_one_batch(x, reference, gain, shift, a={"eps": EPS, "combine": "include_self"}),
            in_one_batch(reference, reference, gain, shift, a={"eps": EPS, "combine": "reference_only"}),
        )
    return x


def wide(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().double().requires_grad_() for parameter in model.parameters()]


def through_the_net(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, reference = make_net(draw)
    yield build(draw)(model, reference)(x), two_passes(x.double(), reference.double(), wide(model))


def gradient_of_the_weights(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, reference = make_net(draw)
    upstream = draw.normal(len(x), 2, name="upstream")
    net = build(draw)(model, reference)
    got = torch.autograd.grad((net(x) * upstream).sum(), list(net.parameters()))
    leaves = wide(model)
    y = two_passes(x.double(), reference.double(), leaves)
    yield from zip(got, torch.autograd.grad((y * upstream.double()).sum(), leaves), strict=True)


def new_weights_new_statistics(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, reference = make_net(draw)
    net = build(draw)(model, reference)
    net(x)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.5)
    yield net(x), two_passes(x.double(), reference.double(), wide(net))


def batch_mates(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, reference = make_net(draw)
    net = build(draw)(model, reference)
    yield net(x), torch.cat([net(one[None]) for one in x])


def the_reference_is_saved(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, reference = make_net(draw)
    net, other = build(draw)(model, reference), build(draw)(deepcopy(model), reference + x[:1])
    other.load_state_dict(net.state_dict())
    yield other(x), net(x)


def a_copy_after_use(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, reference = make_net(draw)
    net = build(draw)(model, reference)
    y = net(x)
    yield deepcopy(net)(x), y


def virtual_batch_net(model: nn.Module, reference: Tensor) -> nn.Module:
    return VirtualBatchNet(model, reference)


def norms(model: nn.Module) -> list[VirtualBatchNorm]:
    return [part for part in model.modules() if isinstance(part, VirtualBatchNorm)]


class ConstantStatistics(VirtualBatchNet):
    def forward(self, x: Tensor) -> Tensor:
        with reference_batch(self.model, self.reference):
            for norm in norms(self.model):
                mean, variance, n = norm._reference
                norm._reference = mean.detach(), variance.detach(), n
            return self.model(x)


class OldStatistics(VirtualBatchNet):
    def forward(self, x: Tensor) -> Tensor:
        with reference_batch(self.model, self.reference):
            if not hasattr(self, "kept"):
                self.kept = [norm._reference for norm in norms(self.model)]
            for norm, kept in zip(norms(self.model), self.kept, strict=True):
                norm._reference = kept
            return self.model(x)


class BatchInReference(VirtualBatchNet):
    def forward(self, x: Tensor) -> Tensor:
        with reference_batch(self.model, torch.cat([self.reference, x])):
            return self.model(x)


class Unsaved(VirtualBatchNet):
    def __init__(self, model: nn.Module, reference: Tensor) -> None:
        super().__init__(model, reference)
        del self.reference
        self.reference = reference


NET_TWINS = (
    Twin("constant_statistics", lambda model, reference: ConstantStatistics(model, reference),
         "the statistics of your reference give no gradient."),
    Twin("old_statistics", lambda model, reference: OldStatistics(model, reference),
         "you keep the statistics of the reference over an update of the weights; pass it again."),
    Twin("batch_in_reference", lambda model, reference: BatchInReference(model, reference),
         "you add the batch to the reference, so that batch mates matter."),
    Twin("unsaved", lambda model, reference: Unsaved(model, reference),
         "your reference is not in the state dict; the saved net is another function."),
)  # fmt: skip

NET = Suite(
    technique="virtual_batch_norm",
    part="VirtualBatchNet",
    subjects={"VirtualBatchNet": virtual_batch_net},
    interface=Interface(kind="function", inputs=("model", "reference")),
    cases=({},),
    shapes=lambda a: ((2, 1), (3, 2)),
    laws=(
        Law("through_the_net", "The reference goes first, by its own statistics; then the examples, by both.",
            through_the_net),
        Law("gradient_of_the_weights", "The weights get their gradient through the reference too.",
            gradient_of_the_weights),
        Law("new_weights_new_statistics", "After an update the reference is passed anew.", new_weights_new_statistics),
        Law("batch_mates", "An example's output does not depend on its batch mates.", batch_mates),
        Law("the_reference_is_saved", "The state dict holds the reference.", the_reference_is_saved, EXACT),
        Law("a_copy_after_use", "After a call the net can be copied, and the copy does the same.",
            a_copy_after_use, EXACT),
    ),
    twins=NET_TWINS,
)  # fmt: skip
