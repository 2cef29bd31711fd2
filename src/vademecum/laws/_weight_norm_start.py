"""Laws of weight normalization's start from data, from Eq. 5 and 6 in section 3 of the paper."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from vademecum.nn.norm.weight_norm import init_weight_norm_

from ._subject import NotCheckableError
from ._suite import Build, Draw, Interface, Law, Pair, Suite, Twin

ROUNDED = {torch.float64: 1e-10, torch.float32: 1e-4}


def lengths_and_directions(layer: Any) -> tuple[Tensor, Tensor]:
    """Find g and v, where torch keeps them: in the parametrization, or beside the weight in the older form."""
    if hasattr(layer, "parametrizations"):
        return layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    if hasattr(layer, "weight_g"):
        return layer.weight_g, layer.weight_v
    raise NotCheckableError("it shows neither parametrizations.weight nor weight_g and weight_v")


def normalized(layer: Any, draw: Draw, *, dim: int = 0) -> Any:
    """A layer under torch's weight normalization, with drawn weight, g and bias."""
    layer = weight_norm(layer.to(draw.dtype), dim=dim)
    with torch.no_grad():
        for name, tensor in layer.named_parameters():
            tensor.copy_(draw.uniform(*tensor.shape, low=0.5, high=2.0, name=name.replace(".", "_")))
    return layer


