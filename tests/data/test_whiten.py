from copy import deepcopy

import pytest
import torch
from safetensors.torch import load, save
from torch.testing import assert_close

from vademecum.data import PCA, Whiten
from vademecum.data.sources import digits

KINDS = ("zca", "pca", "cholesky")
each_kind = pytest.mark.parametrize("kind", KINDS)
ROWS = (digits().x.flatten(1)[:1297] / 16).double()


def data(n=200, shape=(6,), seed=0):
    g = torch.Generator().manual_seed(seed)
    F = torch.Size(shape).numel()
    mix = torch.randn(F, F, generator=g, dtype=torch.float64)
    return (torch.randn(n, F, generator=g, dtype=torch.float64) @ mix + 3).view(n, *shape)


def covariance(z):
    rows = z.flatten(1)
    return (rows - rows.mean(0)).T @ (rows - rows.mean(0)) / len(rows)


def test_pca_whitening_agrees_with_scikit_learn():
    from sklearn.decomposition import PCA as Peer

    x, new = data(), data(seed=1)
    ours = Whiten(6, "pca", eps=0.0, correction=1, dtype=torch.float64).fit(x)
    peer = torch.from_numpy(Peer(whiten=True).fit(x.numpy()).transform(new.numpy()))
    assert_close(ours(new), peer, rtol=1e-8, atol=1e-8)
    by_n = Whiten(6, "pca", eps=0.0, dtype=torch.float64).fit(x)
    assert_close(by_n(new) * (199 / 200) ** 0.5, peer, rtol=1e-8, atol=1e-8)


def test_shrinkage_agrees_with_scikit_learn():
    from sklearn.covariance import ledoit_wolf

    x = data(20, (3, 5))  # fewer than twice as many examples as features
    want, shrunk = ledoit_wolf(x.flatten(1).numpy())
    ours = Whiten(15, eps=0.0, shrinkage="ledoit_wolf", dtype=torch.float64).fit(x)
    assert_close(float(ours.shrunk), float(shrunk), rtol=1e-8, atol=0.0)
    inverse = ours.whitening.T @ ours.whitening
    assert_close(inverse @ torch.from_numpy(want), torch.eye(15).double(), rtol=0, atol=1e-8)
    assert ours.largest_gain < Whiten(15, dtype=torch.float64).fit(x).largest_gain


@each_kind
def test_shrinkage_whitens_fewer_examples_than_features(kind):
    x = data(5)
    ours = Whiten(6, kind, eps=0.0, shrinkage="ledoit_wolf", dtype=torch.float64).fit(x)
    assert_close(ours.inverse(ours(x)), x, rtol=1e-8, atol=1e-8)


def test_digits_by_zca_stay_nearest():
    away = {}
    for kind in KINDS:
        z = Whiten(64, kind, dtype=torch.float64).fit(ROWS)(ROWS)
        away[kind] = float((z - (ROWS - ROWS.mean(0))).norm())
    assert away["zca"] < 0.95 * min(away["pca"], away["cholesky"])


@each_kind
def test_digits_keep_their_empty_pixels(kind):
    x = ROWS.float()
    ours = Whiten(64, kind).fit(x)
    S = torch.linalg.eigvalsh(covariance(ROWS)).clamp_min(0)
    white = (S / (S + 1e-5)).sum()  # three pixels never vary
    assert_close(covariance(ours(x)).trace().double(), white, rtol=1e-3, atol=0)
    assert_close(ours.largest_gain, 1e-5**-0.5, rtol=1e-4, atol=0.0)
    if kind == "zca":
        still = x.std(0) == 0
        assert_close(ours(x)[:, still], torch.zeros(len(x), int(still.sum())), rtol=0, atol=1e-4)


@each_kind
def test_images_come_out_as_images(kind):
    x = data(shape=(2, 3, 4))
    ours = Whiten(24, kind, dtype=torch.float64).fit(x)
    z = ours(x)
    assert z.shape == x.shape
    rows = Whiten(24, kind, dtype=torch.float64).fit(x.flatten(1))(x.flatten(1))
    assert_close(z.flatten(1), rows, rtol=0, atol=0)
    assert_close(ours.inverse(z), x, rtol=1e-6, atol=1e-6)


@each_kind
@pytest.mark.parametrize("dim", [1, -1])
def test_channels(kind, dim):
    mix = data(3, (3,), seed=2)
    x = torch.einsum("bchw,dc->bdhw", data(50, (3, 4, 4)), mix).movedim(1, dim)
    ours = Whiten(3, kind, dim=dim, eps=0.0, dtype=torch.float64).fit(x)
    z = ours(x)
    assert z.shape == x.shape
    assert_close(covariance(z.movedim(dim, -1).reshape(-1, 3)), torch.eye(3).double(), rtol=0, atol=1e-8)
    assert_close(ours.inverse(z), x, rtol=1e-8, atol=1e-8)
    assert int(ours.count) == 50 * 16


