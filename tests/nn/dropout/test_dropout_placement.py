from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.nn import insert_dropout


def names(model: nn.Module) -> list[str]:
    return [type(part).__name__ for part in model.modules() if next(part.children(), None) is None]


class Functional(nn.Module):
    def __init__(self, curve) -> None:
        super().__init__()
        self.a, self.b, self.curve = nn.Linear(3, 300), nn.Linear(300, 2), curve

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.curve(self.a(x)))


def test_a_convolutional_net() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 256, 3), nn.BatchNorm2d(256), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(256, 8, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(8, 512), nn.GELU(), nn.Linear(512, 512), nn.LayerNorm(512), nn.Linear(512, 1000),
    )  # fmt: skip
    new, places = insert_dropout(model, 0.3)
    assert places == ("2", "8", "10")
    assert isinstance(new[2][1], nn.Dropout2d)
    assert isinstance(new[8][1], nn.Dropout)
    assert (new[2][1].p, new[8][1].p) == (0.3, 0.3)
    assert insert_dropout(new)[1] == ()
    x = torch.randn(2, 3, 8, 8)
    assert_close(new.eval()(x), model.eval()(x), rtol=0, atol=0)
    assert names(model)[2:4] == ["ReLU", "MaxPool2d"]


def test_modes_are_kept() -> None:
    model = nn.Sequential(nn.Linear(2, 300), nn.ReLU(), nn.Linear(300, 2)).train()
    model[1].eval()
    new, _ = insert_dropout(model)
    assert new.training
    assert not new[1][0].training
    assert not new[1][1].training  # where the part before it is in evaluation, so is the dropout


def test_a_function_that_rectifies_is_as_good_as_a_part() -> None:
    for curve in (torch.relu, nn.functional.relu, lambda y: y.relu()):
        model = Functional(curve)
        new, places = insert_dropout(model)
        assert places == ("a",)
        assert names(new) == ["Linear", "Dropout", "Linear"]
        assert sorted(new.state_dict()) == ["a.0.bias", "a.0.weight", "b.bias", "b.weight"]


def test_a_rectifier_that_is_used_twice() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(3, 300), relu, nn.Linear(300, 20), relu, nn.Linear(20, 2))
    new, places = insert_dropout(model)
    assert places == ("0",)
    assert names(new).count("Dropout") == 1


def test_other_functions_and_shared_curves_are_refused() -> None:
    with pytest.raises(ValueError, match=r"gelu after a \(Linear\) is a function; give the model a module"):
        insert_dropout(Functional(nn.functional.gelu))
    tanh = nn.Tanh()
    with pytest.raises(ValueError, match=r"Tanh.*is used in several places"):
        insert_dropout(nn.Sequential(nn.Linear(3, 300), tanh, nn.Linear(300, 300), tanh, nn.Linear(300, 2)))


def test_functional_dropout_counts() -> None:
    drops = Functional(lambda y: nn.functional.dropout(y.relu(), 0.1))
    assert insert_dropout(drops)[1] == ()


def test_nothing_large_nothing_done() -> None:
    model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
    new, places = insert_dropout(model)
    assert places == ()
    assert_close(new.state_dict(), deepcopy(model).state_dict())


def test_wrong_inputs() -> None:
    with pytest.raises(ValueError, match="p is the probability of dropping"):
        insert_dropout(nn.Linear(2, 2), 1.5)

    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match=r"traceable by torch.fx.*by hand"):
        insert_dropout(Asks())
