"""A whole model: the plan, the trace of activations, the signal that it keeps, and what is refused or left."""

from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.testing import assert_close

from vademecum._core.errors import UnknownNameError
from vademecum.nn.activation import Maxout, Maxout2d, PaperRReLU, ScaledTanh, SigmoidGELU
from vademecum.nn.init import POLICIES, Plan, gain, initialize_


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _row(plan: Plan, path: str):
    return next(row for row in plan.rows if row.path == path)


class Functional(nn.Module):
    """One layer before each activation, none of which is a module."""

    ACTIVATIONS: ClassVar = {
        "relu": F.relu,
        "relu_in_place": lambda x: F.relu_(x),
        "clamp": lambda x: x.clamp(min=0),
        "leaky": lambda x: F.leaky_relu(x, 0.2),
        "gelu": F.gelu,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "silu": F.silu,
        "gated": lambda x: x * torch.sigmoid(x),
        "elu": F.elu,
        "selu": F.selu,
        "relu6": F.relu6,
        "softplus": F.softplus,
        "mish": F.mish,
        "normalized": lambda x: F.relu(F.layer_norm(x, (6,))),
        "residual": lambda x: F.relu(x + 1),
        "nothing": lambda x: x,
    }

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(6, 6) for name in self.ACTIVATIONS})

    def forward(self, x):
        for name, layer in self.layers.items():
            x = self.ACTIVATIONS[name](layer(x))
        return {"logits": x}


@pytest.mark.parametrize(
    ("name", "activation", "policy"),
    [
        ("relu", "relu", "he"),
        ("relu_in_place", "relu", "he"),
        ("clamp", "relu", "he"),
        ("leaky", "leaky_relu(0.2)", "he"),
        ("gelu", "gelu", "he"),
        ("gelu_tanh", "gelu", "he"),
        ("tanh", "tanh", "glorot"),
        ("sigmoid", "sigmoid", "glorot"),
        ("silu", "silu", "he"),
        ("gated", "silu", "he"),
        ("elu", "elu", "he"),
        ("selu", "selu", "lecun"),
        ("relu6", "relu6", "he"),
        ("softplus", "softplus", "he"),
        ("mish", "mish", "he"),
        ("normalized", "relu", "he"),
        ("residual", "relu", "he"),
        ("nothing", "linear", "glorot"),
    ],
)
def test_auto_sees_functional_activations(name: str, activation: str, policy: str) -> None:
    row = _row(initialize_(Functional(), example=torch.randn(2, 6, generator=_seeded())), f"layers.{name}")
    assert (row.activation, row.policy) == (activation, policy)


@pytest.mark.parametrize(
    ("act", "shown"),
    [
        (nn.ReLU(inplace=True), "relu"),
        (nn.LeakyReLU(0.3), "leaky_relu(0.3)"),
        (nn.PReLU(), "prelu"),
        (nn.RReLU(), "rrelu"),
        (PaperRReLU(), "paper_rrelu"),
        (SigmoidGELU(), "sigmoid_gelu"),
        (ScaledTanh(), "scaled_tanh"),
    ],
)
def test_auto_sees_modules(act: nn.Module, shown: str) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), act, nn.Linear(4, 2))
    plan = initialize_(model, example=torch.randn(3, 4, generator=_seeded()))
    assert _row(plan, "0").activation == shown
    if _row(plan, "0").policy == "he":
        assert_close(torch.tensor(_row(plan, "0").std), torch.tensor(gain(act) / 2))


@pytest.mark.parametrize("act", [nn.ReLU(), nn.LeakyReLU(0.2), nn.ELU(), nn.SELU(), nn.PReLU()])
def test_auto_keeps_the_mean_square_over_twenty_layers(act: nn.Module) -> None:
    model = nn.Sequential(*[part for _ in range(20) for part in (nn.Linear(512, 512), act)])
    x = torch.randn(64, 512, generator=_seeded())
    initialize_(model, example=x[:1], generator=_seeded(1))
    with torch.no_grad():
        assert_close(
            model(x).square().mean().log2(), torch.tensor(0.0), rtol=0, atol=1.6
        )  # a factor of three