def test_large_data_are_read_in_blocks(monkeypatch):
    x = data() + 1e4
    whole = Whiten(6, dtype=torch.float64).fit(x)
    monkeypatch.setattr("vademecum.data._statistics.BLOCK", 50)
    assert_close(Whiten(6, dtype=torch.float64).fit(x).whitening, whole.whitening, rtol=0, atol=1e-8)


@each_kind
def test_a_new_module_takes_the_state_of_a_fitted_one(kind):
    x = data(shape=(1, 2, 3)).float()
    first = torch.nn.Sequential(Whiten(6, kind).fit(x), torch.nn.Flatten(), torch.nn.Linear(6, 2))
    second = torch.nn.Sequential(Whiten(6, kind), torch.nn.Flatten(), torch.nn.Linear(6, 2))
    second.load_state_dict(load(save(first.state_dict())))
    assert second[0].fitted
    assert second[0].largest_gain == first[0].largest_gain
    assert_close(second(x), first(x), rtol=0, atol=0)
    copy = deepcopy(second[0])
    copy.load_state_dict(Whiten(6, kind).state_dict())
    assert second[0].fitted
    assert not copy.fitted


def test_reduced_first_where_there_are_too_many_features():
    x = data(40, (500,)).float()
    with pytest.raises(ValueError, match="take fewer features first"):
        Whiten(500, max_bytes=100_000)
    chain = torch.nn.Sequential(PCA(500, 5, solver="randomized"), Whiten(5, "pca", max_bytes=100_000))
    z = chain[1].fit_transform(chain[0].fit_transform(x))
    assert_close(covariance(z), torch.eye(5), rtol=0, atol=1e-3)


def test_whole_numbers_and_types():
    x = torch.randint(256, (30, 3, 2), generator=torch.Generator().manual_seed(0)).byte()
    ours = Whiten(6).fit(x)
    assert_close(ours(x), Whiten(6).fit(x.float())(x.float()), rtol=0, atol=0)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        assert ours(x.to(dtype)).dtype == ours.inverse(ours(x.to(dtype))).dtype == dtype


def test_autocast_does_not_round():
    x = data().float()
    ours = Whiten(6).fit(x)
    want = ours(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_close(ours(x), want, rtol=0, atol=0)


def test_gradients_pass_and_a_batch_maps_like_its_examples():
    x = data(5)
    ours = Whiten(6, dtype=torch.float64).fit(data())
    assert torch.autograd.gradcheck(ours, (x.requires_grad_(),))
    assert_close(torch.func.vmap(lambda row: ours(row[None])[0])(x), ours(x))


def test_input_is_untouched_and_need_not_be_contiguous():
    x = data(shape=(2, 3)).transpose(1, 2).contiguous().transpose(1, 2)
    before, version = x.clone(), x._version
    ours = Whiten(6, shrinkage="ledoit_wolf").fit(x)
    ours.inverse(ours(x))
    assert_close(x, before, rtol=0, atol=0)
    assert x._version == version


def test_empty_batch():
    ours = Whiten(6).fit(data())
    assert_close(ours(torch.zeros(0, 6)), torch.zeros(0, 6))


def test_refusals():
    x = data()
    fitted = Whiten(6).fit(x)
    with pytest.raises(ValueError, match='kind must be "zca", "pca" or "cholesky": it is \'cor\''):
        Whiten(6, "cor")
    with pytest.raises(ValueError, match='shrinkage must be None or "ledoit_wolf"'):
        Whiten(6, shrinkage="oas")
    with pytest.raises(ValueError, match="eps must not be negative"):
        Whiten(6, eps=-1.0)
    with pytest.raises(
        ValueError, match=r"150528 x 150528 each, must fit.*362538860544 bytes \(337.6 GiB\).*images smaller"
    ):
        Whiten(3 * 224 * 224)
    for use in (Whiten(6), Whiten(6).inverse):
        with pytest.raises(ValueError, match="fitted before it is used"):
            use(x)
    with pytest.raises(ValueError, match="fitted before it is used"):
        _ = Whiten(6).largest_gain
    with pytest.raises(ValueError, match="fitted before it is used"):
        _ = Whiten(6).condition_number
    with pytest.raises(ValueError, match="fitted once"):
        fitted.fit(x)
    with pytest.raises(ValueError, match=r"must have 6 features: x is \(4, 5\)"):
        Whiten(6).fit(torch.zeros(4, 5))
    with pytest.raises(ValueError, match="6 features in dimension 1"):
        Whiten(6, dim=1).fit(torch.zeros(4, 5, 2))
    with pytest.raises(TypeError, match="x must be a tensor: list came"):
        Whiten(6).fit([[0.0] * 6])
    with pytest.raises(ValueError, match="at least one example"):
        Whiten(6).fit(x[:0])
    with pytest.raises(ValueError, match="feature 2 holds NaN"):
        Whiten(6).fit(x.index_fill(1, torch.tensor([2]), torch.nan))
    with pytest.raises(ValueError, match="more than 1 values"):
        Whiten(6, correction=1).fit(x[:1])
    for kind in KINDS:
        with pytest.raises(ValueError, match="every direction must vary, or eps be large enough"):
            Whiten(6, kind, eps=0.0).fit(x[:4])
