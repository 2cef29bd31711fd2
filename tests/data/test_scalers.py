"""What all fitted scalers have in common: scikit-learn's names, views of parts, and chains."""

import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.testing import assert_close

from vademecum.data import (
    PCA,
    LeakageError,
    MinMax,
    Split,
    Standardize,
    TableEncoder,
    View,
    Whiten,
    fit_all,
    split,
)
from vademecum.data.sources import Feature

BUILD = {
    "Standardize": lambda: Standardize(3),
    "MinMax": lambda: MinMax(3),
    "MinMax by quantiles": lambda: MinMax(3, quantile=0.1),
    "TableEncoder": lambda: TableEncoder([Feature("a"), Feature("b"), Feature("c")]),
    "PCA": lambda: PCA(3, 2),
    "PCA by fraction": lambda: PCA(3, 0.9),
    "Whiten": lambda: Whiten(3),
    "Whiten channels": lambda: Whiten(3, "pca", dim=1),
}
each = pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in BUILD.items()])
X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 4.0]) + 5
PARTS = split(torch.zeros(40))


@each
def test_methods_are_those_of_scikit_learn(build):
    scaler = build()
    z = scaler.fit_transform(X)
    other = build()
    assert other.fit(X) is other
    assert_close(z, other(X), rtol=0, atol=0)
    assert_close(other.transform(X), other(X), rtol=0, atol=0)
    assert hasattr(scaler, "inverse_transform") is hasattr(scaler, "inverse")
    if hasattr(scaler, "inverse"):
        assert_close(scaler.inverse_transform(z), scaler.inverse(z), rtol=0, atol=0)


@each
def test_the_training_part_is_taken_and_the_others_are_refused(build):
    want = build().fit(X[PARTS.train])(X)
    scaler = build()
    for part in ("val", "test"):
        with pytest.raises(
            LeakageError,
            match=rf"{len(getattr(PARTS, part))} examples of the {part} part came; fit on parts.view",
        ):
            scaler.fit(PARTS.view(X, part))
        with pytest.raises(LeakageError):
            scaler.fit_transform(PARTS.view(X, part))
        assert not scaler.fitted
    assert_close(scaler.fit(PARTS.view(X, "train"))(X), want, rtol=0, atol=0)
    with pytest.raises(ValueError, match="fitted once"):
        scaler.fit(PARTS.view(X, "train"))


@pytest.mark.parametrize("build", [lambda: Standardize(3), lambda: MinMax(3)])
def test_partial_fit_refuses_them_too(build):
    scaler = build().partial_fit(PARTS.view(X, "train"))
    want = scaler(X)
    with pytest.raises(LeakageError, match="test part"):
        scaler.partial_fit(PARTS.view(X, "test"))
    assert_close(scaler(X), want, rtol=0, atol=0)


@each
def test_a_view_stays_a_view(build):
    scaler = build().fit(PARTS.view(X, "train"))
    for part in ("train", "val", "test"):
        view = scaler.transform(PARTS.view(X, part))
        assert isinstance(view, View)
        assert view.part == part
        assert_close(view.values, scaler(X[getattr(PARTS, part)]), rtol=0, atol=0)
        assert_close(view.index, getattr(PARTS, part))
        if hasattr(scaler, "inverse"):
            assert scaler.inverse_transform(view).part == part
    with pytest.raises(LeakageError):  # through a whole chain
        Standardize(view.values.shape[1]).fit(view)


@each
def test_forward_wants_a_tensor(build):
    with pytest.raises(TypeError, match="x must be a tensor: View came; a view goes into transform"):
        build().fit(X)(PARTS.view(X, "test"))


@each
def test_a_saved_model(build):
    scaler = build().fit(X)
    width = scaler(X).shape[1]
    model = nn.Sequential(scaler, nn.Linear(width, 2))
    other = nn.Sequential(build(), nn.Linear(width, 2))
    other.load_state_dict(load(save(model.state_dict())))
    assert_close(other(X), model(X), rtol=0, atol=0)
    with pytest.raises(ValueError, match="fitted once"):
        other[0].fit(X)


