from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum import nn as ours
from vademecum.nn import MixedPool2d, StochasticPool2d


def maps(*shape, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def test_are_torchs_own():
    assert ours.MaxPool2d is nn.MaxPool2d
    assert ours.AvgPool2d is nn.AvgPool2d
    assert ours.LPPool2d is nn.LPPool2d


def test_the_maximum_is_that_of_the_unfolded_windows():
    x = maps(2, 3, 7, 6) - 0.5
    windows = nn.functional.unfold(x, 3, stride=2).reshape(2, 3, 9, 3, 2)
    assert_close(nn.MaxPool2d(3, 2)(x), windows.amax(2), rtol=0, atol=0)


def test_a_p_norm_of_negative_values_may_be_no_number():
    """Torch's own, as its card says; to be noticed when torch mends it."""
    assert bool(nn.LPPool2d(3.0, 2)(-torch.ones(1, 1, 2, 2)).isnan().all())


def test_windows_of_two_sizes_and_padding():
    x = maps(1, 2, 5, 7)
    pool = StochasticPool2d((3, 2), stride=(2, 3), padding=(1, 0)).eval()
    assert pool(x).shape == nn.MaxPool2d((3, 2), (2, 3), (1, 0))(x).shape
    corner = torch.cat([torch.zeros(2), x[0, 0, :2, :2].flatten()])
    assert_close(pool(x)[0, 0, 0, 0], (corner * corner / corner.sum()).sum())


def test_padding_is_never_picked_beside_a_positive_value():
    pool = StochasticPool2d(3, stride=1, padding=1)
    assert bool((pool(torch.ones(64, 1, 3, 3)) == 1).all())


def test_one_image_without_a_batch():
    x = maps(2, 4, 4)
    assert_close(StochasticPool2d(2).eval()(x), StochasticPool2d(2).eval()(x[None])[0])


def test_the_stream_is_torchs_own():
    x, pool = maps(2, 3, 8, 8), StochasticPool2d(2)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = pool(x)
        torch.manual_seed(3)
        assert_close(pool(x), first, rtol=0, atol=0)
        assert not torch.equal(pool(x), first)


def test_a_proportion_a_channel():
    x = maps(2, 3, 4, 4)
    pool = MixedPool2d(2, num_channels=3)
    with torch.no_grad():
        pool.logit.copy_(torch.tensor([-100.0, 0.0, 100.0]).view(3, 1, 1))
    largest, mean = nn.MaxPool2d(2)(x), nn.AvgPool2d(2)(x)
    want = torch.stack([mean[:, 0], (largest[:, 1] + mean[:, 1]) / 2, largest[:, 2]], 1)
    assert_close(pool(x).detach(), want)
    assert_close(deepcopy(pool).share.detach().flatten(), torch.tensor([0.0, 0.5, 1.0]))


def test_representations():
    assert repr(StochasticPool2d(2)) == "StochasticPool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"
    assert repr(MixedPool2d(2)) == "MixedPool2d(kernel_size=2, stride=None, padding=0)"


def test_refuses():
    with pytest.raises(ValueError, match="must not be negative to be probabilities: the least is -1"):
        StochasticPool2d(2)(-torch.ones(1, 1, 2, 2))
    with pytest.raises(ValueError, match="window must fit into the padded input: it is 3 by 3"):
        StochasticPool2d(3)(torch.ones(1, 1, 2, 2))
    with pytest.raises(ValueError, match="kernel_size and stride must be at least 1"):
        StochasticPool2d(0)
    with pytest.raises(ValueError, match="padding at least 0"):
        StochasticPool2d(2, padding=-1)
    for start in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="start must lie between 0 and 1"):
            MixedPool2d(2, start=start)
