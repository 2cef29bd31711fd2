from copy import deepcopy

import pytest
import torch
from safetensors.torch import load, save
from torch.testing import assert_close

from vademecum.data import PCA
from vademecum.data.sources import digits

ROWS = digits().x.flatten(1)[:1297] / 16


def data(n=200, shape=(6,), seed=0):
    g = torch.Generator().manual_seed(seed)
    F = torch.Size(shape).numel()
    mix = torch.randn(F, F, generator=g, dtype=torch.float64)
    return (torch.randn(n, F, generator=g, dtype=torch.float64) @ mix + 3).view(n, *shape)


@pytest.mark.parametrize(("n", "keep"), [(200, None), (200, 3), (200, 0.9), (4, None), (4, 2), (4, 0.9)])
def test_agrees_with_scikit_learn(n, keep):
    from sklearn.decomposition import PCA as Peer

    x, new = data(n), data(seed=1)
    peer = Peer(keep, svd_solver="full").fit(x.numpy())
    ours = PCA(6, keep, correction=1, dtype=torch.float64).fit(x)
    assert ours.out_features == peer.n_components_
    kept = slice(None) if n > 6 or keep is not None else slice(0, 3)  # the last of 4 centered has no variance
    components, want = ours.components[kept], torch.from_numpy(peer.components_.copy())[kept]
    assert_close(components, want, rtol=1e-8, atol=1e-8)
    variance = torch.from_numpy(peer.explained_variance_.copy())
    assert_close(ours.explained_variance, variance, rtol=1e-10, atol=1e-10)
    ratio = torch.from_numpy(peer.explained_variance_ratio_.copy())
    assert_close(ours.explained_variance_ratio, ratio, rtol=1e-10, atol=1e-10)
    z = torch.from_numpy(peer.transform(new.numpy()))
    assert_close(ours(new)[:, kept], z[:, kept], rtol=1e-8, atol=1e-8)
    back = torch.from_numpy(peer.inverse_transform(peer.transform(x.numpy())))
    assert_close(ours.inverse(ours(x)), back, rtol=1e-8, atol=1e-8)


def test_whitened_components_differ_from_scikit_learn_by_the_divisor():
    from sklearn.decomposition import PCA as Peer

    x = data()
    peer = torch.from_numpy(Peer(whiten=True).fit_transform(x.numpy()))
    ours = PCA(6, dtype=torch.float64).fit(x)
    z = ours(x) / ours.explained_variance.sqrt()
    assert_close(z * (199 / 200) ** 0.5, peer, rtol=1e-8, atol=1e-8)


def test_digits():
    ours = PCA(64, 0.95).fit(ROWS)
    assert ours.out_features < 32
    assert float(ours.explained_variance_ratio.sum()) >= 0.95
    assert float(ours.explained_variance_ratio[:-1].sum()) < 0.95


def test_large_data_are_read_in_blocks(monkeypatch):
    x = data() + 1e5
    whole = PCA(6, dtype=torch.float64).fit(x)
    monkeypatch.setattr("vademecum.data._statistics.BLOCK", 50)
    blocked = PCA(6, dtype=torch.float64).fit(x)
    assert_close(blocked.explained_variance, whole.explained_variance, rtol=1e-8, atol=0)
    assert_close(blocked.components, whole.components, rtol=0, atol=1e-8)


def test_few_examples_of_many_features_give_what_the_covariance_gives():
    x = data(20, (50,))
    few = PCA(50, 10, dtype=torch.float64).fit(x)
    C = (x - x.mean(0)).T @ (x - x.mean(0)) / 20
    assert_close(C @ few.components.T, few.components.T * few.explained_variance, rtol=1e-8, atol=1e-8)
    assert_close(few.total_variance, C.trace())


def test_randomized_is_nearly_full():
    g = torch.Generator().manual_seed(1)
    x = ROWS.double()
    state = torch.get_rng_state()
    full = PCA(64, 5, dtype=torch.float64).fit(x)
    ours, again = (
        PCA(64, 5, solver="randomized", dtype=torch.float64).fit(x, generator=s)
        for s in (g, torch.Generator().manual_seed(1))
    )
    assert_close(ours.explained_variance, full.explained_variance, rtol=1e-4, atol=0)
    assert_close(ours.total_variance, full.total_variance)
    assert_close((ours.components * full.components).sum(1), torch.ones(5).double(), rtol=0, atol=1e-3)
    assert_close(again.components, ours.components, rtol=0, atol=0)
    assert_close(torch.get_rng_state(), state)


@pytest.mark.parametrize("keep", [None, 3, 0.9])
def test_a_new_module_takes_the_state_of_a_fitted_one(keep):
    x = data(shape=(1, 2, 3)).float()
    first = torch.nn.Sequential(PCA(6, keep).fit(x), torch.nn.LazyLinear(2))
    want = first(x)
    second = torch.nn.Sequential(PCA(6, keep), torch.nn.Linear(first[0].out_features, 2))
    second.load_state_dict(load(save(first.state_dict())))
    assert second[0].fitted
    assert second[0].out_features == first[0].out_features
    assert_close(second(x), want, rtol=0, atol=0)
    second[0].load_state_dict(PCA(6, keep).state_dict())  # and one that is not fitted
    assert not second[0].fitted