def moments(rows: list[list[float]]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each unit; a row is one example, or one place of one."""
    units = list(zip(*rows, strict=True))
    mean = [sum(unit) / len(unit) for unit in units]
    deviation = [(sum((t - m) ** 2 for t in unit) / len(unit)) ** 0.5 for unit, m in zip(units, mean)]
    return torch.tensor(mean, dtype=torch.float64), torch.tensor(deviation, dtype=torch.float64)


def eq_5_and_6(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = normalized(nn.Linear(draw.shape[1], 2), draw)
    x = draw.normal(mean=1.0)
    build(draw)(layer, x)
    g, v = lengths_and_directions(layer)
    rows = [
        [sum(a * b for a, b in zip(unit, one)) / sum(b**2 for b in unit) ** 0.5 for unit in v.tolist()]
        for one in x.tolist()
    ]
    mean, deviation = moments(rows)
    yield g.flatten(), 1 / deviation
    yield layer.bias, -mean / deviation


def every_layer(build: Build, draw: Draw) -> Iterator[Pair]:
    model = nn.Sequential(
        normalized(nn.Linear(draw.shape[1], 3), draw), nn.Tanh(), normalized(nn.Linear(3, 2), draw), nn.Tanh(),
        normalized(nn.Linear(2, 2), draw),
    )  # fmt: skip
    x = draw.normal(mean=1.0)
    build(draw)(model, x)
    for part in model:
        x = part(x)
        if isinstance(part, nn.Linear):
            mean, deviation = moments(x.tolist())
            yield mean, torch.zeros_like(mean)
            yield deviation, torch.ones_like(deviation)


def over_space_too(build: Build, draw: Draw) -> Iterator[Pair]:
    for conv, dim in (
        (nn.Conv1d(draw.shape[1], 2, 2), 0),
        (nn.ConvTranspose1d(draw.shape[1], 3, 2, stride=2), 1),
    ):
        conv = normalized(conv, draw, dim=dim)
        x = draw.normal(*draw.shape, 4, mean=1.0)
        build(draw)(conv, x)
        mean, deviation = moments([place.tolist() for image in conv(x) for place in image.T])
        yield mean, torch.zeros_like(mean)
        yield deviation, torch.ones_like(deviation)


def without_dropout(build: Build, draw: Draw) -> Iterator[Pair]:
    model = nn.Sequential(nn.Dropout(0.5), normalized(nn.Linear(draw.shape[1], 2), draw)).train()
    x = draw.normal(mean=1.0)
    build(draw)(model, x)
    yield torch.tensor([float(part.training) for part in model]), torch.ones(2)
    mean, deviation = moments(model.eval()(x).tolist())
    yield mean, torch.zeros_like(mean)
    yield deviation, torch.ones_like(deviation)


def draws_v(build: Build, draw: Draw) -> Iterator[Pair]:
    layer = normalized(nn.Linear(64, 64), draw)
    build(draw)(layer, draw.normal(16, 64))
    v = lengths_and_directions(layer)[1].double()
    yield v.std() / 0.05, torch.ones((), dtype=torch.float64)  # standard error 1 / sqrt(2 * 64 * 64) = 0.011
    yield v.mean() / 0.05, torch.zeros((), dtype=torch.float64)


def starts(
    change: Callable[[Any, Tensor, Tensor], tuple[Tensor, Tensor]],
    *,
    std: float | None = 0.05,
    train: bool = False,
    chained: bool = True,
):
    """The start from data with another rule for g and b from mean and standard deviation, for twins."""

    def twin(model: Any, batch: Tensor) -> None:
        modes = {part: part.training for part in model.modules()}
        model.train(train)
        old = {}
        with torch.no_grad():
            for layer in [part for part in model.modules() if hasattr(part, "parametrizations")]:
                g, v = lengths_and_directions(layer)
                if std is not None:
                    v.normal_(0.0, std)
                g.fill_(1.0)
                layer.bias.zero_()

                def start(layer: Any, _: object, t: Tensor) -> Tensor | None:
                    g, _ = lengths_and_directions(layer)
                    old[layer] = change(layer, t, g)
                    if not chained:
                        return None
                    g.copy_(old[layer][0].reshape(g.shape))
                    layer.bias.copy_(old[layer][1])
                    units = (1, -1, *[1] * (t.dim() - 2))
                    return t * old[layer][0].reshape(units) + old[layer][1].reshape(units)

                layer.register_forward_hook(start)
            model(batch)
            for layer, (scale, shift) in old.items():
                layer._forward_hooks.clear()
                g, _ = lengths_and_directions(layer)
                g.copy_(scale.reshape(g.shape))
                layer.bias.copy_(shift)
        for part, mode in modes.items():
            part.training = mode

    return twin


def right(layer: Any, t: Tensor, g: Tensor, correction: int = 0) -> tuple[Tensor, Tensor]:
    rows = t.movedim(1, 0).flatten(1)
    scale = 1 / rows.std(1, correction=correction)
    return scale, -rows.mean(1) * scale


def without_centering(layer: Any, t: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    return right(layer, t, g)[0], torch.zeros_like(layer.bias)


def multiplies(layer: Any, t: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    scale, shift = right(layer, t, g)
    return 1 / scale, shift


def centers_before_scaling(layer: Any, t: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    scale, shift = right(layer, t, g)
    return scale, shift / scale


def unbiased(layer: Any, t: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    return right(layer, t, g, correction=1)


def root_mean_square(layer: Any, t: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    rows = t.movedim(1, 0).flatten(1)
    scale = rows.square().mean(1).rsqrt()
    return scale, -rows.mean(1) * scale


def first_place(layer: Any, t: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    return right(layer, t.flatten(2)[..., :1] if t.dim() > 2 else t, g)


START = Suite(
    technique="weight_norm",
    part="init_weight_norm_",
    subjects={"init_weight_norm_": init_weight_norm_},
    interface=Interface(kind="function", inputs=("model", "batch")),
    cases=({},),
    shapes=lambda a: ((3, 2), (6, 4)),
    laws=(
        Law("eq_5_and_6", r"$$ t = \frac{v \cdot x}{\|v\|}, \quad g \leftarrow \frac{1}{\sigma[t]}, \quad b \leftarrow -\frac{\mu[t]}{\sigma[t]} $$", eq_5_and_6, ROUNDED),
        Law("every_layer", "Every unit of every layer has mean 0 and standard deviation 1 on the batch.", every_layer, ROUNDED),
        Law("over_space_too", "In convolutions the moments run over space as well, transposed or not.", over_space_too, ROUNDED),
        Law("without_dropout", "Dropout is off while the moments are taken, and on again afterwards.", without_dropout, ROUNDED),
        Law("draws_v", r"$$ v \sim \mathcal N(0, 0.05^2) $$", draws_v, {torch.float64: 0.05}),
    ),
    twins=(
        Twin("without_centering", starts(without_centering), "you leave the bias at 0: the units are not centered."),
        Twin("multiplies", starts(multiplies), "your g is the standard deviation; it is one over it."),
        Twin("centers_before_scaling", starts(centers_before_scaling), "your bias is the mean itself; it is added after the division, and so is divided too."),
        Twin("unbiased", starts(unbiased), "your standard deviation divides by n - 1; the units then do not have variance 1 on the batch."),
        Twin("root_mean_square", starts(root_mean_square), "you divide by the root mean square; the mean belongs out of it."),
        Twin("first_place", starts(first_place), "your moments leave space out."),
        Twin("with_dropout", starts(right, train=True), "your pass runs in training mode: dropout adds to the variance."),
        Twin("not_chained", starts(right, chained=False), "your deeper layers are set from what they saw before the layers in front of them were set."),
        Twin("keeps_v", starts(right, std=None), "you keep the v that was there; the paper draws it with a standard deviation of 0.05."),
    ),
)  # fmt: skip