@pytest.mark.parametrize("act", [nn.GELU(), nn.SiLU()])
def test_the_balance_of_smooth_rectifiers_is_unstable(act: nn.Module) -> None:
    """The card's warning: the gain is right for the first layers, and errors grow with the depth."""
    model = nn.Sequential(*[part for _ in range(20) for part in (nn.Linear(512, 512), act)])
    x = torch.randn(64, 512, generator=_seeded())
    initialize_(model, example=x[:1], generator=_seeded(1))
    with torch.no_grad():
        first, last = model[:2](x).square().mean(), model(x).square().mean()
        assert_close(first.log2(), torch.tensor(0.0), rtol=0, atol=0.3)
        assert last > 4 * first


@pytest.mark.parametrize(
    ("policy", "layer", "std"),
    [
        ("zero", nn.Linear(300, 400), 0.0),
        ("small", nn.Linear(300, 400), 0.01),
        ("lecun", nn.Linear(300, 400), 300**-0.5),
        ("glorot", nn.Linear(300, 400), (2 / 700) ** 0.5),
        ("xavier_init", nn.Linear(300, 400), (2 / 700) ** 0.5),
        ("he", nn.Linear(300, 400), (2 / 300) ** 0.5),
        ("Kaiming", nn.Linear(300, 400), (2 / 300) ** 0.5),
        ("orthogonal", nn.Linear(400, 300), 400**-0.5),
        ("he", nn.Conv2d(64, 512, 3, groups=4), (2 / (16 * 9)) ** 0.5),
        ("glorot", nn.Conv2d(64, 512, 3, groups=4), (2 / (16 * 9 + 128 * 9)) ** 0.5),
        ("he", nn.ConvTranspose2d(128, 256, 2), (2 / (128 * 4)) ** 0.5),
        ("he", Maxout(200, 300, 3), gain(Maxout(1, 1, 3)) / 200**0.5),
        ("he", Maxout2d(20, 300, 5), 500**-0.5),
    ],
)
def test_policies_without_an_example(policy: str, layer: nn.Module, std: float) -> None:
    row = initialize_(layer, policy, generator=_seeded()).rows[0]
    assert_close(torch.tensor(row.std), torch.tensor(std), rtol=1e-4, atol=0)
    assert_close(layer.weight.detach().square().mean().sqrt(), torch.tensor(std), rtol=0.02, atol=0)
    assert_close(layer.bias.detach(), torch.zeros_like(layer.bias))


def test_torch_has_the_fan_of_a_grouped_convolution_wrong() -> None:
    """The disagreement that the cards name: torch's fan_out ignores the groups."""
    layer = nn.Conv2d(64, 512, 3, groups=4)
    nn.init.xavier_normal_(layer.weight, generator=_seeded())
    torchs = layer.weight.detach().std()
    initialize_(layer, "glorot", generator=_seeded())
    assert_close(
        torchs / layer.weight.detach().std(),
        torch.tensor(((16 + 128) / (16 + 512)) ** 0.5),
        rtol=0.02,
        atol=0,
    )


def test_data_dependent_gives_unit_deviation_everywhere() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), Maxout(96, 10), nn.Dropout(), nn.Linear(10, 3)
    )
    x = 5 + 3 * torch.randn(100, 1, 6, 6, generator=_seeded())
    plan = initialize_(model, "data_dependent", example=x, generator=_seeded(1))
    assert [row.policy for row in plan.rows] == ["data_dependent"] * 3
    assert model.training
    signal = x
    with torch.no_grad():
        for part in model.eval():
            signal = part(signal)
            if isinstance(part, nn.Conv2d | Maxout | nn.Linear):
                assert_close(signal.std(unbiased=False), torch.tensor(1.0), rtol=0.01, atol=0)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_generator_is_the_only_source(policy: str) -> None:
    x = torch.randn(50, 5, generator=_seeded())
    states = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2))
        before = torch.get_rng_state()
        initialize_(model, policy, example=x, generator=_seeded(7))
        assert_close(torch.get_rng_state(), before)
        states.append(model.state_dict())
    assert_close(states[0], states[1], rtol=0, atol=0)


def test_what_is_left_is_said() -> None:
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9), nn.LayerNorm(9), nn.Linear(9, 2), nn.GRU(2, 2))
    model[1].weight = nn.Parameter(torch.ones(9, 4))
    model[0].weight = model[1].weight
    model[3].weight.requires_grad_(False)
    frozen = model[3].weight.clone()
    plan = initialize_(model, "lecun", generator=_seeded())
    assert [(row.path, row.policy) for row in plan.rows] == [
        ("0", "shared with 1"),
        ("1", "lecun"),
        ("2", "left"),
        ("3", "left: frozen"),
        ("4", "left"),
    ]
    assert_close(model[3].weight, frozen, rtol=0, atol=0)
    assert str(plan).splitlines()[0].split() == [
        "path",
        "layer",
        "activation",
        "policy",
        "distribution",
        "std",
    ]