def test_assigned_state():
    first = PCA(6, 0.9, dtype=torch.float64).fit(data())
    with torch.device("meta"):
        second = PCA(6, 0.9, dtype=torch.float64)
    second.load_state_dict(first.state_dict(), assign=True)
    assert_close(second(data()), first(data()), rtol=0, atol=0)


def test_a_state_that_does_not_fit_is_refused_by_torch():
    state = PCA(6, 0.9).fit(data()).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch for mean"):
        PCA(5, 0.9).load_state_dict(state)
    with pytest.raises(RuntimeError, match="size mismatch for components"):
        PCA(6, 5).load_state_dict(PCA(6, 2).fit(data()).state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        PCA(6, 0.9).load_state_dict({})


def test_copied():
    first = PCA(6, 0.9).fit(data())
    copy = deepcopy(first)
    copy.load_state_dict(PCA(6, 0.9).state_dict())
    assert first.fitted
    assert not copy.fitted


def test_whole_numbers_and_types():
    x = torch.randint(256, (30, 3, 2), generator=torch.Generator().manual_seed(0)).byte()
    ours = PCA(6, 2).fit(x)
    assert_close(ours(x), PCA(6, 2).fit(x.float())(x.float()), rtol=0, atol=0)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        assert ours(x.to(dtype)).dtype == ours.inverse(ours(x.to(dtype))).dtype == dtype


def test_autocast_does_not_round():
    x = data().float()
    ours = PCA(6).fit(x)
    want = ours(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(ours(x), want, rtol=0, atol=0)


def test_gradients_pass_and_a_batch_maps_like_its_examples():
    x = data(5)
    ours = PCA(6, 3, dtype=torch.float64).fit(data())
    assert torch.autograd.gradcheck(ours, (x.requires_grad_(),))
    assert_close(torch.func.vmap(lambda row: ours(row[None])[0])(x), ours(x))


def test_input_is_untouched_and_need_not_be_contiguous():
    x = data(shape=(2, 3)).transpose(1, 2).contiguous().transpose(1, 2)
    before, version = x.clone(), x._version
    PCA(6, solver="randomized", num_components=2).fit(x)(x)
    PCA(6).fit(x)(x)
    assert_close(x, before, rtol=0, atol=0)
    assert x._version == version


def test_empty_batch_and_constant_data():
    ours = PCA(6, 2).fit(data())
    assert_close(ours(torch.zeros(0, 6)), torch.zeros(0, 2))
    still = PCA(2, 0.5).fit(torch.full((4, 2), 0.5))
    assert_close(still.explained_variance_ratio, torch.zeros(1))
    assert_close(still(torch.full((4, 2), 0.5)), torch.zeros(4, 1))


def test_refusals():
    x = data()
    fitted = PCA(6, 2).fit(x)
    for keep in (0, 7, 1.0, -0.5, float("nan")):
        with pytest.raises(ValueError, match=r"whole number of 1 .. 6, a fraction between 0 and 1"):
            PCA(6, keep)
    with pytest.raises(ValueError, match='solver must be "full" or "randomized"'):
        PCA(6, 2, solver="arpack")
    with pytest.raises(ValueError, match="how many components to look for"):
        PCA(6, 0.9, solver="randomized")
    with pytest.raises(ValueError, match="fitted before it is used"):
        PCA(6)(x)
    with pytest.raises(ValueError, match="fitted before it is used"):
        _ = PCA(6).out_features
    with pytest.raises(ValueError, match="fitted once"):
        fitted.fit(x)
    with pytest.raises(ValueError, match=r"must have 6 features: x is \(4, 5\)"):
        PCA(6).fit(torch.zeros(4, 5))
    with pytest.raises(ValueError, match="must have 6 features"):
        fitted(torch.zeros(6))
    with pytest.raises(ValueError, match="must have 2 features"):
        fitted.inverse(torch.zeros(4, 6))
    with pytest.raises(TypeError, match="x must be a tensor: ndarray came"):
        fitted(x.numpy())
    with pytest.raises(ValueError, match="5 components need as many examples"):
        PCA(6, 5).fit(x[:3])
    with pytest.raises(ValueError, match="at least one example"):
        PCA(6, 5).fit(x[:0])
    with pytest.raises(ValueError, match="feature 2 holds NaN"):
        PCA(6).fit(x.index_fill(1, torch.tensor([2]), torch.nan))
    for n in (10, 6):
        with pytest.raises(ValueError, match="more than 10 values"):
            PCA(6, correction=10).fit(x[:n])
    with pytest.raises(
        ValueError, match=r"covariance and its eigenvectors, 6 x 6 each, must fit.*576 bytes.*take solver="
    ):
        PCA(6, max_bytes=500).fit(x)
    with pytest.raises(
        ValueError, match=r"centered data and singular vectors, 3 x 6 each.*288 bytes.*take solver="
    ):
        PCA(6, max_bytes=200).fit(x[:3])
    with pytest.raises(ValueError, match=r"centered data, 200 x 6, must fit.*9600 bytes.*fewer examples"):
        PCA(6, 2, solver="randomized", max_bytes=500).fit(x)


def test_a_refused_fit_changes_nothing():
    ours = PCA(6, 0.9)
    with pytest.raises(ValueError, match="NaN"):
        ours.fit(torch.full((3, 6), torch.nan))
    assert ours.fit(data()).fitted
