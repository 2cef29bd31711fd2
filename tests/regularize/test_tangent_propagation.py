"""Tangents of images and through nets with dropout and batch norm, and what is refused."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.data.sources.digits import digits
from vademecum.regularize import finite_difference_tangent, image_tangents, tangent_penalty


def test_one_forward_pass_a_tangent() -> None:
    calls = []
    model = nn.Linear(3, 2)
    model.register_forward_hook(lambda *_: calls.append(1))
    tangent_penalty(model, torch.ones(4, 3), torch.ones(4, 5, 3)).backward()
    assert len(calls) == 5
    assert model.weight.grad is not None


def test_a_convolutional_net_in_training_keeps_its_statistics() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(72, 3)
    )
    x = digits().x[:4].float() / 16
    penalty = tangent_penalty(model, x, image_tangents(x))
    penalty.backward()
    assert penalty > 0
    assert_close(model[1].running_mean, torch.zeros(2), rtol=0, atol=0)
    assert int(model[1].num_batches_tracked) == 0


def test_moving_an_image_by_a_pixel() -> None:
    x = digits().x[:8].double()
    x = torch.nn.functional.pad(x, [12] * 4)
    tangent = image_tangents(x, ["move_x"], sigma=2.0)[:, 0]
    plain = image_tangents(torch.roll(x, 1, dims=3), ["move_x"], sigma=2.0)[:, 0]
    assert_close(torch.roll(tangent, 1, dims=3), plain)  # tangents move with the image
    assert_close(
        tangent.sum(), torch.zeros((), dtype=torch.float64), rtol=0, atol=1e-6
    )  # and brightness stays


def test_no_tangents_cost_nothing() -> None:
    assert_close(tangent_penalty(nn.Linear(2, 1), torch.ones(1, 2), torch.ones(1, 0, 2)), torch.tensor(0.0))


def test_finite_differences_of_an_image() -> None:
    x = torch.arange(12.0, dtype=torch.float64).view(1, 1, 3, 4)
    assert_close(finite_difference_tangent(lambda x, xi: x + xi * x.flip(3), x), x.flip(3))


def test_refusals() -> None:
    x = torch.ones(4, 3)
    with pytest.raises(ValueError, match=r"they are \(4, 3\) for \(4, 3\); stack"):
        tangent_penalty(nn.Linear(3, 2), x, x)
    with pytest.raises(ValueError, match="B at least 1"):
        tangent_penalty(nn.Linear(3, 2), x[:0], torch.ones(0, 1, 3))
    with pytest.raises(ValueError, match="step must be positive: it is 0"):
        finite_difference_tangent(lambda x, xi: x, x, step=0)
    with pytest.raises(ValueError, match=r"\(4, 3\) became \(4, 2\)"):
        finite_difference_tangent(lambda x, xi: x[:, :2], x)
    with pytest.raises(ValueError, match=r"must be \(B, C, H, W\): they are \(4, 3\)"):
        image_tangents(x)
    with pytest.raises(ValueError, match=r"\['turn'\] are not"):
        image_tangents(torch.ones(1, 1, 4, 4), ["turn"])
    with pytest.raises(ValueError, match="sigma must be positive: it is 0"):
        image_tangents(torch.ones(1, 1, 4, 4), sigma=0)