def test_views_of_anything_in_the_same_order():
    parts = Split(train=torch.tensor([2, 0]), val=torch.tensor([1]), test=torch.tensor([3]))
    assert parts.view(torch.tensor([10, 11, 12, 13]), "train").values.tolist() == [12, 10]
    with pytest.raises(ValueError, match="one of train, val, test: it is 'valid'"):
        parts.view(torch.zeros(4), "valid")
    with pytest.raises(ValueError, match="all examples that were split, 4 at least: it has 2"):
        parts.view(torch.zeros(2), "train")  # the training part already


def test_a_chain_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA as PeerPCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    x = X.double()
    train, test = PARTS.view(x, "train"), PARTS.view(x, "test")
    peer = make_pipeline(StandardScaler(), PeerPCA(2), MinMaxScaler((-1, 1))).fit(train.values.numpy())
    f64 = {"dtype": torch.float64}
    ours = fit_all(nn.Sequential(Standardize(3, **f64), PCA(3, 2, **f64), MinMax(2, **f64)), train)
    assert_close(
        ours(test.values), torch.from_numpy(peer.transform(test.values.numpy())), rtol=1e-8, atol=1e-8
    )


def test_scores_in_folds_are_those_of_scikit_learn():
    """A chain built anew for each fold, against cross_val_score with a Pipeline, on the wines."""
    from sklearn.datasets import load_wine
    from sklearn.decomposition import PCA as PeerPCA
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    wine = load_wine()
    x, folds = torch.from_numpy(wine.data), StratifiedKFold(5, shuffle=True, random_state=0)
    nearest = KNeighborsClassifier(1)
    peer = cross_val_score(
        make_pipeline(StandardScaler(), PeerPCA(5), nearest), wine.data, wine.target, cv=folds
    )
    scores = []
    for fit, test in folds.split(wine.data, wine.target):
        f64 = {"dtype": torch.float64}
        chain = fit_all(nn.Sequential(Standardize(13, **f64), PCA(13, 5, **f64)), x[fit])
        nearest.fit(chain(x[fit]).numpy(), wine.target[fit])
        scores.append(nearest.score(chain(x[test]).numpy(), wine.target[test]))
    assert_close(torch.tensor(scores), torch.from_numpy(peer).float())


def test_a_chain_in_front_of_a_network():
    model = nn.Sequential(Standardize(1), nn.Flatten(), PCA(12, 4), Whiten(4), nn.Linear(4, 2))
    images = torch.randn(30, 1, 3, 4, generator=torch.Generator().manual_seed(1))
    state = {name: value.clone() for name, value in model[4].state_dict().items()}
    assert fit_all(model, images) is model
    assert all(model[i].fitted for i in (0, 2, 3))
    assert_close(dict(model[4].state_dict()), state, rtol=0, atol=0)
    other = nn.Sequential(Standardize(1), nn.Flatten(), PCA(12, 4), Whiten(4), nn.Linear(4, 2))
    other.load_state_dict(load(save(model.state_dict())))
    assert_close(other(images), model(images), rtol=0, atol=0)


def test_chains_are_refused():
    with pytest.raises(LeakageError, match="val part"):
        fit_all([Standardize(3)], PARTS.view(X, "val"))
    with pytest.raises(ValueError, match="something to fit: it has Flatten, Linear"):
        fit_all(nn.Sequential(nn.Flatten(), nn.Linear(3, 1)), X)
    with pytest.raises(ValueError, match="no parts"):
        fit_all([], X)
    first = Standardize(3)
    with pytest.raises(ValueError, match="PCA must be fitted once"):
        fit_all([first, PCA(3).fit(X)], X)
    assert not first.fitted
