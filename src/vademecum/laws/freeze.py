"""Laws of freezing: what is frozen is equal bit for bit, and nothing else is touched."""

from collections.abc import Iterator
from copy import deepcopy
from math import inf, sqrt

import torch
from torch import Tensor, nn

from vademecum.train.freeze import drift, freeze, thaw

from ._finetuning import BODY, HEAD, moved, optimizers, small_net, state, steps
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin

LOW = ("0", "1")


def held(model: nn.Module, before: dict[str, Tensor]) -> Iterator[Pair]:
    now = model.state_dict()
    for name, value in before.items():
        yield now[name], value


def nothing_frozen_moves(build: Build, draw: Draw) -> Iterator[Pair]:
    """Also by an optimizer that has momentum of it already, and after a later call of train()."""
    x = draw.normal()
    for number in range(2):
        model = small_net(draw)
        optimizer = optimizers(model)[number]
        steps(model, optimizer, x)
        build(draw)(model, *LOW)
        before = state(model, *LOW)
        steps(model.train(), optimizer, x)
        yield from held(model, before)


def the_rest_trains(build: Build, draw: Draw) -> Iterator[Pair]:
    """Parameters, and the running statistics of norms that are not frozen."""
    model, x = small_net(draw), draw.normal()
    build(draw)(model, *LOW)
    before = state(model, "3", "4", HEAD)
    steps(model.train(), optimizers(model)[0], x)
    yield moved(model, before), torch.ones(len(before))


