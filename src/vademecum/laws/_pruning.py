"""Laws of pruning by magnitude, and of the ramps of targeted dropout."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from vademecum.nn.dropout.targeted_dropout import prune_, targeted_ramp

from ._smallest_weights import Largest, Signed, Variant, WholeTensor, marks
from ._suite import EXACT, Build, Draw, Interface, Law, Pair, Suite, Twin


def net(draw: Draw) -> nn.Sequential:
    model = nn.Sequential(
        nn.Conv2d(2, 5, 2), nn.BatchNorm2d(5), nn.ConvTranspose2d(5, 3, 2), nn.Flatten(), nn.Linear(12, 7)
    ).to(draw.dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(draw.normal(*parameter.shape, name=name))
    return model


def smallest_are_zero(build: Build, draw: Draw) -> Iterator[Pair]:
    a, model = draw.arguments, net(draw)
    before = deepcopy(model)
    masks = build(draw)(model)
    for path in ("0", "2", "4"):
        old = before.get_submodule(path).weight
        gone = marks(old, a["fraction"], {**a, "dim": int(path == "2")})
        yield model.get_submodule(path).weight, torch.where(gone, 0.0, old)
        yield masks[path].double(), (~gone).double()


def all_else_is_kept(build: Build, draw: Draw) -> Iterator[Pair]:
    model = net(draw)
    before = deepcopy(model.state_dict())
    build(draw)(model)
    for name, tensor in model.state_dict().items():
        if name not in {"0.weight", "2.weight", "4.weight"}:
            yield tensor, before[name]


def pruning(
    kind_of: type[Variant] = Variant,
    *,
    biases: bool = False,
    outputs: Callable[[nn.Module], int] | None = None,
) -> Callable[..., dict[str, Tensor]]:
    """Prune, with something wrong."""

    @torch.no_grad()
    def prune(model: nn.Module, fraction: float, kind: str, per: str) -> dict[str, Tensor]:
        masks = {}
        for path, part in model.named_modules():
            if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                dim = outputs(part) if outputs else int(isinstance(part, nn.ConvTranspose2d))
                gone = kind_of(fraction, 1.0, kind, per, dim).at_risk(part.weight)
                part.weight.masked_fill_(gone, 0.0)
                masks[path] = ~gone
                if biases:
                    part.bias.zero_()
        return masks

    return prune


class RoundsUp(Variant):
    def count(self, d: int) -> int:
        return -int(-self.gamma * d // 1)


# ------------------------------------------------------------------------------------------ the ramp


def ramp(build: Build, draw: Draw) -> Iterator[Pair]:
    a = draw.arguments
    half = a["steps"] / 2
    if a["step"] <= half:
        gamma = 0.95 * a["gamma"] * a["step"] / half
    elif a["step"] <= 2 * half:
        gamma = 0.95 * a["gamma"] + 0.05 * a["gamma"] * (a["step"] - half) / half
    else:
        gamma = a["gamma"]
    alpha = a["alpha"] * a["step"] / a["steps"] if a["step"] <= a["steps"] else a["alpha"]
    yield torch.tensor(build(draw)(), dtype=torch.float64), torch.tensor([gamma, alpha], dtype=torch.float64)


def straight(step: int, gamma: float, alpha: float, steps: int) -> tuple[float, float]:
    share = min(1.0, step / steps)
    return gamma * share, alpha * share


def endless(step: int, gamma: float, alpha: float, steps: int) -> tuple[float, float]:
    return targeted_ramp(step, gamma=gamma, alpha=alpha, steps=steps)[0], alpha * step / steps


PRUNING = Suite(
    technique="targeted_dropout",
    part="prune_",
    subjects={"prune_": prune_},
    interface=Interface(kind="function", inputs=("model",), arguments=("fraction", "kind", "per")),
    cases=(
        {"fraction": 0.5, "kind": "weight", "per": "output"},
        {"fraction": 0.7, "kind": "weight", "per": "tensor"},
        {"fraction": 0.45, "kind": "unit", "per": "output"},
    ),
    shapes=lambda a: ((1,),),
    laws=(
        Law("smallest_are_zero", r"The $$ \lfloor \gamma d \rfloor $$ smallest are 0, the others as they were; the masks say which.", smallest_are_zero, EXACT),
        Law("all_else_is_kept", "Biases and norms are as they were.", all_else_is_kept, EXACT),
    ),
    twins=(
        Twin("largest", pruning(Largest), "you prune the largest."),
        Twin("signed", pruning(Signed), "you compare values; compare magnitudes."),
        Twin("biases", pruning(biases=True), "you prune biases."),
        Twin("first_dimension", pruning(outputs=lambda part: 0), "the outputs of a transposed convolution are the second dimension of its weight."),
        Twin("whole_tensor", pruning(WholeTensor), "you rank in the whole tensor where each output is to be ranked by itself, or the reverse."),
        Twin("rounds_up", pruning(RoundsUp), "you round the number up."),
    ),
)  # fmt: skip

RAMP = Suite(
    technique="targeted_dropout",
    part="targeted_ramp",
    subjects={"targeted_ramp": targeted_ramp},
    interface=Interface(kind="function", inputs=(), arguments=("step", "gamma", "alpha", "steps")),
    cases=tuple(
        {"step": step, "gamma": 0.8, "alpha": 0.6, "steps": 100} for step in (0, 25, 50, 80, 100, 1000)
    ),
    shapes=lambda a: ((1,),),
    laws=(
        Law("ramp", "Gamma rises to 95 % in the first half and to all in the second; alpha rises throughout.", ramp),
    ),
    twins=(
        Twin("straight", straight, "your gamma rises in one line; it has 95 % of its height at half time."),
        Twin("endless", endless, "your alpha goes on to rise after the last step."),
    ),
)  # fmt: skip
