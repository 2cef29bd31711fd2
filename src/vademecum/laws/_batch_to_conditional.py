"""Laws of making a net's batch normalization conditional."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from vademecum.nn.norm.conditional_batch_norm import batch_to_conditional

from ._batch_norm_statistics import randomized, state
from ._suite import EXACT, Arguments, Build, Draw, Interface, Law, Pair, Suite, Twin


def by_class(a: Arguments) -> bool:
    return a["num_conditions"] is not None


def make_net(draw: Draw) -> nn.Module:
    width = draw.shape[1]
    model = nn.Sequential(
        nn.Linear(width, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2), nn.BatchNorm1d(2)
    )
    return randomized(model, draw)


def draw_condition(draw: Draw) -> Tensor:
    if by_class(draw.arguments):
        return draw.integers(draw.shape[0], high=draw.arguments["num_conditions"], name="condition")
    return draw.normal(draw.shape[0], draw.arguments["condition_features"], name="condition")


def starts_as_the_model(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x, condition = make_net(draw), draw.normal(), draw_condition(draw)
    for mode in (False, True):
        net = build(draw)(model).to(draw.dtype)
        yield net.train(mode)(x, condition), deepcopy(model).train(mode)(x)


def the_tables_are_trained(build: Build, draw: Draw) -> Iterator[Pair]:
    net = build(draw)(make_net(draw))
    trained = sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad)
    yield torch.tensor(trained), torch.tensor(2 * draw.arguments["num_conditions"] * (3 + 2))


def other_classes_learn_nothing(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = make_net(draw), draw.normal()
    net = build(draw)(model).eval()
    zero = torch.zeros(len(x), dtype=torch.int64)
    net(x, zero).square().sum().backward()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
    yield net(x, zero + 1), deepcopy(model).eval()(x)


def all_conditions_learn(build: Build, draw: Draw) -> Iterator[Pair]:
    net = build(draw)(make_net(draw)).train()
    net(draw.normal(), draw_condition(draw)).pow(3).sum().backward()
    trained = [p for p in net.parameters() if p.requires_grad]
    yield (
        torch.tensor([len(trained) > 0, *(p.grad is not None for p in trained)]),
        torch.tensor([True] * (len(trained) + 1)),
    )


def leaves_the_model(build: Build, draw: Draw) -> Iterator[Pair]:
    model = make_net(draw)
    before = [*state(model), torch.tensor([p.requires_grad for p in model.parameters()])]
    net = build(draw)(model)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 1
    after = [*state(model), torch.tensor([p.requires_grad for p in model.parameters()])]
    yield from zip(after, before, strict=True)


def spoiled(spoil: Callable[[nn.Module], object], **options: bool) -> Callable[..., nn.Module]:
    """Convert rightly, then spoil every conditional norm."""

    def convert(
        model: nn.Module, num_conditions: int | None = None, condition_features: int | None = None
    ) -> nn.Module:
        net = batch_to_conditional(
            model, num_conditions=num_conditions, condition_features=condition_features, **options
        )
        for part in net.modules():
            if hasattr(part, "gain_and_bias"):
                spoil(part)
        return net

    return convert


def plain_start(part: nn.Module) -> None:
    nn.init.ones_(part.weight)
    nn.init.zeros_(part.bias)


def shared(
    model: nn.Module, num_conditions: int | None = None, condition_features: int | None = None
) -> nn.Module:
    """Freeze the caller's model instead of the copy's."""
    model.requires_grad_(False)
    return batch_to_conditional(model, num_conditions=num_conditions, condition_features=condition_features)


def one_row(part: nn.Module) -> None:
    right = part.gain_and_bias
    part.gain_and_bias = lambda condition: right(torch.zeros_like(condition))


CONVERSION = Suite(
    technique="conditional_batch_norm",
    part="batch_to_conditional",
    subjects={"batch_to_conditional": batch_to_conditional},
    interface=Interface(
        kind="function",
        arguments=("num_conditions", "condition_features"),
        inputs=("model",),
        defaults={"num_conditions": None, "condition_features": None},
    ),
    cases=({"num_conditions": 2, "condition_features": None}, {"num_conditions": None, "condition_features": 3}),
    shapes=lambda a: ((3, 1), (4, 2)),
    laws=(
        Law("starts_as_the_model", r"$$ \Delta\gamma = \Delta\beta = 0 $$ at the start: the model as it was.",
            starts_as_the_model),
        Law("the_tables_are_trained", "Two tables for each norm are trained, and nothing else.",
            the_tables_are_trained, EXACT, cases=by_class),
        Law("other_classes_learn_nothing", "What one class learns does not change the others.",
            other_classes_learn_nothing, cases=by_class),
        Law("all_conditions_learn", "All that is trained gets a gradient.", all_conditions_learn, EXACT),
        Law("leaves_the_model", "The model stays as it is, and trainable.", leaves_the_model, EXACT),
    ),
    twins=(
        Twin("plain_start", spoiled(plain_start),
             "your gains start at 1 and the biases at 0, not where the model had them."),
        Twin("forgets_statistics", spoiled(lambda part: part.norm.reset_running_stats()),
             "you forget the running statistics of the model."),
        Twin("nothing_frozen", spoiled(lambda part: None, freeze=False), "you train the rest of the model too."),
        Twin("all_frozen", spoiled(lambda part: part.requires_grad_(False)), "you train nothing."),
        Twin("one_row", spoiled(one_row), "every condition reads the first row."),
        Twin("shared", shared, "you freeze the caller's model."),
    ),
)  # fmt: skip
