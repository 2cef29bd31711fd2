"""Laws of layer priors: the log of Gaussians, the rewriting for other units, and what is drawn."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from vademecum.regularize.layer_prior import layer_prior_penalty, sample_prior, transform_inputs_outputs

from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin
from ._weights import gradients, perceptron

SAMPLES = 2000
MOMENTS = {torch.float64: 0.16}
"""A variance from that many draws has the deviation sqrt(2 / 2000) = 0.032 of itself: five of these."""


def definition(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    precisions = {"0.weight": 2.0, "0.bias": 0.5, "2.weight": 3.0}
    named = dict(model.named_parameters())
    want = sum(a / 2 * w * w for name, a in precisions.items() for w in named[name].flatten().tolist())
    yield build(draw)(model, precisions), torch.tensor(want, dtype=draw.dtype)


def is_a_log_density(build: Build, draw: Draw) -> Iterator[Pair]:
    """Differences of -log p, so that the constants go."""
    one, two = perceptron(draw), perceptron(draw)
    penalty = build(draw)
    precisions = {"0.*": 2.0, "2.*": 3.0}
    want = torch.zeros((), dtype=draw.dtype)
    for sign, model in ((1, one), (-1, two)):
        for name, parameter in model.named_parameters():
            precision = torch.tensor(2.0 if name.startswith("0") else 3.0, dtype=draw.dtype)
            normal = torch.distributions.Normal(torch.zeros_like(precision), precision.rsqrt())
            want = want - sign * normal.log_prob(parameter).sum()
    yield penalty(one, precisions) - penalty(two, precisions), want


def an_input_of_its_own(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    precision = draw.uniform(1, draw.shape[1], low=0.5, high=2.0, name="precision")
    weight = model[0].weight.tolist()
    want = sum(precision[0, i].item() / 2 * w * w for row in weight for i, w in enumerate(row))
    yield build(draw)(model, {"0.weight": precision}), torch.tensor(want, dtype=draw.dtype)


def stays_in_other_units(build: Build, draw: Draw) -> Iterator[Pair]:
    model, penalty = perceptron(draw), build(draw)
    for a, c in ((10.0, 1.0), (1.0, 0.1), (0.5, 3.0)):
        other = transform_inputs_outputs(model, a=a, b=0.7, c=c, d=-2.0)
        before = penalty(model, {"0.weight": 2.0, "2.weight": 3.0})
        yield penalty(other, {"0.weight": a**2 * 2.0, "2.weight": 3.0 / c**2}), before


def free_parameters_have_no_gradient(build: Build, draw: Draw) -> Iterator[Pair]:
    model = perceptron(draw)
    slopes = gradients(build(draw)(model, {"0.weight": 2.0}), model)
    yield slopes[0], 2 * model[0].weight
    yield from ((slope, torch.zeros_like(slope)) for slope in slopes[1:])


Precisions = Mapping[str, Any]


def without_half(model: nn.Module, precisions: Precisions) -> Tensor:
    return 2 * layer_prior_penalty(model, precisions)


def variances(model: nn.Module, precisions: Precisions) -> Tensor:
    return layer_prior_penalty(model, {name: 1 / precision for name, precision in precisions.items()})


def one_for_all(model: nn.Module, precisions: Precisions) -> Tensor:
    mean = sum(torch.as_tensor(a).mean() for a in precisions.values()) / len(precisions)
    return layer_prior_penalty(model, dict.fromkeys(precisions, float(mean)))


def holds_the_free(model: nn.Module, precisions: Precisions) -> Tensor:
    return layer_prior_penalty(model, precisions) + sum(p.square().sum() for p in model.parameters()) / 2


def as_printed(model: nn.Module, precisions: Precisions) -> Tensor:
    return layer_prior_penalty(model, {name: precision**0.25 for name, precision in precisions.items()})


def same_function(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw), draw.normal()
    a, b = draw.uniform(draw.shape[1], low=0.5, high=2.0, name="a"), draw.normal(draw.shape[1], name="b")
    c, d = draw.normal(2, name="c"), draw.normal(2, name="d")
    yield build(draw)(model, a=a, b=b, c=c, d=d)(a * x + b), c * model(x) + d


def one_number_for_all(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw), draw.normal()
    yield build(draw)(model, a=2.0, b=-1.0, c=-3.0, d=0.5)(2 * x - 1), -3 * model(x) + 0.5


def the_old_net_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = perceptron(draw), draw.normal()
    before = model(x)
    build(draw)(model, a=2.0, b=1.0, c=3.0, d=1.0)
    yield model(x), before


def rewrite(model: Any, *, a: Any = 1.0, b: Any = 0.0, c: Any = 1.0, d: Any = 0.0, wrong: str) -> Any:
    copy = model if wrong == "in place" else deepcopy(model)
    a, b, c, d = (torch.as_tensor(n, dtype=model[0].weight.dtype) for n in (a, b, c, d))
    first, last = copy[0], copy[-1]
    with torch.no_grad():
        shift = (first.weight * b).sum(1) if wrong == "undivided" else (first.weight / a * b).sum(1)
        first.weight.copy_(first.weight * a if wrong == "multiplies" else first.weight / a)
        first.bias.sub_(0 * shift if wrong == "no shift" else shift)
        last.weight.mul_(c.reshape(-1, 1))
        last.bias.mul_(1.0 if wrong == "bias stays" else c).add_(d)
    return copy


def wrongly(wrong: str) -> Any:
    def twin(model: Any, *, a: Any = 1.0, b: Any = 0.0, c: Any = 1.0, d: Any = 0.0) -> Any:
        return rewrite(model, a=a, b=b, c=c, d=d, wrong=wrong)

    return twin


def line(draw: Draw) -> tuple[nn.Module, Tensor]:
    return nn.Linear(1, 1).to(draw.dtype), torch.tensor([[0.0], [1.0], [3.0]], dtype=draw.dtype)


def drawn(
    build: Build, draw: Draw, model: nn.Module, precisions: Precisions, x: Tensor, **changed: int
) -> Tensor:
    return build(draw, **changed)(model, precisions, x, generator=torch.Generator().manual_seed(1))


def spread_of_a_line(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = line(draw)
    outputs = drawn(build, draw, model, {"weight": 4.0, "bias": 0.25}, x)
    variance = x.square() / 4.0 + 1 / 0.25
    yield outputs.square().mean(0) / variance, torch.ones_like(x)
    yield outputs.mean(0) / variance.sqrt(), torch.zeros_like(x)


def one_function_for_all_inputs(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = line(draw)
    outputs = drawn(build, draw, model, {"*": 1.0}, x, num_samples=3)
    at_0, at_1, at_3 = outputs[..., 0].unbind(1)
    yield at_3 - at_0, 3 * (at_1 - at_0)


def the_model_stays(build: Build, draw: Draw) -> Iterator[Pair]:
    model, x = line(draw)
    before = model(x).detach()
    drawn(build, draw, model, {"*": 1.0}, x, num_samples=2)
    yield model(x), before


def same_draw(
    model: nn.Module, precisions: Precisions, x: Tensor, *, num_samples: int, generator: Any = None
) -> Tensor:
    return sample_prior(model, precisions, x, num_samples=1, generator=generator).expand(
        num_samples, *x.shape
    )


def by_variance(
    model: nn.Module, precisions: Precisions, x: Tensor, *, num_samples: int, generator: Any = None
) -> Tensor:
    turned = {name: 1 / precision for name, precision in precisions.items()}
    return sample_prior(model, turned, x, num_samples=num_samples, generator=generator)


def by_precision_squared(
    model: nn.Module, precisions: Precisions, x: Tensor, *, num_samples: int, generator: Any = None
) -> Tensor:
    squared = {name: precision**2 for name, precision in precisions.items()}
    return sample_prior(model, squared, x, num_samples=num_samples, generator=generator)


def around_the_weights(
    model: nn.Module, precisions: Precisions, x: Tensor, *, num_samples: int, generator: Any = None
) -> Tensor:
    return 3 + sample_prior(model, precisions, x, num_samples=num_samples, generator=generator)


def an_input_at_a_time(
    model: nn.Module, precisions: Precisions, x: Tensor, *, num_samples: int, generator: Any = None
) -> Tensor:
    each = [
        sample_prior(model, precisions, row[None], num_samples=num_samples, generator=generator) for row in x
    ]
    return torch.cat(each, dim=1)


def leaves_the_last_draw(
    model: nn.Module, precisions: Precisions, x: Tensor, *, num_samples: int, generator: Any = None
) -> Tensor:
    outputs = sample_prior(model, precisions, x, num_samples=num_samples, generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=generator)
    return outputs


SUITES = (
    Suite(
        technique="layer_prior",
        part="layer_prior_penalty",
        subjects={"layer_prior_penalty": layer_prior_penalty},
        interface=Interface(kind="function", inputs=("model", "precisions")),
        cases=({},),
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("definition", r"$$ \Omega = \sum_k \tfrac{\alpha_k}{2} \sum_{w \in k} w^2 $$", definition),
            Law("is_a_log_density", r"$$ \Omega = -\ln \prod_k \mathcal{N}(w_k \mid 0, \alpha_k^{-1}) + \text{const} $$", is_a_log_density),
            Law("an_input_of_its_own", "A precision for each input.", an_input_of_its_own),
            Law("stays_in_other_units", r"$$ \alpha_1 \to a^2 \alpha_1, \quad \alpha_L \to \alpha_L / c^2 $$", stays_in_other_units),
            Law("free_parameters_have_no_gradient", "What is not named is free.", free_parameters_have_no_gradient),
        ),
        twins=(
            Twin("without_half", without_half, "your penalty lacks the half, so its precisions are half of what they say."),
            Twin("variances", variances, "you multiply by variances; a precision is one over a variance."),
            Twin("one_for_all", one_for_all, "one strength for all layers changes with the units of inputs and targets."),
            Twin("holds_the_free", holds_the_free, "you hold down what is not named; biases are free."),
            Twin("exponents_as_printed", as_printed, "your exponents are those printed in the book, 1/2 in place of 2: the penalty changes with the units."),
        ),
    ),
    Suite(
        technique="layer_prior",
        part="transform_inputs_outputs",
        subjects={"transform_inputs_outputs": transform_inputs_outputs},
        interface=Interface(kind="function", inputs=("model",)),
        cases=({},),
        shapes=lambda a: ((2, 2), (3, 4)),
        laws=(
            Law("same_function", r"$$ \tilde f(a x + b) = c f(x) + d $$", same_function),
            Law("one_number_for_all", "One number stands for all inputs, or outputs.", one_number_for_all),
            Law("the_old_net_stays", "The net that was given is as before.", the_old_net_stays, EXACT),
        ),
        twins=(
            Twin("multiplies", wrongly("multiplies"), "you multiply the first weights by a; divide."),
            Twin("no_shift", wrongly("no shift"), "your first biases do not take the shift b back."),
            Twin("undivided_shift", wrongly("undivided"), "your shift b goes through the weights before they were divided by a."),
            Twin("bias_stays", wrongly("bias stays"), "your last biases are not multiplied by c."),
            Twin("in_place", wrongly("in place"), "you change the net that was given."),
        ),
    ),
    Suite(
        technique="layer_prior",
        part="sample_prior",
        subjects={"sample_prior": sample_prior},
        interface=Interface(kind="function", arguments=("num_samples",), inputs=("model", "precisions", "x")),
        cases=({"num_samples": SAMPLES},),
        shapes=lambda a: ((1,),),
        laws=(
            Law("spread_of_a_line", r"$$ \operatorname{Var}[w x + b] = x^2 / \alpha_w + 1 / \alpha_b $$", spread_of_a_line, MOMENTS),
            Law("one_function_for_all_inputs", "All inputs go through one draw.", one_function_for_all_inputs),
            Law("the_model_stays", "The model's own parameters are as before.", the_model_stays, EXACT),
        ),
        twins=(
            Twin("same_draw", same_draw, "all of your samples are one draw."),
            Twin("by_variance", by_variance, "your precisions are taken for variances."),
            Twin("by_precision_squared", by_precision_squared, "your deviation is one over the precision; it is one over its root."),
            Twin("off_center", around_the_weights, "your draws do not have mean 0."),
            Twin("an_input_at_a_time", an_input_at_a_time, "each input goes through a draw of its own, so that there is no function."),
            Twin("leaves_the_last_draw", leaves_the_last_draw, "your model keeps the last draw."),
        ),
    ),
)  # fmt: skip
