import pytest
import torch
from torch.testing import assert_close

from vademecum.data import Split, Standardize, duplicates, split, statistics_origin


def planted(dtype):
    x = torch.arange(60).view(20, 3).to(dtype)
    x[12] = x[3]
    x[17] = x[3]
    x[18] = x[13]
    return x, Split(train=torch.arange(10), val=torch.arange(10, 15), test=torch.arange(15, 20))


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.int64, torch.float64])
def test_planted_copies_are_found(dtype):
    found = duplicates(*planted(dtype))
    assert_close(found.val_in_train, torch.tensor([12]))
    assert_close(found.test_in_train, torch.tensor([17]))
    assert_close(found.test_in_val, torch.tensor([17, 18]))
    assert found


def test_nothing_is_found_where_nothing_is():
    x = torch.randn(20, 2, 3, generator=torch.Generator().manual_seed(0))
    found = duplicates(x, split(torch.zeros(20)))
    assert not found
    x[:] = 0.5
    assert len(duplicates(x, split(torch.zeros(20))).test_in_train) == 4


def test_zeros_and_gaps_are_equal():
    parts = Split(train=torch.tensor([0, 1]), val=torch.tensor([2]), test=torch.tensor([3]))
    x = torch.tensor([[0.0, 1.0], [torch.nan, 2.0], [-0.0, 1.0], [-torch.nan, 2.0]])
    found = duplicates(x, parts)
    assert_close(found.val_in_train, torch.tensor([2]))
    assert_close(found.test_in_train, torch.tensor([3]))


def test_one_dimension():
    parts = Split(train=torch.tensor([0]), val=torch.tensor([1]), test=torch.tensor([2]))
    assert_close(duplicates(torch.tensor([1.0, 2.0, 1.0]), parts).test_in_train, torch.tensor([2]))


@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_a_scaler_fitted_on_everything_is_told_from_one_fitted_on_train(shift):
    x = torch.randn(300, 4, generator=torch.Generator().manual_seed(0)) + shift
    train = x[split(torch.zeros(300)).train]
    assert statistics_origin(Standardize(4).fit(x).mean, train, x) == "everything"
    assert statistics_origin(Standardize(4).fit(train).mean, train, x) == "train"
    assert statistics_origin(Standardize(4).fit(x[:10]).mean, train, x) == "neither"


def test_equal_means_cannot_be_told_apart():
    x = torch.tensor([[0.0], [2.0], [0.0], [2.0]])
    assert statistics_origin(torch.tensor([1.0]), x[:2], x) == "undecidable"


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="one value a feature"):
        statistics_origin(torch.zeros(3), torch.zeros(2, 4), torch.zeros(5, 4))