def exceptions_stay(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = small_net(draw), draw.normal()
    build(draw)(model, except_=[HEAD])
    before, head = state(model, *BODY), state(model, HEAD)
    steps(model.train(), optimizers(model)[0], x)
    yield from held(model, before)
    yield moved(model, head), torch.ones(len(head))


def a_frozen_norm_uses_what_it_has_estimated(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = small_net(draw), draw.normal()
    model(x)
    build(draw)(model, *LOW)
    norm, h = model[1], model[0](x)
    want = torch.empty_like(h)
    for b in range(h.shape[0]):
        for c in range(h.shape[1]):
            unit = (h[b, c] - norm.running_mean[c]) / (norm.running_var[c] + norm.eps).sqrt()
            want[b, c] = norm.weight[c] * unit + norm.bias[c]
    yield model.train()[1](h), want


def modes_are_the_users(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = small_net(draw), draw.normal()
    build(draw)(model, *LOW)
    for mode in (True, False):
        model.train(mode)
        yield torch.tensor([part.training for part in model]), torch.tensor([mode] * len(model))
        model(x)
        yield torch.tensor([part.training for part in model]), torch.tensor([mode] * len(model))


def a_copy_is_frozen_too(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = small_net(draw), draw.normal()
    build(draw)(model, *LOW)
    copy = deepcopy(model)
    before = state(copy, *LOW)
    steps(copy.train(), optimizers(copy)[0], x)
    yield from held(copy, before)


def the_state_dict_has_the_same_names(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    before = list(model.state_dict())
    build(draw)(model, *LOW)
    after = list(model.state_dict())
    yield torch.tensor([name in before for name in after]), torch.ones(len(before), dtype=torch.bool)


def as_if_never_frozen(build: Build, draw: Draw) -> Iterator[Pair]:
    """Thawed, a net trains as its twin that was never frozen."""
    model, x = small_net(draw), draw.normal()
    twin = deepcopy(model)
    freeze(model)
    build(draw)(model)
    steps(model.train(), optimizers(model)[0], x)
    steps(twin.train(), optimizers(twin)[0], x)
    yield from held(model, state(twin))


def only_what_is_named_thaws(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = small_net(draw), draw.normal()
    freeze(model)
    build(draw)(model, "3", "4", HEAD)
    low, high = state(model, *LOW), state(model, "3", "4", HEAD)
    steps(model.train(), optimizers(model)[0], x)
    yield from held(model, low)
    yield moved(model, high), torch.ones(len(high))


def momentum_is_kept(build: Build, draw: Draw) -> Iterator[Pair]:
    """The first step after a thaw goes on with the momentum from before the freeze."""
    model, x = small_net(draw), draw.normal()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    steps(model, optimizer, x)
    buffer = optimizer.state[model[0].weight]["momentum_buffer"].clone()
    freeze(model, "0")
    steps(model, optimizer, x)
    build(draw)(model, "0")
    before = model[0].weight.detach().clone()
    steps(model, optimizer, x, count=1)
    yield model[0].weight, before - 0.1 * (0.9 * buffer + model[0].weight.grad)


def share_of_the_length(build: Build, draw: Draw) -> Iterator[Pair]:
    old, new = small_net(draw), small_net(draw)
    found = build(draw)(new, old)
    for name, want in old.named_parameters():
        apart, length = 0.0, 0.0
        for a, b in zip(new.get_parameter(name).flatten().tolist(), want.flatten().tolist()):
            apart, length = apart + (a - b) ** 2, length + b**2
        yield torch.tensor(found[name]), torch.tensor(sqrt(apart) / sqrt(length))


def zero_is_bit_equal(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    before = state(model)
    yield torch.tensor(list(build(draw)(model, before).values())), torch.zeros(len(before))
    with torch.no_grad():
        model[0].bias[0] *= 1 + 4 * torch.finfo(draw.dtype).eps
    yield torch.tensor(float(build(draw)(model, before)["0.bias"] > 0)), torch.tensor(1.0)


def from_nothing_is_infinite(build: Build, draw: Draw) -> Iterator[Pair]:
    model = small_net(draw)
    before = state(model)
    model(draw.normal(mean=1.0))
    yield torch.tensor(build(draw)(model, before)["1.running_mean"]), torch.tensor(inf)


def right(model, *parts, except_=()):
    return freeze(model, *parts, except_=except_)


def weights_alone(model, *parts, except_=()):
    return freeze(model, *parts, except_=except_, norm_stats="update")


def keeps_gradients(model, *parts, except_=()):
    kept = [(p, p.grad) for p in model.parameters()]
    names = freeze(model, *parts, except_=except_)
    for p, grad in kept:
        p.grad = grad if grad is not None else torch.zeros_like(p)
    return names


def evaluation_once(model, *parts, except_=()):
    names = weights_alone(model, *parts, except_=except_)
    for path, part in model.named_modules():
        if f"{path}.weight" in names:
            part.eval()
    return names


def leaves_evaluation(model, *parts, except_=()):
    names = weights_alone(model, *parts, except_=except_)
    for path, part in model.named_modules():
        if f"{path}.weight" in names:
            part.register_forward_pre_hook(lambda part, inputs: part.eval() and None)
    return names


def hooks_on_the_original(model, *parts, except_=()):
    names = weights_alone(model, *parts, except_=except_)
    for path, part in model.named_modules():
        if f"{path}.weight" in names:
            part.register_forward_pre_hook(lambda _, inputs, own=part: own.train(False) and None)
            part.register_forward_hook(lambda _, inputs, output, own=part: own.train(True) and None)
    return names


def all_norms(model, *parts, except_=()):
    freeze(model)
    inside = freeze(model, *parts, except_=except_)
    for name, p in model.named_parameters():
        p.requires_grad_(name not in inside)
    return inside


def no_exceptions(model, *parts, except_=()):
    return freeze(model, *parts)


def a_flag_as_a_buffer(model, *parts, except_=()):
    model.register_buffer("is_frozen", torch.tensor(True))
    return freeze(model, *parts, except_=except_)


def thaws_weights_alone(model, *parts):
    for name, p in model.named_parameters():
        if not parts or name.split(".")[0] in parts:
            p.requires_grad_(True)


def thaws_everything(model, *parts):
    return thaw(model)


def absolute(model, reference):
    before = reference.state_dict() if isinstance(reference, nn.Module) else reference
    return {
        name: float((v.double() - before[name].double()).norm()) for name, v in model.state_dict().items()
    }


def squared(model, reference):
    return {name: value**2 for name, value in drift(model, reference).items()}


def rounded(model, reference):
    return {name: round(value, 3) for name, value in drift(model, reference).items()}


def padded(model, reference):
    return {name: min(value, 1e8) for name, value in drift(model, reference).items()}


SUITES = (
    Suite(
        technique="freeze",
        part="freeze",
        subjects={"freeze": right},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((3, 2), (8, 5)),
        laws=(
            Law("nothing_frozen_moves", r"$$ \theta(t) = \theta(0), \ \mu(t) = \mu(0), \ \sigma^2(t) = \sigma^2(0) $$", nothing_frozen_moves, EXACT),
            Law("the_rest_trains", "Every other parameter and running statistic moves.", the_rest_trains, EXACT),
            Law("exceptions_stay", "What is excepted goes on training, what is around it does not.", exceptions_stay, EXACT),
            Law("a_frozen_norm_uses_what_it_has_estimated", r"$$ y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta $$ with the running statistics, in training mode too.", a_frozen_norm_uses_what_it_has_estimated),
            Law("modes_are_the_users", "Every part shows the mode that the user has set.", modes_are_the_users, EXACT),
            Law("a_copy_is_frozen_too", "A deep copy is frozen as the original is.", a_copy_is_frozen_too, EXACT),
            Law("the_state_dict_has_the_same_names", "Freezing leaves no trace in the state dict.", the_state_dict_has_the_same_names, EXACT),
        ),
        twins=(
            Twin("weights_alone", weights_alone, "running statistics go on: the frozen part computes something else after each step."),
            Twin("keeps_gradients", keeps_gradients, "a gradient is left behind, or one of zeros: momentum and weight decay still move the weight. Set it to None."),
            Twin("evaluation_once", evaluation_once, "you put the norms into evaluation mode once; the next train() undoes that."),
            Twin("leaves_evaluation", leaves_evaluation, "after a forward pass your parts show evaluation mode, which the user has not set."),
            Twin("hooks_on_the_original", hooks_on_the_original, "your hooks hold the original part, so a copy is not frozen and its pass changes the original."),
            Twin("all_norms", all_norms, "you stop the running statistics of norms that are not frozen."),
            Twin("no_exceptions", no_exceptions, "your exceptions are frozen too."),
            Twin("a_flag_as_a_buffer", a_flag_as_a_buffer, "you write into the state dict, which then does not load into the plain network."),
        ),
    ),
    Suite(
        technique="freeze",
        part="thaw",
        subjects={"thaw": lambda model, *parts: thaw(model, *parts)},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((3, 2), (8, 5)),
        laws=(
            Law("as_if_never_frozen", "Frozen and thawed, it trains as if nothing had been.", as_if_never_frozen, EXACT),
            Law("only_what_is_named_thaws", "The rest stays frozen, bit for bit.", only_what_is_named_thaws, EXACT),
            Law("momentum_is_kept", r"$$ \theta \leftarrow \theta - \eta (\beta v_{before} + g) $$", momentum_is_kept),
        ),
        twins=(
            Twin("thaws_weights_alone", thaws_weights_alone, "the running statistics stay stopped after the thaw."),
            Twin("thaws_everything", thaws_everything, "you thaw parts that were not named."),
            Twin("thaws_nothing", lambda model, *parts: None, "nothing is thawed."),
        ),
    ),
    Suite(
        technique="freeze",
        part="drift",
        subjects={"drift": drift},
        interface=Interface(kind="function", inputs=("model", "reference")),
        cases=({},),
        shapes=lambda a: ((3, 2), (8, 5)),
        laws=(
            Law("share_of_the_length", r"$$ \| \theta - \theta_0 \| / \| \theta_0 \| $$", share_of_the_length),
            Law("zero_is_bit_equal", "0 is given for equal bits, and for nothing else.", zero_is_bit_equal, EXACT),
            Law("from_nothing_is_infinite", "A tensor that was all zeros and is not any more has moved infinitely far.", from_nothing_is_infinite, EXACT),
        ),
        twins=(
            Twin("absolute", absolute, "you give the distance; it is to be a share of the reference's length."),
            Twin("squared", squared, "you forgot the root."),
            Twin("rounded", rounded, "you round, so that a small change passes for none."),
            Twin("padded", padded, "you pad the denominator: what came from nothing is infinitely far."),
        ),
    ),
)  # fmt: skip
