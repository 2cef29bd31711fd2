"""Laws of the two bounds on a network's Lipschitz constant."""

from collections.abc import Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.theory.lipschitz import lipschitz_bound, lipschitz_lower_bound

from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

LOOSE = {torch.float64: 1e-6, torch.float32: 1e-4}
"""For figures that power iteration comes to."""


def number(found: Any, draw: Draw) -> Tensor:
    """A plain number, or a record that has it as its value."""
    return torch.as_tensor(getattr(found, "value", found), dtype=draw.dtype)


def drawn(draw: Draw, part: Any) -> Any:
    """A part with drawn weights, on which no gradient is kept."""
    part = part.to(draw.dtype).requires_grad_(False)
    for name, tensor in part.named_parameters():
        tensor.copy_(draw.normal(*tensor.shape, name=name))
    return part


def norm(weight: Tensor) -> Tensor:
    return torch.linalg.svdvals(weight)[0]


def jacobian(model: Any, x: Tensor) -> Tensor:
    """Of one example, row by row of the identity."""
    return torch.autograd.functional.jacobian(model, x[None]).reshape(-1, x.numel())


def none_left(excess: Tensor) -> Pair:
    return excess.clamp_min(0), torch.zeros_like(excess)


def a_linear_layer_is_exact(build: Build, draw: Draw) -> Iterator[Pair]:
    linear, x = drawn(draw, nn.Linear(draw.shape[1], 3)), draw.normal()
    yield number(build(draw)(linear, x), draw), norm(linear.weight)


def product_along_a_chain(build: Build, draw: Draw) -> Iterator[Pair]:
    first, second, x = drawn(draw, nn.Linear(draw.shape[1], 3)), drawn(draw, nn.Linear(3, 2)), draw.normal()
    model = nn.Sequential(first, nn.ReLU(), nn.Sequential(second, nn.Tanh()), nn.Dropout(), nn.Flatten())
    yield number(build(draw)(model, x), draw), norm(first.weight) * norm(second.weight)


def a_part_used_twice_counts_twice(build: Build, draw: Draw) -> Iterator[Pair]:
    half = nn.Sigmoid()
    yield (
        number(build(draw)(nn.Sequential(half, half), draw.normal()), draw),
        torch.tensor(1 / 16, dtype=draw.dtype),
    )


def steepest_slopes(build: Build, draw: Draw) -> Iterator[Pair]:
    line = torch.linspace(-4.0, 4.0, 4001, dtype=draw.dtype)
    smooth = (
        nn.Sigmoid(),
        nn.Tanh(),
        nn.GELU(),
        nn.GELU(approximate="tanh"),
        nn.SiLU(),
        nn.Mish(),
        nn.Softsign(),
    )
    broken = (
        nn.ReLU(),
        nn.LeakyReLU(2.0),
        nn.ELU(2.0),
        nn.SELU(),
        nn.Hardswish(),
        nn.Hardsigmoid(),
        nn.PReLU(init=-3.0),
    )
    for activation in (*smooth, *broken):
        activation = activation.to(draw.dtype)
        slopes = (activation(line + 1e-3) - activation(line - 1e-3)).detach() / 2e-3
        yield number(build(draw)(activation, draw.normal()), draw), slopes.abs().max()