def test_a_layer_that_is_not_called_is_said() -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x).relu()

    plan = initialize_(Idle(), example=torch.ones(1, 2))
    assert _row(plan, "idle").activation == "linear (not called)"


def test_a_frozen_model_is_traced_and_nothing_of_it_changes() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 3)).requires_grad_(
        False
    )
    model[3].weight.requires_grad_(True)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items() if not name.startswith("3")}
    initialize_(model, example=torch.randn(4, 3, generator=_seeded()))
    assert_close({name: model.state_dict()[name] for name in state}, state, rtol=0, atol=0)
    assert all(part._forward_hooks == {} for part in model.modules())


def test_weight_norm_is_set_through() -> None:
    layer = parametrizations.weight_norm(nn.Linear(300, 400))
    row = initialize_(layer, "he", generator=_seeded()).rows[0]
    want = nn.init.normal_(torch.empty(400, 300), 0.0, (2 / 300) ** 0.5, generator=_seeded())
    assert_close(layer.weight.detach(), want)
    assert row.layer == "Linear"
    assert_close(torch.tensor(row.std), want.std(), rtol=1e-3, atol=0)


def test_spectral_norm_keeps_its_norm_and_the_plan_says_the_deviation() -> None:
    layer = parametrizations.spectral_norm(nn.Linear(30, 40))
    row = initialize_(layer, "he", generator=_seeded()).rows[0]
    assert row.std < 0.5 * (2 / 30) ** 0.5
    model = nn.Sequential(layer)
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    with pytest.raises(ValueError, match=r"'0' .* has a parametrization that fixes it"):
        initialize_(model, "data_dependent", example=torch.randn(20, 30, generator=_seeded()))
    assert_close(dict(model.named_parameters()), before, rtol=0, atol=0)


def test_what_cannot_be_set_is_refused_by_name() -> None:
    class Doubled(nn.Module):
        def forward(self, weight):
            return 2 * weight

    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    nn.utils.parametrize.register_parametrization(model[1], "weight", Doubled())
    before = model[0].weight.clone()
    with pytest.raises(ValueError, match=r"'1' .* refuses"):
        initialize_(model, "small")
    assert_close(model[0].weight, before, rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"'0' .LazyLinear. is lazy"):
        initialize_(nn.Sequential(nn.LazyLinear(3)), "he")


def test_an_orthogonal_parametrization_stays_orthogonal_and_the_plan_says_so() -> None:
    layer = parametrizations.orthogonal(nn.Linear(3, 3))
    row = initialize_(layer, "small", generator=_seeded()).rows[0]
    assert_close((layer.weight @ layer.weight.T).detach(), torch.eye(3))
    assert_close(torch.tensor(row.std), torch.tensor(3**-0.5))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_older_hooks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"computed by a hook; use torch.nn.utils.parametrizations"):
        initialize_(nn.Sequential(nn.utils.weight_norm(nn.Linear(2, 2))), "he")


def test_wrong_calls() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(UnknownNameError, match=r"'hee' is none; did you mean 'he'"):
        initialize_(model, "hee")
    for policy in ("auto", "data_dependent"):
        with pytest.raises(ValueError, match=r"needs an example .* pass example=x"):
            initialize_(model, policy)

    class Detached(nn.Sequential):
        def forward(self, x):
            return super().forward(x).detach()

    with pytest.raises(ValueError, match=r"must depend on its weights by autograd.* Detached gives"):
        initialize_(Detached(nn.Linear(2, 2)), example=torch.ones(1, 2))


def test_a_model_of_two_inputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Bilinear(2, 3, 4)
            self.head = nn.Linear(4, 1)

        def forward(self, a, b):
            return self.head(self.layer(a, b)).sigmoid()

    plan = initialize_(Two(), example=(torch.ones(5, 2), torch.ones(5, 3)))
    assert [(row.path, row.activation, row.policy) for row in plan.rows] == [
        ("layer", "", "left"),
        ("head", "sigmoid", "glorot"),
    ]
