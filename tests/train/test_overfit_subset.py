import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from vademecum.train import freeze, overfit_subset


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    x, y = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
    return x[:64].float() / 16, y[:64]


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def mlp():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.8), nn.Linear(64, 10))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 32, num_layers=2, dropout=0.5, batch_first=True), nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.lstm(x.view(-1, 8, 8))[0][:, -1])


def convolutional():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(288, 10),
    )


@pytest.mark.parametrize("make", [mlp, Recurrent, convolutional])
def test_what_works_learns_by_heart(digits, make):
    result = overfit_subset(seeded(make), nn.CrossEntropyLoss(), *digits, num_classes=10)
    assert result.learned, result
    assert (result.score, result.attainable, result.examples) == (1.0, 1.0, 20)
    assert result.final < 0.01 * result.initial + 1e-6


def test_smoothed_labels_have_their_floor(digits):
    x, y = digits
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    result = overfit_subset(seeded(mlp), loss, x, y, num_classes=10)
    floor = -(0.91 * math.log(0.91) + 9 * 0.01 * math.log(0.01))
    assert result.learned
    assert_close(result.floor, floor, rtol=1e-3, atol=0)


def test_model_gradients_modes_and_streams_are_left(digits):
    model = seeded(convolutional)
    model[2].eval()
    model[1].weight.grad = torch.ones_like(model[1].weight)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stream = torch.get_rng_state()
    overfit_subset(model, nn.CrossEntropyLoss(), *digits, num_classes=10, steps=3)
    assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert_close(torch.get_rng_state(), stream, rtol=0, atol=0)
    assert [part.training for part in model] == [True, True, False, True, True, True]
    assert_close(model[1].weight.grad, torch.ones_like(model[1].weight))


def test_a_frozen_body_stays_frozen_in_the_copy(digits):
    model = seeded(convolutional)
    freeze(model, except_=["5"])
    result = overfit_subset(model, nn.CrossEntropyLoss(), *digits, num_classes=10)
    assert result.learned


def test_says_at_which_rate_and_step(digits):
    result = overfit_subset(seeded(mlp), nn.CrossEntropyLoss(), *digits, num_classes=10, rates=(1e-6, 1e-2))
    assert (result.learned, result.rate) == (True, 1e-2)
    slow = overfit_subset(seeded(mlp), nn.CrossEntropyLoss(), *digits, num_classes=10, rates=(1e-6,), steps=5)
    assert (slow.learned, slow.steps) == (False, 5)
    assert "loss 2.3" in str(slow)


def test_regression_is_judged_by_the_variance_explained(digits):
    x, y = digits
    model = seeded(lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0)))
    result = overfit_subset(model, nn.MSELoss(), x, y.float())
    assert result.learned
    assert result.score > 0.99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.requires_grad_(False), "the loss must be connected to a trainable parameter"),
        (lambda m: m, "there must be examples and rates: x is"),
    ],
)
def test_refuses(digits, change, message):
    x, y = digits
    model = change(seeded(mlp))
    examples = 20 if "loss" in message else 0
    with pytest.raises(ValueError, match=message):
        overfit_subset(model, nn.CrossEntropyLoss(), x, y, num_classes=10, examples=examples)