def softmax_is_a_half(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = nn.Softmax(-1), torch.zeros(1, 2, dtype=draw.dtype)
    yield number(build(draw)(model, x), draw), norm(jacobian(model, x[0]))


def convolutions(draw: Draw) -> Iterator[tuple[Any, Tensor]]:
    """Convolutions whose weights all have one sign, far from what the kernel's matrix says, each with an image."""
    for arguments in ({"padding": 1}, {"stride": 2}, {"dilation": 2}, {"groups": 2, "padding": 2}):
        conv = drawn(draw, nn.Conv1d(2, 2, 3, **arguments))  # type: ignore[arg-type]
        conv.weight.abs_()
        yield conv, draw.normal(1, 2, 6, name="image")
    back = drawn(draw, nn.ConvTranspose1d(2, 3, 3, stride=2))
    back.weight.abs_()
    yield back, draw.normal(1, 2, 4, name="image")


def no_less_than_a_convolution(build: Build, draw: Draw) -> Iterator[Pair]:
    for conv, image in convolutions(draw):
        yield none_left(norm(jacobian(conv, image[0])) - number(build(draw)(conv, image), draw))


def not_far_above_a_convolution(build: Build, draw: Draw) -> Iterator[Pair]:
    conv = drawn(draw, nn.Conv1d(2, 2, 3, padding=1))
    x = draw.normal(1, 2, 40)
    yield none_left(number(build(draw)(conv, x), draw) - 1.02 * norm(jacobian(conv, x[0])))


def overlapping_windows(build: Build, draw: Draw) -> Iterator[Pair]:
    pool = nn.MaxPool2d(3, stride=2, padding=1)
    image = torch.zeros(1, 1, 4, 4, dtype=draw.dtype)
    image[0, 0, 1, 1] = 1.0  # one pixel, the largest of four windows
    yield number(build(draw)(pool, image), draw), (pool(image) - pool(0 * image)).norm() / image.norm()


def means_shrink(build: Build, draw: Draw) -> Iterator[Pair]:
    x = draw.normal(1, 2, 4, 4)
    for pool in (nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1)):
        yield number(build(draw)(pool, x), draw), norm(jacobian(pool, x[0]))
    for pool in (
        nn.AvgPool2d(3, stride=1, padding=1),
        nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    ):
        yield none_left(norm(jacobian(pool, x[0])) - number(build(draw)(pool, x), draw))


def batch_normalization_in_evaluation(build: Build, draw: Draw) -> Iterator[Pair]:
    channels = draw.shape[1]
    bn = drawn(draw, nn.BatchNorm1d(channels))
    bn.running_var.copy_(draw.uniform(channels, low=0.1, high=2.0, name="running_var"))
    slopes = [abs(float(g)) / (float(v) + bn.eps) ** 0.5 for g, v in zip(bn.weight, bn.running_var)]
    yield number(build(draw)(bn.train(), draw.normal()), draw), torch.tensor(max(slopes), dtype=draw.dtype)
    yield torch.tensor(bn.training), torch.tensor(True)


def encloses_what_is_seen(build: Build, draw: Draw) -> Iterator[Pair]:
    model = nn.Sequential(
        drawn(draw, nn.Linear(draw.shape[1], 8)), nn.GELU(), drawn(draw, nn.Linear(8, 3)), nn.Sigmoid()
    )
    x, y = draw.normal(200, draw.shape[1]), draw.normal(200, draw.shape[1], name="y")
    seen = (model(x) - model(y)).norm(dim=1) / (x - y).norm(dim=1)
    yield none_left(seen.max() - number(build(draw)(model, x), draw))


# ------------------------------------------------------------------------------------------------ from below


def net(draw: Draw) -> Any:
    return nn.Sequential(
        drawn(draw, nn.Linear(draw.shape[1], 4)), nn.Tanh(), nn.Dropout(), drawn(draw, nn.Linear(4, 3))
    )


def a_linear_layer_from_below(build: Build, draw: Draw) -> Iterator[Pair]:
    linear, x = drawn(draw, nn.Linear(draw.shape[1], 3)), draw.normal()
    yield number(build(draw)(linear, x), draw), norm(linear.weight)


