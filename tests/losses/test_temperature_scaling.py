import pytest
import torch
from torch.testing import assert_close

from vademecum.losses import cross_entropy, fit_temperature, temperature_scaled


def noisy(n=400, k=4, temperature=2.0):
    """Scores, and classes drawn at a temperature."""
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(n, k, generator=generator, dtype=torch.float64)
    return scores, torch.multinomial((scores / temperature).softmax(1), 1, generator=generator)[:, 0]


def test_finds_the_temperature_that_drew_the_classes():
    scores, y = noisy(n=20_000)
    assert_close(fit_temperature(scores, y), 2.0, rtol=0, atol=0.08)  # 4 deviations: 1 / sqrt(Fisher's n)


def test_only_multiplies_and_can_be_learned():
    scores, y = noisy()
    t = torch.tensor(fit_temperature(scores, y), dtype=torch.float64, requires_grad=True)
    loss = cross_entropy(temperature_scaled(scores, t), y)
    (slope,) = torch.autograd.grad(loss, t)
    assert_close(slope, torch.zeros((), dtype=torch.float64), rtol=0, atol=1e-7)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_scores_of_any_size(scale):
    scores, y = noisy()
    assert_close(fit_temperature(scale * scores, y), scale * fit_temperature(scores, y), rtol=1e-6, atol=0)


def test_works_without_gradients_and_leaves_everything_alone():
    scores, y = noisy()
    scores.requires_grad_()
    with torch.no_grad():
        fit_temperature(scores, y)
    with torch.inference_mode():
        fit_temperature(scores.detach(), y)
    assert scores.grad is None


def test_half_precision_scores():
    scores, y = noisy()
    assert_close(fit_temperature(scores.bfloat16(), y), fit_temperature(scores, y), rtol=0.02, atol=0)


def test_refuses_where_no_temperature_is_best():
    scores = torch.eye(3)
    with pytest.raises(ValueError, match="some example must be wrong"):
        fit_temperature(scores, torch.arange(3))
    with pytest.raises(ValueError, match="above the average class in the mean: it does not"):
        fit_temperature(-scores, torch.arange(3))
    with pytest.raises(ValueError, match="some example must be wrong"):
        fit_temperature(torch.zeros(3, 2), torch.zeros(3).long())


@pytest.mark.parametrize(
    ("scores", "y", "message"),
    [
        (torch.zeros(2, 3), torch.zeros(3).long(), "at least one example"),
        (torch.zeros(0, 3), torch.zeros(0).long(), "at least one example"),
        (torch.zeros(3), torch.zeros(3).long(), "at least one example"),
        (torch.tensor([[torch.nan, 1.0]]), torch.tensor([0]), "logits must be finite"),
    ],
)
def test_refuses(scores, y, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(scores, y)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_refuses_temperatures(temperature):
    with pytest.raises(ValueError, match="temperature must be positive"):
        temperature_scaled(torch.zeros(2), temperature)
