from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close

from vademecum.models import KNearestNeighbors


def drawn(n=40, features=5, classes=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, features, generator=generator), torch.randint(classes, (n,), generator=generator)


@pytest.mark.parametrize(("ours", "theirs"), [("l2", "euclidean"), ("l1", "manhattan"), ("cosine", "cosine")])
@pytest.mark.parametrize("k", [1, 4, 7])
def test_equals_scikit_learn_by_brute_force(ours, theirs, k):
    """On the digits, whose whole-numbered pixels make many distances equal."""
    from sklearn.neighbors import KNeighborsClassifier

    from vademecum.data.sources import digits

    x, y = digits().x.flatten(1).double(), digits().y
    model = KNearestNeighbors(k, metric=ours).fit(x[:1297], y[:1297])
    peer = KNeighborsClassifier(k, metric=theirs, algorithm="brute").fit(x[:1297].numpy(), y[:1297].numpy())
    queries = x[1297:].numpy()
    distances, _ = model.neighbors(x[1297:])
    assert_close(distances, torch.from_numpy(peer.kneighbors(queries)[0]), rtol=1e-7, atol=1e-7)
    answers = model(x[1297:])
    assert_close(answers.argmax(1), torch.from_numpy(peer.predict(queries)))
    # Which of equally near examples is the k-th their heap leaves open: shares agree where there is none.
    behind, _ = KNearestNeighbors(k + 1, metric=ours).fit(x[:1297], y[:1297]).neighbors(x[1297:])
    decided = behind[:, k] - behind[:, k - 1] > 1e-9
    assert int(decided.sum()) > 350
    assert_close(answers[decided], torch.from_numpy(peer.predict_proba(queries))[decided])


def test_of_equal_votes_the_lowest_class_wins():
    model = KNearestNeighbors(2).fit(torch.tensor([[0.0], [1.0]]), torch.tensor([1, 0]))
    assert_close(model(torch.tensor([[0.1]])).argmax(1), torch.tensor([0]))


def test_images_are_flattened():
    x, y = drawn(features=12)
    assert_close(
        KNearestNeighbors(3).fit(x.view(-1, 3, 2, 2), y)(x.view(-1, 3, 2, 2)),
        KNearestNeighbors(3).fit(x, y)(x),
    )


def test_a_zero_vector_has_no_direction():
    model = KNearestNeighbors(metric="cosine").fit(
        torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    )
    assert_close(model.neighbors(torch.tensor([[0.0, 0.0]]))[0], torch.tensor([[1.0]]))


def test_state_goes_into_an_object_that_was_not_fitted_or_otherwise():
    x, y = drawn()
    model = KNearestNeighbors(3).fit(x, y)
    for other in (KNearestNeighbors(3), KNearestNeighbors(3).fit(x[:7], y[:7])):
        other.load_state_dict(model.state_dict())
        assert_close(other(x), model(x), rtol=0, atol=0)
    inside = torch.nn.Sequential(torch.nn.Identity(), deepcopy(model))
    fresh = torch.nn.Sequential(torch.nn.Identity(), KNearestNeighbors(3))
    fresh.load_state_dict(inside.state_dict())
    assert_close(fresh(x), model(x), rtol=0, atol=0)
    model.load_state_dict(KNearestNeighbors(3).state_dict())
    with pytest.raises(ValueError, match="must be fitted"):
        model(x)


def test_a_copy_keeps_its_own_examples():
    x, y = drawn()
    model = KNearestNeighbors().fit(x, y)
    copy = deepcopy(model)
    copy.load_state_dict(KNearestNeighbors().fit(x[:5], y[:5]).state_dict())
    assert len(copy.x) == 5
    assert len(model.x) == 40


def test_examples_are_copied_and_queries_untouched():
    x, y = drawn()
    model = KNearestNeighbors().fit(x, y)
    queries, version = x.clone(), x._version
    model(x)
    assert x._version == version
    x.zero_()
    assert_close(model(queries), torch.nn.functional.one_hot(y, 4).float())


def test_types_move_with_the_module():
    x, y = drawn()
    model = KNearestNeighbors(3).fit(x, y).double()
    assert model(x).dtype == torch.float64
    assert repr(model) == "KNearestNeighbors(k=3, metric='l2', examples=40)"


def test_empty_batch():
    x, y = drawn()
    assert KNearestNeighbors().fit(x, y)(x[:0]).shape == (0, 4)


def test_refuses():
    x, y = drawn()
    with pytest.raises(ValueError, match="must be fitted before it is used"):
        KNearestNeighbors()(x)
    with pytest.raises(ValueError, match="k and chunk_size must be at least 1"):
        KNearestNeighbors(0)
    with pytest.raises(ValueError, match="metric must be one of l2, l1, cosine: it is 'euclid'"):
        KNearestNeighbors(metric="euclid")
    with pytest.raises(ValueError, match="N at least k = 41"):
        KNearestNeighbors(41).fit(x, y)
    with pytest.raises(ValueError, match="N at least k = 1"):
        KNearestNeighbors().fit(x, y[:3])
    with pytest.raises(TypeError, match="floating-point and target int64"):
        KNearestNeighbors().fit(x.long(), y)
    with pytest.raises(TypeError, match="floating-point and target int64"):
        KNearestNeighbors().fit(x, y.float())
    with pytest.raises(ValueError, match="x must be finite"):
        KNearestNeighbors().fit(x / 0, y)
    with pytest.raises(ValueError, match="target at least 0"):
        KNearestNeighbors().fit(x, y - 1)
    with pytest.raises(ValueError, match=r"with 5 values each: they are \(40, 4\)"):
        KNearestNeighbors().fit(x, y)(x[:, :4])