def largest_over_the_examples(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = net(draw).train(), draw.normal()
    got = number(build(draw)(model, x), draw)
    yield torch.tensor(model.training), torch.tensor(True)
    model.eval()
    yield got, torch.stack([norm(jacobian(model, one)) for one in x]).max()


def slope_at_one_example(build: Build, draw: Draw) -> Iterator[Pair]:
    model: Any = nn.Sequential(drawn(draw, nn.Linear(1, 1)), nn.Tanh())
    x = draw.normal(1, 1)
    a, b = float(model[0].weight), float(model[0].bias)
    slope = abs(a) * (1 - torch.tanh(torch.tensor(a * float(x) + b, dtype=torch.float64)) ** 2)
    yield number(build(draw)(model, x), draw), slope


def no_more_than_the_bound(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = nn.Sequential(drawn(draw, nn.Linear(draw.shape[1], 3)), nn.LeakyReLU(0.9)), draw.normal()
    yield none_left(number(build(draw)(model, x), draw) - norm(model[0].weight))  # type: ignore[arg-type]


def images(build: Build, draw: Draw) -> Iterator[Pair]:
    conv, x = drawn(draw, nn.Conv1d(2, 2, 3)), draw.normal(2, 2, 5)
    yield number(build(draw)(conv, x), draw), norm(jacobian(conv, x[0]))


def chain(model: Any) -> list[Any]:
    return [leaf for part in model for leaf in chain(part)] if isinstance(model, nn.Sequential) else [model]


def twin_of(change):
    """The right factors, put together by `change(parts, factors, value)`."""

    def twin(model, x):
        found = lipschitz_bound(model, x)
        return change(chain(model), list(found.factors.values()), found.value)

    return twin


def replacing(kinds, value):
    """The right product with another constant for some kinds of parts."""

    def change(parts, factors, _):
        return prod(
            float(value(part)) if isinstance(part, kinds) else factor for part, factor in zip(parts, factors)
        )

    return twin_of(change)


def once(model, x):
    return lipschitz_bound(nn.Sequential(*dict.fromkeys(chain(model))), x).value


def leaves_evaluation(model, x):
    value = lipschitz_bound(model, x).value
    model.eval()
    return value


def below(reduce, *, train: bool = False):
    """The Jacobian's norms with one thing else, for twins."""

    def twin(model, x):
        modes = model.training
        model.train(train)
        found = reduce(model, x)
        model.train(modes)
        return found

    return twin


def norms(model, x):
    return torch.stack([norm(jacobian(model, one)) for one in x])


def summed_output(model, x):
    leaf = x.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(model(leaf).sum(), leaf)
    return slopes.flatten(1).norm(dim=1).max()


CONV = (nn.Conv1d, nn.ConvTranspose1d)

SUITES = (
    Suite(
        technique="lipschitz",
        part="lipschitz_bound",
        subjects={"lipschitz_bound": lipschitz_bound},
        interface=Interface(kind="function", inputs=("model", "x")),
        cases=({},),
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("a_linear_layer_is_exact", r"$$ \mathrm{Lip}(W x + b) = \sigma_1(W) $$", a_linear_layer_is_exact),
            Law("product_along_a_chain", r"$$ \mathrm{Lip}(f \circ g) \leq \mathrm{Lip}(f) \, \mathrm{Lip}(g) $$ and ReLU, tanh, dropout and flattening have constant 1.", product_along_a_chain),
            Law("a_part_used_twice_counts_twice", r"$$ \mathrm{Lip}(s \circ s) \leq (1/4)^2 $$ for the sigmoid s.", a_part_used_twice_counts_twice),
            Law("steepest_slopes", "An activation's constant is its steepest slope.", steepest_slopes, {torch.float64: 5e-3}),
            Law("softmax_is_a_half", "The softmax has constant 1/2, which two equal scores reach.", softmax_is_a_half),
            Law("no_less_than_a_convolution", "A convolution's constant is at least the norm of its dense matrix.", no_less_than_a_convolution, LOOSE),
            Law("not_far_above_a_convolution", "On a long signal it is hardly more.", not_far_above_a_convolution, LOOSE),
            Law("overlapping_windows", "One pixel may be the largest of four overlapping windows, which doubles its length.", overlapping_windows),
            Law("means_shrink", "The mean of n pixels has norm $$ 1 / \\sqrt n $$", means_shrink),
            Law("batch_normalization_in_evaluation", r"$$ \max_c |\gamma_c| / \sqrt{\sigma_c^2 + \epsilon} $$ and the mode is put back.", batch_normalization_in_evaluation),
            Law("encloses_what_is_seen", "No pair of inputs is driven further apart than the bound says.", encloses_what_is_seen, LOOSE),
        ),
        twins=(
            Twin("sum", twin_of(lambda parts, factors, value: sum(factors)), "you add the factors; they multiply."),
            Twin("largest", twin_of(lambda parts, factors, value: max(factors)), "you take the largest factor; they multiply."),
            Twin("once", once, "a part that is used twice counts once for you."),
            Twin("frobenius", replacing(nn.Linear, lambda part: part.weight.norm()), "you take the Frobenius norm: a bound, but far above."),
            Twin("squared", replacing(nn.Linear, lambda part: norm(part.weight) ** 2), "you take the eigenvalue of W^T W; the singular value is its root."),
            Twin("smallest", replacing(nn.Linear, lambda part: torch.linalg.svdvals(part.weight)[-1]), "you take the smallest singular value."),
            Twin("kernel_for_convolution", replacing(CONV, lambda part: norm(part.weight.flatten(1))), "you take the norm of the kernel's matrix for that of the convolution."),
            Twin("all_of_the_kernel", replacing(CONV, lambda part: part.weight.abs().sum()), "you add all taps: a bound, but far above."),
            Twin("activations_at_one", replacing((nn.Sigmoid, nn.GELU, nn.SiLU, nn.Softmax), lambda part: 1), "you take every activation's constant for 1: GELU's is 1.129, the sigmoid's is 1/4."),
            Twin("pooling_at_one", replacing((nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d), lambda part: 1), "you take every pooling's constant for 1: overlapping windows amplify, means shrink."),
            Twin("variance_for_deviation", replacing(nn.BatchNorm1d, lambda part: (part.weight / (part.running_var + part.eps)).abs().max()), "you divide by the variance; batch normalization divides by its root."),
            Twin("leaves_evaluation", leaves_evaluation, "you leave the model in evaluation mode."),
            Twin("half", twin_of(lambda parts, factors, value: value / 2), "your figure is less than what pairs of inputs show."),
        ),
    ),
    Suite(
        technique="lipschitz",
        part="lipschitz_lower_bound",
        subjects={"lipschitz_lower_bound": lipschitz_lower_bound},
        interface=Interface(kind="function", inputs=("model", "x")),
        cases=({},),
        shapes=lambda a: ((1, 2), (3, 2)),
        laws=(
            Law("a_linear_layer", r"$$ \sigma_1(W) $$", a_linear_layer_from_below, LOOSE),
            Law("slope_at_one_example", r"For tanh(a x + b) of one number: $$ |a| (1 - \tanh^2(a x + b)) $$", slope_at_one_example, LOOSE),
            Law("largest_over_the_examples", r"$$ \max_n \sigma_1(J(x_n)) $$ in evaluation mode, which is left again.", largest_over_the_examples, LOOSE),
            Law("images", "The Jacobian of an image is taken as one matrix.", images, LOOSE),
            Law("no_more_than_the_bound", r"$$ \max_n \sigma_1(J(x_n)) \leq \prod_l \mathrm{Lip}(f_l) $$", no_more_than_the_bound, LOOSE),
        ),
        twins=(
            Twin("frobenius", below(lambda model, x: torch.stack([jacobian(model, one).norm() for one in x]).max()), "you take the Frobenius norm of the Jacobian: that is no lower bound."),
            Twin("squared", below(lambda model, x: norms(model, x).square().max()), "you return the eigenvalue of J^T J; the singular value is its root."),
            Twin("mean_over_examples", below(lambda model, x: norms(model, x).mean()), "you take the mean over the examples; the largest is wanted."),
            Twin("summed_output", below(summed_output), "you take the gradient of the summed outputs: the Jacobian along one direction."),
            Twin("with_dropout", below(lambda model, x: norms(model, x).max(), train=True), "your Jacobian is that of training mode: dropout scales what it keeps."),
            Twin("whole_batch", below(lambda model, x: norms(model, x).norm()), "you take the batch's norms together; each example has its own."),
        ),
    ),
)  # fmt: skip
