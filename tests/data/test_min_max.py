import pytest
import torch
from torch.testing import assert_close

from vademecum.data import MinMax


def data(n=200, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 4, generator=g, dtype=torch.float64) * torch.tensor([1e-3, 1.0, 50.0, 1e4]) + 3


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 1.0), (-3.0, 5.0)])
@pytest.mark.parametrize("clip", [False, True])
def test_agrees_with_scikit_learn(ends, clip):
    from sklearn.preprocessing import MinMaxScaler

    x, new = data(), 2 * data(seed=1)
    x[:, 1] = 0.1
    peer = MinMaxScaler(feature_range=ends, clip=clip).fit(x.numpy())
    ours = MinMax(4, feature_range=ends, clip=clip, dtype=torch.float64).fit(x)
    assert_close(ours(new), torch.from_numpy(peer.transform(new.numpy())), rtol=1e-10, atol=1e-10)


def test_extremes_land_on_the_ends_exactly():
    x = data()
    z = MinMax(4, dtype=torch.float64).fit(x)(x)
    assert_close(z.amin(0), torch.full((4,), -1.0, dtype=torch.float64), rtol=0, atol=0)
    assert_close(z.amax(0), torch.full((4,), 1.0, dtype=torch.float64), rtol=0, atol=0)


def test_by_the_definition_in_loops():
    x = data(n=7)
    ours = MinMax(4, feature_range=(2.0, 3.0), dtype=torch.float64).fit(x)
    want = torch.empty_like(x)
    for j in range(4):
        column = x[:, j].tolist()
        for i, value in enumerate(column):
            want[i, j] = 2 + (value - min(column)) / (max(column) - min(column))
    assert_close(ours(x), want, rtol=1e-12, atol=1e-12)


def test_constant_feature_maps_to_the_lower_end():
    x = torch.tensor([[5.0], [5.0]])
    assert_close(MinMax(1).fit(x)(x), torch.full((2, 1), -1.0), rtol=0, atol=0)


def test_streaming_is_batch_also_after_loading():
    x = data()
    first = MinMax(4, dtype=torch.float64).partial_fit(x[:50])
    second = MinMax(4, dtype=torch.float64)
    second.load_state_dict(first.state_dict())
    second.partial_fit(x[50:])
    whole = MinMax(4, dtype=torch.float64).fit(x)
    assert_close(second.low, whole.low, rtol=0, atol=0)
    assert_close(second.high, whole.high, rtol=0, atol=0)
    assert int(second.count) == 200


def test_quantiles_withstand_an_outlier():
    x = torch.linspace(0, 100, 101, dtype=torch.float64)[:, None]
    ours = MinMax(1, quantile=0.1, dtype=torch.float64).fit(x)
    assert_close(
        ours(torch.tensor([[10.0], [50.0], [90.0]], dtype=torch.float64)).flatten(),
        torch.tensor([-1.0, 0.0, 1.0]).double(),
    )
    x[-1] = 1e6
    assert_close(MinMax(1, quantile=0.1, dtype=torch.float64).fit(x).high, torch.tensor([90.0]).double())


def test_channels_of_uint8_images():
    x = torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2)
    ours = MinMax(3, feature_range=(0.0, 1.0)).fit(x)
    assert_close(ours.low, torch.tensor([0.0, 4.0, 8.0]))
    assert_close(ours(x).amax((0, 2, 3)), torch.ones(3))


def test_inverse():
    x = data()
    ours = MinMax(4, dtype=torch.float64).fit(x)
    assert_close(ours.inverse(ours(x)), x, rtol=1e-12, atol=1e-10)


def test_refusals():
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    with pytest.raises(ValueError, match="smaller to a larger"):
        MinMax(2, feature_range=(1.0, 1.0))
    with pytest.raises(ValueError, match=r"in \[0, 0.5\)"):
        MinMax(2, quantile=0.5)
    with pytest.raises(ValueError, match="fitted before"):
        MinMax(2)(x)
    with pytest.raises(ValueError, match="fitted once"):
        MinMax(2).fit(x).fit(x)
    with pytest.raises(ValueError, match="all data at once"):
        MinMax(2, quantile=0.1).partial_fit(x)
    with pytest.raises(ValueError, match="feature 0 holds NaN"):
        MinMax(2).fit(torch.tensor([[torch.nan, 1.0]]))
    with pytest.raises(ValueError, match="at least one example"):
        MinMax(2).fit(torch.zeros(0, 2))
    with pytest.raises(ValueError, match="2 features"):
        MinMax(2).fit(torch.zeros(2, 5))
