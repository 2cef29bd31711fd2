"""Who decays in models that people train, and what is refused."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.testing import assert_close

from vademecum.regularize import decay_groups, decay_roles, decayed_parameters


def shapes(group: dict[str, object]) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in group["params"]]


def test_a_transformer_layer() -> None:
    roles = decay_roles(nn.TransformerEncoderLayer(8, 2, 16))
    decayed = {name for name, role in roles.items() if role == "weight"}
    assert decayed == {
        "self_attn.in_proj_weight",
        "self_attn.out_proj.weight",
        "linear1.weight",
        "linear2.weight",
    }
    assert {roles[name] for name in ("norm1.weight", "norm2.bias")} == {"normalization"}
    assert roles["self_attn.in_proj_bias"] == "bias"


def test_norms_of_this_package_and_of_ones_own() -> None:
    from vademecum.nn import ConditionalBatchNorm2d

    class RowNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3, 4))

    roles = decay_roles(nn.ModuleList([ConditionalBatchNorm2d(4, num_conditions=3), RowNorm()]))
    assert roles["0.weight"] == roles["1.scale"] == "normalization"


def test_a_class_token_is_a_vector_and_a_table_of_positions_a_weight_unless_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
            self.positions = nn.Parameter(torch.zeros(1, 5, 8))
            self.head = nn.Linear(8, 1)

    assert decay_roles(Net()) == {
        "token": "vector",
        "positions": "weight",
        "head.weight": "weight",
        "head.bias": "bias",
    }
    assert decay_roles(Net(), skip=["pos*"])["positions"] == "skipped"
    assert decay_roles(Net(), skip="positions")["positions"] == "skipped"


def test_parametrizations() -> None:
    model = nn.Sequential(
        parametrizations.weight_norm(nn.Linear(3, 4)),
        parametrizations.spectral_norm(nn.Linear(4, 4)),
        parametrizations.weight_norm(nn.Embedding(3, 4), name="weight"),
    )
    roles = decay_roles(model)
    assert roles["0.parametrizations.weight.original0"] == "length of a weight"
    assert roles["0.parametrizations.weight.original1"] == "direction of a weight"
    assert roles["1.parametrizations.weight.original"] == "weight"
    assert {role for name, role in roles.items() if name.startswith("2")} == {"embedding"}
    assert list(decayed_parameters(model)) == [
        "0.parametrizations.weight.original0",
        "1.parametrizations.weight.original",
    ]


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
def test_the_older_weight_norm() -> None:
    roles = decay_roles(torch.nn.utils.weight_norm(nn.Linear(3, 4)))
    assert roles == {"bias": "bias", "weight_g": "length of a weight", "weight_v": "direction of a weight"}


def test_tied_names_are_said() -> None:
    model = nn.ModuleDict({"words": nn.Embedding(5, 4), "last": nn.Linear(4, 5)})
    model["last"].weight = model["words"].weight
    assert decay_roles(model)["last.weight"] == "same as words.weight"
    model = nn.Sequential(layer := nn.Linear(2, 2), layer)
    assert decay_roles(model)["1.weight"] == "same as 0.weight"
    assert [len(group["params"]) for group in decay_groups(model, 0.1)] == [1, 1]


def test_optimizers_take_the_groups() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    for kind in (torch.optim.SGD, torch.optim.AdamW):
        optimizer = kind(decay_groups(model, 0.1), lr=0.01)
        model(torch.randn(4, 2, generator=torch.Generator().manual_seed(0))).sum().backward()
        before = model[0].weight.detach().clone()
        optimizer.step()
        assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
        assert not torch.equal(model[0].weight, before)
        other = kind(decay_groups(model, 0.1), lr=0.01)
        other.load_state_dict(optimizer.state_dict())
        assert_close(other.state_dict()["state"], optimizer.state_dict()["state"], rtol=0, atol=0)
    only_vectors = torch.optim.AdamW(decay_groups(nn.BatchNorm1d(3), 0.1))
    only_vectors.step()


def test_the_model_is_left_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = deepcopy(model.state_dict())
    decay_groups(model, 0.1)
    assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)


def test_refusals() -> None:
    model = nn.Linear(2, 3)
    with pytest.raises(ValueError, match=r"at least 0: it is -1"):
        decay_groups(model, -1)
    with pytest.raises(ValueError, match=r"\['bais'\] match none of \['weight', 'bias'\]"):
        decay_groups(model, 0.1, skip=["bais"])
    with pytest.raises(ValueError, match=r"lazy layer has none yet; run a batch"):
        decay_groups(nn.LazyLinear(3), 0.1)
    with pytest.raises(ValueError, match=r"set requires_grad"):
        decay_groups(model.requires_grad_(False), 0.1)
    with pytest.raises(ValueError, match=r"must hold a trainable weight: BatchNorm1d has 2 parameters"):
        decayed_parameters(nn.BatchNorm1d(2))
