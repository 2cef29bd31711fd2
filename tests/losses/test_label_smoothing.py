import math

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from vademecum.losses import cross_entropy, smoothed_target, smoothing_floor


def drawn(*shape, classes=5):
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(*shape, classes, generator=generator, dtype=torch.float64),
        torch.randint(classes, shape, generator=generator),
    )


def test_any_shape_of_targets():
    _, y = drawn(2, 3)
    q = smoothed_target(y, 5)
    assert q.shape == (2, 3, 5)
    assert_close(q[1], smoothed_target(y[1], 5))
    assert smoothed_target(torch.tensor(2), 5).shape == (5,)


def test_limits():
    _, y = drawn(4)
    assert_close(smoothed_target(y, 5, label_smoothing=0.0), F.one_hot(y, 5).float())
    assert_close(smoothed_target(y, 5, label_smoothing=1.0), torch.full((4, 5), 0.2))
    assert smoothing_floor(5, label_smoothing=0.0) == 0.0
    assert_close(smoothing_floor(5, label_smoothing=1.0), math.log(5))
    assert_close(smoothing_floor(3, label_smoothing=1.0, padding=True), 0.0)


def test_the_annotated_loss_is_ours_less_the_floor():
    """Their loss is the divergence, summed, over the tokens that are no padding."""
    scores, y = drawn(7)
    y[2] = 0
    q = smoothed_target(y, 5, padding_idx=0).double()
    theirs = F.kl_div(scores.log_softmax(-1), q, reduction="sum")
    tokens = int((y != 0).sum())
    floor = smoothing_floor(5, padding=True)
    assert_close(
        theirs / tokens, cross_entropy(scores, q, reduction="sum") / tokens - floor, rtol=1e-6, atol=1e-6
    )


def test_the_gradient_is_the_softmax_minus_the_target():
    scores, y = drawn(6)
    q = smoothed_target(y, 5, padding_idx=3).double()
    scores.requires_grad_()
    (got,) = torch.autograd.grad(cross_entropy(scores, q, reduction="sum"), scores)
    weight = (y != 3).double()[:, None]
    assert_close(got, weight * scores.softmax(-1).detach() - q, rtol=1e-6, atol=1e-6)


def test_target_is_untouched():
    y = torch.tensor([1, 2])
    smoothed_target(y, 3, padding_idx=2)
    assert_close(y, torch.tensor([1, 2]), rtol=0, atol=0)


def test_empty_batch():
    assert smoothed_target(torch.zeros(0).long(), 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("classes", "keywords", "message"),
    [
        (5, {"label_smoothing": 1.5}, "probability from 0 to 1: it is 1.5"),
        (5, {"label_smoothing": -0.1}, "probability from 0 to 1"),
        (0, {}, "num_classes must be at least 1: it is 0"),
        (2, {"padding_idx": 0}, "at least 3 with padding: it is 2"),
        (5, {"padding_idx": 5}, "padding_idx must be a class from 0 to 4: it is 5"),
    ],
)
def test_refuses(classes, keywords, message):
    with pytest.raises(ValueError, match=message):
        smoothed_target(torch.tensor([0]), classes, **keywords)


def test_the_floor_refuses_the_same():
    with pytest.raises(ValueError, match="at least 3 with padding"):
        smoothing_floor(2, padding=True)
    with pytest.raises(ValueError, match="probability"):
        smoothing_floor(2, label_smoothing=2.0)


def test_refuses_other_targets():
    with pytest.raises(TypeError, match="target must be int64 classes"):
        smoothed_target(torch.zeros(2), 3)
    with pytest.raises(RuntimeError, match="out of bounds"):
        smoothed_target(torch.tensor([3]), 3)
